"""How far a run is, while it goes on: written from many threads, read as a value."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..events import ActionStatusChanged, MessageLogged, MetricsRecorded, PipelineProgressed, ProgressReported
from .progress import ActionProgress, PipelineProgress
from .status import ActionStatus, PipelineStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.kernel import Event

    from .plan import PipelinePlan


class ProgressBoard:
    """Keep the progress of one run, and publish what changes in it.

    Args:
        plan: What is run.
        run_id: The run.
        job_id: Whose events these are.
        publish: Where events go.
        on_change: Called after each change, from the thread that made it.
    """

    def __init__(
        self,
        plan: PipelinePlan,
        run_id: str,
        job_id: str | None,
        publish: Callable[[Event], None],
        on_change: Callable[[PipelineProgress], None] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._job_id = job_id
        self._publish = publish
        self._on_change = on_change
        self._actions = {one.name: ActionProgress(one.name, weight=one.weight) for one in plan.actions.values()}
        self._parts: dict[str, dict[str | None, float]] = {}
        self._whole = PipelineProgress(run_id, pipeline=plan.name)

    @property
    def progress(self) -> PipelineProgress:
        """Return how far the run is now."""
        with self._lock:
            return self._snapshot()

    def begin(self) -> None:
        """Note that the run begins."""
        self._change(status=PipelineStatus.RUNNING, started_at=datetime.now(UTC))

    def end(self, status: PipelineStatus, error: str | None = None) -> None:
        """Note how the run ended."""
        self._change(status=status, completed_at=datetime.now(UTC), error=error, current_action=None)

    def status_of(self, action: str) -> ActionStatus:
        """Return what became of an action so far."""
        with self._lock:
            return self._actions[action].status

    def move(self, action: str, status: ActionStatus, message: str | None = None, error: str | None = None) -> None:
        """Note that an action got on."""
        now = datetime.now(UTC)
        with self._lock:
            before = self._actions[action]
            after = replace(before, status=status, message=message or before.message, error=error)
            if status is ActionStatus.RUNNING:
                after = replace(after, started_at=now)
            else:
                after = replace(after, completed_at=now)
            if status in {ActionStatus.COMPLETED, ActionStatus.SKIPPED}:
                after = replace(after, progress=100.0)
            self._actions[action] = after
            running = [one.name for one in self._actions.values() if one.status is ActionStatus.RUNNING]
            current = action if status is ActionStatus.RUNNING else (running[-1] if running else None)
            self._whole = replace(self._whole, current_action=current)
        self._publish(ActionStatusChanged(self._job_id, self._whole.pipeline, action, status, before.status, message))
        self._changed()

    def hear(self, action: str, event: Event) -> None:
        """Note what an action tells of itself."""
        if isinstance(event, ProgressReported):
            self._come_on(action, event)
        elif isinstance(event, MetricsRecorded):
            with self._lock:
                one = self._actions[action]
                self._actions[action] = replace(one, metrics={**one.metrics, **event.values})
            self._changed()
        elif isinstance(event, MessageLogged) and not event.is_for_developers:
            with self._lock:
                self._actions[action] = replace(self._actions[action], message=event.message)
            self._changed()

    def _come_on(self, action: str, event: ProgressReported) -> None:
        """Take in a report: an action is as far as the mean of the categories that it has named, and never falls."""
        if not event.total:
            return
        with self._lock:
            one = self._actions[action]
            parts = self._parts.setdefault(action, {})
            parts[event.category] = min(max(event.current / event.total, 0.0), 1.0)
            percent = max(one.progress, 100 * sum(parts.values()) / len(parts))
            after = replace(one, progress=percent, category=event.category)
            self._actions[action] = after
            is_news = int(percent) > int(one.progress)
            overall = self._snapshot().overall_progress if is_news else 0.0
        if is_news:
            self._publish(PipelineProgressed(self._job_id, self._whole.pipeline, action, percent, overall))
        self._changed()

    def _change(self, **fields: object) -> None:
        with self._lock:
            self._whole = replace(self._whole, **fields)  # type: ignore[arg-type] # the fields are those of the class
        self._changed()

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change(self.progress)

    def _snapshot(self) -> PipelineProgress:
        return replace(self._whole, actions=dict(self._actions))
