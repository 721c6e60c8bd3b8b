"""Running pipelines: side by side, cancelled, failing, watched."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    ActionCall,
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionNode,
    ActionPipeline,
    ActionStarted,
    ActionStatus,
    ActionStatusChanged,
    BaseAction,
    CancellationToken,
    Executor,
    ExecutorTraits,
    MetricsRecorded,
    PipelineCancelled,
    PipelineCompleted,
    PipelineContext,
    PipelineEvent,
    PipelineFailed,
    PipelineFailedError,
    PipelineProgress,
    PipelineProgressed,
    PipelineStarted,
    PipelineStatus,
    ProgressReported,
    ResultError,
    RuntimeContext,
    WorkCancelledError,
)
from plugbus.plugins.local_executor import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from plugbus.kernel import Event

WAIT_S = 30


class Params(BaseModel):
    label: str = ""


class Stage:
    """What the actions of one test meet at: who began, and who may go on."""

    def __init__(self) -> None:
        self.begun: dict[str, threading.Event] = {}
        self.released: dict[str, threading.Event] = {}
        self.order: list[str] = []
        self.threads: set[int] = set()
        self.lock = threading.Lock()

    def begin(self, label: str) -> None:
        with self.lock:
            self.order.append(label)
            self.threads.add(threading.get_ident())
        self.event(self.begun, label).set()

    def event(self, table: dict[str, threading.Event], label: str) -> threading.Event:
        with self.lock:
            return table.setdefault(label, threading.Event())

    def wait_for(self, label: str) -> None:
        assert self.event(self.begun, label).wait(WAIT_S), f"{label} was not begun"

    def release(self, label: str) -> None:
        self.event(self.released, label).set()


stage = Stage()
flavour: ContextVar[str] = ContextVar("flavour", default="none")


@pytest.fixture(autouse=True)
def _fresh_stage() -> None:
    stage.__init__()  # type: ignore[misc] # emptied for each test


class Quick(BaseAction[Params]):
    def execute(self) -> str:
        stage.begin(self.params.label)
        return self.params.label


class Patient(BaseAction[Params]):
    """Wait until it is released or asked to stop."""

    def execute(self) -> str:
        stage.begin(self.params.label)
        released = stage.event(stage.released, self.params.label)
        while not released.wait(0.002):
            self.ctx.raise_if_cancelled()
        return self.params.label


class Failing(BaseAction[Params]):
    def execute(self) -> None:
        stage.begin(self.params.label)
        raise ValueError(f"{self.params.label} is broken")


def node(action: type[BaseAction[Any]], name: str, *after: str, **more: Any) -> ActionNode:
    return ActionNode(action, name=name, params={"label": name}, after=after, **more)


def statuses(progress: PipelineProgress) -> dict[str, str]:
    return {name: str(one.status) for name, one in progress.actions.items()}


class PoolExecutor(Executor):
    """Carry calls to threads of its own."""

    def __init__(self, threads: int) -> None:
        self.pool = ThreadPoolExecutor(threads)

    @property
    def traits(self) -> ExecutorTraits:
        return ExecutorTraits(is_ordered=False)

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        return self.pool.submit(call.run_here, publish or (lambda event: None))

    def shutdown(self, *, wait: bool = True) -> None:
        self.pool.shutdown(wait)


@pytest.fixture(params=["none", "inline", "pool"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    made: Executor | None = None
    if request.param != "none":
        made = LocalExecutor() if request.param == "inline" else PoolExecutor(4)
    yield made
    if made is not None:
        made.shutdown()


def in_background(work: Callable[[], Any]) -> Future[Any]:
    """Do work in a thread; an interrupt is kept like any outcome."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - kept for the test
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def test_branches_run_side_by_side(executor: Executor | None) -> None:
    pipeline = ActionPipeline.graph(
        [node(Quick, "first"), node(Patient, "a", "first"), node(Patient, "b", "first"), node(Quick, "last", "a", "b")]
    )
    running = in_background(lambda: pipeline.run(executor=executor))
    stage.wait_for("a")
    stage.wait_for("b")
    assert "last" not in stage.order
    stage.release("b")
    stage.release("a")
    done = running.result(WAIT_S)
    assert done.is_ok
    assert list(done.results) == ["first", "a", "b", "last"]
    assert done.result == "last"


