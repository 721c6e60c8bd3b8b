"""Recordings read and published again: the same events in the same order, and faults by their line."""

from __future__ import annotations

import json
import math
import pickle
import tempfile
from collections import OrderedDict
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import (
    EVENT_KINDS,
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionRetried,
    ActionStarted,
    ActionStatusChanged,
    BackendChanged,
    EpochEnd,
    EpochStart,
    EventLogged,
    EventRecorder,
    JsonlRecorder,
    LogEnded,
    LogLevel,
    LogsDelivered,
    MessageLogged,
    MetricsRecorded,
    PipelineCancelled,
    PipelineCompleted,
    PipelineEvent,
    PipelineFailed,
    PipelineProgressed,
    PipelineStarted,
    ProgressFailed,
    ProgressPlanned,
    ProgressReported,
    RecordedError,
    RecordedEvent,
    RecordingError,
    ReplayReport,
    RunEnded,
    RunStarted,
    StepCompleted,
    StepEvent,
    StepFailed,
    StepRollbackFailed,
    StepRolledBack,
    StepSkipped,
    StepStarted,
    Telemetry,
    TensorOp,
    TrialEnded,
    TrialStarted,
    WorkEvent,
    encode_value,
    read_events,
    replay,
)
from plugbus.kernel import (
    CustomEvent,
    Event,
    EventBus,
    Kernel,
    KernelEvent,
    SystemInit,
)
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    # The fields of events are declared with these: they can't be looked up in this module.
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as Renamed
    from datetime import date

TEXT = st.text(max_size=20)
NAME = st.text(min_size=1, max_size=20)
NUMBER = st.floats() | st.integers()
COUNT = st.integers(0)
SHAPE = st.lists(COUNT, max_size=4).map(tuple)
JOB = st.none() | TEXT
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)
ERROR = st.builds(ValueError, TEXT) | st.builds(LookupError) | st.builds(RecordedError, NAME, TEXT)
ACTION_NAMES = st.lists(TEXT, max_size=3).map(tuple)
EVENTS: dict[str, st.SearchStrategy[Event]] = {
    "ActionCancelled": st.builds(ActionCancelled, JOB, TEXT, NUMBER),
    "ActionCompleted": st.builds(ActionCompleted, JOB, TEXT, NUMBER),
    "ActionFailed": st.builds(ActionFailed, JOB, TEXT, NUMBER, ERROR),
    "ActionRetried": st.builds(ActionRetried, JOB, TEXT, COUNT, ERROR, NUMBER),
    "ActionStarted": st.builds(ActionStarted, JOB, TEXT),
    "ActionStatusChanged": st.builds(ActionStatusChanged, JOB, TEXT, TEXT, TEXT, TEXT, st.none() | TEXT),
    "BackendChanged": st.builds(BackendChanged, TEXT),
    "EpochEnd": st.builds(EpochEnd, COUNT, NUMBER),
    "EpochStart": st.builds(EpochStart, COUNT),
    "EventLogged": st.builds(EventLogged, JOB, TEXT, st.dictionaries(TEXT, JSON, max_size=4), st.none() | TEXT),
    "LogEnded": st.builds(LogEnded, JOB),
    "MessageLogged": st.builds(MessageLogged, JOB, st.sampled_from(LogLevel), TEXT, st.booleans()),
    "MetricsRecorded": st.builds(
        MetricsRecorded, JOB, st.dictionaries(TEXT, NUMBER, max_size=4), st.none() | TEXT, st.none() | COUNT
    ),
    "PipelineCancelled": st.builds(PipelineCancelled, JOB, TEXT, NUMBER, TEXT),
    "PipelineCompleted": st.builds(PipelineCompleted, JOB, TEXT, NUMBER),
    "PipelineEvent": st.builds(PipelineEvent, JOB, TEXT),
    "PipelineFailed": st.builds(PipelineFailed, JOB, TEXT, NUMBER, ERROR),
    "PipelineProgressed": st.builds(PipelineProgressed, JOB, TEXT, TEXT, NUMBER, NUMBER),
    "PipelineStarted": st.builds(PipelineStarted, JOB, TEXT, ACTION_NAMES, ACTION_NAMES),
    "ProgressPlanned": st.builds(ProgressPlanned, JOB, st.dictionaries(TEXT, NUMBER), st.lists(TEXT).map(tuple)),
    "ProgressFailed": st.builds(ProgressFailed, JOB, st.none() | TEXT),
    "LogsDelivered": st.builds(LogsDelivered, JOB, *[st.integers(0, 9)] * 5),
    "ProgressReported": st.builds(ProgressReported, JOB, NUMBER, st.none() | NUMBER, st.none() | TEXT),
    "RunEnded": st.builds(RunEnded, JOB, TEXT, NUMBER, st.none() | TEXT),
    "RunStarted": st.builds(RunStarted, JOB, TEXT, TEXT, TEXT),
    "StepCompleted": st.builds(StepCompleted, JOB, TEXT, NUMBER),
    "StepEvent": st.builds(StepEvent, JOB, TEXT),
    "StepFailed": st.builds(StepFailed, JOB, TEXT, NUMBER, ERROR),
    "StepRollbackFailed": st.builds(StepRollbackFailed, JOB, TEXT, ERROR),
    "StepRolledBack": st.builds(StepRolledBack, JOB, TEXT),
    "StepSkipped": st.builds(StepSkipped, JOB, TEXT),
    "StepStarted": st.builds(StepStarted, JOB, TEXT, COUNT, COUNT),
    "Telemetry": st.builds(Telemetry, st.dictionaries(TEXT, NUMBER, max_size=4)),
    "TensorOp": st.builds(TensorOp, NAME, SHAPE, SHAPE),
    "TrialEnded": st.builds(TrialEnded, JOB, COUNT, TEXT, st.none() | NUMBER),
    "TrialStarted": st.builds(TrialStarted, JOB, COUNT, st.dictionaries(TEXT, JSON, max_size=4)),
    "WorkEvent": st.builds(WorkEvent, JOB),
}
TOPIC = st.sampled_from(sorted(EVENT_KINDS)) | TEXT.filter(lambda text: bool(text.strip()) and text != "*")
CUSTOM = st.builds(CustomEvent, TOPIC, JSON)


