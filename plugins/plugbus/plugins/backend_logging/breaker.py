"""Leaving alone what fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Breaker:
    """Be open for a while after several failures in a row. The owner's lock makes it safe from several threads.

    Args:
        failures: How many in a row open it.
        rest_s: How many seconds it stays open; the next failure after that opens it again.
        clock: Tells seconds.
    """

    def __init__(self, failures: int, rest_s: float, clock: Callable[[], float]) -> None:
        self._failures = failures
        self._rest_s = rest_s
        self._clock = clock
        self._in_a_row = 0
        self._open_until: float | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether it is to be left alone now."""
        return self.rests_for > 0

    @property
    def rests_for(self) -> float:
        """Return how many seconds it is left alone still."""
        return 0.0 if self._open_until is None else max(0.0, self._open_until - self._clock())

    def failed(self, *, at_once: bool = False) -> None:
        """Note a failure."""
        self._in_a_row += 1
        if at_once or self._in_a_row >= self._failures:
            self._open_until = self._clock() + self._rest_s

    def succeeded(self) -> None:
        """Note a success: all is well again."""
        self._in_a_row = 0
        self._open_until = None