def test_a_chain_without_an_executor_stays_in_the_callers_thread() -> None:
    ActionPipeline([node(Quick, "a"), node(Quick, "b")]).execute(executor=LocalExecutor())
    ActionPipeline([node(Quick, "c"), node(Quick, "d")]).execute()
    assert stage.threads == {threading.get_ident()}


def test_no_more_run_at_once_than_is_allowed(executor: Executor | None) -> None:
    nodes = [node(Patient, name) for name in "abcd"]
    pipeline = ActionPipeline.graph(nodes, max_parallel=2)
    running = in_background(lambda: pipeline.run(executor=executor))
    stage.wait_for("a")
    stage.wait_for("b")
    assert set(stage.order) == {"a", "b"}
    for name in "abcd":
        stage.release(name)
    assert running.result(WAIT_S).is_ok


def test_a_limit_of_one_keeps_everything_in_the_callers_thread() -> None:
    ActionPipeline.graph([node(Quick, "b"), node(Quick, "a")], max_parallel=1).execute()
    assert stage.order == ["b", "a"]
    assert stage.threads == {threading.get_ident()}


def test_threads_of_branches_see_the_callers_context_variables() -> None:
    class Taste(BaseAction[Params]):
        def execute(self) -> str:
            return flavour.get()

    token = flavour.set("mint")
    try:
        done = ActionPipeline.graph([node(Taste, "a"), node(Taste, "b")]).run()
    finally:
        flavour.reset(token)
    assert set(done.results.values()) == {"mint"}


class TestFailures:
    def test_the_error_names_the_action_and_keeps_the_cause(self, executor: Executor | None) -> None:
        pipeline = ActionPipeline([node(Quick, "a"), node(Failing, "b"), node(Quick, "c")], name="demo")
        with pytest.raises(PipelineFailedError) as caught:
            pipeline.execute(executor=executor)
        error = caught.value
        assert (error.action, error.cause) == ("b", "b is broken")
        assert str(error) == "cannot complete pipeline 'demo': action 'b' failed: b is broken"
        assert isinstance(error.__cause__, ValueError)
        assert isinstance(error, RuntimeError)
        done = pipeline.run(executor=executor)
        assert done.status is PipelineStatus.FAILED
        assert statuses(done.progress) == {"a": "completed", "b": "failed", "c": "cancelled"}
        assert done.progress.actions["c"].message == "not begun: action 'b' failed"
        assert done.results == {"a": "a"}

    def test_siblings_are_asked_to_stop(self, executor: Executor | None) -> None:
        class FailsLater(BaseAction[Params]):
            def execute(self) -> None:
                stage.wait_for("slow")
                raise ValueError("broken")

        pipeline = ActionPipeline.graph([node(Patient, "slow"), node(FailsLater, "bad"), node(Quick, "after", "slow")])
        done = pipeline.run(executor=executor)
        assert statuses(done.progress) == {"slow": "cancelled", "bad": "failed", "after": "cancelled"}
        assert done.progress.actions["slow"].message == "action 'bad' failed"
        assert isinstance(done.error, PipelineFailedError)
        assert done.error.failures == (("bad", "broken"),)

    def test_several_failures_are_one_group(self, executor: Executor | None) -> None:
        barrier = threading.Barrier(2)

        class Together(BaseAction[Params]):
            def execute(self) -> None:
                barrier.wait(WAIT_S)
                raise ValueError(self.params.label)

        with pytest.raises(PipelineFailedError) as caught:
            ActionPipeline.graph([node(Together, "a"), node(Together, "b")]).execute(executor=executor)
        assert sorted(name for name, _ in caught.value.failures) == ["a", "b"]
        group = caught.value.__cause__
        assert isinstance(group, ExceptionGroup)
        assert sorted(str(one) for one in group.exceptions) == ["a", "b"]

    def test_other_branches_go_on_where_that_is_wanted(self, executor: Executor | None) -> None:
        pipeline = ActionPipeline.graph(
            [
                node(Failing, "bad"),
                node(Quick, "behind", "bad"),
                node(Quick, "further", "behind"),
                node(Quick, "good"),
                node(Quick, "after", "good"),
            ],
            continue_on_failure=True,
        )
        done = pipeline.run(executor=executor)
        assert statuses(done.progress) == {
            "bad": "failed",
            "behind": "skipped",
            "further": "skipped",
            "good": "completed",
            "after": "completed",
        }
        assert done.progress.actions["behind"].message == "action 'bad' failed"
        assert done.progress.actions["further"].message == "action 'behind' skipped"
        assert done.status is PipelineStatus.FAILED
        assert done.results == {"good": "good", "after": "after"}

    def test_a_wrong_result_is_a_failure_that_keeps_it(self) -> None:
        class Shape(BaseModel):
            size: int

        class Wrong(BaseAction[Params]):
            result_model = Shape

            def execute(self) -> dict[str, str]:
                return {"size": "large"}

        with pytest.raises(PipelineFailedError) as caught:
            ActionPipeline([Wrong]).execute()
        assert isinstance(caught.value.__cause__, ResultError)
        assert caught.value.__cause__.result == {"size": "large"}

    def test_an_executor_that_refuses_makes_the_action_fail(self) -> None:
        closed = PoolExecutor(1)
        closed.shutdown()
        with pytest.raises(PipelineFailedError, match="after shutdown"):
            ActionPipeline([Quick]).execute(executor=closed)

    def test_what_a_callback_raises_ends_the_run_and_leaves_nothing_running(self) -> None:
        def refuse(current: int, total: int, name: str) -> None:
            if name == "b":
                raise LookupError("no more")

        events: list[Event] = []
        pipeline = ActionPipeline.graph([node(Patient, "a"), node(Quick, "b")])
        before = threading.active_count()
        with pytest.raises(LookupError, match="no more"):
            pipeline.run(ctx=RuntimeContext(publish=events.append), progress_callback=refuse)
        assert threading.active_count() == before
        assert isinstance(events[-1], PipelineFailed)
        changed = [(one.action, one.status) for one in events if isinstance(one, ActionStatusChanged)]
        assert changed == [("a", "running"), ("a", "cancelled"), ("b", "cancelled")]