def through_a_file(events: Sequence[Event], **options: Any) -> tuple[list[RecordedEvent], list[dict[str, Any]]]:
    """Publish, record, and read again; return what was read, and the lines."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.jsonl"
        bus = EventBus()
        with JsonlRecorder(bus, path):
            for event in events:
                bus.publish(event)
        said = [json.loads(line) for line in path.read_bytes().splitlines()]
        return list(read_events(path, **options)), said


def expected(event: Event) -> Event:
    """Return what an event is after it was written and read: of exceptions only their names and texts are left."""
    if not isinstance(
        event, ActionFailed | ActionRetried | PipelineFailed | StepFailed | StepRollbackFailed
    ) or isinstance(event.error, RecordedError):
        return event
    return replace(event, error=RecordedError(f"builtins.{type(event.error).__name__}", str(event.error)))


class TestRoundTrip:
    def test_is_checked_for_every_kind_that_is_exported(self) -> None:
        assert EVENTS.keys() == EVENT_KINDS.keys()

    @given(st.lists(st.one_of(CUSTOM, *EVENTS.values()), max_size=8))
    def test_gives_the_same_events_in_the_same_order(self, events: list[Event]) -> None:
        read, lines = through_a_file(events)
        # By their text: there NaN equals itself, and lists, enums and the order of keys can be told apart.
        assert [repr(one.event) for one in read] == [repr(expected(event)) for event in events]
        assert [type(one.event) for one in read] == [type(event) for event in events]
        assert [one.index for one in read] == list(range(len(events)))
        assert [one.topic for one in read] == [event.topic for event in events]

        bus = EventBus()
        with EventRecorder(bus) as again:
            assert replay(bus, read) == ReplayReport(published=len(events), skipped=0)
        assert [id(one.event) for one in again.snapshot()] == [id(one.event) for one in read]

        copied = through_a_file([one.event for one in read])[1]
        assert [(one["type"], json.dumps(one["data"])) for one in copied] == [
            (one["type"], json.dumps(one["data"])) for one in lines
        ]

    def test_keeps_times_to_the_nanosecond(self, tmp_path: Path) -> None:
        path = tmp_path / "events.jsonl"
        bus = EventBus()
        with EventRecorder(bus) as memory, JsonlRecorder(bus, path):
            bus.publish(EpochStart(1))
        (line,) = path.read_text("ascii").splitlines()
        (kept,), (read,) = memory.snapshot(), read_events(path)
        assert 0 <= read.at_ns - kept.at_ns < 60 * 10**9
        assert f'"ts":"{written(read.at_ns)}"' in line
        assert f'"elapsed_ms":{read.elapsed_ms!r},' in line

    @pytest.mark.parametrize(
        ("payload", "read"),
        [
            (math.nan, "nan"),
            ((1, (2,)), [1, [2]]),
            ({1: "a", "1": "b"}, {"1": "a", "'1'": "b"}),
            (Path("a/b"), "a/b"),
            (KeyError("k"), {"error": "builtins.KeyError", "message": "'k'"}),
            (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
            ("\ud800", "\ud800"),
            ("\x00\x85\u2028", "\x00\x85\u2028"),
        ],
    )
    def test_tells_payloads_that_json_has_no_form_for(self, payload: object, read: object) -> None:
        ((one,), _) = through_a_file([CustomEvent("mine", payload)])
        assert repr(one.event) == repr(CustomEvent("mine", read))

    def test_custom_events_stay_custom_whatever_their_topic(self) -> None:
        ((one,), _) = through_a_file([CustomEvent("EpochStart", {"epoch": "first"})])
        assert one.event == CustomEvent("EpochStart", {"epoch": "first"})


def written(at_ns: int) -> str:
    seconds, rest = divmod(at_ns, 10**9)
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


class Colour(Enum):
    RED = "red"
    DEEP = (1, 2)


@dataclass(frozen=True)
class Point:
    x: float
    y: float = 0.0
    norm: float = field(init=False, default=0.0)


@dataclass(frozen=True, slots=True)
class Rich(Event):
    """One field for each form that JSON lacks, and some for forms that can't be told."""

    colour: Colour
    colours: list[Colour]
    where: PurePosixPath
    pair: tuple[float, Colour]
    plain: tuple  # type: ignore[type-arg] # what is tested is an annotation without arguments
    names: frozenset[str]
    numbers: set[int]
    point: Point
    points: Mapping[str, Point]
    either: str | float
    perhaps: Colour | None
    mixed: list[int] | Colour
    error: BaseException
    loose: dict  # type: ignore[type-arg] # as above
    hidden: Renamed[str]
    secret: date | None
    few: Sequence[float]
    word: Literal["a", "b"]
    anything: Any
    derived: int = field(init=False)
    shared: ClassVar[int] = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "derived", 3)


