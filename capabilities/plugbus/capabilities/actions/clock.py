"""Time, as the run of an action sees it."""

from __future__ import annotations

from random import random
from time import monotonic, sleep
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..cancellation import CancellationToken


class Clock(Protocol):
    """Tells the time and lets it pass; a test has one of its own."""

    def now_s(self) -> float:
        """Return seconds since some moment; it never goes back."""
        ...

    def chance(self) -> float:
        """Return a random number, at least 0 and below 1."""
        ...

    def wait(self, seconds: float, token: CancellationToken | None) -> None:
        """Wait, and no longer than until the token is cancelled."""
        ...


class SystemClock:
    """The clock of this machine."""

    __slots__ = ()

    def now_s(self) -> float:
        """Return the seconds of the monotonic clock."""
        return monotonic()

    def chance(self) -> float:
        """Return a random number. It spreads retries; no secret depends on it."""
        return random()  # noqa: S311 - see above

    def wait(self, seconds: float, token: CancellationToken | None) -> None:
        """Wait, and no longer than until the token is cancelled."""
        if token is None:
            sleep(seconds)
        else:
            token.wait(seconds)