class TestCancellation:
    def test_running_branches_stop_and_others_are_not_begun(self, executor: Executor | None) -> None:
        token = CancellationToken()
        pipeline = ActionPipeline.graph(
            [node(Patient, "a"), node(Patient, "b"), node(Quick, "c", "a", "b")], name="demo"
        )
        running = in_background(lambda: pipeline.run(executor=executor, cancellation=token))
        stage.wait_for("a")
        stage.wait_for("b")
        token.cancel("enough")
        done = running.result(WAIT_S)
        assert done.status is PipelineStatus.CANCELLED
        assert statuses(done.progress) == {"a": "cancelled", "b": "cancelled", "c": "cancelled"}
        assert done.progress.actions["a"].message == "enough"
        assert done.progress.actions["c"].message == "not begun: enough"
        assert isinstance(done.error, WorkCancelledError)
        assert str(done.error) == "cannot go on with pipeline 'demo': enough"
        assert stage.order.count("c") == 0

    def test_a_token_of_the_context_counts_too(self) -> None:
        token = CancellationToken()
        token.cancel("at once")
        with pytest.raises(WorkCancelledError, match="at once"):
            ActionPipeline([node(Quick, "a")]).execute(ctx=RuntimeContext(cancellation=token))
        assert stage.order == []

    def test_the_callers_token_is_left_alone_when_an_action_fails(self) -> None:
        token = CancellationToken()
        ActionPipeline([node(Failing, "a")]).run(cancellation=token)
        assert not token.is_cancelled

    def test_a_cancellation_that_comes_with_the_last_action_loses_nothing(self) -> None:
        token = CancellationToken()

        class Cancels(BaseAction[Params]):
            def execute(self) -> str:
                token.cancel("too late")
                return "done"

        assert ActionPipeline([Cancels]).execute(cancellation=token) == "done"

    def test_calls_that_a_pool_has_not_begun_are_taken_back(self) -> None:
        pool = PoolExecutor(1)
        token = CancellationToken()
        pipeline = ActionPipeline.graph([node(Patient, "a"), node(Patient, "b"), node(Patient, "c")])
        running = in_background(lambda: pipeline.run(executor=pool, cancellation=token))
        stage.wait_for("a")
        token.cancel("enough")
        done = running.result(WAIT_S)
        pool.shutdown()
        assert set(statuses(done.progress).values()) == {"cancelled"}
        assert done.status is PipelineStatus.CANCELLED

    @pytest.mark.parametrize("ending", ["cancelled", "failed"])
    def test_calls_that_were_taken_back_are_never_run(self, ending: str) -> None:
        taken_back, handed_over, begun = threading.Event(), threading.Event(), list[str]()
        token = CancellationToken()

        class Stubborn(BaseAction[Params]):
            def execute(self) -> None:
                begun.append("stubborn")
                handed_over.wait(10)
                if ending == "cancelled":
                    token.cancel("enough")
                taken_back.wait(10)

        class Late(BaseAction[Params]):
            def execute(self) -> None:
                begun.append("late")

        class Breaks(BaseAction[Params]):
            def execute(self) -> None:
                handed_over.wait(10)
                raise ConnectionError("broken")

        def look(event: Event) -> None:
            if isinstance(event, ActionStatusChanged) and event.action == "late":
                (handed_over if event.status == "running" else taken_back).set()

        nodes = [node(Stubborn, "first")]
        if ending == "failed":
            # The thread of the one that breaks takes the second one, and none is left for the last.
            nodes += [node(Breaks, "breaks"), node(Stubborn, "second")]
        pool = PoolExecutor(2 if ending == "failed" else 1)
        try:
            pipeline = ActionPipeline.graph([*nodes, node(Late, "late")])
            done = pipeline.run({}, RuntimeContext(publish=look), executor=pool, cancellation=token)
        finally:
            pool.shutdown()
        assert "late" not in begun
        assert taken_back.is_set()
        assert done.progress.actions["late"].message == "it had not begun when the run was stopped"

    def test_an_interrupt_in_an_action_stops_the_others_and_is_raised_again(self) -> None:
        class Interrupts(BaseAction[Params]):
            def execute(self) -> None:
                stage.wait_for("a")
                raise KeyboardInterrupt

        events: list[Event] = []
        pipeline = ActionPipeline.graph([node(Patient, "a"), node(Interrupts, "b"), node(Quick, "c", "b")])
        with pytest.raises(KeyboardInterrupt):
            pipeline.run(ctx=RuntimeContext(publish=events.append))
        ends = {one.action: one.status for one in events if isinstance(one, ActionStatusChanged)}
        assert ends == {"a": "cancelled", "b": "cancelled", "c": "cancelled"}
        assert isinstance(events[-1], PipelineCancelled)
        assert events[-1].reason == "it was interrupted"

    @pytest.mark.parametrize("place", ["on the way to all", "while the end of another one is told"])
    def test_a_second_interrupt_ends_the_waiting_wherever_it_comes(self, place: str) -> None:
        may_end = threading.Event()

        class Deaf(BaseAction[Params]):
            def execute(self) -> None:
                stage.begin("deaf")
                may_end.wait(WAIT_S)

        class Interrupts(BaseAction[Params]):
            def execute(self) -> None:
                stage.wait_for("a")
                stage.wait_for("deaf")
                raise KeyboardInterrupt

        def interrupt_again(told: object) -> None:
            if place == "on the way to all":
                raise KeyboardInterrupt

        def look(event: Event) -> None:
            events.append(event)
            if isinstance(event, ActionStatusChanged) and (event.action, event.status) == ("a", "cancelled"):
                raise KeyboardInterrupt

        events: list[Event] = []
        token = CancellationToken()
        token.on_cancel(interrupt_again)
        nodes = [node(Patient, "a"), node(Deaf, "deaf"), node(Interrupts, "b"), node(Quick, "c", "b")]
        try:
            with pytest.raises(KeyboardInterrupt):
                ActionPipeline.graph(nodes).run(ctx=RuntimeContext(publish=look), cancellation=token)
            ends = {one.action: one for one in events if isinstance(one, ActionStatusChanged)}
            assert {one.status for one in ends.values()} == {"cancelled"}
            assert list(ends) == ["a", "deaf", "b", "c"]
            assert ends["deaf"].message == "it did not stop in time"
        finally:
            may_end.set()


