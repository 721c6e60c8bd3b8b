"""Async subscribers: started in order, awaited together, each in one task and context, with every failure told."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import threading
import weakref
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugbus.capabilities import AsyncFanOut, AsyncSubscription, EpochEnd, EpochStart, FanOutFailed, WorkEvent
from plugbus.kernel import (
    CustomEvent,
    Event,
    EventBus,
    ForgedEventError,
    Kernel,
    PublishDepthError,
    SubscriptionError,
    SystemInit,
)
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

WAIT_S = 60
EVENT = EpochStart(1)
VALUE: ContextVar[str] = ContextVar("VALUE", default="none")


def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(WAIT_S):
            return await work()

    return asyncio.run(limited())


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class Fan(AsyncFanOut):
    """A fan-out of its own bus, with what was reported on that."""

    def __init__(self, **options: Any) -> None:
        self.bus = EventBus()
        self.reports: list[FanOutFailed] = []
        self.bus.subscribe(FanOutFailed, self.reports.append)
        super().__init__(self.bus, **options)


class TestSubscribing:
    def test_hears_classes_topics_and_everything_in_the_order_of_subscription(self) -> None:
        heard: list[tuple[str, str]] = []

        def hearing(name: str) -> Callable[[Event], Awaitable[None]]:
            async def hear(event: Event) -> None:
                heard.append((name, event.topic))

            return hear

        async def work() -> None:
            fan = Fan()
            selectors: dict[str, Any] = {
                "all": "*",
                "topic": "mine",
                "class": EpochStart,
                "root": Event,
                "other": EpochEnd,
                "name": "EpochStart",
                "base": WorkEvent,
            }
            for name, selector in selectors.items():
                fan.subscribe(selector, hearing(name))
            for event in (EVENT, CustomEvent("mine"), CustomEvent("EpochStart"), EVENT):
                await fan.publish(event)

        run(work)
        start = [(name, "EpochStart") for name in ("all", "class", "root", "name")]
        custom = [(name, "mine") for name in ("all", "topic", "root")]
        assert heard == [*start, *custom, *((name, "EpochStart") for name in ("all", "root", "name")), *start]

    def test_serves_the_subscribers_of_the_bus_first_and_in_their_own_way(self) -> None:
        heard: list[str] = []

        async def hear(event: Event) -> None:
            heard.append("async")

        def fail(event: Event) -> None:
            heard.append("failing")
            raise LookupError("no")

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hear)
            fan.bus.subscribe(EpochStart, fail)
            fan.bus.subscribe(EpochStart, lambda event: heard.append("sync"))
            fan.bus.subscribe("SubscriberFailed", lambda event: heard.append(str(event.exception)))
            await fan.publish(EVENT)
            fan.bus.publish(EVENT)

        run(work)
        assert heard == ["failing", "no", "sync", "async", "failing", "no", "sync"]

    def test_gives_the_very_event(self) -> None:
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            heard.append(event)

        fan = Fan()
        fan.subscribe("*", hear)
        asyncio.run(fan.publish(EVENT))
        assert heard[0] is EVENT

    def test_the_same_handler_twice_is_called_twice(self) -> None:
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            heard.append(event)

        fan = Fan()
        fan.subscribe("*", hear)
        fan.subscribe(EpochStart, hear)
        asyncio.run(fan.publish(EVENT))
        assert heard == [EVENT, EVENT]

    def test_takes_whatever_gives_something_to_await(self) -> None:
        heard: list[str] = []

        class Hearing:
            async def __call__(self, event: Event) -> None:
                heard.append("object")

            async def method(self, event: Event) -> None:
                heard.append("method")

        async def hear(name: str, event: Event) -> None:
            await asyncio.sleep(0)
            heard.append(name)

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, Hearing())
            fan.subscribe(EpochStart, Hearing().method)
            fan.subscribe(EpochStart, functools.partial(hear, "partial"))
            fan.subscribe(EpochStart, lambda event: hear("lambda", event))
            fan.subscribe(EpochStart, lambda event: asyncio.ensure_future(hear("future", event)))
            await fan.publish(EVENT)
            assert fan.reports == []

        run(work)
        assert sorted(heard) == ["future", "lambda", "method", "object", "partial"]

    @pytest.mark.parametrize(
        ("selector", "handler", "told"),
        [
            (" ", turns, "a topic is not blank"),
            (int, turns, "give an event class, a topic, or"),
            (5, turns, "give an event class, a topic, or"),
            (EpochStart, None, "'EpochStart': the handler is a NoneType, which can't be called"),
            ("mine", 5, "'mine': the handler is a int, which can't be called"),
        ],
    )
    def test_refuses_what_can_not_be_heard_or_called(self, selector: Any, handler: Any, told: str) -> None:
        fan = Fan()
        with pytest.raises(SubscriptionError, match=told):
            fan.subscribe(selector, handler)
        assert fan.subscriptions == ()

    def test_subscription_tells_what_it_is(self) -> None:
        fan = Fan()
        first = fan.subscribe(EpochStart, turns_of_event, owner="plugin")  # type: ignore[arg-type] # never called
        second = fan.subscribe("mine", turns_of_event)
        assert (first.selector, first.owner, first.handler, first.is_cancelled) == (
            "EpochStart", "plugin", turns_of_event, False,
        )  # fmt: skip
        assert repr(second) == f"<AsyncSubscription of {__name__}.turns_of_event to 'mine'>"
        assert fan.subscriptions == (first, second)

    def test_cancelled_hears_nothing_more(self) -> None:
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            heard.append(event)

        async def work() -> None:
            fan = Fan()
            one = fan.subscribe(EpochStart, hear)
            with fan.subscribe("*", hear) as other:
                await fan.publish(EVENT)
                assert [one.cancel(), one.cancel(), one.is_cancelled] == [True, False, True]
                await fan.publish(EVENT)
            assert other.is_cancelled
            await fan.publish(EVENT)
            assert fan.subscriptions == ()

        run(work)
        assert len(heard) == 3

    def test_cancelled_meanwhile_is_not_started_and_a_new_one_hears_the_next_event(self) -> None:
        heard: list[str] = []

        async def work() -> None:
            fan = Fan()

            async def first(event: Event) -> None:
                heard.append("first")
                last.cancel()
                fan.subscribe(EpochStart, new)

            async def new(event: Event) -> None:
                heard.append("new")

            async def never(event: Event) -> None:
                heard.append("last")

            one = fan.subscribe(EpochStart, first)
            last = fan.subscribe(EpochStart, never)
            await fan.publish(EVENT)
            one.cancel()
            await fan.publish(EVENT)

        run(work)
        assert heard == ["first", "new"]

    def test_cancelled_after_its_start_runs_to_its_end(self) -> None:
        heard: list[str] = []

        async def work() -> None:
            fan = Fan()

            async def hear(event: Event) -> None:
                one.cancel()
                await turns(3)
                heard.append("end")

            one = fan.subscribe(EpochStart, hear)
            await fan.publish(EVENT)

        run(work)
        assert heard == ["end"]

    def test_of_a_plugin_goes_with_the_plugin_where_it_says_so(self) -> None:
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            heard.append(event)

        with Kernel() as kernel:
            fan = AsyncFanOut(kernel.bus)
            plugin = FakePlugin(
                "hearing", on_load=lambda ctx: ctx.on_unload(fan.subscribe(EpochStart, hear, owner="hearing").cancel)
            )
            kernel.register(plugin)
            kernel.load("hearing")
            asyncio.run(fan.publish(EVENT))
            kernel.unload("hearing")
            asyncio.run(fan.publish(EVENT))
        assert heard == [EVENT]

    def test_works_on_what_a_plugin_sees_of_the_bus(self) -> None:
        heard: list[Event] = []
        with Kernel() as kernel:
            plugin = FakePlugin("publishing")
            kernel.register(plugin)
            kernel.load("publishing")
            kernel.bus.subscribe(EpochStart, heard.append)
            assert plugin.ctx is not None
            asyncio.run(AsyncFanOut(plugin.ctx.event_bus).publish(EVENT))
        assert heard == [EVENT]


async def turns_of_event(event: CustomEvent) -> None:
    await turns(event.read(int))


class TestPublishing:
    def test_starts_all_in_order_and_at_once_and_waits_for_the_end_of_each(self) -> None:
        told: list[str] = []

        def hearing(name: str, waits: int) -> Callable[[Event], Awaitable[None]]:
            async def hear(event: Event) -> None:
                told.append(f"{name} begins")
                await turns(waits)
                told.append(f"{name} ends")

            return hear

        async def work() -> None:
            fan = Fan()
            for name, waits in {"a": 2, "b": 0, "c": 1, "d": 0}.items():
                fan.subscribe(EpochStart, hearing(name, waits))
            publishing = fan.publish(EVENT)
            assert told == []
            await publishing

        run(work)
        assert told == ["a begins", "b begins", "b ends", "c begins", "d begins", "d ends", "c ends", "a ends"]

    def test_waits_for_all_at_the_same_time(self) -> None:
        async def work() -> None:
            fan = Fan()
            meeting = asyncio.Barrier(10)
            for _ in range(10):
                fan.subscribe(EpochStart, lambda event: meeting.wait())
            await fan.publish(EVENT)
            assert meeting.n_waiting == 0
            assert fan.reports == []

        run(work)

    def test_returns_without_waiting_where_nobody_waits(self) -> None:
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            heard.append(event)

        async def work() -> None:
            fan = Fan()
            await fan.publish(EVENT)
            fan.subscribe(EpochStart, hear)
            turn = asyncio.create_task(turns(1))
            for _ in range(3):
                await fan.publish(EVENT)
            assert not turn.done()
            await turn

        run(work)
        assert len(heard) == 3

    def test_makes_no_more_tasks_than_handlers_that_wait_and_one_for_a_turn(self) -> None:
        counts: list[int] = []

        async def work() -> None:
            fan = Fan()
            for waits in (0, 1, 0, 0, 2, 0):
                fan.subscribe(CustomEvent, functools.partial(wait_and_count, waits))
            before = len(asyncio.all_tasks())
            none = Fan()
            for _ in range(5):
                none.subscribe(EpochStart, functools.partial(wait_and_count, 0))
            for _ in range(5):
                await none.publish(EVENT)
            assert len(asyncio.all_tasks()) == before + 1
            await turns(2)
            assert len(asyncio.all_tasks()) == before
            assert none._spares == {}
            publishing = asyncio.create_task(fan.publish(CustomEvent("mine")))
            await turns(1)
            # The publisher, two that wait, and the one that was there for the last handler.
            counts.append(len(asyncio.all_tasks()) - before)
            await publishing
            await turns(1)
            assert len(asyncio.all_tasks()) == before

        async def wait_and_count(waits: int, event: Event) -> None:
            await turns(waits)

        run(work)
        assert counts == [4]

    @given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=8), st.integers(1, 3))
    def test_serves_every_handler_once_whatever_the_others_do(self, plan: list[tuple[int, bool]], events: int) -> None:
        begun: list[int] = []
        ended: list[int] = []

        def hearing(number: int, waits: int, *, fails: bool) -> Callable[[Event], Awaitable[None]]:
            async def hear(event: Event) -> None:
                begun.append(number)
                for _ in range(waits):
                    await asyncio.sleep(0)
                ended.append(number)
                if fails:
                    raise LookupError(number)

            return hear

        async def work() -> None:
            logging.disable(logging.CRITICAL)
            fan = Fan()
            for number, (waits, fails) in enumerate(plan):
                fan.subscribe(EpochStart, hearing(number, waits, fails=fails))
            for _ in range(events):
                begun.clear()
                ended.clear()
                fan.reports.clear()
                await fan.publish(EVENT)
                numbers = list(range(len(plan)))
                assert begun == numbers
                assert ended == sorted(numbers, key=lambda number: plan[number][0])
                assert [one.exception.args for one in fan.reports] == [
                    (number,) for number, (_, fails) in enumerate(plan) if fails
                ]

        try:
            run(work)
        finally:
            logging.disable(logging.NOTSET)

    @pytest.mark.parametrize("event", [SystemInit(), CustomEvent("PluginLoaded")])
    def test_refuses_forged_events_before_anyone_hears_them(self, event: Event) -> None:
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            heard.append(event)

        fan = Fan()
        fan.subscribe("*", hear)
        with pytest.raises(ForgedEventError):
            asyncio.run(fan.publish(event))
        assert heard == []

    def test_refuses_what_is_no_event(self) -> None:
        with pytest.raises(TypeError, match="it is no Event"):
            asyncio.run(Fan().publish("text"))  # type: ignore[arg-type] # that is the fault

    def test_needs_an_event_loop(self) -> None:
        publishing = Fan().publish(EVENT)
        with pytest.raises(RuntimeError, match="no running event loop"):
            publishing.send(None)

    def test_works_outside_of_any_task(self) -> None:
        tasks: list[asyncio.Task[Any] | None] = []

        async def hear(event: Event) -> None:
            tasks.append(asyncio.current_task())

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hear)
            done = asyncio.get_running_loop().create_future()

            def publish() -> None:
                try:
                    fan.publish(EVENT).send(None)
                except StopIteration:
                    done.set_result(asyncio.current_task())

            asyncio.get_running_loop().call_soon(publish)
            assert await done is None
            assert tasks[0] is not None

        run(work)

    def test_serves_several_event_loops_at_the_same_time(self) -> None:
        fan = Fan()
        meeting = threading.Barrier(3, timeout=WAIT_S)
        heard: list[tuple[int, asyncio.AbstractEventLoop]] = []

        async def hear(event: CustomEvent) -> None:
            await asyncio.sleep(0)
            heard.append((event.read(int), asyncio.get_running_loop()))

        async def work(number: int) -> None:
            meeting.wait()
            for _ in range(50):
                await fan.publish(CustomEvent("mine", number))

        fan.subscribe("mine", hear)
        threads = [threading.Thread(target=lambda number=number: asyncio.run(work(number))) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        assert len(heard) == 150
        assert len(set(heard)) == 3
        assert fan._spares == {}


class Odd:
    """Gives the event loop what it does not know."""

    def __await__(self) -> Any:
        yield 5


async def wait_oddly() -> None:
    await Odd()


class TestTasks:
    def test_each_handler_has_one_from_its_first_step_to_its_end(self) -> None:
        seen: list[set[asyncio.Task[Any] | None]] = []

        async def hear(event: Event) -> None:
            own = {asyncio.current_task()}
            for _ in range(3):
                await asyncio.sleep(0)
                own.add(asyncio.current_task())
            seen.append(own)

        async def work() -> None:
            fan = Fan()
            for _ in range(3):
                fan.subscribe(EpochStart, hear)
            publisher = asyncio.current_task()
            await fan.publish(EVENT)
            assert asyncio.current_task() is publisher
            assert [len(own) for own in seen] == [1, 1, 1]
            assert len(set.union({publisher}, *seen)) == 4

        run(work)

    def test_who_keeps_his_gets_it_alone(self) -> None:
        kept: list[asyncio.Task[Any] | None] = []
        ended: list[str] = []

        async def keep(event: Event) -> None:
            kept.append(asyncio.current_task())

        async def wait(event: Event) -> None:
            assert asyncio.current_task() not in kept
            await asyncio.sleep(0)
            ended.append("wait")

        async def work() -> None:
            fan = Fan()
            for handler in (keep, wait, keep, wait):
                fan.subscribe(EpochStart, handler)
            for _ in range(2):
                await fan.publish(EVENT)
                for task in kept:
                    assert task is not None
                    task.cancel()
            assert len({id(task) for task in kept}) == 4
            await turns(2)
            assert all(task is not None and task.done() for task in kept)

        run(work)
        assert ended == ["wait"] * 4

    def test_what_one_does_to_his_does_not_meet_the_next(self) -> None:
        called: list[str] = []
        ended: list[str] = []

        async def cancel(event: Event) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()

        async def call_back(event: Event) -> None:
            task = asyncio.current_task()
            assert task is not None
            task.add_done_callback(lambda task: called.append("back"))

        async def wait(event: Event) -> None:
            await turns(3)
            ended.append("wait")
            assert called == ["back"]

        async def work() -> None:
            fan = Fan()
            for handler in (cancel, wait, call_back, wait):
                fan.subscribe(EpochStart, handler)
            await fan.publish(EVENT)
            assert fan.reports == []

        run(work)
        assert ended == ["wait", "wait"]

    def test_that_were_cancelled_while_nobody_needed_them_are_not_used(self) -> None:
        ended: list[str] = []

        async def hear(event: CustomEvent) -> None:
            await turns(event.read(int))
            ended.append("hear")

        async def work() -> None:
            fan = Fan()
            fan.subscribe("mine", hear)
            await fan.publish(CustomEvent("mine", 0))
            (spare,) = asyncio.all_tasks() - {asyncio.current_task()}
            spare.cancel()
            await fan.publish(CustomEvent("mine", 2))
            assert spare.cancelled()

        run(work)
        assert ended == ["hear", "hear"]

    @pytest.mark.parametrize("waits", [0, 1])
    def test_timeouts_are_those_of_the_handler(self, waits: int) -> None:
        told: list[str] = []

        async def hear(event: Event) -> None:
            await turns(waits)
            try:
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            except TimeoutError:
                told.append("timeout")
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 0
            await asyncio.sleep(0)
            told.append("end")

        async def work() -> None:
            fan = Fan()
            for _ in range(2):
                fan.subscribe(EpochStart, hear)
            await fan.publish(EVENT)
            publisher = asyncio.current_task()
            assert publisher is not None
            assert publisher.cancelling() == 0
            assert fan.reports == []

        run(work)
        assert told == ["timeout", "timeout", "end", "end"]

    def test_groups_of_tasks_are_those_of_the_handler(self) -> None:
        ended: list[str] = []

        async def fail() -> None:
            raise LookupError("no")

        async def hear(event: Event) -> None:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(fail())
                    await asyncio.Event().wait()
            except* LookupError:
                ended.append("group")

        async def other(event: Event) -> None:
            await turns(5)
            ended.append("other")

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hear)
            fan.subscribe(EpochStart, other)
            await fan.publish(EVENT)
            assert fan.reports == []

        run(work)
        assert ended == ["group", "other"]

    def test_wait_for_the_same_future_each_for_itself(self) -> None:
        heard: list[int] = []

        async def work() -> None:
            fan = Fan()
            shared: asyncio.Future[int] = asyncio.get_running_loop().create_future()

            async def hear(event: Event) -> None:
                heard.append(await shared)

            for _ in range(3):
                fan.subscribe(EpochStart, hear)
            publishing = asyncio.create_task(fan.publish(EVENT))
            await turns(3)
            assert not publishing.done()
            shared.set_result(7)
            await publishing
            assert fan.reports == []

        run(work)
        assert heard == [7, 7, 7]

    def test_go_on_where_what_they_wait_for_came_before_their_turn(self) -> None:
        heard: list[int] = []

        async def work() -> None:
            fan = Fan()
            shared: asyncio.Future[int] = asyncio.get_running_loop().create_future()

            async def wait(event: Event) -> None:
                heard.append(await shared)

            async def give(event: Event) -> None:
                shared.set_result(7)

            fan.subscribe(EpochStart, wait)
            fan.subscribe(EpochStart, give)
            await fan.publish(EVENT)
            assert fan.reports == []

        run(work)
        assert heard == [7]

    def test_go_on_in_the_very_turn_that_they_wait_for(self) -> None:
        told: list[str] = []

        async def hear(event: Event) -> None:
            asyncio.get_running_loop().call_soon(told.append, "loop")
            await asyncio.sleep(0)
            told.append("handler")

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hear)
            await fan.publish(EVENT)

        run(work)
        assert told == ["handler", "loop"]

    def test_are_told_when_they_give_the_loop_what_it_does_not_know(self) -> None:
        async def hear(event: Event) -> None:
            await Odd()

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hear)
            await fan.publish(EVENT)
            (report,) = fan.reports
            assert isinstance(report.exception, RuntimeError)
            assert "got bad yield: 5" in str(report.exception)

        run(work)

    def test_of_a_loop_that_went_away_end_where_they_are(self, caplog: pytest.LogCaptureFixture) -> None:
        told: list[str] = []
        fan = Fan()

        async def hear(event: Event) -> None:
            token = VALUE.set("inside")
            try:
                await asyncio.Event().wait()
            finally:
                VALUE.reset(token)
                told.append("end")

        fan.subscribe(EpochStart, hear)
        loop = asyncio.new_event_loop()
        publishing = loop.create_task(fan.publish(EVENT))
        loop.run_until_complete(turns(2))
        loop.close()
        del publishing, loop
        gc.collect()
        assert told == ["end"]
        assert {record.getMessage().splitlines()[0] for record in caplog.records} == {
            "Task was destroyed but it is pending!"
        }


class TestCancelledTasks:
    """Handlers that another one cancels before the first turn of their tasks, as any task can be."""

    def publish(self, wait: Callable[[], Awaitable[object]], *, meanwhile: Callable[[], object] = list) -> list[str]:
        told: list[str] = []

        async def work() -> None:
            fan = Fan()
            tasks: list[asyncio.Task[Any]] = []

            async def hear(event: Event) -> None:
                task = asyncio.current_task()
                assert task is not None
                tasks.append(task)
                try:
                    await wait()
                except asyncio.CancelledError:
                    told.append("cancelled")
                    raise

            async def cancel(event: Event) -> None:
                meanwhile()
                tasks[0].cancel()

            fan.subscribe(EpochStart, hear)
            fan.subscribe(EpochStart, cancel)
            await fan.publish(EVENT)
            (report,) = fan.reports
            told.append(type(report.exception).__name__)

        run(work)
        return told

    def test_end_where_they_only_wait_for_their_turn(self) -> None:
        assert self.publish(lambda: asyncio.sleep(0)) == ["cancelled", "CancelledError"]

    def test_end_where_they_wait_for_what_the_loop_does_not_know(self) -> None:
        assert self.publish(wait_oddly) == ["cancelled", "CancelledError"]

    def test_end_where_they_wait_for_a_future(self) -> None:
        assert self.publish(lambda: asyncio.Event().wait()) == ["cancelled", "CancelledError"]

    def test_end_where_what_they_wait_for_came_meanwhile(self) -> None:
        futures: list[asyncio.Future[None]] = []

        async def wait() -> None:
            futures.append(asyncio.get_running_loop().create_future())
            await futures[0]

        told = self.publish(wait, meanwhile=lambda: futures[0].set_result(None))
        assert told == ["cancelled", "CancelledError"]

    def test_end_after_the_task_that_they_wait_for(self) -> None:
        ended: list[str] = []

        async def child(begun: asyncio.Event) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await turns(2)
                ended.append("child")

        async def work() -> None:
            begun = asyncio.Event()
            waiting = asyncio.create_task(child(begun))
            await begun.wait()
            fan = Fan()
            tasks: list[asyncio.Task[Any]] = []

            async def hear(event: Event) -> None:
                task = asyncio.current_task()
                assert task is not None
                tasks.append(task)
                try:
                    await waiting
                finally:
                    ended.append("parent")

            async def cancel(event: Event) -> None:
                tasks[0].cancel()

            fan.subscribe(EpochStart, hear)
            fan.subscribe(EpochStart, cancel)
            await fan.publish(EVENT)
            assert [type(report.exception) for report in fan.reports] == [asyncio.CancelledError]

        run(work)
        assert ended == ["child", "parent"]


class TestContexts:
    def test_handlers_see_that_of_the_publisher_and_change_only_their_own(self) -> None:
        seen: list[str] = []

        def hearing(name: str, waits: int) -> Callable[[Event], Awaitable[None]]:
            async def hear(event: Event) -> None:
                seen.append(VALUE.get())
                VALUE.set(name)
                await turns(waits)
                seen.append(VALUE.get())

            return hear

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hearing("a", 0))
            fan.subscribe(EpochStart, hearing("b", 1))
            fan.subscribe(EpochStart, hearing("c", 0))
            VALUE.set("publisher")
            await fan.publish(EVENT)
            assert VALUE.get() == "publisher"

        copy_context().run(run, work)
        assert seen == ["publisher", "a", "publisher", "publisher", "c", "b"]

    def test_a_token_is_good_to_the_end(self) -> None:
        async def hear(event: Event) -> None:
            token = VALUE.set("inside")
            await turns(2)
            VALUE.reset(token)
            assert VALUE.get() == "none"

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hear)
            await fan.publish(EVENT, raises=True)

        run(work)

    def test_a_token_is_good_when_something_is_raised_into_the_handler(self) -> None:
        async def hear(event: Event) -> None:
            token = VALUE.set("inside")
            try:
                async with asyncio.timeout(0):
                    await asyncio.Event().wait()
            except TimeoutError:
                VALUE.reset(token)

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hear)
            await fan.publish(EVENT, raises=True)

        run(work)

    def test_tasks_of_a_handler_get_its_own(self) -> None:
        seen: list[str] = []

        async def look() -> None:
            seen.append(VALUE.get())

        async def hear(event: Event) -> None:
            await asyncio.sleep(0)
            VALUE.set("handler")
            await asyncio.create_task(look())

        fan = Fan()
        fan.subscribe(EpochStart, hear)
        asyncio.run(fan.publish(EVENT))
        assert seen == ["handler"]


def failing(error: BaseException, waits: int = 0) -> Callable[[Event], Awaitable[None]]:
    async def fail(event: Event) -> None:
        await turns(waits)
        raise error

    return fail


class TestFailures:
    @pytest.mark.parametrize("waits", [0, 2])
    def test_stop_nobody_and_are_logged_and_reported(self, caplog: pytest.LogCaptureFixture, waits: int) -> None:
        error = LookupError("no")
        heard: list[Event] = []
        handler = failing(error, waits)

        async def hear(event: Event) -> None:
            heard.append(event)

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, handler, owner="plugin")
            fan.subscribe("*", hear)
            await fan.publish(EVENT)
            assert fan.reports == [FanOutFailed(f"{__name__}.failing.<locals>.fail", "plugin", EVENT, error)]
            assert heard == [EVENT, fan.reports[0]]

        run(work)
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert record.name.startswith("plugbus.capabilities.")
        assert record.getMessage() == (
            f"async subscriber {__name__}.failing.<locals>.fail failed on event EpochStart: LookupError('no')"
        )
        assert record.exc_info is not None
        assert record.exc_info[1] is error
        assert (record.plugin_id, record.topic) == ("plugin", "EpochStart")  # type: ignore[attr-defined] # from extra

    def test_are_reported_in_the_order_of_subscription(self) -> None:
        async def work() -> list[object]:
            fan = Fan()
            for number, waits in enumerate((3, 0, 1, 0)):
                fan.subscribe(EpochStart, failing(LookupError(number), waits))
            await fan.publish(EVENT)
            return [report.exception.args[0] for report in fan.reports]

        assert run(work) == [0, 1, 2, 3]

    def test_of_calls_that_give_nothing_to_await_are_reported(self) -> None:
        def forget(event: Event) -> None:
            pass

        def fail(event: Event) -> Awaitable[None]:
            raise LookupError("no")

        async def too_many(event: Event, other: int) -> None:
            pass

        async def work() -> list[str]:
            fan = Fan()
            for handler in (forget, fail, too_many, CalledWrongly()):
                fan.subscribe(EpochStart, handler)  # type: ignore[arg-type] # that is the fault
            await fan.publish(EVENT)
            return [type(report.exception).__name__ for report in fan.reports]

        assert run(work) == ["TypeError", "LookupError", "TypeError", "TypeError"]

    def test_of_those_who_hear_of_failures_are_only_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, failing(LookupError("first")))
            fan.subscribe(FanOutFailed, failing(LookupError("second"), 1))
            await fan.publish(EVENT)
            assert [str(report.exception) for report in fan.reports] == ["first"]

        run(work)
        assert [record.getMessage().split(": ")[1] for record in caplog.records] == [
            "LookupError('first')",
            "LookupError('second')",
        ]

    def test_are_raised_together_where_the_publisher_asks_for_it(self, caplog: pytest.LogCaptureFixture) -> None:
        first, second = LookupError("first"), ValueError("second")
        ended: list[str] = []

        async def hear(event: Event) -> None:
            await turns(3)
            ended.append("hear")

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, failing(first, 2))
            fan.subscribe(EpochStart, failing(second))
            fan.subscribe(EpochStart, hear)
            with pytest.raises(ExceptionGroup) as caught:
                await fan.publish(EVENT, raises=True)
            assert caught.value.message == ("cannot deliver event 'EpochStart' to all: 2 async handlers failed")
            assert caught.value.exceptions == (first, second)
            assert fan.reports == []

        run(work)
        assert ended == ["hear"]
        assert caplog.records == []

    @pytest.mark.parametrize("waits", [0, 1])
    def test_by_cancellation_that_is_not_the_publishers_are_told_like_others(self, waits: int) -> None:
        async def cancel_itself(event: Event) -> None:
            await turns(waits)
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, cancel_itself)
            fan.subscribe(EpochStart, failing(asyncio.CancelledError("mine"), waits))
            await fan.publish(EVENT)
            assert [type(report.exception) for report in fan.reports] == [asyncio.CancelledError] * 2
            publisher = asyncio.current_task()
            assert publisher is not None
            assert publisher.cancelling() == 0
            with pytest.raises(BaseExceptionGroup) as caught:
                await fan.publish(EVENT, raises=True)
            assert not isinstance(caught.value, ExceptionGroup)

        run(work)

    @pytest.mark.parametrize("raises", [False, True])
    @pytest.mark.parametrize("waits", [0, 2])
    @pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
    def test_by_interrupts_are_raised_when_the_rest_was_served(
        self, kind: type[BaseException], waits: int, raises: bool
    ) -> None:
        ended: list[str] = []

        async def hear(event: Event) -> None:
            await turns(3)
            ended.append("hear")

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, failing(kind("stop"), waits))
            fan.subscribe(EpochStart, failing(LookupError("no")))
            fan.subscribe(EpochStart, failing(kind("late"), 3))
            fan.subscribe(EpochStart, hear)
            with pytest.raises(kind, match="stop"):
                await fan.publish(EVENT, raises=raises)
            assert [str(report.exception) for report in fan.reports] == ["no"]

        run(work)
        assert ended == ["hear"]

    def test_leave_no_garbage_when_nobody_keeps_them(self) -> None:
        class OwnError(Exception):
            pass

        kept: list[weakref.ref[BaseException]] = []

        def hearing(waits: int) -> Callable[[Event], Awaitable[None]]:
            async def fail(event: Event) -> None:
                await turns(waits)
                error = OwnError()
                kept.append(weakref.ref(error))
                try:
                    raise error
                finally:
                    del error

            return fail

        async def work() -> None:
            fan = AsyncFanOut(EventBus())
            fan.subscribe(EpochStart, hearing(0))
            fan.subscribe(EpochStart, hearing(1))
            gc.disable()
            try:
                await fan.publish(EVENT)
                await turns(1)
                assert [one() for one in kept] == [None, None]
            finally:
                gc.enable()

        logging.disable(logging.CRITICAL)
        try:
            run(work)
        finally:
            logging.disable(logging.NOTSET)


class CalledWrongly:
    async def __call__(self) -> None:
        pass


class TestCancellation:
    def publish_and_cancel(
        self,
        fan: Fan,
        handlers: list[Callable[[Event], Awaitable[object]]],
        *,
        after: int = 3,
        again: int | None = None,
    ) -> None:
        """Publish in a task, cancel it after some turns, and again after some more."""

        async def work() -> None:
            for handler in handlers:
                fan.subscribe(EpochStart, handler)
            publishing = asyncio.create_task(fan.publish(EVENT))
            await turns(after)
            publishing.cancel("enough")
            if again is not None:
                await turns(again)
                publishing.cancel("more")
            with pytest.raises(asyncio.CancelledError) as caught:
                await publishing
            assert caught.value.args == ("enough",)
            assert publishing.cancelled()

        run(work)

    @pytest.mark.parametrize("after", [1, 2, 5])
    def test_of_the_publisher_ends_all_handlers_and_waits_for_them(self, after: int) -> None:
        told: list[str] = []

        async def wait(event: Event) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await turns(2)
                told.append("wait")

        async def end(event: Event) -> None:
            told.append("end")

        fan = Fan()
        self.publish_and_cancel(fan, [wait, end, wait], after=after)
        assert told == ["end", "wait", "wait"]
        assert fan.reports == []

    @pytest.mark.parametrize("after", [1, 3])
    def test_goes_to_what_the_handlers_wait_for(self, after: int) -> None:
        told: list[str] = []

        async def child() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await turns(2)
                told.append("child")

        async def hear(event: Event) -> None:
            try:
                await asyncio.create_task(child())
            finally:
                told.append("parent")

        self.publish_and_cancel(Fan(), [hear], after=after + 1)
        assert told == ["child", "parent"]

    def test_is_waited_for_where_a_handler_does_not_heed_it(self) -> None:
        told: list[str] = []

        async def hear(event: Event) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await turns(3)
                told.append("end")

        fan = Fan()
        self.publish_and_cancel(fan, [hear])
        assert told == ["end"]
        assert fan.reports == []

    def test_that_comes_again_is_passed_on_again(self) -> None:
        told: list[str] = []

        async def hear(event: Event) -> None:
            for _ in range(2):
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    told.append("cancelled")

        self.publish_and_cancel(Fan(), [hear], again=3)
        assert told == ["cancelled", "cancelled"]

    def test_leaves_failures_to_the_bus_alone(self, caplog: pytest.LogCaptureFixture) -> None:
        heard: list[Event] = []

        async def hear(event: Event) -> None:
            heard.append(event)

        async def fail_late(event: Event) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                raise LookupError("late")

        fan = Fan()
        fan.subscribe(FanOutFailed, hear)
        self.publish_and_cancel(fan, [failing(LookupError("early")), fail_late])
        assert [str(report.exception) for report in fan.reports] == ["early", "late"]
        assert len(caplog.records) == 2
        assert heard == []

    @pytest.mark.parametrize("late", [0, 1])
    def test_that_comes_while_the_last_handler_ends_is_still_raised(self, late: int) -> None:
        async def work() -> None:
            fan = Fan()
            release = asyncio.Event()
            tasks: list[asyncio.Task[Any]] = []

            async def hear(event: Event) -> None:
                task = asyncio.current_task()
                assert task is not None
                tasks.append(task)
                await release.wait()

            fan.subscribe(EpochStart, hear)
            publishing = asyncio.create_task(fan.publish(EVENT))
            await turns(3)
            release.set()
            # The handler ends in the next turn, and the publisher hears of it in the one after that.
            await turns(late)
            publishing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await publishing
            assert fan.reports == []
            assert [task.exception() for task in tasks] == [None]

        run(work)

    def test_goes_before_failures_that_were_to_be_raised(self) -> None:
        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, failing(LookupError("early")))
            fan.subscribe(EpochStart, lambda event: asyncio.Event().wait())
            publishing = asyncio.create_task(fan.publish(EVENT, raises=True))
            await turns(2)
            publishing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await publishing
            assert [str(report.exception) for report in fan.reports] == ["early"]

        run(work)

    def test_by_a_timeout_of_the_publisher_is_a_timeout(self) -> None:
        told: list[str] = []

        async def hear(event: Event) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                told.append("end")

        async def work() -> None:
            fan = Fan()
            fan.subscribe(EpochStart, hear)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await fan.publish(EVENT)

        run(work)
        assert told == ["end"]


class TestDepth:
    @pytest.mark.parametrize("waits", [0, 1])
    def test_is_limited(self, caplog: pytest.LogCaptureFixture, waits: int) -> None:
        heard: list[int] = []

        async def work() -> None:
            fan = Fan(depth_limit=5)

            async def again(event: EpochStart) -> None:
                await turns(waits)
                heard.append(event.epoch)
                await fan.publish(EpochStart(event.epoch + 1))

            async def hear_failure(event: FanOutFailed) -> None:
                await fan.publish(CustomEvent("answer"))

            fan.subscribe(EpochStart, again)
            fan.subscribe(FanOutFailed, hear_failure)
            await fan.publish(EpochStart(1))
            # Told of the innermost handler; what would be an answer to it lies too deep, which is only logged.
            (report,) = fan.reports
            assert report.event == EpochStart(5)
            assert isinstance(report.exception, PublishDepthError)
            assert len(caplog.records) == 2
            # Nothing of it is left over.
            heard.clear()
            await fan.publish(EpochStart(5))
            assert heard == [5, 6, 7, 8, 9]

        run(work)

    def test_counts_a_report_as_inside_of_what_failed(self, caplog: pytest.LogCaptureFixture) -> None:
        heard: list[Event] = []

        async def work() -> None:
            fan = Fan(depth_limit=2)

            async def answer(event: FanOutFailed) -> None:
                await fan.publish(CustomEvent("answer"))

            fan.bus.subscribe("answer", heard.append)
            fan.subscribe(EpochStart, failing(LookupError("no")))
            fan.subscribe(FanOutFailed, answer)
            await fan.publish(EVENT)

        run(work)
        assert heard == []
        assert "PublishDepthError" in caplog.records[1].getMessage()

    def test_of_what_a_handler_starts_and_does_not_wait_for_begins_anew(self) -> None:
        heard: list[int] = []

        async def work() -> None:
            fan = Fan(depth_limit=2)
            started: list[asyncio.Task[None]] = []

            async def relay(event: EpochStart) -> None:
                heard.append(event.epoch)
                if event.epoch < 10:
                    started.append(asyncio.create_task(fan.publish(EpochStart(event.epoch + 1))))

            fan.subscribe(EpochStart, relay)
            await fan.publish(EpochStart(1))
            for number in range(9):
                await started[number]
            assert fan.reports == []

        run(work)
        assert heard == list(range(1, 11))

    @pytest.mark.parametrize("limit", [0, -1])
    def test_of_nothing_is_refused(self, limit: int) -> None:
        with pytest.raises(ValueError, match=f"^cannot make fan-out: depth_limit is {limit}; give at least 1$"):
            AsyncFanOut(EventBus(), depth_limit=limit)

    def test_publishers_inside_handlers_keep_their_tasks(self) -> None:
        told: list[str] = []

        async def work() -> None:
            fan = Fan()

            async def outer(event: EpochStart) -> None:
                own = asyncio.current_task()
                await fan.publish(CustomEvent("inner", event.epoch))
                assert asyncio.current_task() is own
                await asyncio.sleep(0)
                assert asyncio.current_task() is own
                told.append(f"outer {event.epoch}")

            async def inner(event: CustomEvent) -> None:
                own = asyncio.current_task()
                await turns(event.read(int))
                assert asyncio.current_task() is own
                told.append(f"inner {event.data}")

            for _ in range(2):
                fan.subscribe(EpochStart, outer)
                fan.subscribe("inner", inner)
            for epoch in (0, 1):
                await fan.publish(EpochStart(epoch), raises=True)
            assert fan.reports == []

        run(work)
        assert told == ["inner 0"] * 4 + ["outer 0"] * 2 + ["inner 1"] * 4 + ["outer 1"] * 2


def test_subscriptions_are_made_by_fan_outs() -> None:
    fan = Fan()
    assert isinstance(fan.subscribe("*", turns_of_event), AsyncSubscription)
