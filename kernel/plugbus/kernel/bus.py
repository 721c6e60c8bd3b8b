"""The event bus: typed, synchronous publish/subscribe on blinker signals."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from sys import _getframe
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, overload
from weakref import ref

from .errors import ForgedEventError, PublishDepthError
from .events import Event, KernelEvent, SubscriberFailed
from .instruments import Instruments
from .precedence import Precedence
from .routing import Routing
from .subscriptions import Subscription, check_handler, check_neighbours, check_selector

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

    from .causality import Cause, Correlation, Tracing
    from .routes import Route, Wrapper
    from .routing import Around
    from .timings import Timings
    from .unrolling import Call

E = TypeVar("E", bound=Event)

EventHandler: TypeAlias = Callable[[E], object]
# What a topic's events look like is known to whoever writes its subscriber, not to a static checker.
TopicHandler: TypeAlias = Callable[[Any], object]
# Of those that a subscription asks to come before, or after.
PluginIds: TypeAlias = str | tuple[str, ...]


class EventBus(Routing):
    """Deliver events to those who subscribed, in the publisher's thread.

    The contract:

    - Subscribers subscribe to an event class (its subclasses included), a topic, or ``"*"`` for all.
    - Delivery is synchronous, in the order of subscription whatever it was that was subscribed to, of the very object.
      A subscription may ask to come before or after those of certain plugins.
    - Every subscriber is called. One that raises is logged, reported as ``SubscriberFailed``, and stops nobody;
      ``KeyboardInterrupt``, ``SystemExit`` and their like are raised again after the rest was served.
    - Publishing from a subscriber works, to ``depth_limit`` events inside one another.
    - A cancelled subscription gets nothing more, also of the event that is being delivered; a new one gets the next.
    - Subscribers are held strongly. An ``async def`` subscriber is refused.
    - The kernel's own events can't be published here.

    All calls are safe from several threads and from inside subscribers; no lock is held while a subscriber runs.

    Args:
        depth_limit: How many events may be delivered inside one another in one thread; at least 1.
    """

    def __init__(self, *, depth_limit: int = 64) -> None:
        if depth_limit < 1:
            raise ValueError(f"cannot make event bus: depth_limit is {depth_limit}; give at least 1")
        self._depth_limit = depth_limit
        super().__init__()
        self._order = count()
        self._precedence = Precedence()
        self._instruments = Instruments(self._lock, self._rebuild_routes)
        # How many deliveries run now, in all threads together. One bytecode-atomic counter costs a third of a
        # thread-local one; only past the limit is the calling thread's own depth counted, on its stack.
        self._running = 0

    @overload
    def subscribe(
        self,
        selector: type[E],
        handler: EventHandler[E],
        *,
        owner: str = "",
        before: PluginIds = (),
        after: PluginIds = (),
    ) -> Subscription: ...
    @overload
    def subscribe(
        self, selector: str, handler: TopicHandler, *, owner: str = "", before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription: ...
    def subscribe(
        self,
        selector: type[Event] | str,
        handler: TopicHandler,
        *,
        owner: str = "",
        before: PluginIds = (),
        after: PluginIds = (),
    ) -> Subscription:
        """Call ``handler(event)`` for every event that ``selector`` matches, until the subscription is cancelled.

        The same handler subscribed twice is called twice.

        Args:
            selector: An event class, a topic, or ``"*"``.
            handler: Any callable that takes the event.
            owner: The plugin on whose behalf this is done, named in reports; empty for the host.
            before: The id of a plugin, or several: their subscriptions hear an event after this one. Who is not there
                is not waited for.
            after: The id of a plugin, or several: their subscriptions hear an event before this one.

        Raises:
            SubscriptionError: The selector selects nothing, or the handler can't be called synchronously.
            SubscriptionOrderError: Each of some subscriptions would have to come before another.
        """
        subscription = self.prepare(selector, handler, owner=owner, before=before, after=after)
        subscription.activate()
        return subscription

    def prepare(
        self,
        selector: type[Event] | str,
        handler: TopicHandler,
        *,
        owner: str = "",
        before: PluginIds = (),
        after: PluginIds = (),
    ) -> Subscription:
        """Check and return a subscription that hears nothing before its ``activate`` is called.

        Its place in the order is settled here: whatever else is subscribed meanwhile, it can be activated.
        """
        name = check_selector(selector)
        check_handler(name, handler)
        sides = check_neighbours(name, before, after)
        with self._lock:
            subscription = Subscription(self._signal(selector), handler, owner, next(self._order), name, *sides)
            self._precedence.admit(subscription)
        return subscription

    def exchange(self, leaving: Iterable[Subscription], arriving: Iterable[Subscription]) -> None:
        """Cancel some subscriptions and activate others; no event published meanwhile goes to both, or to neither.

        Of an event that is being delivered, those that leave hear nothing more; those that arrive hear the next one.
        """
        with self._lock:
            for subscription in leaving:
                subscription.cancel()
            for subscription in arriving:
                subscription.activate()

    def hand_over(self, leaving: Iterable[Subscription], arriving: Iterable[Subscription]) -> None:
        """Let some subscriptions take the place of others; every event goes to the one side or to the other.

        Of those that leave and those that arrive for the same selector, the first takes the place of the first in the
        order of delivery, and so on. An event that is being delivered still goes to those that leave, or once they are
        cancelled to who took their place.
        """
        with self._lock:
            heirs: dict[type[Event] | str, list[Subscription]] = {}
            arriving = tuple(arriving)
            for subscription in arriving:
                heirs.setdefault(subscription.selected, []).append(subscription)
            successors: list[tuple[Subscription, Subscription | None]] = []
            for subscription in sorted(leaving, key=_order_of):
                same = heirs.get(subscription.selected)
                successor = same.pop(0) if same and subscription.is_active else None
                successors.append((subscription, successor))
                if successor is not None:
                    successor.order = subscription.order
            for subscription in arriving:
                subscription.activate()
            for subscription, successor in successors:
                subscription.retire(successor)

    def publish(self, event: Event) -> None:
        """Deliver ``event`` to everyone who subscribed to it; return when all were called.

        Raises:
            TypeError: It is no event.
            ForgedEventError: The event, or its topic, belongs to the kernel.
            PublishDepthError: Too many events are being delivered inside one another.
        """
        route = self._routes.get(event.__class__)
        if route is None:
            route = self._open_route(event)
        if not route:
            return
        # What follows is _deliver, written out: the call would be a third of the cost of a publish to one subscriber.
        self._running += 1
        interrupt: BaseException | None = None
        try:
            if self._running > self._depth_limit:
                self._check_depth(event)
            for step in route:
                try:
                    step(event)
                except BaseException as error:  # noqa: BLE001 - contained, or raised again below
                    again = self._contain(route, step, event, error)
                    interrupt = again if interrupt is None else interrupt
        finally:
            self._running -= 1
        if interrupt is not None:
            raise interrupt

    def measure(self, *, cpu: bool = False) -> Timings:
        """Measure from now on how long subscribers take, until the result is stopped. Costs nothing while it is off.

        Args:
            cpu: Whether to measure the CPU time of their threads too; that more than doubles the cost of measuring.
        """
        return self._instruments.measure(cpu=cpu)

    def trace(self, *, chain_limit: int = 1000) -> Tracing:
        """Give events ids and causes from now on, until the result is stopped. Costs nothing while it is off.

        Args:
            chain_limit: How many events may lead to one another, in whatever threads and tasks; at least 1. Of several
                tracings the lowest counts.
        """
        return self._instruments.trace(chain_limit)

    def correlate(self, correlation_id: str) -> Correlation:
        """Return a ``with`` block: events that are published within it, and what they cause, get a correlation id.

        It follows the context, as causes do: into tasks, and with ``contextvars.copy_context`` into threads.

        Args:
            correlation_id: Any text that is not blank, such as the id of a request.
        """
        return self._instruments.tracer.correlate(correlation_id)

    @property
    def cause(self) -> Cause | None:
        """Return the event that is being delivered in this context, None where there is none or nothing is traced."""
        return self._instruments.tracer.cause if self._instruments.is_tracing else None

    def publish_kernel_event(self, event: KernelEvent) -> None:
        """Deliver one of the kernel's own events. For the kernel alone; plugins are never handed this bus itself."""
        if not self._signals:
            return
        route = self._kernel_routes.get(event.topic)
        if route is None:
            route = self._build(event.topic, type(event), event.topic)
        if route:
            self._deliver(route, event)

    def _deliver(self, route: Route, event: Event) -> None:
        self._running += 1
        interrupt: BaseException | None = None
        try:
            if self._running > self._depth_limit:
                self._check_depth(event)
            for step in route:
                try:
                    step(event)
                except BaseException as error:  # noqa: BLE001 - contained, or raised again below
                    again = self._contain(route, step, event, error)
                    interrupt = again if interrupt is None else interrupt
        finally:
            self._running -= 1
        if interrupt is not None:
            raise interrupt

    def _check_depth(self, event: Event) -> None:
        outer: list[Event] = []
        codes = (EventBus.publish.__code__, EventBus._deliver.__code__)
        frame: FrameType | None = _getframe(1)
        while frame is not None:
            if frame.f_code in codes and frame.f_locals.get("self") is self:
                outer.append(frame.f_locals["event"])
            frame = frame.f_back
        # A report is made inside an event that passed this check and is never reported on itself, so it adds one level
        # and no more; refusing it would hide the failure at the very depth where failures are most likely.
        if len(outer) > self._depth_limit and not isinstance(event, SubscriberFailed):
            raise PublishDepthError(event.topic, self._depth_limit, tuple(one.topic for one in reversed(outer)))

    def _contain(self, route: Route, step: Call, event: Event, error: BaseException) -> BaseException | None:
        """Report what a subscriber raised, and serve those whom it kept from being served.

        Returns:
            What is to be raised again when the rest was served.
        """
        place, rest = route.locate(step, error)
        interrupt = error if place is None else self._settle(route, place, event, error)
        further = self._serve(route, rest, event)
        return further if interrupt is None else interrupt

    def _serve(self, route: Route, places: Iterable[int], event: Event) -> BaseException | None:
        """Serve some subscribers of a route one by one; return what is to be raised again."""
        interrupt: BaseException | None = None
        for place in places:
            try:
                route.live[place](event)
            except BaseException as error:  # noqa: BLE001 - contained, or raised again by the delivery
                again = self._settle(route, place, event, error)
                interrupt = again if interrupt is None else interrupt
        return interrupt

    def _traced(self, route: Route) -> Call:
        """Return the only step of a route while causes are traced: it knows the event as the cause meanwhile."""
        # Weakly: who takes the step holds the route, and a route that nobody uses any more has to go by itself.
        find, tracer, places = ref(route), self._instruments.tracer, range(len(route.live))

        def deliver(event: Event) -> None:
            token = tracer.enter(event)
            try:
                found = find()
                interrupt = None if found is None else self._serve(found, places, event)
            finally:
                tracer.leave(token)
            if interrupt is not None:
                raise interrupt

        return deliver

    def _wrapped(self, topic: str) -> tuple[list[Wrapper], Around | None]:
        return self._instruments.wrappers_for(topic), self._traced if self._instruments.is_tracing else None

    def _settle(self, route: Route, place: int, event: Event, error: BaseException) -> BaseException | None:
        """Report what the subscriber at a place raised; return what is to be raised again."""
        if not isinstance(error, Exception):
            return error
        try:
            self._report(route, place, event, error)
        except BaseException as further:  # noqa: BLE001 - raised again by the delivery: the rest is served first
            return further
        return None

    def _report(self, route: Route, place: int, event: Event, error: Exception) -> None:
        # Logging is a fifth of the import of this package and most hosts never see a failure: imported when needed.
        from logging import getLogger

        name, owner = route.subscriber_of(place, error)
        getLogger(__name__).error(
            "subscriber %s failed on event %s: %s", name, event.topic, error,
            exc_info=error, extra={"plugin_id": owner, "topic": event.topic},
        )  # fmt: skip
        if not isinstance(event, SubscriberFailed):
            self.publish_kernel_event(SubscriberFailed(name, owner, event, error))

    def _open_route(self, event: Event) -> Route:
        """Return the route of an event that anyone may publish, once it is clear that it is one."""
        if not isinstance(event, Event):
            raise TypeError(f"cannot publish {event!r}: it is no Event; make an object of an event class")
        kind, topic = type(event), event.topic
        if topic in self._reserved or isinstance(event, KernelEvent):
            raise ForgedEventError(topic)
        if kind.topic is Event.topic:
            return self._build(kind, kind, topic)
        # The topic of a custom event is a fact of the object: its routes are never kept by class alone.
        route = self._routes.get((kind, topic))
        return self._build((kind, topic), kind, topic) if route is None else route


def _order_of(subscription: Subscription) -> int:
    return subscription.order
