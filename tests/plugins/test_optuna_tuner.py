"""The search for hyperparameters with Optuna: what is tried, left early, kept, and gone on with after a crash."""

from __future__ import annotations

import json
import subprocess
import sys
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


def test_a_search_that_learns_comes_nearer_than_one_that_does_not() -> None:
    tpe = OptunaTuner().search(bowl, SPACE, TuneConfig(trials=60, seed=3))
    random = OptunaTuner().search(bowl, SPACE, TuneConfig(trials=60, seed=3, search="random"))

    def near(records: tuple[TrialRecord, ...]) -> int:
        return sum(one.value is not None and one.value < 1 for one in records[20:])

    assert near(tpe.trials) > 2 * near(random.trials)


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
