"""Tracking in files: what each line says, and what is recorded of the events of a run."""

from __future__ import annotations

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import (
    TRACKING,
    ActionFailed,
    EventLogged,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    ProgressReported,
    RunContext,
    RunEngine,
    RunResult,
    RunSpec,
    RunStore,
    TrackingClient,
)
from plugbus.kernel import Kernel, PluginLoadError, PluginMetadata, ServiceNotFoundError
from plugbus.plugins.jsonl_tracking import EventRecorder, JsonlTrackingClient, JsonlTrackingPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator


class Shipped(JsonlTrackingPlugin):
    metadata = PluginMetadata("jsonl_tracking", "1.0.0", provides=(TRACKING,))


@contextmanager
def tracking_kernel(config: dict[str, Any] | None = None) -> Iterator[Kernel]:
    with Kernel(config={"jsonl_tracking": config or {}}) as kernel:
        kernel.register(Shipped())
        kernel.load("jsonl_tracking")
        yield kernel


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with tracking_kernel() as kernel:
        yield kernel


@pytest.fixture
def client(tmp_path: Path) -> TrackingClient:
    client = JsonlTrackingClient()
    client.start_run("run-1", name="p:train:once", tags={"a": "b"}, artifact_dir=tmp_path)
    return client


def lines(path: Path) -> list[dict[str, Any]]:
    """Read a file strictly: every line is one object of JSON as its standard has it."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON")

    text = path.read_text("utf-8")
    assert text.endswith("\n")
    return [json.loads(line, parse_constant=refuse) for line in text.splitlines()]


def facts(path: Path) -> list[dict[str, Any]]:
    """Read the lines without their moment, which is checked."""
    found = lines(path)
    for one in found:
        assert next(iter(one)) == "ts"
        moment = datetime.fromisoformat(one.pop("ts"))
        assert moment.tzinfo == UTC
    return found


class TestTrackingFile:
    def test_has_a_line_for_each_thing_that_is_tracked(self, client: TrackingClient, tmp_path: Path) -> None:
        client.log_params({"model.depth": 3, "path": Path("a/b")})
        client.log_metrics({"loss": 0.5, "n": 3}, 1)
        client.log_metrics({"accuracy": 1.0})
        client.set_tags({"stage": "größe"})
        client.end_run("skipped")
        assert facts(tmp_path / "tracking.jsonl") == [
            {"kind": "run_started", "run_id": "run-1", "name": "p:train:once", "tags": {"a": "b"}},
            {"kind": "params", "params": {"model.depth": 3, "path": "a/b"}},
            {"kind": "metrics", "metrics": {"loss": 0.5, "n": 3}, "step": 1},
            {"kind": "metrics", "metrics": {"accuracy": 1.0}, "step": None},
            {"kind": "tags", "tags": {"stage": "größe"}},
            {"kind": "run_ended", "run_id": "run-1", "status": "skipped"},
        ]

    def test_is_written_line_by_line(self, client: TrackingClient, tmp_path: Path) -> None:
        for count in range(2, 5):
            client.log_params({str(count): count})
            assert len(lines(tmp_path / "tracking.jsonl")) == count

    def test_says_when_each_line_was_written(self, client: TrackingClient, tmp_path: Path) -> None:
        before = datetime.now(UTC)
        client.log_params({"a": 1})
        moment = datetime.fromisoformat(lines(tmp_path / "tracking.jsonl")[-1]["ts"])
        assert before <= moment <= datetime.now(UTC)

    def test_holds_what_is_not_finite_as_text(self, client: TrackingClient, tmp_path: Path) -> None:
        values = {"a": float("nan"), "b": float("inf"), "c": float("-inf"), "d": -0.0}
        client.log_metrics(values, 0)
        assert lines(tmp_path / "tracking.jsonl")[-1]["metrics"] == {"a": "nan", "b": "inf", "c": "-inf", "d": -0.0}

    @pytest.mark.parametrize("text", ["zwei\nZeilen\r\n\u2028", "größe 数字", "a\udcffb", '"\\\x00'])
    def test_keeps_any_text_on_one_line(self, client: TrackingClient, tmp_path: Path, text: str) -> None:
        client.set_tags({"text": text})
        raw = (tmp_path / "tracking.jsonl").read_bytes()
        assert raw.count(b"\n") == 2
        assert json.loads(raw.splitlines()[-1].decode("utf-8"))["tags"] == {"text": text}


class TestArtifacts:
    def test_are_described_by_size_and_sha256_and_stay_where_they_are(
        self, client: TrackingClient, tmp_path: Path
    ) -> None:
        content = bytes(range(256)) * 5_000
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "model.bin").write_bytes(content)
        (tmp_path / "empty.txt").touch()
        client.log_artifact(tmp_path / "models" / "model.bin", "models")
        client.log_artifact(tmp_path / "empty.txt")
        assert facts(tmp_path / "tracking.jsonl")[1:] == [
            {
                "kind": "artifact",
                "path": "models/model.bin",
                "artifact_path": "models",
                "size_bytes": 1_280_000,
                "sha256": hashlib.sha256(content).hexdigest(),
            },
            {
                "kind": "artifact",
                "path": "empty.txt",
                "artifact_path": None,
                "size_bytes": 0,
                "sha256": hashlib.sha256(b"").hexdigest(),
            },
        ]
        assert (tmp_path / "models" / "model.bin").read_bytes() == content

    def test_from_elsewhere_keep_their_whole_path(
        self, client: TrackingClient, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "model.bin"
        elsewhere.touch()
        client.log_artifact(elsewhere)
        assert lines(tmp_path / "tracking.jsonl")[-1]["path"] == str(elsewhere)

    def test_of_a_relative_directory_are_inside_it(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("run").mkdir()
        client = JsonlTrackingClient()
        client.start_run("run-1", name="run", tags={}, artifact_dir=Path("run"))
        Path("run/a.txt").touch()
        client.log_artifact(Path("run/a.txt"))
        assert lines(tmp_path / "run" / "tracking.jsonl")[-1]["path"] == "a.txt"
        assert client.get_artifact_uri() == (tmp_path / "run").as_uri()

    def test_are_not_the_files_of_the_tracking_itself(self, client: TrackingClient, tmp_path: Path) -> None:
        (tmp_path / "events.jsonl").touch()
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "events.jsonl").touch()
        for name in ("tracking.jsonl", "events.jsonl", "data/events.jsonl"):
            client.log_artifact(tmp_path / name)
        assert [one["path"] for one in lines(tmp_path / "tracking.jsonl")[1:]] == ["data/events.jsonl"]

    def test_are_found_under_a_file_address(self, client: TrackingClient, tmp_path: Path) -> None:
        assert client.get_artifact_uri() == tmp_path.as_uri()
        assert client.get_artifact_uri("models") == (tmp_path / "models").as_uri()

    def test_have_no_address_before_a_run(self) -> None:
        with pytest.raises(RuntimeError, match="no run was started"):
            JsonlTrackingClient().get_artifact_uri()


class TestClient:
    def test_refuses_a_second_run(self, client: TrackingClient, tmp_path: Path) -> None:
        with pytest.raises(RuntimeError, match="cannot track run 'run-2': this client tracks 'run-1'"):
            client.start_run("run-2", name="x", tags={}, artifact_dir=tmp_path)
        assert len(lines(tmp_path / "tracking.jsonl")) == 1

    def test_makes_the_directory_of_the_run_where_there_is_none(self, tmp_path: Path) -> None:
        client = JsonlTrackingClient()
        client.start_run("run-1", name="run", tags={}, artifact_dir=tmp_path / "runs" / "run-1")
        assert len(lines(tmp_path / "runs" / "run-1" / "tracking.jsonl")) == 1

    def test_refuses_to_track_without_a_run(self) -> None:
        with pytest.raises(RuntimeError, match="cannot track params: no run is open"):
            JsonlTrackingClient().log_params({"a": 1})


def run(kernel: Kernel, root: Path, body: Any) -> RunResult:
    engine = RunEngine(RunStore(root), kernel.services.get(TRACKING), kernel.bus)
    return engine.run(RunSpec("p"), body)


class TestEvents:
    def test_of_a_run_are_recorded_from_its_beginning_to_its_end(self, kernel: Kernel, tmp_path: Path) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            publish, job = kernel.bus.publish, context.run_id
            publish(ProgressReported(job, 1, 2, "train"))
            publish(ProgressReported("another job", 9, 9))
            publish(ProgressReported(None, 9, 9))
            publish(MetricsRecorded(job, {"loss": float("nan")}, "train", 1))
            publish(MessageLogged(job, LogLevel.WARNING, "text"))
            publish(EventLogged(job, "loaded", {"rows": 3}))
            publish(ActionFailed(job, "a", 0.5, OSError("x")))
            return {}

        result = run(kernel, tmp_path, body)
        kernel.bus.publish(ProgressReported(result.run_id, 2, 2))
        recorded = facts(Path(result.artifact_dir) / "events.jsonl")
        assert all(list(one)[:2] == ["type", "job_id"] and one.pop("job_id") == result.run_id for one in recorded)
        assert recorded == [
            {"type": "RunStarted", "plugin_key": "p", "pipeline": "train", "artifact_dir": result.artifact_dir},
            {"type": "ProgressReported", "current": 1, "total": 2, "category": "train"},
            {"type": "MetricsRecorded", "values": {"loss": "nan"}, "category": "train", "step": 1, "action": None},
            {
                "type": "MessageLogged",
                "level": "warning",
                "message": "text",
                "is_for_developers": False,
                "code": None,
                "language": None,
                "fields": {},
            },
            {"type": "EventLogged", "name": "loaded", "data": {"rows": 3}, "file": None, "level": "info"},
            {
                "type": "ActionFailed",
                "action": "a",
                "duration_s": 0.5,
                "error": {"error": "builtins.OSError", "message": "x"},
            },
            {"type": "RunEnded", "status": "ok", "duration_s": result.duration_s, "message": None},
        ]

    def test_are_complete_where_the_run_failed(self, kernel: Kernel, tmp_path: Path) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            raise ArithmeticError("ran away")

        result = run(kernel, tmp_path, body)
        recorded = lines(Path(result.artifact_dir) / "events.jsonl")
        assert [one["type"] for one in recorded] == ["RunStarted", "RunEnded"]
        assert recorded[-1]["message"] == "ArithmeticError: ran away"

    def test_are_left_out_where_the_host_says_so(self, tmp_path: Path) -> None:
        with tracking_kernel({"events": False}) as kernel:
            before = kernel.bus.subscriptions
            result = run(kernel, tmp_path, lambda spec, /, *, context: {})
            assert not before
        names = {one.name for one in Path(result.artifact_dir).iterdir()}
        assert names == {"tracking.jsonl", "summary"}

    def test_of_parallel_runs_do_not_mix(self, kernel: Kernel, tmp_path: Path) -> None:
        together = threading.Barrier(4, timeout=60)

        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            together.wait()
            for number in range(50):
                kernel.bus.publish(MetricsRecorded(context.run_id, {"n": number}, step=number))
            together.wait()
            return {}

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(lambda _: run(kernel, tmp_path, body), range(4)))
        assert len({result.artifact_dir for result in results}) == 4
        for result in results:
            folder = Path(result.artifact_dir)
            events = lines(folder / "events.jsonl")
            assert {one["job_id"] for one in events} == {result.run_id}
            assert [one["step"] for one in events[1:-1]] == list(range(50))
            tracked = lines(folder / "tracking.jsonl")
            assert [one["step"] for one in tracked if one["kind"] == "metrics"] == list(range(50))
            assert tracked[0]["run_id"] == tracked[-1]["run_id"] == result.run_id

    def test_published_from_several_threads_are_all_whole_lines(self, kernel: Kernel, tmp_path: Path) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            def publish(number: int) -> None:
                kernel.bus.publish(MessageLogged(context.run_id, LogLevel.INFO, f"{number} {'x' * 5_000}"))

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(publish, range(100)))
            return {}

        result = run(kernel, tmp_path, body)
        recorded = lines(Path(result.artifact_dir) / "events.jsonl")[1:-1]
        assert sorted(int(one["message"].split()[0]) for one in recorded) == list(range(100))


class TestPlugin:
    def test_offers_a_client_of_its_own_to_each_run(self, kernel: Kernel) -> None:
        backend = kernel.services.get(TRACKING)
        assert backend.create_client() is not backend.create_client()

    @pytest.mark.parametrize("config", [{"event": False}, {"events": "perhaps"}])
    def test_refuses_a_configuration_that_it_does_not_know(self, config: dict[str, Any]) -> None:
        with pytest.raises(PluginLoadError, match="event"), tracking_kernel(config):
            pytest.fail("it was loaded")

    def test_hears_and_offers_nothing_once_it_is_unloaded(self, kernel: Kernel) -> None:
        kernel.unload("jsonl_tracking")
        assert kernel.bus.subscriptions == ()
        with pytest.raises(ServiceNotFoundError):
            kernel.services.get(TRACKING)


class TestJobLogs:
    @pytest.mark.parametrize("job", ["job-1", "../../up", "a/b\\c:d", "..", "x" * 500, "größe", "\ud800"])
    def test_keep_the_events_of_jobs_that_are_no_runs_in_one_file_each(self, tmp_path: Path, job: str) -> None:
        folder = tmp_path / "logs"
        recorder = EventRecorder(folder)
        recorder.record(MessageLogged(job, LogLevel.WARNING, "one"))
        recorder.record(MessageLogged(job, LogLevel.INFO, "two"))
        recorder.record(MessageLogged(None, LogLevel.INFO, "of no job"))
        (file,) = folder.iterdir()
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        assert [(one["type"], one["level"], one["message"]) for one in lines] == [
            ("MessageLogged", "warning", "one"),
            ("MessageLogged", "info", "two"),
        ]
        assert list(tmp_path.iterdir()) == [folder]

    def test_of_runs_stay_in_their_folders(self, tmp_path: Path) -> None:
        recorder = EventRecorder(tmp_path / "logs")
        recorder.start("run", tmp_path / "run")
        recorder.record(MessageLogged("run", LogLevel.INFO, "one"))
        assert [one.name for one in tmp_path.iterdir()] == ["run"]
