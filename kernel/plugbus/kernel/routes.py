"""Routes: who hears one kind of event, in order, ready to be called."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from weakref import ref

from .subscriptions import Subscription, handler_name
from .unrolling import unroll

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType
    from typing import TypeAlias

    from .events import Event
    from .signals import EventSignal
    from .unrolling import Call, Unrolled

    # Events of a class are routed by it; those whose topic is a fact of the object by both; the kernel's own by topic.
    RouteKey: TypeAlias = type[Event] | str | tuple[type[Event], str]
    # What a call is made of: itself, and the plugin on whose behalf it is made.
    Wrapper: TypeAlias = Callable[[Call, str], Call]


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


class Route(list["Call"]):
    """The subscribers of one kind of event, in order, ready to be called in a bare loop.

    It is a list of steps: callables that serve the event to one subscriber, or to several at once. ``locate`` tells
    whose failure one of them raised. No callable is in it twice, so that each tells whose it is.
    A route is never changed, with one exception: when a subscription is cancelled, its place is taken by a function
    that does nothing, so that a delivery that is under way skips it. It costs the delivery nothing.

    Attributes:
        key: Under what the bus keeps it.
        live: What is called at each place now, one for each subscriber.

    Args:
        key: Under what the bus keeps it.
        entries: The subscribers in order, each with the signal that holds it.
        wrappers: What each callable is wrapped in, the innermost first.
        around: Makes the only step, which serves all in its own way.
    """

    __slots__ = ("__weakref__", "_calls", "_entries", "_has_one_step", "_silenced", "_unrolled", "key", "live")

    def __init__(
        self,
        key: RouteKey,
        entries: Sequence[tuple[object, EventSignal]],
        wrappers: Iterable[Wrapper] = (),
        around: Callable[[Route], Call] | None = None,
    ) -> None:
        calls: dict[int, Call] = {}
        for receiver, _ in entries:
            call = _call_of(receiver)
            for wrap in wrappers:
                call = wrap(call, receiver.owner if isinstance(receiver, Subscription) else "")
            if id(call) in calls:
                call = partial(call)
            calls[id(call)] = call
        self.key = key
        self.live = list(calls.values())
        self._entries = entries
        self._calls = tuple(self.live)
        self._silenced: dict[int, Call] = {}
        self._unrolled: tuple[tuple[Unrolled, int], ...] = ()
        self._has_one_step = around is not None and bool(entries)
        if around is not None and entries:
            super().__init__((around(self),))
            return
        begin = 0
        for one in unroll(self._calls):
            self._unrolled += ((one, begin),)
            begin += one.count
        super().__init__((*(one.call for one, _ in self._unrolled), *self._calls[begin:]))

    def silence(self, receiver: object, signal: EventSignal) -> None:
        """Replace the receiver of a signal by one that does nothing."""
        for place, (one, source) in enumerate(self._entries):
            if one is receiver and source is signal and place not in self._silenced:
                self._replace(place, one.hear_instead if isinstance(one, Subscription) else _ignore)

    def locate(self, step: Call, error: BaseException) -> tuple[int | None, range]:
        """Tell at which place a step failed, and which places of the same step are still to be served.

        The place is None where it was no subscriber that raised the error.
        """
        trace = error.__traceback__
        for one, begin in self._unrolled:
            if one.call is step:
                place = one.place_of(trace and trace.tb_next)
                return None if place < 0 else begin + place, range(begin + place + 1, begin + one.count)
        for place, call in (*enumerate(self._calls), *tuple(self._silenced.items())):
            if call is step:
                return place, range(0)
        return None, range(0)

    def subscriber_of(self, place: int, error: BaseException) -> tuple[str, str]:
        """Return the qualified name and the owner of the subscriber at a place, who raised an error."""
        receiver = self._entries[place][0]
        if isinstance(receiver, Subscription):
            one = (receiver.heir or receiver) if _was_inherited(error.__traceback__) else receiver
            return handler_name(one.handler), one.owner
        return handler_name(receiver() if isinstance(receiver, ref) else receiver), ""

    def _replace(self, place: int, call: Call) -> None:
        self._silenced[place] = self.live[place] = call
        if self._has_one_step:
            return
        begin = 0
        for one, begin in self._unrolled:
            if place < begin + one.count:
                one.replace(place - begin, call)
                return
            begin += one.count
        self[len(self._unrolled) + place - begin] = call


def _call_of(receiver: Any) -> Call:
    """Return what to call for an entry of a signal's table: a subscription, a weak reference, or a function."""
    if isinstance(receiver, Subscription):
        return receiver.handler
    if isinstance(receiver, ref):
        # A route must not keep alive what blinker holds weakly.
        return lambda event: None if (found := receiver()) is None else found(event)
    return receiver  # type: ignore[no-any-return] # blinker's table holds any callable


def _ignore(event: object) -> None:
    """Stand in for a subscriber that was cancelled while its route was walked."""


def _was_inherited(trace: TracebackType | None) -> bool:
    """Tell whether an error came from a successor: close to the delivery its traceback passes ``hear_instead``."""
    for _ in range(3):
        if trace is None:
            return False
        if trace.tb_frame.f_code is Subscription.hear_instead.__code__:
            return True
        trace = trace.tb_next
    return False
