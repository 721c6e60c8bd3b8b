"""What the bus keeps: subscriptions, the blinker signals that hold them, and the routes built from those."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakValueDictionary, ref

from blinker import NamedSignal
from blinker.base import ANY, ANY_ID

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from threading import RLock
    from types import TracebackType
    from typing import TypeAlias

    from .events import Event

    # Events of a class are routed by it; those whose topic is a fact of the object by both; the kernel's own by topic.
    RouteKey: TypeAlias = type[Event] | str | tuple[type[Event], str]


class Subscription:
    """One subscriber of the bus. ``cancel`` it, or use it as a context manager.

    Attributes:
        selector: The event class's name, the topic, or ``"*"``.
        handler: What is called.
        owner: The plugin on whose behalf it was made, empty for the host.
        order: Its place among all subscriptions of the bus.
    """

    __slots__ = ("__weakref__", "_is_cancelled", "_signal", "_successor", "handler", "order", "owner", "selector")

    def __init__(
        self, signal: EventSignal, handler: Callable[[Any], object], owner: str, order: int, selector: str
    ) -> None:
        self._signal = signal
        self._is_cancelled = False
        self._successor: Subscription | None = None
        self.handler = handler
        self.owner = owner
        self.order = order
        self.selector = selector

    def __call__(self, event: Event) -> object:
        """Serve an event that blinker code sends through the signal."""
        return self.handler(event)

    @property
    def is_active(self) -> bool:
        """Tell whether events arrive."""
        return not self._is_cancelled and self._signal.holds(self)

    def activate(self) -> None:
        """Begin to hear events. Does nothing once it was cancelled, or is active."""
        # Asked under the lock: a cancel in another thread either is seen here, or finds the subscription connected.
        with self._signal.lock:
            if not self._is_cancelled:
                self._signal.connect(self, weak=False)

    def cancel(self) -> bool:
        """Hear nothing more, also of the event that is being delivered now. Tell whether it was active."""
        self._is_cancelled = True
        return self._signal.drop(self)

    def retire(self, successor: Subscription | None) -> None:
        """Hear no event that is published from now on; those that are being delivered still arrive.

        After a ``cancel`` they go to the successor, if there is one.
        """
        self._is_cancelled = True
        self._successor = successor
        self._signal.retire(self)

    def hear_instead(self, event: Event) -> None:
        """Serve a delivery that goes on after the cancellation: by the successor, or not at all."""
        with self._signal.lock:
            heir = self._successor
            while heir is not None and not heir.is_active:
                heir = heir._successor  # it was replaced in its turn
        if heir is not None:
            heir.handler(event)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def __repr__(self) -> str:
        return f"<Subscription of {handler_name(self.handler)} to {self.selector!r}>"


class Route(list["Callable[[Any], object]"]):
    """The subscribers of one kind of event, in order, ready to be called in a bare loop.

    No callable is in it twice, so that each tells whose it is.
    A route is never changed, with one exception: when a subscription is cancelled, its place is taken by a function
    that does nothing, so that a delivery that is walking this list skips it. It costs the delivery nothing.
    """

    __slots__ = ("__weakref__", "_calls", "_entries", "key")

    def __init__(self, key: RouteKey, entries: Sequence[tuple[object, EventSignal]]) -> None:
        calls: dict[int, Callable[[Any], object]] = {}
        for receiver, _ in entries:
            call = _call_of(receiver)
            if id(call) in calls:
                call = partial(call)
            calls[id(call)] = call
        self.key = key
        self._entries = entries
        self._calls = tuple(calls.values())
        super().__init__(self._calls)

    def silence(self, receiver: object, signal: EventSignal) -> None:
        """Replace the receiver of a signal by one that does nothing."""
        for place, (one, source) in enumerate(self._entries):
            if one is receiver and source is signal:
                self[place] = one.hear_instead if isinstance(one, Subscription) else _ignore

    def subscriber_of(self, call: Callable[[Any], object]) -> tuple[str, str]:
        """Return the qualified name and the owner of the subscriber behind a callable of this route."""
        place = next(place for place, one in enumerate(self._calls) if one is call)
        receiver = self._entries[place][0]
        if isinstance(receiver, Subscription):
            return handler_name(receiver.handler), receiver.owner
        return handler_name(receiver() if isinstance(receiver, ref) else receiver), ""


class RouteTable(Protocol):
    """Who wants to know that a route is out of date: the bus."""

    def forget_route(self, route: Route) -> None:
        """Build the route anew before it is used again."""
        ...

    def use_signal(self, signal: EventSignal) -> None:
        """Begin to deliver to a signal."""
        ...

    def drop_signal(self, signal: EventSignal) -> None:
        """Forget a signal that has no receivers any more."""
        ...


class EventSignal(NamedSignal):
    """A blinker signal of one selector that tells the bus when its receivers change, and locks around it.

    Attributes:
        selector: The event class or text that it stands for.
        lock: The lock of its bus.
    """

    def __init__(self, selector: type[Event] | str, lock: RLock, table: RouteTable) -> None:
        super().__init__(selector if isinstance(selector, str) else selector.__name__)
        self.selector = selector
        self.lock = lock
        self._table = table
        self._is_retiring = False
        # By identity: a route, being a list, can't be hashed. A route that nobody walks any more leaves by itself.
        self._routes: WeakValueDictionary[int, Route] = WeakValueDictionary()

    def connect(self, receiver: Any, sender: Any = ANY, weak: bool = True) -> Any:
        """Connect as blinker does, then rebuild the routes."""
        with self.lock:
            try:
                return super().connect(receiver, sender, weak)
            finally:
                if self.receivers:
                    self._table.use_signal(self)
                self._forget()

    def _disconnect(self, receiver_id: Any, sender_id: Any) -> None:
        """Every way out leads here: an explicit disconnect, and the end of a weakly held receiver."""
        with self.lock:
            receiver = self.receivers.get(receiver_id)
            super()._disconnect(receiver_id, sender_id)
            # In this order: who publishes from here on waits for the lock, and gets a route without the receiver.
            self._forget()
            if receiver_id not in self._by_sender.get(ANY_ID, ()) and not self._is_retiring:
                self._silence(receiver)
            if not self.receivers:
                self._table.drop_signal(self)

    def holds(self, subscription: Subscription) -> bool:
        """Tell whether the subscription is connected."""
        return id(subscription) in self.receivers

    def drop(self, subscription: Subscription) -> bool:
        """Disconnect a subscription; tell whether it was connected."""
        with self.lock:
            if not self.holds(subscription):
                self._silence(subscription)  # a retired one may still be in a delivery that goes on
                return False
            self.disconnect(subscription)
            return True

    def retire(self, subscription: Subscription) -> None:
        """Disconnect a subscription, but leave it in the deliveries that go on."""
        with self.lock:
            self._is_retiring = True
            try:
                self.disconnect(subscription)
            finally:
                self._is_retiring = False

    def subscriptions(self) -> Iterator[Subscription]:
        """Yield the subscriptions that are connected."""
        return (one for one in tuple(self.receivers.values()) if isinstance(one, Subscription))

    def bus_receivers(self) -> Iterator[object]:
        """Yield what every event of this selector goes to, in the order in which it was connected.

        What blinker code connected for one certain sender is not among it: the bus has no senders.
        """
        for_all = self._by_sender.get(ANY_ID, ())
        return (receiver for receiver_id, receiver in tuple(self.receivers.items()) if receiver_id in for_all)

    @property
    def has_bus_receivers(self) -> bool:
        """Tell whether there are any of those."""
        return bool(self._by_sender.get(ANY_ID))

    def feeds(self, route: Route) -> None:
        """Remember that ``route`` was built from this signal."""
        self._routes[id(route)] = route

    def _silence(self, receiver: object) -> None:
        for route in self._live_routes():
            route.silence(receiver, self)

    def _forget(self) -> None:
        for route in self._live_routes():
            self._table.forget_route(route)

    def _live_routes(self) -> list[Route]:
        return [route for one in self._routes.valuerefs() if (route := one()) is not None]


def handler_name(handler: object) -> str:
    """Return the qualified name of a callable for reports."""
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    module = getattr(handler, "__module__", None)  # None for a method of a built-in object, such as list.append
    return f"{module}.{name}" if module else name


def _call_of(receiver: Any) -> Callable[[Any], object]:
    """Return what to call for an entry of a signal's table: a subscription, a weak reference, or a function."""
    if isinstance(receiver, Subscription):
        return receiver.handler
    if isinstance(receiver, ref):
        # A route must not keep alive what blinker holds weakly.
        return lambda event: None if (found := receiver()) is None else found(event)
    return receiver  # type: ignore[no-any-return] # blinker's table holds any callable


def _ignore(event: object) -> None:
    """Stand in for a subscriber that was cancelled while its route was walked."""
