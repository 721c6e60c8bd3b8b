"""What the console shows: a bar for each category of each job, and lines above them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from plugbus.capabilities import LogLevel

if TYPE_CHECKING:
    from plugbus.capabilities import MessageLogged, MetricsRecorded, ProgressReported, WorkEvent

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


class ConsoleDisplay:
    """Show the work of any number of jobs at once, from any thread.

    Bars appear with the first report of a job and go with its end; a thread redraws them meanwhile. Where nothing is
    shown, warnings and worse are written all the same, as plain lines.

    Args:
        show: ``always``, ``never``, or ``auto``: when the console is a terminal.
        level: Messages below it are left out.
        console: Where to; stderr by default.
    """

    def __init__(self, *, show: str = "auto", level: LogLevel = LogLevel.INFO, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._is_shown = show == "always" or (show == "auto" and self._console.is_terminal)
        self._level = level if self._is_shown else max(level, LogLevel.WARNING, key=_ORDER.__getitem__)
        self._lock = threading.Lock()
        self._progress: Progress | None = None
        self._tasks: dict[tuple[str | None, str], TaskID] = {}

    def show_progress(self, event: ProgressReported) -> None:
        """Move the bar of the event's category; make it if it is the first."""
        if not self._is_shown:
            return
        key = (event.job_id, event.category or "progress")
        with self._lock:
            progress = self._started()
            task = self._tasks.get(key)
            if task is None:
                task = self._tasks[key] = progress.add_task(key[1], total=event.total, metrics="")
            progress.update(task, completed=event.current, total=event.total)

    def show_metrics(self, event: MetricsRecorded) -> None:
        """Write the newest values beside the bar of their category, or of the job's only bar."""
        if not self._is_shown:
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
            console = self._console if self._progress is None else self._progress.console
            console.print(f"{label}{event.message}", style=style, markup=False, emoji=False, soft_wrap=True)

    def end_job(self, event: WorkEvent) -> None:
        """Take the bars of a job away; with the last job the redrawing ends, and its bars stay as they are."""
        with self._lock:
            ended = [self._tasks.pop(key) for key in tuple(self._tasks) if key[0] == event.job_id]
            if not self._tasks:
                self._stop()
            elif self._progress is not None:
                for task in ended:
                    self._progress.remove_task(task)

    def close(self) -> None:
        """Take everything away. Idempotent."""
        with self._lock:
            self._tasks.clear()
            self._stop()

    def _started(self) -> Progress:
        if self._progress is None:
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[metrics]}", style="cyan", markup=False),
                console=self._console,
            )
            self._progress.start()
        return self._progress

    def _stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


def _number(value: float) -> str:
    return f"{value:.4g}"
