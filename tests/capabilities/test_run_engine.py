"""A run, whatever happens in it: one beginning, one end, its own directory, a summary, and the result of the work."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import (
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    PluginInfo,
    RunContext,
    RunEnded,
    RunEngine,
    RunLifecycleError,
    RunResult,
    RunSpec,
    RunStarted,
    RunStatus,
    RunStore,
)
from plugbus.capabilities.testing import FakeTracking, FakeTrackingClient
from plugbus.kernel import Event, EventBus, SubscriberFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugbus.capabilities import RunBody

SPEC = RunSpec("digits", data_spec={"epochs": 3}, seed=0)


class Bench:
    """An engine with everything around it that a test looks at."""

    def __init__(self, root: Path, failing: Mapping[str, BaseException] | None = None) -> None:
        self.bus = EventBus()
        self.events: list[Event] = []
        self.bus.subscribe("*", self.events.append)
        self.store = RunStore(root)
        self.tracking = FakeTracking(dict(failing or {}))
        self.engine = RunEngine(self.store, self.tracking, self.bus)

    @property
    def client(self) -> FakeTrackingClient:
        return self.tracking.client

    def run(self, body: RunBody, spec: RunSpec = SPEC, **known: Any) -> RunResult:
        return self.engine.run(spec, body, **known)

    @property
    def folder(self) -> Path:
        """Return the directory of the only run."""
        (only,) = self.store
        return only.path

    @property
    def summary(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "summary" / "run_summary.json").read_text("utf-8"))
        return found

    @property
    def topics(self) -> list[str]:
        return [event.topic for event in self.events]

    def assert_closed(self, status: str) -> None:
        """Check what holds of every run that began: one start, one end, one summary, all of the same status."""
        assert self.client.calls.count("start_run") == 1
        assert self.client.calls.count("end_run") == 1
        assert self.client.calls[-1] == "end_run"
        assert self.client.statuses == [status]
        assert self.summary["status"] == status
        assert self.topics.count("RunStarted") == self.topics.count("RunEnded") == 1
        ended = self.events[-1]
        assert isinstance(ended, RunEnded)
        assert ended.status == status
        assert ended.job_id == self.client.run_id == self.folder.name == self.summary["run_id"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def succeed(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
    return {"accuracy": 0.5}


def fail(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
    try:
        raise LookupError("no such row")
    except LookupError as error:
        raise ArithmeticError("loss ran away") from error


class Uncooperative:
    def __repr__(self) -> str:
        raise OSError("no text")


def raising(error: BaseException) -> RunBody:
    def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
        raise error

    return body


def returning(value: Any) -> RunBody:
    def body(spec: RunSpec, /, *, context: RunContext) -> Any:
        return value

    return body


class TestContext:
    """What core guarantees to plugins."""

    def test_has_five_fields_that_can_only_be_read(self, bench: Bench) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            assert [one.name for one in fields(context)] == ["run_id", "spec", "tracking", "artifact_dir", "logger"]
            with pytest.raises(FrozenInstanceError):
                context.run_id = "other"  # type: ignore[misc] # that is the fault
            return {}

        assert bench.run(body).is_ok

    def test_has_the_very_specification_that_asked_for_the_run(self, bench: Bench) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            return {"same": spec is SPEC and context.spec is SPEC}

        assert bench.run(body).outputs == {"same": True}

    def test_has_one_id_everywhere(self, bench: Bench) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            return {"id": context.run_id, "tracking": context.tracking.active_run_id, "dir": context.artifact_dir.name}

        result = bench.run(body)
        assert set(result.outputs.values()) == {result.run_id}
        assert bench.client.run_id == bench.summary["run_id"] == bench.folder.name == result.run_id
        assert {event.job_id for event in bench.events if isinstance(event, RunStarted | RunEnded)} == {result.run_id}

    def test_has_a_directory_that_exists_and_can_be_written(self, bench: Bench, tmp_path: Path) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            assert context.artifact_dir == tmp_path / "runs" / context.run_id
            assert list(context.artifact_dir.iterdir()) == []
            (context.artifact_dir / "models").mkdir()
            (context.artifact_dir / "models" / "model.bin").write_bytes(b"1")
            return {}

        result = bench.run(body)
        assert (Path(result.artifact_dir) / "models" / "model.bin").read_bytes() == b"1"
        assert bench.client.artifact_dir == Path(result.artifact_dir)

    def test_has_a_logger_of_the_run(self, bench: Bench) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            context.logger.info("read %d rows", 3)
            return {}

        result = bench.run(body)
        assert MessageLogged(result.run_id, LogLevel.INFO, "read 3 rows") in bench.events


class TestLifecycle:
    """Core owns the run's beginning and end."""

    def test_begins_and_ends_once_on_success(self, bench: Bench) -> None:
        before = datetime.now(UTC)
        result = bench.run(succeed)
        bench.assert_closed("ok")
        assert (result.status, result.is_ok, result.message, result.error) == (RunStatus.OK, True, None, None)
        assert result.outputs == {"accuracy": 0.5}
        assert result.artifact_dir == str(bench.folder)
        assert result.started_at_utc is not None
        assert result.ended_at_utc is not None
        assert before <= result.started_at_utc <= result.ended_at_utc <= datetime.now(UTC)
        assert result.duration_s >= 0
        assert bench.topics == ["RunStarted", "RunEnded"]
        assert bench.events[0] == RunStarted(result.run_id, "digits", "train", result.artifact_dir)
        assert bench.events[1] == RunEnded(result.run_id, "ok", result.duration_s, None)

    def test_begins_and_ends_once_on_an_exception(self, bench: Bench) -> None:
        result = bench.run(fail)
        bench.assert_closed("failed")
        assert (result.status, result.is_ok) == (RunStatus.FAILED, False)
        assert result.message == "ArithmeticError: loss ran away"
        assert isinstance(result.error, ArithmeticError)
        assert result.outputs == {}
        assert bench.events[-1] == RunEnded(result.run_id, "failed", result.duration_s, result.message)

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), GeneratorExit("stop")])
    def test_begins_and_ends_once_on_an_interrupt_and_raises_it_again(self, bench: Bench, error: BaseException) -> None:
        with pytest.raises(type(error)) as caught:
            bench.run(raising(error))
        assert caught.value is error
        bench.assert_closed("cancelled")
        assert bench.summary["message"].startswith(type(error).__name__)
        assert not (bench.folder / "errors").exists()

    @pytest.mark.parametrize(
        ("returned", "message"),
        [
            (None, "TypeError: cannot accept result of run: it is a NoneType, not a RunResult or a mapping"),
            (3, "TypeError: cannot accept result of run: it is a int, not a RunResult or a mapping"),
            (RunResult, "TypeError: cannot accept result of run: it is a type, not a RunResult or a mapping"),
            (
                RunResult(outputs=[1]),  # type: ignore[arg-type] # that is the fault
                "TypeError: cannot accept outputs of run: they are a list, not a mapping",
            ),
            (
                RunResult(status="great"),  # type: ignore[arg-type] # that is the fault
                "ValueError: 'great' is not a valid RunStatus",
            ),
        ],
    )
    def test_begins_and_ends_once_on_a_result_that_is_none(self, bench: Bench, returned: Any, message: str) -> None:
        result = bench.run(returning(returned))
        bench.assert_closed("failed")
        assert result.message == message
        assert message in (bench.folder / "errors" / "exception.txt").read_text("utf-8")

    def test_survives_an_error_that_can_not_be_written(self, bench: Bench) -> None:
        class BrokenError(Exception):
            def __str__(self) -> str:
                raise OSError("no text")

        result = bench.run(raising(BrokenError()))
        bench.assert_closed("failed")
        assert result.message is not None
        assert result.message.endswith("BrokenError")
        assert "BrokenError: <exception str() failed>" in (bench.folder / "errors" / "exception.txt").read_text("utf-8")

    @pytest.mark.parametrize("verb", ["start_run", "end_run"])
    def test_is_refused_to_a_plugin_and_the_run_closed_all_the_same(self, bench: Bench, verb: str) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            getattr(context.tracking, verb)("ok")
            return {}

        result = bench.run(body)
        assert isinstance(result.error, RunLifecycleError)
        bench.assert_closed("failed")

    def test_is_refused_to_a_plugin_that_goes_on_and_changes_nothing(self, bench: Bench) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            with pytest.raises(RunLifecycleError):
                context.tracking.end_run("failed")
            context.tracking.log_metric("loss", 0.5)
            return {"done": True}

        assert bench.run(body).outputs == {"done": True}
        bench.assert_closed("ok")
        assert bench.client.metrics == [("loss", 0.5, None)]

    def test_refuses_to_track_after_the_end(self, bench: Bench) -> None:
        kept: list[RunContext] = []

        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            kept.append(context)
            return {}

        bench.run(body)
        with pytest.raises(RunLifecycleError, match="it is over"):
            kept[0].tracking.log_metric("loss", 0.5)
        assert kept[0].tracking.active_run_id is None
        bench.assert_closed("ok")

    @pytest.mark.parametrize("topic", ["RunStarted", "RunEnded"])
    def test_ends_once_where_a_subscriber_is_interrupted(self, bench: Bench, topic: str) -> None:
        def interrupt(event: Event) -> None:
            raise KeyboardInterrupt

        bench.bus.subscribe(topic, interrupt)
        with pytest.raises(KeyboardInterrupt):
            bench.run(succeed)
        bench.assert_closed("cancelled" if topic == "RunStarted" else "ok")

    @pytest.mark.parametrize("method", ["log_artifact", "end_run"])
    def test_is_finished_where_tracking_is_interrupted_after_the_work(self, tmp_path: Path, method: str) -> None:
        interrupt = KeyboardInterrupt()
        bench = Bench(tmp_path, {method: interrupt})
        with pytest.raises(KeyboardInterrupt) as caught:
            bench.run(succeed)
        assert caught.value is interrupt
        assert bench.client.calls.count("end_run") == 1
        assert bench.summary["status"] == "ok"
        assert bench.topics == ["RunStarted", "RunEnded"]

    def test_raises_the_interrupt_of_the_work_before_a_later_one(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, {"end_run": SystemExit(9)})
        with pytest.raises(KeyboardInterrupt):
            bench.run(raising(KeyboardInterrupt()))
        assert bench.topics == ["RunStarted", "RunEnded"]

    def test_leaves_no_subscription(self, bench: Bench) -> None:
        before = bench.bus.subscriptions
        bench.run(succeed)
        bench.run(fail)
        assert bench.bus.subscriptions == before


