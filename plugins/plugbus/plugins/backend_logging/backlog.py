"""What waits to be written, and who waits for it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugbus.capabilities import JobLogEntry

from .tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.capabilities import JobDraft, JobUpdate

    from .breaker import Breaker
    from .settings import WriterSettings


@dataclass(slots=True)
class Item:
    """One thing that waits to be written.

    Args:
        job: The job.
        content: An entry of its log, or a change of the job itself.
        at: When it came, by the clock of the writer.
        attempts: How often it was sent.
    """

    job: str
    content: JobLogEntry | JobDraft | JobUpdate
    at: float
    attempts: int = 0


class Backlog:
    """Hold what waits, in order, up to a capacity; count what becomes of it. Safe from several threads.

    Changes of jobs are few and always taken; entries wait for room, for a limited time, and not at all while the
    backend is left alone.

    Args:
        settings: How large it is, and how long one waits.
        breaker: Says whether the backend is left alone; used under ``changed``.
        clock: Tells seconds.

    Attributes:
        changed: Guards everything here, and is notified of every change.
        items: What waits.
        sending: The job whose items are being written; None while nothing is.
        tallies: What became of the entries of each job.
    """

    def __init__(self, settings: WriterSettings, breaker: Breaker, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._breaker = breaker
        self._clock = clock
        self.changed = threading.Condition()
        self.items: deque[Item] = deque()
        self.sending: str | None = None
        self.tallies: dict[str, Tally] = {}
        self._is_closed = False
        self._is_given_up = False

    def put(self, job: str, content: JobLogEntry | JobDraft | JobUpdate, *, may_wait: bool) -> bool:
        """Add something; return False where there is no room, or nothing is taken any more."""
        is_entry = isinstance(content, JobLogEntry)
        with self.changed:
            if is_entry and len(self.items) >= self._settings.capacity and may_wait and not self._is_closed:
                self._wait_for_room()
            if self._is_closed or (is_entry and len(self.items) >= self._settings.capacity):
                if is_entry:
                    self.tally(job).dropped += 1
                return False
            if is_entry:
                self.tally(job).pending += 1
            self.items.append(Item(job, content, self._clock()))
            self.changed.notify_all()
            return True

    def _wait_for_room(self) -> None:
        if self._breaker.is_open:
            return
        has_room = self.changed.wait_for(
            lambda: len(self.items) < self._settings.capacity or self._is_closed or self._breaker.is_open,
            self._settings.longest_wait_s,
        )
        if not has_room:
            # One has waited in vain: others need not, until the backend has had its rest.
            self._breaker.failed(at_once=True)
            self.changed.notify_all()

    def tally(self, job: str) -> Tally:
        """Return the counts of a job; to be called under ``changed``."""
        return self.tallies.setdefault(job, Tally())

    def take(self) -> list[Item]:
        """Take the next items of one kind and one job, up to a batch; to be called under ``changed``.

        Entries of other jobs stay in their order; within a job nothing overtakes anything.
        """
        first = self.items[0]
        taken: list[Item] = []
        if not isinstance(first.content, JobLogEntry):
            taken.append(self.items.popleft())
        else:
            kept: deque[Item] = deque()
            is_barred = False
            while self.items and len(taken) < self._settings.batch_size:
                item = self.items.popleft()
                if item.job != first.job or is_barred:
                    kept.append(item)
                elif isinstance(item.content, JobLogEntry):
                    taken.append(item)
                else:
                    is_barred = True
                    kept.append(item)
            self.items.extendleft(reversed(kept))
        self.sending = first.job
        self.changed.notify_all()
        return taken

    def put_back(self, taken: list[Item]) -> None:
        """Let items wait again, before all others; to be called under ``changed``."""
        self.items.extendleft(reversed(taken))
        self.sending = None
        self.changed.notify_all()

    def settle(self, taken: list[Item], *, written: int = 0, unsent: int = 0, unconfirmed: int = 0) -> None:
        """Count what became of items; to be called under ``changed``."""
        self.sending = None
        entries = sum(isinstance(item.content, JobLogEntry) for item in taken)
        if entries and not self._is_given_up:
            tally = self.tally(taken[0].job)
            tally.pending -= entries
            tally.written += written
            tally.unsent += unsent
            tally.unconfirmed += unconfirmed
        self.changed.notify_all()

    def close(self) -> None:
        """Take nothing more."""
        with self.changed:
            self._is_closed = True
            self.changed.notify_all()

    def give_up(self) -> None:
        """Count everything that waits as not sent, and what is being sent as not known."""
        with self.changed:
            self._is_closed = self._is_given_up = True
            for tally in self.tallies.values():
                tally.unconfirmed += tally.pending
                tally.pending = 0
            for item in self.items:
                if isinstance(item.content, JobLogEntry):
                    tally = self.tally(item.job)
                    tally.unconfirmed -= 1
                    tally.unsent += 1
            self.items.clear()
            self.changed.notify_all()
