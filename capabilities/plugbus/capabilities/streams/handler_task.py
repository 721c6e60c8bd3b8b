"""The task of one async handler, whose first step is taken before the event loop knows of it."""

from __future__ import annotations

import asyncio
from types import coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine, Generator, MutableMapping
    from contextvars import Context


class HandlerTask(asyncio.Task[None]):
    """The task in which a handler runs, from its first step on.

    Lifecycle:

    1. Made, it is a task whose turn comes when the running turn of its loop is over.
    2. Until then handlers take their first step while it is the current task. Those that end with it leave nothing
       behind, and the task is there for the next one.
    3. The first handler that waits for something is adopted: its rest is what the task runs when its turn comes.
    4. If none was, the task ends when its turn comes, without having done anything.

    It ends well whatever its handler raised: that is kept for the publisher. So no handler can stop the event loop by
    ``SystemExit`` before the others had their turn.

    Args:
        loop: The running event loop.
        spares: Where it may have been put for the next event; it leaves when its turn comes.

    Attributes:
        depth: How many events are being published inside one another where its handler runs.
        is_touched: Whether a handler did something to it that the next one would notice.
    """

    def __init__(self, loop: AbstractEventLoop, spares: MutableMapping[AbstractEventLoop, HandlerTask]) -> None:
        self.depth = 0
        self.is_touched = False
        self._spares = spares
        self._handler: Coroutine[Any, Any, object] | None = None
        self._raised: BaseException | None = None
        turns = self._turns()
        # Taken to where it awaits its turn: what is thrown into it by then, a cancellation, finds it ready.
        turns.send(None)
        super().__init__(turns, loop=loop)

    def adopt(
        self, handler: Coroutine[Any, Any, object], context: Context, waits_for: Any, ended: Callable[[], object]
    ) -> None:
        """Take over a handler that waits for something.

        Args:
            handler: After its first step.
            context: In which that was taken, and all others will be.
            waits_for: What it gave to the event loop: a future, or None for the next turn.
            ended: Called when the handler ended.
        """
        self._handler = handler
        self._run_in = context.run
        self._waits_for = waits_for
        self._ended = ended
        if asyncio.isfuture(waits_for):
            # What a task does when it takes a future: another handler may wait for the same one, and mark it again.
            waits_for._asyncio_future_blocking = False

    def take_error(self) -> BaseException | None:
        """Return what the handler raised, and forget it."""
        raised, self._raised = self._raised, None
        return raised

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel as a task does."""
        self.is_touched = True
        return super().cancel(msg)

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: Context | None = None) -> None:
        """Call back as a task does."""
        self.is_touched = True
        super().add_done_callback(fn, context=context)

    async def _turns(self) -> None:
        # asyncio runs native coroutines alone.
        await self._run()

    @coroutine
    def _run(self) -> Generator[Any, None, None]:
        error: BaseException | None = None
        try:
            yield
        except asyncio.CancelledError as cancelled:
            error = cancelled
        handler = self._handler
        if handler is None:
            self._spares.pop(self.get_loop(), None)
            if error is not None:
                raise error
            return
        waits_for = self._waits_for
        if asyncio.isfuture(waits_for):
            # As in any task a cancellation goes to what is waited for, and comes back from there.
            is_waiting = error is None or waits_for.cancel()
            waits_for._asyncio_future_blocking = is_waiting
        else:
            # None is a wait for this very turn; anything else is for the loop to refuse.
            is_waiting = error is None and waits_for is not None
        try:
            while True:
                if is_waiting:
                    error = None
                    try:
                        yield waits_for
                    except GeneratorExit:
                        # The loop went away, and the publisher with it.
                        self._run_in(handler.close)
                        return
                    except BaseException as thrown:  # noqa: BLE001 - it is for the handler
                        error = thrown
                is_waiting = True
                waits_for = self._run_in(handler.send, None) if error is None else self._run_in(handler.throw, error)
        except StopIteration:
            pass
        except BaseException as raised:  # noqa: BLE001 - the publisher decides what becomes of it
            self._raised = raised
        self._ended()
