"""What every tuner has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pytest

from ..errors import WorkCancelledError
from ..tuning import (
    TUNER,
    SearchSpaceError,
    TrialOutcome,
    TrialPrunedError,
    TrialRecord,
    TrialState,
    TuneConfig,
    TuningFailedError,
    read_space,
)

if TYPE_CHECKING:
    from pathlib import Path

    from ..tuning import Trial, Tuner

SPACE = read_space({"x": {"type": "uniform", "low": -5, "high": 5}})


def bowl(trial: Trial) -> TrialOutcome:
    """Be best at 1."""
    x = trial.values["x"]
    return TrialOutcome((x - 1) ** 2, {"x": x})


class Torn(BaseException):
    """What ends the work from outside, as Ctrl-C does."""


class TunerContract(ABC):
    """Inherit it in a class named ``Test…`` and give it the fixture ``tuner``."""

    @pytest.fixture
    @abstractmethod
    def tuner(self) -> Tuner:
        """Return the tuner that is to be tested."""

    def test_it_is_a_tuner(self, tuner: Tuner) -> None:
        """It can be provided under the capability."""
        TUNER.check(tuner)

    def test_the_best_of_the_trials_is_returned_and_all_are_told(self, tuner: Tuner) -> None:
        """Each is told before and after it was made, in order, with what the objective wanted to be known."""
        started: list[tuple[int, Any]] = []
        ended: list[TrialRecord] = []
        found = tuner.search(
            bowl,
            SPACE,
            TuneConfig(trials=12, seed=1),
            on_start=lambda number, values: started.append((number, values["x"])),
            on_end=ended.append,
        )
        assert [one.number for one in found.trials] == list(range(12))
        assert all(one.state is TrialState.COMPLETED and one.error is None for one in found.trials)
        assert found.best.value == min(one.value for one in found.trials if one.value is not None)
        assert found.best.value == (found.best.values["x"] - 1) ** 2
        assert found.best.kept == {"x": found.best.values["x"]}
        assert tuple(ended) == found.trials
        assert started == [(one.number, one.values["x"]) for one in found.trials]

    def test_more_can_be_better(self, tuner: Tuner) -> None:
        """Which is the best depends on the mode."""
        found = tuner.search(bowl, SPACE, TuneConfig(trials=8, seed=1, mode="max", search="random"))
        assert found.best.value == max(one.value for one in found.trials if one.value is not None)

    @pytest.mark.parametrize("search", ["tpe", "random"])
    def test_the_same_seed_tries_the_same(self, tuner: Tuner, search: str) -> None:
        """Another one tries other values."""
        one, two, other = (
            tuner.search(bowl, SPACE, TuneConfig.model_validate({"trials": 5, "seed": seed, "search": search})).trials
            for seed in (7, 7, 8)
        )
        assert [trial.values for trial in one] == [trial.values for trial in two]
        assert [trial.values for trial in one] != [trial.values for trial in other]

    def test_values_are_where_their_kind_says(self, tuner: Tuner) -> None:
        """Ranges include their ends, steps begin at the low one, and orders of magnitude are equally likely."""
        space = read_space(
            {
                "uniform": {"type": "uniform", "low": 2, "high": 3},
                "quniform": {"type": "quniform", "low": 0, "high": 1, "q": 0.25},
                "loguniform": {"type": "loguniform", "low": 1e-6, "high": 1},
                "randn": {"type": "randn", "mean": 100, "sd": 2},
                "randint": {"type": "randint", "low": 1, "high": 3},
                "qrandint": {"type": "qrandint", "low": 0, "high": 9, "q": 3},
                "lograndint": {"type": "lograndint", "low": 1, "high": 1000},
                "choice": {"type": "choice", "options": ["a", None, [1]]},
                "grid_search": {"type": "grid_search", "options": [5]},
            }
        )
        found = tuner.search(lambda trial: TrialOutcome(0.0), space, TuneConfig(trials=200, seed=1, search="random"))
        seen: dict[str, list[Any]] = {one.name: [trial.values[one.name] for trial in found.trials] for one in space}
        assert all(2 <= one <= 3 for one in seen["uniform"])
        assert set(seen["quniform"]) == {0, 0.25, 0.5, 0.75, 1}
        assert sum(one < 1e-3 for one in seen["loguniform"]) in range(70, 131)  # half of the orders of magnitude
        assert 99 < sum(seen["randn"]) / 200 < 101
        assert sum(abs(one - 100) < 2 for one in seen["randn"]) in range(115, 160)  # 68 % within one deviation
        assert set(seen["randint"]) == {1, 2, 3}
        assert set(seen["qrandint"]) == {0, 3, 6, 9}
        assert sum(one <= 31 for one in seen["lograndint"]) in range(70, 131)
        assert all(one in seen["choice"] for one in ("a", None, [1]))
        assert set(seen["grid_search"]) == {5}

    def test_a_grid_tries_each_combination_once(self, tuner: Tuner) -> None:
        """It ends with the last of them, however many trials are allowed."""
        space = read_space(
            {
                "a": {"type": "grid_search", "options": ["x", "y"]},
                "b": {"type": "randint", "low": 1, "high": 3},
                "c": {"type": "quniform", "low": 0, "high": 0.5, "q": 0.5},
            }
        )
        found = tuner.search(lambda trial: TrialOutcome(0.0), space, TuneConfig(trials=100, search="grid"))
        tried = [(one.values["a"], one.values["b"], one.values["c"]) for one in found.trials]
        assert sorted(tried) == [(a, b, c) for a in "xy" for b in (1, 2, 3) for c in (0, 0.5)]

    def test_a_grid_of_endless_values_is_refused(self, tuner: Tuner) -> None:
        """The hyperparameter is named."""
        with pytest.raises(SearchSpaceError, match="x"):
            tuner.search(bowl, SPACE, TuneConfig(search="grid"))

    def test_a_trial_that_is_left_is_worth_what_it_said_last(self, tuner: Tuner) -> None:
        """It is no failure, and never the best."""

        def climb(trial: Trial) -> TrialOutcome:
            trial.report(-5.0, 0)
            trial.report(-7.0 - trial.number, 1)
            if trial.number == 1:
                raise TrialPrunedError(trial.number, 1)
            return TrialOutcome(float(trial.number))

        found = tuner.search(climb, SPACE, TuneConfig(trials=3, seed=1))
        assert [(one.state.value, one.value) for one in found.trials] == [
            ("completed", 0.0), ("pruned", -8.0), ("completed", 2.0),
        ]  # fmt: skip
        assert found.best.number == 0

    def test_a_trial_that_fails_is_told_and_the_others_go_on(self, tuner: Tuner) -> None:
        """So is one whose value is no number."""

        def moody(trial: Trial) -> TrialOutcome:
            if trial.number == 1:
                raise ValueError("bad mood")
            return TrialOutcome(float("nan") if trial.number == 2 else trial.number)

        ended: list[TrialRecord] = []
        found = tuner.search(moody, SPACE, TuneConfig(trials=4, seed=1), on_end=ended.append)
        assert [one.state.value for one in found.trials] == ["completed", "failed", "failed", "completed"]
        assert [one.error is None for one in found.trials] == [True, False, False, True]
        assert "bad mood" in (found.trials[1].error or "")
        assert "nan" in (found.trials[2].error or "")
        assert tuple(ended) == found.trials

    def test_when_every_trial_fails_the_search_fails(self, tuner: Tuner) -> None:
        """It says why of each."""

        def never(trial: Trial) -> TrialOutcome:
            raise ValueError(f"never {trial.number}")

        with pytest.raises(TuningFailedError, match="no trial came to a value") as caught:
            tuner.search(never, SPACE, TuneConfig(trials=2))
        assert [f"never {number}" in told for number, told in enumerate(caught.value.failures)] == [True, True]

    def test_the_check_ends_the_search(self, tuner: Tuner) -> None:
        """What it raises is raised, before the next trial."""
        done: list[int] = []

        def check() -> None:
            if len(done) == 2:
                raise WorkCancelledError("job", "enough")

        def counted(trial: Trial) -> TrialOutcome:
            done.append(trial.number)
            return bowl(trial)

        with pytest.raises(WorkCancelledError):
            tuner.search(counted, SPACE, TuneConfig(trials=9), check=check)
        assert done == [0, 1]

    def test_a_timeout_ends_the_search_after_the_trial_that_is_under_way(self, tuner: Tuner) -> None:
        """That one counts."""

        def slow(trial: Trial) -> TrialOutcome:
            time.sleep(0.05)
            return bowl(trial)

        found = tuner.search(slow, SPACE, TuneConfig(trials=1000, timeout_s=0.01))
        assert len(found.trials) == 1

    def test_a_search_in_a_file_is_gone_on_with(self, tuner: Tuner, tmp_path: Path) -> None:
        """Trials of before count, and others are tried; where there were enough, none is made."""
        store = tmp_path / "deep" / "größe 1.db"
        first = tuner.search(bowl, SPACE, TuneConfig(trials=3, seed=1), store=store)
        calls: list[int] = []

        def counted(trial: Trial) -> TrialOutcome:
            calls.append(trial.number)
            return bowl(trial)

        second = tuner.search(counted, SPACE, TuneConfig(trials=5, seed=1), store=store)
        assert calls == [3, 4]
        assert second.trials[:3] == first.trials
        assert len({one.values["x"] for one in second.trials}) == 5
        assert tuner.search(counted, SPACE, TuneConfig(trials=5), store=store).trials == second.trials
        assert calls == [3, 4]

    def test_two_searches_in_one_file_are_apart(self, tuner: Tuner, tmp_path: Path) -> None:
        """Those of another name don't count."""
        made: list[str] = []
        for study in ("a", "b"):

            def counted(trial: Trial, study: str = study) -> TrialOutcome:
                made.append(study)
                return bowl(trial)

            found = tuner.search(counted, SPACE, TuneConfig(trials=2, study=study), store=tmp_path / "study.db")
            assert len(found.trials) == 2
        assert made == ["a", "a", "b", "b"]

    @pytest.mark.parametrize("ending", [Torn(), WorkCancelledError("job", "enough"), KeyboardInterrupt()])
    def test_a_trial_that_was_interrupted_does_not_count(
        self, tuner: Tuner, tmp_path: Path, ending: BaseException
    ) -> None:
        """What ended it is raised, and the search that goes on makes as many trials as it was to."""
        store = tmp_path / "study.db"
        ended: list[TrialRecord] = []

        def interrupted(trial: Trial) -> TrialOutcome:
            if trial.number == 1:
                raise ending
            return bowl(trial)

        with pytest.raises(type(ending)) as caught:
            tuner.search(interrupted, SPACE, TuneConfig(trials=3, seed=1), store=store, on_end=ended.append)
        assert caught.value is ending
        assert [one.number for one in ended] == [0]
        again: list[int] = []

        def counted(trial: Trial) -> TrialOutcome:
            again.append(trial.number)
            return bowl(trial)

        found = tuner.search(counted, SPACE, TuneConfig(trials=3, seed=1), store=store)
        assert len(again) == 2
        assert found.trials[0] == ended[0]
        assert [one.state for one in found.trials] == [TrialState.COMPLETED] * 3
