"""Searching hyperparameters with Optuna."""

from __future__ import annotations

import json
from contextlib import contextmanager
from itertools import product
from math import isfinite, prod
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from plugbus.capabilities import (
    TrialPrunedError,
    TrialRecord,
    TrialState,
    TuningFailedError,
    TuningResult,
    WorkCancelledError,
)

from .suggesting import grid_of, suggest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    import optuna

    from plugbus.capabilities import Objective, SearchParameter, TuneConfig

_VALUES: Final = "plugbus:values"
_KEPT: Final = "plugbus:kept"
_ERROR: Final = "plugbus:error"


class OptunaTrial:
    """One trial that is under way."""

    def __init__(self, trial: optuna.Trial, values: Mapping[str, Any]) -> None:
        self._trial = trial
        self._values = dict(values)

    @property
    def number(self) -> int:
        """Return its number in the search, from 0 on."""
        return self._trial.number

    @property
    def values(self) -> Mapping[str, Any]:
        """Return the hyperparameters that it tries."""
        return dict(self._values)

    def report(self, value: float, step: int) -> None:
        """Tell how good it is at a step, so that it can be left early."""
        self._trial.report(value, step)
        if self._trial.should_prune():
            raise TrialPrunedError(self.number, step)


class OptunaTuner:
    """Search hyperparameters with Optuna: one trial after the other, in the caller's thread.

    A search that is kept in a file (SQLite) can be taken up again: by one process at a time, as trials that are under
    way there are taken for interrupted ones.
    """

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
        """Make trials one after the other, and return the best; see the contract ``Tuner``."""
        optuna = _optuna()
        grid = grid_of(space) if config.search == "grid" else None
        most = config.trials if grid is None else min(config.trials, prod(map(len, grid.values())))
        with _storage(store) as storage:
            study = optuna.create_study(
                storage=storage,
                study_name=config.study,
                load_if_exists=True,
                direction="minimize" if config.mode == "min" else "maximize",
                pruner=_pruner(config),
            )
            for left in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
                study.tell(left.number, state=optuna.trial.TrialState.FAIL)  # its process was ended
            study.sampler = _sampler(config, len(study.get_trials(deepcopy=False)))
            end = None if config.timeout_s is None else monotonic() + config.timeout_s
            while len(_records(study)) < most and (end is None or monotonic() < end):
                if check is not None:
                    check()
                if grid is not None:
                    _enqueue(study, grid)
                self._trial(study, objective, space, on_start, on_end)
            records = _records(study)
        completed = [one for one in records if one.state is TrialState.COMPLETED and one.value is not None]
        if not completed:
            failures = tuple(f"trial {one.number}: {one.error}" for one in records if one.error)
            raise TuningFailedError(config.study, failures)
        best = (min if config.mode == "min" else max)(completed, key=lambda one: one.value or 0.0)
        return TuningResult(best, records)

    def _trial(
        self,
        study: optuna.Study,
        objective: Objective,
        space: Sequence[SearchParameter],
        on_start: Callable[[int, Mapping[str, Any]], object] | None,
        on_end: Callable[[TrialRecord], object] | None,
    ) -> None:
        """Make one trial, and note what came of it."""
        states = _optuna().trial.TrialState
        asked = study.ask()
        values = {one.name: suggest(asked, one) for one in space}
        asked.set_user_attr(_VALUES, json.dumps(values))
        try:
            if on_start is not None:
                on_start(asked.number, values)
            outcome = objective(OptunaTrial(asked, values))
            if not isfinite(outcome.value):
                raise ValueError(f"its value is {outcome.value}")
        except TrialPrunedError:
            study.tell(asked, state=states.PRUNED)
        except WorkCancelledError:
            study.tell(asked, state=states.FAIL)
            raise
        except Exception as error:  # noqa: BLE001 - the failure of one trial is noted, and the others go on
            asked.set_user_attr(_ERROR, str(error) or type(error).__qualname__)
            study.tell(asked, state=states.FAIL)
        except BaseException:
            study.tell(asked, state=states.FAIL)
            raise
        else:
            asked.set_user_attr(_KEPT, json.dumps(dict(outcome.kept)))
            study.tell(asked, outcome.value)
        if on_end is not None:
            record = next((one for one in reversed(_records(study)) if one.number == asked.number), None)
            if record is not None:
                on_end(record)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ImportError('cannot tune: it needs optuna; pip install "plugbus[tune]"') from error
    return optuna


@contextmanager
def _storage(store: Path | None) -> Iterator[Any]:
    """Open the file that keeps the search; None keeps it in memory."""
    if store is None:
        yield None
        return
    from optuna.storages import RDBStorage

    store.parent.mkdir(parents=True, exist_ok=True)
    storage = RDBStorage(f"sqlite:///{store.absolute()}")
    try:
        yield storage
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _sampler(config: TuneConfig, done: int) -> optuna.samplers.BaseSampler:
    """Return what chooses values. One that goes on must not begin with the choices that it began with before."""
    samplers = _optuna().samplers
    seed = None if config.seed is None else config.seed + done
    kind = samplers.TPESampler if config.search == "tpe" else samplers.RandomSampler
    made: optuna.samplers.BaseSampler = kind(seed=seed)
    return made


def _pruner(config: TuneConfig) -> optuna.pruners.BasePruner:
    pruners = _optuna().pruners
    kinds = {
        "none": pruners.NopPruner,
        "median": pruners.MedianPruner,
        "asha": pruners.SuccessiveHalvingPruner,
        "hyperband": pruners.HyperbandPruner,
    }
    made: optuna.pruners.BasePruner = kinds[config.pruner]()
    return made


def _enqueue(study: optuna.Study, grid: Mapping[str, Sequence[Any]]) -> None:
    """Have the next trial try the first combination that no trial has tried."""
    states = _optuna().trial.TrialState
    if study.get_trials(deepcopy=False, states=(states.WAITING,)):
        return  # left there by a process that was ended before it could take it
    tried = [one.params for one in study.get_trials(deepcopy=False) if _is_counted(one)]
    combinations = (dict(zip(grid, values, strict=True)) for values in product(*grid.values()))
    study.enqueue_trial(next(one for one in combinations if one not in tried))


def _is_counted(trial: optuna.trial.FrozenTrial) -> bool:
    """Tell whether a trial came to its end; one that was interrupted failed without saying why."""
    states = _optuna().trial.TrialState
    if trial.state == states.FAIL:
        return _ERROR in trial.user_attrs
    return bool(trial.state in (states.COMPLETE, states.PRUNED))


def _records(study: optuna.Study) -> tuple[TrialRecord, ...]:
    return tuple(_record(one) for one in study.get_trials(deepcopy=False) if _is_counted(one))


def _record(trial: optuna.trial.FrozenTrial) -> TrialRecord:
    states = _optuna().trial.TrialState
    names = {states.COMPLETE: TrialState.COMPLETED, states.PRUNED: TrialState.PRUNED, states.FAIL: TrialState.FAILED}
    last = max(trial.intermediate_values, default=None)
    return TrialRecord(
        number=trial.number,
        values=json.loads(trial.user_attrs.get(_VALUES, "{}")),
        state=names[trial.state],
        # A trial that was left early is worth what it said last.
        value=trial.intermediate_values[last] if trial.state == states.PRUNED and last is not None else trial.value,
        kept=json.loads(trial.user_attrs.get(_KEPT, "{}")),
        error=trial.user_attrs.get(_ERROR),
    )