RICH = Rich(
    colour=Colour.DEEP,
    colours=[Colour.RED, Colour.DEEP],
    where=PurePosixPath("/a/b"),
    pair=(math.inf, Colour.RED),
    plain=(1, "two"),
    names=frozenset({"b", "a"}),
    numbers={2, 1},
    point=Point(math.nan, 1.5),
    points={"first": Point(-math.inf)},
    either="nan",
    perhaps=None,
    mixed=[1, 2],
    error=OSError("gone"),
    loose={"b": 1, "a": [2]},
    hidden=["x"],  # type: ignore[arg-type] # as JSON has it: nobody can tell what it was
    secret=None,
    few=[0.5, math.nan],
    word="b",
    anything={"point": [1, 2]},
)

NAMES = [one.name for one in fields(Rich)]


class TestKinds:
    def test_give_fields_back_as_they_were_declared(self) -> None:
        ((one,), _) = through_a_file([RICH], kinds={"Rich": Rich})
        event = one.event
        assert isinstance(event, Rich)
        for name in NAMES:
            was, given = getattr(RICH, name), getattr(event, name)
            if isinstance(was, OSError):
                assert repr(given) == "RecordedError('builtins.OSError', 'gone')"
            elif isinstance(was, set | frozenset):
                assert (type(given), given) == (type(was), was)
            else:
                assert repr(given) == repr(was), name

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("colour", "green"),
            ("pair", [1.5]),
            ("plain", "text"),
            ("point", {"x": 1.0}),
            ("error", {"error": "builtins.OSError"}),
            ("perhaps", "grey"),
        ],
    )
    def test_leave_what_is_something_else_as_it_is(self, tmp_path: Path, name: str, value: object) -> None:
        data = {**{key: encode_value(getattr(RICH, key)) for key in NAMES}, name: value}
        (one,) = read_events(file_of(tmp_path, line(type="Rich", data=data)), kinds={"Rich": Rich})
        given = getattr(one.event, name)
        assert given == (tuple(value) if name == "pair" and isinstance(value, list) else value)

    @pytest.mark.parametrize(
        ("event", "left_out"),
        [
            (MessageLogged("job", LogLevel.INFO, "text"), "is_for_developers"),
            (EventLogged("job", "name"), "data"),
            (RICH, "derived"),
        ],
    )
    def test_take_their_own_values_for_fields_that_have_some(self, tmp_path: Path, event: Event, left_out: str) -> None:
        data = {one.name: encode_value(getattr(event, one.name)) for one in fields(event) if one.name != left_out}
        kinds = {**EVENT_KINDS, "Rich": Rich}
        (read,) = read_events(file_of(tmp_path, line(type=event.topic, data=data)), kinds=kinds)
        assert getattr(read.event, left_out) == getattr(event, left_out)

    def test_that_are_unknown_become_custom_events_with_the_very_data(self) -> None:
        ((one,), _) = through_a_file([RICH])
        data = {key: encode_value(getattr(RICH, key)) for key in NAMES}
        assert repr(one.event) == repr(CustomEvent("Rich", data))

    def test_are_those_the_caller_gives(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, line(type="EpochStart", data={"epoch": 1}), line(type="mine", data={"epoch": 2}))
        assert [one.event for one in read_events(path, kinds={"mine": EpochStart})] == [
            CustomEvent("EpochStart", {"epoch": 1}),
            EpochStart(2),
        ]

    def test_of_a_module_that_is_gone_are_made_all_the_same(self) -> None:
        @dataclass(frozen=True)
        class Lost(Event):
            colour: Colour
            size: float

        Lost.__module__ = "gone"
        ((one,), _) = through_a_file([Lost(Colour.RED, math.inf)], kinds={"Lost": Lost})
        # The module's names are gone with it, those of Python are not.
        assert one.event == Lost("red", math.inf)  # type: ignore[arg-type] # as above


