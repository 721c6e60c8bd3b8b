"""Async actions: awaited wherever they are run, cancelled where they await."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    ActionCall,
    ActionCancelled,
    ActionCompleted,
    ActionPolicy,
    ActionStarted,
    ActionTimeoutError,
    BaseAction,
    CancellationToken,
    ResultError,
    WorkCancelledError,
)
from plugbus.kernel import Event

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_S = 30
NAME: ContextVar[str] = ContextVar("NAME", default="nobody")


class Params(BaseModel):
    value: int = 1


class Count(BaseModel):
    value: int


class Around(BaseAction[Params]):
    async def execute(self) -> tuple[str, int]:
        await asyncio.sleep(0)
        return NAME.get(), threading.get_ident()


class Endless(BaseAction[Params]):
    action_name = "endless"

    async def execute(self) -> None:
        self.log("waiting")
        await asyncio.Event().wait()


class Stubborn(BaseAction[Params]):
    """Cleans up when it is cancelled, and returns all the same."""

    async def execute(self) -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "cleaned"


def discard(event: Event) -> None: ...


def in_a_loop(call: Callable[[], Any]) -> Any:
    async def inside() -> Any:
        return call()

    return asyncio.run(inside())


def alone(call: Callable[[], Any]) -> Any:
    return call()


@pytest.fixture(params=[alone, in_a_loop])
def surrounded(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    found: Callable[[Callable[[], Any]], Any] = request.param
    return found


class TestAsyncAction:
    def test_sees_the_context_variables_of_the_caller(self, surrounded: Callable[..., Any]) -> None:
        token = NAME.set("caller")
        try:
            name, _ = surrounded(lambda: ActionCall(Around).run_here(discard))
        finally:
            NAME.reset(token)
        assert name == "caller"

    def test_stays_in_this_thread_unless_a_loop_is_running_in_it(self) -> None:
        here = threading.get_ident()
        assert ActionCall(Around).run_here(discard)[1] == here
        assert in_a_loop(lambda: ActionCall(Around).run_here(discard))[1] != here

    def test_has_its_result_validated(self) -> None:
        class Wrong(BaseAction[Params]):
            result_model = Count

            async def execute(self) -> dict[str, str]:
                return {"value": "many"}

        with pytest.raises(ResultError) as caught:
            ActionCall(Wrong).run_here(discard)
        assert caught.value.result == {"value": "many"}

    def test_raises_what_it_raises(self, surrounded: Callable[..., Any]) -> None:
        error = ArithmeticError("ran away")

        class Failing(BaseAction[Params]):
            async def execute(self) -> None:
                raise error

        with pytest.raises(ArithmeticError) as caught:
            surrounded(lambda: ActionCall(Failing).run_here(discard))
        assert caught.value is error

    def test_is_cancelled_from_another_thread_where_it_awaits(self, surrounded: Callable[..., Any]) -> None:
        token, events = CancellationToken(), list[Event]()

        def publish(event: Event) -> None:
            events.append(event)
            if len(events) == 2:
                threading.Thread(target=token.cancel, args=("enough",)).start()

        with pytest.raises(WorkCancelledError, match=r"^cannot go on with action 'endless': enough$"):
            surrounded(lambda: ActionCall(Endless, cancellation=token).run_here(publish))
        assert (type(events[0]), type(events[-1])) == (ActionStarted, ActionCancelled)

    def test_that_cancels_itself_is_cancelled(self) -> None:
        class Quitting(BaseAction[Params]):
            async def execute(self) -> None:
                raise asyncio.CancelledError

        events: list[Event] = []
        with pytest.raises(WorkCancelledError, match="it cancelled itself"):
            ActionCall(Quitting, cancellation=CancellationToken()).run_here(events.append)
        assert isinstance(events[-1], ActionCancelled)

    def test_that_returns_though_it_is_cancelled_is_complete(self) -> None:
        token, events = CancellationToken(), list[Event]()
        token.cancel()
        assert ActionCall(Stubborn, cancellation=token).run_here(events.append) == "cleaned"
        assert isinstance(events[-1], ActionCompleted)

    def test_is_cancelled_when_its_time_is_over(self, surrounded: Callable[..., Any]) -> None:
        policy = ActionPolicy(timeout_s=0.01)
        with pytest.raises(ActionTimeoutError):
            surrounded(lambda: ActionCall(Endless, policy=policy).run_here(discard))
        with pytest.raises(ActionTimeoutError) as caught:
            surrounded(lambda: ActionCall(Stubborn, policy=policy).run_here(discard))
        assert caught.value.result == "cleaned"

    def test_leaves_no_thread_no_task_and_nothing_on_the_token(self, surrounded: Callable[..., Any]) -> None:
        left: list[asyncio.Task[Any]] = []

        class Leaving(BaseAction[Params]):
            async def execute(self) -> None:
                left.append(asyncio.create_task(asyncio.Event().wait()))
                await asyncio.sleep(0)

        token, before = CancellationToken(), threading.active_count()
        surrounded(lambda: ActionCall(Leaving, cancellation=token).run_here(discard))
        assert [one.cancelled() for one in left] == [True]
        assert threading.active_count() == before
        assert token._calls == {}

    @pytest.mark.skipif(sys.platform == "win32", reason="signals of a process are not those of Windows")
    def test_is_ended_by_ctrl_c(self, surrounded: Callable[..., Any]) -> None:
        ended, main = list[str](), threading.main_thread().ident
        assert main is not None

        def press() -> None:
            # A loop that stands still hears the first one when it goes on, and is broken off by the second.
            while not ended:
                time.sleep(0.02)
                signal.pthread_kill(main, signal.SIGINT)
                if surrounded is alone:
                    return
                time.sleep(0.1)

        class Interrupted(BaseAction[Params]):
            async def execute(self) -> None:
                threading.Thread(target=press, daemon=True).start()
                try:
                    await asyncio.Event().wait()
                finally:
                    ended.append("cleaned")

        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        events: list[Event] = []
        try:
            with pytest.raises(KeyboardInterrupt):
                surrounded(lambda: ActionCall(Interrupted).run_here(events.append))
        finally:
            signal.signal(signal.SIGINT, previous)
        assert ended == ["cleaned"]
        assert isinstance(events[-1], ActionCancelled)
