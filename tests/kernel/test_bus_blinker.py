"""What plain blinker code sees of the bus: its receivers beside subscriptions, and its way of sending."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from blinker import ANY, Signal

from plugbus.kernel import Event, EventBus, SubscriberFailed

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class BatchEnded(Event):
    pass


class Recorder:
    def __init__(self, seen: list[Any]) -> None:
        self.seen = seen

    def record(self, event: Event) -> None:
        self.seen.append(event)

    def fail(self, event: Event) -> None:
        raise ValueError(event)


def fail(event: Event) -> None:
    raise ValueError(event)


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def seen() -> list[Any]:
    return []


def test_the_signal_of_a_selector_is_one_blinker_signal(bus: EventBus) -> None:
    signal = bus.signal(EpochEnded)

    assert isinstance(signal, Signal)
    assert bus.signal(EpochEnded) is signal
    assert bus.signal("EpochEnded") is not signal
    assert "'EpochEnded'" in repr(signal)
    assert EventBus().signal(EpochEnded) is not signal


@pytest.mark.parametrize("selector", [EpochEnded, Event, "EpochEnded", "*"])
def test_a_receiver_is_called_with_the_event_alone(bus: EventBus, seen: list[Any], selector: Any) -> None:
    event = EpochEnded(1)

    def receive(sender: Event, **facts: object) -> None:
        seen.append((sender, facts))

    bus.signal(selector).connect(receive)
    bus.publish(event)

    assert seen == [(event, {})]
    assert seen[0][0] is event


@pytest.mark.parametrize("is_weak", [True, False])
def test_a_receiver_connected_after_an_event_was_published_hears_the_next(
    bus: EventBus, seen: list[Any], is_weak: bool
) -> None:
    recorder = Recorder(seen)
    bus.publish(EpochEnded(1))

    bus.signal(EpochEnded).connect(recorder.record, weak=is_weak)
    bus.publish(EpochEnded(2))
    bus.signal(EpochEnded).disconnect(recorder.record)
    bus.publish(EpochEnded(3))

    assert seen == [EpochEnded(2)]


@pytest.mark.parametrize("has_published", [True, False])
def test_a_weak_function_is_dropped_with_its_last_reference(
    bus: EventBus, seen: list[Any], has_published: bool
) -> None:
    def receive(event: Event) -> None:
        seen.append(event)

    bus.signal(EpochEnded).connect(receive)
    alive = weakref.ref(receive)
    if has_published:
        bus.publish(EpochEnded(1))

    del receive
    gc.collect()
    bus.publish(EpochEnded(2))

    assert alive() is None
    assert seen == [EpochEnded(1)] * has_published
    assert not bus.has_subscribers(EpochEnded)


def test_a_weak_method_is_dropped_with_its_object(bus: EventBus, seen: list[Any]) -> None:
    recorder = Recorder(seen)
    bus.signal("*").connect(recorder.record)
    bus.publish(EpochEnded(1))

    del recorder
    gc.collect()
    bus.publish(EpochEnded(2))

    assert seen == [EpochEnded(1)]


def test_a_weak_receiver_that_dies_during_delivery_is_skipped(bus: EventBus, seen: list[Any]) -> None:
    recorders = [Recorder(seen)]
    bus.subscribe(EpochEnded, lambda _: recorders.clear())
    bus.signal(EpochEnded).connect(recorders[0].record)
    bus.subscribe(SubscriberFailed, seen.append)

    bus.publish(EpochEnded())

    assert seen == []


def test_a_strong_receiver_is_kept(bus: EventBus, seen: list[Any]) -> None:
    bus.signal(EpochEnded).connect(Recorder(seen).record, weak=False)
    gc.collect()

    bus.publish(EpochEnded())

    assert seen == [EpochEnded()]


def test_receivers_come_after_the_subscriptions_in_the_order_of_their_connection(
    bus: EventBus, seen: list[Any]
) -> None:
    def named(name: str) -> Callable[[Event], None]:
        return lambda _: seen.append(name)

    signal = bus.signal(EpochEnded)
    signal.connect(named("receiver 1"), weak=False)
    bus.subscribe("*", named("subscription 1"))
    signal.connect(named("receiver 2"), weak=False)
    bus.subscribe(EpochEnded, named("subscription 2"))

    bus.publish(EpochEnded())

    assert seen == ["subscription 1", "subscription 2", "receiver 1", "receiver 2"]


def test_a_receiver_for_one_sender_is_not_called_by_the_bus(bus: EventBus, seen: list[Any]) -> None:
    sender = object()
    signal = bus.signal(EpochEnded)

    @signal.connect_via(sender)
    def receive(event: object) -> None:
        seen.append(event)

    bus.publish(EpochEnded())
    assert seen == []
    assert not bus.has_subscribers(EpochEnded)

    signal.send(sender)
    assert seen == [sender]


def test_a_receiver_for_one_sender_that_goes_keeps_those_for_all(bus: EventBus, seen: list[Any]) -> None:
    class Sender:
        pass

    sender, recorder = Sender(), Recorder(seen)
    signal = bus.signal(EpochEnded)
    signal.connect(recorder.record, sender)
    signal.connect(recorder.record)
    del sender
    gc.collect()

    bus.publish(EpochEnded())

    assert seen == [EpochEnded()]


def test_a_receiver_disconnected_from_one_sender_during_delivery_still_hears_all(
    bus: EventBus, seen: list[Any]
) -> None:
    sender, recorder = object(), Recorder(seen)
    signal = bus.signal(EpochEnded)
    bus.subscribe(EpochEnded, lambda _: signal.disconnect(recorder.record, sender))
    signal.connect(recorder.record, sender)
    signal.connect(recorder.record, ANY)

    bus.publish(EpochEnded(1))
    bus.publish(EpochEnded(2))

    assert seen == [EpochEnded(1), EpochEnded(2)]


@pytest.mark.parametrize("is_weak", [True, False])
def test_disconnecting_during_delivery_holds_at_once(bus: EventBus, seen: list[Any], is_weak: bool) -> None:
    recorder = Recorder(seen)
    signal = bus.signal(EpochEnded)
    bus.subscribe(EpochEnded, lambda _: signal.disconnect(recorder.record))
    signal.connect(recorder.record, weak=is_weak)

    bus.publish(EpochEnded())

    assert seen == []


def test_disconnecting_from_one_signal_during_delivery_leaves_the_other(bus: EventBus, seen: list[Any]) -> None:
    def receive(event: Event) -> None:
        seen.append(event)

    bus.subscribe("*", lambda _: bus.signal(EpochEnded).disconnect(receive))
    bus.signal(EpochEnded).connect(receive, weak=False)
    bus.signal("*").connect(receive, weak=False)

    bus.publish(EpochEnded())

    assert seen == [EpochEnded()]


def test_connected_to_hears_events_inside_its_block(bus: EventBus, seen: list[Any]) -> None:
    recorder = Recorder(seen)
    bus.publish(EpochEnded(1))

    with bus.signal(EpochEnded).connected_to(recorder.record):
        bus.publish(EpochEnded(2))
    bus.publish(EpochEnded(3))

    assert seen == [EpochEnded(2)]


def test_sending_through_the_signal_reaches_its_live_subscriptions(bus: EventBus, seen: list[Any]) -> None:
    def answer(event: EpochEnded) -> int:
        seen.append(event)
        return event.epoch

    token = bus.subscribe(EpochEnded, answer)
    bus.subscribe("*", seen.append)
    signal = bus.signal(EpochEnded)

    assert signal.send(EpochEnded(7)) == [(token, 7)]
    assert seen == [EpochEnded(7)]

    token.cancel()
    assert signal.send(EpochEnded(8)) == []


def test_disconnecting_a_subscription_through_the_signal_cancels_it(bus: EventBus, seen: list[Any]) -> None:
    token = bus.subscribe(EpochEnded, seen.append)

    bus.signal(EpochEnded).disconnect(token)
    bus.publish(EpochEnded())

    assert seen == []
    assert not token.is_active
    assert token.cancel() is False


def test_receivers_are_no_subscriptions(bus: EventBus) -> None:
    bus.signal(EpochEnded).connect(fail, weak=False)
    token = bus.subscribe(EpochEnded, fail)

    assert bus.subscriptions == (token,)
    token.cancel()
    assert bus.has_subscribers(EpochEnded)


@pytest.mark.parametrize(
    ("receiver", "is_weak", "name"),
    [
        (fail, True, "fail"),
        (fail, False, "fail"),
        (Recorder([]).fail, False, "Recorder.fail"),
    ],
)
def test_a_failing_receiver_is_reported_by_its_name_and_stops_nobody(
    bus: EventBus, seen: list[Any], receiver: Callable[[Event], None], is_weak: bool, name: str
) -> None:
    recorder = Recorder(seen)
    bus.signal(EpochEnded).connect(receiver, weak=is_weak)
    bus.signal(EpochEnded).connect(recorder.record)
    bus.subscribe(SubscriberFailed, lambda event: seen.append((event.subscriber, event.owner)))

    bus.publish(EpochEnded())

    assert seen == [(f"{__name__}.{name}", ""), EpochEnded()]


def test_a_failing_weak_method_is_reported_by_its_name(bus: EventBus, seen: list[Any]) -> None:
    recorder = Recorder(seen)
    bus.signal(EpochEnded).connect(recorder.fail)
    bus.subscribe(SubscriberFailed, lambda event: seen.append(event.subscriber))

    bus.publish(EpochEnded())

    assert seen == [f"{__name__}.Recorder.fail"]


def test_a_failing_receiver_is_not_taken_for_a_subscription_of_the_same_function(
    bus: EventBus, seen: list[Any]
) -> None:
    bus.signal(EpochEnded).connect(fail, weak=False)
    bus.signal("*").connect(fail, weak=False)
    bus.subscribe(EpochEnded, fail, owner="trainer")

    def note_owner(event: Event) -> None:
        if isinstance(event, SubscriberFailed) and isinstance(event.event, EpochEnded):
            seen.append(event.owner)

    bus.subscribe("SubscriberFailed", note_owner)
    bus.publish(EpochEnded())

    assert seen == ["trainer", "", ""]


def test_a_connection_that_its_observer_refuses_is_not_heard(bus: EventBus, seen: list[Any]) -> None:
    def refuse(_signal: Signal, **_facts: object) -> None:
        raise TypeError("not this one")

    signal, recorder = bus.signal(EpochEnded), Recorder(seen)
    signal.receiver_connected.connect(refuse)
    bus.publish(EpochEnded(1))

    with pytest.raises(TypeError, match="not this one"):
        signal.connect(recorder.record)
    bus.publish(EpochEnded(2))

    assert seen == []
    assert not bus.has_subscribers(EpochEnded)


def test_a_signal_stays_that_of_its_selector_when_it_has_lost_its_last_receiver(bus: EventBus, seen: list[Any]) -> None:
    signal = bus.signal(EpochEnded)
    bus.subscribe(EpochEnded, fail).cancel()
    token = bus.subscribe(EpochEnded, seen.append)
    receive = seen.append
    signal.connect(receive, weak=False)
    bus.publish(EpochEnded(1))
    assert seen == [EpochEnded(1)] * 2
    signal.disconnect(token)
    signal.disconnect(receive)
    gone = weakref.ref(signal)
    del signal, token
    gc.collect()
    assert gone() is None
