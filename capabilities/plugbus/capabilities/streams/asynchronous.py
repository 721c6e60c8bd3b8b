"""A stream for a consumer in an event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from .buffer import DropPolicy, EventBuffer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from plugbus.kernel import Event, EventBus


class AsyncEventStream:
    """Take events into an event loop: ``async for event in stream``. Publishers may be in any thread.

    Lifecycle: made inside the loop that will read it, it is subscribed; ``close`` (or the end of the ``async with``
    block) ends it, also for a consumer that is waiting; what was heard before is still delivered.

    Args:
        bus: Where the events come from.
        selector: An event class, a topic, or ``"*"``.
        maxsize: How many events wait at most.
        drop: Which one goes when more come; not ``BLOCK``: a publisher that waited in the thread of the loop would
            keep the consumer from ever making room.

    Raises:
        ValueError: The drop policy is ``BLOCK``, or nothing may wait.
        RuntimeError: No event loop is running.
    """

    def __init__(
        self,
        bus: EventBus,
        selector: type[Event] | str = "*",
        *,
        maxsize: int = 1024,
        drop: DropPolicy = DropPolicy.OLDEST,
    ) -> None:
        if drop == DropPolicy.BLOCK:
            raise ValueError(
                "cannot make async event stream: drop is 'block', and a publisher can't wait for an event loop, which "
                "may be its own; give 'oldest' or 'newest', or read an EventStream in a thread"
            )
        self._loop = asyncio.get_running_loop()
        self._buffer = EventBuffer(maxsize, drop)
        self._lock = threading.Lock()
        self._filled = asyncio.Event()
        self._is_closed = False
        self._subscription = bus.subscribe(selector, self._put)

    @property
    def dropped(self) -> int:
        """Return how many events found no room."""
        return self._buffer.dropped

    async def get(self) -> Event | None:
        """Return the next event; None once the stream is closed and empty."""
        while True:
            with self._lock:
                event = self._buffer.take()
                # Read under the lock: what was put before the closing is seen before it.
                if event is not None or self._is_closed:
                    return event
                self._filled.clear()
            await self._filled.wait()

    def close(self) -> None:
        """Hear nothing more. Idempotent, and safe from any thread."""
        self._subscription.cancel()
        with self._lock:
            self._is_closed = True
        self._wake()

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        event = await self.get()
        if event is None:
            raise StopAsyncIteration
        return event

    def __len__(self) -> int:
        return len(self._buffer)

    async def __aenter__(self) -> AsyncEventStream:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _put(self, event: Event) -> None:
        with self._lock:
            self._buffer.put(event)
        self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._filled.set)
        except RuntimeError:
            # The loop is closed: nobody will read this stream any more.
            self._subscription.cancel()
