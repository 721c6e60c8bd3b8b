"""Streams: events for consumers in other threads and event loops, in order, bounded, with an end."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import AsyncEventStream, DropPolicy, EpochEnd, EpochStart, EventStream
from plugbus.kernel import CustomEvent, Event, EventBus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

PUBLISHERS = 4
EVENTS_EACH = 250
WAIT_S = 60


def epochs(events: list[Event]) -> list[int]:
    return [event.epoch for event in events if isinstance(event, EpochStart)]


def publish(bus: EventBus, *numbers: int) -> None:
    for number in numbers:
        bus.publish(EpochStart(number))


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work(), WAIT_S)

    asyncio.run(limited())


def publish_from_threads(bus: EventBus) -> None:
    """Publish from four threads at once; each event says which thread and which one of it."""
    begin = threading.Barrier(PUBLISHERS, timeout=WAIT_S)

    def work(who: int) -> None:
        begin.wait()
        for number in range(EVENTS_EACH):
            bus.publish(CustomEvent("work", (who, number)))

    with ThreadPoolExecutor(PUBLISHERS) as pool:
        list(pool.map(work, range(PUBLISHERS)))


def assert_complete_and_in_order(events: list[Event]) -> None:
    found = [event.read(tuple) for event in events if isinstance(event, CustomEvent)]
    assert len(found) == PUBLISHERS * EVENTS_EACH
    for who in range(PUBLISHERS):
        assert [number for one, number in found if one == who] == list(range(EVENTS_EACH))


class TestBuffer:
    @given(st.integers(1, 5), st.integers(0, 20), st.sampled_from([DropPolicy.OLDEST, DropPolicy.NEWEST]))
    def test_keeps_as_much_as_it_may_and_counts_the_rest(self, maxsize: int, count: int, drop: DropPolicy) -> None:
        bus = EventBus()
        with EventStream(bus, maxsize=maxsize, drop=drop) as stream:
            publish(bus, *range(count))
            assert len(stream) == min(count, maxsize)
            assert stream.dropped == max(0, count - maxsize)
        kept = list(range(count))
        kept = kept[-maxsize:] if drop is DropPolicy.OLDEST else kept[:maxsize]
        assert epochs(list(stream)) == kept

    def test_drops_the_oldest_unless_told_otherwise(self) -> None:
        bus = EventBus()
        with EventStream(bus, maxsize=2) as stream:
            publish(bus, 1, 2, 3)
        assert epochs(list(stream)) == [2, 3]

    @pytest.mark.parametrize("drop", ["newest", DropPolicy.NEWEST])
    def test_drops_the_newest_where_told_so(self, drop: DropPolicy) -> None:
        bus = EventBus()
        with EventStream(bus, maxsize=2, drop=drop) as stream:
            publish(bus, 1, 2, 3)
        assert epochs(list(stream)) == [1, 2]

    @pytest.mark.parametrize("maxsize", [0, -1])
    def test_that_holds_nothing_is_refused_and_nothing_is_subscribed(self, maxsize: int) -> None:
        bus = EventBus()
        with pytest.raises(ValueError, match=f"^cannot make event stream: maxsize is {maxsize}; give at least 1$"):
            EventStream(bus, maxsize=maxsize)
        assert bus.subscriptions == ()

    def test_with_a_policy_that_is_none_is_refused(self) -> None:
        bus = EventBus()
        with pytest.raises(ValueError, match="middle"):
            EventStream(bus, drop="middle")  # type: ignore[arg-type] # that is the fault
        assert bus.subscriptions == ()


class TestThreads:
    @pytest.mark.parametrize("selector", [EpochStart, "EpochStart"])
    def test_hears_what_it_selects_in_order_and_the_very_objects(self, selector: Any) -> None:
        bus = EventBus()
        events = [EpochStart(1), EpochEnd(1, 0.5), EpochStart(2)]
        with EventStream(bus, selector) as stream:
            for event in events:
                bus.publish(event)
        heard = list(stream)
        assert [id(event) for event in heard] == [id(events[0]), id(events[2])]

    def test_hears_everything_by_default(self) -> None:
        bus = EventBus()
        with EventStream(bus) as stream:
            bus.publish(EpochStart(1))
            bus.publish(CustomEvent("mine"))
        assert [event.topic for event in stream] == ["EpochStart", "mine"]

    def test_waits_for_the_next_event(self) -> None:
        bus = EventBus()
        heard: list[Event] = []
        with EventStream(bus) as stream:
            consumer = threading.Thread(target=lambda: heard.extend(stream))
            consumer.start()
            publish(bus, *range(100))
        consumer.join(WAIT_S)
        assert not consumer.is_alive()
        assert epochs(heard) == list(range(100))

    def test_wakes_a_consumer_that_waits_each_time(self) -> None:
        bus = EventBus()
        with EventStream(bus, EpochStart) as asked, EventStream(bus, EpochEnd) as answered:

            def answer() -> None:
                for event in asked:
                    assert isinstance(event, EpochStart)
                    bus.publish(EpochEnd(event.epoch, 0.5))

            consumer = threading.Thread(target=answer)
            consumer.start()
            for number in range(200):
                publish(bus, number)
                assert answered.get(WAIT_S) == EpochEnd(number, 0.5)
            asked.close()
            consumer.join(WAIT_S)

    def test_returns_none_when_the_time_is_over(self) -> None:
        with EventStream(EventBus()) as stream:
            assert stream.get(timeout=0) is None

    def test_delivers_what_was_heard_before_the_end(self) -> None:
        bus = EventBus()
        stream = EventStream(bus)
        publish(bus, 1, 2)
        stream.close()
        publish(bus, 3)
        assert epochs(list(stream)) == [1, 2]
        assert stream.get() is None
        assert bus.subscriptions == ()

    def test_end_wakes_everyone_who_waits(self) -> None:
        stream = EventStream(EventBus())
        waiting = threading.Barrier(4, timeout=WAIT_S)
        got: list[Event | None] = []

        def wait() -> None:
            waiting.wait()
            got.append(stream.get())

        consumers = [threading.Thread(target=wait) for _ in range(3)]
        for consumer in consumers:
            consumer.start()
        waiting.wait()
        stream.close()
        stream.close()
        for consumer in consumers:
            consumer.join(WAIT_S)
            assert not consumer.is_alive()
        assert got == [None, None, None]

    def test_loses_and_reorders_nothing_of_four_publishers(self) -> None:
        bus = EventBus()
        with EventStream(bus, "work", maxsize=PUBLISHERS * EVENTS_EACH) as stream:
            publish_from_threads(bus)
        assert stream.dropped == 0
        assert_complete_and_in_order(list(stream))

    def test_of_several_consumers_each_event_goes_to_one(self) -> None:
        bus = EventBus()
        heard: list[list[Event]] = [[] for _ in range(3)]
        with EventStream(bus, "work", maxsize=PUBLISHERS * EVENTS_EACH) as stream:
            consumers = [threading.Thread(target=own.extend, args=(stream,)) for own in heard]
            for consumer in consumers:
                consumer.start()
            publish_from_threads(bus)
        for consumer in consumers:
            consumer.join(WAIT_S)
            assert not consumer.is_alive()
        found = [event.read(tuple) for own in heard for event in own if isinstance(event, CustomEvent)]
        assert sorted(found) == [(who, number) for who in range(PUBLISHERS) for number in range(EVENTS_EACH)]

    def test_counts_what_a_slow_consumer_lost(self) -> None:
        bus = EventBus()
        with EventStream(bus, "work", maxsize=10) as stream:
            publish_from_threads(bus)
        assert stream.dropped + len(list(stream)) == PUBLISHERS * EVENTS_EACH


class _YieldingLock:
    """A lock that, when it is let go the first time, does what another thread could do then."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._lock = threading.Lock()
        self._meanwhile: list[Callable[[], None]] = [meanwhile]

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *failure: object) -> None:
        self._lock.release()
        if self._meanwhile:
            self._meanwhile.pop()()


