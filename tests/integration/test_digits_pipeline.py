"""The pipeline of digits, as a person runs it: killed in the middle of the training, and taken up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import plugbus.plugins
from plugbus.capabilities import (
    ActionPipeline,
    CancellationToken,
    MetricsRecorded,
    PipelineRunner,
    RunStatus,
    RunStore,
)
from plugbus.loaders import Host, shipped_plugins

NEEDED = ("click", "rich_click", "sklearn", "matplotlib", "PIL")
MISSING = [module for module in NEEDED if find_spec(module) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f'needs {", ".join(MISSING)}; pip install "plugbus[cli,sklearn]"')

EPOCHS = 6
OPTIONS = ("--json", "--set", "train.hidden_units=16", "--set", f"epochs={EPOCHS}")
# What a run leaves behind, and what has to be the same whether it was interrupted or not.
PRODUCTS = (
    "models/model.npz",
    "models/digits.npz",
    "metrics/epochs.json",
    "metrics/evaluation.json",
    "plots/confusion_matrix.png",
    "plots/misclassified.png",
)

MANIFEST = """
    id: killer
    version: "1.0.0"
    name: Killer
    description: Kills the process at a moment that it is told.
    author: Somebody
    entrypoint: plugin:Killer
    provides: [action(killer.pass)]
"""
CODE = """
    import os
    import signal
    from pathlib import Path

    from pydantic import BaseModel

    from plugbus.capabilities import Action, BaseAction, MetricsRecorded
    from plugbus.kernel import Plugin


    class NoParams(BaseModel):
        pass


    class Pass(BaseAction[NoParams]):
        def execute(self):
            return {}


    class Killer(Plugin):
        def on_load(self, ctx):
            moment, _, number = os.environ.get("KILL_AT", "").partition(":")
            ctx.provide(Action("killer.pass"), Pass)
            if moment == "told":  # the metrics of an epoch are told, its state is not kept
                ctx.subscribe(MetricsRecorded, lambda event: event.step == int(number) and die())
            if moment == "tested":  # the training is through, the model is not written
                ctx.subscribe(MetricsRecorded, lambda event: "test_accuracy" in event.values and die())
            if moment == "written":  # the state of an epoch is written, and has not taken its place
                original, left = Path.replace, [int(number)]

                def replace(self, target):
                    left[0] -= Path(target).name.startswith("training-")
                    return die() if left[0] == 0 else original(self, target)

                Path.replace = replace


    def die():
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(scope="module")
def shipped() -> Path:
    """Return the file of the pipeline as it is shipped."""
    (path,) = (Path(folder, "digits", "pipeline.yaml") for folder in plugbus.plugins.__path__)
    return path


@pytest.fixture
def place(tmp_path: Path, shipped: Path) -> Path:
    """Return a folder with the shipped pipeline, to which an action of a plugin that kills the process is added."""
    home = tmp_path / "plugins" / "killer"
    home.mkdir(parents=True)
    (home / "plugin.yaml").write_text(dedent(MANIFEST))
    (home / "plugin.py").write_text(dedent(CODE))
    (tmp_path / "killed.yaml").write_text(shipped.read_text() + "  - action: killer.pass\n")
    return tmp_path


def run(place: Path, *arguments: str, kill_at: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "plugbus.plugins.cli", "--plugins", "plugins", "pipeline", "run", *arguments],
        cwd=place,
        env={**os.environ, "KILL_AT": kill_at, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def outcome(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def epochs_kept(place: Path, run_id: str) -> int:
    """Return how many epochs the state of a training holds."""
    import numpy as np

    folder = place / "artifacts" / "runs" / run_id / "pipelines" / "digits" / run_id / "checkpoints"
    (path,) = folder.glob("training-*.npz")
    with np.load(path) as entries:
        return len(json.loads(str(entries["header"]))["reports"])


def test_a_pipeline_that_is_killed_in_the_training_ends_as_one_without_a_break(place: Path, shipped: Path) -> None:
    whole = outcome(run(place, str(shipped), *OPTIONS))
    statuses = ("prepare", "train", "evaluate", "export")
    assert whole["outputs"]["actions"] == dict.fromkeys(statuses, "completed")
    wanted = {name: (Path(whole["artifact_dir"]) / name).read_bytes() for name in PRODUCTS}

    # It is begun as a shorter training, and made longer when it is taken up.
    killed = run(place, "killed.yaml", *OPTIONS, "--set", "epochs=4", kill_at="told:3")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    (first,) = {path.name for path in (place / "artifacts" / "runs").iterdir()} - {whole["run_id"]}
    assert epochs_kept(place, first) == 2
    for kill_at, kept in (("written:2", 3), ("told:5", 4), ("tested", EPOCHS)):
        killed = run(place, "killed.yaml", *OPTIONS, "--resume", first, "--allow-new-params", kill_at=kill_at)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert epochs_kept(place, first) == kept

    done = outcome(run(place, "killed.yaml", *OPTIONS, "--resume", first, "--allow-new-params"))
    assert done["outputs"]["resumed"] == ["prepare"]
    folder = Path(done["artifact_dir"])
    assert {name: (folder / name).read_bytes() for name in PRODUCTS} == wanted
    tracked = [json.loads(line) for line in (folder / "tracking.jsonl").read_text().splitlines()]
    steps = [one["step"] for one in tracked if one["kind"] == "metrics" and "train/train_loss" in one["metrics"]]
    assert steps == list(range(1, EPOCHS + 1))
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [one["data"] for one in events if one.get("name") == "train_resumed"] == [{"epoch": EPOCHS}]
    division = (place / "artifacts" / "runs" / first / "data" / "division.json").read_bytes()
    assert division == (Path(whole["artifact_dir"]) / "data" / "division.json").read_bytes()


def test_a_training_that_is_stopped_ends_after_its_epoch_and_is_taken_up(tmp_path: Path) -> None:
    with Host(builtin=[shipped_plugins()]) as host:
        kernel = host.kernel
        kernel.load("digits", "local_executor", "jsonl_tracking")
        pipeline = ActionPipeline(["digits.prepare", "digits.train"], name="digits", services=kernel.services)
        runner = PipelineRunner(kernel, RunStore(tmp_path / "artifacts"))
        params = {"epochs": 4, "hidden_units": 8, "batch_size": 200}
        token = CancellationToken()

        def stop(event: MetricsRecorded) -> None:
            if event.step == 2:
                token.cancel("enough")

        with kernel.bus.subscribe(MetricsRecorded, stop):
            stopped = runner.run(pipeline, params, cancellation=token)
        assert stopped.status is RunStatus.CANCELLED
        assert stopped.run_id is not None
        assert epochs_kept(tmp_path, stopped.run_id) == 2
        done = runner.run(pipeline, params, resume=stopped.run_id)
        assert done.status is RunStatus.OK, done.message
        assert done.outputs["resumed"] == ["prepare"]
        assert epochs_kept(tmp_path, stopped.run_id) == 4
