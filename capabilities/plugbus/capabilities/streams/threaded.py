"""A stream for a consumer in another thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakSet

from .buffer import DropPolicy, EventBuffer
from .errors import StreamBlockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from plugbus.kernel import Event, EventBus


class EventStream:
    """Take events out of the publisher's thread: ``for event in stream``.

    Lifecycle: made, it is subscribed; ``close`` (or the end of the ``with`` block) ends it, also for a consumer that
    is waiting; what was heard before is still delivered.

    Args:
        bus: Where the events come from.
        selector: An event class, a topic, or ``"*"``.
        maxsize: How many events wait at most.
        drop: Which one goes when more come. With ``BLOCK`` none does: the publisher waits until there is room.
        timeout: How many seconds a publisher waits then at most. In vain, the event is dropped and counted, and the
            bus reports a ``StreamBlockedError``. The same happens at once where waiting makes no sense: when the
            publisher's thread is the only one that has read the stream so far and could again.

    Raises:
        ValueError: Nothing may wait, or the timeout is no number above 0.
    """

    def __init__(
        self,
        bus: EventBus,
        selector: type[Event] | str = "*",
        *,
        maxsize: int = 1024,
        drop: DropPolicy = DropPolicy.OLDEST,
        timeout: float = 10.0,
    ) -> None:
        # Never without end: of a thread that has not read yet nobody knows whether it will.
        if not 0 < timeout <= threading.TIMEOUT_MAX:
            raise ValueError(f"cannot make event stream: timeout is {timeout}; give seconds above 0")
        self._buffer = EventBuffer(maxsize, drop)
        self._is_blocking = drop == DropPolicy.BLOCK
        self._timeout = timeout
        self._consumers: WeakSet[threading.Thread] = WeakSet()
        lock = threading.RLock()
        self._filled = threading.Condition(lock)
        self._has_room = threading.Condition(lock)
        self._is_closed = False
        self._subscription = bus.subscribe(selector, self._put)

    @property
    def dropped(self) -> int:
        """Return how many events found no room."""
        return self._buffer.dropped

    def get(self, timeout: float | None = None) -> Event | None:
        """Return the next event; None when ``timeout`` seconds went by, or the stream is closed and empty."""
        with self._filled:
            if self._is_blocking:
                self._consumers.add(threading.current_thread())
            self._filled.wait_for(lambda: len(self._buffer) > 0 or self._is_closed, timeout)
            self._has_room.notify()
            return self._buffer.take()

    def close(self) -> None:
        """Hear nothing more. Idempotent."""
        self._subscription.cancel()
        with self._filled:
            self._is_closed = True
            self._filled.notify_all()
            self._has_room.notify_all()

    def __iter__(self) -> Iterator[Event]:
        while (event := self.get()) is not None:
            yield event

    def __len__(self) -> int:
        return len(self._buffer)

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, event: Event) -> None:
        with self._filled:
            cause = self._wait_for_room() if self._is_blocking and self._buffer.is_full else ""
            self._buffer.put(event)
            self._filled.notify()
        if cause:
            raise StreamBlockedError(event.topic, cause)

    def _wait_for_room(self) -> str:
        """Wait until there is room, or the stream is closed; tell what was in the way of it."""
        publisher = threading.current_thread()
        consumers = [one for one in self._consumers if one.is_alive()]
        if consumers == [publisher]:
            return (
                "the stream is full, and its publisher is its only consumer, which would wait for itself; read it in "
                "another thread, or give another drop policy"
            )
        if not self._has_room.wait_for(lambda: not self._buffer.is_full or self._is_closed, self._timeout):
            return f"the stream was full for {self._timeout:g} s; read it faster, or give a larger maxsize"
        return ""
