"""What a workflow tells on the bus, how it is cancelled, and what its context offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    ActionCall,
    ActionCancelled,
    ActionStarted,
    BaseAction,
    BaseStep,
    BaseStepContext,
    CancellationToken,
    EventLogged,
    MessageLogged,
    MetricsRecorded,
    Orchestrator,
    ProgressPlanned,
    ProgressReported,
    RunEngine,
    RunSpec,
    RunStatus,
    RunStore,
    RuntimeContext,
    StepCompleted,
    StepFailed,
    StepFailedError,
    StepRegistry,
    StepResult,
    StepRollbackFailed,
    StepRolledBack,
    StepSkipped,
    StepStarted,
    WorkCancelledError,
)
from plugbus.capabilities.testing import FakeTracking
from plugbus.kernel import EventBus

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from plugbus.kernel import Event


@dataclass
class Ctx(BaseStepContext):
    did: list[str] = field(default_factory=list)


class Do(BaseStep[Ctx]):
    def __init__(self, name: str, execute: Callable[[Ctx], Any] | None = None, **facts: Any) -> None:
        self._name = name
        self._execute = execute
        self._facts = facts

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return 1.0

    def can_skip(self, context: Ctx) -> bool:
        return "skip" in self._facts

    def execute(self, context: Ctx) -> StepResult:
        context.did.append(self._name)
        if self._execute is not None:
            self._execute(context)
        return StepResult()

    def rollback(self, context: Ctx, result: StepResult) -> None:
        context.did.append(f"-{self._name}")
        if "undo" in self._facts:
            raise self._facts["undo"]


def fail(context: Ctx) -> None:
    raise ValueError("no disk")


def told(*steps: Do, **options: Any) -> tuple[list[Any], Ctx, BaseException | None]:
    """Execute the steps; return what was published, without durations, and what was raised."""
    events: list[Any] = []
    context = Ctx(runtime_ctx=RuntimeContext(job_id="job", publish=events.append), **options)
    raised: BaseException | None = None
    try:
        Orchestrator(StepRegistry(steps), context).execute()
    except BaseException as error:  # noqa: BLE001 - the tests look at it
        raised = error
    for place, one in enumerate(events):
        if isinstance(one, StepCompleted):
            assert one.duration_s >= 0
            events[place] = StepCompleted(one.job_id, one.step, 0)
        elif isinstance(one, StepFailed):
            events[place] = (one.step, one.error)
    return events, context, raised


class TestEvents:
    @pytest.mark.parametrize(("weights", "planned"), [((1.0, 999.0), (1.0, 999.0)), ((0.0, 0.0), (1.0, 1.0))])
    def test_weights_are_told_as_they_are(self, weights: tuple[float, ...], planned: tuple[float, ...]) -> None:
        class Weighed(Do):
            @property
            def progress_weight(self) -> float:
                return weights[int(self.name)]

        events, _, _ = told(Weighed("0"), Weighed("1"))
        assert events[0] == ProgressPlanned("job", {"0": planned[0], "1": planned[1]})

    def test_each_step_is_told_of_with_the_progress_of_the_whole(self) -> None:
        events, _, _ = told(Do("a"), Do("b", skip=True))
        assert events == [
            ProgressPlanned("job", {"a": 1.0, "b": 1.0}),
            StepStarted("job", "a", 1, 2),
            StepCompleted("job", "a", 0),
            ProgressReported("job", 50, 100),
            StepStarted("job", "b", 2, 2),
            StepSkipped("job", "b"),
            ProgressReported("job", 100, 100),
        ]

    def test_a_failure_and_what_is_undone_are_told(self) -> None:
        undo = OSError("busy")
        events, _, raised = told(Do("a"), Do("b", undo=undo), Do("c", skip=True), Do("d", fail))
        assert raised is not None
        assert events[-3:] == [
            ("d", raised.__cause__),
            StepRollbackFailed("job", "b", undo),
            StepRolledBack("job", "a"),
        ]

    def test_a_result_without_success_is_told_as_a_failure(self) -> None:
        class Bad(Do):
            def execute(self, context: Ctx) -> StepResult:
                return StepResult(success=False, error="no disk")

        events, _, _ = told(Bad("a"))
        (_, error) = events[-1]
        assert isinstance(error, StepFailedError)
        assert str(error) == "Step 'a' failed: no disk"

    def test_an_interrupt_is_told_as_a_failure(self) -> None:
        def interrupt(context: Ctx) -> None:
            raise KeyboardInterrupt

        events, _, raised = told(Do("a"), Do("b", interrupt))
        assert events[-2:] == [("b", raised), StepRolledBack("job", "a")]

    @pytest.mark.parametrize("kind", [StepStarted, StepCompleted, ProgressReported])
    def test_a_bus_that_raises_makes_the_workflow_fail_and_is_rolled_back(self, kind: type[Event]) -> None:
        def publish(event: Event) -> None:
            if isinstance(event, kind) and context.did:
                raise RecursionError("too deep")

        context = Ctx(runtime_ctx=RuntimeContext(publish=publish))
        with pytest.raises(StepFailedError, match="too deep"):
            Orchestrator(StepRegistry([Do("a"), Do("b")]), context).execute()
        assert context.did == ["a", "-a"]

    def test_a_bus_that_raises_meanwhile_does_not_stop_the_rollback(self) -> None:
        def publish(event: Event) -> None:
            if isinstance(event, StepFailed | StepRolledBack):
                raise RecursionError("too deep")

        context = Ctx(runtime_ctx=RuntimeContext(publish=publish))
        with pytest.raises(StepFailedError, match="no disk") as caught:
            Orchestrator(StepRegistry([Do("a"), Do("b"), Do("c", fail)]), context).execute()
        assert context.did == ["a", "b", "c", "-b", "-a"]
        assert [one.step for one in caught.value.rollback_failures] == ["c", "b", "a"]

    def test_a_subscriber_that_raises_is_no_failure_of_the_workflow(self) -> None:
        bus = EventBus()
        bus.subscribe(StepStarted, lambda event: 1 / 0)
        context = Ctx(runtime_ctx=RuntimeContext(publish=bus.publish))
        assert Orchestrator(StepRegistry([Do("a")]), context).execute()["success"]

    def test_nothing_is_made_for_nobody(self) -> None:
        assert not RuntimeContext().is_heard
        assert RuntimeContext(publish=lambda event: None).is_heard


class TestCancellation:
    def test_it_stops_before_the_next_step_and_is_rolled_back(self) -> None:
        token = CancellationToken()
        events, context, raised = told(
            Do("a"), Do("b", lambda _: token.cancel("the user left")), Do("c"), cancellation=token
        )
        assert isinstance(raised, WorkCancelledError)
        assert str(raised) == "cannot go on with step 'c': the user left"
        assert (raised.work, raised.reason) == ("step 'c'", "the user left")
        assert context.did == ["a", "b", "-b", "-a"]
        assert [one for one in events if isinstance(one, tuple)] == [], "no step failed"
        assert len(context.step_results) == 2
        assert context.current_step is None

    def test_a_token_that_is_cancelled_before_lets_nothing_begin(self) -> None:
        token = CancellationToken()
        token.cancel()
        _, context, raised = told(Do("a"), cancellation=token)
        assert isinstance(raised, WorkCancelledError)
        assert raised.reason == "it was asked to stop"
        assert context.did == []

    def test_a_cancellation_in_the_last_step_is_too_late(self) -> None:
        token = CancellationToken()
        _, context, raised = told(Do("a", lambda _: token.cancel()), cancellation=token)
        assert raised is None
        assert context.did == ["a"]

    def test_a_long_step_may_ask_itself(self) -> None:
        token = CancellationToken()

        def work(context: Ctx) -> None:
            context.raise_if_cancelled()
            token.cancel("enough")
            context.raise_if_cancelled()

        events, context, raised = told(Do("a"), Do("b", work), cancellation=token)
        assert isinstance(raised, WorkCancelledError)
        assert str(raised) == "cannot go on with step 'b': enough"
        assert context.did == ["a", "b", "-a"]
        assert ("b", raised) in events

    def test_failures_of_rollbacks_are_notes_of_it(self) -> None:
        token = CancellationToken()
        _, _, raised = told(
            Do("a", undo=OSError("busy")), Do("b", lambda _: token.cancel()), Do("c"), cancellation=token
        )
        assert isinstance(raised, WorkCancelledError)
        assert raised.__notes__ == ["cannot roll back step 'a': busy"]

    def test_an_interrupt_in_a_rollback_is_raised_in_its_place(self) -> None:
        token = CancellationToken()
        _, context, raised = told(
            Do("a"), Do("b", lambda _: token.cancel(), undo=KeyboardInterrupt()), Do("c"), cancellation=token
        )
        assert isinstance(raised, KeyboardInterrupt)
        assert isinstance(raised.__cause__, WorkCancelledError)
        assert raised.__cause__.__notes__ == ["cannot roll back step 'b': KeyboardInterrupt"]
        assert context.did == ["a", "b", "-b", "-a"]

    def test_the_jobs_own_token_stops_it_too(self) -> None:
        token = CancellationToken()
        context = Ctx(runtime_ctx=RuntimeContext(cancellation=token))
        with pytest.raises(WorkCancelledError):
            Orchestrator(StepRegistry([Do("a", lambda _: token.cancel()), Do("b")]), context).execute()
        assert context.did == ["a", "-a"]

    def test_the_first_reason_counts(self) -> None:
        token = CancellationToken()
        assert (token.is_cancelled, token.reason) == (False, None)
        token.raise_if_cancelled()
        token.cancel("first")
        token.cancel("second")
        assert (token.is_cancelled, token.reason) == (True, "first")
        with pytest.raises(WorkCancelledError, match=r"^cannot go on with work: first$"):
            token.raise_if_cancelled()

    def test_outside_a_step_the_workflow_is_named(self) -> None:
        token = CancellationToken()
        token.cancel("enough")
        with pytest.raises(WorkCancelledError, match=r"^cannot go on with workflow: enough$"):
            Ctx(cancellation=token).raise_if_cancelled()


class Params(BaseModel):
    pass


class Work(BaseAction[Params]):
    def execute(self) -> None:
        self.ctx.raise_if_cancelled()


class TestCancelledActions:
    def test_an_action_sees_the_token_and_is_told_as_cancelled(self) -> None:
        token = CancellationToken()
        events: list[Any] = []
        call = ActionCall(Work, job_id="job", cancellation=token)
        call.run_here(events.append)
        token.cancel("enough")
        events.clear()
        with pytest.raises(WorkCancelledError, match=r"^cannot go on with job 'job': enough$"):
            call.run_here(events.append)
        assert [type(one) for one in events] == [ActionStarted, ActionCancelled]

    def test_a_job_without_an_id_and_one_without_a_token(self) -> None:
        RuntimeContext().raise_if_cancelled()
        token = CancellationToken()
        token.cancel("enough")
        with pytest.raises(WorkCancelledError, match=r"^cannot go on with job: enough$"):
            RuntimeContext(cancellation=token).raise_if_cancelled()

    def test_a_run_whose_work_was_cancelled_is_cancelled(self, tmp_path: Path) -> None:
        def body(spec: RunSpec, *, context: object) -> dict[str, Any]:
            raise WorkCancelledError("work", "enough")

        engine = RunEngine(RunStore(tmp_path), FakeTracking(), EventBus())
        result = engine.run(RunSpec("plugin", "train"), body)
        assert result.status is RunStatus.CANCELLED
        assert result.message == "WorkCancelledError: cannot go on with work: enough"
        assert isinstance(result.error, WorkCancelledError)


class TestContext:
    def test_everything_is_of_the_current_step_unless_a_category_is_named(self) -> None:
        events: list[Event] = []
        context = Ctx(runtime_ctx=RuntimeContext(job_id="job", publish=events.append), current_step="a")
        context.set_progress(1, 2)
        context.set_progress(1, 2, "files")
        context.set_progress(1, 2, step="other")
        context.set_metrics({"loss": 1.0}, step=3)
        context.set_metrics({"loss": 1.0}, "train")
        context.log("saved", {"n": 1}, "x.txt")
        context.log_message("hello", "warning")
        assert events == [
            ProgressReported("job", 1, 2, "a"),
            ProgressReported("job", 1, 2, "files"),
            ProgressReported("job", 1, 2, "other"),
            MetricsRecorded("job", {"loss": 1.0}, "a", 3),
            MetricsRecorded("job", {"loss": 1.0}, "train"),
            EventLogged("job", "saved", {"n": 1}, "x.txt"),
            MessageLogged("job", "warning", "hello"),  # type: ignore[arg-type] # a level equals its text
        ]

    def test_without_a_job_nothing_is_told_and_nothing_raised(self) -> None:
        context = Ctx()
        context.set_progress(1, 2)
        context.set_metrics({"loss": 1.0})
        context.log("saved")
        context.log_message("hello")
        context.raise_if_cancelled()

    def test_a_subclass_may_have_fields_without_defaults(self) -> None:
        @dataclass
        class Strict(BaseStepContext):
            path: str
            size: int = 0

        context = Strict("x", runtime_ctx=None)
        assert (context.path, context.size, context.errors) == ("x", 0, [])
