"""The suite of tuners: each broken promise is found."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("optuna", reason='needs optuna: pip install "plugbus[tune]"')

from plugbus.capabilities import (
    SearchSpaceError,
    TrialOutcome,
    TrialPrunedError,
    TrialState,
    TuneConfig,
    TuningFailedError,
    WorkCancelledError,
)
from plugbus.capabilities.testing import TunerContract
from plugbus.kernel import ContractError
from plugbus.plugins.optuna_tuner import OptunaTuner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plugbus.capabilities import Objective, SearchParameter, Trial, Tuner, TuningResult


class Suite(TunerContract):
    """The suite as an object whose parts can be called one by one."""

    @pytest.fixture
    def tuner(self) -> Tuner:
        raise NotImplementedError


class Altered:
    """Searches like Optuna but for what a subclass changes: how it is asked, or what it answers."""

    def search(
        self, objective: Objective, space: tuple[SearchParameter, ...], config: TuneConfig, **known: Any
    ) -> TuningResult:
        objective, space, config, known = self.asked(objective, space, config, known)
        return self.answered(OptunaTuner().search(objective, space, config, **known))

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        return objective, space, config, known

    def answered(self, found: TuningResult) -> TuningResult:
        return found


class Modest(Altered):
    """Takes the worst for the best."""

    def answered(self, found: TuningResult) -> TuningResult:
        return replace(found, best=max(found.trials, key=lambda one: one.value or 0.0))


class OneWay(Altered):
    """Minimises."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        return objective, space, config.model_copy(update={"mode": "min"}), known


class Silent(Altered):
    """Tells nothing of a trial."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        return objective, space, config, {**known, "on_start": None, "on_end": None}


class Deaf(Altered):
    """Asks nobody whether to go on, and has time."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        known = {**known, "check": None}
        return objective, space, config.model_copy(update={"timeout_s": None, "trials": min(config.trials, 5)}), known


class Forgetful(Altered):
    """Keeps nothing."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        return objective, space, config, {**known, "store": None}


class Mixing(Altered):
    """Takes all searches of a file for one."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        return objective, space, config.model_copy(update={"study": "one"}), known


class Repeating(Altered):
    """Begins with the same values each time, as it knows one seed alone."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        return objective, space, config.model_copy(update={"seed": 7}), known


class Moody(Altered):
    """Does not care for the seed."""

    seeds = count(1)

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        return objective, space, config.model_copy(update={"seed": next(self.seeds)}), known


class Uniform(Altered):
    """Spreads everything evenly."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        kinds = {"loguniform": "uniform", "lograndint": "randint"}
        return objective, tuple(replace(one, kind=kinds.get(one.kind, one.kind)) for one in space), config, known


class Sampling(Altered):
    """Draws by lot in place of a grid."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        return objective, space, config.model_copy(update={"search": "random", "trials": 12}), known


class Gentle(Altered):
    """Takes what ends the work for the failure of a trial."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        def gentle(trial: Trial) -> TrialOutcome:
            try:
                outcome: TrialOutcome = objective(trial)
            except BaseException as error:
                raise ValueError("failed") from error
            return outcome

        return gentle, space, config, known


class Harsh(Altered):
    """Takes the failure of a trial for the end."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        def harsh(trial: Trial) -> TrialOutcome:
            try:
                outcome: TrialOutcome = objective(trial)
            except Exception as error:
                raise WorkCancelledError("job", str(error)) from error
            return outcome

        return harsh, space, config, known


class Hiding(Altered):
    """Forgets why trials failed, and takes those that were left for failures."""

    def answered(self, found: TuningResult) -> TuningResult:
        states = {TrialState.PRUNED: TrialState.FAILED}
        trials = tuple(replace(one, error=None, state=states.get(one.state, one.state)) for one in found.trials)
        return replace(found, trials=trials)


class Wordless(Altered):
    """Fails without saying why."""

    def search(self, *args: Any, **known: Any) -> TuningResult:
        try:
            return super().search(*args, **known)
        except TuningFailedError as error:
            raise TuningFailedError(error.study, ()) from None


class Counting(Altered):
    """Counts interrupted trials: makes one less when it goes on."""

    def asked(self, objective: Any, space: Any, config: TuneConfig, known: Any) -> tuple[Any, Any, Any, Any]:
        store = known.get("store")
        gone = 1 if store is not None and store.exists() else 0
        return objective, space, config.model_copy(update={"trials": config.trials - gone}), known


@pytest.mark.parametrize(
    ("make", "part", "known"),
    [
        (object, "it_is_a_tuner", {}),
        (Modest, "the_best_of_the_trials_is_returned_and_all_are_told", {}),
        (Silent, "the_best_of_the_trials_is_returned_and_all_are_told", {}),
        (OneWay, "more_can_be_better", {}),
        (Repeating, "the_same_seed_tries_the_same", {"search": "tpe"}),
        (Moody, "the_same_seed_tries_the_same", {"search": "random"}),
        (Uniform, "values_are_where_their_kind_says", {}),
        (Sampling, "a_grid_tries_each_combination_once", {}),
        (Sampling, "a_grid_of_endless_values_is_refused", {}),
        (Hiding, "a_trial_that_is_left_is_worth_what_it_said_last", {}),
        (Modest, "a_trial_that_is_left_is_worth_what_it_said_last", {}),
        (Gentle, "a_trial_that_is_left_is_worth_what_it_said_last", {}),
        (Harsh, "a_trial_that_fails_is_told_and_the_others_go_on", {}),
        (Hiding, "a_trial_that_fails_is_told_and_the_others_go_on", {}),
        (Harsh, "when_every_trial_fails_the_search_fails", {}),
        (Wordless, "when_every_trial_fails_the_search_fails", {}),
        (Deaf, "the_check_ends_the_search", {}),
        (Deaf, "a_timeout_ends_the_search_after_the_trial_that_is_under_way", {}),
        (Forgetful, "a_search_in_a_file_is_gone_on_with", {}),
        (Mixing, "two_searches_in_one_file_are_apart", {}),
        (Gentle, "a_trial_that_was_interrupted_does_not_count", {"ending": KeyboardInterrupt()}),
        (Gentle, "a_trial_that_was_interrupted_does_not_count", {"ending": WorkCancelledError("job", "enough")}),
        (Forgetful, "a_trial_that_was_interrupted_does_not_count", {"ending": KeyboardInterrupt()}),
        (Counting, "a_trial_that_was_interrupted_does_not_count", {"ending": KeyboardInterrupt()}),
    ],
)
def test_a_tuner_that_breaks_a_promise_is_found(
    make: Callable[[], Any], part: str, known: dict[str, Any], tmp_path: Path
) -> None:
    method = getattr(Suite(), f"test_{part}")
    if "tmp_path" in method.__code__.co_varnames[: method.__code__.co_argcount]:
        known = {"tmp_path": tmp_path, **known}
    found = (
        AssertionError, pytest.fail.Exception, ContractError, SearchSpaceError, TuningFailedError, TrialPrunedError,
        WorkCancelledError,
    )  # fmt: skip
    with pytest.raises(found):
        method(make(), **known)