class TestConditions:
    class Decision(BaseModel):
        is_new: bool

    class Decide(BaseAction[Decision]):
        def execute(self) -> dict[str, bool]:
            return {"is_new": self.params.is_new}

    def pipeline(self) -> ActionPipeline:
        return ActionPipeline(
            [
                ActionNode(self.Decide, name="decide"),
                node(Quick, "train", when="decide.is_new"),
                ActionNode(Quick, name="wired", inputs={"label": "train"}),
                ActionNode(Quick, name="always", params={"label": "always"}),
            ]
        )

    def test_what_holds_is_run(self) -> None:
        done = self.pipeline().run({"is_new": True})
        assert statuses(done.progress) == dict.fromkeys(("decide", "train", "wired", "always"), "completed")
        assert done.results["wired"] == "train"

    def test_what_does_not_hold_is_skipped_with_what_gets_something_from_it(self) -> None:
        done = self.pipeline().run({"is_new": False})
        assert statuses(done.progress) == {
            "decide": "completed",
            "train": "skipped",
            "wired": "skipped",
            "always": "completed",
        }
        assert done.progress.actions["train"].message == "decide.is_new does not hold"
        assert done.progress.actions["wired"].message == "action 'train' was skipped"
        assert done.is_ok
        assert done.progress.overall_progress == 100
        assert done.progress.completed_actions == 4

    def test_a_condition_that_leads_nowhere_is_a_failure(self) -> None:
        pipeline = ActionPipeline([ActionNode(self.Decide, name="decide"), node(Quick, "a", when="decide.isnew")])
        with pytest.raises(PipelineFailedError, match=r"when: 'decide' has no field 'isnew'; did you mean 'is_new'\?"):
            pipeline.execute({"is_new": True})


