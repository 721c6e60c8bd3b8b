"""Recorders: keep what a bus delivers, in memory or in a file."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from dataclasses import dataclass
from io import FileIO
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .lines import cause_ids, write_data, write_line

if TYPE_CHECKING:
    from types import TracebackType

    from plugbus.kernel import Event, EventPort


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedEvent:
    """An event with its place and its time in a recording.

    Args:
        index: Its place, from 0 on, in the order of delivery.
        at_ns: When it was delivered: nanoseconds since 1970-01-01 UTC, by the wall clock, which may be set.
        elapsed_ms: Milliseconds since the recording began, by a clock that is never set back.
        topic: Under which topic.
        event: The event: the very object in memory, made again when it was read from a file.
        event_id: Its id, None if causes were not traced (``bus.trace``).
        parent_id: The id of the event in whose delivery it was published, None if there was none.
        correlation_id: What it has in common with all that has the same cause, None if causes were not traced.
    """

    index: int
    at_ns: int
    elapsed_ms: float
    topic: str
    event: Event
    event_id: str | None = None
    parent_id: str | None = None
    correlation_id: str | None = None


class EventRecorder:
    """Keep the latest events of a bus in memory: a ring buffer.

    Lifecycle: made, it records; ``close`` (or the end of the ``with`` block) ends it; what it holds can still be read.

    The order is that of delivery to this recorder: an event that an earlier subscriber publishes while it is being
    served is delivered, and recorded, before the one that it was serving. Safe from several threads.

    Args:
        bus: Where the events come from; the kernel's bus, or what a plugin sees of it.
        selector: An event class, a topic, or ``"*"``, which has the kernel's own events too.
        capacity: How many events it holds; the oldest goes when one more comes.
    """

    def __init__(self, bus: EventPort, selector: type[Event] | str = "*", capacity: int = 2048) -> None:
        if capacity < 1:
            raise ValueError(f"cannot make event recorder: capacity is {capacity}; give at least 1")
        # Reentrant: a finaliser or a signal handler may publish while this thread holds it.
        self._lock = threading.RLock()
        self._events: deque[RecordedEvent] = deque(maxlen=capacity)
        self._count = 0
        self._begun_ns = time.monotonic_ns()
        self._is_closed = False
        self._bus = bus
        self._subscription = bus.subscribe(selector, self._record)

    @property
    def dropped(self) -> int:
        """Return how many events had to go for newer ones; also the index of the oldest that is there."""
        with self._lock:
            return self._count - len(self._events)

    def snapshot(self) -> tuple[RecordedEvent, ...]:
        """Return what is held now, the oldest event first."""
        with self._lock:
            return tuple(self._events)

    def clear(self) -> None:
        """Forget everything and begin a new recording: index, drop counter and elapsed time start from 0."""
        with self._lock:
            self._events.clear()
            self._count = 0
            self._begun_ns = time.monotonic_ns()

    def close(self) -> None:
        """Record nothing more. Idempotent."""
        self._subscription.cancel()
        with self._lock:
            self._is_closed = True

    def __len__(self) -> int:
        return len(self._events)

    def __enter__(self) -> EventRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _record(self, event: Event) -> None:
        ids = cause_ids(self._bus.cause)
        with self._lock:
            # An event may have been on its way from another thread when the recorder was closed.
            if self._is_closed:
                return
            index = self._count
            self._count += 1
            elapsed_ms = (time.monotonic_ns() - self._begun_ns) / 1e6
            self._events.append(
                RecordedEvent(
                    index=index, at_ns=time.time_ns(), elapsed_ms=elapsed_ms, topic=event.topic, event=event, **ids
                )
            )


class JsonlRecorder:
    """Write the events of a bus to a file, one JSON object a line; ``read_events`` reads it.

    Lifecycle: made, the file is open and it records; ``close`` (or the end of the ``with`` block) ends it.

    A line: ``{"v":1,"index":0,"ts":"2025-01-31T12:00:00.000000001Z","elapsed_ms":0.25,"type":"EpochStart","data":
    {"epoch":0}}``; ``"custom":true`` stands before the data of a custom event, which is its payload as it is. While
    ``bus.trace`` runs, ``event_id``, ``parent_id`` and ``correlation_id`` stand there too. A line has left this process
    when ``publish`` returns. Lines stand in the order of delivery to this recorder, also of several threads.

    The publisher never notices a fault of the file: it is logged once, kept in ``error``, and ends the recording, so
    that what is in the file is all that happened until then; at most its last line is cut off. What comes later is
    counted in ``lost``.

    Args:
        bus: Where the events come from; the kernel's bus, or what a plugin sees of it.
        path: The file; its folder is made.
        selector: An event class, a topic, or ``"*"``, which has the kernel's own events too.
        mode: ``a`` writes after what is there, ``w`` in place of it, ``x`` only where there is no file. Each recording
            counts its events and its time from 0.

    Attributes:
        path: The file.
        error: Why nothing more is written, or None.
        lost: How many events were not written, or not wholly.

    Raises:
        OSError: The file can't be opened.
    """

    def __init__(
        self,
        bus: EventPort,
        path: str | os.PathLike[str],
        selector: type[Event] | str = "*",
        *,
        mode: Literal["a", "w", "x"] = "a",
    ) -> None:
        if mode not in {"a", "w", "x"}:
            raise ValueError(f"cannot record to '{os.fspath(path)}': mode is {mode!r}; give 'a', 'w' or 'x'")
        self.path = Path(path)
        self.error: OSError | None = None
        self.lost = 0
        # Reentrant: a finaliser or a signal handler may publish while this thread holds it.
        self._bus = bus
        self._lock = threading.RLock()
        self._file: FileIO | None = None
        self._count = 0
        self._begun_ns = time.monotonic_ns()
        # In this order: a selector that selects nothing must not empty a file. Who publishes meanwhile waits.
        with self._lock:
            self._subscription = bus.subscribe(selector, self._record)
            try:
                self._file = self._open(mode)
            except BaseException:
                self._subscription.cancel()
                raise

    def close(self) -> None:
        """Record nothing more and close the file. Idempotent."""
        self._subscription.cancel()
        with self._lock:
            file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError as error:
                if self.error is None:
                    self.error = error
                    self._report()

    def __enter__(self) -> JsonlRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, mode: str) -> FileIO:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Unbuffered: nothing is kept back that a later flush could fail on.
        file = FileIO(self.path, mode)
        try:
            if _is_cut_off(self.path):
                self._write(file, b"\n")
        except BaseException:
            file.close()
            raise
        return file

    def _record(self, event: Event) -> None:
        ids = cause_ids(self._bus.cause)
        # Before the lock is taken: the payload's own code runs here, and may publish.
        data = write_data(event)
        with self._lock:
            # An event may have been on its way from another thread when the recorder was closed.
            if self._file is None:
                return
            if self.error is not None:
                self.lost += 1
                return
            index = self._count
            self._count += 1
            elapsed_ms = (time.monotonic_ns() - self._begun_ns) / 1e6
            try:
                self._write(self._file, write_line(event, data, index, time.time_ns(), elapsed_ms, ids))
            except OSError as error:
                self.error = error
                self.lost += 1
            else:
                return
        self._report()

    def _write(self, file: FileIO, line: bytes) -> None:
        rest = memoryview(line)
        while rest:
            # Not file.write: it returns None where the file can't take anything now.
            rest = rest[os.write(file.fileno(), rest) :]

    def _report(self) -> None:
        # With no lock held: whoever hears of it may publish.
        _log.error("cannot write recording '%s': %s; nothing more is written to it", self.path, self.error)


def _is_cut_off(path: Path) -> bool:
    """Tell whether the last line of a file has no end: whoever wrote it was stopped within it."""
    if path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


_log = getLogger(__name__)
