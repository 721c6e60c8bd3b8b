"""Recording what a bus delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ..bus import EventBus
    from ..events import Event
    from ..subscriptions import Subscription

E = TypeVar("E", bound="Event")


class RecordedEvents:
    """Collect what a bus delivers, while the ``with`` block runs.

    Every event is kept once, the kernel's own included, and can be read after the block too.

    Attributes:
        events: All events, in the order of delivery.

    Args:
        bus: The bus to listen to.
        selector: An event class, a topic, or ``"*"``.
    """

    def __init__(self, bus: EventBus, selector: type[Event] | str = "*") -> None:
        self._bus = bus
        self._selector = selector
        self._subscription: Subscription | None = None
        self.events: list[Event] = []

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics of all events, in order."""
        return tuple(event.topic for event in self.events)

    def of(self, kind: type[E]) -> tuple[E, ...]:
        """Return the events of one class, subclasses included, in order."""
        return tuple(event for event in self.events if isinstance(event, kind))

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self.events))

    def __len__(self) -> int:
        return len(self.events)

    def __enter__(self) -> RecordedEvents:
        self._subscription = self._bus.prepare(self._selector, self.events.append)
        self._subscription.activate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subscription is not None:
            self._subscription.cancel()
