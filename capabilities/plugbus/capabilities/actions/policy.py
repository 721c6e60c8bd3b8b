"""How often and how long an action is tried."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from ..errors import ActionPolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Try again what failed for a reason that may pass.

    Args:
        attempts: How often the action is tried at most, the first time counted; from 1 on.
        on: The errors after which it is tried again, with their subclasses. Cancellation, interrupts, and what would
            be refused again (parameters, results, the action itself) are never among them.
        initial_delay_s: Seconds before the second attempt, from 0 on.
        factor: By how much each delay is longer than the one before, from 1 on.
        max_delay_s: The longest delay in seconds, from 0 on.
        jitter: The share of each delay that is left to chance, from 0 to 1, so that many jobs that failed together do
            not come back together.

    Raises:
        ActionPolicyError: A value can't be used; holds every fault.
    """

    attempts: int = 3
    on: tuple[type[Exception], ...] = (ConnectionError, TimeoutError)
    initial_delay_s: float = 1.0
    factor: float = 2.0
    max_delay_s: float = 60.0
    jitter: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "on", tuple(self.on) if isinstance(self.on, list | tuple | set) else (self.on,))
        faults: list[tuple[str, str]] = []
        if not _is_whole(self.attempts) or self.attempts < 1:
            faults.append(("attempts", f"{self.attempts!r} is no whole number from 1 on"))
        for kind in self.on:
            if not (isinstance(kind, type) and issubclass(kind, Exception)):
                faults.append(("on", f"{kind!r} is no class of errors"))
        for name, least in (("initial_delay_s", 0), ("factor", 1), ("max_delay_s", 0), ("jitter", 0)):
            value = getattr(self, name)
            if not _is_number(value) or value < least:
                faults.append((name, f"{value!r} is no number from {least} on"))
        if _is_number(self.jitter) and self.jitter > 1:
            faults.append(("jitter", f"{self.jitter!r} is more than 1"))
        if faults:
            raise ActionPolicyError("RetryPolicy", tuple(faults))

    def delay_s(self, attempt: int, chance: float = 0.0) -> float:
        """Return how long to wait after an attempt that failed.

        ``d * (1 - jitter * chance)`` with ``d = min(max_delay_s, initial_delay_s * factor ** (attempt - 1))``:
        exponential back-off with a cap. ``jitter=1`` is "full jitter" and ``jitter=0.5`` "equal jitter" of M. Brooker,
        "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

        Args:
            attempt: The attempt that failed, from 1 on.
            chance: A random number, at least 0 and below 1.

        Returns:
            Seconds, from 0 to ``max_delay_s``.
        """
        try:
            delay = min(self.max_delay_s, self.initial_delay_s * self.factor ** (attempt - 1))
        except OverflowError:
            delay = self.max_delay_s if self.initial_delay_s else 0.0
        return delay * (1 - self.jitter * chance)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionPolicy:
    """Limit the time of an action, and try it again.

    An action that is run in this process can't be stopped by force. When its time is over its token is cancelled, and
    ``ActionTimeoutError`` is raised as soon as it returns control; one with ``async def execute`` is cancelled where it
    awaits.

    Args:
        timeout_s: Seconds that one attempt may take, more than 0; None for no limit.
        deadline_s: Seconds that all attempts may take, with the delays between them; None for no limit.
        retries: When it is tried again; None for never.

    Raises:
        ActionPolicyError: A value can't be used; holds every fault.
    """

    timeout_s: float | None = None
    deadline_s: float | None = None
    retries: RetryPolicy | None = None

    def __post_init__(self) -> None:
        faults: list[tuple[str, str]] = []
        for name in ("timeout_s", "deadline_s"):
            value = getattr(self, name)
            if value is not None and (not _is_number(value) or value <= 0):
                faults.append((name, f"{value!r} is no number above 0"))
        if self.retries is not None and not isinstance(self.retries, RetryPolicy):
            faults.append(("retries", f"{self.retries!r} is no RetryPolicy"))
        if faults:
            raise ActionPolicyError("ActionPolicy", tuple(faults))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
