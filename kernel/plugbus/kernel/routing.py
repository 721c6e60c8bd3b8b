"""Routing: which subscribers an event goes to, found once for each kind of event."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from .events import Event, kernel_topics
from .precedence import arrange
from .routes import Route
from .subscriptions import Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from blinker import Signal

    from .events import KernelEvent
    from .routes import RouteKey, Wrapper
    from .signals import EventSignal
    from .unrolling import Call

    Around: TypeAlias = Callable[[Route], Call]


class Routing:
    """Keep a signal for each selector that is in use, and the routes that were built from them.

    Routes are thrown away when what they were built from changes, and built again when they are needed.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # The signals with receivers; and all, also those without that somebody holds. A selector that nobody uses any
        # more is forgotten, and with it the event class of a plugin that went.
        self._signals: dict[type[Event] | str, EventSignal] = {}
        self._known_signals: WeakValueDictionary[type[Event] | str, EventSignal] = WeakValueDictionary()
        self._routes: dict[RouteKey, Route] = {}
        # By topic, and apart: were they kept by class among the others, publish() would find them and forge the event.
        self._kernel_routes: dict[RouteKey, Route] = {}
        self._reserved = kernel_topics()

    def signal(self, selector: type[Event] | str) -> Signal:
        """Return the blinker signal behind a selector, for code that speaks blinker.

        A receiver connected to it is called as ``receiver(event)``: the event is blinker's sender.
        """
        return self._signal(selector)

    def has_subscribers(self, selector: type[Event] | str) -> bool:
        """Tell whether anyone subscribed to exactly this selector."""
        signal = self._signals.get(selector)
        return signal is not None and signal.has_bus_receivers

    def hears(self, kind: type[KernelEvent]) -> bool:
        """Tell whether an event of the kernel's own would reach anyone: where not, it need not be made."""
        if not self._signals:
            return False
        topic = kind.__name__
        route = self._kernel_routes.get(topic)
        return bool(self._build(topic, kind, topic) if route is None else route)

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return all live subscriptions in the order of delivery, where nobody asked for another."""
        with self._lock:
            found = [one for signal in self._signals.values() for one in signal.subscriptions()]
        return tuple(sorted(found, key=lambda one: one.order))

    def forget_route(self, route: Route) -> None:
        """Build a route anew before its next use; called by the signals when their receivers change."""
        routes = self._table_of(route.key)
        if routes.get(route.key) is route:
            del routes[route.key]

    def use_signal(self, signal: EventSignal) -> None:
        """Begin to deliver to a signal; called by it when it gets its first receiver."""
        if signal.selector not in self._signals:
            self._signals[signal.selector] = signal
            # A route built before this signal was in use does not know of it.
            self._rebuild_routes()

    def drop_signal(self, signal: EventSignal) -> None:
        """Forget a signal; called by it when it lost its last receiver. Whoever holds it may use it again."""
        self._signals.pop(signal.selector, None)

    def forget_routes(self) -> None:
        """Build every route anew before its next use: the kernel's way to let go of the event classes of a plugin."""
        self._routes = {}

    def _rebuild_routes(self) -> None:
        self._routes, self._kernel_routes = {}, {}

    def _signal(self, selector: type[Event] | str) -> EventSignal:
        # With blinker a third of the import of this package: imported with the first subscription.
        from .signals import EventSignal

        with self._lock:
            signal = self._known_signals.get(selector)
            if signal is None:
                signal = self._known_signals[selector] = EventSignal(selector, self._lock, self)
            return signal

    def _table_of(self, key: RouteKey) -> dict[RouteKey, Route]:
        return self._kernel_routes if isinstance(key, str) else self._routes

    if TYPE_CHECKING:

        def _wrapped(self, topic: str) -> tuple[list[Wrapper], Around | None]:
            """Return what the subscribers of a topic's events are wrapped in, and what all of them together are."""
            ...

    def _build(self, key: RouteKey, kind: type[Event], topic: str) -> Route:
        """Merge what is subscribed to the classes of an event, its topic and everything, in subscription order."""
        with self._lock:
            selectors: list[type[Event] | str] = [base for base in kind.__mro__ if issubclass(base, Event)]
            selectors = list(dict.fromkeys((*selectors, topic, "*")))
            signals = [found for one in selectors if (found := self._signals.get(one)) is not None]
            held = [(receiver, signal) for signal in signals for receiver in signal.bus_receivers()]
            route = Route(key, _in_order(held), *self._wrapped(topic))
            self._table_of(key)[key] = route
            for signal in signals:
                signal.feeds(route)
            return route


def _in_order(held: Sequence[tuple[object, EventSignal]]) -> list[tuple[object, EventSignal]]:
    """Return receivers in the order of delivery: what blinker code connected itself comes last."""
    subscriptions = sorted((one for one, _ in held if isinstance(one, Subscription)), key=_order_of)
    signals = {one: signal for one, signal in held if isinstance(one, Subscription)}
    others = [(one, signal) for one, signal in held if not isinstance(one, Subscription)]
    return [*((one, signals[one]) for one in arrange(subscriptions)), *others]


def _order_of(subscription: Subscription) -> int:
    return subscription.order
