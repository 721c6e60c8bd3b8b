"""Recorders: what a bus delivered, in order, with nothing lost silently and no publisher disturbed."""

from __future__ import annotations

import json
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import (
    EpochEnd,
    EpochStart,
    EventRecorder,
    JsonlRecorder,
    LogLevel,
    MessageLogged,
    RecordingError,
    read_events,
    replay,
)
from plugbus.kernel import CustomEvent, Event, EventBus, Kernel, SubscriberFailed, SubscriptionError
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLISHERS = 4
EVENTS_EACH = 100
WAIT_S = 60
FULL = Path("/dev/full")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]


def publish_from_threads(bus: EventBus) -> None:
    begin = threading.Barrier(PUBLISHERS, timeout=WAIT_S)

    def work(who: int) -> None:
        begin.wait()
        for number in range(EVENTS_EACH):
            bus.publish(CustomEvent("work", [who, number]))

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        list(pool.map(work, range(PUBLISHERS)))


def assert_each_in_order(found: list[list[int]]) -> None:
    assert len(found) == PUBLISHERS * EVENTS_EACH
    for who in range(PUBLISHERS):
        assert [number for one, number in found if one == who] == list(range(EVENTS_EACH))


class _LateLock:
    """A lock that, when it is first asked for, lets another thread have its turn before."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        self._meanwhile = [meanwhile]

    def __enter__(self) -> None:
        if self._meanwhile:
            self._meanwhile.pop()()
        self._lock.acquire()

    def __exit__(self, *failure: object) -> None:
        self._lock.release()


class TestMemory:
    def test_keeps_the_very_events_with_place_and_time(self) -> None:
        bus = EventBus()
        events = [EpochStart(1), CustomEvent("mine", "text"), EpochEnd(1, 0.5)]
        with EventRecorder(bus) as recorder:
            for event in events:
                bus.publish(event)
        kept = recorder.snapshot()
        assert [id(one.event) for one in kept] == [id(event) for event in events]
        assert [one.index for one in kept] == [0, 1, 2]
        assert [one.topic for one in kept] == ["EpochStart", "mine", "EpochEnd"]
        assert 0 <= kept[0].elapsed_ms <= kept[1].elapsed_ms <= kept[2].elapsed_ms
        assert len({one.at_ns // 10**9 // 3600 for one in kept}) <= 2
        assert kept[0].at_ns > 1_700_000_000 * 10**9

    def test_hears_what_it_selects(self) -> None:
        bus = EventBus()
        with EventRecorder(bus, EpochStart) as recorder:
            bus.publish(EpochEnd(1, 0.5))
            bus.publish(EpochStart(2))
        assert [one.event for one in recorder.snapshot()] == [EpochStart(2)]

    @given(st.integers(1, 5), st.integers(0, 12))
    def test_keeps_the_latest_and_counts_the_rest(self, capacity: int, count: int) -> None:
        bus = EventBus()
        with EventRecorder(bus, capacity=capacity) as recorder:
            for number in range(count):
                bus.publish(EpochStart(number))
            kept = recorder.snapshot()
            assert len(recorder) == len(kept) == min(count, capacity)
            assert recorder.dropped == max(0, count - capacity)
            assert [(one.index, one.event) for one in kept] == [
                (number, EpochStart(number)) for number in range(recorder.dropped, count)
            ]

    def test_holds_2048_events_unless_told_otherwise(self) -> None:
        bus = EventBus()
        with EventRecorder(bus) as recorder:
            for number in range(2049):
                bus.publish(EpochStart(number))
        assert (len(recorder), recorder.dropped) == (2048, 1)

    @pytest.mark.parametrize("capacity", [0, -1])
    def test_that_holds_nothing_is_refused_and_nothing_is_subscribed(self, capacity: int) -> None:
        bus = EventBus()
        with pytest.raises(ValueError, match=f"^cannot make event recorder: capacity is {capacity}; give at least 1$"):
            EventRecorder(bus, capacity=capacity)
        assert bus.subscriptions == ()

    def test_clear_begins_a_new_recording(self) -> None:
        bus = EventBus()
        with EventRecorder(bus, capacity=1) as recorder:
            bus.publish(EpochStart(1))
            bus.publish(EpochStart(2))
            before = recorder._begun_ns
            recorder.clear()
            assert (recorder.snapshot(), len(recorder), recorder.dropped) == ((), 0, 0)
            assert recorder._begun_ns > before
            bus.publish(EpochStart(3))
        assert [(one.index, one.event) for one in recorder.snapshot()] == [(0, EpochStart(3))]

    def test_close_ends_it_and_leaves_what_it_holds(self) -> None:
        bus = EventBus()
        recorder = EventRecorder(bus)
        bus.publish(EpochStart(1))
        recorder.close()
        recorder.close()
        bus.publish(EpochStart(2))
        assert [one.event for one in recorder.snapshot()] == [EpochStart(1)]
        assert bus.subscriptions == ()

    def test_tells_times_in_nanoseconds_and_spans_in_milliseconds(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bus = EventBus()
        with EventRecorder(bus) as recorder:
            recorder._begun_ns = 10**9
            monkeypatch.setattr("time.time_ns", lambda: 17)
            monkeypatch.setattr("time.monotonic_ns", lambda: 10**9 + 2_500_000)
            bus.publish(EpochStart(1))
        (kept,) = recorder.snapshot()
        assert (kept.at_ns, kept.elapsed_ms) == (17, 2.5)

    def test_takes_nothing_that_was_under_way_when_it_was_closed(self) -> None:
        bus = EventBus()
        recorder = EventRecorder(bus)
        recorder._lock = _LateLock(recorder.close)  # type: ignore[assignment] # the moment that is tested
        bus.publish(EpochStart(1))
        assert recorder.snapshot() == ()

    def test_a_snapshot_does_not_change(self) -> None:
        bus = EventBus()
        with EventRecorder(bus) as recorder:
            bus.publish(EpochStart(1))
            kept = recorder.snapshot()
            bus.publish(EpochStart(2))
        assert [one.event for one in kept] == [EpochStart(1)]

    def test_order_is_that_of_delivery_also_of_events_within_events(self) -> None:
        bus = EventBus()
        bus.subscribe(EpochStart, lambda event: bus.publish(EpochEnd(event.epoch, 0.5)))
        with EventRecorder(bus) as recorder:
            bus.publish(EpochStart(1))
        assert [(one.index, one.topic) for one in recorder.snapshot()] == [(0, "EpochEnd"), (1, "EpochStart")]

    def test_counts_events_of_several_threads_in_one_order(self) -> None:
        bus = EventBus()
        with EventRecorder(bus, "work") as recorder:
            publish_from_threads(bus)
        kept = recorder.snapshot()
        assert [one.index for one in kept] == list(range(PUBLISHERS * EVENTS_EACH))
        assert [one.elapsed_ms for one in kept] == sorted(one.elapsed_ms for one in kept)
        assert_each_in_order([one.event.read(list) for one in kept if isinstance(one.event, CustomEvent)])

    def test_of_a_plugin_ends_with_the_plugin(self) -> None:
        recorders: list[EventRecorder] = []
        with Kernel() as kernel:
            plugin = FakePlugin(
                "recording", on_load=lambda ctx: recorders.append(EventRecorder(ctx.event_bus, EpochStart))
            )
            kernel.register(plugin)
            kernel.load("recording")
            kernel.bus.publish(EpochStart(1))
            kernel.unload("recording")
            kernel.bus.publish(EpochStart(2))
        assert [one.event for one in recorders[0].snapshot()] == [EpochStart(1)]


@dataclass(frozen=True, slots=True)
class TypedEvent(Event):
    """Has a field that is named like a key of the line."""

    type: str
    v: int = 2


class Publishing:
    """A payload that publishes when it is asked for its text."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus

    def __repr__(self) -> str:
        self._bus.publish(EpochStart(7))
        return "<publishing>"


