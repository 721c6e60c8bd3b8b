"""The contract of the event bus: who hears what, in which order, and what is refused."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    CustomEvent,
    Event,
    EventBus,
    ForgedEventError,
    KernelEvent,
    PluginLoaded,
    SubscriptionError,
    SystemInit,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


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


def noting(seen: list[Any], value: object) -> Callable[[Event], None]:
    return lambda _: seen.append(value)


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def seen() -> list[Any]:
    return []


def test_publish_delivers_the_very_object(bus: EventBus, seen: list[Any]) -> None:
    event = Event.custom("Measured", {"z": 1, "a": (2, object())})
    bus.subscribe("Measured", seen.append)
    bus.subscribe("*", seen.append)

    bus.publish(event)

    assert [one is event for one in seen] == [True, True]


def test_publish_runs_subscribers_in_the_thread_of_the_publisher(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe(EpochEnded, lambda event: seen.append((event.epoch, threading.get_ident())))

    thread = threading.Thread(target=lambda: bus.publish(EpochEnded(1)))
    thread.start()
    published_by = thread.ident
    thread.join()
    bus.publish(EpochEnded(2))

    assert seen == [(1, published_by), (2, threading.get_ident())]


def test_publish_returns_when_every_subscriber_was_called(bus: EventBus, seen: list[Any]) -> None:
    for number in range(5):
        bus.subscribe(EpochEnded, noting(seen, number))

    bus.publish(EpochEnded())
    seen.append("published")

    assert seen == [0, 1, 2, 3, 4, "published"]


def test_publish_without_subscribers_does_nothing(bus: EventBus) -> None:
    bus.publish(EpochEnded())

    assert bus.subscriptions == ()


@pytest.mark.parametrize("selectors", list(permutations((EpochEnded, Event, "BestEpochEnded", "*", BestEpochEnded))))
def test_delivery_follows_the_order_of_subscription_whatever_the_kind(
    bus: EventBus, seen: list[Any], selectors: tuple[Any, ...]
) -> None:
    for selector in selectors:
        bus.subscribe(selector, noting(seen, selector))

    bus.publish(BestEpochEnded())

    assert tuple(seen) == selectors


def test_delivery_keeps_the_order_of_a_subscription_that_was_prepared_earlier(bus: EventBus, seen: list[Any]) -> None:
    prepared = bus.prepare("*", lambda _: seen.append("prepared"))
    bus.subscribe(EpochEnded, lambda _: seen.append("subscribed"))
    bus.publish(EpochEnded())

    prepared.activate()
    bus.publish(EpochEnded())

    assert seen == ["subscribed", "prepared", "subscribed"]


def test_a_class_subscription_hears_the_class_and_its_subclasses_alone(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe(EpochEnded, seen.append)
    heard = [EpochEnded(1), BestEpochEnded(2)]

    for event in (*heard, BatchEnded(), Event(), Event.custom("EpochEnded")):
        bus.publish(event)

    assert seen == heard


def test_a_subscription_to_the_root_class_hears_everything(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe(Event, seen.append)
    events = [EpochEnded(), BatchEnded(), Event.custom("Anything"), Event()]

    for event in events:
        bus.publish(event)

    assert seen == events


def test_a_topic_subscription_hears_that_topic_alone(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe("EpochEnded", seen.append)
    heard = [EpochEnded(1), Event.custom("EpochEnded")]

    for event in (*heard, BestEpochEnded(), Event.custom("epochended"), Event.custom("EpochEnded.best")):
        bus.publish(event)

    assert seen == heard


def test_a_subscription_to_all_hears_each_event_once(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe("*", seen.append)
    events = [BestEpochEnded(), Event.custom("Anything"), Measured("loss"), Named("*")]

    for event in events:
        bus.publish(event)

    assert seen == events


def test_the_same_handler_subscribed_twice_is_called_twice(bus: EventBus, seen: list[Any]) -> None:
    first = bus.subscribe(EpochEnded, seen.append)
    bus.subscribe("*", seen.append)
    event = EpochEnded()

    bus.publish(event)
    assert seen == [event, event]

    first.cancel()
    bus.publish(event)
    assert seen == [event, event, event]


def test_the_same_function_subscribed_twice_is_called_twice(bus: EventBus) -> None:
    calls = 0

    def tally(_event: Event) -> None:
        nonlocal calls
        calls += 1

    bus.subscribe(EpochEnded, tally)
    second = bus.subscribe(EpochEnded, tally)

    bus.publish(EpochEnded())
    assert calls == 2

    second.cancel()
    bus.publish(EpochEnded())
    assert calls == 3


def test_custom_events_are_heard_by_class_and_by_topic(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe(CustomEvent, lambda event: seen.append(("class", event.data)))
    bus.subscribe("loss", lambda event: seen.append(("topic", event.data)))

    bus.publish(Event.custom("loss", 1))
    bus.publish(Event.custom("accuracy", 2))

    assert seen == [("class", 1), ("topic", 1), ("class", 2)]


@pytest.mark.parametrize(
    "events",
    list(permutations((CustomEvent("loss"), Measured("loss"), Measured("accuracy")))),
)
def test_a_subclass_of_custom_event_does_not_share_its_subscribers_with_others_of_its_topic(
    bus: EventBus, seen: list[Any], events: tuple[CustomEvent, ...]
) -> None:
    bus.subscribe(Measured, lambda event: seen.append(("class", event)))
    bus.subscribe("loss", lambda event: seen.append(("topic", event)))

    for event in events * 2:
        bus.publish(event)

    expected: list[tuple[str, CustomEvent]] = []
    for event in events * 2:
        expected += [("class", event)] if isinstance(event, Measured) else []
        expected += [("topic", event)] if event.topic == "loss" else []
    assert seen == expected


def test_an_event_whose_topic_is_a_field_is_heard_by_that_topic(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe("one", lambda event: seen.append(("one", event.topic)))
    bus.subscribe("two", lambda event: seen.append(("two", event.topic)))

    for topic in ("one", "two", "three", "one"):
        bus.publish(Named(topic))

    assert seen == [("one", "one"), ("two", "two"), ("one", "one")]


@pytest.mark.parametrize("not_an_event", [EpochEnded, "EpochEnded", None, {"type": "EpochEnded"}])
def test_publish_refuses_what_is_no_event(bus: EventBus, seen: list[Any], not_an_event: Any) -> None:
    bus.subscribe("*", seen.append)

    with pytest.raises(TypeError, match="it is no Event"):
        bus.publish(not_an_event)

    assert seen == []


def test_two_buses_share_nothing(seen: list[Any]) -> None:
    one, other = EventBus(), EventBus()
    one.subscribe("*", seen.append)

    other.publish(EpochEnded())

    assert seen == []
    assert not other.has_subscribers("*")


def test_a_kernel_event_cannot_be_published(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe("*", seen.append)

    for event in (PluginLoaded("forged"), SystemInit(), KernelEvent()):
        with pytest.raises(ForgedEventError) as caught:
            bus.publish(event)
        assert caught.value.topic == event.topic

    assert seen == []


def test_a_subclass_named_like_a_kernel_event_cannot_be_published(bus: EventBus, seen: list[Any]) -> None:
    forged: Any = type("PluginLoaded", (Event,), {})
    bus.subscribe("*", seen.append)

    with pytest.raises(ForgedEventError):
        bus.publish(forged())

    assert seen == []


def test_a_subclass_of_a_kernel_event_under_another_name_cannot_be_published(bus: EventBus, seen: list[Any]) -> None:
    class Innocent(PluginLoaded):
        pass

    bus.subscribe(PluginLoaded, seen.append)

    with pytest.raises(ForgedEventError) as caught:
        bus.publish(Innocent("forged"))

    assert caught.value.topic == "Innocent"
    assert seen == []


@pytest.mark.parametrize("kind", [CustomEvent, Measured, Named])
def test_an_event_with_the_topic_of_a_kernel_event_cannot_be_published(
    bus: EventBus, seen: list[Any], kind: type[Any]
) -> None:
    bus.subscribe("*", seen.append)
    bus.publish(kind("innocent"))

    with pytest.raises(ForgedEventError):
        bus.publish(kind("SubscriberFailed"))

    assert seen == [kind("innocent")]


def test_the_kernels_own_delivery_does_not_open_the_door_for_forgeries(bus: EventBus, seen: list[Any]) -> None:
    event = PluginLoaded("true", "1.0.0")
    bus.subscribe(PluginLoaded, seen.append)
    bus.subscribe("PluginLoaded", seen.append)
    bus.subscribe("*", seen.append)

    bus.publish_kernel_event(event)
    for forged in (PluginLoaded("forged"), Event.custom("PluginLoaded")):
        with pytest.raises(ForgedEventError):
            bus.publish(forged)
    bus.publish_kernel_event(event)

    assert seen == [event] * 6


def test_a_kernel_event_without_subscribers_does_nothing(bus: EventBus) -> None:
    bus.publish_kernel_event(SystemInit())

    assert bus.subscriptions == ()


class AsyncCallable:
    async def __call__(self, event: Event) -> None: ...

    async def method(self, event: Event) -> None: ...

    @classmethod
    async def class_method(cls, event: Event) -> None: ...

    @staticmethod
    async def static_method(event: Event) -> None: ...


async def coroutine(event: Event) -> None: ...


async def generator(event: Event) -> AsyncIterator[Event]:
    yield event


@pytest.mark.parametrize(
    "handler",
    [
        coroutine,
        generator,
        partial(coroutine),
        partial(partial(coroutine)),
        AsyncCallable(),
        partial(AsyncCallable()),
        AsyncCallable().method,
        AsyncCallable.class_method,
        AsyncCallable.static_method,
    ],
)
def test_an_async_subscriber_is_refused_with_the_name_of_the_async_stream(
    bus: EventBus, handler: Callable[[Any], object]
) -> None:
    with pytest.raises(SubscriptionError, match=r"'async def'.*plugbus\.capabilities\.AsyncEventStream") as caught:
        bus.subscribe(EpochEnded, handler)

    assert caught.value.selector == "EpochEnded"
    assert bus.subscriptions == ()


def test_a_class_is_a_synchronous_subscriber_even_if_its_objects_are_not(bus: EventBus, seen: list[Any]) -> None:
    class Keeping:
        def __init__(self, event: Event) -> None:
            seen.append(event)

        async def __call__(self) -> None: ...

    bus.subscribe(EpochEnded, Keeping)
    bus.publish(EpochEnded())

    assert seen == [EpochEnded()]


@pytest.mark.parametrize("topic", ["", " ", "\n\t"])
def test_a_blank_topic_is_refused(bus: EventBus, topic: str) -> None:
    with pytest.raises(SubscriptionError, match="a topic is not blank"):
        bus.subscribe(topic, print)


@pytest.mark.parametrize(
    ("selector", "name"),
    [(int, "int"), (Boom, "Boom"), (7, "7"), (None, "None"), (EpochEnded(), "EpochEnded(epoch=0)"), ([], "[]")],
)
def test_a_selector_that_is_no_event_class_and_no_topic_is_refused(bus: EventBus, selector: Any, name: str) -> None:
    with pytest.raises(SubscriptionError, match=r"give an event class, a topic, or '\*'") as caught:
        bus.subscribe(selector, print)

    assert caught.value.selector == name


def test_a_handler_that_cannot_be_called_is_refused(bus: EventBus) -> None:
    handler: Any = EpochEnded()

    with pytest.raises(SubscriptionError, match="the handler is a EpochEnded, which can't be called"):
        bus.subscribe("*", handler)
