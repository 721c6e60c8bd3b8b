"""Subscriptions: who hears which events on whose behalf, and before or after whom."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from .asynchrony import is_async
from .errors import SubscriptionError
from .events import Event

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .signals import EventSignal


class Subscription:
    """One subscriber of the bus. ``cancel`` it, or use it as a context manager.

    Attributes:
        selector: The event class's name, the topic, or ``"*"``.
        handler: What is called.
        owner: The plugin on whose behalf it was made, empty for the host.
        order: Its place among all subscriptions of the bus, where nobody asked for another.
        before: The plugins whose subscriptions hear an event later than this one.
        after: The plugins whose subscriptions hear an event earlier than this one.
        is_cancelled: Whether it hears nothing more, for good.
    """

    __slots__ = (
        "__weakref__", "_signal", "_successor", "after", "before", "handler", "is_cancelled", "order", "owner",
        "selector",
    )  # fmt: skip

    def __init__(
        self,
        signal: EventSignal,
        handler: Callable[[Any], object],
        owner: str,
        order: int,
        selector: str,
        before: tuple[str, ...] = (),
        after: tuple[str, ...] = (),
    ) -> None:
        self._signal = signal
        self._successor: Subscription | None = None
        self.handler = handler
        self.owner = owner
        self.order = order
        self.selector = selector
        self.before = before
        self.after = after
        self.is_cancelled = False

    def __call__(self, event: Event) -> object:
        """Serve an event that blinker code sends through the signal."""
        return self.handler(event)

    @property
    def selected(self) -> type[Event] | str:
        """Return the event class, the topic, or ``"*"`` itself."""
        return self._signal.selector

    @property
    def is_active(self) -> bool:
        """Tell whether events arrive."""
        return not self.is_cancelled and self._signal.holds(self)

    @property
    def heir(self) -> Subscription | None:
        """Return who serves the deliveries that go on after this one was retired and cancelled, if anyone does."""
        with self._signal.lock:
            heir = self._successor
            while heir is not None and not heir.is_active:
                heir = heir._successor  # it was replaced in its turn
            return heir

    def activate(self) -> None:
        """Begin to hear events. Does nothing once it was cancelled, or is active."""
        # Asked under the lock: a cancel in another thread either is seen here, or finds the subscription connected.
        with self._signal.lock:
            if not self.is_cancelled:
                self._signal.connect(self, weak=False)

    def cancel(self) -> bool:
        """Hear nothing more, also of the event that is being delivered now. Tell whether it was active."""
        self.is_cancelled = True
        return self._signal.drop(self)

    def retire(self, successor: Subscription | None) -> None:
        """Hear no event that is published from now on; those that are being delivered still arrive.

        After a ``cancel`` they go to the successor, if there is one.
        """
        self.is_cancelled = True
        self._successor = successor
        self._signal.retire(self)

    def hear_instead(self, event: Event) -> None:
        """Serve a delivery that goes on after the cancellation: by the successor, or not at all."""
        heir = self.heir
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


def handler_name(handler: object) -> str:
    """Return the qualified name of a callable for reports."""
    name = getattr(handler, "__qualname__", None) or type(handler).__qualname__
    module = getattr(handler, "__module__", None)  # None for a method of a built-in object, such as list.append
    return f"{module}.{name}" if module else name


def check_selector(selector: object) -> str:
    """Return what an event class, a topic or ``"*"`` is called.

    Raises:
        SubscriptionError: It selects nothing.
    """
    name = selector if isinstance(selector, str) else str(getattr(selector, "__name__", repr(selector)))
    if isinstance(selector, str):
        if not selector.strip():
            raise SubscriptionError(name, "a topic is not blank")
    elif not (isinstance(selector, type) and issubclass(selector, Event)):
        raise SubscriptionError(name, "give an event class, a topic, or '*'")
    return name


def check_handler(name: str, handler: object) -> None:
    """Refuse what can't be called, and what would make a coroutine that nobody awaits.

    Raises:
        SubscriptionError: It is such a thing; ``name`` is the selector's.
    """
    if not callable(handler):
        raise SubscriptionError(name, f"the handler is a {type(handler).__qualname__}, which can't be called")
    while isinstance(handler, partial):
        handler = handler.func
    if is_async(handler) or is_async(type(handler).__call__):
        raise SubscriptionError(
            name,
            "the bus is synchronous and the handler is 'async def'; read the events from "
            "plugbus.capabilities.AsyncEventStream instead",
        )


def check_neighbours(name: str, before: object, after: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the plugins that a subscription asks to come before, and those that it asks to come after.

    Raises:
        SubscriptionError: One is no plugin id, or is named on both sides; ``name`` is the selector's.
    """
    sides: list[tuple[str, ...]] = []
    for side, ids in (("before", before), ("after", after)):
        found = (ids,) if isinstance(ids, str) else ids
        if not isinstance(found, tuple) or not all(isinstance(one, str) and one.strip() for one in found):
            raise SubscriptionError(name, f"{side} is {ids!r}; give the id of a plugin, or a tuple of ids")
        sides.append(tuple(dict.fromkeys(found)))
    both = [one for one in sides[0] if one in sides[1]]
    if both:
        names = ", ".join(f"'{one}'" for one in both)
        raise SubscriptionError(name, f"it can't come both before and after {names}; drop one of the two")
    return sides[0], sides[1]
