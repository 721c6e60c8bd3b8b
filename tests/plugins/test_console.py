"""What stands on the terminal while work goes on, and that nothing is left running afterwards."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("rich", reason='needs rich: pip install "plugbus[cli]"')

from rich.console import Console
from rich.progress import Progress

from plugbus.capabilities import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    ProgressModel,
    ProgressPlanned,
    ProgressReported,
    RunEnded,
)
from plugbus.kernel import Event, Kernel, PluginLoadError, PluginMetadata, SubscriberFailed
from plugbus.plugins.console import ConsolePlugin
from plugbus.plugins.console.display import ConsoleDisplay, RemainingColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
ERASE_LINE = "\x1b[2K"


class Terminal:
    """A terminal of 100 columns that keeps what is written, and a display on it."""

    def __init__(self, *, is_terminal: bool = True, **known: Any) -> None:
        self.file = StringIO()
        self.threads_before = set(threading.enumerate())
        console = Console(file=self.file, force_terminal=is_terminal, width=100, highlight=False)
        self.display = ConsoleDisplay(console=console, **known)

    @property
    def text(self) -> str:
        """Return everything that was ever written, without colours."""
        return ESCAPES.sub("", self.file.getvalue())

    @property
    def last_frame(self) -> str:
        """Return the bars as they were drawn last."""
        return ESCAPES.sub("", self.file.getvalue().rpartition(ERASE_LINE)[2])

    @property
    def threads(self) -> list[threading.Thread]:
        """Return the threads that the display started and that still run."""
        return [one for one in threading.enumerate() if one not in self.threads_before]

    def progress(self, current: float, total: float | None, category: str | None = None, job: str = "job") -> None:
        self.display.show_progress(ProgressReported(job, current, total, category))

    def message(self, text: str, level: LogLevel = LogLevel.INFO) -> None:
        self.display.show_message(MessageLogged("job", level, text))

    def end(self, job: str = "job") -> None:
        self.display.end_job(ActionCompleted(job, "a", 0.5))


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.display.close()


def assert_threads_end(threads: list[threading.Thread]) -> None:
    assert threads
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


class TestBars:
    def test_are_one_for_each_category(self, terminal: Terminal) -> None:
        terminal.progress(1, 4, "download")
        terminal.progress(2, 8, "train")
        terminal.progress(3, 4, "download")
        terminal.end()
        rows = terminal.last_frame.splitlines()
        (download,) = [row for row in rows if "download" in row]
        (train,) = [row for row in rows if "train" in row]
        assert "3/4" in download
        assert "2/8" in train
        assert rows.index(download) < rows.index(train)

    def test_are_one_for_each_job(self, terminal: Terminal) -> None:
        terminal.progress(1, 4, "train", "job-1")
        terminal.progress(2, 4, "train", "job-2")
        terminal.display.close()
        rows = [row for row in terminal.last_frame.splitlines() if "train" in row]
        assert ["1/4" in rows[0], "2/4" in rows[1]] == [True, True]
        assert len(rows) == 2

    def test_without_a_category_have_a_name(self, terminal: Terminal) -> None:
        terminal.progress(1, 4)
        terminal.end()
        assert "progress" in terminal.last_frame

    def test_without_a_total_count_all_the_same(self, terminal: Terminal) -> None:
        terminal.progress(5, None, "rows")
        terminal.end()
        assert "5/?" in terminal.last_frame

    def test_learn_their_total_later(self, terminal: Terminal) -> None:
        terminal.progress(5, None, "rows")
        terminal.progress(6, 10, "rows")
        terminal.end()
        assert "6/10" in terminal.last_frame

    def test_go_with_their_job_while_others_work_on(self, terminal: Terminal) -> None:
        terminal.progress(1, 4, "first", "job-1")
        terminal.progress(1, 4, "second", "job-2")
        terminal.end("job-1")
        terminal.progress(2, 4, "second", "job-2")
        assert len(terminal.threads) == 1
        terminal.end("job-2")
        assert "first" not in terminal.last_frame
        assert "second" in terminal.last_frame
        assert "2/4" in terminal.last_frame

    def test_begin_anew_after_the_end_of_everything(self, terminal: Terminal) -> None:
        terminal.progress(1, 4, "train")
        terminal.display.close()
        terminal.progress(2, 4, "train")
        terminal.display.close()
        assert "2/4" in terminal.last_frame

    def test_of_the_last_job_stay_as_they_are(self, terminal: Terminal) -> None:
        terminal.progress(4, 4, "train")
        terminal.end()
        assert "4/4" in terminal.last_frame
        assert terminal.last_frame.endswith("\n")

    def test_begin_anew_with_the_next_job(self, terminal: Terminal) -> None:
        terminal.progress(4, 4, "train", "job-1")
        terminal.end("job-1")
        terminal.progress(1, 9, "train", "job-2")
        terminal.end("job-2")
        assert "1/9" in terminal.last_frame
        assert "4/4" not in terminal.last_frame

    @pytest.mark.parametrize("category", ["[red]train[/red]", "{task.total}", "100%", ":warning:", "größe"])
    def test_have_the_name_that_was_given(self, terminal: Terminal, category: str) -> None:
        terminal.progress(1, 2, category)
        terminal.end()
        assert category in terminal.last_frame

    def test_of_several_threads_are_all_drawn(self, terminal: Terminal) -> None:
        def work(who: int) -> None:
            for done in range(51):
                terminal.progress(done, 50, f"part-{who}", f"job-{who}")

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        terminal.display.close()
        rows = [row for row in terminal.last_frame.splitlines() if "part-" in row]
        assert len(rows) == 4
        assert all("50/50" in row for row in rows)


def row_of(frame: str, name: str) -> str:
    (found,) = [row for row in frame.splitlines() if name in row]
    return found


class TestWhole:
    def test_has_a_bar_when_it_is_planned(self, terminal: Terminal) -> None:
        terminal.display.follow(ProgressPlanned("job", {"dataset": 20, "train": 80}))
        terminal.progress(1, 1, "dataset")
        terminal.progress(1, 4, "train")
        terminal.display.close()
        assert "40%" in row_of(terminal.last_frame, "overall")
        assert "1/4" in row_of(terminal.last_frame, "train")

    def test_has_a_bar_when_there_are_several_categories(self, terminal: Terminal) -> None:
        terminal.progress(1, 1, "download")
        assert "overall" not in terminal.last_frame
        terminal.progress(2, 4, "train")
        terminal.display.close()
        assert "62%" in row_of(terminal.last_frame, "overall")

    def test_has_none_for_a_single_category_or_none(self, terminal: Terminal) -> None:
        terminal.progress(1, 2, "train")
        terminal.progress(1, 4, None, "other")
        terminal.display.close()
        assert "overall" not in terminal.last_frame

    def test_takes_the_place_of_reports_without_a_category(self, terminal: Terminal) -> None:
        terminal.progress(10, 100)
        terminal.display.follow(ProgressPlanned("job", {"a": 1, "b": 1}))
        terminal.progress(1, 2, "a")
        terminal.progress(60, 100)
        terminal.display.close()
        assert "60%" in row_of(terminal.last_frame, "overall")
        assert "progress" not in terminal.last_frame

    def test_is_that_of_each_job(self, terminal: Terminal) -> None:
        for job, share in (("job-1", 1), ("job-2", 3)):
            terminal.display.follow(ProgressPlanned(job, {"a": share, "b": 1}))
            terminal.progress(1, 1, "a", job)
        terminal.display.close()
        rows = [row for row in terminal.last_frame.splitlines() if "overall" in row]
        assert ["50%" in rows[0], "75%" in rows[1]] == [True, True]

    def test_begins_anew_with_the_next_work_of_the_job(self, terminal: Terminal) -> None:
        terminal.display.follow(ProgressPlanned("job", {"a": 1, "b": 1}))
        terminal.progress(1, 1, "a")
        terminal.end()
        terminal.progress(1, 4, "a")
        terminal.display.close()
        assert "overall" not in terminal.last_frame

    def test_time_that_is_left_is_that_of_the_model(self) -> None:
        class Model(ProgressModel):
            def remaining(self, category: str | None = None) -> float | None:
                return {None: 4000.4, "a": 61.0}.get(category)

        column, progress = RemainingColumn(), Progress()
        told = []
        for category in ("\0", "a", "b"):
            progress.add_task("x", model=Model(), category=category)
            told.append(column.render(progress.tasks[-1]).plain)
        assert told == ["1:06:40", "0:01:01", "-:--:--"]

    def test_knows_nothing_of_work_where_nothing_is_shown(self) -> None:
        terminal = Terminal(is_terminal=False)
        terminal.display.follow(ProgressPlanned("job", {"a": 1, "b": 1}))
        terminal.progress(1, 2, "a")
        terminal.end()
        assert terminal.text == ""


class TestColours:
    @pytest.mark.parametrize(("no_color", "is_coloured"), [(None, True), ("1", False)])
    def test_are_for_terminals_unless_they_are_not_wanted(
        self, no_color: str | None, is_coloured: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        if no_color is not None:
            monkeypatch.setenv("NO_COLOR", no_color)
        terminal = Terminal()
        terminal.message("text", LogLevel.WARNING)
        assert ("\x1b[33m" in terminal.file.getvalue()) == is_coloured
        assert "warning: text" in terminal.text


class TestMetrics:
    def test_stand_beside_the_bar_of_their_category(self, terminal: Terminal) -> None:
        terminal.progress(1, 2, "train")
        terminal.progress(1, 2, "test")
        terminal.display.show_metrics(MetricsRecorded("job", {"loss": 0.123456, "steps": 3}, "train", 1))
        terminal.end()
        (train,) = [row for row in terminal.last_frame.splitlines() if "train" in row]
        (test,) = [row for row in terminal.last_frame.splitlines() if "test" in row]
        assert "loss 0.1235  steps 3" in train
        assert "loss" not in test

    def test_without_a_bar_of_their_own_stand_beside_that_of_their_job(self, terminal: Terminal) -> None:
        terminal.progress(1, 2, "train", "job-1")
        terminal.progress(1, 2, "train", "job-2")
        terminal.display.show_metrics(MetricsRecorded("job-1", {"accuracy": 0.5}))
        terminal.display.close()
        first, second = [row for row in terminal.last_frame.splitlines() if "train" in row]
        assert "accuracy 0.5" in first
        assert "accuracy" not in second

    def test_are_the_newest(self, terminal: Terminal) -> None:
        terminal.progress(1, 2, "train")
        for loss in (0.5, 0.25):
            terminal.display.show_metrics(MetricsRecorded("job", {"loss": loss}, "train"))
        terminal.end()
        assert "loss 0.25" in terminal.last_frame
        assert "loss 0.5" not in terminal.last_frame

    def test_without_any_bar_are_not_shown(self, terminal: Terminal) -> None:
        terminal.display.show_metrics(MetricsRecorded("job", {"loss": 0.5}))
        terminal.progress(1, 2, "train", "other")
        terminal.display.show_metrics(MetricsRecorded("job", {"loss": 0.5}))
        terminal.end("other")
        assert "loss" not in terminal.text

    @pytest.mark.parametrize("name", ["[bold]f1", ":key:", "{loss}"])
    def test_have_the_name_that_was_given(self, terminal: Terminal, name: str) -> None:
        terminal.progress(1, 2)
        terminal.display.show_metrics(MetricsRecorded("job", {name: float("nan")}))
        terminal.end()
        assert f"{name} nan" in terminal.last_frame


class TestMessages:
    @pytest.mark.parametrize(
        "text", ["50 % of {all}", "[red]not a colour[/red]", "[/]", "a:key:b :warning:", "größe 数字", "x" * 300]
    )
    def test_are_written_as_they_are(self, terminal: Terminal, text: str) -> None:
        terminal.message(text)
        assert terminal.text == f"{text}\n"

    @pytest.mark.parametrize("level", list(LogLevel))
    def test_say_their_level_unless_it_is_ordinary(self, terminal: Terminal, level: LogLevel) -> None:
        terminal.message("text", level)
        expected = {LogLevel.DEBUG: "", LogLevel.INFO: "text\n"}.get(level, f"{level.value}: text\n")
        assert terminal.text == expected

    @pytest.mark.parametrize("place", range(len(LogLevel)))
    def test_below_the_level_are_left_out(self, place: int) -> None:
        levels = list(LogLevel)
        terminal = Terminal(level=levels[place])
        for level in levels:
            terminal.message(level.value, level)
        shown = [line.rpartition(" ")[2] for line in terminal.text.splitlines()]
        assert shown == [level.value for level in levels[place:]]

    def test_stand_above_the_bars(self, terminal: Terminal) -> None:
        terminal.progress(1, 2, "train")
        terminal.message("saved the model")
        terminal.end()
        assert "saved the model" in terminal.text
        assert "saved the model" not in terminal.last_frame
        assert "train" in terminal.last_frame


class TestQuiet:
    @pytest.mark.parametrize(("is_terminal", "show"), [(False, "auto"), (True, "never"), (False, "never")])
    def test_nothing_is_shown_but_what_people_should_look_at(self, is_terminal: bool, show: str) -> None:
        terminal = Terminal(is_terminal=is_terminal, show=show, level=LogLevel.DEBUG)
        terminal.progress(1, 2, "train")
        terminal.display.show_metrics(MetricsRecorded("job", {"loss": 0.5}, "train"))
        for level in LogLevel:
            terminal.message("text", level)
        assert terminal.threads == []
        terminal.end()
        terminal.display.close()
        assert terminal.text.splitlines() == ["warning: text", "danger: text", "error: text", "critical: text"]

    def test_a_higher_level_holds_there_too(self) -> None:
        terminal = Terminal(is_terminal=False, level=LogLevel.ERROR)
        for level in LogLevel:
            terminal.message("text", level)
        assert terminal.text.splitlines() == ["error: text", "critical: text"]

    def test_lines_are_plain_where_there_is_no_terminal(self) -> None:
        terminal = Terminal(is_terminal=False)
        terminal.message("text", LogLevel.WARNING)
        assert terminal.file.getvalue() == "warning: text\n"

    def test_all_is_shown_where_it_is_wanted(self) -> None:
        terminal = Terminal(is_terminal=False, show="always")
        terminal.progress(1, 2, "train")
        terminal.message("text")
        terminal.end()
        assert "text" in terminal.text
        assert "train" in terminal.text
        assert "1/2" in terminal.text


class TestThread:
    def test_runs_only_while_there_are_bars(self, terminal: Terminal) -> None:
        terminal.message("text")
        assert terminal.threads == []
        terminal.progress(1, 2, "train", "job-1")
        terminal.progress(1, 2, "train", "job-2")
        threads = terminal.threads
        assert len(threads) == 1
        terminal.end("job-1")
        assert threads[0].is_alive()
        terminal.end("unknown")
        terminal.end("job-2")
        assert_threads_end(threads)

    def test_ends_when_the_display_is_closed(self, terminal: Terminal) -> None:
        terminal.progress(1, 2, "train")
        threads = terminal.threads
        terminal.display.close()
        terminal.display.close()
        assert_threads_end(threads)


class Shipped(ConsolePlugin):
    metadata = PluginMetadata("console", "1.0.0")


@pytest.fixture
def loaded(capsys: pytest.CaptureFixture[str]) -> Iterator[Kernel]:
    with Kernel(config={"console": {"show": "always"}}) as kernel:
        kernel.register(Shipped())
        kernel.load("console")
        failures: list[Event] = []
        kernel.bus.subscribe(SubscriberFailed, failures.append)
        yield kernel
        assert failures == []


class TestPlugin:
    @pytest.mark.parametrize(
        "end",
        [
            ActionCompleted("job", "a", 0.5),
            ActionFailed("job", "a", 0.5, OSError("x")),
            ActionCancelled("job", "a", 0.5),
            RunEnded("job", "failed", 0.5),
        ],
        ids=lambda event: event.topic,
    )
    def test_shows_what_is_published_and_ends_with_the_job(
        self, loaded: Kernel, capsys: pytest.CaptureFixture[str], end: Event
    ) -> None:
        before = set(threading.enumerate())
        loaded.bus.publish(MessageLogged("job", LogLevel.INFO, "reading"))
        loaded.bus.publish(ProgressReported("job", 1, 2, "train"))
        loaded.bus.publish(MetricsRecorded("job", {"loss": 0.5}, "train"))
        threads = [one for one in threading.enumerate() if one not in before]
        loaded.bus.publish(end)
        assert_threads_end(threads)
        said = capsys.readouterr()
        assert said.out == ""
        text = ESCAPES.sub("", said.err)
        assert "reading\n" in text
        assert "train" in text
        assert "1/2" in text
        assert "loss 0.5" in text

    def test_leaves_no_thread_and_no_subscription_when_it_is_unloaded(self, loaded: Kernel) -> None:
        before, subscriptions = set(threading.enumerate()), len(loaded.bus.subscriptions)
        loaded.bus.publish(ProgressReported("job", 1, 2, "train"))
        threads = [one for one in threading.enumerate() if one not in before]
        loaded.unload("console")
        assert_threads_end(threads)
        assert subscriptions > len(loaded.bus.subscriptions) == 1

    def test_is_quiet_where_stderr_is_no_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        with Kernel() as kernel:
            kernel.register(Shipped())
            kernel.load("console")
            kernel.bus.publish(ProgressReported("job", 1, 2))
            kernel.bus.publish(MessageLogged("job", LogLevel.INFO, "reading"))
            kernel.bus.publish(MessageLogged("job", LogLevel.WARNING, "disk is nearly full"))
        said = capsys.readouterr()
        assert (said.out, said.err) == ("", "warning: disk is nearly full\n")

    @pytest.mark.parametrize("config", [{"show": "sometimes"}, {"level": "loud"}, {"colour": True}])
    def test_refuses_a_configuration_that_it_does_not_know(self, config: dict[str, Any]) -> None:
        with Kernel(config={"console": config}) as kernel:
            kernel.register(Shipped())
            with pytest.raises(PluginLoadError, match=next(iter(config))):
                kernel.load("console")
            assert kernel.bus.subscriptions == ()