class TestRecordedError:
    @pytest.mark.parametrize(
        ("error", "text"),
        [(RecordedError("builtins.OSError", "gone"), "builtins.OSError: gone"), (RecordedError("a.B", ""), "a.B")],
    )
    def test_tells_what_was_raised(self, error: RecordedError, text: str) -> None:
        assert str(error) == text
        copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - made here
        assert (copy.kind, copy.message, str(copy)) == (error.kind, error.message, text)


def line(**other: Any) -> str:
    """Return a line that is right but for what is given; None leaves a key out."""
    right = {"v": 1, "index": 0, "ts": "2025-01-31T12:00:00.5Z", "elapsed_ms": 0, "type": "EpochStart"}
    keys = {**right, "data": {"epoch": 1}, **other}
    return json.dumps({key: one for key, one in keys.items() if one is not MISSING})


def file_of(folder: Path, *lines: str | bytes) -> Path:
    path = folder / "events.jsonl"
    path.write_bytes(b"".join(one if isinstance(one, bytes) else f"{one}\n".encode() for one in lines))
    return path


MISSING = object()


class TestReading:
    def test_reads_what_others_wrote_to_the_schema(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, "", line(), " \r", line(ts="1970-01-01T00:00:01Z", index=7, elapsed_ms=1.5))
        assert list(read_events(path)) == [
            RecordedEvent(
                index=0, at_ns=1738324800 * 10**9 + 5 * 10**8, elapsed_ms=0.0, topic="EpochStart", event=EpochStart(1)
            ),
            RecordedEvent(index=7, at_ns=10**9, elapsed_ms=1.5, topic="EpochStart", event=EpochStart(1)),
        ]

    def test_needs_no_end_of_the_last_line(self, tmp_path: Path) -> None:
        assert len(list(read_events(str(file_of(tmp_path, line().encode()))))) == 1

    def test_takes_one_line_at_a_time(self, tmp_path: Path) -> None:
        events = read_events(file_of(tmp_path, line(), "broken"))
        assert next(events).event == EpochStart(1)
        with pytest.raises(RecordingError, match="line 2"):
            next(events)

    @pytest.mark.parametrize(
        ("text", "cause"),
        [
            ("[1]", "it is [1]; give an object"),
            ("{1}", "it is no JSON: Expecting property name enclosed in double quotes at column 2"),
            (b'{"v":1,"ind', "it is cut off, or it is no JSON: Unterminated string starting at at column 8"),
            (b"\xff\n", "it is no UTF-8: invalid start byte at byte 1"),
            (line(data={"epoch": math.nan}), "it is no JSON: NaN is no number there; write it as a text"),
            ("[" * 100_000, "it is nested too deeply"),
            (line(v=2), "'v' is 2; give 1, the only one that is known"),
            (line(v=True), "'v' is true; give 1, the only one that is known"),
            (line(v=MISSING, data=MISSING), "'v' is missing; 'data' is missing"),
            (line(more=1, index=-1), "'more' is unknown; 'index' is -1; give a whole number from 0 on"),
            (line(index=True), "'index' is true; give a whole number from 0 on"),
            (line(index="x" * 50), f"'index' is \"{'x' * 39}...; give a whole number from 0 on"),
            (line(elapsed_ms=-0.5), "'elapsed_ms' is -0.5; give milliseconds from 0 on"),
            (line(elapsed_ms=False), "'elapsed_ms' is false; give milliseconds from 0 on"),
            (line(elapsed_ms=10**30), f"'elapsed_ms' is {10**30}; give milliseconds from 0 on"),
            (line().replace("0.5Z", "0.5Z").replace('"elapsed_ms": 0', '"elapsed_ms": 1e999'),
             "'elapsed_ms' is Infinity; give milliseconds from 0 on"),
            (line(ts=5), "'ts' is 5; give a time in UTC such as '2025-01-31T12:00:00.000000001Z'"),
            (line(ts="2025-02-30T12:00:00Z"),
             "'ts' is \"2025-02-30T12:00:00Z\"; give a time in UTC such as '2025-01-31T12:00:00.000000001Z'"),
            (line(ts=MISSING), "'ts' is missing"),
            (line(type=" "), "'type' is \" \"; give a topic, not blank and not '*'"),
            (line(type="*"), "'type' is \"*\"; give a topic, not blank and not '*'"),
            (line(custom=False), "'custom' is false; give true, or leave it out"),
            (line(data=[1]), "the data of EpochStart is [1]; give an object with its fields"),
            (line(data={}), "field 'epoch' of EpochStart is missing"),
            (line(data={"epok": 1}), "field 'epoch' of EpochStart is missing; EpochStart has no field 'epok'"),
            (
                line(type="EpochEnd", data={"epoch": 1, "loss": "12"}),
                "EpochEnd refuses it: cannot make event 'EpochEnd': loss is '12'; give a number",
            ),
            (
                line(data={"epoch": -1}),
                "EpochStart refuses it: cannot make event 'EpochStart': epoch is -1; give a whole number from 0 on",
            ),
        ],
    )  # fmt: skip
    def test_names_the_line_and_everything_that_is_wrong_with_it(
        self, tmp_path: Path, text: str | bytes, cause: str
    ) -> None:
        path = file_of(tmp_path, line(), text)
        with pytest.raises(RecordingError) as caught:
            list(read_events(path))
        assert (caught.value.path, caught.value.line, caught.value.cause) == (str(path), 2, cause)
        assert str(caught.value) == f"cannot read recording '{path}': line 2: {cause}"

    def test_passes_over_faults_where_told_so(self, tmp_path: Path) -> None:
        path = file_of(tmp_path, "[", line(), line(index=None), line(index=1))
        faults: list[RecordingError] = []
        assert [one.index for one in read_events(path, on_fault=faults.append)] == [0, 1]
        assert [fault.line for fault in faults] == [1, 3]

    def test_raises_when_there_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            next(read_events(tmp_path / "none"))


