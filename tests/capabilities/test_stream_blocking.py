"""Streams whose publisher waits for room: nothing is lost, and nobody waits for himself or without end."""

from __future__ import annotations

import asyncio
import math
import pickle
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import AsyncEventStream, DropPolicy, EpochStart, EventStream, StreamBlockedError
from plugbus.kernel import CustomEvent, Event, EventBus, SubscriberFailed

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 60
SOON_S = 0.001


class Watched(EventStream):
    """A stream that tells when a publisher begins to wait."""

    def __init__(self, bus: EventBus, *, maxsize: int = 1, timeout: float = WAIT_S) -> None:
        super().__init__(bus, EpochStart, maxsize=maxsize, drop=DropPolicy.BLOCK, timeout=timeout)
        self.has_waiting = threading.Event()
        wait_for = self._has_room.wait_for

        def tell_and_wait(predicate: Callable[[], bool], timeout: float | None = None) -> bool:
            # The lock is held until the publisher waits: who asks for it next finds it waiting.
            self.has_waiting.set()
            return wait_for(predicate, timeout)

        self._has_room.wait_for = tell_and_wait  # type: ignore[assignment] # to know the moment


def failures_of(bus: EventBus) -> list[StreamBlockedError]:
    found: list[StreamBlockedError] = []

    def keep(event: SubscriberFailed) -> None:
        assert isinstance(event.exception, StreamBlockedError)
        found.append(event.exception)

    bus.subscribe(SubscriberFailed, keep)
    return found


def publish(bus: EventBus, *epochs: int) -> None:
    for epoch in epochs:
        bus.publish(EpochStart(epoch))


def in_thread(work: Callable[..., None], *args: Any) -> Future[None]:
    done: Future[None] = Future()

    def run() -> None:
        try:
            work(*args)
            done.set_result(None)
        except BaseException as error:  # noqa: BLE001 - raised by result()
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return done


class TestRoom:
    def test_is_waited_for_by_the_publisher(self) -> None:
        bus = EventBus()
        with (stream := Watched(bus)):
            publishing = in_thread(publish, bus, 1, 2)
            assert stream.has_waiting.wait(WAIT_S)
            assert (len(stream), publishing.done()) == (1, False)
            assert stream.get() == EpochStart(1)
            publishing.result(WAIT_S)
            assert stream.get() == EpochStart(2)
            assert stream.dropped == 0

    def test_is_not_waited_for_where_there_is_some(self) -> None:
        bus = EventBus()
        with (stream := Watched(bus, maxsize=3)):
            publish(bus, 1, 2, 3)
            assert not stream.has_waiting.is_set()
            assert len(stream) == 3

    @given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4))
    def test_goes_to_every_event_of_several_publishers_and_consumers(
        self, maxsize: int, publishers: int, consumers: int
    ) -> None:
        bus = EventBus()
        failures = failures_of(bus)
        stream = EventStream(bus, "work", maxsize=maxsize, drop=DropPolicy.BLOCK, timeout=WAIT_S)

        def work(who: int) -> None:
            for number in range(30):
                bus.publish(CustomEvent("work", (who, number)))

        with ThreadPoolExecutor(publishers + consumers) as pool:
            reading = [pool.submit(lambda: list(stream)) for _ in range(consumers)]
            for one in [pool.submit(work, who) for who in range(publishers)]:
                one.result(WAIT_S)
            stream.close()
            heard = [[event.read(tuple) for event in one.result(WAIT_S) if isinstance(event, CustomEvent)]
                     for one in reading]  # fmt: skip
        assert sorted(one for own in heard for one in own) == [
            (who, number) for who in range(publishers) for number in range(30)
        ]
        assert all([one for one in own if one[0] == who] == sorted(one for one in own if one[0] == who)
                   for own in heard for who in range(publishers))  # fmt: skip
        assert (stream.dropped, failures) == (0, [])

    def test_that_does_not_come_in_time_costs_the_event_and_is_reported(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)
        with (stream := Watched(bus, timeout=SOON_S)):
            publish(bus, 1, 2, 3)
            assert stream.dropped == 2
        assert list(stream) == [EpochStart(1)]
        cause = "the stream was full for 0.001 s; read it faster, or give a larger maxsize"
        assert [str(failure) for failure in failures] == [f"cannot deliver event 'EpochStart': {cause}"] * 2

    def test_is_not_waited_for_any_more_when_the_stream_is_closed(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)
        stream = Watched(bus)
        publishing = [in_thread(publish, bus, 1), in_thread(publish, bus, 1)]
        assert stream.has_waiting.wait(WAIT_S)
        stream.close()
        for one in publishing:
            one.result(WAIT_S)
        assert list(stream) == [EpochStart(1)]
        assert stream.dropped == 1
        assert failures == []


