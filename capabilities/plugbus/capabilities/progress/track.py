"""How far one thing is, and how fast it goes."""

from __future__ import annotations

import math
from typing import Final

from .snapshot import CategoryProgress, ProgressState

ENDED: Final = frozenset({ProgressState.COMPLETED, ProgressState.FAILED, ProgressState.CANCELLED})


class Track:
    """What is done of one thing: a category, or a whole job. The lock of the model makes it safe from several threads.

    Attributes:
        name: What it is called.
        share: How much of the whole it is, from 0 to 1.
        fraction: What is done of it, from 0 to 1; it never falls.
        given: The part of ``fraction`` that was done before anybody looked, and says nothing of the speed.
        is_known: Whether ``fraction`` means anything.
        state: What becomes of it.
    """

    __slots__ = (
        "_ended", "_measured_from", "_newest", "_started", "current", "fraction", "given", "is_known", "name", "share",
        "state", "total",
    )  # fmt: skip

    def __init__(self, name: str, share: float) -> None:
        self.name = name
        self.share = share
        self.fraction = self.given = 0.0
        self.current: float = 0
        self.total: float | None = None
        self.is_known = False
        self.state = ProgressState.WAITING
        self._started = self._ended = self._newest = 0.0
        self._measured_from: float | None = None

    def begin(self, now: float) -> None:
        """Start the clock, if it does not run; what failed may be tried again."""
        if self.state is ProgressState.WAITING:
            self._started = now
        if self.state is not ProgressState.COMPLETED:
            self.state = ProgressState.RUNNING

    def measure_from(self, now: float) -> None:
        """Take the speed from this moment on, if it is not taken yet."""
        if self._measured_from is None:
            self._measured_from = now

    def advance(self, fraction: float, now: float) -> float:
        """Go on to a fraction, unless it is further already; return by how much it grew."""
        self.is_known = True
        grown = fraction - self.fraction
        if not grown > 0:
            return 0.0
        self.fraction = fraction
        self._newest = now
        return grown

    def end(self, state: ProgressState, now: float) -> None:
        """Stop the clock."""
        self.begin(now)
        self.state = state
        self._ended = now

    def elapsed(self, now: float) -> float:
        """Return the seconds from the beginning to now, or to the end."""
        if self.state is ProgressState.WAITING:
            return 0.0
        return max(0.0, (self._ended if self.state in ENDED else now) - self._started)

    def remaining(self, now: float) -> float | None:
        """Return the seconds that are left at the speed so far; None where there is no speed yet, or no end."""
        if self.state is ProgressState.COMPLETED:
            return 0.0
        gained = self.fraction - self.given
        took = self._newest - (self._started if self._measured_from is None else self._measured_from)
        if self.state is not ProgressState.RUNNING or gained <= 0 or took <= 0:
            return None
        # Between two reports the estimate falls with the clock.
        left = took / gained * (1.0 - self.fraction) - (now - self._newest)
        return max(0.0, left) if math.isfinite(left) else None

    def snapshot(self, now: float) -> CategoryProgress:
        """Return how far it is."""
        return CategoryProgress(
            name=self.name,
            share=self.share,
            percent=100 * self.fraction if self.is_known else None,
            current=self.current,
            total=self.total,
            elapsed_s=self.elapsed(now),
            remaining_s=self.remaining(now),
            state=self.state,
        )


def fraction_of(current: float, total: float | None) -> float | None:
    """Return what is done as a part of all, from 0 to 1; None where that can't be told."""
    try:
        if total is None or not total > 0:
            return None
        found = float(current / total)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return None if math.isnan(found) else min(1.0, max(0.0, found))
