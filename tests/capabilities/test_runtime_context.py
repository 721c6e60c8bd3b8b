"""The context of a job: what its calls publish, whatever they are given."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from plugbus.capabilities import (
    ActionCall,
    BaseAction,
    EventLogged,
    LogEnded,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    NoRunError,
    ProgressReported,
    RunContext,
    RunSpec,
    RuntimeContext,
    RunTracking,
)
from plugbus.capabilities.testing import FakeTracking
from plugbus.kernel import Event


def context(job_id: str | None = "job") -> tuple[RuntimeContext, list[Any]]:
    events: list[Any] = []
    return RuntimeContext(job_id=job_id, publish=events.append), events


class TestProgress:
    @pytest.mark.parametrize(
        ("current", "total", "reported"),
        [
            (3, 10, (3, 10)),
            (0, 10, (0, 10)),
            (10, 10, (10, 10)),
            (11, 10, (10, 10)),
            (-1, 10, (0, 10)),
            (0.25, 0.5, (0.25, 0.5)),
            (7, None, (7, None)),
            (-7, None, (0, None)),
            (7, 0, (7, None)),
            (7, -1, (7, None)),
            (7, math.nan, (7, None)),
            (math.nan, 10, (0, 10)),
        ],
    )
    def test_is_brought_inside(self, current: float, total: float | None, reported: tuple[float, float | None]) -> None:
        ctx, events = context()
        ctx.set_progress(current, total, "train")
        assert events == [ProgressReported("job", *reported, "train")]

    @given(st.floats() | st.integers(), st.none() | st.floats() | st.integers())
    def test_is_never_outside_whatever_is_reported(self, current: float, total: float | None) -> None:
        ctx, events = context()
        ctx.set_progress(current, total)
        (event,) = events
        assert event.current >= 0
        assert event.total is None or event.total > 0
        assert event.total is None or event.current <= event.total


class TestMetrics:
    def test_are_published_with_category_and_step(self) -> None:
        ctx, events = context()
        ctx.set_metrics({"loss": 0.5}, "train", step=3)
        ctx.set_metrics({"loss": 0.25})
        assert events == [
            MetricsRecorded("job", {"loss": 0.5}, "train", 3),
            MetricsRecorded("job", {"loss": 0.25}, None, None),
        ]

    def test_are_those_of_the_moment(self) -> None:
        ctx, events = context()
        values = {"loss": 1.0}
        ctx.set_metrics(values)
        values["loss"] = 0.0
        assert events[0].values == {"loss": 1.0}


class TestMessages:
    @pytest.mark.parametrize("text", ["50 % of {all}", "%s %d %(name)s", "{0!r:>{1}}", "", "größer\nals [red]"])
    def test_are_taken_as_they_are(self, text: str) -> None:
        ctx, events = context()
        ctx.log_message(text)
        ctx.logger.info(text)
        assert events == [MessageLogged("job", LogLevel.INFO, text)] * 2

    @pytest.mark.parametrize("level", list(LogLevel))
    def test_have_the_level_that_is_named(self, level: LogLevel) -> None:
        ctx, events = context()
        ctx.log_message("text", level)
        ctx.log_message("text", level.value)
        assert [event.level for event in events] == [level, level]

    def test_have_a_level_in_any_case_and_by_the_names_of_the_standard_library(self) -> None:
        ctx, events = context()
        for level in ("ERROR", "Warn", "fatal"):
            ctx.log_message("text", level)
        assert [event.level for event in events] == [LogLevel.ERROR, LogLevel.WARNING, LogLevel.CRITICAL]

    def test_with_a_level_that_is_none_are_seen_all_the_same(self, caplog: pytest.LogCaptureFixture) -> None:
        ctx, events = context()
        no_level: Any = 7.5
        ctx.log_message("text", "loud")
        ctx.log_message("text", no_level)
        assert [event.level for event in events] == [LogLevel.WARNING] * 2
        assert "'loud' is no level of messages" in caplog.text


class Unspeakable:
    """Raises where its text is asked for, but can be represented."""

    def __str__(self) -> str:
        raise OSError("no text")

    def __repr__(self) -> str:
        return "<unspeakable>"


class TestLogger:
    @pytest.mark.parametrize(
        ("method", "level", "is_for_developers"),
        [
            ("debug", LogLevel.DEBUG, True),
            ("info", LogLevel.INFO, False),
            ("warning", LogLevel.WARNING, False),
            ("error", LogLevel.ERROR, False),
            ("critical", LogLevel.CRITICAL, False),
        ],
    )
    def test_publishes_at_its_level(self, method: str, level: LogLevel, is_for_developers: bool) -> None:
        ctx, events = context()
        getattr(ctx.logger, method)("%s of %d", "one", 2)
        assert events == [MessageLogged("job", level, "one of 2", is_for_developers)]

    @pytest.mark.parametrize(
        ("msg", "args", "text"),
        [
            ("%d rows", ("many",), "%d rows ('many',)"),
            ("%s and %s", ("one",), "%s and %s ('one',)"),
            ("no place", (1,), "no place (1,)"),
            ("100 %", (1,), "100 % (1,)"),
            ("%(a)s", (1,), "%(a)s (1,)"),
            ("%(a)s", ({"b": 1},), "%(a)s ({'b': 1},)"),
            ("%s", (Unspeakable(),), "%s (<unspeakable>,)"),
        ],
    )
    def test_keeps_arguments_that_do_not_fit(self, msg: str, args: tuple[object, ...], text: str) -> None:
        ctx, events = context()
        ctx.logger.info(msg, *args)
        assert events[0].message == text

    @pytest.mark.parametrize(
        ("msg", "mapping", "text"),
        [("%(a)s of %(b)d", {"a": "one", "b": 2}, "one of 2"), ("got %s", {"a": 1}, "got {'a': 1}"), ("%s", {}, "{}")],
    )
    def test_takes_named_arguments_as_the_standard_library_does(
        self, msg: str, mapping: dict[str, object], text: str
    ) -> None:
        ctx, events = context()
        ctx.logger.info(msg, mapping)
        assert events[0].message == text

    def test_takes_a_mapping_among_several_arguments_as_one_of_them(self) -> None:
        ctx, events = context()
        ctx.logger.info("%s of %d", {"a": 1}, 2)
        assert events[0].message == "{'a': 1} of 2"

    def test_adds_the_traceback_of_what_is_being_handled(self) -> None:
        ctx, events = context()
        try:
            raise LookupError("gone: 100 %")
        except LookupError:
            ctx.logger.exception("could not read %s", "rows")
        (event,) = events
        assert event.level is LogLevel.ERROR
        first, *trace = event.message.splitlines()
        assert first == "could not read rows"
        assert trace[0] == "Traceback (most recent call last):"
        assert trace[-1] == "LookupError: gone: 100 %"

    def test_of_the_host_takes_the_place_of_events(self) -> None:
        class Kept:
            def __init__(self) -> None:
                self.lines: list[str] = []

            def info(self, msg: str, *args: object) -> None:
                self.lines.append(msg % args)

            debug = warning = error = critical = exception = info

        logger, events = Kept(), list[Event]()
        ctx = RuntimeContext(logger, publish=events.append)
        ctx.logger.info("%d", 1)
        assert logger.lines == ["1"]
        assert events == []


class TestLog:
    def test_publishes_facts_and_a_file(self) -> None:
        ctx, events = context()
        facts = {"rows": 3}
        ctx.log("loaded", facts, "rows.csv")
        ctx.log("idle")
        facts["rows"] = 4
        assert events == [EventLogged("job", "loaded", {"rows": 3}, "rows.csv"), EventLogged("job", "idle", {}, None)]

    def test_of_developers_keeps_message_and_facts_apart(self) -> None:
        ctx, events = context()
        ctx.log_dev_event("cache {missed}", {"key": "a"})
        ctx.log_dev_event("again")
        assert events == [
            EventLogged("job", "dev_event", {"message": "cache {missed}", "data": {"key": "a"}}, None, LogLevel.DEBUG),
            EventLogged("job", "dev_event", {"message": "again", "data": {}}, None, LogLevel.DEBUG),
        ]

    def test_ends_once(self) -> None:
        ctx, events = context()
        ctx.end_log()
        ctx.end_log()
        assert events == [LogEnded("job")]


class TestSurroundings:
    def test_have_no_settings_but_those_that_were_passed(self) -> None:
        assert os.environ
        assert RuntimeContext().env == {}
        assert RuntimeContext(env={"KEY": "value"}).env == {"KEY": "value"}

    def test_publish_to_nobody_by_default(self) -> None:
        ctx = RuntimeContext()
        ctx.log("loaded")
        ctx.logger.critical("text")
        ctx.end_log()
        assert ctx.job_id is None

    def test_have_no_run_outside_one(self) -> None:
        ctx, _ = context("job-9")
        with pytest.raises(NoRunError) as caught:
            _ = ctx.current_run
        assert caught.value.job_id == "job-9"
        assert str(caught.value) == (
            "cannot keep files of job 'job-9': it is part of no run; start it with ActionRunner.run"
        )
        with pytest.raises(NoRunError, match="job ''"):
            _ = RuntimeContext().current_run

    def test_hand_the_run_to_the_action(self, tmp_path: Any) -> None:
        class Nothing(BaseModel):
            pass

        class Where(BaseAction[Nothing]):
            def execute(self) -> RunContext:
                return self.ctx.current_run

        client = FakeTracking().create_client()
        run = RunContext("r", RunSpec("p"), RunTracking(client, "r"), tmp_path, RuntimeContext().logger)
        assert ActionCall(Where, run=run).run_here(lambda event: None) is run