class TestPublisherThatReads:
    def test_does_not_wait_for_itself(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)
        with (stream := Watched(bus, maxsize=2)):
            publish(bus, 1)
            assert stream.get() == EpochStart(1)
            publish(bus, 2, 3, 4)
            assert not stream.has_waiting.is_set()
            assert stream.dropped == 1
            # There is room again: nothing is refused for good.
            assert stream.get() == EpochStart(2)
            publish(bus, 5)
        assert list(stream) == [EpochStart(3), EpochStart(5)]
        (failure,) = failures
        assert failure.topic == "EpochStart"
        assert failure.cause == (
            "the stream is full, and its publisher is its only consumer, which would wait for itself; read it in "
            "another thread, or give another drop policy"
        )

    def test_in_answer_to_what_it_reads_does_not_wait_for_itself(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)
        stream = Watched(bus)
        answers: list[Event] = []

        def answer() -> None:
            event = stream.get()
            assert event is not None
            answers.append(event)
            publish(bus, 10, 11)

        publish(bus, 1)
        in_thread(answer).result(WAIT_S)
        assert answers == [EpochStart(1)]
        assert len(stream) == 1
        assert len(failures) == 1
        assert not stream.has_waiting.is_set()

    def test_waits_for_another_thread_that_reads_too(self) -> None:
        bus = EventBus()
        stream = Watched(bus)
        failures = failures_of(bus)
        is_reading, go_on = threading.Event(), threading.Event()

        def read() -> None:
            assert stream.get(timeout=0) is None
            is_reading.set()
            assert go_on.wait(WAIT_S)
            assert stream.get(WAIT_S) == EpochStart(1)

        reading = in_thread(read)
        assert is_reading.wait(WAIT_S)
        assert stream.get(timeout=0) is None
        publish(bus, 1)

        def release() -> None:
            assert stream.has_waiting.wait(WAIT_S)
            go_on.set()

        releasing = in_thread(release)
        publish(bus, 2)
        for one in (reading, releasing):
            one.result(WAIT_S)
        assert stream.get() == EpochStart(2)
        assert failures == []

    def test_does_not_wait_for_a_thread_that_has_ended(self) -> None:
        bus = EventBus()
        stream = Watched(bus)
        failures = failures_of(bus)
        reading = threading.Thread(target=stream.get, args=(0,))
        reading.start()
        reading.join(WAIT_S)
        assert stream.get(timeout=0) is None
        publish(bus, 1, 2)
        assert not stream.has_waiting.is_set()
        assert len(failures) == 1
        assert not reading.is_alive()


class TestOptions:
    @pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan])
    def test_no_time_and_time_without_end_are_refused(self, timeout: float) -> None:
        bus = EventBus()
        with pytest.raises(ValueError, match=f"^cannot make event stream: timeout is {timeout}; give seconds above 0$"):
            EventStream(bus, drop=DropPolicy.BLOCK, timeout=timeout)
        assert bus.subscriptions == ()

    @pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan])
    def test_no_time_and_time_without_end_are_refused_by_async_streams_too(self, timeout: float) -> None:
        async def work() -> None:
            with pytest.raises(
                ValueError, match=f"^cannot make async event stream: timeout is {timeout}; give seconds"
            ):
                AsyncEventStream(bus, drop=DropPolicy.BLOCK, timeout=timeout)

        bus = EventBus()
        asyncio.run(work())
        assert bus.subscriptions == ()

    def test_may_be_given_as_text(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)
        with EventStream(bus, EpochStart, maxsize=1, drop="block", timeout=SOON_S) as stream:  # type: ignore[arg-type]
            publish(bus, 1, 2)
        assert list(stream) == [EpochStart(1)]
        assert len(failures) == 1

    def test_error_can_be_pickled(self) -> None:
        error = pickle.loads(pickle.dumps(StreamBlockedError("EpochStart", "full")))  # noqa: S301 - made here
        assert (error.topic, error.cause) == ("EpochStart", "full")
        assert str(error) == "cannot deliver event 'EpochStart': full"


