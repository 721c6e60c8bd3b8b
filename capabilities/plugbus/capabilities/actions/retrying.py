"""Doing again what failed for a reason that may pass."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

from ..errors import WorkCancelledError
from .clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..cancellation import CancellationToken
    from .clock import Clock
    from .policy import RetryPolicy

R = TypeVar("R")
SYSTEM_CLOCK: Final[Clock] = SystemClock()


def retried(
    work: Callable[[], R],
    policy: RetryPolicy,
    *,
    tokens: Sequence[CancellationToken] = (),
    clock: Clock = SYSTEM_CLOCK,
    on_retry: Callable[[Exception, int], object] = lambda error, attempt: None,
) -> R:
    """Do a piece of work, again as often as a policy says, and return what it returns.

    Args:
        work: What is done; doing it twice must do no harm.
        policy: How often, after which errors, and how long is waited in between.
        tokens: When one of them is cancelled, no more is tried.
        clock: Tells the time and lets it pass.
        on_retry: Called before each wait, with what was raised and which attempt it was, from 1 on.

    Raises:
        WorkCancelledError: A token was cancelled while it was waited.
        Exception: What the last attempt raised.
    """
    for attempt in count(1):
        try:
            return work()
        except WorkCancelledError:
            raise
        except policy.on as error:
            if attempt >= policy.attempts or any(one.is_cancelled for one in tokens):
                raise
            on_retry(error, attempt)
        clock.wait(policy.delay_s(attempt, clock.chance()), tokens[0] if tokens else None)
        for token in tokens:
            token.raise_if_cancelled()
    raise AssertionError("unreachable: attempts are counted without end")