class TestResult:
    def test_of_the_work_is_respected(self, bench: Bench) -> None:
        given = RunResult({"rows": 0}, RunStatus.SKIPPED, "nothing to do")
        result = bench.run(returning(given))
        assert (result.outputs, result.status, result.message) == ({"rows": 0}, RunStatus.SKIPPED, "nothing to do")
        bench.assert_closed("skipped")
        assert bench.summary["message"] == "nothing to do"
        assert bench.summary["outputs"] == {"rows": 0}

    @pytest.mark.parametrize("status", list(RunStatus))
    def test_may_have_any_status_also_as_text(self, bench: Bench, status: RunStatus) -> None:
        result = bench.run(returning(RunResult(status=status.value)))  # type: ignore[arg-type] # what people write
        assert result.status is status
        bench.assert_closed(status.value)
        assert not (bench.folder / "errors").exists()

    def test_that_failed_with_an_error_is_written_down(self, bench: Bench) -> None:
        error = OSError("no device")
        result = bench.run(returning(RunResult(status=RunStatus.FAILED, error=error)))
        assert result.error is error
        assert "OSError: no device" in (bench.folder / "errors" / "exception.txt").read_text("utf-8")

    def test_does_not_choose_its_own_id_and_place(self, bench: Bench) -> None:
        result = bench.run(returning(RunResult(run_id="mine", artifact_dir="/elsewhere", duration_s=-1.0)))
        assert result.run_id == bench.folder.name
        assert result.artifact_dir == str(bench.folder)
        assert result.duration_s >= 0

    def test_may_be_outputs_alone(self, bench: Bench) -> None:
        assert bench.run(succeed).outputs == {"accuracy": 0.5}

    def test_is_the_same_for_the_same_seed_and_specification(self, bench: Bench) -> None:
        import random

        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            return {"drawn": random.Random(spec.seed).random()}

        assert bench.run(body).outputs == bench.run(body).outputs


