"""A stream for a consumer in an event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from .buffer import DropPolicy, EventBuffer
from .errors import StreamBlockedError

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
        drop: Which one goes when more come. With ``BLOCK`` none does: a publisher in another thread waits until there
            is room.
        timeout: How many seconds a publisher waits then at most. In vain, the event is dropped and counted, and the
            bus reports a ``StreamBlockedError``. The same happens at once to a publisher in the thread of the loop:
            while it waited, the consumer could not make room.

    Raises:
        ValueError: Nothing may wait, or the timeout is no number above 0.
        RuntimeError: No event loop is running.
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
        if not 0 < timeout <= threading.TIMEOUT_MAX:
            raise ValueError(f"cannot make async event stream: timeout is {timeout}; give seconds above 0")
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._buffer = EventBuffer(maxsize, drop)
        self._is_blocking = drop == DropPolicy.BLOCK
        self._timeout = timeout
        # Reentrant: a finaliser or a signal handler may publish while this thread holds it.
        self._lock = threading.RLock()
        self._has_room = threading.Condition(self._lock)
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
                if self._is_blocking:
                    self._has_room.notify()
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
            if self._is_blocking:
                self._has_room.notify_all()
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
            cause = self._wait_for_room() if self._is_blocking and self._buffer.is_full else ""
            self._buffer.put(event)
        self._wake()
        if cause:
            raise StreamBlockedError(event.topic, cause)

    def _wait_for_room(self) -> str:
        """Wait until there is room, or the stream is closed; tell what was in the way of it."""
        if threading.get_ident() == self._loop_thread:
            return (
                "the stream is full, and its publisher is in the thread of the event loop that reads it, which would "
                "wait for itself; publish in another thread, or give another drop policy"
            )
        if not self._has_room.wait_for(lambda: not self._buffer.is_full or self._is_closed, self._timeout):
            return f"the stream was full for {self._timeout:g} s; read it faster, or give a larger maxsize"
        return ""

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._filled.set)
        except RuntimeError:
            # The loop is closed: nobody will read this stream any more.
            self._subscription.cancel()
