"""Deliveries to many subscribers, some of which are called by written-out code: the contract is the same."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugbus.kernel import Event, EventBus, SubscriberFailed

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

SIZES = [1, 7, 8, 9, 15, 16, 17, 100, 127, 128, 129, 135, 136, 300]


@dataclass(frozen=True, slots=True)
class Saved(Event):
    number: int = 0


@dataclass(frozen=True, slots=True)
class Inner(Event):
    pass


class Boom(Exception):  # noqa: N818 - a subscriber's own exception
    pass


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def seen() -> list[Any]:
    return []


def noting(seen: list[Any], value: object) -> Callable[[Event], None]:
    return lambda _event: seen.append(value)


@pytest.mark.parametrize("size", SIZES)
def test_everyone_is_called_once_in_order(bus: EventBus, seen: list[Any], size: int) -> None:
    for number in range(size):
        bus.subscribe(Saved, noting(seen, number))

    bus.publish(Saved())
    bus.publish(Saved())

    assert seen == [*range(size)] * 2


@pytest.mark.parametrize("size", SIZES)
def test_each_that_fails_is_reported_by_its_owner_and_stops_nobody(bus: EventBus, seen: list[Any], size: int) -> None:
    def fail(_event: Event) -> None:
        raise Boom

    for number in range(size):
        bus.subscribe(Saved, noting(seen, number) if number % 3 else fail, owner=str(number))
    bus.subscribe(SubscriberFailed, lambda event: seen.append((event.owner, type(event.exception))))

    bus.publish(Saved())

    assert seen == [number if number % 3 else (str(number), Boom) for number in range(size)]


@pytest.mark.parametrize("size", SIZES)
def test_a_cancellation_made_during_delivery_holds_at_every_place(size: int) -> None:
    for cancelling in {0, size // 2, size - 1}:
        for cancelled in {place % size for place in (0, 1, 6, 7, 8, 9, 15, 16, 95, 96, 127, 128, 129, -8, -2, -1)}:
            bus, seen = EventBus(), list[int]()

            def cancel(_event: Event, place: int = cancelling) -> None:
                seen.append(place)  # noqa: B023 - called within the round
                tokens[cancelled].cancel()  # noqa: B023 - see above

            tokens = [
                bus.subscribe(Saved, cancel if number == cancelling else noting(seen, number)) for number in range(size)
            ]
            bus.publish(Saved())
            assert seen == [number for number in range(size) if number <= cancelling or number != cancelled]


def test_an_interrupt_propagates_after_the_rest_was_served_and_the_first_of_several_does(
    bus: EventBus, seen: list[Any]
) -> None:
    errors = {3: Boom(), 5: KeyboardInterrupt("first"), 7: SystemExit("second"), 12: KeyboardInterrupt("third")}

    def play(number: int, _event: Event) -> None:
        seen.append(number)
        if number in errors:
            raise errors[number]

    for number in range(20):
        bus.subscribe(Saved, partial(play, number))

    with pytest.raises(KeyboardInterrupt, match="first"):
        bus.publish(Saved())

    assert seen == [*range(20)]


def test_an_error_that_was_raised_before_is_told_of_the_one_that_raises_it_now(bus: EventBus, seen: list[Any]) -> None:
    known = Boom()

    def fail(_event: Event) -> None:
        raise known

    for number in range(16):
        bus.subscribe(Saved, fail if number in {4, 9} else noting([], number), owner=str(number))
    bus.subscribe(SubscriberFailed, lambda event: seen.append(event.owner))

    for _ in range(3):
        bus.publish(Saved())

    assert seen == ["4", "9"] * 3


def test_an_error_of_a_nested_delivery_of_the_same_route_is_told_of_the_right_one(
    bus: EventBus, seen: list[Any]
) -> None:
    def nest(event: Saved) -> None:
        if event.number == 0:
            bus.publish(Saved(1))
            raise Boom("outer")

    def fail(event: Saved) -> None:
        if event.number == 1:
            raise Boom("inner")

    for number in range(24):
        handler = {2: nest, 11: fail}.get(number, noting([], number))
        bus.subscribe(Saved, handler, owner=str(number))
    bus.subscribe(SubscriberFailed, lambda event: seen.append((event.owner, str(event.exception))))

    bus.publish(Saved())

    assert seen == [("11", "inner"), ("2", "outer")]


def test_a_successor_that_fails_in_the_place_of_another_is_reported_by_its_own_name() -> None:
    for size in (2, 9, 20):
        for place in {1, size - 1}:
            bus, seen = EventBus(), list[Any]()

            def swap(_event: Event) -> None:
                bus.hand_over([old], [new])  # noqa: B023 - called within the round
                old.cancel()  # noqa: B023 - see above
                old.cancel()  # noqa: B023 - see above

            def fail(_event: Event) -> None:
                raise Boom

            bus.subscribe(Saved, swap)
            tokens = [bus.subscribe(Saved, noting(seen, number), owner="other") for number in range(1, size)]
            old = tokens[place - 1]
            new = bus.prepare(Saved, fail, owner="new")
            bus.subscribe(SubscriberFailed, lambda event: seen.append(event.owner))  # noqa: B023 - see above

            bus.publish(Saved())

            assert seen == [number if number != place else "new" for number in range(1, size)]


def test_a_successor_that_goes_while_it_fails_leaves_the_report_to_the_one_before(
    bus: EventBus, seen: list[Any]
) -> None:
    def swap(_event: Event) -> None:
        bus.hand_over([old], [new])
        old.cancel()

    def fail(_event: Event) -> None:
        new.cancel()
        raise Boom

    bus.subscribe(Saved, swap)
    old = bus.subscribe(Saved, print, owner="old")
    new = bus.prepare(Saved, fail, owner="new")
    bus.subscribe(SubscriberFailed, lambda event: seen.append(event.owner))

    bus.publish(Saved())

    assert seen == ["old"]


def test_an_error_before_the_first_call_is_no_subscribers_and_reaches_the_publisher_after_all_were_served(
    bus: EventBus, seen: list[Any]
) -> None:
    """It stands for what may come from outside between two calls: a signal, or no room on the stack."""

    def interrupting(frame: FrameType, event: str, _argument: object) -> None:
        if frame.f_code.co_name == "unrolled" and event == "call":
            sys.setprofile(None)
            raise Boom("from outside")

    for number in range(10):
        bus.subscribe(Saved, noting(seen, number))
    bus.subscribe(SubscriberFailed, seen.append)
    sys.setprofile(interrupting)
    try:
        with pytest.raises(Boom, match="from outside"):
            bus.publish(Saved())
    finally:
        sys.setprofile(None)

    assert seen == [*range(10)]


@pytest.mark.parametrize("room", range(500, 506))
def test_a_bus_is_whole_after_the_stack_was_full_wherever_that_was(seen: list[Any], room: int) -> None:
    bus = EventBus(depth_limit=10_000)

    def descend(event: Saved) -> None:
        bus.publish(Saved(event.number + 1))

    tokens = [bus.subscribe(Saved, descend if number == 0 else noting([], number)) for number in range(16)]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(room)
    try:
        with suppress(RecursionError):
            bus.publish(Saved())
    finally:
        sys.setrecursionlimit(limit)

    assert bus._running == 0
    tokens[0].cancel()
    bus.subscribe(Saved, seen.append)
    bus.publish(Saved(7))
    assert seen == [Saved(7)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.sets(st.integers(0, 39)), st.dictionaries(st.integers(0, 39), st.integers(0, 39)))
def test_failures_and_cancellations_together_are_as_in_a_plain_loop(
    size: int, failing: set[int], cancelling: dict[int, int]
) -> None:
    bus, seen, reported = EventBus(), list[int](), list[int]()

    def play(number: int, _event: Event) -> None:
        seen.append(number)
        if cancelling.get(number, size) < size:
            tokens[cancelling[number]].cancel()
        if number in failing:
            raise Boom

    tokens = [bus.subscribe(Saved, partial(play, number), owner=str(number)) for number in range(size)]
    bus.subscribe(SubscriberFailed, lambda event: reported.append(int(event.owner)))
    bus.publish(Saved())

    live = set(range(size))
    heard: list[int] = []
    for number in range(size):
        if number in live:
            heard.append(number)
            live.discard(cancelling.get(number, -1))
    assert seen == heard
    assert reported == [number for number in heard if number in failing]
