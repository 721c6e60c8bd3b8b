"""The blinker signals behind the bus: they hold the subscriptions, and tell the bus of every change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from blinker import NamedSignal
from blinker.base import ANY, ANY_ID

from .subscriptions import Subscription

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import RLock

    from .events import Event
    from .routes import Route, RouteTable


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
