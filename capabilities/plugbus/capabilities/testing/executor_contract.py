"""What every executor has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

import asyncio
import threading
import warnings
from abc import ABC, abstractmethod
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from ..actions import ActionCall, ActionPolicy, BaseAction, RetryPolicy, action
from ..cancellation import CancellationToken
from ..context import RuntimeContext  # noqa: TC001 - authors write it so
from ..errors import ActionTimeoutError, ParamsError, ResultError, WorkCancelledError
from ..events import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionRetried,
    ActionStarted,
    EventLogged,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    ProgressReported,
    WorkEvent,
)
from ..executors import ExecutorTraits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.kernel import Event

    from ..executors import Executor

# Enough that an executor that mixes jobs up is caught, and little enough for one that starts a process for each.
JOBS = 24
WAIT_S = 60


class EchoParams(BaseModel):
    """Parameters of all actions here."""

    value: Any = None
    count: int = 1


class EchoResult(BaseModel):
    """What ``EchoAction`` returns."""

    value: Any
    count: int


class EchoAction(BaseAction[EchoParams]):
    """Return the parameters as a mapping, which becomes an object of the result model."""

    action_name = "echo"
    result_model = EchoResult

    def execute(self) -> dict[str, Any]:
        """Return the parameters."""
        return {"value": self.params.value, "count": self.params.count}


class LooseAction(BaseAction[EchoParams]):
    """Return what does not fit the result model."""

    result_model = EchoResult

    def execute(self) -> dict[str, Any]:
        """Return too little."""
        return {"value": self.params.value}


class WorkError(Exception):
    """A failure with a fact."""

    def __init__(self, fact: Any) -> None:
        super().__init__(fact)
        self.fact = fact


class FailingAction(BaseAction[EchoParams]):
    """Raise."""

    def execute(self) -> None:
        """Raise an error that carries the parameter."""
        raise WorkError(self.params.value)


class ReportingAction(BaseAction[EchoParams]):
    """Report in every way there is, once for each of ``count``."""

    def execute(self) -> int:
        """Report and return how often."""
        for place in range(self.params.count):
            self.set_progress(place, self.params.count, "echo")
            self.set_metrics({"loss": 1 / (place + 1)}, "echo", step=place)
            self.log("done", {"place": place})
            self.logger.warning("done: %d", place)
        return self.params.count


class ObedientAction(BaseAction[EchoParams]):
    """Stop if asked to, else return the parameter."""

    def execute(self) -> Any:
        """Look once."""
        self.ctx.raise_if_cancelled()
        return self.params.value


class SurroundingsAction(BaseAction[EchoParams]):
    """Return what it finds around it, and leave a mark there."""

    def execute(self) -> tuple[dict[str, Any], str | None, int]:
        """Return settings, job and thread, then write into the settings."""
        found = dict(self.ctx.env)
        settings: Any = self.ctx.env
        with suppress(TypeError):
            settings["mark"] = "left by the last job"
        return found, self.ctx.job_id, threading.get_ident()


class AsyncAction(BaseAction[EchoParams]):
    """Await, once for each of ``count``, and return the parameter."""

    result_model = EchoResult

    async def execute(self) -> dict[str, Any]:
        """Give others their turn."""
        for place in range(self.params.count):
            self.set_progress(place, self.params.count, "echo")
            await asyncio.sleep(0)
        return {"value": self.params.value, "count": self.params.count}


class EndlessAsyncAction(BaseAction[EchoParams]):
    """Await what never comes."""

    async def execute(self) -> None:
        """Wait, but not for ever: an executor that can't stop it is to be told, not to hang the suite."""
        await asyncio.wait_for(asyncio.Event().wait(), WAIT_S)


class EndlessAction(BaseAction[EchoParams]):
    """Work until it is asked to stop."""

    def execute(self) -> None:
        """Wait for the token."""
        assert self.ctx.cancellation is not None
        self.ctx.cancellation.wait(WAIT_S)
        self.ctx.raise_if_cancelled()


class FlakyParams(BaseModel):
    """Parameters of ``FlakyAction``."""

    notes: Path
    failures: int


class FlakyAction(BaseAction[FlakyParams]):
    """Fail so many times, and note each attempt in a file, which outlives a process."""

    def execute(self) -> int:
        """Return the number of the attempt that succeeds."""
        with self.params.notes.open("a", encoding="utf-8") as file:
            file.write("attempt\n")
        attempts = len(self.params.notes.read_text("utf-8").splitlines())
        if attempts <= self.params.failures:
            raise ConnectionError(f"attempt {attempts}")
        return attempts