class TestFiles:
    def test_hold_a_summary_with_every_fact(self, bench: Bench) -> None:
        spec = RunSpec(
            "digits", "score", "backfill", "mnist", {"sizes": [1, 2]}, 7, {"purpose": "smoke"}, "try", "request-1"
        )
        plugin = PluginInfo("digits", "Digits", "1.2.0", "Reads digits.")
        result = bench.run(succeed, spec, plugin=plugin)
        summary = bench.summary
        times = [datetime.fromisoformat(summary.pop(key)) for key in ("started_at_utc", "ended_at_utc")]
        assert times == [result.started_at_utc, result.ended_at_utc]
        assert summary == {
            "schema_version": 1,
            "run_id": result.run_id,
            "status": "ok",
            "duration_s": result.duration_s,
            "message": None,
            "spec": {
                "plugin_key": "digits",
                "pipeline": "score",
                "run_mode": "backfill",
                "dataset_id": "mnist",
                "data_spec": {"sizes": [1, 2]},
                "seed": 7,
                "tags": {"purpose": "smoke"},
                "notes": "try",
                "request_id": "request-1",
            },
            "plugin": {"key": "digits", "name": "Digits", "version": "1.2.0", "description": "Reads digits."},
            "outputs": {"accuracy": 0.5},
        }

    def test_hold_a_summary_without_a_plugin(self, bench: Bench) -> None:
        bench.run(succeed)
        assert bench.summary["plugin"] is None

    def test_hold_the_exception_with_its_causes(self, bench: Bench) -> None:
        bench.run(fail)
        text = (bench.folder / "errors" / "exception.txt").read_text("utf-8")
        assert text.startswith("Traceback (most recent call last):\n")
        assert "LookupError: no such row\n" in text
        assert "The above exception was the direct cause of the following exception:" in text
        assert text.endswith("ArithmeticError: loss ran away\n")

    def test_are_logged_as_artifacts_before_the_end(self, bench: Bench) -> None:
        bench.run(fail)
        assert bench.client.artifacts == [
            (bench.folder / "errors" / "exception.txt", "errors"),
            (bench.folder / "summary" / "run_summary.json", "summary"),
        ]

    def test_of_a_failed_run_are_never_shown_for_one_that_ended_well(self, bench: Bench) -> None:
        failed, good = bench.run(fail), bench.run(succeed)
        assert failed.artifact_dir != good.artifact_dir
        assert not (Path(good.artifact_dir) / "errors").exists()
        logged = {path.name for path, _ in bench.tracking.clients[1].artifacts}
        assert logged == {"run_summary.json"}

    def test_keep_the_specification_that_the_run_began_with(self, bench: Bench) -> None:
        data = {"epochs": 3, "sizes": [1]}

        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            data["epochs"] = 4
            with pytest.raises(TypeError):
                spec.data_spec["epochs"] = 5  # type: ignore[index] # that is the fault
            return {}

        assert bench.run(body, RunSpec("digits", data_spec=data)).is_ok
        assert bench.summary["spec"]["data_spec"] == {"epochs": 3, "sizes": [1]}

    def test_can_be_read_whatever_the_outputs_are(self, bench: Bench) -> None:
        loop: dict[str, Any] = {"nan": float("nan"), "path": Path("a"), "object": Uncooperative()}
        loop["itself"] = loop
        result = bench.run(returning(loop))
        bench.assert_closed("ok")
        assert result.outputs is loop
        assert bench.summary["outputs"] == {
            "nan": "nan",
            "path": "a",
            "object": "<Uncooperative without text: OSError>",
            "itself": "<cycle: dict>",
        }


