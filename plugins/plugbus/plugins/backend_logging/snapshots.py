"""The newest progress and metrics of each job: only the last of many reports is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugbus.capabilities import JobUpdate, MetricsRecorded, ProgressBoard, ProgressReported, encode_value

from .entries import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugbus.capabilities import ProgressSnapshot, WorkEvent


class Snapshots:
    """Note what is to be written of jobs. The owner's lock makes it safe from several threads.

    Args:
        every_s: How many seconds there are at least between two writes of one job.
        clock: Tells seconds.
    """

    def __init__(self, every_s: float, clock: Callable[[], float]) -> None:
        self._every_s = every_s
        self._clock = clock
        self._board = ProgressBoard(clock=clock)
        self._metrics: dict[str, dict[str, dict[str, Any]]] = {}
        self._due: dict[str, float] = {}
        self._written: dict[str, float] = {}
        self._with_progress: set[str] = set()

    def note(self, event: WorkEvent, job: str, metrics: Mapping[str, Any] | None = None) -> bool:
        """Take an event, and its metrics as JSON data; tell whether something is to be written for it."""
        self._board.record(event)
        if isinstance(event, MetricsRecorded):
            self._metrics.setdefault(job, {}).setdefault(whole(event.category or ""), {}).update(metrics or {})
        elif isinstance(event, ProgressReported):
            self._with_progress.add(job)
        else:
            return False
        if job in self._due:
            return False
        self._due[job] = max(self._clock(), self._written.get(job, float("-inf")) + self._every_s)
        return True

    def hurry(self, job: str | None = None) -> None:
        """Let a job be written now, or all that have something new; what is told at an end is never coalesced away."""
        now = self._clock()
        if job is None:
            self._due = dict.fromkeys(self._due, now)
        elif job in self._with_progress or job in self._metrics:
            self._due[job] = now

    @property
    def next_due(self) -> float | None:
        """Return when something is to be written; None while nothing is."""
        return min(self._due.values(), default=None)

    def is_due(self, job: str) -> bool:
        """Tell whether something of a job is still to be written."""
        return job in self._due

    def take(self) -> tuple[str, JobUpdate] | None:
        """Return what is to be written now."""
        now = self._clock()
        job = next((one for one, due in self._due.items() if due <= now), None)
        if job is None:
            return None
        del self._due[job]
        self._written[job] = now
        snapshot = self._board.snapshot(job) if job in self._with_progress else None
        metrics = self._metrics.get(job)
        return job, JobUpdate(
            progress=None if snapshot is None else record_of(snapshot),
            metrics=None if metrics is None else {name: dict(values) for name, values in metrics.items()},
        )

    def forget(self, job: str) -> None:
        """Keep nothing of a job."""
        self._board.forget(job)
        self._with_progress.discard(job)
        for kept in (self._metrics, self._due, self._written):
            kept.pop(job, None)


def record_of(snapshot: ProgressSnapshot) -> dict[str, Any]:
    """Return progress as JSON data: the whole, and each category by its name."""
    record: dict[str, Any] = whole(encode_value(snapshot))
    record["categories"] = {one.pop("name"): one for one in record["categories"]}
    return record
