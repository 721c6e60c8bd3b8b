"""The progress of all jobs, from what they publish."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Final

from ..events import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionStarted,
    ActionStatusChanged,
    PipelineCancelled,
    PipelineCompleted,
    PipelineEvent,
    PipelineFailed,
    PipelineProgressed,
    PipelineStarted,
    ProgressFailed,
    ProgressPlanned,
    ProgressReported,
    RunEnded,
    RunStarted,
    StepCompleted,
    StepFailed,
    StepSkipped,
    WorkEvent,
)
from .model import ProgressModel
from .snapshot import ProgressState
from .track import ENDED

if TYPE_CHECKING:
    from collections.abc import Callable

    from .snapshot import ProgressSnapshot

_BEGINNINGS: Final = frozenset({ActionStarted, ProgressFailed, ProgressPlanned, RunStarted})
_ENDINGS: Final = frozenset({ActionCancelled, ActionCompleted, ActionFailed, RunEnded})
_ENDS: Final[dict[type[WorkEvent], ProgressState]] = {
    ActionCompleted: ProgressState.COMPLETED,
    ActionFailed: ProgressState.FAILED,
    ActionCancelled: ProgressState.CANCELLED,
    PipelineCompleted: ProgressState.COMPLETED,
    PipelineFailed: ProgressState.FAILED,
    PipelineCancelled: ProgressState.CANCELLED,
}
_RUN_ENDS: Final = {
    "ok": ProgressState.COMPLETED,
    "skipped": ProgressState.COMPLETED,
    "failed": ProgressState.FAILED,
    "cancelled": ProgressState.CANCELLED,
}


class ProgressBoard:
    """Keep the progress of each job, for any number of readers: ``bus.subscribe(WorkEvent, board.record)``.

    A job begins with its first event. It ends with its run; where it is part of none, with its pipeline; and with its
    action where it is part of neither. The categories of a pipeline's whole are its actions. What a job reports after
    its end begins anew. Ended jobs are kept until there are too many of them, the oldest going first.

    Args:
        clock: Tells seconds; only differences count.
        keep: How many ended jobs are kept.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic, keep: int = 100) -> None:
        self._clock = clock
        self._keep = keep
        self._lock = threading.Lock()
        self._models: dict[str | None, ProgressModel] = {}
        self._runs: set[str | None] = set()
        self._pipelines: dict[str | None, str] = {}  # the outermost one of each job

    def record(self, event: WorkEvent) -> None:
        """Take an event; those that say nothing of progress are not looked at."""
        kind = type(event)
        if isinstance(event, ProgressReported):  # the most frequent one
            self._working(event.job_id).report(event.current, event.total, event.category)
        elif kind in _BEGINNINGS:
            self._begin(event)
        elif kind in _ENDINGS:
            self._end(event)
        elif isinstance(event, PipelineEvent):
            self._follow_pipeline(event)
        elif self._pipelines and event.job_id in self._pipelines:
            pass  # steps do not say which action they are of
        elif isinstance(event, StepCompleted | StepSkipped | StepFailed):
            model = self.model(event.job_id)
            if model is not None and isinstance(event, StepFailed):
                model.fail(event.step)
            elif model is not None:
                model.complete(event.step)

    def model(self, job_id: str | None) -> ProgressModel | None:
        """Return the progress of a job; None where there is none."""
        with self._lock:
            return self._models.get(job_id)

    def snapshot(self, job_id: str | None) -> ProgressSnapshot | None:
        """Return how far a job is now; None where nothing is known of it."""
        model = self.model(job_id)
        return None if model is None else model.snapshot()

    def forget(self, job_id: str | None) -> None:
        """Keep nothing of a job."""
        with self._lock:
            self._models.pop(job_id, None)
            self._runs.discard(job_id)
            self._pipelines.pop(job_id, None)

    @property
    def job_ids(self) -> tuple[str | None, ...]:
        """Return the jobs that are kept, in the order in which they began."""
        with self._lock:
            return tuple(self._models)

    def _working(self, job_id: str | None) -> ProgressModel:
        """Return the model of a job that works; one that has ended begins anew."""
        with self._lock:
            model = self._models.get(job_id)
            if model is None or model.state in ENDED:
                self._models.pop(job_id, None)
                model = self._models[job_id] = ProgressModel(clock=self._clock)
            return model

    def _begin(self, event: WorkEvent) -> None:
        if isinstance(event, RunStarted):
            with self._lock:
                self._runs.add(event.job_id)
        model = self._working(event.job_id)
        model.begin()
        if isinstance(event, ProgressPlanned):
            model.plan(event.weights, event.done)
        elif isinstance(event, ProgressFailed):
            model.fail(event.category)

    def _follow_pipeline(self, event: PipelineEvent) -> None:
        with self._lock:
            if isinstance(event, PipelineStarted):
                self._pipelines.setdefault(event.job_id, event.pipeline)
            if self._pipelines.get(event.job_id) != event.pipeline:
                return  # one inside an action of another
            if type(event) in _ENDS:
                del self._pipelines[event.job_id]
        if type(event) in _ENDS:
            self._end(event)
            return
        model = self._working(event.job_id)
        if isinstance(event, PipelineStarted):
            model.begin()
            model.plan({name: event.weights.get(name, 1.0) for name in event.actions}, event.resumed)
        elif isinstance(event, PipelineProgressed):
            model.report(event.progress, 100, event.action)
        elif isinstance(event, ActionStatusChanged):
            if event.status == "running":
                model.report(0, 100, event.action)
            elif event.status == "failed":
                model.fail(event.action)
            elif event.status in {"completed", "skipped"}:
                model.complete(event.action)

    def _end(self, event: WorkEvent) -> None:
        job_id = event.job_id
        state = _ENDS.get(type(event))
        with self._lock:
            if isinstance(event, RunEnded):
                self._runs.discard(job_id)
                self._pipelines.pop(job_id, None)
                state = _RUN_ENDS.get(event.status, ProgressState.FAILED)
            model = self._models.get(job_id)
            is_part = job_id in self._runs or job_id in self._pipelines
            if state is None or is_part or model is None or model.state in ENDED:
                return
            model.end(state)
            ended = [job for job, one in self._models.items() if one.state in ENDED]
            for job in ended[: max(0, len(ended) - self._keep)]:
                del self._models[job]
