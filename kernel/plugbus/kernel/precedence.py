"""Who hears an event before whom: what subscriptions asked for, and the order that comes of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from .errors import SubscriptionOrderError
from .subscriptions import handler_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .subscriptions import Subscription


class Precedence:
    """All subscriptions that somebody may ask to come before or after, and the refusal of circles among them.

    A subscription is admitted when it is made, before it is active: what was admitted can be activated at any time, one
    by one or all together, and no event can ever meet a circle. Not locked: the bus does that.
    """

    def __init__(self) -> None:
        # By identity, and weakly: one that was prepared and dropped stands in nobody's way.
        self._known: WeakValueDictionary[int, Subscription] = WeakValueDictionary()
        self._asking: WeakValueDictionary[int, Subscription] = WeakValueDictionary()

    def admit(self, new: Subscription) -> None:
        """Take a new subscription into account.

        Raises:
            SubscriptionOrderError: It would close a circle; nothing has changed.
        """
        is_asking = bool(new.before or new.after)
        if is_asking or self._is_between(new):
            path = self._circle(new)
            if path:
                raise SubscriptionOrderError(new.selector, tuple(_name_of(one) for one in path))
        if is_asking:
            self._asking[id(new)] = new
        if is_asking or new.owner:
            self._known[id(new)] = new

    def _is_between(self, new: Subscription) -> bool:
        """Tell whether somebody asked to come before it, and somebody to come after it."""
        asking = [one for one in self._asking.values() if not one.is_cancelled]
        return any(new.owner in one.before for one in asking) and any(new.owner in one.after for one in asking)

    def _circle(self, new: Subscription) -> tuple[Subscription, ...]:
        """Return the shortest way from a subscription by those that follow it back to itself, if there is one."""
        owned: dict[str, list[Subscription]] = {}
        followed: dict[str, list[Subscription]] = {}
        for one in (*self._known.values(), new):
            if not one.is_cancelled:
                owned.setdefault(one.owner, []).append(one)
                for owner in one.after:
                    followed.setdefault(owner, []).append(one)

        def followers(one: Subscription) -> Iterator[Subscription]:
            asked = [other for owner in one.before for other in owned.get(owner, ())]
            return (
                other for other in (*asked, *followed.get(one.owner, ())) if other is not one and may_meet(one, other)
            )

        came_from: dict[Subscription, Subscription] = {}
        waiting = deque((new,))
        while waiting:
            one = waiting.popleft()
            for other in followers(one):
                if other is new:
                    path = [new, one]
                    while path[-1] is not new:
                        path.append(came_from[path[-1]])
                    return tuple(reversed(path))
                if other not in came_from:
                    came_from[other] = one
                    waiting.append(other)
        return ()


def may_meet(one: Subscription, other: Subscription) -> bool:
    """Tell whether some event may go to both.

    Classes of which neither derives from the other are taken to have no event in common. If a class of events derives
    from both all the same, ``arrange`` copes with whatever comes of it.
    """
    here, there = one.selected, other.selected
    if isinstance(here, str) or isinstance(there, str):
        # The topic of an event may be anything: a topic and a class may always meet.
        return type(here) is not type(there) or here == there or "*" in {here, there}
    return issubclass(here, there) or issubclass(there, here)


def arrange(subscriptions: Sequence[Subscription]) -> Sequence[Subscription]:
    """Return subscriptions, given in the order in which they were made, in the order in which they hear an event.

    One that asked to come before others is moved up to just before the first of them, and one that asked to come after
    others down to just behind the last of them; what that one needs comes with it. All others keep their order.
    Requests that contradict each other are passed over where they would close a circle.
    """
    if not any(one.before or one.after for one in subscriptions):
        return subscriptions
    return _Arrangement(subscriptions).run()


class _Arrangement:
    """The making of one order. Without recursion: a chain of requests may be as long as there are subscriptions."""

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self._subscriptions = subscriptions
        owned: dict[str, list[Subscription]] = {}
        for one in subscriptions:
            owned.setdefault(one.owner, []).append(one)
        self._ahead: dict[Subscription, list[Subscription]] = {one: [] for one in subscriptions}
        self._awaited: dict[Subscription, set[Subscription]] = {one: set() for one in subscriptions}
        self._awaiting: dict[Subscription, list[Subscription]] = {one: [] for one in subscriptions}
        for one in subscriptions:
            for owner in one.before:
                for other in owned.get(owner, ()):
                    self._ahead[other].append(one)
            for owner in one.after:
                for other in owned.get(owner, ()):
                    if other is not one:
                        self._ahead[one].append(other)
                        self._awaited[one].add(other)
                        self._awaiting[other].append(one)
        self._begun: set[Subscription] = set()
        self._put_off: set[Subscription] = set()
        self._placed: dict[Subscription, None] = {}

    def run(self) -> list[Subscription]:
        for one in self._subscriptions:
            if self._awaited[one]:
                self._put_off.add(one)
            else:
                self._place(one)
        # Nobody is left, unless requests contradict each other.
        for one in self._subscriptions:
            self._place(one)
        return list(self._placed)

    def _place(self, wanted: Subscription) -> None:
        """Place a subscription, and before it all that have to be."""
        stack = [wanted]
        while stack:
            one = stack[-1]
            if one not in self._begun:
                self._begun.add(one)
                stack += [other for other in reversed(self._ahead[one]) if other not in self._begun]
                continue
            stack.pop()
            if one in self._placed:
                continue
            self._placed[one] = None
            for other in reversed(self._awaiting[one]):
                self._awaited[other].discard(one)
                if not self._awaited[other] and other in self._put_off:
                    stack.append(other)


def _name_of(subscription: Subscription) -> str:
    return f"{subscription.owner or handler_name(subscription.handler)} ({subscription.selector})"
