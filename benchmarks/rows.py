"""One line of the result: a figure, what it is compared with, its budget, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

# Two figures closer than this are called level: repeated runs on a busy machine differ by as much.
LEVEL = 0.03


class Verdict(Enum):
    """What a row says of plugbus.

    ``AHEAD``, ``LEVEL`` and ``BEHIND`` are said in the row of a peer, and mean plugbus against that peer.
    """

    KEPT = "kept"
    MISSED = "MISSED"
    AHEAD = "ahead"
    LEVEL = "level"
    BEHIND = "behind"
    NOT_RUN = "not run"
    FAILED = "FAILED"
    NONE = "-"

    def __str__(self) -> str:
        return self.value


class Measure(Enum):
    """What of a row a budget limits."""

    RATIO = "ratio"
    FIGURE = "figure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that a row may show.

    Args:
        limit: The largest value that keeps the budget; a figure is in the unit of its row.
        of: What is limited.
    """

    limit: float
    of: Measure = Measure.RATIO


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was measured of one subject at one size.

    Args:
        suite: Which part of the benchmarks measured it.
        what: What was measured, or the peer's name.
        size: How many there were of what grows; None where nothing does.
        unit: ``s`` (CPU seconds), ``B`` (bytes), or empty for a plain number; ``/plugin`` may follow.
        figure: The median of the samples; None where nothing was measured.
        base: The median of the bare limit, in the same unit.
        base_name: What the bare limit is.
        ratio: The median of the ratios, pair by pair.
        budget: What may not be exceeded; peers have none.
        verdict: What follows from all that.
        is_peer: Another project was measured.
        note: Why nothing was measured, or what has to be known to read the figure.
        samples: The raw samples.
        bases: The bare limit's sample beside each of them.
    """

    suite: str
    what: str
    size: int | None = None
    unit: str = "s"
    figure: float | None = None
    base: float | None = None
    base_name: str = ""
    ratio: float | None = None
    budget: Budget | None = None
    verdict: Verdict = Verdict.NONE
    is_peer: bool = False
    note: str = ""
    samples: tuple[float, ...] = ()
    bases: tuple[float, ...] = ()

    @property
    def is_fault(self) -> bool:
        """Tell whether this row makes the whole run fail; a peer's failure is the peer's."""
        return not self.is_peer and self.verdict in {Verdict.MISSED, Verdict.FAILED}


def judge(row: Row) -> Row:
    """Return the row with the verdict that its budget asks for.

    A row with a budget and without the value that it limits has failed: a budget nobody measured is not kept.
    """
    if row.budget is None or row.verdict is Verdict.NOT_RUN:
        return row
    value = row.ratio if row.budget.of is Measure.RATIO else row.figure
    if value is None:
        return replace(row, verdict=Verdict.FAILED)
    return replace(row, verdict=Verdict.KEPT if value <= row.budget.limit else Verdict.MISSED)


def standing(ours: float | None, theirs: float | None) -> Verdict:
    """Say where plugbus stands against a peer; smaller is better, in time and in memory alike."""
    if ours is None or theirs is None:
        return Verdict.NONE
    if abs(ours - theirs) <= LEVEL * max(abs(ours), abs(theirs)):
        return Verdict.LEVEL
    return Verdict.AHEAD if ours < theirs else Verdict.BEHIND
