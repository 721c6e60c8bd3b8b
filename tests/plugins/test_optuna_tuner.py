"""The search for hyperparameters with Optuna: what is tried, left early, kept, and gone on with after a crash."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("optuna", reason='needs optuna: pip install "plugbus[tune]"')

from plugbus.capabilities import (
    TUNER,
    ActionCall,
    BaseTrainAction,
    BaseTrainParams,
    HostServices,
    SearchSpaceError,
    TrainContext,
    Trial,
    TrialEnded,
    TrialOutcome,
    TrialRecord,
    TrialState,
    TuneConfig,
    TuningFailedError,
    WorkCancelledError,
    read_space,
)
from plugbus.kernel import Kernel
from plugbus.loaders import DirectoryLoader
from plugbus.plugins.optuna_tuner import OptunaTuner

if TYPE_CHECKING:
    from plugbus.kernel import Event

FOLDER = Path(__file__).parents[2] / "plugins" / "plugbus" / "plugins" / "optuna_tuner"
SPACE = read_space({"x": {"type": "uniform", "low": -5, "high": 5}})


def bowl(trial: Trial) -> TrialOutcome:
    x = trial.values["x"]
    return TrialOutcome((x - 1) ** 2, {"x": x})


def test_the_best_of_the_trials_is_returned_and_all_are_told() -> None:
    started: list[tuple[int, Any]] = []
    ended: list[TrialRecord] = []
    found = OptunaTuner().search(
        bowl,
        SPACE,
        TuneConfig(trials=12, seed=1),
        on_start=lambda number, values: started.append((number, values["x"])),
        on_end=ended.append,
    )
    assert len(found.trials) == 12
    assert found.best.value == min(one.value for one in found.trials if one.value is not None)
    assert found.best.value == (found.best.values["x"] - 1) ** 2
    assert found.best.kept == {"x": found.best.values["x"]}
    assert tuple(ended) == found.trials
    assert started == [(one.number, one.values["x"]) for one in found.trials]


def test_more_can_be_better() -> None:
    found = OptunaTuner().search(bowl, SPACE, TuneConfig(trials=8, seed=1, mode="max", search="random"))
    assert found.best.value == max(one.value for one in found.trials if one.value is not None)


def test_a_search_that_learns_comes_nearer_than_one_that_does_not() -> None:
    tpe = OptunaTuner().search(bowl, SPACE, TuneConfig(trials=60, seed=3))
    random = OptunaTuner().search(bowl, SPACE, TuneConfig(trials=60, seed=3, search="random"))

    def near(records: tuple[TrialRecord, ...]) -> int:
        return sum(one.value is not None and one.value < 1 for one in records[20:])

    assert near(tpe.trials) > 2 * near(random.trials)


def test_the_same_seed_tries_the_same() -> None:
    one, two, other = (OptunaTuner().search(bowl, SPACE, TuneConfig(trials=5, seed=seed)).trials for seed in (7, 7, 8))
    assert [trial.values for trial in one] == [trial.values for trial in two]
    assert [trial.values for trial in one] != [trial.values for trial in other]


def test_values_are_where_their_kind_says() -> None:
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
    found = OptunaTuner().search(
        lambda trial: TrialOutcome(0.0), space, TuneConfig(trials=200, seed=1, search="random")
    )
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


def test_a_grid_tries_each_combination_once() -> None:
    space = read_space(
        {
            "a": {"type": "grid_search", "options": ["x", "y"]},
            "b": {"type": "randint", "low": 1, "high": 3},
            "c": {"type": "quniform", "low": 0, "high": 0.5, "q": 0.5},
        }
    )
    found = OptunaTuner().search(lambda trial: TrialOutcome(0.0), space, TuneConfig(trials=100, search="grid"))
    tried = [(one.values["a"], one.values["b"], one.values["c"]) for one in found.trials]
    assert sorted(tried) == [(a, b, c) for a in "xy" for b in (1, 2, 3) for c in (0, 0.5)]


def test_a_grid_of_endless_values_is_refused() -> None:
    with pytest.raises(SearchSpaceError, match="x: a grid can't have all values of a uniform"):
        OptunaTuner().search(bowl, SPACE, TuneConfig(search="grid"))


@pytest.mark.parametrize("pruner", ["median", "asha", "hyperband"])
def test_trials_that_do_worse_are_left_early(pruner: str) -> None:
    steps: list[int] = []

    def climb(trial: Trial) -> TrialOutcome:
        for step in range(30):
            trial.report(trial.values["x"] + 5 if trial.number > 5 else 0.0, step)
            steps.append(step)
        return TrialOutcome(trial.values["x"])

    config = TuneConfig.model_validate({"trials": 20, "seed": 1, "pruner": pruner, "search": "random"})
    found = OptunaTuner().search(climb, SPACE, config)
    pruned = [one for one in found.trials if one.state is TrialState.PRUNED]
    assert pruned
    assert all(one.value is not None and one.value > 0 for one in pruned)
    assert found.best.state is TrialState.COMPLETED
    assert len(steps) < 20 * 30


def test_a_trial_that_fails_is_told_and_the_others_go_on() -> None:
    def moody(trial: Trial) -> TrialOutcome:
        if trial.number == 1:
            raise ValueError("bad mood")
        return TrialOutcome(float("nan") if trial.number == 2 else trial.number)

    found = OptunaTuner().search(moody, SPACE, TuneConfig(trials=4, seed=1))
    states = [one.state.value for one in found.trials]
    assert states == ["completed", "failed", "failed", "completed"]
    assert [one.error for one in found.trials] == [None, "bad mood", "its value is nan", None]


def test_when_every_trial_fails_the_search_fails() -> None:
    def never(trial: Trial) -> TrialOutcome:
        raise ValueError("never")

    with pytest.raises(TuningFailedError, match="no trial came to a value: trial 0: never; trial 1: never"):
        OptunaTuner().search(never, SPACE, TuneConfig(trials=2))


def test_a_search_in_a_file_is_gone_on_with(tmp_path: Path) -> None:
    store = tmp_path / "deep" / "study.db"
    first = OptunaTuner().search(bowl, SPACE, TuneConfig(trials=3, seed=1), store=store)
    calls: list[int] = []

    def counted(trial: Trial) -> TrialOutcome:
        calls.append(trial.number)
        return bowl(trial)

    second = OptunaTuner().search(counted, SPACE, TuneConfig(trials=5, seed=1), store=store)
    assert calls == [3, 4]
    assert second.trials[:3] == first.trials
    assert len({one.values["x"] for one in second.trials}) == 5, "a search that goes on tries other values"
    assert OptunaTuner().search(counted, SPACE, TuneConfig(trials=5), store=store).trials == second.trials
    assert calls == [3, 4]


def test_two_searches_in_one_file_are_apart(tmp_path: Path) -> None:
    store = tmp_path / "study.db"
    for study in ("a", "b"):
        found = OptunaTuner().search(bowl, SPACE, TuneConfig(trials=2, study=study), store=store)
        assert len(found.trials) == 2


class Torn(BaseException):
    """What ends the work from outside, as Ctrl-C does."""


@pytest.mark.parametrize("ending", [Torn(), WorkCancelledError("job", "enough"), KeyboardInterrupt()])
def test_a_trial_that_was_interrupted_does_not_count(tmp_path: Path, ending: BaseException) -> None:
    store = tmp_path / "study.db"

    def interrupted(trial: Trial) -> TrialOutcome:
        if trial.number == 1:
            raise ending
        return bowl(trial)

    with pytest.raises(type(ending)):
        OptunaTuner().search(interrupted, SPACE, TuneConfig(trials=3, seed=1), store=store)
    found = OptunaTuner().search(bowl, SPACE, TuneConfig(trials=3, seed=1), store=store)
    assert [one.number for one in found.trials] == [0, 2, 3]


def test_the_check_ends_the_search() -> None:
    done: list[int] = []

    def check() -> None:
        if len(done) == 2:
            raise WorkCancelledError("job", "enough")

    def counted(trial: Trial) -> TrialOutcome:
        done.append(trial.number)
        return bowl(trial)

    with pytest.raises(WorkCancelledError):
        OptunaTuner().search(counted, SPACE, TuneConfig(trials=9), check=check)
    assert done == [0, 1]


KILLED = """
import sys, time
sys.path[:0] = {path!r}
from pathlib import Path
from plugbus.capabilities import TrialOutcome, TuneConfig, read_space
from plugbus.plugins.optuna_tuner import OptunaTuner
space = read_space({{"a": {{"type": "grid_search", "options": [0, 1, 2, 3, 4, 5]}}}})
def slow(trial):
    print(trial.number, flush=True)
    if trial.number == 2:
        time.sleep(100)
    return TrialOutcome(float(trial.values["a"]))
