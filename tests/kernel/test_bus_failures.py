"""The contract of the event bus: subscribers that fail, that interrupt, and that publish themselves."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Event,
    EventBus,
    KernelEvent,
    PublishDepthError,
    SubscriberFailed,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class BatchEnded(Event):
    pass


class Boom(Exception):  # noqa: N818 - a subscriber's own exception
    pass


def fail(_event: Event) -> None:
    raise Boom("no")


def interrupt(_event: Event) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def seen() -> list[Any]:
    return []


def test_publish_calls_remaining_subscribers_after_a_failure(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe(EpochEnded, seen.append)
    bus.subscribe(EpochEnded, fail)
    bus.subscribe(EpochEnded, seen.append)
    event = EpochEnded()

    bus.publish(event)

    assert seen == [event, event]


def test_a_failure_is_published_with_subscriber_owner_event_and_exception(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe(EpochEnded, fail, owner="trainer")
    bus.subscribe(SubscriberFailed, seen.append)
    event = EpochEnded()

    bus.publish(event)

    [failed] = seen
    assert (failed.subscriber, failed.owner) == (f"{__name__}.fail", "trainer")
    assert failed.event is event
    assert isinstance(failed.exception, Boom)
    assert failed.exception.__traceback__ is not None


def test_a_failure_is_published_to_its_topic_and_to_all(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe(EpochEnded, fail)
    bus.subscribe("SubscriberFailed", lambda event: seen.append(("topic", type(event))))
    bus.subscribe("*", lambda event: seen.append(("all", type(event))))
    bus.subscribe(KernelEvent, lambda event: seen.append(("class", type(event))))

    bus.publish(EpochEnded())

    reports = [(by, SubscriberFailed) for by in ("topic", "all", "class")]
    assert seen == [*reports, ("all", EpochEnded)]


def test_a_failure_is_logged_with_its_plugin_and_topic(bus: EventBus, caplog: pytest.LogCaptureFixture) -> None:
    bus.subscribe(EpochEnded, fail, owner="trainer")

    with caplog.at_level(logging.ERROR):
        bus.publish(EpochEnded())

    [record] = caplog.records
    assert record.name == "plugbus.kernel.bus"
    assert record.levelno == logging.ERROR
    assert record.getMessage() == f"subscriber {__name__}.fail failed on event EpochEnded: no"
    assert record.exc_info is not None
    assert record.exc_info[0] is Boom
    assert record.__dict__["plugin_id"] == "trainer"
    assert record.__dict__["topic"] == "EpochEnded"


@pytest.mark.parametrize(
    ("handler", "name"),
    [
        (partial(fail), "functools.partial"),
        ([].remove, "list.remove"),
        (type("Failing", (), {"__call__": lambda _self, event: fail(event)})(), f"{__name__}.Failing"),
    ],
)
def test_a_failure_names_any_kind_of_callable(
    bus: EventBus, seen: list[Any], handler: Callable[[Any], object], name: str
) -> None:
    token = bus.subscribe(EpochEnded, handler)
    bus.subscribe(SubscriberFailed, seen.append)

    bus.publish(EpochEnded())

    assert seen[0].subscriber == name
    assert repr(token) == f"<Subscription of {name} to 'EpochEnded'>"


def test_a_failure_of_a_handler_with_several_owners_is_reported_for_each(bus: EventBus, seen: list[Any]) -> None:
    for owner in ("one", "two", "three"):
        bus.subscribe(EpochEnded, fail, owner=owner)
    bus.subscribe(SubscriberFailed, lambda event: seen.append((event.owner, event.subscriber)))

    bus.publish(EpochEnded())

    assert seen == [(owner, f"{__name__}.fail") for owner in ("one", "two", "three")]


def test_a_subscriber_that_cancels_itself_and_fails_is_reported(bus: EventBus, seen: list[Any]) -> None:
    def cancel_and_fail(_event: Event) -> None:
        token.cancel()
        raise Boom

    token = bus.subscribe(EpochEnded, cancel_and_fail, owner="trainer")
    bus.subscribe(SubscriberFailed, seen.append)

    bus.publish(EpochEnded())
    bus.publish(EpochEnded())

    assert [one.owner for one in seen] == ["trainer"]


def test_a_failing_subscriber_to_failures_does_not_recurse(
    bus: EventBus, seen: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    bus.subscribe(EpochEnded, fail)
    bus.subscribe(SubscriberFailed, fail)
    bus.subscribe(SubscriberFailed, seen.append)

    bus.publish(EpochEnded())

    assert [type(one) for one in seen] == [SubscriberFailed]
    assert [record.__dict__["topic"] for record in caplog.records] == ["EpochEnded", "SubscriberFailed"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError])
def test_an_interrupt_propagates_after_the_rest_was_served(
    bus: EventBus, seen: list[Any], caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:
    raised = kind()

    def interrupting(_event: Event) -> None:
        raise raised

    bus.subscribe(EpochEnded, interrupting)
    bus.subscribe("*", seen.append)
    event = EpochEnded()

    with pytest.raises(kind) as caught:
        bus.publish(event)

    assert caught.value is raised
    assert seen == [event]
    assert caplog.records == []


def test_of_several_interrupts_the_first_propagates(bus: EventBus) -> None:
    first, second = KeyboardInterrupt("first"), SystemExit("second")

    def raising(error: BaseException) -> Callable[[Event], None]:
        def handler(_event: Event) -> None:
            raise error

        return handler

    bus.subscribe(EpochEnded, raising(first))
    bus.subscribe(EpochEnded, raising(second))

    with pytest.raises(KeyboardInterrupt) as caught:
        bus.publish(EpochEnded())

    assert caught.value is first


def test_an_interrupt_in_a_nested_delivery_reaches_the_first_publisher_after_all_were_served(
    bus: EventBus, seen: list[Any]
) -> None:
    bus.subscribe(EpochEnded, lambda _: bus.publish(BatchEnded()))
    bus.subscribe(BatchEnded, interrupt)
    bus.subscribe(BatchEnded, lambda _: seen.append("inner"))
    bus.subscribe(EpochEnded, lambda _: seen.append("outer"))

    with pytest.raises(KeyboardInterrupt):
        bus.publish(EpochEnded())

    assert seen == ["inner", "outer"]


def test_an_interrupt_from_a_subscriber_to_failures_propagates_after_the_rest_was_served(
    bus: EventBus, seen: list[Any]
) -> None:
    bus.subscribe(EpochEnded, fail)
    bus.subscribe(EpochEnded, lambda _: seen.append("rest"))
    bus.subscribe(SubscriberFailed, interrupt)
    bus.subscribe(SubscriberFailed, lambda _: seen.append("reported"))

    with pytest.raises(KeyboardInterrupt):
        bus.publish(EpochEnded())

    assert seen == ["reported", "rest"]


def test_a_log_handler_that_raises_does_not_keep_the_rest_from_being_served(bus: EventBus, seen: list[Any]) -> None:
    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("disk full")

    bus.subscribe(EpochEnded, fail)
    bus.subscribe(EpochEnded, seen.append)
    handler = Raising()
    logging.getLogger("plugbus.kernel.bus").addHandler(handler)
    try:
        with pytest.raises(OSError, match="disk full"):
            bus.publish(EpochEnded())
    finally:
        logging.getLogger("plugbus.kernel.bus").removeHandler(handler)

    assert seen == [EpochEnded()]


def test_publishing_from_a_subscriber_delivers_at_once(bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe("*", lambda event: seen.append(event.topic))
    bus.subscribe(EpochEnded, lambda _: bus.publish(BatchEnded()))
    bus.subscribe(EpochEnded, lambda _: seen.append("after"))

    bus.publish(EpochEnded())

    assert seen == ["EpochEnded", "BatchEnded", "after"]


@pytest.mark.parametrize("limit", [1, 2, 7, 64])
def test_publishing_from_a_subscriber_works_to_the_depth_limit(limit: int) -> None:
    bus = EventBus(depth_limit=limit)
    depths: list[int] = []
    errors: list[PublishDepthError] = []

    def descend(event: EpochEnded) -> None:
        depths.append(event.epoch)
        try:
            bus.publish(EpochEnded(event.epoch + 1))
        except PublishDepthError as error:
            errors.append(error)

    bus.subscribe(EpochEnded, descend)
    for _ in range(3):
        bus.publish(EpochEnded(1))

    assert depths == list(range(1, limit + 1)) * 3
    assert [(error.topic, error.limit) for error in errors] == [("EpochEnded", limit)] * 3


def publish_next(bus: EventBus, event: EpochEnded) -> None:
    bus.publish(EpochEnded(event.epoch + 1))


def test_the_default_depth_limit_is_64(bus: EventBus, seen: list[Any]) -> None:
    def descend(event: EpochEnded) -> None:
        seen.append(event.epoch)
        bus.publish(EpochEnded(event.epoch + 1))

    bus.subscribe(EpochEnded, descend)
    bus.publish(EpochEnded(1))

    assert seen == list(range(1, 65))


def test_a_publish_that_is_too_deep_fails_the_subscriber_that_made_it(seen: list[Any]) -> None:
    bus = EventBus(depth_limit=2)
    bus.subscribe(EpochEnded, lambda event: bus.publish(EpochEnded(event.epoch + 1)), owner="circle")
    bus.subscribe(EpochEnded, lambda event: seen.append(event.epoch))
    bus.subscribe(SubscriberFailed, seen.append)

    bus.publish(EpochEnded(1))

    failed = seen.pop(0)
    assert (failed.owner, failed.event) == ("circle", EpochEnded(2))
    assert isinstance(failed.exception, PublishDepthError)
    assert seen == [2, 1]


@pytest.mark.parametrize("limit", [1, 3])
def test_a_failure_at_the_depth_limit_is_reported_and_stops_nobody(seen: list[Any], limit: int) -> None:
    bus = EventBus(depth_limit=limit)

    def descend(event: EpochEnded) -> None:
        if event.epoch == limit:
            raise Boom
        bus.publish(EpochEnded(event.epoch + 1))

    bus.subscribe(EpochEnded, descend)
    bus.subscribe(EpochEnded, lambda event: seen.append(event.epoch))
    bus.subscribe(SubscriberFailed, lambda event: seen.append(type(event.exception)))

    bus.publish(EpochEnded(1))

    assert seen == [Boom, *range(limit, 0, -1)]


def test_a_circle_by_way_of_failures_ends(seen: list[Any]) -> None:
    bus = EventBus(depth_limit=3)
    bus.subscribe(EpochEnded, fail)
    bus.subscribe(EpochEnded, seen.append)
    bus.subscribe(SubscriberFailed, lambda _: bus.publish(EpochEnded()))

    bus.publish(EpochEnded())

    # One event, the report of its failure, one more event, and its report: what that would publish is too deep.
    assert len(seen) == 2


def test_the_depth_is_counted_for_each_bus(seen: list[Any]) -> None:
    one, other = EventBus(depth_limit=3), EventBus(depth_limit=3)
    for here, there in ((one, other), (other, one)):
        here.subscribe(EpochEnded, lambda event: seen.append(event.epoch))
        here.subscribe(EpochEnded, partial(publish_next, there))

    one.publish(EpochEnded(1))

    assert seen == [1, 2, 3, 4, 5, 6]


def test_the_count_of_deliveries_is_zero_again_after_errors() -> None:
    bus = EventBus(depth_limit=2)
    bus.subscribe(EpochEnded, lambda _: bus.publish(EpochEnded()))
    bus.subscribe(EpochEnded, fail)
    bus.subscribe(BatchEnded, interrupt)
    bus.subscribe(SubscriberFailed, fail)

    for _ in range(10):
        bus.publish(EpochEnded())
        with pytest.raises(KeyboardInterrupt):
            bus.publish(BatchEnded())

    # Only its cost shows outside: with a wrong count each publish would walk the stack.
    assert bus._running == 0


@pytest.mark.parametrize("limit", [0, -1])
def test_a_depth_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match=rf"^cannot make event bus: depth_limit is {limit}; give at least 1$"):
        EventBus(depth_limit=limit)
