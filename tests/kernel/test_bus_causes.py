"""Causes: ids of events, of what led to them, and the refusal of chains without end."""

from __future__ import annotations

import asyncio
import pickle
import threading
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Cause,
    Event,
    EventBus,
    Kernel,
    KernelEvent,
    PluginContext,
    PluginLoaded,
    PublishChainError,
    PublishDepthError,
    SubscriberFailed,
)
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Saved(Event):
    number: int = 0


@dataclass(frozen=True, slots=True)
class Indexed(Event):
    pass


class Boom(Exception):  # noqa: N818 - a subscriber's own exception
    pass


def fail(_event: Event) -> None:
    raise Boom


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def causes(bus: EventBus) -> list[Cause | None]:
    """Return the causes of all events, in the order of delivery to the first subscriber."""
    found: list[Cause | None] = []
    bus.subscribe("*", lambda _event: found.append(bus.cause))
    return found


def known(causes: list[Cause | None]) -> list[Cause]:
    found = [one for one in causes if one is not None]
    assert len(found) == len(causes)
    return found


def in_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_there_are_no_causes_while_nothing_is_traced(bus: EventBus, causes: list[Cause | None]) -> None:
    bus.publish(Saved())

    assert causes == [None]
    assert bus.cause is None


def test_each_event_has_an_id_of_its_own(bus: EventBus, causes: list[Cause | None]) -> None:
    other = EventBus()
    other.subscribe("*", lambda _event: causes.append(other.cause))
    with bus.trace(), other.trace():
        bus.publish(Saved())
        bus.publish(Event.custom("loss"))
        other.publish(Saved())

    first, second, third = known(causes)
    assert len({first.event_id, second.event_id, third.event_id}) == 3
    assert [one.topic for one in (first, second)] == ["Saved", "loss"]
    assert [(one.parent_id, one.depth) for one in (first, second)] == [(None, 1)] * 2
    assert first.correlation_id == first.event_id
    assert second.correlation_id == second.event_id


def test_all_subscribers_of_an_event_are_told_the_same(bus: EventBus, causes: list[Cause | None]) -> None:
    for _ in range(20):
        bus.subscribe(Saved, lambda _event: causes.append(bus.cause))
    with bus.trace():
        bus.publish(Saved())

    assert len(causes) == 21
    assert len(set(known(causes))) == 1


def test_an_event_knows_in_whose_delivery_it_was_published(bus: EventBus, causes: list[Cause | None]) -> None:
    bus.subscribe(Saved, lambda _event: bus.publish(Indexed()))
    bus.subscribe(Indexed, lambda _event: bus.publish(Event.custom("shown")))
    bus.subscribe(Saved, lambda _event: causes.append(bus.cause))
    with bus.trace():
        bus.publish(Saved())
        assert bus.cause is None

    saved, indexed, shown, again = known(causes)
    assert (indexed.parent_id, shown.parent_id) == (saved.event_id, indexed.event_id)
    assert [one.depth for one in (saved, indexed, shown)] == [1, 2, 3]
    assert {one.correlation_id for one in (saved, indexed, shown)} == {saved.event_id}
    assert again == saved


def test_a_failing_subscriber_leaves_the_cause_to_the_rest_and_is_the_cause_of_its_report(
    bus: EventBus, causes: list[Cause | None]
) -> None:
    bus.subscribe(Saved, fail)
    bus.subscribe(Saved, lambda _event: causes.append(bus.cause))
    with bus.trace():
        bus.publish(Saved())
    assert bus.cause is None

    saved, report, again = known(causes)
    assert (report.topic, report.parent_id) == ("SubscriberFailed", saved.event_id)
    assert again == saved