OptunaTuner().search(slow, space, TuneConfig(search="grid", trials=99), store=Path({store!r}))
"""


def test_a_search_whose_process_was_killed_goes_on_with_what_is_left(tmp_path: Path) -> None:
    store = tmp_path / "study.db"
    code = KILLED.format(path=sys.path, store=str(store))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        assert [process.stdout.readline().strip() for _ in range(3)] == ["0", "1", "2"]
        process.kill()
    space = read_space({"a": {"type": "grid_search", "options": [0, 1, 2, 3, 4, 5]}})
    found = OptunaTuner().search(
        lambda trial: TrialOutcome(float(trial.values["a"])),
        space,
        TuneConfig(search="grid", trials=99),
        store=store,
    )
    assert sorted(one.values["a"] for one in found.trials) == [0, 1, 2, 3, 4, 5]
    assert [one.number for one in found.trials] == [0, 1, 3, 4, 5, 6]


def test_no_file_stays_open(tmp_path: Path) -> None:
    fds = Path("/proc/self/fd")
    if not fds.is_dir():
        pytest.skip("needs /proc")
    OptunaTuner().search(bowl, SPACE, TuneConfig(trials=1), store=tmp_path / "study.db")
    open_files = {str(one.resolve()) for one in fds.iterdir()}
    assert not [one for one in open_files if "study.db" in one]


def test_a_timeout_ends_the_search_after_the_trial_that_is_under_way() -> None:
    def slow(trial: Trial) -> TrialOutcome:
        time.sleep(0.05)
        return bowl(trial)

    found = OptunaTuner().search(slow, SPACE, TuneConfig(trials=1000, timeout_s=0.01))
    assert len(found.trials) == 1


class Params(BaseTrainParams):
    lr: float = 0.1
    out: str = ""


class BowlAction(BaseTrainAction[Params]):
    action_name = "bowl"

    def train(self, context: TrainContext) -> Any:
        for epoch in range(3):
            self.report_metrics({"loss": (self.params.lr - 0.3) ** 2}, epoch)
        path = Path(self.params.out) / f"{self.params.lr}.json"
        path.write_text(json.dumps({"lr": self.params.lr}))
        return {"weights_path": str(path)}


def test_a_training_action_is_tuned_by_the_loaded_plugin(tmp_path: Path) -> None:
    heard: list[Event] = []
    with Kernel() as kernel:
        kernel.register(DirectoryLoader().read(FOLDER))
        kernel.load("optuna_tuner")
        assert kernel.services.get(TUNER) is not None
        params = {
            "out": str(tmp_path),
            "is_tune": True,
            "hyperparameters": {"lr": {"type": "uniform", "low": 0, "high": 1}},
            "tune_config": {"trials": 10, "seed": 2, "pruner": "median"},
        }
        found = ActionCall(
            BowlAction, params, job_id="j", env={"PLUGBUS_WORK_FOLDER": str(tmp_path)},
            services=HostServices(kernel.services),
        ).run_here(heard.append)  # fmt: skip
    best = found["tune_result"]["best"]
    assert isclose(best["value"], (best["values"]["lr"] - 0.3) ** 2)
    assert json.loads(Path(found["weights_path"]).read_text()) == {"lr": best["values"]["lr"]}
    assert len([one for one in heard if isinstance(one, TrialEnded)]) == 10
    assert (tmp_path / "j.trials.db").is_file()
