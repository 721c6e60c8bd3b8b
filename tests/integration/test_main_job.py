"""The main job, as a person does it with the command: prepare, train, evaluate, export, predict."""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

NEEDED = ("click", "rich_click", "sklearn", "matplotlib", "PIL")
MISSING = [module for module in NEEDED if find_spec(module) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f'needs {", ".join(MISSING)}; pip install "plugbus[cli,sklearn]"')

Job = dict[str, Any]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("main_job")


@pytest.fixture(scope="module")
def do(root: Path) -> Callable[..., Job]:
    """Return a function that runs an action of digits and returns what the command writes as JSON."""
    from plugbus.plugins.cli import main

    def run(action: str, *options: str) -> Job:
        out = io.StringIO()
        with redirect_stdout(out):
            code = main(["--artifacts", str(root), "run", f"digits.{action}", "--json", *options])
        written: Job = json.loads(out.getvalue())
        assert (code, written["status"]) == (0, "ok")
        return written

    return run


@pytest.fixture(scope="module")
def trained(do: Callable[..., Job]) -> Job:
    """Train once with the defaults; the other tests go on from there."""
    return do("train")


@pytest.fixture(scope="module")
def exported(do: Callable[..., Job], trained: Job) -> Job:
    return do("export", "--run", trained["run_id"])


def lines(job: Job, file: str) -> list[Job]:
    return [json.loads(line) for line in (Path(job["artifact_dir"]) / file).read_text().splitlines()]


def test_prepare_divides_the_data_and_writes_down_how(do: Callable[..., Job]) -> None:
    prepared = do("prepare")
    outputs = prepared["outputs"]
    parts = [outputs[f"{part}_samples"] for part in ("train", "validation", "test")]
    assert sum(parts) == 1797
    assert parts[2] == pytest.approx(0.2 * 1797, abs=1)
    summary = json.loads(Path(outputs["summary_path"]).read_text())
    assert summary
    assert Path(outputs["summary_path"]).is_relative_to(prepared["artifact_dir"])


def test_training_with_the_defaults_recognises_at_least_95_percent(trained: Job) -> None:
    assert trained["outputs"]["test_accuracy"] >= 0.95
    assert trained["outputs"]["epochs"] == 40


def test_training_is_tracked_epoch_by_epoch(trained: Job) -> None:
    tracked = [one for one in lines(trained, "tracking.jsonl") if one["kind"] == "metrics"]
    steps = [one["step"] for one in tracked if "train_loss" in one["metrics"]]
    assert steps == list(range(1, 41))
    losses = [one["metrics"]["train_loss"] for one in tracked if "train_loss" in one["metrics"]]
    assert losses[-1] < losses[0] / 4
    (params,) = [one["params"] for one in lines(trained, "tracking.jsonl") if one["kind"] == "params"]
    assert (params["epochs"], params["seed"]) == (40, 0)
    progress = [one["current"] for one in lines(trained, "events.jsonl") if one["type"] == "ProgressReported"]
    assert progress == list(range(41))
    assert lines(trained, "events.jsonl")[-1]["type"] == "RunEnded"


def test_every_artifact_that_is_tracked_is_there_with_its_hash(trained: Job) -> None:
    artifacts = {one["path"]: one["sha256"] for one in lines(trained, "tracking.jsonl") if one["kind"] == "artifact"}
    assert {"models/model.npz", "metrics/epochs.json", "summary/run_summary.json"} <= set(artifacts)
    for path, digest in artifacts.items():
        content = (Path(trained["artifact_dir"]) / path).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_the_same_seed_gives_the_same_model_and_another_seed_another(do: Callable[..., Job]) -> None:
    def digest(seed: str) -> tuple[str, float]:
        outputs = do("train", "--epochs", "2", "--hidden-units", "16", "--seed", seed)["outputs"]
        model = Path(outputs["model_path"]).read_bytes()
        return hashlib.sha256(model).hexdigest(), outputs["test_accuracy"]

    assert digest("7") == digest("7")
    assert digest("7")[0] != digest("8")[0]


def test_evaluation_agrees_with_the_training_and_draws_what_is_mistaken(do: Callable[..., Job], trained: Job) -> None:
    outputs = do("evaluate", "--run", trained["run_id"])["outputs"]
    assert outputs["training_run"] == trained["run_id"]
    assert outputs["test_accuracy"] == pytest.approx(trained["outputs"]["test_accuracy"])
    assert outputs["misclassified"] == round((1 - outputs["test_accuracy"]) * outputs["samples"])
    for name in ("confusion_matrix_path", "misclassified_path"):
        assert Path(outputs[name]).read_bytes().startswith(b"\x89PNG")


def test_the_exported_model_is_the_trained_one(trained: Job, exported: Job) -> None:
    outputs = exported["outputs"]
    content = Path(outputs["path"]).read_bytes()
    assert content == Path(trained["outputs"]["model_path"]).read_bytes()
    assert (outputs["size_bytes"], outputs["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_a_row_is_read_with_the_exported_model(do: Callable[..., Job], exported: Job) -> None:
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    for place in range(3):
        row = ",".join(str(int(one)) for one in data.data[place])
        outputs = do("predict", "--model", exported["outputs"]["path"], "--row", row)["outputs"]
        assert outputs["digit"] == int(data.target[place])
        assert outputs["confidence"] == max(outputs["probabilities"]) == outputs["probabilities"][outputs["digit"]]
        assert sum(outputs["probabilities"]) == pytest.approx(1)


def test_a_picture_is_read_with_the_latest_export(do: Callable[..., Job], exported: Job, root: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    ink = (255 - data.images[0] / 16 * 255).astype("uint8")
    picture = root / "digit.png"
    Image.fromarray(ink).resize((120, 120), Image.Resampling.BICUBIC).save(picture)
    outputs = do("predict", "--image", str(picture))["outputs"]
    assert outputs["digit"] == int(data.target[0])