class TestTags:
    def test_say_what_the_run_is(self, bench: Bench) -> None:
        spec = RunSpec("digits", "score", "backfill", "mnist", {}, 0, {"purpose": "smoke"}, None, "request-1")
        bench.run(succeed, spec, plugin=PluginInfo("digits", "Digits", "1.2.0"))
        assert bench.client.name == "digits:score:backfill"
        assert bench.client.tags == {
            "purpose": "smoke",
            "plugin": "digits",
            "pipeline": "score",
            "run_mode": "backfill",
            "dataset_id": "mnist",
            "request_id": "request-1",
            "seed": "0",
            "plugin_name": "Digits",
            "plugin_version": "1.2.0",
        }

    def test_leave_out_what_is_not_known(self, bench: Bench) -> None:
        bench.run(succeed, RunSpec("digits"), plugin=PluginInfo("digits"))
        assert bench.client.tags == {
            "plugin": "digits",
            "pipeline": "train",
            "run_mode": "once",
            "plugin_version": "0.1.0",
        }

    def test_of_the_user_do_not_hide_what_the_run_is(self, bench: Bench) -> None:
        bench.run(succeed, RunSpec("digits", tags={"plugin": "other", "seed": "9", "stage": "draft"}, seed=1))
        assert bench.client.tags["plugin"] == "digits"
        assert bench.client.tags["seed"] == "1"
        assert bench.client.tags["stage"] == "draft"


