"""The async handlers of one event, served together in the publisher's event loop."""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from contextvars import copy_context
from sys import getrefcount
from typing import TYPE_CHECKING

from .handler_task import HandlerTask

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterable, MutableMapping
    from typing import TypeAlias

    from plugbus.kernel import Event

    from .fanout import AsyncSubscription

    # Whose handler raised, and what.
    Failure: TypeAlias = tuple[AsyncSubscription, BaseException]


class Round:
    """Serve the handlers of one event: first steps at once and in order, the rest in tasks.

    A task costs more than most handlers, and most handlers end with their first step. So one task is made and is the
    current one while handlers take their first steps; it is given to the first that has to wait, and another one is
    made for those after it. A handler thus runs in one task from its beginning to its end, as timeouts, task groups
    and cancellation need it. A task that anybody could know of by then is not used for the next handler.

    Lifecycle: ``begin``, then ``finish``, then ``take_outcome``.

    Args:
        loop: The running event loop.
        event: What is published.
        depth: How many events are being published inside one another, this one included.
        spares: By loop a task that was made for an earlier event of the same turn of the loop, and not needed.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        event: Event,
        depth: int,
        spares: MutableMapping[AbstractEventLoop, HandlerTask],
    ) -> None:
        self._loop = loop
        self._event = event
        self._depth = depth
        self._spares = spares
        self._tasks: list[tuple[AsyncSubscription, HandlerTask]] = []
        self._left = 0
        self._all_ended: asyncio.Future[None] | None = None
        self._failures: list[Failure] = []
        self._cancelled: asyncio.CancelledError | None = None

    def begin(self, route: Iterable[AsyncSubscription]) -> None:
        """Take the first step of every handler, each in a copy of the publisher's context."""
        loop = self._loop
        publisher = asyncio.current_task(loop)
        task: HandlerTask | None = None
        known_to = 0
        if publisher is not None:
            _leave_task(loop, publisher)
        try:
            for subscription in route:
                if subscription.is_cancelled:
                    continue
                if task is None:
                    task = self._enter()
                    known_to = getrefcount(task)
                context = copy_context()
                try:
                    handler = subscription.start(self._event)
                    waits_for = context.run(handler.send, None)
                except StopIteration:
                    pass
                except BaseException as error:  # noqa: BLE001 - the others are served first
                    self._failures.append((subscription, error))
                else:
                    task.adopt(handler, context, waits_for, self._end_one)
                    self._tasks.append((subscription, task))
                    self._left += 1
                    _leave_task(loop, task)
                    task = None
                    continue
                # Whoever kept the task could cancel it, or wait for it, in the belief that it is that handler's.
                if task.is_touched or getrefcount(task) > known_to:
                    _leave_task(loop, task)
                    task = None
        finally:
            if task is not None:
                _leave_task(loop, task)
                self._spares[loop] = task
            if publisher is not None:
                _enter_task(loop, publisher)

    async def finish(self) -> bool:
        """Wait until every handler ended; tell whether all ended well, and nobody asked them to stop.

        A cancellation of the publisher is passed on to all handlers that have not ended, and they are waited for all
        the same.
        """
        while self._left:
            self._all_ended = self._loop.create_future()
            try:
                await self._all_ended
            except asyncio.CancelledError as error:
                self._cancelled = self._cancelled or error
                for _, task in self._tasks:
                    task.cancel()
        for subscription, task in self._tasks:
            raised = task.take_error()
            # That handlers end by the cancellation that was passed on to them is no failure.
            if raised is not None and not (self._cancelled and isinstance(raised, asyncio.CancelledError)):
                self._failures.append((subscription, raised))
        return not self._failures and self._cancelled is None

    def take_outcome(self) -> tuple[list[Failure], asyncio.CancelledError | None]:
        """Return what was raised, in the order of subscription, and the cancellation of the publisher; forget both.

        An error knows the frames that it went through, and by them this round: kept here, it would keep itself.
        """
        failures, self._failures = self._failures, []
        cancelled, self._cancelled = self._cancelled, None
        return sorted(failures, key=lambda failure: failure[0].order), cancelled

    def _end_one(self) -> None:
        """Take note that a handler ended."""
        self._left -= 1
        if not self._left and self._all_ended is not None and not self._all_ended.done():
            self._all_ended.set_result(None)

    def _enter(self) -> HandlerTask:
        """Return a task that nobody knows of, as the current one."""
        task = self._spares.pop(self._loop, None)
        if task is None or task.is_touched:
            task = HandlerTask(self._loop, self._spares)
        task.depth = self._depth
        _enter_task(self._loop, task)
        return task
