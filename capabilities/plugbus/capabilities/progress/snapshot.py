"""How far work is, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProgressState(StrEnum):
    """What becomes of work, or of one category of it."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryProgress:
    """How far one category is.

    Args:
        name: The category.
        share: How much of the whole it is, from 0 to 1.
        percent: What is done of it, from 0 to 100; None while its total is not known.
        current: What was reported last as done.
        total: What was reported last as all there is; None while it is not known.
        elapsed_s: Seconds since its first report.
        remaining_s: Seconds that it will take at the speed so far; None while that can't be told.
        state: What becomes of it.
    """

    name: str
    share: float
    percent: float | None
    current: float
    total: float | None
    elapsed_s: float
    remaining_s: float | None
    state: ProgressState


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressSnapshot:
    """How far a job is.

    Args:
        percent: What is done of the whole, from 0 to 100. Of one job it never falls.
        elapsed_s: Seconds since the job began.
        remaining_s: Seconds that it will take at the speed so far; None while that can't be told.
        state: What becomes of it.
        is_planned: Whether it was said which categories there are; else their shares are guesses.
        categories: The categories, in the order in which they were planned or first heard of.
    """

    percent: float
    elapsed_s: float
    remaining_s: float | None
    state: ProgressState
    is_planned: bool
    categories: tuple[CategoryProgress, ...]

    @property
    def overall(self) -> float:
        """Return what is done of the whole, from 0 to 1."""
        return self.percent / 100

    def category(self, name: str) -> CategoryProgress | None:
        """Return how far a category is; None where there is none of this name."""
        return next((one for one in self.categories if one.name == name), None)