def at(elapsed_ms: float, event: Event | None = None) -> RecordedEvent:
    return RecordedEvent(index=0, at_ns=0, elapsed_ms=elapsed_ms, topic="", event=event or EpochStart(0))


class TestReplay:
    @pytest.mark.parametrize("forged", [SystemInit(), CustomEvent("PluginLoaded", {"plugin_id": "x"}), KernelEvent()])
    def test_skips_and_counts_events_of_the_kernel(self, forged: Event) -> None:
        bus = EventBus()
        with EventRecorder(bus) as heard:
            report = replay(bus, [at(0, EpochStart(1)), at(0, forged), at(0, EpochStart(2))])
        assert report == ReplayReport(published=2, skipped=1)
        assert [one.event for one in heard.snapshot()] == [EpochStart(1), EpochStart(2)]

    def test_skips_what_a_kernel_published_while_it_was_recorded(self, tmp_path: Path) -> None:
        with Kernel() as kernel, JsonlRecorder(kernel.bus, tmp_path / "events.jsonl"):
            kernel.register(FakePlugin("one"))
            kernel.load("one")
            kernel.bus.publish(EpochStart(1))
        found = list(read_events(tmp_path / "events.jsonl"))
        assert {"PluginRegistered", "PluginLoaded", "EpochStart"} <= {one.topic for one in found}
        bus = EventBus()
        with EventRecorder(bus) as heard:
            assert replay(bus, found) == ReplayReport(published=1, skipped=len(found) - 1)
        assert [one.event for one in heard.snapshot()] == [EpochStart(1)]

    def test_goes_on_when_a_subscriber_fails(self) -> None:
        bus = EventBus()
        heard: list[Event] = []

        def fail(event: EpochStart) -> None:
            heard.append(event)
            raise LookupError("no")

        bus.subscribe(EpochStart, fail)
        assert replay(bus, [at(0), at(1)]) == ReplayReport(published=2, skipped=0)
        assert len(heard) == 2

    def test_makes_no_pauses_unless_told_so(self) -> None:
        pauses: list[float] = []
        replay(EventBus(), [at(0), at(5_000_000)], sleep=pauses.append)
        assert pauses == []

    @pytest.mark.parametrize("speed", [1, 2.5, 1000])
    def test_makes_the_pauses_of_the_recording_at_the_speed_that_is_asked_for(self, speed: float) -> None:
        # Nobody sleeps here, so that the pauses are those from the beginning, in units of many days.
        unit_ms = 1e10
        pauses: list[float] = []
        times = [4, 5, 5, 8, 1, 2, 6]
        replay(EventBus(), [at(one * unit_ms) for one in times], speed=speed, sleep=pauses.append)
        assert [round(pause * speed * 1000 / unit_ms, 3) for pause in pauses] == [1, 1, 4, 1, 5]

    def test_shortens_a_pause_by_the_time_that_subscribers_took(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            now[0] += seconds

        def work(event: EpochStart) -> None:
            now[0] += event.epoch

        monkeypatch.setattr("time.monotonic", lambda: now[0])
        pauses: list[float] = []
        bus = EventBus()
        bus.subscribe(EpochStart, work)
        # Each takes so many seconds; one that takes five makes the next ones late, until its time is made up for.
        events = [at(0, EpochStart(1)), at(2000, EpochStart(5)), at(4000), at(6000), at(8000), at(10000)]
        replay(bus, events, speed=1, sleep=sleep)
        assert pauses == [1, 1, 2]

    @pytest.mark.parametrize("speed", [0, -1, math.inf, math.nan])
    def test_refuses_a_speed_that_is_none(self, speed: float) -> None:
        with pytest.raises(ValueError, match=f"^cannot replay events: speed is {speed}; give a number above 0, or"):
            replay(EventBus(), [], speed=speed)

    def test_of_nothing_publishes_nothing(self) -> None:
        assert replay(EventBus(), [], speed=1) == ReplayReport(published=0, skipped=0)

    def test_of_a_plugin_goes_through_what_it_sees_of_the_bus(self) -> None:
        with Kernel() as kernel:
            plugin = FakePlugin("replaying")
            kernel.register(plugin)
            kernel.load("replaying")
            with EventRecorder(kernel.bus, EpochStart) as heard:
                assert plugin.ctx is not None
                replay(plugin.ctx.event_bus, [at(0, EpochStart(3))])
        assert [one.event for one in heard.snapshot()] == [EpochStart(3)]