class TestTracking:
    """Failures of tracking never mask the result of the work."""

    @pytest.mark.parametrize("method", ["log_artifact", "end_run"])
    @pytest.mark.parametrize(("body", "status"), [(succeed, "ok"), (fail, "failed")])
    def test_that_fails_after_the_work_is_logged(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, method: str, body: RunBody, status: str
    ) -> None:
        bench = Bench(tmp_path, {method: ConnectionError("server gone")})
        with caplog.at_level(logging.ERROR):
            result = bench.run(body)
        assert result.status.value == status
        assert bench.client.calls.count("end_run") == 1
        assert bench.topics == ["RunStarted", "RunEnded"]
        (record,) = caplog.records
        assert result.run_id in record.getMessage()
        assert record.__dict__["run_id"] == result.run_id
        assert record.exc_info is not None
        assert isinstance(record.exc_info[1], ConnectionError)

    def test_that_fails_during_the_work_fails_the_work(self, tmp_path: Path) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            context.tracking.log_param("a", 1)
            return {}

        bench = Bench(tmp_path, {"log_params": ConnectionError("server gone")})
        result = bench.run(body)
        assert isinstance(result.error, ConnectionError)
        bench.assert_closed("failed")

    def test_that_can_not_begin_keeps_the_work_from_beginning(self, tmp_path: Path) -> None:
        ran: list[str] = []

        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            ran.append(context.run_id)
            return {}

        bench = Bench(tmp_path, {"start_run": ConnectionError("no server")})
        with pytest.raises(ConnectionError, match="no server"):
            bench.run(body)
        assert ran == []
        assert bench.client.calls == ["start_run"]
        assert bench.events == []

    @pytest.mark.parametrize("name", ["summary", "errors"])
    def test_goes_on_where_a_file_can_not_be_written(
        self, bench: Bench, caplog: pytest.LogCaptureFixture, name: str
    ) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            (context.artifact_dir / name).touch()
            raise ArithmeticError("loss ran away")

        result = bench.run(body)
        assert isinstance(result.error, ArithmeticError)
        assert bench.client.statuses == ["failed"]
        assert [record.exc_info is not None for record in caplog.records] == [True]
        assert bench.topics == ["RunStarted", "RunEnded"]

    def test_takes_the_metrics_that_the_run_publishes(self, bench: Bench) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            bench.bus.publish(MetricsRecorded(context.run_id, {"loss": 0.5, "n": 3}, "train", 1))
            bench.bus.publish(MetricsRecorded("another job", {"loss": 9.0}))
            bench.bus.publish(MetricsRecorded(None, {"loss": 9.0}))
            return {}

        bench.run(body)
        assert bench.client.metrics == [("loss", 0.5, 1), ("n", 3.0, 1)]

    def test_refuses_a_metric_that_is_none_without_failing_the_work(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            bench.bus.publish(MetricsRecorded(context.run_id, {"loss": "low"}))  # type: ignore[dict-item] # the fault
            return {"done": True}

        assert bench.run(body).outputs == {"done": True}
        bench.assert_closed("ok")
        assert [event for event in bench.events if isinstance(event, SubscriberFailed)]
        assert len(caplog.records) == 1

    def test_of_a_plugin_that_logs_nothing_holds_the_tags_and_the_summary(self, bench: Bench) -> None:
        bench.run(returning({}))
        assert (bench.client.params, bench.client.metrics) == ({}, [])
        assert [place for _, place in bench.client.artifacts] == ["summary"]


class TestParallel:
    def test_runs_share_neither_directory_nor_tracking(self, bench: Bench) -> None:
        together = threading.Barrier(4, timeout=60)

        def body(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            together.wait()
            (context.artifact_dir / "own.txt").write_text(spec.data_spec["who"])
            context.tracking.log_param("who", spec.data_spec["who"])
            bench.bus.publish(MetricsRecorded(context.run_id, {"who": float(spec.data_spec["who"])}))
            together.wait()
            return {"who": spec.data_spec["who"]}

        def run(number: int) -> RunResult:
            return bench.run(body, RunSpec("digits", data_spec={"who": str(number)}))

        with ThreadPoolExecutor(4) as pool:
            results = list(pool.map(run, range(4)))
        assert len({result.artifact_dir for result in results}) == 4
        clients = {client.run_id: client for client in bench.tracking.clients}
        for number, result in enumerate(results):
            assert result.outputs == {"who": str(number)}
            assert (Path(result.artifact_dir) / "own.txt").read_text() == str(number)
            client = clients[result.run_id]
            assert client.params == {"who": str(number)}
            assert client.metrics == [("who", float(number), None)]
            assert client.statuses == ["ok"]

    def test_runs_may_lie_inside_one_another(self, bench: Bench) -> None:
        def outer(spec: RunSpec, /, *, context: RunContext) -> dict[str, Any]:
            inner = bench.run(fail)
            context.tracking.log_param("inner", inner.run_id)
            return {"inner": inner.status.value, "id": inner.run_id}

        result = bench.run(outer)
        assert result.outputs["inner"] == "failed"
        assert result.outputs["id"] != result.run_id
        assert [client.statuses for client in bench.tracking.clients] == [["ok"], ["failed"]]


@pytest.mark.parametrize("make", [lambda: RunStatus("ok"), lambda: RunResult().status])
def test_a_result_is_ok_unless_it_says_otherwise(make: Callable[[], RunStatus]) -> None:
    assert make() is RunStatus.OK
