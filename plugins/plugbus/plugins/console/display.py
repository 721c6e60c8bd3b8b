"""What the console shows: a bar for each category of each job, a table for each pipeline, and lines above them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from plugbus.capabilities import (
    ActionStatusChanged,
    LogLevel,
    MetricsRecorded,
    PipelineEvent,
    PipelineStarted,
    ProgressBoard,
    ProgressReported,
    ProgressState,
)

from .pipeline_view import PipelineView, duration_text

if TYPE_CHECKING:
    from plugbus.capabilities import MessageLogged, ProgressModel, WorkEvent

_ORDER: Final = {level: place for place, level in enumerate(LogLevel)}
_STYLES: Final = {
    LogLevel.DEBUG: "dim",
    LogLevel.INFO: "default",
    LogLevel.SUCCESS: "green",
    LogLevel.WARNING: "yellow",
    LogLevel.DANGER: "red",
    LogLevel.ERROR: "bold red",
    LogLevel.CRITICAL: "bold white on red",
}
_WHOLE: Final = "\0"  # no category has such a name
_REDRAWS_PER_SECOND: Final = 10


class CountColumn(MofNCompleteColumn):
    """What is done and of how many; of the whole of a job in percent."""

    def render(self, task: Task) -> Text:
        """Return it as text."""
        if task.fields["category"] == _WHOLE:
            return Text(f"{task.percentage:.0f}%", style="progress.percentage")
        return super().render(task)


class RemainingColumn(ProgressColumn):
    """The time that is left, as the progress of the job tells it."""

    def render(self, task: Task) -> Text:
        """Return it as hours, minutes and seconds."""
        model: ProgressModel = task.fields["model"]
        category: str | None = task.fields["category"]
        return Text(
            duration_text(model.remaining(None if category == _WHOLE else category)), style="progress.remaining"
        )


class ConsoleDisplay:
    """Show the work of any number of jobs at once, from any thread.

    Bars appear with the first report of a job and go with its end; a thread redraws them meanwhile. A job whose
    categories are planned, or that has several, has a bar of the whole besides. A pipeline has a table of its actions
    instead. Where nothing can be redrawn, each change of the status of an action of a pipeline is a plain line, and
    so are warnings and worse, even where nothing else is shown.

    Args:
        show: ``always``, ``never``, or ``auto``: when the console is a terminal.
        level: Messages below it are left out.
        console: Where to; stderr by default. Terminals have colours, unless ``NO_COLOR`` is set.
    """

    def __init__(self, *, show: str = "auto", level: LogLevel = LogLevel.INFO, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._is_shown = show == "always" or (show == "auto" and self._console.is_terminal)
        self._has_tables = self._is_shown and self._console.is_terminal and not self._console.is_dumb_terminal
        self._has_lines = show != "never" and not self._has_tables
        self._level = level if self._is_shown else max(level, LogLevel.WARNING, key=_ORDER.__getitem__)
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._progress: Progress | None = None
        self._views: dict[tuple[str | None, str], PipelineView] = {}
        self._board = ProgressBoard()
        self._tasks: dict[tuple[str | None, str | None], TaskID] = {}

    def follow(self, event: WorkEvent) -> None:
        """Take note of what says something of the progress of a job, and is no report of it."""
        if self._is_shown and not isinstance(event, ProgressReported | PipelineEvent):
            self._board.record(event)

    def show_progress(self, event: ProgressReported) -> None:
        """Move the bar of the event's category, and that of the whole; make them if they are not there."""
        if not self._is_shown:
            return
        self._board.record(event)
        if self._is_of_pipeline(event):
            return
        model = self._board.model(event.job_id)
        if model is None:  # the job ended meanwhile, in another thread
            return
        has_whole = model.is_planned or model.category_count > 1
        with self._lock:
            if has_whole:
                self._draw((event.job_id, _WHOLE), model, 100 * model.fraction, 100)
                self._drop((event.job_id, None))
            if event.category is not None or not has_whole:
                self._draw((event.job_id, event.category), model, event.current, event.total)

    def show_metrics(self, event: MetricsRecorded) -> None:
        """Write the newest values beside the bar of their category, or of the job's newest bar."""
        if not self._is_shown:
            return
        if self._is_of_pipeline(event):
            return
        text = "  ".join(f"{name} {_number(value)}" for name, value in event.values.items())
        with self._lock:
            own = [key for key in self._tasks if key[0] == event.job_id]
            named = [key for key in own if key[1] == event.category]
            if self._progress is not None and (named or own):
                self._progress.update(self._tasks[(named or own)[-1]], metrics=text)

    def show_message(self, event: MessageLogged) -> None:
        """Write a line, if its level counts."""
        if _ORDER[event.level] < _ORDER[self._level]:
            return
        style = _STYLES[event.level]
        label = "" if event.level is LogLevel.INFO else f"{event.level.value}: "
        with self._lock:
            self._write(f"{label}{event.message}", style)

    def show_pipeline(self, event: PipelineEvent) -> None:
        """Begin, change or end the table of a pipeline; or write a line, where there are no tables."""
        if not self._has_tables and not self._has_lines:
            return
        self._board.record(event)
        key = (event.job_id, event.pipeline)
        with self._lock:
            if isinstance(event, PipelineStarted):
                self._views[key] = PipelineView(event)
                if self._has_tables:
                    self._start()
            view = self._views.get(key)
            if view is None:
                return
            view.take(event)
            if isinstance(event, ActionStatusChanged) and event.action in view.progress.actions:
                if self._has_lines:
                    self._write(view.line(event), "red" if event.status == "failed" else "default")
                elif event.status == "failed":
                    # In its row there may be no room for all of it.
                    self._write(f"{event.action} failed: {event.message}", "red")
            if view.progress.status.is_final:
                self._end_view(key)
        if view.progress.status.is_final:
            self.end_job(event)

    def end_job(self, event: WorkEvent) -> None:
        """Take the bars of a job away; with the last job the redrawing ends, and its bars stay as they are.

        The end of an action is not that of its job, where that is a run or a pipeline.
        """
        job_id = event.job_id
        self._board.record(event)
        model = self._board.model(job_id)
        if model is not None and model.state in {ProgressState.RUNNING, ProgressState.WAITING}:
            return
        self._board.forget(job_id)
        with self._lock:
            for view in [view for view in self._views if view[0] == job_id]:
                self._end_view(view)
            ended = [self._tasks.pop(key) for key in tuple(self._tasks) if key[0] == job_id]
            if not self._tasks and not self._views:
                self._stop()
            elif self._progress is not None:
                for task in ended:
                    self._progress.remove_task(task)

    def close(self) -> None:
        """Take everything away. Idempotent."""
        with self._lock:
            self._stop()
            self._tasks.clear()
            self._views.clear()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw all tables, and below them all bars."""
        views, progress = tuple(self._views.values()), self._progress
        tasks = 0 if progress is None else len(progress.tasks)
        room = max((console.height - 1 - tasks) // max(len(views), 1), 3)
        for view in views:
            yield view.table(console, room)
        if progress is not None and tasks:
            yield progress

    def _is_of_pipeline(self, event: ProgressReported | MetricsRecorded) -> bool:
        """Tell whether an event is of a job that is a pipeline, and show it in its table."""
        with self._lock:
            views = [view for key, view in self._views.items() if key[0] == event.job_id]
            for view in views:
                view.take(event)
        return bool(views)

    def _end_view(self, key: tuple[str | None, str]) -> None:
        """Leave a table as it is, above what is still redrawn."""
        if not self._has_tables or (len(self._views) == 1 and not self._tasks):
            self._stop()
            del self._views[key]
            return
        view = self._views.pop(key)
        self._console.print(view.table(self._console, len(view.progress.actions) + 1))

    def _write(self, text: str, style: str) -> None:
        self._console.print(text, style=style, markup=False, emoji=False, soft_wrap=True)

    def _draw(
        self, key: tuple[str | None, str | None], model: ProgressModel, current: float, total: float | None
    ) -> None:
        progress = self._started()
        task = self._tasks.get(key)
        if task is None:
            name = "overall" if key[1] == _WHOLE else key[1] or "progress"
            task = self._tasks[key] = progress.add_task(name, total=total, metrics="", model=model, category=key[1])
        progress.update(task, completed=current, total=total, model=model)

    def _drop(self, key: tuple[str | None, str | None]) -> None:
        task = self._tasks.pop(key, None)
        if task is not None:
            self._started().remove_task(task)

    def _started(self) -> Progress:
        if self._progress is None:
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                CountColumn(),
                TimeElapsedColumn(),
                RemainingColumn(),
                TextColumn("{task.fields[metrics]}", style="cyan", markup=False),
                console=self._console,
            )
        self._start()
        return self._progress

    def _start(self) -> None:
        if self._live is None:
            self._live = Live(
                console=self._console, get_renderable=lambda: self, refresh_per_second=_REDRAWS_PER_SECOND
            )
            self._live.start(refresh=True)

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._progress = None


def _number(value: float) -> str:
    return f"{value:.4g}"
