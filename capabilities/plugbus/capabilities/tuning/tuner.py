"""The contract of what searches hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from plugbus.kernel import Capability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from .config import TuneConfig
    from .space import SearchParameter


class TrialState(StrEnum):
    """What came of a trial."""

    COMPLETED = "completed"
    PRUNED = "pruned"
    FAILED = "failed"


class Trial(Protocol):
    """One trial that is under way."""

    @property
    def number(self) -> int:
        """Return its number in the search, from 0 on."""
        ...

    @property
    def values(self) -> Mapping[str, Any]:
        """Return the hyperparameters that it tries."""
        ...

    def report(self, value: float, step: int) -> None:
        """Tell how good it is at a step (epoch, iteration), so that it can be left early.

        Raises:
            TrialPrunedError: It is to be left.
        """
        ...


@dataclass(frozen=True, slots=True)
class TrialOutcome:
    """What a trial came to.

    Args:
        value: Of the metric.
        kept: What is to be known of it later, as plain data, such as the path of its model.
    """

    value: float
    kept: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """A trial that ended.

    Args:
        number: Its number in the search, from 0 on.
        values: The hyperparameters that it tried.
        state: What came of it.
        value: Of the metric; the last that was reported where it was left early, None where nothing is known.
        kept: What the objective wanted to be known of it.
        error: Why it failed.
    """

    number: int
    values: Mapping[str, Any]
    state: TrialState
    value: float | None = None
    kept: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What a search came to.

    Args:
        best: The best trial.
        trials: All trials, also of earlier processes, by number.
    """

    best: TrialRecord
    trials: tuple[TrialRecord, ...]


class Objective(Protocol):
    """Make one trial. What it raises is the failure of that trial, and the search goes on."""

    def __call__(self, trial: Trial, /) -> TrialOutcome:
        """Return what the trial came to."""
        ...


class Tuner(Protocol):
    """Search hyperparameters."""

    def search(
        self,
        objective: Objective,
        space: Sequence[SearchParameter],
        config: TuneConfig,
        *,
        store: Path | None = None,
        on_start: Callable[[int, Mapping[str, Any]], object] | None = None,
        on_end: Callable[[TrialRecord], object] | None = None,
        check: Callable[[], object] | None = None,
    ) -> TuningResult:
        """Make trials one after the other, and return the best.

        Args:
            objective: Makes one trial.
            space: What is searched.
            config: How.
            store: File that keeps the search. Where it holds one of this name already, that is gone on with: trials
                that ended count, and one that was interrupted is made anew.
            on_start: Called with number and values before each trial.
            on_end: Called after each trial that ended.
            check: Called before each trial; what it raises ends the search, such as a cancellation.

        Raises:
            SearchSpaceError: It can't be searched like that.
            TuningFailedError: No trial came to a value.
            BaseException: What ``check`` raises, and what the objective raises that is no ``Exception`` or says that
                the job is cancelled.
        """
        ...


TUNER: Final[Capability[Tuner]] = Capability("tuner", version="1.0.0", contract=Tuner)
"""What searches hyperparameters where a training action is asked to."""
