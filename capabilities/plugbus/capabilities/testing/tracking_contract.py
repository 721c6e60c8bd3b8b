"""What every tracking has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import EventBus

from ..runs import RunEngine, RunSpec, RunStatus, RunStore

if TYPE_CHECKING:
    from pathlib import Path

    from ..runs import RunContext, TrackingBackend, TrackingClient

TAGS = {"purpose": "contract", "größe": "klein"}


@dataclass(frozen=True, slots=True)
class Tracked:
    """What is found where a tracking keeps it.

    Args:
        name: The run's name.
        status: What it ended with; None while it is open.
        params: Parameters, as they were logged.
        metrics: One ``(key, value, step)`` for each number, in their order.
        tags: The tags as they are now.
        artifacts: One ``(file name, artifact_path)`` for each file, in their order.
    """

    name: str
    status: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    metrics: tuple[tuple[str, float, int | None], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: tuple[tuple[str, str | None], ...] = ()


class TrackingContract(ABC):
    """Inherit it in a class named ``Test…``, give it the fixture ``backend``, and say how to read what was tracked."""

    @pytest.fixture
    @abstractmethod
    def backend(self) -> TrackingBackend:
        """Return the tracking that is to be tested."""

    @abstractmethod
    def read(self, backend: TrackingBackend, run_id: str, artifact_dir: Path) -> Tracked:
        """Look up what was tracked of a run, where the tracking keeps it."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Return the artifact directory of a run."""
        folder = tmp_path / "runs" / "run-1"
        folder.mkdir(parents=True)
        return folder

    @pytest.fixture
    def client(self, backend: TrackingBackend, folder: Path) -> TrackingClient:
        """Return a client whose run is open."""
        client = backend.create_client()
        client.start_run("run-1", name="plugin:train:once", tags=TAGS, artifact_dir=folder)
        return client

    def test_start_records_name_and_tags(self, backend: TrackingBackend, client: TrackingClient, folder: Path) -> None:
        """A run that has just begun can be found under its name and tags, and has not ended."""
        found = self.read(backend, "run-1", folder)
        assert found.name == "plugin:train:once"
        assert found.tags == TAGS
        assert found.status is None

    @pytest.mark.parametrize("status", [one.value for one in RunStatus])
    def test_end_records_the_status(
        self, backend: TrackingBackend, client: TrackingClient, folder: Path, status: str
    ) -> None:
        """The status of a run that ended is the one that it ended with."""
        client.end_run(status)
        assert self.read(backend, "run-1", folder).status == status

    def test_params_are_recorded(self, backend: TrackingBackend, client: TrackingClient, folder: Path) -> None:
        """Parameters keep their keys and values, over several calls."""
        client.log_params({"model.depth": 3, "model.type": "größe", "seed": None})
        client.log_params({"split.train": 0.8, "shuffle": True, "data.path": "x" * 2_000, "sizes": [1, 2]})
        assert self.read(backend, "run-1", folder).params == {
            "model.depth": 3,
            "model.type": "größe",
            "seed": None,
            "split.train": 0.8,
            "shuffle": True,
            "data.path": "x" * 2_000,
            "sizes": [1, 2],
        }

    def test_metrics_keep_order_and_step(self, backend: TrackingBackend, client: TrackingClient, folder: Path) -> None:
        """Every number is kept, also when the same key is measured again, with its step or without one."""
        client.log_metrics({"train_loss": 0.5, "val_loss": 0.75}, 0)
        client.log_metrics({"train_loss": 0.25}, 1)
        client.log_metrics({"test_accuracy": 1.0})
        assert self.read(backend, "run-1", folder).metrics == (
            ("train_loss", 0.5, 0),
            ("val_loss", 0.75, 0),
            ("train_loss", 0.25, 1),
            ("test_accuracy", 1.0, None),
        )

    def test_metrics_that_are_not_finite_are_recorded(
        self, backend: TrackingBackend, client: TrackingClient, folder: Path
    ) -> None:
        """A loss that ran away is a fact of the run, not an error of its tracking."""
        client.log_metrics({"a": math.nan, "b": math.inf, "c": -math.inf}, 7)
        (nan, inf, minus_inf) = self.read(backend, "run-1", folder).metrics
        assert nan[0] == "a"
        assert math.isnan(nan[1])
        assert (inf, minus_inf) == (("b", math.inf, 7), ("c", -math.inf, 7))

    def test_a_tag_set_again_takes_the_new_value(
        self, backend: TrackingBackend, client: TrackingClient, folder: Path
    ) -> None:
        """Tags are what they were set to last; the others stay."""
        client.set_tags({"stage": "draft", "purpose": "smoke"})
        client.set_tags({"stage": "final"})
        assert self.read(backend, "run-1", folder).tags == {**TAGS, "stage": "final", "purpose": "smoke"}

    def test_artifacts_are_recorded_and_left_alone(
        self, backend: TrackingBackend, client: TrackingClient, folder: Path
    ) -> None:
        """A file is recorded under the folder that was named, and is still what it was."""
        (folder / "models").mkdir()
        model, notes = folder / "models" / "model.bin", folder / "notes.txt"
        model.write_bytes(bytes(range(256)))
        notes.write_bytes(b"")
        client.log_artifact(model, "models")
        client.log_artifact(notes)
        assert self.read(backend, "run-1", folder).artifacts == (("model.bin", "models"), ("notes.txt", None))
        assert model.read_bytes() == bytes(range(256))
        assert notes.read_bytes() == b""

    def test_a_missing_file_is_refused(self, client: TrackingClient, folder: Path) -> None:
        """An artifact that is not there can't be recorded."""
        with pytest.raises(OSError, match="absent"):
            client.log_artifact(folder / "absent.bin")

    def test_artifacts_have_an_address(self, client: TrackingClient) -> None:
        """Where artifacts are found is an address with a scheme, and a folder in it is below it."""
        root, inner = client.get_artifact_uri(), client.get_artifact_uri("models")
        assert ":" in root
        assert inner == root.rstrip("/") + "/models"

    def test_nothing_to_record_is_no_error(
        self, backend: TrackingBackend, client: TrackingClient, folder: Path
    ) -> None:
        """Calls without content are allowed and leave nothing."""
        client.log_params({})
        client.log_metrics({})
        client.set_tags({})
        found = self.read(backend, "run-1", folder)
        assert (found.params, found.metrics, found.tags) == ({}, (), TAGS)

    def test_a_run_begins_once(self, client: TrackingClient, folder: Path) -> None:
        """A client whose run is open takes no other one."""
        with pytest.raises(Exception, match="run-1"):
            client.start_run("run-2", name="again", tags={}, artifact_dir=folder)

    def test_a_run_ends_once(self, backend: TrackingBackend, client: TrackingClient, folder: Path) -> None:
        """The second end is refused, and the first status stays."""
        client.end_run("ok")
        with pytest.raises(Exception, match=r".+"):
            client.end_run("failed")
        assert self.read(backend, "run-1", folder).status == "ok"

    def test_nothing_is_recorded_after_the_end(
        self, backend: TrackingBackend, client: TrackingClient, folder: Path
    ) -> None:
        """Whoever logs too late is told so."""
        client.end_run("ok")
        before = self.read(backend, "run-1", folder)
        with pytest.raises(Exception, match=r".+"):
            client.log_params({"a": 1})
        with pytest.raises(Exception, match=r".+"):
            client.log_metrics({"a": 1.0})
        with pytest.raises(Exception, match=r".+"):
            client.set_tags({"a": "1"})
        assert self.read(backend, "run-1", folder) == before

    def test_clients_share_nothing(self, backend: TrackingBackend, tmp_path: Path) -> None:
        """Two runs that are open at the same time keep apart what they log."""
        folders = (tmp_path / "one", tmp_path / "two")
        clients = (backend.create_client(), backend.create_client())
        for client, folder in zip(clients, folders, strict=True):
            folder.mkdir()
            client.start_run(folder.name, name=folder.name, tags={}, artifact_dir=folder)
        for client, folder in zip(clients, folders, strict=True):
            client.log_params({"who": folder.name})
        clients[0].end_run("ok")
        one, two = (self.read(backend, folder.name, folder) for folder in folders)
        assert (one.params, one.status) == ({"who": "one"}, "ok")
        assert (two.params, two.status) == ({"who": "two"}, None)
        clients[1].end_run("failed")

    @pytest.mark.parametrize("outcome", ["returns", "raises"])
    def test_a_whole_run_is_recorded(self, backend: TrackingBackend, tmp_path: Path, outcome: str) -> None:
        """A run of the engine arrives with what its work logged, with its summary, and with its end."""

        def work(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            context.tracking.log_param("model.depth", 3)
            context.tracking.log_metric("loss", 0.5, step=1)
            if outcome == "raises":
                raise ArithmeticError("loss ran away")
            return {}

        engine = RunEngine(RunStore(tmp_path), backend, EventBus())
        result = engine.run(RunSpec("plugin", tags={"purpose": "contract"}), work)
        found = self.read(backend, result.run_id, tmp_path / "runs" / result.run_id)
        assert found.status == result.status.value == ("ok" if outcome == "returns" else "failed")
        assert found.params == {"model.depth": 3}
        assert found.metrics == (("loss", 0.5, 1),)
        assert found.tags == {"purpose": "contract", "plugin": "plugin", "pipeline": "train", "run_mode": "once"}
        assert ("run_summary.json", "summary") in found.artifacts
        assert (("exception.txt", "errors") in found.artifacts) == (outcome == "raises")
