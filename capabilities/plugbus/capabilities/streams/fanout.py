"""Async subscribers: publish an event and wait until coroutines have heard it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from itertools import count
from logging import getLogger
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload

from plugbus.kernel import Event, PublishDepthError, SubscriptionError

from .handler_task import HandlerTask
from .round import Round

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Coroutine, Sequence
    from types import TracebackType

    from plugbus.kernel import EventPort

E = TypeVar("E", bound=Event)

AsyncHandler: TypeAlias = Callable[[E], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class FanOutFailed(Event):
    """An async subscriber raised; the other subscribers got the event all the same.

    Args:
        subscriber: The qualified name of the function that raised.
        owner: The plugin on whose behalf it was subscribed, empty for the host.
        event: The event that it was called with.
        exception: What it raised; ``CancelledError`` where it was cancelled, but not by its publisher.
    """

    subscriber: str
    owner: str
    event: Event
    exception: BaseException


class AsyncSubscription:
    """One async subscriber of a fan-out. ``cancel`` it, or use it as a context manager.

    Attributes:
        selector: The event class's name, the topic, or ``"*"``.
        handler: What is called.
        owner: The plugin on whose behalf it was made, empty for the host.
        order: Its place among all subscriptions of the fan-out.
        is_cancelled: Whether events no longer arrive.
    """

    __slots__ = ("_fanout", "handler", "is_cancelled", "kind", "order", "owner", "selector", "start")

    def __init__(
        self,
        fanout: AsyncFanOut,
        selector: type[Event] | str,
        handler: AsyncHandler[Any],
        owner: str,
        order: int,
    ) -> None:
        self._fanout = fanout
        self.kind = None if isinstance(selector, str) else selector
        self.selector = selector if isinstance(selector, str) else selector.__name__
        self.handler = handler
        self.owner = owner
        self.order = order
        self.is_cancelled = False
        # A coroutine function runs nothing when it is called; of any other callable the call is part of the handler.
        self.start: Callable[[Event], Coroutine[Any, Any, object]] = (
            handler if iscoroutinefunction(handler) else self._call
        )

    def cancel(self) -> bool:
        """Hear nothing more, also of the event whose handlers are being started; tell whether it was active.

        A handler that has started runs to its end. Idempotent, and safe from any thread.
        """
        return self._fanout.drop(self)

    def __enter__(self) -> AsyncSubscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<AsyncSubscription of {_name_of(self.handler)} to {self.selector!r}>"

    async def _call(self, event: Event) -> object:
        return await self.handler(event)


class AsyncFanOut:
    """Publish events to async subscribers and to those of a bus, and wait until all have heard them.

    The contract:

    - The bus's own subscribers are served first, as by ``bus.publish``, then the async ones.
    - Async handlers subscribe to an event class (its subclasses included), a topic, or ``"*"``. They hear what is
      published through this fan-out; of what goes to the bus alone ``AsyncEventStream`` tells.
    - Their first steps are taken at once, in the order of subscription, before ``publish`` waits for anything. Those
      that have to wait go on as tasks, all at the same time; ``publish`` returns when every one ended.
    - Each handler runs in a copy of the publisher's context and in one task of its own, from its first step on:
      ``asyncio.timeout``, task groups, ``current_task`` and context variables work as in any task. That task is not
      made by the loop's task factory, and its ``get_context`` is not the handler's context.
    - One that raises stops nobody: it is logged, and reported as ``FanOutFailed`` to the subscribers of the bus and of
      this fan-out; or all are raised together, if the publisher asks for it. ``KeyboardInterrupt``, ``SystemExit`` and
      their like are raised again after the rest was served. What a handler of ``FanOutFailed`` raises is only logged.
    - When the publisher is cancelled, all handlers that have not ended are cancelled and waited for. Failures are
      then reported to the bus alone, so that the publisher has not to wait for more.
    - Handlers may publish too, to ``depth_limit`` events inside one another.

    All calls are safe from several threads and from inside handlers, and one fan-out serves several event loops: a
    handler runs in the loop of its publisher.

    Args:
        bus: Whose subscribers are served too; the kernel's bus, or what a plugin sees of it.
        depth_limit: How many events may be published inside one another by handlers; at least 1.
    """

    def __init__(self, bus: EventPort, *, depth_limit: int = 64) -> None:
        if depth_limit < 1:
            raise ValueError(f"cannot make fan-out: depth_limit is {depth_limit}; give at least 1")
        self._bus = bus
        self._depth_limit = depth_limit
        self._lock = threading.RLock()
        self._order = count()
        self._subscriptions: list[AsyncSubscription] = []
        # Both are replaced when subscriptions change: who reads them needs no lock.
        self._by_kind: dict[type[Event], tuple[AsyncSubscription, ...]] = {}
        self._by_topic: dict[str, tuple[AsyncSubscription, ...]] = {}
        self._spares: dict[AbstractEventLoop, HandlerTask] = {}

    @overload
    def subscribe(self, selector: type[E], handler: AsyncHandler[E], *, owner: str = "") -> AsyncSubscription: ...
    @overload
    def subscribe(self, selector: str, handler: AsyncHandler[Any], *, owner: str = "") -> AsyncSubscription: ...
    def subscribe(
        self, selector: type[Event] | str, handler: AsyncHandler[Any], *, owner: str = ""
    ) -> AsyncSubscription:
        """Call and await ``handler(event)`` for every event that ``selector`` matches.

        The same handler subscribed twice is called twice. It is held until the subscription is cancelled: a plugin
        gives that to ``ctx.on_unload``.

        Args:
            selector: An event class, a topic, or ``"*"``.
            handler: An ``async def`` function, or another callable whose result can be awaited.
            owner: The plugin on whose behalf this is done, named in reports; empty for the host.

        Raises:
            SubscriptionError: The selector selects nothing, or the handler can't be called.
        """
        if isinstance(selector, str):
            if not selector.strip():
                raise SubscriptionError(selector, "a topic is not blank")
        elif not (isinstance(selector, type) and issubclass(selector, Event)):
            raise SubscriptionError(repr(selector), "give an event class, a topic, or '*'")
        if not callable(handler):
            name = selector if isinstance(selector, str) else selector.__name__
            raise SubscriptionError(name, f"the handler is a {type(handler).__qualname__}, which can't be called")
        with self._lock:
            subscription = AsyncSubscription(self, selector, handler, owner, next(self._order))
            self._subscriptions.append(subscription)
            self._forget_routes()
        return subscription

    def drop(self, subscription: AsyncSubscription) -> bool:
        """Cancel a subscription of this fan-out; tell whether it was active."""
        with self._lock:
            if subscription.is_cancelled:
                return False
            subscription.is_cancelled = True
            self._subscriptions.remove(subscription)
            self._forget_routes()
            return True

    @property
    def subscriptions(self) -> tuple[AsyncSubscription, ...]:
        """Return all live subscriptions in the order in which handlers are started."""
        with self._lock:
            return tuple(self._subscriptions)

    async def publish(self, event: Event, *, raises: bool = False) -> None:
        """Deliver ``event`` to the subscribers of the bus, then to the async ones; return when all have ended.

        Args:
            event: What happened.
            raises: Raise what async handlers raised, in place of the reports.

        Raises:
            TypeError: It is no event.
            ForgedEventError: The event, or its topic, belongs to the kernel.
            PublishDepthError: Too many events are being published inside one another.
            ExceptionGroup: Async handlers raised, and ``raises`` is set; in the order of subscription. It is a
                ``BaseExceptionGroup`` where a handler was cancelled, but not by its publisher.
            RuntimeError: No event loop is running.
        """
        loop = asyncio.get_running_loop()
        depth = _depth_of(asyncio.current_task(loop)) + 1
        if depth > self._depth_limit:
            raise PublishDepthError(event.topic, self._depth_limit)
        await self._deliver(event, loop, depth, raises=raises)

    async def _deliver(self, event: Event, loop: AbstractEventLoop, depth: int, *, raises: bool) -> None:
        self._bus.publish(event)
        route = self._route_of(event)
        if not route:
            return
        round_ = Round(loop, event, depth, self._spares)
        round_.begin(route)
        if not await round_.finish():
            await self._conclude(round_, event, loop, depth, raises=raises)

    async def _conclude(
        self, round_: Round, event: Event, loop: AbstractEventLoop, depth: int, *, raises: bool
    ) -> None:
        """Report what handlers raised, or raise it."""
        raised, cancelled = round_.take_outcome()
        failures = [one for one in raised if isinstance(one[1], Exception | asyncio.CancelledError)]
        interrupts = [error for _, error in raised if not isinstance(error, Exception | asyncio.CancelledError)]
        if failures and raises and not interrupts and cancelled is None:
            text = f"cannot deliver event '{event.topic}' to all: {len(failures)} async handlers failed"
            raise BaseExceptionGroup(text, [error for _, error in failures])
        reports = self._log(event, failures)
        for report in reports:
            # A report adds one level and no more: what fails there is only logged.
            if cancelled is None:
                await self._deliver(report, loop, depth + 1, raises=False)
            else:
                self._bus.publish(report)
        if interrupts:
            raise interrupts[0]
        if cancelled is not None:
            raise cancelled

    def _log(self, event: Event, failures: Sequence[tuple[AsyncSubscription, BaseException]]) -> list[FanOutFailed]:
        """Log failures; return what is to be published of them."""
        for subscription, error in failures:
            _log.error(
                "async subscriber %s failed on event %s: %r", _name_of(subscription.handler), event.topic, error,
                exc_info=error, extra={"plugin_id": subscription.owner, "topic": event.topic},
            )  # fmt: skip
        if isinstance(event, FanOutFailed):
            return []
        return [FanOutFailed(_name_of(one.handler), one.owner, event, error) for one, error in failures]

    def _route_of(self, event: Event) -> Sequence[AsyncSubscription]:
        """Return who hears an event, in the order of subscription."""
        kind = type(event)
        by_kind, by_topic = self._by_kind, self._by_topic
        route = by_kind.get(kind)
        if route is None:
            with self._lock:
                by_kind = self._by_kind
                route = by_kind[kind] = tuple(
                    one
                    for one in self._subscriptions
                    if (one.selector == "*" if one.kind is None else issubclass(kind, one.kind))
                )
        # The topic of a custom event is a fact of the object: nothing is kept for it, there may be any number.
        topical = by_topic.get(event.topic) if by_topic else None
        return sorted((*route, *topical), key=lambda one: one.order) if topical else route

    def _forget_routes(self) -> None:
        by_topic: dict[str, tuple[AsyncSubscription, ...]] = {}
        for one in self._subscriptions:
            if one.kind is None:
                by_topic[one.selector] = (*by_topic.get(one.selector, ()), one)
        self._by_kind, self._by_topic = {}, by_topic


def _depth_of(task: asyncio.Task[Any] | None) -> int:
    return task.depth if isinstance(task, HandlerTask) else 0


def _name_of(handler: object) -> str:
    """Return the qualified name of a callable for reports."""
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    module = getattr(handler, "__module__", None)
    return f"{module}.{name}" if module else name


_log = getLogger(__name__)
