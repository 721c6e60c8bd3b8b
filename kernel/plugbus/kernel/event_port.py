"""What a plugin sees of the bus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from .bus import EventHandler, PluginIds, TopicHandler
    from .causality import Cause
    from .events import Event
    from .subscriptions import Subscription

E = TypeVar("E", bound="Event")


class EventPort(Protocol):
    """What a plugin sees of the bus."""

    def publish(self, event: Event) -> None:
        """Deliver an event to its subscribers."""
        ...

    @overload
    def subscribe(
        self, selector: type[E], handler: EventHandler[E], *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription: ...
    @overload
    def subscribe(
        self, selector: str, handler: TopicHandler, *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription: ...
    def subscribe(
        self, selector: type[Event] | str, handler: TopicHandler, *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription:
        """Hear events until unload."""
        ...

    @property
    def cause(self) -> Cause | None:
        """The event that is being delivered in this context, None where there is none or nothing is traced."""
        ...

    def correlate(self, correlation_id: str) -> AbstractContextManager[None]:
        """Give what is published within a ``with`` block a correlation id."""
        ...