class TestFile:
    def test_writes_one_documented_object_a_line(self, tmp_path: Path) -> None:
        path = tmp_path / "deep" / "events.jsonl"
        bus = EventBus()
        with JsonlRecorder(bus, path) as recorder:
            bus.publish(EpochEnd(3, 0.25))
            bus.publish(MessageLogged("job", LogLevel.INFO, "r\u00e9sum\u00e9\n\u2028"))
            bus.publish(CustomEvent("mine", "just text"))
        assert recorder.path == path
        text = path.read_bytes()
        assert text.isascii()
        assert text.count(b"\n") == 3
        first, second, third = lines(path)
        assert list(first) == ["v", "index", "ts", "elapsed_ms", "type", "data"]
        assert (first["v"], first["index"], first["type"]) == (1, 0, "EpochEnd")
        assert first["data"] == {"epoch": 3, "loss": 0.25}
        assert len(first["ts"]) == len("2025-01-31T12:00:00.000000001Z")
        assert first["ts"].endswith("Z")
        assert isinstance(first["elapsed_ms"], float)
        assert second["data"] == {
            "job_id": "job",
            "level": "info",
            "message": "r\u00e9sum\u00e9\n\u2028",
            "is_for_developers": False,
            "code": None,
            "language": None,
            "fields": {},
        }
        assert list(third) == ["v", "index", "ts", "elapsed_ms", "type", "custom", "data"]
        assert (third["index"], third["type"], third["custom"], third["data"]) == (2, "mine", True, "just text")

    @pytest.mark.parametrize("payload", ["", "null", "{}", None, 0, False, [], {}, {"b": 1, "a": {"d": 1, "c": 2}}])
    def test_keeps_payloads_as_they_are(self, tmp_path: Path, payload: object) -> None:
        bus = EventBus()
        with JsonlRecorder(bus, tmp_path / "events.jsonl"):
            bus.publish(CustomEvent("mine", payload))
        (line,) = lines(tmp_path / "events.jsonl")
        assert json.dumps(line["data"]) == json.dumps(payload)

    def test_keeps_fields_that_are_named_like_its_own_keys(self, tmp_path: Path) -> None:
        bus = EventBus()
        with JsonlRecorder(bus, tmp_path / "events.jsonl"):
            bus.publish(TypedEvent("other"))
        (line,) = lines(tmp_path / "events.jsonl")
        assert (line["v"], line["type"], line["data"]) == (1, "TypedEvent", {"type": "other", "v": 2})

    def test_has_written_an_event_when_its_publisher_goes_on(self, tmp_path: Path) -> None:
        bus = EventBus()
        with JsonlRecorder(bus, tmp_path / "events.jsonl"):
            for count in range(1, 4):
                bus.publish(EpochStart(count))
                assert [line["data"]["epoch"] for line in lines(tmp_path / "events.jsonl")] == [*range(1, count + 1)]

    def test_hears_what_it_selects_until_it_is_closed(self, tmp_path: Path) -> None:
        bus = EventBus()
        recorder = JsonlRecorder(bus, str(tmp_path / "events.jsonl"), "EpochStart")
        bus.publish(EpochStart(1))
        bus.publish(EpochEnd(1, 0.5))
        recorder.close()
        recorder.close()
        bus.publish(EpochStart(2))
        assert [line["data"] for line in lines(tmp_path / "events.jsonl")] == [{"epoch": 1}]
        assert bus.subscriptions == ()

    def test_records_failures_of_subscribers(self, tmp_path: Path) -> None:
        def fail(event: EpochStart) -> None:
            raise LookupError(f"no epoch {event.epoch}")

        bus = EventBus()
        bus.subscribe(EpochStart, fail)
        with JsonlRecorder(bus, tmp_path / "events.jsonl", SubscriberFailed):
            bus.publish(EpochStart(1))
        (line,) = lines(tmp_path / "events.jsonl")
        assert line["data"]["event"] == {"epoch": 1}
        assert line["data"]["exception"] == {"error": "builtins.LookupError", "message": "no epoch 1"}

    def test_order_is_that_of_delivery_for_several_threads(self, tmp_path: Path) -> None:
        bus = EventBus()
        with EventRecorder(bus, "work") as memory, JsonlRecorder(bus, tmp_path / "events.jsonl", "work"):
            publish_from_threads(bus)
        found = lines(tmp_path / "events.jsonl")
        assert [line["index"] for line in found] == list(range(PUBLISHERS * EVENTS_EACH))
        assert [line["elapsed_ms"] for line in found] == sorted(line["elapsed_ms"] for line in found)
        assert_each_in_order([line["data"] for line in found])
        assert len(memory) == len(found)

    def test_payloads_may_publish_while_they_are_written(self, tmp_path: Path) -> None:
        bus = EventBus()
        with JsonlRecorder(bus, tmp_path / "events.jsonl"):
            bus.publish(CustomEvent("mine", Publishing(bus)))
        assert [(line["index"], line["type"]) for line in lines(tmp_path / "events.jsonl")] == [
            (0, "EpochStart"),
            (1, "mine"),
        ]

    def test_takes_nothing_that_was_under_way_when_it_was_closed(self, tmp_path: Path) -> None:
        bus = EventBus()
        failures: list[Event] = []
        bus.subscribe(SubscriberFailed, failures.append)
        recorder = JsonlRecorder(bus, tmp_path / "events.jsonl")
        recorder._lock = _LateLock(recorder.close)  # type: ignore[assignment] # the moment that is tested
        bus.publish(EpochStart(1))
        assert (lines(tmp_path / "events.jsonl"), recorder.error, recorder.lost) == ([], None, 0)
        assert failures == []

    def test_tells_times_to_the_nanosecond_and_spans_in_milliseconds(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bus = EventBus()
        with JsonlRecorder(bus, tmp_path / "events.jsonl") as recorder:
            recorder._begun_ns = 10**9
            monkeypatch.setattr("time.time_ns", lambda: 1_738_324_800 * 10**9 + 5)
            monkeypatch.setattr("time.monotonic_ns", lambda: 10**9 + 2_500_000)
            bus.publish(EpochStart(1))
        (line,) = lines(tmp_path / "events.jsonl")
        assert (line["ts"], line["elapsed_ms"]) == ("2025-01-31T12:00:00.000000005Z", 2.5)
        (read,) = read_events(tmp_path / "events.jsonl")
        assert (read.at_ns, read.elapsed_ms) == (1_738_324_800 * 10**9 + 5, 2.5)

    def test_payloads_may_wait_for_other_publishers(self, tmp_path: Path) -> None:
        class Waiting:
            def __repr__(self) -> str:
                with ThreadPoolExecutor(1) as pool:
                    pool.submit(bus.publish, EpochStart(7)).result(WAIT_S)
                return "<waiting>"

        bus = EventBus()
        with JsonlRecorder(bus, tmp_path / "events.jsonl"):
            bus.publish(CustomEvent("mine", Waiting()))
        assert [line["data"] for line in lines(tmp_path / "events.jsonl")] == [{"epoch": 7}, "<waiting>"]


class TestModes:
    def record(self, path: Path, epoch: int, **options: Any) -> None:
        bus = EventBus()
        with JsonlRecorder(bus, path, **options):
            bus.publish(EpochStart(epoch))

    def found(self, path: Path) -> list[tuple[int, int]]:
        return [(line["index"], line["data"]["epoch"]) for line in lines(path)]

    def test_appends_a_new_recording_unless_told_otherwise(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        self.record(path, 1)
        self.record(path, 2)
        assert self.found(path) == [(0, 1), (0, 2)]

    def test_overwrites_where_told_so(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        self.record(path, 1)
        self.record(path, 2, mode="w")
        assert self.found(path) == [(0, 2)]

    def test_keeps_what_is_there_where_told_so(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        self.record(path, 1, mode="x")
        bus = EventBus()
        with pytest.raises(FileExistsError):
            JsonlRecorder(bus, path, mode="x")
        assert self.found(path) == [(0, 1)]
        assert bus.subscriptions == ()

    def test_others_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        with pytest.raises(ValueError, match=r"events.jsonl': mode is 'r'; give 'a', 'w' or 'x'$"):
            self.record(path, 1, mode="r")
        assert not path.exists()

    def test_a_selector_that_is_refused_leaves_the_file_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        self.record(path, 1)
        with pytest.raises(SubscriptionError):
            JsonlRecorder(EventBus(), path, " ", mode="w")
        assert self.found(path) == [(0, 1)]

    def test_a_line_that_was_cut_off_stays_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        self.record(path, 1)
        with path.open("ab") as file:
            file.write(b'{"v":1,"ind')
        self.record(path, 2)
        faults: list[RecordingError] = []
        assert [one.event for one in read_events(path, on_fault=faults.append)] == [EpochStart(1), EpochStart(2)]
        assert [fault.line for fault in faults] == [2]


@pytest.mark.skipif(not FULL.exists(), reason="needs a device that is always full")
class TestFaultsOfTheFile:
    def test_are_told_once_and_kept_and_disturb_no_publisher(self, caplog: pytest.LogCaptureFixture) -> None:
        bus = EventBus()
        heard: list[Event] = []
        failures: list[Event] = []
        bus.subscribe(SubscriberFailed, failures.append)
        with JsonlRecorder(bus, FULL, EpochStart) as recorder:
            bus.subscribe(EpochStart, heard.append)
            assert recorder.error is None
            for number in range(3):
                bus.publish(EpochStart(number))
        assert isinstance(recorder.error, OSError)
        assert recorder.lost == 3
        assert len(heard) == 3
        assert failures == []
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert record.name.startswith("plugbus.capabilities.")
        assert record.getMessage() == (
            f"cannot write recording '/dev/full': {recorder.error}; nothing more is written to it"
        )

    def test_leave_what_was_written_before(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        import resource

        path = tmp_path / "events.jsonl"
        bus = EventBus()
        recorder = JsonlRecorder(bus, path)
        bus.publish(EpochStart(0))
        # Room for half a line more: the system takes that half, and refuses the rest.
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, hard))
        try:
            bus.publish(EpochStart(1))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        bus.publish(EpochStart(2))
        recorder.close()
        assert isinstance(recorder.error, OSError)
        assert recorder.lost == 2
        assert len(caplog.records) == 1
        faults: list[RecordingError] = []
        assert [one.event for one in read_events(path, on_fault=faults.append)] == [EpochStart(0)]
        assert [(fault.line, fault.cause[:13]) for fault in faults] == [(2, "it is cut off")]

    def test_when_it_begins_are_raised(self, tmp_path: Path) -> None:
        bus = EventBus()
        with pytest.raises(IsADirectoryError):
            JsonlRecorder(bus, tmp_path)
        assert bus.subscriptions == ()

    def test_while_the_cut_off_line_is_ended_are_raised(self, tmp_path: Path) -> None:
        import resource

        path = tmp_path / "events.jsonl"
        path.write_bytes(b'{"v":1')
        bus = EventBus()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, hard))
        try:
            with pytest.raises(OSError, match="too large"):
                JsonlRecorder(bus, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert bus.subscriptions == ()

    @pytest.mark.parametrize("published", [0, 1])
    def test_at_the_end_are_told_where_none_was_before(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, published: int
    ) -> None:
        bus = EventBus()
        recorder = JsonlRecorder(bus, tmp_path / "events.jsonl")
        file = recorder._file
        assert file is not None
        os.close(file.fileno())
        for number in range(published):
            bus.publish(EpochStart(number))
        recorder.close()
        assert isinstance(recorder.error, OSError)
        assert recorder.lost == published
        assert len(caplog.records) == 1


class TestCauses:
    def test_are_kept_in_memory_and_in_a_file_and_read_back(self, tmp_path: Path) -> None:
        bus = EventBus()
        path = tmp_path / "events.jsonl"
        bus.subscribe(EpochEnd, lambda _event: bus.publish(CustomEvent("saved", 1)))
        with EventRecorder(bus) as recorder, JsonlRecorder(bus, path):
            bus.publish(EpochStart(1))
            with bus.trace(), bus.correlate('run "7"\n'):
                bus.publish(EpochEnd(1, 0.5))
        untraced, saved, ended = recorder.snapshot()
        assert (untraced.event_id, untraced.parent_id, untraced.correlation_id) == (None, None, None)
        assert saved.parent_id == ended.event_id
        assert saved.event_id not in {None, ended.event_id}
        assert ended.parent_id is None
        assert saved.correlation_id == ended.correlation_id == 'run "7"\n'

        ids = ("event_id", "parent_id", "correlation_id")
        assert [{*line} & {*ids} for line in lines(path)] == [set(), {*ids}, {"event_id", "correlation_id"}]
        read = list(read_events(path))
        assert [one.topic for one in read] == ["EpochStart", "saved", "EpochEnd"]
        for kept, again in zip(recorder.snapshot(), read, strict=True):
            assert [getattr(again, key) for key in ids] == [getattr(kept, key) for key in ids]

    def test_of_a_plugin_are_kept_too(self) -> None:
        recorders: list[EventRecorder] = []
        with Kernel() as kernel:
            kernel.register(
                FakePlugin("recording", on_load=lambda ctx: recorders.append(EventRecorder(ctx, EpochStart)))
            )
            kernel.load("recording")
            with kernel.bus.trace():
                kernel.bus.publish(EpochStart(1))
            (kept,) = recorders[0].snapshot()
        assert kept.event_id is not None
        assert kept.correlation_id == kept.event_id

    @pytest.mark.parametrize("key", ["event_id", "parent_id", "correlation_id"])
    @pytest.mark.parametrize("value", ["", " ", None, 7])
    def test_that_are_no_ids_are_faults(self, tmp_path: Path, key: str, value: object) -> None:
        path = tmp_path / "events.jsonl"
        bus = EventBus()
        with JsonlRecorder(bus, path):
            bus.publish(EpochStart(1))
        (line,) = lines(path)
        path.write_text(json.dumps({**line, key: value}) + "\n")
        with pytest.raises(RecordingError, match=f"'{key}' is .*; give an id that is not blank, or leave it out"):
            list(read_events(path))

    def test_are_new_in_a_replay(self, tmp_path: Path) -> None:
        bus = EventBus()
        path = tmp_path / "events.jsonl"
        with JsonlRecorder(bus, path), bus.trace():
            bus.publish(EpochStart(1))
        (read,) = read_events(path)
        with EventRecorder(bus) as recorder, bus.trace():
            assert replay(bus, [read]).published == 1
        (again,) = recorder.snapshot()
        assert again.event == read.event
        assert again.event_id not in {None, read.event_id}