class TestEvents:
    class Reporting(BaseAction[Params]):
        def execute(self) -> str:
            self.set_progress(1, 4, "load")
            self.set_metrics({"loss": 0.5}, "train")
            self.set_progress(1, 2)
            self.logger.info("half-way")
            self.set_progress(0, 2)
            return "x"

    def test_a_run_tells_how_it_goes_on(self) -> None:
        events: list[Event] = []
        pipeline = ActionPipeline([node(self.Reporting, "a"), node(Quick, "b")], name="demo")
        pipeline.run(ctx=RuntimeContext(publish=events.append, job_id="job"))
        assert all(one.job_id == "job" for one in events)  # type: ignore[attr-defined] # all are events of work
        assert [type(one) for one in events if not isinstance(one, PipelineEvent)][:3] == [
            ActionStarted,
            ProgressReported,
            MetricsRecorded,
        ]
        told = [one for one in events if isinstance(one, PipelineEvent)]
        assert told[0] == PipelineStarted("job", "demo", ("a", "b"), (), {"a": 1.0, "b": 1.0})
        assert told[1] == ActionStatusChanged("job", "demo", "a", "running", "pending")
        assert told[2] == PipelineProgressed("job", "demo", "a", 25.0, 12.5)
        assert told[3] == PipelineProgressed("job", "demo", "a", 37.5, 18.75)
        assert told[4] == ActionStatusChanged("job", "demo", "a", "completed", "running")
        assert isinstance(told[-1], PipelineCompleted)

    def test_categories_get_the_name_of_their_action(self) -> None:
        events: list[Event] = []
        ActionPipeline([node(self.Reporting, "a")]).run(ctx=RuntimeContext(publish=events.append))
        found = [one.category for one in events if isinstance(one, ProgressReported | MetricsRecorded)]
        assert found == ["a.load", "a.train", "a", "a"]

    @pytest.mark.parametrize(
        ("action", "kind", "end"),
        [(Failing, ActionFailed, PipelineFailed), (Quick, ActionCompleted, PipelineCompleted)],
    )
    def test_the_end_is_told(self, action: type[BaseAction[Any]], kind: type[Event], end: type[Event]) -> None:
        events: list[Event] = []
        ActionPipeline([node(action, "a")]).run(ctx=RuntimeContext(publish=events.append))
        assert isinstance(events[-1], end)
        assert sum(isinstance(one, kind) for one in events) == 1

    def test_a_cancelled_run_tells_why(self) -> None:
        class Stops(BaseAction[Params]):
            def execute(self) -> None:
                raise WorkCancelledError("job", "had enough")

        events: list[Event] = []
        ActionPipeline([Stops]).run(ctx=RuntimeContext(publish=events.append))
        assert isinstance(events[-1], PipelineCancelled)
        assert events[-1].reason == "had enough"
        assert any(isinstance(one, ActionCancelled) for one in events)

    def test_progress_is_told_to_the_callbacks(self) -> None:
        calls: list[tuple[int, int, str]] = []
        seen: list[PipelineProgress] = []
        pipeline = ActionPipeline([node(self.Reporting, "a"), node(Quick, "b")])
        pipeline.run(progress_callback=lambda *call: calls.append(call), on_progress=seen.append)
        assert calls == [(0, 2, "a"), (1, 2, "b"), (2, 2, "complete")]
        overall = [one.overall_progress for one in seen]
        assert overall == sorted(overall)
        assert overall[-1] == 100
        last = seen[-1].actions["a"]
        assert (last.status, last.progress, last.message, last.metrics) == (
            ActionStatus.COMPLETED,
            100,
            "half-way",
            {"loss": 0.5},
        )
        assert last.duration is not None
        assert replace(last, completed_at=None).duration is None