class TestRoomInAnEventLoop:
    def test_is_waited_for_by_publishers_in_other_threads(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)

        async def read() -> list[object]:
            async with AsyncEventStream(bus, "work", maxsize=2, drop=DropPolicy.BLOCK, timeout=WAIT_S) as stream:
                publishing = [in_thread(send, who) for who in range(3)]
                heard: list[object] = []
                async for event in stream:
                    assert isinstance(event, CustomEvent)
                    assert len(stream) <= 2
                    heard.append(event.data)
                    if len(heard) == 90:
                        break
                for one in publishing:
                    one.result(WAIT_S)
                assert stream.dropped == 0
                return heard

        def send(who: int) -> None:
            for number in range(30):
                bus.publish(CustomEvent("work", (who, number)))

        heard = asyncio.run(read())
        assert sorted(heard) == [(who, number) for who in range(3) for number in range(30)]  # type: ignore[type-var] # tuples of numbers
        for who in range(3):
            own = [one for one in heard if isinstance(one, tuple) and one[0] == who]
            assert own == sorted(own)
        assert failures == []

    def test_is_not_waited_for_in_the_thread_of_the_loop(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)

        async def work() -> None:
            async with AsyncEventStream(bus, EpochStart, maxsize=1, drop=DropPolicy.BLOCK, timeout=WAIT_S) as stream:
                publish(bus, 1, 2)
                assert (await stream.get(), stream.dropped) == (EpochStart(1), 1)
                publish(bus, 3)
                assert await stream.get() == EpochStart(3)

        asyncio.run(work())
        (failure,) = failures
        assert failure.cause == (
            "the stream is full, and its publisher is in the thread of the event loop that reads it, which would wait "
            "for itself; publish in another thread, or give another drop policy"
        )

    def test_that_does_not_come_in_time_costs_the_event_and_is_reported(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)

        async def work() -> None:
            async with AsyncEventStream(bus, EpochStart, maxsize=1, drop=DropPolicy.BLOCK, timeout=SOON_S) as stream:
                in_thread(publish, bus, 1, 2).result(WAIT_S)  # the loop stands still meanwhile
                assert (await stream.get(), stream.dropped) == (EpochStart(1), 1)

        asyncio.run(work())
        cause = "the stream was full for 0.001 s; read it faster, or give a larger maxsize"
        assert [failure.cause for failure in failures] == [cause]

    def test_is_not_waited_for_any_more_when_the_stream_is_closed(self) -> None:
        bus = EventBus()
        failures = failures_of(bus)

        async def work() -> None:
            stream = AsyncEventStream(bus, EpochStart, maxsize=1, drop=DropPolicy.BLOCK, timeout=WAIT_S)
            is_waiting = threading.Event()
            wait_for = stream._has_room.wait_for

            def tell_and_wait(predicate: Callable[[], bool], timeout: float | None = None) -> bool:
                is_waiting.set()
                return wait_for(predicate, timeout)

            stream._has_room.wait_for = tell_and_wait  # type: ignore[assignment] # to know the moment
            publishing = in_thread(publish, bus, 1, 2)
            assert is_waiting.wait(WAIT_S)
            stream.close()
            publishing.result(WAIT_S)
            assert [event async for event in stream] == [EpochStart(1)]

        asyncio.run(work())
        assert failures == []