@pytest.mark.parametrize("size", [1, 20])
def test_tracing_keeps_the_contract_of_delivery(bus: EventBus, size: int) -> None:
    seen: list[Any] = []

    def play(number: int) -> Callable[[Event], None]:
        def handler(_event: Event) -> None:
            seen.append(number)
            if number == 0:
                tokens[size // 2 or 1].cancel()
                bus.subscribe(Saved, seen.append)
                raise Boom
            if number == size:
                raise KeyboardInterrupt

        return handler

    tokens = [bus.subscribe(Saved, play(number), owner=str(number)) for number in range(size + 1)]
    bus.subscribe(SubscriberFailed, lambda event: seen.append((event.owner, type(event.exception))))
    with bus.trace():
        if size == 1:
            bus.publish(Saved())
        else:
            with pytest.raises(KeyboardInterrupt):
                bus.publish(Saved())

    assert seen == [0, ("0", Boom), *(number for number in range(1, size + 1) if number != (size // 2 or 1))]
    assert bus._running == 0


def test_an_event_that_nobody_hears_gets_no_id(bus: EventBus, causes: list[Cause | None]) -> None:
    silent = EventBus()
    with bus.trace(), silent.trace():
        silent.publish(Saved())
        bus.publish(Saved())

    assert len(causes) == 1


def test_events_of_the_kernel_are_traced(bus: EventBus) -> None:
    causes: list[Cause | None] = []
    with Kernel() as kernel:
        kernel.bus.subscribe(PluginLoaded, lambda _event: causes.append(kernel.bus.cause))
        kernel.bus.subscribe("start", lambda _event: kernel.load("a"))
        kernel.register(FakePlugin("a", on_load=lambda ctx: ctx.publish(Saved())))
        kernel.bus.subscribe(Saved, lambda _event: causes.append(kernel.bus.cause))
        with kernel.bus.trace(), kernel.bus.correlate("boot"):
            kernel.bus.publish(Event.custom("start"))

    saved, loaded = known(causes)
    assert saved.parent_id == loaded.parent_id != None  # noqa: E711 - it reads as a chain
    assert [saved.correlation_id, loaded.correlation_id] == ["boot"] * 2
    assert issubclass(PluginLoaded, KernelEvent)


def test_plugins_are_told_through_their_context() -> None:
    told: list[tuple[Cause | None, Cause | None]] = []
    with Kernel() as kernel:

        def on_load(ctx: PluginContext) -> None:
            def answer(_event: Event) -> None:
                with ctx.correlate("mine"):
                    ctx.publish(Indexed())

            ctx.subscribe(Saved, answer)
            ctx.subscribe(Indexed, lambda _event: told.append((ctx.cause, ctx.event_bus.cause)))

        kernel.register(FakePlugin("a", on_load=on_load))
        kernel.load("a")
        with kernel.bus.trace():
            kernel.bus.publish(Saved())

    [(cause, same)] = told
    assert cause is not None
    assert cause == same
    assert (cause.correlation_id, cause.depth) == ("mine", 2)


def test_a_correlation_id_is_given_to_what_is_published_within_it_and_to_what_that_causes(
    bus: EventBus, causes: list[Cause | None]
) -> None:
    bus.subscribe(Saved, lambda _event: bus.publish(Indexed()))
    with bus.trace():
        with bus.correlate("request-42"):
            assert bus.cause is None
            bus.publish(Saved())
        bus.publish(Saved())

    first, second, third, fourth = known(causes)
    assert (first.correlation_id, second.correlation_id) == ("request-42", "request-42")
    assert (first.parent_id, first.depth, second.parent_id, second.depth) == (None, 1, first.event_id, 2)
    assert third.correlation_id == fourth.correlation_id == third.event_id


def test_a_correlation_id_within_a_delivery_keeps_the_parent(bus: EventBus, causes: list[Cause | None]) -> None:
    def answer(_event: Event) -> None:
        with bus.correlate("outer"), bus.correlate("inner"):
            bus.publish(Indexed())
            causes.append(bus.cause)
        bus.publish(Event.custom("after"))

    bus.subscribe(Saved, answer)
    with bus.trace():
        bus.publish(Saved())

    saved, indexed, within, after = known(causes)
    assert (indexed.parent_id, indexed.correlation_id, indexed.depth) == (saved.event_id, "inner", 2)
    assert within == saved
    assert (after.parent_id, after.correlation_id) == (saved.event_id, saved.event_id)


def test_a_correlation_may_be_entered_again(bus: EventBus, causes: list[Cause | None]) -> None:
    correlation = bus.correlate("again")
    with bus.trace(), correlation:
        with correlation:
            bus.publish(Saved())
        bus.publish(Saved())
    with bus.trace():
        bus.publish(Saved())

    assert [one.correlation_id == "again" for one in known(causes)] == [True, True, False]


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_correlation_id_is_refused(bus: EventBus, blank: str) -> None:
    with pytest.raises(ValueError, match=rf"^cannot correlate events by '{blank}': an id is not blank$"):
        bus.correlate(blank)


def test_causes_follow_asyncio_tasks(bus: EventBus, causes: list[Cause | None]) -> None:
    tasks: list[asyncio.Task[None]] = []

    async def index() -> None:
        await asyncio.sleep(0)
        bus.publish(Indexed())

    async def main() -> None:
        with bus.trace():
            with bus.correlate("main"):
                bus.publish(Saved())
            bus.publish(Event.custom("unrelated"))
            await asyncio.gather(*tasks)

    bus.subscribe(Saved, lambda _event: tasks.append(asyncio.get_running_loop().create_task(index())))
    asyncio.run(main())

    saved, unrelated, indexed = known(causes)
    assert (indexed.parent_id, indexed.correlation_id, indexed.depth) == (saved.event_id, "main", 2)
    assert unrelated.parent_id is None


def test_causes_follow_into_threads_with_a_copied_context_and_not_without(
    bus: EventBus, causes: list[Cause | None]
) -> None:
    def start(_event: Event) -> None:
        context = copy_context()
        in_thread(lambda: context.run(bus.publish, Indexed()))
        in_thread(lambda: bus.publish(Event.custom("alone")))

    bus.subscribe(Saved, start)
    with bus.trace():
        bus.publish(Saved())

    saved, indexed, alone = known(causes)
    assert (indexed.parent_id, indexed.depth) == (saved.event_id, 2)
    assert (alone.parent_id, alone.depth) == (None, 1)


def test_each_bus_has_causes_of_its_own(bus: EventBus, causes: list[Cause | None]) -> None:
    other = EventBus()
    bus.subscribe(Saved, lambda _event: other.publish(Indexed()))
    other.subscribe("*", lambda _event: causes.append(other.cause))
    with bus.trace(), other.trace():
        bus.publish(Saved())

    saved, indexed = known(causes)
    assert (saved.depth, indexed.depth, indexed.parent_id) == (1, 1, None)


def test_tracing_goes_on_until_all_who_asked_for_it_stopped(bus: EventBus, causes: list[Cause | None]) -> None:
    first, second = bus.trace(), bus.trace()
    for stop in (first.stop, first.stop, second.stop, second.stop):
        bus.publish(Saved())
        stop()
    bus.publish(Saved())

    assert [one is None for one in causes] == [False, False, False, True, True]


def test_tracing_that_begins_or_ends_in_a_delivery_holds_from_the_next_event(
    bus: EventBus, causes: list[Cause | None]
) -> None:
    running: list[Any] = []

    def switch(event: Saved) -> None:
        if event.number == 1:
            running.append(bus.trace())
        elif event.number == 3:
            running.pop().stop()
        causes.append(bus.cause)

    bus.subscribe(Saved, switch)
    for number in range(5):
        bus.publish(Saved(number))

    assert [one is None for one in causes] == [True, True, True, True, False, False, False, True, True, True]


def test_a_cause_can_be_pickled_and_compared(bus: EventBus, causes: list[Cause | None]) -> None:
    bus.subscribe(Saved, lambda _event: bus.publish(Indexed()))
    with bus.trace():
        bus.publish(Saved())

    saved, indexed = known(causes)
    assert pickle.loads(pickle.dumps(indexed)) == indexed != saved  # noqa: S301


@pytest.mark.parametrize("limit", [0, -1])
def test_a_chain_limit_below_one_is_refused_and_nothing_is_traced(
    bus: EventBus, causes: list[Cause | None], limit: int
) -> None:
    with pytest.raises(ValueError, match=rf"^cannot trace events: chain_limit is {limit}; give at least 1$"):
        bus.trace(chain_limit=limit)
    bus.publish(Saved())

    assert causes == [None]


def test_a_chain_across_threads_ends_at_its_limit_with_its_topics() -> None:
    bus = EventBus()
    errors: list[BaseException] = []
    heard: list[str] = []

    def pass_on(event: Event) -> None:
        heard.append(event.topic)
        context = copy_context()
        following = Event.custom({"a": "b", "b": "a"}[event.topic])

        def publish() -> None:
            try:
                context.run(bus.publish, following)
            except PublishChainError as error:
                errors.append(error)

        in_thread(publish)

    bus.subscribe("a", pass_on)
    bus.subscribe("b", pass_on)
    with bus.trace(chain_limit=5):
        bus.publish(Event.custom("a"))

    assert heard == ["a", "b", "a", "b", "a"]
    [error] = errors
    assert isinstance(error, PublishChainError)
    assert (error.topic, error.limit, error.path) == ("b", 5, ("a", "b", "a", "b", "a", "b"))
    assert bus._running == 0


def test_a_chain_across_tasks_ends_at_its_limit_and_can_be_broken_by_a_context_of_its_own() -> None:
    bus = EventBus()
    outcome: list[Any] = []

    async def tick(context: Context | None, done: asyncio.Event) -> None:
        def on_tick(event: Saved) -> None:
            outcome.append(event.number)
            if event.number == 20:
                done.set()
                return
            following = Saved(event.number + 1)
            loop.call_soon(publish, following, context=None if context is None else Context())

        def publish(event: Saved) -> None:
            try:
                bus.publish(event)
            except PublishChainError as error:
                outcome.append(error.limit)
                done.set()

        loop = asyncio.get_running_loop()
        with bus.subscribe(Saved, on_tick), bus.trace(chain_limit=7):
            bus.publish(Saved(1))
            await done.wait()

    async def main(context: Context | None) -> list[Any]:
        outcome.clear()
        await tick(context, asyncio.Event())
        return list(outcome)

    assert asyncio.run(main(None)) == [1, 2, 3, 4, 5, 6, 7, 7]
    assert asyncio.run(main(Context())) == list(range(1, 21))


def test_a_report_at_the_end_of_a_chain_is_delivered() -> None:
    bus, seen = EventBus(), list[Any]()
    bus.subscribe(Saved, lambda _event: bus.publish(Saved()))
    bus.subscribe(SubscriberFailed, lambda event: seen.append(type(event.exception)))
    with bus.trace(chain_limit=3):
        bus.publish(Saved())

    assert seen == [PublishChainError]


def test_a_correlation_within_a_chain_does_not_hide_it() -> None:
    bus, seen = EventBus(), list[Any]()

    def pass_on(_event: Event) -> None:
        with bus.correlate("mine"):
            bus.publish(Saved())

    bus.subscribe(Saved, pass_on)
    bus.subscribe(SubscriberFailed, lambda event: seen.append(event.exception))
    with bus.trace(chain_limit=3):
        bus.publish(Saved())

    assert isinstance(seen[0], PublishChainError)
    assert seen[0].path == ("Saved",) * 4


def test_the_lowest_of_several_limits_counts(bus: EventBus) -> None:
    depths: list[int] = []

    def descend(_event: Event) -> None:
        depths.append(1)
        bus.publish(Saved())

    bus.subscribe(Saved, descend)

    def deepest() -> int:
        depths.clear()
        bus.publish(Saved())
        return len(depths)

    wide = bus.trace()
    with bus.trace(chain_limit=4):
        assert deepest() == 4
        with bus.trace(chain_limit=2):
            assert deepest() == 2
        assert deepest() == 4
    assert deepest() == 64
    assert wide.chain_limit == 1000


@pytest.mark.parametrize("is_traced", [True, False])
def test_what_is_too_deep_on_the_stack_names_its_path_traced_or_not(is_traced: bool) -> None:
    bus, seen = EventBus(depth_limit=3), list[Any]()
    bus.subscribe("a", lambda _event: bus.publish(Event.custom("b")))
    bus.subscribe("b", lambda _event: bus.publish(Event.custom("a")))
    bus.subscribe(SubscriberFailed, lambda event: seen.append(getattr(event.exception, "path", None)))
    if is_traced:
        bus.trace()

    bus.publish(Event.custom("a"))

    assert seen == [("a", "b", "a", "b")]


def test_the_path_to_the_depth_limit_has_events_of_the_kernel_too() -> None:
    bus, errors = EventBus(depth_limit=2), list[PublishDepthError]()

    def publish_again(_event: Event) -> None:
        try:
            bus.publish(Event.custom("a"))
        except PublishDepthError as error:
            errors.append(error)

    bus.subscribe("a", fail)
    bus.subscribe(SubscriberFailed, publish_again)
    bus.publish(Event.custom("a"))

    assert [one.path for one in errors] == [("a", "SubscriberFailed", "a")]
    assert "inside one another: a -> SubscriberFailed -> a; " in str(errors[0])