class TestSurroundings:
    def test_actions_share_the_context_of_the_pipeline(self, tmp_path: Path) -> None:
        class Writes(BaseAction[Params]):
            def execute(self) -> str:
                assert self.ctx.pipeline is not None
                path = self.ctx.pipeline.artifacts_dir / self.params.label
                path.write_text(str(self.ctx.pipeline.metadata["who"]))
                return str(path)

        context = PipelineContext("demo", "run-1", tmp_path, {"who": "me"})
        done = ActionPipeline([node(Writes, "a"), node(Writes, "b")], name="demo").run(context=context)
        assert done.context == context
        assert done.run_id == "run-1"
        assert done.result == str(tmp_path / "demo" / "run-1" / "artifacts" / "b")
        assert (context.artifacts_dir / "a").read_text() == "me"

    def test_nothing_is_made_for_a_run_that_asks_for_no_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLUGBUS_ARTIFACT_ROOT", str(tmp_path))
        done = ActionPipeline([Quick]).run()
        assert list(tmp_path.iterdir()) == []
        assert done.context.work_dir == tmp_path / "pipelines" / "pipeline" / done.run_id

    def test_settings_reach_every_action(self) -> None:
        class Reads(BaseAction[Params]):
            def execute(self) -> Any:
                return self.ctx.env["HOST"]

        ctx = RuntimeContext(env={"HOST": "example.org"})
        assert set(ActionPipeline([node(Reads, "a"), node(Reads, "b")]).run(ctx=ctx).results.values()) == {
            "example.org"
        }

    def test_a_pipeline_inside_an_action_has_its_folders_inside(self, tmp_path: Path) -> None:
        class Inner(BaseAction[Params]):
            def execute(self) -> str:
                assert self.ctx.pipeline is not None
                return str(self.ctx.pipeline.work_dir)

        class Outer(BaseAction[Params]):
            def execute(self) -> Any:
                return ActionPipeline([Inner], name="inner").execute(ctx=self.ctx)

        context = PipelineContext("outer", "run-1", tmp_path)
        found = ActionPipeline([Outer], name="outer").execute(context=context)
        assert found.startswith(str(tmp_path / "outer" / "run-1" / "inner"))
