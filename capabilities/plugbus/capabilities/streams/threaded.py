"""A stream for a consumer in another thread."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .buffer import DropPolicy, EventBuffer

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
        drop: Which one goes when more come.
    """

    def __init__(
        self,
        bus: EventBus,
        selector: type[Event] | str = "*",
        *,
        maxsize: int = 1024,
        drop: DropPolicy = DropPolicy.OLDEST,
    ) -> None:
        self._buffer = EventBuffer(maxsize, drop)
        self._filled = threading.Condition()
        self._is_closed = False
        self._subscription = bus.subscribe(selector, self._put)

    @property
    def dropped(self) -> int:
        """Return how many events found no room."""
        return self._buffer.dropped

    def get(self, timeout: float | None = None) -> Event | None:
        """Return the next event; None when ``timeout`` seconds went by, or the stream is closed and empty."""
        with self._filled:
            self._filled.wait_for(lambda: len(self._buffer) > 0 or self._is_closed, timeout)
            return self._buffer.take()

    def close(self) -> None:
        """Hear nothing more. Idempotent."""
        self._subscription.cancel()
        with self._filled:
            self._is_closed = True
            self._filled.notify_all()

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
            self._buffer.put(event)
            self._filled.notify()
