"""The bus against a model of its contract, over generated subscribers that publish, subscribe, cancel and raise.

Measuring and tracing begin and end meanwhile, and must not show.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plugbus.kernel import (
    CustomEvent,
    Event,
    EventBus,
    PublishDepthError,
    SubscriberFailed,
    Subscription,
    SubscriptionOrderError,
    Timings,
    Tracing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DEPTH_LIMIT = 3
CALLS = 150  # A publish runs no further actions once its subscribers were called so often: circles grow fast.
SUBSCRIPTIONS = 50  # A world takes no more: those that subscribe at each call grow fast too, and each pair is compared.


@dataclass(frozen=True, slots=True)
class Ended(Event):
    number: int


@dataclass(frozen=True, slots=True)
class EpochEnded(Ended):
    pass


@dataclass(frozen=True, slots=True)
class Loss(CustomEvent):
    pass


Selector: TypeAlias = type[Event] | str
Sides: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]  # before whom, and after whom
SELECTORS: tuple[Selector, ...] = (
    "*", Event, Ended, EpochEnded, "EpochEnded", CustomEvent, Loss, "loss", SubscriberFailed, "SubscriberFailed",
)  # fmt: skip
MAKERS: dict[str, Callable[[int], Event]] = {
    "ended": Ended,
    "epoch ended": EpochEnded,
    "loss": lambda number: CustomEvent("loss", number),
    "typed loss": lambda number: Loss("loss", number),
    "custom": lambda number: CustomEvent("EpochEnded", number),
}


class Refused(Exception):  # noqa: N818 - a subscriber's own exception
    pass


@dataclass(frozen=True)
class Action:
    """What a subscriber does when it is called.

    Args:
        verb: What to do.
        what: The selector, or the kind of event.
        number: Which handler is subscribed, or which subscription is cancelled, counted round.
        sides: Before and after whom it is subscribed.
    """

    verb: str
    what: Any = None
    number: int = 0
    sides: Sides = ((), ())


OWNERS = st.sampled_from([f"owner {number}" for number in range(1, 9)])
SIDES = st.one_of(
    st.just(((), ())),
    st.tuples(
        st.lists(OWNERS, max_size=2, unique=True).map(tuple), st.lists(OWNERS, max_size=2, unique=True).map(tuple)
    ).filter(lambda sides: not {*sides[0]} & {*sides[1]}),
)
ACTIONS = st.one_of(
    st.builds(Action, st.just("publish"), st.sampled_from(sorted(MAKERS))),
    st.builds(Action, st.just("subscribe"), st.sampled_from(SELECTORS), st.integers(0, 5), SIDES),
    st.builds(Action, st.just("cancel"), st.none(), st.integers(0, 20)),
    st.builds(Action, st.sampled_from(["raise", "interrupt", "measure", "trace", "stop"])),
)
SCRIPTS = st.lists(ACTIONS, max_size=3)


def name_of(event: Event) -> Any:
    """Say which event it is: its class and its number, or what failed of whom."""
    if isinstance(event, SubscriberFailed):
        return ("failed", event.owner, type(event.exception).__name__, name_of(event.event))
    return (type(event).__name__, event.data if isinstance(event, CustomEvent) else getattr(event, "number", None))


@dataclass(eq=False)
class Subscribed:
    """One subscription in the model."""

    owner: str
    selector: Selector
    handler: int
    sides: Sides
    is_active: bool = True

    def asks_to_come_before(self, other: Subscribed) -> bool:
        return self is not other and (other.owner in self.sides[0] or self.owner in other.sides[1])

    def may_meet(self, other: Subscribed) -> bool:
        if isinstance(self.selector, str) and isinstance(other.selector, str):
            return "*" in {self.selector, other.selector} or self.selector == other.selector
        if isinstance(self.selector, str) or isinstance(other.selector, str):
            return True
        return issubclass(self.selector, other.selector) or issubclass(other.selector, self.selector)


def closes_a_circle(new: Subscribed, others: list[Subscribed]) -> bool:
    """Tell whether a new one would have to come before itself, by going every way from it."""
    asking = [one for one in (*others, new) if one.sides != ((), ())]
    reached: set[Subscribed] = set()
    waiting = [new] if asking else []
    while waiting:
        one = waiting.pop()
        for other in (*others, new) if one.sides[0] else asking:
            if one.asks_to_come_before(other) and one.may_meet(other) and other not in reached:
                reached.add(other)
                waiting.append(other)
    return new in reached


def arranged(subscriptions: list[Subscribed]) -> list[Subscribed]:
    """Return the order of delivery: whoever asks moves, and takes along what it needs."""
    # Those without a request are most, and those with one few: only these are looked for again and again.
    asking = [one for one in subscriptions if one.sides != ((), ())]
    placed: dict[Subscribed, None] = {}
    put_off: list[Subscribed] = []

    def awaits(one: Subscribed) -> bool:
        return any(other.owner in one.sides[1] for other in subscriptions if other is not one and other not in placed)

    def place(one: Subscribed) -> None:
        for other in subscriptions if one.sides[1] else asking:
            if one not in placed and other not in placed and other.asks_to_come_before(one):
                place(other)
        # Placing those may have brought it along.
        if one in placed:
            return
        placed[one] = None
        for other in list(put_off):
            if other not in placed and one.owner in other.sides[1] and not awaits(other):
                place(other)

    for one in subscriptions:
        if one.sides[1] and awaits(one):
            put_off.append(one)
        elif one not in placed:
            place(one)
    assert len(placed) == len(subscriptions)
    order = list(placed)
    for where, one in enumerate(order):
        if one.sides != ((), ()):
            assert not any(other.asks_to_come_before(one) for other in order[where:])
            assert not any(one.asks_to_come_before(other) for other in order[:where])
    return order


@dataclass
class World:
    """What both sides share the form of: scripts, a log of deliveries, and counters."""

    scripts: list[list[Action]] = field(default_factory=list)
    log: list[Any] = field(default_factory=list)
    published: int = 0
    subscribed: int = 0
    calls: int = 0

    def next_event(self, kind: str) -> Event:
        self.published += 1
        return MAKERS[kind](self.published)

    def next_owner(self) -> str:
        self.subscribed += 1
        return f"owner {self.subscribed}"

    def play(self, handler: int, event: Event) -> None:
        """Be the subscriber: note the call and follow the script."""
        self.calls += 1
        self.log.append((handler, name_of(event)))
        if self.calls > CALLS:
            return
        for action in self.scripts[handler]:
            if action.verb == "publish":
                self.publish(self.next_event(action.what))
            elif action.verb == "subscribe":
                if self.subscribed < SUBSCRIPTIONS:
                    self.subscribe(action.what, action.number % len(self.scripts), action.sides)
            elif action.verb == "cancel":
                self.cancel(action.number)
            elif action.verb == "raise":
                raise Refused
            elif action.verb in {"measure", "trace", "stop"}:
                self.switch(action.verb)
            else:
                raise KeyboardInterrupt(len(self.log))

    def publish(self, event: Event) -> None:
        raise NotImplementedError

    def subscribe(self, selector: Selector, handler: int, sides: Sides) -> None:
        raise NotImplementedError

    def switch(self, verb: str) -> None:
        """Begin or end what must not show."""

    def cancel(self, number: int) -> bool:
        raise NotImplementedError


@dataclass
class Model(World):
    """The contract, in the plainest words."""

    subscriptions: list[Subscribed] = field(default_factory=list)
    depth: int = 0

    def subscribe(self, selector: Selector, handler: int, sides: Sides) -> None:
        new = Subscribed(self.next_owner(), selector, handler, sides)
        if closes_a_circle(new, [one for one in self.subscriptions if one.is_active]):
            raise SubscriptionOrderError("", ())
        self.subscriptions.append(new)

    def cancel(self, number: int) -> bool:
        if not self.subscriptions:
            return False
        one = self.subscriptions[number % len(self.subscriptions)]
        was_active, one.is_active = one.is_active, False
        return was_active

    def publish(self, event: Event) -> None:
        hearing = arranged([one for one in self.subscriptions if one.is_active and self.matches(one.selector, event)])
        if not hearing:
            return
        is_report = isinstance(event, SubscriberFailed)
        if self.depth >= DEPTH_LIMIT and not is_report:
            raise PublishDepthError(event.topic, DEPTH_LIMIT)
        interrupts: list[BaseException] = []
        self.depth += 1
        for one in hearing:
            if not one.is_active:
                continue
            try:
                try:
                    self.play(one.handler, event)
                except Exception as error:  # noqa: BLE001 - whatever a subscriber raises
                    if not is_report:
                        self.publish(SubscriberFailed("", one.owner, event, error))
            except BaseException as error:  # noqa: BLE001 - raised again below
                interrupts.append(error)
        self.depth -= 1
        if interrupts:
            raise interrupts[0]

    @staticmethod
    def matches(selector: Selector, event: Event) -> bool:
        if isinstance(selector, str):
            return selector in {"*", event.topic}
        return isinstance(event, selector)


@dataclass
class Real(World):
    """The bus, driven by the same scripts."""

    bus: EventBus = field(default_factory=lambda: EventBus(depth_limit=DEPTH_LIMIT))
    tokens: list[Subscription] = field(default_factory=list)
    handlers: dict[int, Callable[[Event], None]] = field(default_factory=dict)
    running: list[Timings | Tracing] = field(default_factory=list)

    def switch(self, verb: str) -> None:
        if verb == "stop":
            if self.running:
                self.running.pop(0).stop()
        elif len(self.running) < 4:  # each measurement wraps every subscriber once more
            self.running.append(self.bus.measure() if verb == "measure" else self.bus.trace())

    def subscribe(self, selector: Selector, handler: int, sides: Sides) -> None:
        # One callable for each script, so that a handler is often subscribed more than once.
        call = self.handlers.setdefault(handler, lambda event: self.play(handler, event))
        before, after = sides
        self.tokens.append(self.bus.subscribe(selector, call, owner=self.next_owner(), before=before, after=after))

    def cancel(self, number: int) -> bool:
        return self.tokens[number % len(self.tokens)].cancel() if self.tokens else False

    def publish(self, event: Event) -> None:
        self.bus.publish(event)


class BusMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.model, self.real = Model(), Real()
        self.worlds: tuple[World, World] = (self.model, self.real)

    @rule(script=SCRIPTS)
    def write_script(self, script: list[Action]) -> None:
        for world in self.worlds:
            world.scripts.append(script)

    @precondition(lambda self: self.model.scripts)
    @rule(selector=st.sampled_from(SELECTORS), number=st.integers(0, 5), sides=SIDES)
    def subscribe(self, selector: Selector, number: int, sides: Sides) -> None:
        refused: list[bool] = []
        for world in self.worlds:
            try:
                world.subscribe(selector, number % len(world.scripts), sides)
            except SubscriptionOrderError:
                refused.append(True)
            else:
                refused.append(False)
        assert refused[1] is refused[0]

    @rule(verb=st.sampled_from(["measure", "trace", "stop"]))
    def switch(self, verb: str) -> None:
        for world in self.worlds:
            world.switch(verb)

    @rule(number=st.integers(0, 20))
    def cancel(self, number: int) -> None:
        expected, found = (world.cancel(number) for world in self.worlds)
        assert found is expected

    @rule(kind=st.sampled_from(sorted(MAKERS)))
    def publish(self, kind: str) -> None:
        raised: list[Any] = []
        for world in self.worlds:
            world.calls = 0
            try:
                world.publish(world.next_event(kind))
            except KeyboardInterrupt as error:
                # The place in the log tells which of several interrupts came through.
                raised.append(error.args)
            else:
                raised.append(None)
        assert self.real.log == self.model.log
        assert raised[1] == raised[0]

    @invariant()
    def the_live_subscriptions_are_those_of_the_model_in_order(self) -> None:
        live = [(one.owner, one.selector) for one in self.real.bus.subscriptions]
        expected = [one for one in self.model.subscriptions if one.is_active]
        assert live == [
            (one.owner, one.selector if isinstance(one.selector, str) else one.selector.__name__) for one in expected
        ]
        assert [token.is_active for token in self.real.tokens] == [one.is_active for one in self.model.subscriptions]

    @invariant()
    def has_subscribers_says_what_the_model_says(self) -> None:
        heard = {one.selector for one in self.model.subscriptions if one.is_active}
        assert {selector for selector in SELECTORS if self.real.bus.has_subscribers(selector)} == heard


TestBus = BusMachine.TestCase
TestBus.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
