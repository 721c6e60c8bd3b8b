"""What reaches the backend of what jobs tell, also when it fails, hangs or lies; and what is said of losses."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

import plugbus.plugins
from plugbus.capabilities import (
    BACKEND,
    ActionCall,
    ActionCompleted,
    BackendClient,
    BackendFailedError,
    BaseAction,
    JobLogEntry,
    JobStatus,
    JobUpdate,
    LogLevel,
    LogsDelivered,
    MessageLogged,
    ProgressReported,
    RecordContentError,
    RunEnded,
    RunStarted,
    RuntimeContext,
    WorkEvent,
)
from plugbus.kernel import Event, EventBus, Kernel, SubscriberFailed
from plugbus.loaders import DirectoryLoader
from plugbus.plugins.backend_logging import JobLogWriter, WriterSettings
from plugbus.plugins.backend_logging.backlog import Backlog
from plugbus.plugins.backend_logging.breaker import Breaker
from plugbus.plugins.backend_logging.snapshots import Snapshots
from plugbus.plugins.local_backend import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(next(iter(plugbus.plugins.__path__)))
# Nothing is written but at an end, at a full batch, or where a test says otherwise.
PATIENT = WriterSettings(interval_s=3600, snapshot_s=3600, flush_s=30, rest_s=3600, longest_wait_s=30)


class Faulty:
    """A real backend that fails, hangs or stores and then fails, as a test says; and that counts its calls."""

    def __init__(self, inner: LocalBackend) -> None:
        self.inner = inner
        self.faults: list[Exception] = []
        self.is_storing_first = False
        self.sizes: list[int] = []
        self.updates: list[Any] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def append_logs(self, job: str, entries: Sequence[JobLogEntry]) -> None:
        self.entered.set()
        self.gate.wait(60)
        self.sizes.append(len(entries))
        if any(one.data.get("content") == POISON for one in entries):
            raise RecordContentError("append", "log entry", (("data", "it is poison"),))
        if self.is_storing_first:
            self.inner.append_logs(job, entries)
        self._fail()
        if not self.is_storing_first:
            self.inner.append_logs(job, entries)

    def update_job(self, job: str, update: Any) -> Any:
        self.updates.append(update)
        return self.inner.update_job(job, update)

    def _fail(self) -> None:
        fault = self.faults.pop(0) if self.faults else None
        if fault is not None:
            raise fault

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


POISON = "poison"
BUSY = BackendFailedError("append", "the database is busy")
UNSURE = BackendFailedError("append", "the connection broke", True)


class World:
    """A bus, a real backend behind a faulty one, and a writer between them."""

    def __init__(self, folder: Path, settings: WriterSettings) -> None:
        self.inner = LocalBackend(folder / "backend.db", is_synced=False)
        self.backend = Faulty(self.inner)
        self.bus = EventBus()
        self.delivered: list[LogsDelivered] = []
        self.failures: list[Event] = []
        self.bus.subscribe(LogsDelivered, self.delivered.append)
        self.bus.subscribe(SubscriberFailed, self.failures.append)
        client: Any = self.backend
        self.writer = JobLogWriter(lambda: client, self.bus.publish, settings)
        self.bus.subscribe(WorkEvent, self.writer.record)

    def begin(self, job: str = "job") -> RuntimeContext:
        self.bus.publish(RunStarted(job, "digits", "train", "d"))
        return RuntimeContext(job_id=job, publish=self.bus.publish)

    def end(self, job: str = "job", status: str = "ok", message: str | None = None) -> LogsDelivered:
        self.bus.publish(RunEnded(job, status, 1.0, message))
        return self.delivered[-1]

    def stored(self, job: str = "job") -> list[str]:
        return [one.data["content"] for one in self.inner.logs(job) if one.event == "message"]


@contextmanager
def world(folder: Path, **changed: Any) -> Iterator[World]:
    before = set(threading.enumerate())
    made = World(folder, replace(PATIENT, **changed))
    try:
        yield made
    finally:
        made.backend.gate.set()
        made.writer.close()
        for thread in set(threading.enumerate()) - before:
            if thread.name == "plugbus-backend-logging":
                thread.join(60)
        made.inner.close()
    left = [one for one in threading.enumerate() if one.name == "plugbus-backend-logging"]
    assert left == []
    assert made.failures == []


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class CountingCondition(threading.Condition):
    """A condition that counts how often somebody waits for it."""

    waits = 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits += 1
        return super().wait(timeout)


def backlog_of(clock: Clock, **changed: Any) -> tuple[Backlog, Breaker]:
    """Return an empty backlog that no thread works off, and its breaker."""
    made = replace(PATIENT, **changed)
    breaker = Breaker(made.failures, made.rest_s, clock)
    return Backlog(made, breaker, clock), breaker


def drained(backlog: Backlog) -> list[tuple[str, list[object]]]:
    """Return the batches in which everything is taken, each with its job."""
    batches: list[tuple[str, list[object]]] = []
    with backlog.changed:
        while backlog.items:
            taken = backlog.take()
            (job,) = {one.job for one in taken}
            batches.append((job, [one.content for one in taken]))
            backlog.settle(taken)
    return batches


def entry_with(text: str) -> JobLogEntry:
    return JobLogEntry(event="message", data={"content": text})


class TestWriting:
    def test_reaches_the_backend_in_order_with_level_step_and_facts(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            ctx = here.begin()
            ctx.log_message("größe {x}", "warning")
            ctx.log_message({"en": "{n} rows", "de": "{n} Zeilen"}, language="de", n=3)
            ctx.log("saved", {"path": Path("a"), "nan": float("nan")}, "file.txt", "success")
            ctx.log_dev_event("cache", {"missed": True})
            ctx.set_metrics({"loss": 0.5}, "train", step=2)
            ctx.logger.debug("for developers")
            assert here.end() == LogsDelivered("job", 6)
            entries = list(here.inner.logs("job"))
        assert [(one.event, one.level.value, one.step, one.data) for one in entries] == [
            ("message", "warning", None, {"content": "größe {x}"}),
            ("message", "info", None, {"content": "3 Zeilen", "language": "de"}),
            ("saved", "success", None, {"path": "a", "nan": "nan", "file": "file.txt"}),
            ("dev_event", "debug", None, {"message": "cache", "data": {"missed": True}}),
            ("metric", "info", "train", {"values": {"loss": 0.5}, "step": 2}),
            ("debug", "debug", None, {"content": "for developers"}),
        ]

    def test_creates_the_job_and_follows_its_states(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            here.begin().set_progress(1, 2, "train")
            here.end()
            job = here.inner.job("job")
            assert (job.action, job.plugin, job.status) == ("digits.train", "digits", JobStatus.SUCCEEDED)
            assert job.started is not None
            assert job.ended is not None
            assert job.progress["percent"] == 100
            assert job.progress["categories"]["train"]["percent"] == 50
            for status, expected in (("failed", JobStatus.FAILED), ("cancelled", JobStatus.STOPPED)):
                here.begin(status)
                here.end(status, status, "OSError: full")
                assert here.inner.job(status).status is expected
                assert here.inner.job(status).error == "OSError: full"

    def test_follows_actions_that_are_part_of_no_run(self, tmp_path: Path) -> None:
        class Nothing(BaseModel):
            pass

        class Sad(BaseAction[Nothing]):
            def execute(self) -> None:
                self.ctx.log_message("working")
                raise OSError("the disk is full")

        with world(tmp_path) as here:
            with pytest.raises(OSError, match="full"):
                ActionCall(Sad, name="owner.sad", job_id="job").run_here(here.bus.publish)
            job = here.inner.job("job")
            assert (job.action, job.plugin, job.status) == ("owner.sad", "owner", JobStatus.FAILED)
            assert job.error == "OSError: the disk is full"
            assert here.stored() == ["working"]
            assert here.delivered == [LogsDelivered("job", 1)]

    def test_leaves_a_job_that_is_there_as_it_is(self, tmp_path: Path) -> None:
        from plugbus.capabilities import JobDraft

        with world(tmp_path) as here:
            here.inner.create_job(JobDraft(id="job", action="mine.own", params={"a": 1}))
            here.begin().log_message("x")
            here.end()
            job = here.inner.job("job")
            assert (job.action, dict(job.params), job.status) == ("mine.own", {"a": 1}, JobStatus.SUCCEEDED)

    def test_passes_over_work_that_is_no_job(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            RuntimeContext(publish=here.bus.publish).log_message("x")
            here.bus.publish(ActionCompleted(None, "a", 1.0))
            assert here.delivered == []
            assert list(here.inner.jobs()) == []


class TestBatches:
    def test_are_full_and_hold_the_rest_back_until_the_end(self, tmp_path: Path) -> None:
        with world(tmp_path, batch_size=10) as here:
            ctx = here.begin()
            for place in range(25):
                ctx.log_message(str(place))
            assert here.end() == LogsDelivered("job", 25)
            assert here.stored() == [str(place) for place in range(25)]
            assert max(here.backend.sizes) <= 10

    def test_wait_no_longer_than_they_are_told_to(self, tmp_path: Path) -> None:
        with world(tmp_path, interval_s=0.01) as here:
            ctx = here.begin()
            ctx.log_message("alone")
            assert here.backend.entered.wait(60)
            here.end()
            assert here.stored() == ["alone"]

    def test_are_of_one_job_and_in_its_order_whatever_comes_between(self, tmp_path: Path) -> None:
        with world(tmp_path, batch_size=7) as here:
            jobs = [f"job-{place}" for place in range(4)]
            contexts = {job: here.begin(job) for job in jobs}

            def work(job: str) -> None:
                for place in range(100):
                    contexts[job].log_message(str(place))

            with ThreadPoolExecutor(4) as pool:
                list(pool.map(work, jobs))
            for job in jobs:
                assert here.end(job) == LogsDelivered(job, 100)
                assert here.stored(job) == [str(place) for place in range(100)]

    def test_lose_nothing_but_an_entry_that_can_not_be_kept(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            ctx = here.begin()
            for place in range(20):
                ctx.log_message(str(place))
                if place in {3, 10}:
                    ctx.log_message(POISON)
            assert here.end() == LogsDelivered("job", 20, unsent=2)
            assert here.stored() == [str(place) for place in range(20)]

    def test_may_be_of_what_no_backend_keeps_as_it_is(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            ctx = here.begin()
            ctx.log(" ", {"\ud800": "\ud800"})
            ctx.log_message("half a character \ud800", x="\ud800")
            ctx.set_metrics({"\ud800": float("inf")}, "\ud800")
            ctx.set_progress(1, 2, "\ud800")
            assert here.end() == LogsDelivered("job", 3)
            assert here.stored() == ["half a character ?"]
            assert here.inner.job("job").metrics == {"?": {"?": "inf"}}
            assert list(here.inner.job("job").progress["categories"]) == ["?"]


class TestOrder:
    def test_no_entry_overtakes_a_change_of_its_job(self) -> None:
        backlog, _ = backlog_of(Clock())
        before, after, other = entry_with("before"), entry_with("after"), entry_with("other")
        change = JobUpdate(status=JobStatus.RUNNING)
        for job, content in (("a", before), ("a", change), ("a", after), ("b", other)):
            assert backlog.put(job, content, may_wait=False)
        assert drained(backlog) == [("a", [before]), ("a", [change]), ("a", [after]), ("b", [other])]

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20), st.integers(1, 4))
    @settings(deadline=None)
    def test_within_a_job_is_that_in_which_it_told_things(self, told: list[tuple[str, bool]], size: int) -> None:
        backlog, _ = backlog_of(Clock(), batch_size=size)
        wanted: dict[str, list[object]] = {}
        for place, (job, is_entry) in enumerate(told):
            content = entry_with(str(place)) if is_entry else JobUpdate(error=str(place))
            wanted.setdefault(job, []).append(content)
            backlog.put(job, content, may_wait=False)
        taken: dict[str, list[object]] = {}
        for job, batch in drained(backlog):
            taken.setdefault(job, []).extend(batch)
            assert 1 <= len(batch) <= size
            assert len(batch) == 1 or all(isinstance(one, JobLogEntry) for one in batch)
        assert taken == wanted


class TestSnapshots:
    def test_a_report_while_one_is_due_puts_nothing_off(self) -> None:
        clock = Clock()
        snapshots = Snapshots(10, clock)

        def report(done: int) -> bool:
            return snapshots.note(ProgressReported("job", done, 4, "train"), "job")

        assert report(1)
        assert snapshots.take() is not None
        clock.now = 1
        assert report(2)
        assert snapshots.next_due == 10
        clock.now = 5
        snapshots.hurry("job")
        clock.now = 6
        is_new = report(4)
        assert snapshots.next_due == 5
        assert not is_new, "who waits for the moment need not be woken"
        taken = snapshots.take()
        assert taken is not None
        assert taken[1].progress is not None
        assert taken[1].progress["categories"]["train"]["current"] == 4

    def test_only_the_newest_of_many_reports_is_written(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            ctx = here.begin()
            for done in range(1001):
                ctx.set_progress(done, 1000, "train")
                ctx.set_metrics({"loss": 1 / (done + 1)}, "train")
            here.end()
            job = here.inner.job("job")
            assert job.progress["categories"]["train"]["current"] == 1000
            assert job.metrics == {"train": {"loss": 1 / 1001}}
            written = [one for one in here.backend.updates if one.progress is not None]
            assert 1 <= len(written) <= 3

    def test_metrics_of_categories_are_kept_side_by_side(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            ctx = here.begin()
            ctx.set_metrics({"loss": 0.5, "f1": 0.25}, "train")
            ctx.set_metrics({"loss": 0.75}, "test")
            ctx.set_metrics({"loss": 0.25}, "train")
            ctx.set_metrics({"seconds": 3})
            here.end()
            assert here.inner.job("job").metrics == {
                "train": {"loss": 0.25, "f1": 0.25}, "test": {"loss": 0.75}, "": {"seconds": 3},
            }  # fmt: skip


class TestFailures:
    def test_what_was_certainly_not_stored_is_sent_again(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            here.backend.faults = [BUSY, BUSY]
            here.begin().log_message("x")
            assert here.end() == LogsDelivered("job", 1)
            assert here.stored() == ["x"]
            assert here.backend.sizes == [1, 1, 1]

    @pytest.mark.parametrize("fault", [UNSURE, OSError("cable"), TimeoutError()], ids=repr)
    def test_what_may_have_been_stored_is_not_sent_again(self, tmp_path: Path, fault: Exception) -> None:
        with world(tmp_path) as here:
            here.backend.faults, here.backend.is_storing_first = [fault], True
            ctx = here.begin()
            ctx.log_message("x")
            ctx.log_message("y")
            assert here.end() == LogsDelivered("job", 0, unconfirmed=2)
            assert here.stored() == ["x", "y"]

    def test_what_can_not_be_stored_for_long_is_counted_as_not_sent(self, tmp_path: Path) -> None:
        with world(tmp_path, failures=100, attempts=4) as here:
            here.backend.faults = [BUSY] * 4
            here.begin().log_message("x")
            assert here.end() == LogsDelivered("job", 0, unsent=1)
            assert here.stored() == []
            assert here.backend.sizes == [1] * 4

    def test_a_job_that_the_backend_does_not_know_is_told_of(self, tmp_path: Path) -> None:
        with world(tmp_path, is_creating=False) as here:
            ctx = here.begin()
            ctx.log_message("x")
            ctx.log_message("y")
            assert here.end() == LogsDelivered("job", 0, unsent=2)

    def test_a_failing_backend_is_left_alone_and_nobody_waits_for_it(self, tmp_path: Path) -> None:
        with world(tmp_path, failures=2, batch_size=1) as here:
            here.backend.faults = [BUSY] * 1000
            ctx = here.begin()
            ctx.log_message("x")
            assert here.end() == LogsDelivered("job", 0, pending=1)
            calls = len(here.backend.sizes)
            assert calls == 2
            ctx = here.begin("other")
            ctx.log_message("y")
            assert here.end("other") == LogsDelivered("other", 0, pending=1)
            assert len(here.backend.sizes) == calls
            here.backend.faults = []
            here.writer.close()
            assert here.delivered[2:] == [LogsDelivered("job", 1), LogsDelivered("other", 1)]
            assert (here.stored(), here.stored("other")) == (["x"], ["y"])

    def test_a_backend_that_is_well_again_is_used_again(self, tmp_path: Path) -> None:
        with world(tmp_path, failures=2, rest_s=0.05, batch_size=1) as here:
            here.backend.faults = [BUSY, BUSY]
            arrived = threading.Event()
            here.bus.subscribe(LogsDelivered, lambda event: arrived.set() if event.pending == 0 else None)
            here.begin().log_message("x")
            here.end()
            assert arrived.wait(60)
            assert here.delivered[-1] == LogsDelivered("job", 1)

    def test_losses_are_logged(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        with world(tmp_path) as here:
            here.backend.faults = [UNSURE]
            here.begin().log_message("x")
            here.end()
        assert "1 log entries of job 'job' were lost: 0 dropped, 0 not sent, 1 not confirmed" in caplog.text

    def test_a_backend_that_went_away_is_a_failure_like_others(self, tmp_path: Path) -> None:
        heard: list[Event] = []
        writer = JobLogWriter(lambda: None, heard.append, PATIENT)
        writer.record(MessageLogged("job", LogLevel.INFO, "x"))
        writer.record(ActionCompleted("job", "a", 1.0))
        writer.close()
        assert heard[-1] == LogsDelivered("job", 0, unsent=1)


class TestPressure:
    def test_whoever_logs_waits_for_room(self, tmp_path: Path) -> None:
        with world(tmp_path, capacity=5, batch_size=5) as here:
            ctx = here.begin()
            for place in range(200):
                ctx.log_message(str(place))
            assert here.end() == LogsDelivered("job", 200)
            assert here.stored() == [str(place) for place in range(200)]

    def test_but_not_for_long_and_then_drops_and_says_so(self, tmp_path: Path) -> None:
        with world(tmp_path, capacity=5, batch_size=5, longest_wait_s=0.01, flush_s=0.2) as here:
            here.backend.gate.clear()
            ctx = here.begin()
            for place in range(30):
                ctx.log_message(str(place))
            told = here.end()
            assert told.written == 0
            assert told.dropped + told.pending == 30
            assert told.pending <= 10
            here.backend.gate.set()
            here.writer.close()
            last = here.delivered[-1]
            assert (last.written, last.dropped, last.pending) == (told.pending, told.dropped, 0)
            assert here.stored() == [str(place) for place in range(told.pending)]

    def test_a_hanging_backend_does_not_hold_the_work(self, tmp_path: Path) -> None:
        with world(tmp_path, flush_s=0.05, batch_size=1) as here:
            here.backend.gate.clear()
            ctx = here.begin()
            ctx.log_message("in flight")
            assert here.backend.entered.wait(60)
            ctx.log_message("waiting")
            assert here.end() == LogsDelivered("job", 0, pending=2)
            here.writer.close()
            assert here.delivered[-1] == LogsDelivered("job", 0, unsent=1, unconfirmed=1)
            here.backend.gate.set()

    def test_only_the_first_one_waits_in_vain(self) -> None:
        backlog, breaker = backlog_of(Clock(), capacity=1, longest_wait_s=0.01)
        condition = backlog.changed = CountingCondition()
        assert backlog.put("job", entry_with("taken"), may_wait=True)
        assert condition.waits == 0
        assert not backlog.put("job", entry_with("waits"), may_wait=True)
        first = condition.waits
        assert first > 0
        assert not backlog.put("other", entry_with("does not wait"), may_wait=True)
        assert condition.waits == first
        assert breaker.is_open
        assert (backlog.tally("job").dropped, backlog.tally("other").dropped) == (1, 1)

    def test_others_wait_again_when_the_backend_has_had_its_rest(self) -> None:
        clock = Clock()
        backlog, breaker = backlog_of(clock, capacity=1, longest_wait_s=0.01, rest_s=30)
        condition = backlog.changed = CountingCondition()
        for text in ("taken", "waits"):
            backlog.put("job", entry_with(text), may_wait=True)
        first = condition.waits
        clock.now = 30
        assert not breaker.is_open
        assert not backlog.put("job", entry_with("waits too"), may_wait=True)
        assert condition.waits > first


class TestThread:
    def test_begins_with_the_first_event_and_ends_with_close(self, tmp_path: Path) -> None:
        with world(tmp_path) as here:
            names = [one.name for one in threading.enumerate()]
            assert "plugbus-backend-logging" not in names
            here.begin().log_message("x")
            assert "plugbus-backend-logging" in [one.name for one in threading.enumerate()]
            here.writer.close()
            here.writer.close()
            assert "plugbus-backend-logging" not in [one.name for one in threading.enumerate()]
            assert here.stored() == ["x"]
            assert here.delivered == [LogsDelivered("job", 1)]
            here.bus.publish(MessageLogged("job", LogLevel.INFO, "too late"))
            assert here.stored() == ["x"]

    def test_may_be_that_of_a_subscriber_that_logs_itself(self, tmp_path: Path) -> None:
        with world(tmp_path, failures=1, rest_s=0.02, capacity=1, batch_size=1) as here:
            done = threading.Event()

            def log_again(event: LogsDelivered) -> None:
                if event.job_id == "job" and event.pending == 0:
                    RuntimeContext(job_id="later", publish=here.bus.publish).log_message("from the thread")
                    here.bus.publish(ActionCompleted("later", "a", 1.0))
                    done.set()

            here.bus.subscribe(LogsDelivered, log_again)
            here.backend.faults = [BUSY]
            here.begin().log_message("x")
            here.end()
            assert done.wait(60)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    loader = DirectoryLoader()
    config = {"local_backend": {"path": tmp_path / "backend.db", "synced": False}}
    with Kernel(config=config) as made:
        for name in ("local_backend", "backend_logging"):
            made.register(loader.read(FOLDER / name))
        yield made


class TestPlugin:
    def test_writes_to_the_backend_of_the_host_and_flushes_when_it_is_unloaded(self, kernel: Kernel) -> None:
        kernel.load("backend_logging")
        backend: BackendClient = kernel.services.get(BACKEND)
        delivered: list[LogsDelivered] = []
        kernel.bus.subscribe(LogsDelivered, delivered.append)
        kernel.bus.publish(RunStarted("job", "digits", "train", "d"))
        kernel.bus.publish(ProgressReported("job", 1, 4, "train"))
        kernel.bus.publish(MessageLogged("job", LogLevel.INFO, "half way"))
        kernel.unload("backend_logging")
        assert [one.data["content"] for one in backend.logs("job")] == ["half way"]
        assert backend.job("job").status is JobStatus.RUNNING
        assert backend.job("job").progress["categories"]["train"]["percent"] == 25
        assert delivered == [LogsDelivered("job", 1)]
        assert "plugbus-backend-logging" not in [one.name for one in threading.enumerate()]

    def test_goes_with_its_backend_and_before_it(self, kernel: Kernel, tmp_path: Path) -> None:
        kernel.load("backend_logging")
        kernel.bus.publish(RunStarted("job", "digits", "train", "d"))
        kernel.bus.publish(MessageLogged("job", LogLevel.INFO, "last words"))
        kernel.unload("local_backend", cascade=True)
        again = LocalBackend(tmp_path / "backend.db")
        assert [one.data["content"] for one in again.logs("job")] == ["last words"]
        again.close()
