"""What stands on the terminal while a pipeline runs, and what is written where there is none."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("rich", reason='needs rich: pip install "plugbus[cli]"')

from pydantic import BaseModel
from rich.console import Console

from plugbus.capabilities import (
    ActionCompleted,
    ActionNode,
    ActionPipeline,
    ActionStatusChanged,
    BaseAction,
    MetricsRecorded,
    PipelineCancelled,
    PipelineCompleted,
    PipelineFailed,
    PipelineProgressed,
    PipelineStarted,
    ProgressReported,
    RunEnded,
    RunStarted,
    RuntimeContext,
)
from plugbus.kernel import Kernel, PluginMetadata, SubscriberFailed
from plugbus.plugins.console import ConsolePlugin
from plugbus.plugins.console.display import ConsoleDisplay
from plugbus.plugins.console.pipeline_view import PipelineView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.kernel import Event

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ERASE_LINE = "\x1b[2K"
NAMES = ("start", "left", "right", "join")


class Screen:
    """A terminal that keeps what is written, and a display on it that gets events of the pipeline ``sums``."""

    def __init__(self, *, is_terminal: bool = True, width: int = 100, height: int = 24, **known: Any) -> None:
        self.file = StringIO()
        self.console = Console(file=self.file, force_terminal=is_terminal, width=width, height=height, highlight=False)
        self.display = ConsoleDisplay(console=self.console, **known)

    @property
    def text(self) -> str:
        return ESCAPES.sub("", self.file.getvalue())

    @property
    def last_frame(self) -> list[str]:
        return ESCAPES.sub("", self.file.getvalue().rpartition(ERASE_LINE)[2]).splitlines()

    def row(self, name: str) -> str:
        (found,) = [row for row in self.last_frame if f" {name} " in row]
        return found

    def start(self, names: tuple[str, ...] = NAMES, *, job: str = "job", pipeline: str = "sums") -> None:
        self.display.show_pipeline(PipelineStarted(job, pipeline, names))

    def move(self, action: str, *statuses: str, message: str | None = None, pipeline: str = "sums") -> None:
        before = "pending"
        for status in statuses:
            told = message if status == statuses[-1] else None
            self.display.show_pipeline(ActionStatusChanged("job", pipeline, action, status, before, told))
            before = status

    def end(self, pipeline: str = "sums") -> None:
        self.display.show_pipeline(PipelineCompleted("job", pipeline, 1.0))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Screen]:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen()
    yield screen
    screen.display.close()


class TestTable:
    def test_has_a_row_for_each_action_and_one_of_the_whole(self, screen: Screen) -> None:
        screen.start()
        screen.move("start", "running", "completed")
        screen.move("left", "running")
        screen.display.show_pipeline(PipelineProgressed("job", "sums", "left", 50.0, 37.5))
        screen.display.close()
        assert re.match(r"✓ start +completed .* 100% ", screen.row("start"))
        assert re.match(r". left +running .* 50% ", screen.row("left"))
        assert re.match(r"· right +pending .* 0% ", screen.row("right"))
        assert re.search(r"sums +running .* 38% .*1 of 4", screen.row("sums"))
        assert [row.split()[1] for row in screen.last_frame[:4]] == list(NAMES)

    def test_keeps_the_rows_of_siblings_when_a_branch_is_done(self, screen: Screen) -> None:
        screen.start()
        screen.move("left", "running")
        screen.move("right", "running")
        for action, done in (("left", 3), ("right", 1)):
            screen.display.show_progress(ProgressReported("job", done, 4, f"{action}.epoch"))
        screen.display.end_job(ActionCompleted("job", "demo.left", 0.5))
        screen.move("left", "running", "completed")
        screen.display.show_progress(ProgressReported("job", 2, 4, "right.epoch"))
        screen.display.close()
        assert "completed" in screen.row("left")
        assert "epoch 2/4" in screen.row("right")

    def test_shows_what_an_action_is_at_and_its_metrics(self, screen: Screen) -> None:
        screen.start()
        screen.move("left", "running")
        screen.move("right", "running")
        screen.display.show_progress(ProgressReported("job", 3, None, "left"))
        screen.display.show_metrics(MetricsRecorded("job", {"loss": 0.25}, "left.train", 1, "left"))
        screen.display.show_metrics(MetricsRecorded("job", {"lost": 7}, "nothing"))
        screen.display.close()
        assert "3/?  loss 0.25" in screen.row("left")
        assert "loss" not in screen.row("right")
        assert "lost" not in screen.text

    def test_says_why_an_action_failed_in_its_row_and_in_full_above(self, screen: Screen) -> None:
        screen.start()
        why = "no luck [red]today[/red] " + "x" * 200
        screen.move("left", "running", "failed", message=why)
        screen.move("join", "skipped", message="action 'left' failed")
        screen.display.show_pipeline(PipelineFailed("job", "sums", 1.0, OSError("x")))
        assert f"left failed: {why}\n" in screen.text
        assert "✗ left" in screen.row("left")
        assert "no luck [red]today[/red] xxx" in screen.row("left")
        assert "action 'left' failed" in screen.row("join")
        assert re.search(r"sums +failed", screen.row("sums"))

    def test_stays_as_it_is_at_the_end_and_nothing_redraws_it(self, screen: Screen) -> None:
        before = set(threading.enumerate())
        screen.start()
        threads = [one for one in threading.enumerate() if one not in before]
        assert len(threads) == 1
        screen.display.show_pipeline(PipelineCancelled("job", "sums", 1.0, "enough"))
        threads[0].join(60)
        assert not threads[0].is_alive()
        assert re.search(r"sums +cancelled", screen.row("sums"))
        written = screen.text
        screen.move("left", "running")
        screen.display.end_job(RunEnded("job", "cancelled", 1.0))
        assert screen.text == written

    def test_ends_with_the_run_where_the_pipeline_does_not_say_so(self, screen: Screen) -> None:
        before = set(threading.enumerate())
        screen.display.follow(RunStarted("job", "p", "sums", "x"))
        screen.start()
        screen.display.end_job(RunEnded("job", "failed", 1.0))
        for thread in set(threading.enumerate()) - before:
            thread.join(60)
        assert set(threading.enumerate()) <= before

    def test_of_one_run_goes_up_while_that_of_another_goes_on(self, screen: Screen) -> None:
        screen.start()
        screen.start(("only",), job="other", pipeline="second")
        screen.move("left", "running", "completed")
        screen.end()
        screen.display.show_pipeline(ActionStatusChanged("other", "second", "only", "running", "pending"))
        screen.display.show_pipeline(PipelineCompleted("other", "second", 1.0))
        assert "only" in screen.text
        assert [row.split()[0] for row in screen.last_frame if "second" in row] == ["second"]
        assert not [row for row in screen.last_frame if "sums" in row]
        assert re.search(r"sums +completed", screen.text)

    def test_stands_beside_the_bars_of_other_jobs(self, screen: Screen) -> None:
        screen.start()
        screen.display.show_progress(ProgressReported("other", 1, 4, "train"))
        screen.end()
        screen.display.show_progress(ProgressReported("other", 2, 4, "train"))
        screen.display.end_job(ActionCompleted("other", "x", 1.0))
        assert "2/4" in screen.row("train")
        assert "sums" in screen.text

    def test_shows_what_runs_and_failed_where_there_is_no_room_for_all(self) -> None:
        screen = Screen(height=8)
        screen.start(tuple(f"a{place:02}" for place in range(40)))
        screen.move("a20", "running")
        screen.move("a30", "running", "failed", message="why")
        screen.display.close()
        # The last frame may be as long as it is; those before fit on the screen.
        frame = [row for row in screen.last_frame if row.strip()]
        assert len(frame) <= 8
        assert any("a20" in row for row in frame)
        assert any("a30" in row for row in frame)
        assert "not shown" in frame[-1]

    @pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
    def test_fits_the_width(self, width: int) -> None:
        screen = Screen(width=width)
        screen.start(("a-rather-long-name-of-an-action" * 2, "left"))
        screen.move("left", "running", "completed", message="x" * 300)
        screen.end()
        assert {len(row) for row in screen.last_frame} == {width}

    @pytest.mark.parametrize(("no_color", "is_coloured"), [(None, True), ("1", False)])
    def test_has_colours_unless_they_are_not_wanted(
        self, no_color: str | None, is_coloured: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        if no_color is not None:
            monkeypatch.setenv("NO_COLOR", no_color)
        screen = Screen()
        screen.start()
        screen.move("left", "running", "completed")
        screen.end()
        assert ("\x1b[32m" in screen.file.getvalue()) == is_coloured
        assert "✓ left" in screen.row("left")


class TestTimes:
    def test_are_those_of_the_action_and_of_the_whole(self) -> None:
        moment = datetime(2026, 1, 1, tzinfo=UTC)

        def now() -> datetime:
            return moment

        view = PipelineView(PipelineStarted("job", "sums", ("a", "b"), (), {"a": 1, "b": 1}), now=now)
        view.take(ActionStatusChanged("job", "sums", "a", "running", "pending"))
        moment += timedelta(seconds=30)
        view.take(PipelineProgressed("job", "sums", "a", 50.0, 12.5))
        moment += timedelta(seconds=5)
        file = StringIO()
        console = Console(file=file, width=100, force_terminal=True, no_color=True, highlight=False)
        console.print(view.table(console, 10))
        first, _, whole = ESCAPES.sub("", file.getvalue()).splitlines()
        assert first.split()[-3:-1] == ["50%", "0:00:35"]
        # Half of it took 30 s.
        assert first.split()[-1] == "0:00:25"
        assert whole.split()[-6:] == ["25%", "0:00:35", "0:01:25", "0", "of", "2"]
        view.take(ActionStatusChanged("job", "sums", "a", "completed", "running"))
        assert view.progress.actions["a"].duration == timedelta(seconds=35)
        assert view.progress.overall_progress == 50


class TestLines:
    def test_are_one_for_each_change_of_a_status_and_no_more(self) -> None:
        screen = Screen(is_terminal=False)
        screen.start()
        screen.move("start", "running")
        for percent in range(1, 100):
            screen.display.show_pipeline(PipelineProgressed("job", "sums", "start", float(percent), 1.0))
            screen.display.show_progress(ProgressReported("job", percent, 100, "start"))
            screen.display.show_metrics(MetricsRecorded("job", {"loss": 1.0}, "start"))
        screen.move("start", "completed")
        screen.move("left", "skipped", message="params.on does not hold")
        screen.move("right", "running", "failed", message="no\n[b]luck[/b]")
        screen.move("join", "cancelled", message="not begun: action 'right' failed")
        screen.end()
        assert re.sub(r"\d+\.\d s", "0 s", screen.text).splitlines() == [
            "sums: start running",
            "sums: start completed in 0 s (1 of 4)",
            "sums: left skipped: params.on does not hold (2 of 4)",
            "sums: right running",
            "sums: right failed after 0 s: no [b]luck[/b]",
            "sums: join cancelled: not begun: action 'right' failed",
        ]
        assert screen.text == screen.file.getvalue()

    def test_are_written_to_a_terminal_that_can_not_redraw(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "dumb")
        screen = Screen()
        screen.start()
        screen.move("start", "running")
        screen.end()
        assert screen.text == "sums: start running\n"

    def test_are_not_written_where_nothing_is_to_be_shown(self) -> None:
        screen = Screen(is_terminal=False, show="never")
        screen.start()
        screen.move("start", "running")
        screen.end()
        assert screen.text == ""


class Params(BaseModel):
    number: int


class Count(BaseAction[Params]):
    def execute(self) -> Params:
        for done in range(4):
            self.set_progress(done + 1, 4, "count")
            self.set_metrics({"loss": 0.5}, "count")
        return Params(number=self.params.number + 1)


class Shipped(ConsolePlugin):
    metadata = PluginMetadata("console", "1.0.0")


def test_the_plugin_shows_a_pipeline_that_really_runs_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    names = [f"count-{place}" for place in range(4)]
    pipeline = ActionPipeline.graph([ActionNode(Count, name=name) for name in names], name="counts")
    failures: list[Event] = []
    before = set(threading.enumerate())
    with Kernel() as kernel:
        kernel.register(Shipped())
        kernel.load("console")
        kernel.bus.subscribe(SubscriberFailed, failures.append)
        done = pipeline.run({"number": 1}, RuntimeContext(publish=kernel.bus.publish, job_id="job"))
    assert done.is_ok
    assert failures == []
    assert set(threading.enumerate()) <= before
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert len(lines) == 8
    for name in names:
        own = [line for line in lines if f" {name} " in line]
        assert [line.split()[2] for line in own] == ["running", "completed"]
