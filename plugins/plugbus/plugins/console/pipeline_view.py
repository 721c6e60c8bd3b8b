"""A running pipeline as people see it: a table that is redrawn, or one line for each thing that happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from plugbus.capabilities import (
    ActionProgress,
    ActionStatus,
    ActionStatusChanged,
    MetricsRecorded,
    PipelineCancelled,
    PipelineCompleted,
    PipelineFailed,
    PipelineProgress,
    PipelineProgressed,
    PipelineStatus,
    ProgressModel,
    ProgressReported,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from plugbus.capabilities import PipelineStarted, WorkEvent

_STYLES: Final = {
    ActionStatus.PENDING: "dim",
    ActionStatus.RUNNING: "cyan",
    ActionStatus.COMPLETED: "green",
    ActionStatus.FAILED: "bold red",
    ActionStatus.SKIPPED: "dim",
    ActionStatus.CANCELLED: "yellow",
}
_SYMBOLS: Final = {
    ActionStatus.PENDING: "·",
    ActionStatus.COMPLETED: "✓",
    ActionStatus.FAILED: "✗",
    ActionStatus.SKIPPED: "-",
    ActionStatus.CANCELLED: "!",
}
_ASCII_SYMBOLS: Final = {**_SYMBOLS, ActionStatus.PENDING: ".", ActionStatus.COMPLETED: "+", ActionStatus.FAILED: "x"}
_ENDS: Final = {
    PipelineCompleted: PipelineStatus.COMPLETED,
    PipelineFailed: PipelineStatus.FAILED,
    PipelineCancelled: PipelineStatus.CANCELLED,
}
# What is left out last where there is no room for all actions.
_URGENCY: Final = (
    ActionStatus.RUNNING,
    ActionStatus.FAILED,
    ActionStatus.CANCELLED,
    ActionStatus.PENDING,
    ActionStatus.COMPLETED,
    ActionStatus.SKIPPED,
)
_ROOM_FOR_BARS: Final = 80
_ROOM_FOR_TIMES: Final = 56
_NO_TIME: Final = "-:--:--"


class PipelineView:
    """Follow one run of a pipeline, and draw it.

    ``take`` is called by one thread at a time; drawing is safe from any thread meanwhile.

    Args:
        event: The beginning of the run.
        now: Tells the time, in UTC.
    """

    def __init__(self, event: PipelineStarted, *, now: Callable[[], datetime] | None = None) -> None:
        self._now = now or _utc_now
        actions = {name: ActionProgress(name, weight=event.weights.get(name, 1.0)) for name in event.actions}
        self._progress = PipelineProgress(
            event.job_id or "", PipelineStatus.RUNNING, actions, event.pipeline, started_at=self._now()
        )
        self._model = ProgressModel(clock=lambda: self._now().timestamp())
        self._model.begin()
        self._model.plan({name: one.weight for name, one in actions.items()}, event.resumed)

    @property
    def progress(self) -> PipelineProgress:
        """Return how far the run is."""
        return self._progress

    def take(self, event: WorkEvent) -> None:
        """Take note of what happens in the run; what is not about one of its actions is not looked at."""
        if type(event) in _ENDS:
            self._progress = replace(self._progress, status=_ENDS[type(event)], completed_at=self._now())
            return
        if isinstance(event, ActionStatusChanged | PipelineProgressed):
            name = event.action
        elif isinstance(event, ProgressReported | MetricsRecorded):
            name = (event.category or "").partition(".")[0]
        else:
            return
        before = self._progress.actions.get(name)
        if before is not None:
            after = self._moved(before, event) if isinstance(event, ActionStatusChanged) else self._told(before, event)
            self._progress = replace(self._progress, actions={**self._progress.actions, name: after})

    def line(self, event: ActionStatusChanged) -> str:
        """Return what happened to an action as one line, whatever the message of it holds."""
        one = self._progress.actions[event.action]
        took, told = "", " ".join((event.message or "").split())
        if one.duration is not None:
            took = f" {'in' if one.status is ActionStatus.COMPLETED else 'after'} {one.duration.total_seconds():.1f} s"
        reason = f": {told}" if told else ""
        done = ""
        if one.status in {ActionStatus.COMPLETED, ActionStatus.SKIPPED}:
            done = f" ({self._progress.completed_actions} of {len(self._progress.actions)})"
        return f"{self._progress.pipeline}: {one.name} {one.status.value}{took}{reason}{done}"

    def table(self, console: Console, room: int) -> Table:
        """Return the actions as a table, and the whole as its last row.

        Args:
            console: What it is for.
            room: How many lines there are for it, from 3 on. Where the actions are more, those that run or failed are
                shown, and of the others how many there are.
        """
        progress, is_ascii = self._progress, console.options.ascii_only
        has_times, has_bars = console.width >= _ROOM_FOR_TIMES, console.width >= _ROOM_FOR_BARS
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(width=1)
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True, overflow="ellipsis")
        if has_bars:
            table.add_column(width=16)
        table.add_column(no_wrap=True, justify="right", min_width=4)
        if has_times:
            table.add_column(no_wrap=True, justify="right", style="progress.elapsed", min_width=7)
            table.add_column(no_wrap=True, justify="right", style="progress.remaining", min_width=7)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)

        def add(symbol: RenderableType, name: Text, state: Text, percent: float, times: list[str], told: Text) -> None:
            bar = [ProgressBar(total=100, completed=percent, width=16)] if has_bars else []
            table.add_row(
                symbol, name, state, *bar, Text(f"{percent:.0f}%"), *(map(Text, times) if has_times else ()), told
            )

        shown = _chosen(progress, room)
        for one in shown:
            style = _STYLES[one.status]
            add(
                self._symbol(one, console, is_ascii=is_ascii),
                Text(one.name),
                Text(one.status.value, style=style),
                one.progress,
                self._times(one.started_at, one.completed_at, one.name),
                Text(_detail(one), style="red" if one.status is ActionStatus.FAILED else "cyan"),
            )
        left = len(progress.actions) - len(shown)
        add(
            Text(""),
            Text(progress.pipeline, style="bold"),
            Text(progress.status.value, style="bold"),
            progress.overall_progress,
            self._times(progress.started_at, progress.completed_at, None),
            Text(
                f"{progress.completed_actions} of {len(progress.actions)}" + (f", {left} not shown" if left else ""),
                style="bold",
            ),
        )
        return table

    def _moved(self, one: ActionProgress, event: ActionStatusChanged) -> ActionProgress:
        status = ActionStatus(event.status)
        if status is ActionStatus.RUNNING:
            # The first report says from when on the speed is measured.
            self._model.report(0, 100, one.name)
            return replace(one, status=status, started_at=self._now())
        if status is ActionStatus.FAILED:
            self._model.fail(one.name)
        elif status in {ActionStatus.COMPLETED, ActionStatus.SKIPPED}:
            self._model.complete(one.name)
            one = replace(one, progress=100.0)
        return replace(one, status=status, message=event.message, completed_at=self._now())

    def _told(self, one: ActionProgress, event: WorkEvent) -> ActionProgress:
        if isinstance(event, PipelineProgressed):
            self._model.report(event.progress, 100, one.name)
            return replace(one, progress=event.progress)
        if isinstance(event, ProgressReported):
            what = (event.category or "").partition(".")[2]
            total = "?" if event.total is None else f"{event.total:g}"
            return replace(one, category=f"{what} {event.current:g}/{total}".strip())
        if isinstance(event, MetricsRecorded):
            return replace(one, metrics={**one.metrics, **event.values})
        return one

    def _symbol(self, one: ActionProgress, console: Console, *, is_ascii: bool) -> RenderableType:
        if one.status is ActionStatus.RUNNING:
            return Spinner("line" if is_ascii else "dots", style="cyan").render(console.get_time())
        return Text((_ASCII_SYMBOLS if is_ascii else _SYMBOLS)[one.status], style=_STYLES[one.status])

    def _times(self, begun: datetime | None, ended: datetime | None, name: str | None) -> list[str]:
        """Return how long something took so far, and how long it takes still."""
        if begun is None:
            return ["", ""]
        taken = duration_text(((ended or self._now()) - begun).total_seconds())
        return [taken, "" if ended is not None else duration_text(self._model.remaining(name))]


def duration_text(seconds: float | None) -> str:
    """Return seconds as hours, minutes and seconds; dashes where they are not known."""
    return _NO_TIME if seconds is None else str(timedelta(seconds=round(seconds)))


def _detail(one: ActionProgress) -> str:
    if one.message and one.status.is_final:
        return " ".join(one.message.split())
    told = [one.category or ""] if one.status is ActionStatus.RUNNING else []
    return "  ".join([*told, *(f"{name} {value:.4g}" for name, value in one.metrics.items())]).strip()


def _chosen(progress: PipelineProgress, room: int) -> list[ActionProgress]:
    """Return the actions that there is room for, beside the row of the whole, in their order."""
    actions = list(progress.actions.values())
    urgent = sorted(range(len(actions)), key=lambda place: _URGENCY.index(actions[place].status))
    return [actions[place] for place in sorted(urgent[: max(room - 1, 1)])]


def _utc_now() -> datetime:
    return datetime.now(UTC)