class TestEventLoop:
    def test_is_needed(self) -> None:
        bus = EventBus()
        with pytest.raises(RuntimeError, match="no running event loop"):
            AsyncEventStream(bus)
        assert bus.subscriptions == ()

    def test_hears_what_it_selects_in_order(self) -> None:
        async def work() -> None:
            bus = EventBus()
            async with AsyncEventStream(bus, EpochStart) as stream:
                bus.publish(EpochStart(1))
                bus.publish(EpochEnd(1, 0.5))
                bus.publish(EpochStart(2))
                assert len(stream) == 2
                assert await stream.get() == EpochStart(1)
            assert [event async for event in stream] == [EpochStart(2)]
            assert await stream.get() is None
            assert bus.subscriptions == ()

        run(work)

    @pytest.mark.parametrize(("drop", "kept"), [(DropPolicy.OLDEST, [2, 3]), (DropPolicy.NEWEST, [1, 2])])
    def test_is_bounded(self, drop: DropPolicy, kept: list[int]) -> None:
        async def work() -> None:
            bus = EventBus()
            async with AsyncEventStream(bus, maxsize=2, drop=drop) as stream:
                publish(bus, 1, 2, 3)
                assert stream.dropped == 1
            assert epochs([event async for event in stream]) == kept

        run(work)

    def test_is_woken_by_a_publisher_in_another_thread(self) -> None:
        async def work() -> None:
            bus = EventBus()
            async with AsyncEventStream(bus) as stream:
                waiting = asyncio.create_task(stream.get())
                await asyncio.sleep(0)
                await asyncio.to_thread(publish, bus, 1)
                assert await waiting == EpochStart(1)

        run(work)

    def test_loses_and_reorders_nothing_of_four_publishers(self) -> None:
        async def work() -> None:
            bus = EventBus()
            heard: list[Event] = []
            stream = AsyncEventStream(bus, "work", maxsize=PUBLISHERS * EVENTS_EACH)

            async def consume() -> None:
                async for event in stream:
                    heard.append(event)

            consumer = asyncio.create_task(consume())
            await asyncio.to_thread(publish_from_threads, bus)
            stream.close()
            await consumer
            assert stream.dropped == 0
            assert_complete_and_in_order(heard)

        run(work)

    def test_end_from_another_thread_wakes_everyone_who_waits(self) -> None:
        async def work() -> None:
            stream = AsyncEventStream(EventBus())
            waiting = [asyncio.create_task(stream.get()) for _ in range(3)]
            await asyncio.sleep(0)
            await asyncio.to_thread(stream.close)
            stream.close()
            assert await asyncio.gather(*waiting) == [None, None, None]

        run(work)

    def test_delivers_what_came_between_its_look_for_events_and_its_look_for_the_end(self) -> None:
        async def work() -> None:
            bus = EventBus()
            stream = AsyncEventStream(bus)

            def publish_and_close() -> None:
                publish(bus, 1)
                stream.close()

            # Another thread's turn comes when the consumer lets go of the lock.
            stream._lock = _YieldingLock(publish_and_close)  # type: ignore[assignment] # the moment that is tested
            assert await stream.get() == EpochStart(1)
            assert await stream.get() is None

        run(work)

    def test_that_is_closed_cancels_the_subscription_of_its_stream(self) -> None:
        bus = EventBus()
        streams: list[AsyncEventStream] = []

        async def work() -> None:
            streams.append(AsyncEventStream(bus))

        run(work)
        assert [one.is_active for one in bus.subscriptions] == [True]
        publish(bus, 1)
        assert not bus.subscriptions
        publish(bus, 2)
        streams[0].close()
        assert len(streams[0]) == 1
