"""The contract of the event bus: when a subscription begins and ends, and the token that ends it."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    CustomEvent,
    Event,
    EventBus,
    Subscription,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class BestEpochEnded(EpochEnded):
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchEnded(Event):
    pass


@dataclass(frozen=True, slots=True)
class Measured(CustomEvent):
    """A custom event that is a class too."""


@dataclass(frozen=True, slots=True)
class Named(Event):
    """An event whose topic is one of its fields."""

    topic: str  # pyright: ignore[reportIncompatibleMethodOverride] # a property of the base, a field here


class Boom(Exception):  # noqa: N818 - a subscriber's own exception
    pass


def fail(_event: Event) -> None:
    raise Boom("no")


def noting(seen: list[Any], value: object) -> Callable[[Event], None]:
    return lambda _: seen.append(value)


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def seen() -> list[Any]:
    return []


def test_cancelling_during_delivery_holds_at_once(bus: EventBus, seen: list[Any]) -> None:
    def cancel(_event: Event) -> None:
        token.cancel()

    bus.subscribe(EpochEnded, cancel)
    token = bus.subscribe(EpochEnded, seen.append)

    bus.publish(EpochEnded())

    assert seen == []


def test_cancelling_during_delivery_leaves_the_others(bus: EventBus, seen: list[Any]) -> None:
    def cancel_two(_event: Event) -> None:
        tokens[0].cancel()
        tokens[2].cancel()

    bus.subscribe(EpochEnded, cancel_two)
    tokens = [bus.subscribe(EpochEnded, noting(seen, number)) for number in range(4)]

    bus.publish(EpochEnded())

    assert seen == [1, 3]


def test_cancelling_one_of_two_subscriptions_of_a_handler_during_delivery_leaves_the_other(
    bus: EventBus, seen: list[Any]
) -> None:
    def record(_event: Event) -> None:
        seen.append("called")

    def cancel(_event: Event) -> None:
        first.cancel()

    bus.subscribe(EpochEnded, cancel)
    first = bus.subscribe(EpochEnded, record)
    bus.subscribe(EpochEnded, record)

    bus.publish(EpochEnded())

    assert seen == ["called"]


def test_cancelling_itself_during_delivery_hears_no_further_event(bus: EventBus, seen: list[Any]) -> None:
    def once(event: EpochEnded) -> None:
        token.cancel()
        seen.append(event.epoch)

    token = bus.subscribe(EpochEnded, once)

    bus.publish(EpochEnded(1))
    bus.publish(EpochEnded(2))

    assert seen == [1]


def test_cancelling_during_delivery_holds_also_when_a_new_subscription_rebuilt_the_route(
    bus: EventBus, seen: list[Any]
) -> None:
    def rebuild_and_cancel(event: EpochEnded) -> None:
        if event.epoch == 1:
            bus.subscribe(EpochEnded, noting(seen, "new"))
            bus.publish(EpochEnded(2))
            token.cancel()

    outer = bus.subscribe(EpochEnded, rebuild_and_cancel)
    token = bus.subscribe(EpochEnded, lambda event: seen.append(event.epoch))

    bus.publish(EpochEnded(1))

    assert seen == [2, "new"]
    assert outer.is_active


def test_cancelling_during_delivery_holds_also_when_another_route_was_opened_meanwhile(
    bus: EventBus, seen: list[Any]
) -> None:
    def open_and_cancel(_event: Event) -> None:
        bus.subscribe("AnotherTopic", print)
        bus.publish(BatchEnded())
        token.cancel()

    bus.subscribe(EpochEnded, open_and_cancel)
    token = bus.subscribe("*", lambda event: seen.append(event.topic))

    bus.publish(EpochEnded())

    assert seen == ["BatchEnded"]


def test_cancelling_in_a_nested_delivery_holds_for_every_delivery_around_it(bus: EventBus, seen: list[Any]) -> None:
    def descend(event: EpochEnded) -> None:
        if event.epoch < 3:
            bus.publish(EpochEnded(event.epoch + 1))
        else:
            token.cancel()

    bus.subscribe(EpochEnded, descend)
    token = bus.subscribe("*", seen.append)

    bus.publish(EpochEnded(1))

    assert seen == []


def test_cancelling_by_leaving_the_block_during_delivery_holds_at_once(bus: EventBus, seen: list[Any]) -> None:
    def enter_and_leave(_event: Event) -> None:
        with token:
            pass

    bus.subscribe("*", enter_and_leave)
    token = bus.subscribe(EpochEnded, seen.append)

    bus.publish(EpochEnded())

    assert seen == []


def test_subscribing_during_delivery_takes_effect_from_the_next_event(bus: EventBus, seen: list[Any]) -> None:
    def subscribe_once(_event: Event) -> None:
        token.cancel()
        bus.subscribe(EpochEnded, lambda event: seen.append(("class", event.epoch)))
        bus.subscribe("EpochEnded", lambda event: seen.append(("topic", event.epoch)))

    token = bus.subscribe(EpochEnded, subscribe_once)

    bus.publish(EpochEnded(1))
    assert seen == []

    bus.publish(EpochEnded(2))
    assert seen == [("class", 2), ("topic", 2)]


def test_subscribing_during_delivery_hears_a_nested_event(bus: EventBus, seen: list[Any]) -> None:
    def subscribe_and_publish(_event: Event) -> None:
        bus.subscribe("*", lambda event: seen.append(event.topic))
        bus.publish(BatchEnded())

    bus.subscribe(EpochEnded, subscribe_and_publish)

    bus.publish(EpochEnded())

    assert seen == ["BatchEnded"]


@pytest.mark.parametrize(
    ("selector", "event"),
    [
        (BestEpochEnded, BestEpochEnded()),
        (EpochEnded, BestEpochEnded()),
        (Event, BestEpochEnded()),
        ("BestEpochEnded", BestEpochEnded()),
        ("*", BestEpochEnded()),
        ("loss", Event.custom("loss")),
        (CustomEvent, Event.custom("loss")),
        (Measured, Measured("loss")),
        ("one", Named("one")),
    ],
)
def test_a_subscription_made_after_an_event_of_its_kind_was_published_hears_the_next(
    bus: EventBus, seen: list[Any], selector: Any, event: Event
) -> None:
    bus.publish(event)

    with bus.subscribe(selector, seen.append):
        bus.publish(event)
    bus.publish(event)

    assert seen == [event]


def test_subscribe_returns_a_token_that_says_what_it_is(bus: EventBus) -> None:
    token = bus.subscribe(EpochEnded, fail, owner="trainer")
    other = bus.subscribe("*", fail)

    assert isinstance(token, Subscription)
    assert (token.selector, token.handler, token.owner) == ("EpochEnded", fail, "trainer")
    assert (other.selector, other.owner) == ("*", "")
    assert token.order < other.order


def test_cancel_is_idempotent_and_tells_whether_it_was_active(bus: EventBus) -> None:
    token = bus.subscribe(EpochEnded, print)

    assert token.is_active
    assert token.cancel() is True
    assert not token.is_active
    assert token.cancel() is False


def test_a_token_is_a_context_manager(bus: EventBus, seen: list[Any]) -> None:
    with bus.subscribe(EpochEnded, seen.append) as token:
        assert token.is_active
        bus.publish(EpochEnded(1))
    bus.publish(EpochEnded(2))

    assert seen == [EpochEnded(1)]
    assert not token.is_active


def test_a_token_is_cancelled_when_its_block_raises(bus: EventBus) -> None:
    with pytest.raises(Boom), bus.subscribe(EpochEnded, print) as token:
        raise Boom

    assert not token.is_active


def test_a_prepared_subscription_hears_nothing_before_it_is_activated(bus: EventBus, seen: list[Any]) -> None:
    token = bus.prepare(EpochEnded, seen.append)
    bus.publish(EpochEnded(1))
    assert not token.is_active

    token.activate()
    token.activate()
    bus.publish(EpochEnded(2))

    assert token.is_active
    assert seen == [EpochEnded(2)]


def test_a_cancelled_subscription_stays_cancelled(bus: EventBus, seen: list[Any]) -> None:
    subscribed, prepared = bus.subscribe("*", seen.append), bus.prepare("*", seen.append)
    subscribed.cancel()
    assert prepared.cancel() is False

    subscribed.activate()
    prepared.activate()
    bus.publish(EpochEnded())

    assert seen == []
    assert not subscribed.is_active
    assert not prepared.is_active


def test_subscribers_are_held_strongly_until_they_are_cancelled(bus: EventBus) -> None:
    class Recorder:
        heard = 0

        def record(self, _event: Event) -> None:
            Recorder.heard += 1

    recorder = Recorder()
    alive = weakref.ref(recorder)
    token = bus.subscribe(EpochEnded, recorder.record)
    del recorder
    gc.collect()
    bus.publish(EpochEnded())
    assert Recorder.heard == 1

    token.cancel()
    del token
    gc.collect()
    assert alive() is None


def test_a_dropped_token_keeps_its_subscription(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe(EpochEnded, seen.append)
    gc.collect()

    bus.publish(EpochEnded())

    assert seen == [EpochEnded()]


def test_the_bus_lists_its_live_subscriptions_in_the_order_of_delivery(bus: EventBus) -> None:
    tokens = [bus.subscribe(selector, print) for selector in ("*", EpochEnded, "loss", EpochEnded, "*")]
    bus.prepare("*", print)
    tokens.pop(3).cancel()

    assert bus.subscriptions == tuple(tokens)


def test_has_subscribers_tells_of_exactly_one_selector(bus: EventBus) -> None:
    assert not bus.has_subscribers(EpochEnded)

    token = bus.subscribe(EpochEnded, print)
    assert bus.has_subscribers(EpochEnded)
    assert not bus.has_subscribers("EpochEnded")
    assert not bus.has_subscribers(BestEpochEnded)
    assert not bus.has_subscribers("*")

    token.cancel()
    assert not bus.has_subscribers(EpochEnded)


def test_subscribing_and_cancelling_leaves_nothing_behind(bus: EventBus, seen: list[Any]) -> None:
    def churn(times: int) -> int:
        for _ in range(times):
            with bus.subscribe("progress", print):
                bus.publish(EpochEnded())
            with bus.subscribe(EpochEnded, print), bus.subscribe("EpochEnded", seen.append):
                bus.publish(EpochEnded())
        seen.clear()
        gc.collect()
        return len(gc.get_objects())

    bus.subscribe("*", seen.append)
    bus.subscribe(Event, seen.append)
    before = churn(10)

    assert churn(500) - before < 100


def test_exchange_cancels_and_activates(bus: EventBus, seen: list[Any]) -> None:
    old = [bus.subscribe(selector, lambda event: seen.append(("old", event.epoch))) for selector in (EpochEnded, "*")]
    new = [bus.prepare("EpochEnded", lambda event: seen.append(("new", event.epoch)))]
    bus.publish(EpochEnded(1))

    bus.exchange(old, new)
    bus.publish(EpochEnded(2))

    assert seen == [("old", 1), ("old", 1), ("new", 2)]
    assert [one.is_active for one in (*old, *new)] == [False, False, True]


def test_exchange_during_delivery_reaches_neither_those_that_left_nor_those_that_arrived(
    bus: EventBus, seen: list[Any]
) -> None:
    def exchange(_event: Event) -> None:
        bus.exchange([old], [new])

    bus.subscribe(EpochEnded, exchange)
    old = bus.subscribe(EpochEnded, lambda event: seen.append(("old", event.epoch)))
    new = bus.prepare(EpochEnded, lambda event: seen.append(("new", event.epoch)))

    bus.publish(EpochEnded(1))
    bus.publish(EpochEnded(2))

    assert seen == [("new", 2)]
