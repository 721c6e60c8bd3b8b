"""Writing the logs of jobs to the backend, on a thread of its own."""

from __future__ import annotations

import threading
from dataclasses import astuple
from logging import getLogger
from time import monotonic
from typing import TYPE_CHECKING, Final

from plugbus.capabilities import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionStarted,
    JobDraft,
    JobLogEntry,
    JobStatus,
    JobUpdate,
    LogsDelivered,
    MetricsRecorded,
    RunEnded,
    RunStarted,
    encode_value,
)

from .backlog import Backlog, Item
from .breaker import Breaker
from .entries import entry_of, whole
from .sending import Outcome, send_change, send_entries
from .settings import WriterSettings
from .snapshots import Snapshots
from .tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.capabilities import BackendClient, WorkEvent
    from plugbus.kernel import Event

_RUN_STATES: Final = {"ok": JobStatus.SUCCEEDED, "skipped": JobStatus.SUCCEEDED, "cancelled": JobStatus.STOPPED}
_ENDS: Final = (ActionCompleted, ActionFailed, ActionCancelled, RunEnded)


class JobLogWriter:
    """Write what jobs tell to the backend, for any number of jobs and from any thread.

    Lifecycle:

    1. ``record`` takes events. Entries wait for others to make a batch, progress and metrics for newer ones.
    2. A thread writes them. It begins with ``start``, or with the first event, and ends with ``close``.
    3. At the end of a job what waits of it is written, for a limited time, and ``LogsDelivered`` says what became of
       all of it. At ``close`` the same is done for all jobs.

    What the backend certainly did not store is sent again, some times; what it may have stored is not. Nothing raised
    by it reaches the work.

    Args:
        find_backend: Returns the backend, or None where there is none now.
        publish: Where ``LogsDelivered`` goes.
        settings: How it is written.
        clock: Tells seconds.
    """

    def __init__(
        self,
        find_backend: Callable[[], BackendClient | None],
        publish: Callable[[Event], object],
        settings: WriterSettings | None = None,
        *,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._find_backend = find_backend
        self._publish = publish
        self._settings = settings or WriterSettings()
        self._clock = clock
        self._breaker = Breaker(self._settings.failures, self._settings.rest_s, clock)
        self._backlog = Backlog(self._settings, self._breaker, clock)
        self._changed = self._backlog.changed
        self._snapshots = Snapshots(self._settings.snapshot_s, clock)
        self._thread: threading.Thread | None = None
        self._is_closing = False
        self._hurried = 0  # how many wait for everything to be written
        self._runs: set[str] = set()
        self._known: set[str] = set()
        self._told: dict[str, tuple[int, ...]] = {}
        self._snapshot_of: str | None = None  # whose is being written

    def start(self) -> None:
        """Begin the thread, if it has not begun."""
        with self._changed:
            if self._thread is None and not self._is_closing:
                self._thread = threading.Thread(target=self._work, name="plugbus-backend-logging", daemon=True)
                self._thread.start()

    def record(self, event: WorkEvent) -> None:
        """Take an event of a job; those of no job are passed over."""
        job = event.job_id
        if job is None or isinstance(event, LogsDelivered) or self._is_closing:
            return
        if isinstance(event, RunStarted | ActionStarted):
            self._begin(event, job)
        metrics = whole(encode_value(event.values)) if isinstance(event, MetricsRecorded) else None
        with self._changed:
            is_new = self._snapshots.note(event, job, metrics)
            if is_new:
                self._changed.notify_all()
        if is_new:
            self.start()
        entry = entry_of(event)
        if entry is not None:
            self._put(job, entry)
        if isinstance(event, _ENDS) and not (job in self._runs and not isinstance(event, RunEnded)):
            self._end(event, job)

    def close(self) -> None:
        """Write what waits, for a limited time, and end the thread. Idempotent."""
        self._is_closing = True
        self._backlog.close()
        thread = self._thread
        if thread is not None:
            with self._changed:
                self._snapshots.hurry()
                self._changed.notify_all()
            thread.join(self._settings.flush_s)
            if thread.is_alive():
                getLogger(__name__).warning("the backend does not answer; its thread ends when it does")
        self._backlog.give_up()
        for job in tuple(self._backlog.tallies):
            self._tell(job)

    def _begin(self, event: RunStarted | ActionStarted, job: str) -> None:
        if isinstance(event, RunStarted):
            self._runs.add(job)
            action, plugin = f"{event.plugin_key}.{event.pipeline}".strip("."), event.plugin_key
        else:
            action, plugin = event.action, event.action.rpartition(".")[0]
        if job in self._known:
            return
        self._known.add(job)
        if self._settings.is_creating:
            self._put(job, JobDraft(id=job, action=whole(action) or "work", plugin=whole(plugin)))
        self._put(job, JobUpdate(status=JobStatus.RUNNING))

    def _end(self, event: WorkEvent, job: str) -> None:
        error = ""
        if isinstance(event, RunEnded):
            status = _RUN_STATES.get(event.status, JobStatus.FAILED)
            error = event.message or ""
        elif isinstance(event, ActionFailed):
            status, error = JobStatus.FAILED, f"{type(event.error).__qualname__}: {_text(event.error)}"
        else:
            status = JobStatus.SUCCEEDED if isinstance(event, ActionCompleted) else JobStatus.STOPPED
        with self._changed:
            self._snapshots.hurry(job)
        self._put(job, JobUpdate(status=status, error=whole(error) or None))
        self._flush(job)
        with self._changed:
            self._snapshots.forget(job)
        self._runs.discard(job)
        self._known.discard(job)
        self._tell(job)

    def _put(self, job: str, content: JobLogEntry | JobDraft | JobUpdate) -> None:
        # The thread itself must not wait for what only it can do.
        self._backlog.put(job, content, may_wait=threading.current_thread() is not self._thread)
        self.start()

    def _flush(self, job: str) -> None:
        """Wait until everything of a job is written or lost; for a limited time, and not while the backend rests."""
        if threading.current_thread() is self._thread:
            return
        with self._changed:
            self._hurried += 1
            try:
                self._changed.notify_all()
                is_done = self._changed.wait_for(
                    lambda: self._is_settled(job) or self._breaker.is_open, self._settings.flush_s
                )
            finally:
                self._hurried -= 1
            if not is_done:
                self._breaker.failed(at_once=True)  # the next job need not wait in vain too

    def _is_settled(self, job: str) -> bool:
        return (
            job not in {self._backlog.sending, self._snapshot_of}
            and not self._snapshots.is_due(job)
            and not any(item.job == job for item in self._backlog.items)
        )

    def _tell(self, job: str) -> None:
        """Publish what became of a job's entries, if there is something new to say."""
        with self._changed:
            tally = self._backlog.tallies.get(job, Tally())
            if tally.pending == 0:
                self._backlog.tallies.pop(job, None)
            counts = astuple(tally)
            if self._told.pop(job, None) == counts:
                return
            if tally.pending:
                self._told[job] = counts
        lost = tally.dropped + tally.unsent + tally.unconfirmed
        if lost:
            getLogger(__name__).warning(
                "%d log entries of job '%s' were lost: %d dropped, %d not sent, %d not confirmed",
                lost, job, tally.dropped, tally.unsent, tally.unconfirmed, extra={"job_id": job},
            )  # fmt: skip
        self._publish(LogsDelivered(job, *counts))

    def _work(self) -> None:
        """Write until there is nothing more to write and nothing more will come."""
        while True:
            with self._changed:
                while (step := self._next()) is None:
                    if self._is_closing and not self._backlog.items:
                        return
                    self._changed.wait(self._idle_s())
                batch, snapshot = step
                self._snapshot_of = None if snapshot is None else snapshot[0]
            if snapshot is not None:
                outcome = self._sent_change(*snapshot)
                with self._changed:
                    self._snapshot_of = None
                    self._judge(outcome)
                    self._changed.notify_all()
            else:
                self._write(batch)

    def _next(self) -> tuple[list[Item], tuple[str, JobUpdate] | None] | None:
        """Return what is to be written now; None where nothing is. Changes and entries go before snapshots."""
        is_hurried = self._hurried > 0 or self._is_closing
        if self._breaker.is_open and not self._is_closing:
            return None
        items = self._backlog.items
        if items and (
            is_hurried
            or len(items) >= self._settings.batch_size
            or not isinstance(items[0].content, JobLogEntry)
            or self._clock() - items[0].at >= self._settings.interval_s
            or len(items) >= self._settings.capacity
        ):
            return self._backlog.take(), None
        snapshot = self._snapshots.take()
        return None if snapshot is None else ([], snapshot)

    def _idle_s(self) -> float | None:
        """Return after how many seconds there may be something to do."""
        if self._breaker.is_open:
            return self._breaker.rests_for
        now = self._clock()
        moments = [item.at + self._settings.interval_s for item in list(self._backlog.items)[:1]]
        due = self._snapshots.next_due
        moments += [] if due is None else [due]
        return max(0.0, min(moments) - now) if moments else None

    def _write(self, batch: list[Item]) -> None:
        job, first = batch[0].job, batch[0].content
        refused = 0
        if isinstance(first, JobLogEntry):
            client = self._find_backend()
            entries = [item.content for item in batch if isinstance(item.content, JobLogEntry)]
            outcome, refused = (Outcome.FAILED, 0) if client is None else send_entries(client, job, entries)
        else:
            outcome = self._sent_change(job, first)
        with self._changed:
            self._judge(outcome)
            for item in batch:
                item.attempts += 1
            is_over = self._is_closing or batch[0].attempts >= self._settings.attempts
            if outcome is Outcome.FAILED and not is_over:
                self._backlog.put_back(batch)
            elif outcome is Outcome.FAILED:
                self._backlog.settle(batch, unsent=len(batch))
            elif outcome is Outcome.UNSURE:
                self._backlog.settle(batch, unconfirmed=len(batch) - refused, unsent=refused)
            else:
                self._backlog.settle(batch, written=len(batch) - refused, unsent=refused)
            is_told_of = job in self._told and self._backlog.tally(job).pending == 0
        if is_told_of:  # its end was told while this waited
            self._tell(job)

    def _sent_change(self, job: str, change: JobDraft | JobUpdate) -> Outcome:
        client = self._find_backend()
        return Outcome.FAILED if client is None else send_change(client, job, change)

    def _judge(self, outcome: Outcome) -> None:
        if outcome in {Outcome.FAILED, Outcome.UNSURE}:
            self._breaker.failed()
        else:
            self._breaker.succeeded()


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - the work's own error may be broken
        return "without text"