with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it is to be run all the same

    @action(name="function", result=EchoResult)
    def function_action(params: EchoParams, ctx: RuntimeContext) -> dict[str, Any]:
        """Return the parameters, and say so."""
        ctx.log("called")
        return {"value": params.value, "count": params.count}


class ExecutorContract(ABC):
    """Inherit it in a class named ``Test…`` and give it the fixture ``executor``."""

    @pytest.fixture
    @abstractmethod
    def executor(self) -> Iterator[Executor]:
        """Yield the executor that is to be tested, made without settings; shut it down afterwards."""

    @pytest.fixture
    def events(self) -> list[WorkEvent]:
        """Return the list that ``published`` fills."""
        return []

    def run(self, executor: Executor, call: ActionCall, events: list[WorkEvent] | None = None) -> Any:
        """Submit a call, wait for it, and return its result."""

        def keep(event: Event) -> None:
            assert isinstance(event, WorkEvent)
            assert events is not None
            events.append(event)

        return executor.submit(call, None if events is None else keep).result(WAIT_S)

    def test_traits_are_told(self, executor: Executor) -> None:
        """An executor says what can be expected of it, and says the same each time."""
        assert isinstance(executor.traits, ExecutorTraits)
        assert executor.traits == executor.traits

    def test_submit_returns_the_future_of_the_result(self, executor: Executor) -> None:
        """A mapping that an action returns arrives as an object of its result model."""
        future = executor.submit(ActionCall(EchoAction, {"value": {"a": [1, 2]}, "count": 3}))
        assert isinstance(future, Future)
        assert future.result(WAIT_S) == EchoResult(value={"a": [1, 2]}, count=3)

    def test_params_may_be_a_mapping_or_an_object_or_nothing(self, executor: Executor) -> None:
        """Whatever form the parameters have, the action gets an object of its model."""
        for params in ({"count": 1}, EchoParams(), None):
            assert self.run(executor, ActionCall(EchoAction, params)) == EchoResult(value=None, count=1)

    def test_wrong_params_are_refused_with_every_fault(self, executor: Executor) -> None:
        """The future holds the refusal; the action is not begun."""
        events: list[WorkEvent] = []
        with pytest.raises(ParamsError) as caught:
            self.run(executor, ActionCall(EchoAction, {"count": "many"}), events)
        assert [path for path, _ in caught.value.faults] == ["count"]
        assert caught.value.action == "echo"
        assert events == []

    def test_a_wrong_result_is_refused_and_kept(self, executor: Executor) -> None:
        """What took hours to compute is not thrown away because a field is missing."""
        with pytest.raises(ResultError) as caught:
            self.run(executor, ActionCall(LooseAction, {"value": "hours of work"}))
        assert caught.value.result == {"value": "hours of work"}
        assert [path for path, _ in caught.value.faults] == ["count"]

    def test_an_error_arrives_as_it_was_raised(self, executor: Executor) -> None:
        """Type and facts of an error are those that the action raised."""
        with pytest.raises(WorkError) as caught:
            self.run(executor, ActionCall(FailingAction, {"value": ["a", 1]}))
        assert caught.value.fact == ["a", 1]

    def test_execute_returns_and_raises_what_the_action_does(self, executor: Executor) -> None:
        """``execute`` is ``submit`` and waiting."""
        assert executor.execute(EchoAction, {"value": 1}, name="e", job_id="j") == EchoResult(value=1, count=1)
        with pytest.raises(WorkError):
            executor.execute(FailingAction)

    def test_events_of_a_job_arrive_in_order(self, executor: Executor, events: list[WorkEvent]) -> None:
        """Start, reports and completion are published in order, all of them before the future is done."""
        self.run(executor, ActionCall(ReportingAction, {"count": 2}, "plugin.report", "job-7"), events)
        assert {event.job_id for event in events} == {"job-7"}
        assert events[:-1] == [
            ActionStarted("job-7", "plugin.report"),
            ProgressReported("job-7", 0, 2, "echo"),
            MetricsRecorded("job-7", {"loss": 1.0}, "echo", 0),
            EventLogged("job-7", "done", {"place": 0}),
            MessageLogged("job-7", LogLevel.WARNING, "done: 0"),
            ProgressReported("job-7", 1, 2, "echo"),
            MetricsRecorded("job-7", {"loss": 0.5}, "echo", 1),
            EventLogged("job-7", "done", {"place": 1}),
            MessageLogged("job-7", LogLevel.WARNING, "done: 1"),
        ]
        completed = events[-1]
        assert isinstance(completed, ActionCompleted)
        assert completed.action == "plugin.report"
        assert completed.duration_s >= 0

    @pytest.mark.parametrize(("action", "error"), [(FailingAction, WorkError), (LooseAction, ResultError)])
    def test_a_failure_is_published(
        self,
        executor: Executor,
        events: list[WorkEvent],
        action: type[BaseAction[Any]],
        error: type[Exception],
    ) -> None:
        """An action that raises, or returns what it may not, failed: with its error, and without a completion."""
        with pytest.raises(error):
            self.run(executor, ActionCall(action, {"value": 5}, job_id="job-8"), events)
        started, failed = events
        assert started == ActionStarted("job-8", action.__qualname__)
        assert isinstance(failed, ActionFailed)
        assert isinstance(failed.error, error)
        assert failed.action == action.__qualname__

    def test_without_a_place_for_events_the_work_is_done_all_the_same(self, executor: Executor) -> None:
        """Nobody has to listen."""
        assert self.run(executor, ActionCall(ReportingAction, {"count": 1})) == 1

    def test_an_action_gets_its_settings_and_no_others(
        self, executor: Executor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Settings are those of the call: nothing of the process's environment, nothing that another job wrote."""
        monkeypatch.setenv("PLUGBUS_CONTRACT", "must not be seen")
        env = {"HOST": "example.org"}
        for job_id in ("job-1", "job-2"):
            found, seen_id, _ = self.run(executor, ActionCall(SurroundingsAction, job_id=job_id, env=env))
            assert found == {"HOST": "example.org"}
            assert seen_id == job_id
        assert env == {"HOST": "example.org"}
        for _ in range(2):
            assert self.run(executor, ActionCall(SurroundingsAction))[0] == {}

    def test_a_cancelled_token_stops_the_action(self, executor: Executor) -> None:
        """The call's token reaches the action, which ends as cancelled and not as failed."""
        token = CancellationToken()
        assert self.run(executor, ActionCall(ObedientAction, {"value": 1}, cancellation=token)) == 1
        token.cancel("enough")
        events: list[WorkEvent] = []
        with pytest.raises(WorkCancelledError, match="enough"):
            self.run(executor, ActionCall(ObedientAction, {"value": 1}, cancellation=token), events)
        assert [type(event) for event in events] == [ActionStarted, ActionCancelled]

    def test_an_async_action_is_awaited(self, executor: Executor, events: list[WorkEvent]) -> None:
        """What it returns is its result, validated as any other."""
        result = self.run(executor, ActionCall(AsyncAction, {"value": 1, "count": 2}, job_id="job"), events)
        assert result == EchoResult(value=1, count=2)
        kinds = [type(event) for event in events]
        assert kinds == [ActionStarted, ProgressReported, ProgressReported, ActionCompleted]

    def test_an_async_action_is_run_where_a_loop_is_running(self, executor: Executor) -> None:
        """Whoever calls an executor from async code waits for it, as with any other action."""

        async def call() -> Any:
            return executor.execute(AsyncAction, {"value": 1})

        assert asyncio.run(call()) == EchoResult(value=1, count=1)

    def test_a_cancelled_token_stops_an_async_action_that_waits(self, executor: Executor) -> None:
        """It need not look at the token."""
        token = CancellationToken()
        token.cancel("enough")
        events: list[WorkEvent] = []
        with pytest.raises(WorkCancelledError, match="enough"):
            self.run(executor, ActionCall(EndlessAsyncAction, cancellation=token), events)
        assert [type(event) for event in events] == [ActionStarted, ActionCancelled]

    @pytest.mark.parametrize("endless", [EndlessAction, EndlessAsyncAction])
    def test_an_action_whose_time_is_over_is_stopped(
        self, executor: Executor, endless: type[BaseAction[Any]], events: list[WorkEvent]
    ) -> None:
        """It failed, with its limit told."""
        call = ActionCall(endless, name="plugin.endless", policy=ActionPolicy(timeout_s=0.05))
        with pytest.raises(ActionTimeoutError) as caught:
            self.run(executor, call, events)
        assert (caught.value.action, caught.value.limit, caught.value.seconds) == ("plugin.endless", "timeout_s", 0.05)
        assert [type(event) for event in events] == [ActionStarted, ActionFailed]

    def test_an_action_is_tried_again_as_its_policy_says(
        self, executor: Executor, events: list[WorkEvent], tmp_path: Path
    ) -> None:
        """Each failed attempt is published, and the start and the end once."""
        policy = ActionPolicy(retries=RetryPolicy(attempts=3, initial_delay_s=0))
        params = FlakyParams(notes=tmp_path / "notes.txt", failures=2)
        assert self.run(executor, ActionCall(FlakyAction, params, job_id="job", policy=policy), events) == 3
        assert [type(event) for event in events] == [ActionStarted, ActionRetried, ActionRetried, ActionCompleted]
        retried = [event for event in events if isinstance(event, ActionRetried)]
        assert [(event.job_id, event.action, event.attempt) for event in retried] == [
            ("job", "FlakyAction", 1),
            ("job", "FlakyAction", 2),
        ]
        assert [str(event.error) for event in retried] == ["attempt 1", "attempt 2"]

    def test_the_last_attempt_raises_as_it_is(
        self, executor: Executor, events: list[WorkEvent], tmp_path: Path
    ) -> None:
        """When no attempt is left the error is that of the last one."""
        policy = ActionPolicy(retries=RetryPolicy(attempts=2, initial_delay_s=0))
        params = FlakyParams(notes=tmp_path / "notes.txt", failures=9)
        with pytest.raises(ConnectionError, match="attempt 2"):
            self.run(executor, ActionCall(FlakyAction, params, policy=policy), events)
        assert [type(event) for event in events] == [ActionStarted, ActionRetried, ActionFailed]

    def test_an_action_that_is_a_function_is_run(self, executor: Executor, events: list[WorkEvent]) -> None:
        """What ``@action`` made is an action like any other."""
        result = self.run(executor, ActionCall(function_action, {"value": 1, "count": "2"}), events)
        assert result == EchoResult(value=1, count=2)
        assert [type(event) for event in events] == [ActionStarted, EventLogged, ActionCompleted]
        with pytest.raises(ParamsError):
            self.run(executor, ActionCall(function_action, {"count": "many"}))

    def test_jobs_of_several_threads_are_not_mixed_up(self, executor: Executor) -> None:
        """Every submitter gets its own result and its own events."""
        kept: dict[int, list[WorkEvent]] = {number: [] for number in range(JOBS)}

        def submit(number: int) -> Any:
            call = ActionCall(ReportingAction, {"count": number % 3 + 1}, job_id=str(number))
            return self.run(executor, call, kept[number])

        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(submit, range(JOBS))) == [number % 3 + 1 for number in range(JOBS)]
        for number, events in kept.items():
            assert {event.job_id for event in events} == {str(number)}
            assert len(events) == 2 + 4 * (number % 3 + 1)

    def test_inline_means_this_thread_and_a_future_that_is_done(self, executor: Executor) -> None:
        """The trait ``is_inline`` says whether the caller's thread does the work."""
        future = executor.submit(ActionCall(SurroundingsAction))
        if executor.traits.is_inline:
            assert future.done()
        if not executor.traits.is_remote:
            assert (future.result(WAIT_S)[2] == threading.get_ident()) == executor.traits.is_inline

    def test_ordered_means_started_in_the_order_of_submission(self, executor: Executor) -> None:
        """The trait ``is_ordered`` is kept."""
        if not executor.traits.is_ordered:
            pytest.skip("this executor does not promise an order")
        started: list[str | None] = []

        def keep(event: Event) -> None:
            if isinstance(event, ActionStarted):
                started.append(event.job_id)

        futures = [executor.submit(ActionCall(EchoAction, job_id=str(number)), keep) for number in range(JOBS)]
        for future in futures:
            future.result(WAIT_S)
        assert started == [str(number) for number in range(JOBS)]

    def test_shutdown_refuses_further_calls(self, executor: Executor) -> None:
        """After the end nothing is begun any more; ending twice is allowed."""
        earlier = executor.submit(ActionCall(EchoAction, {"value": "earlier"}))
        executor.shutdown()
        assert earlier.done()
        assert earlier.result(WAIT_S) == EchoResult(value="earlier", count=1)
        executor.shutdown()
        executor.shutdown(wait=False)
        with pytest.raises(RuntimeError, match="echo"):
            executor.submit(ActionCall(EchoAction))
