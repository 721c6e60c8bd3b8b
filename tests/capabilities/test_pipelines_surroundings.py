"""What actions get and tell inside pipelines: messages and framework logging of plugins, metrics that stay apart."""

from __future__ import annotations

import os
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    EXECUTOR,
    TRACKING,
    Action,
    ActionNode,
    ActionPipeline,
    Autolog,
    AutologFramework,
    BaseAction,
    CheckpointError,
    JobReport,
    LocalizedMessage,
    LogMessageCode,
    MessageCatalogue,
    MessageLogged,
    Messages,
    PipelineRunner,
    ProgressBoard,
    ProgressPlanned,
    ProgressState,
    RunStatus,
    RunStore,
    RuntimeContext,
    unfinished_runs,
)
from plugbus.capabilities.testing import FakeTracking
from plugbus.kernel import Event, Kernel
from plugbus.plugins.local_executor import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


class Params(BaseModel):
    start: int = 0


class Codes(LogMessageCode):
    MEASURED = "MEASURED"


class Measure(BaseAction[Params]):
    progress_categories = {"warm": 1, "hot": 3}  # noqa: RUF012 - as authors write it

    def execute(self) -> None:
        self.set_progress(1, 1, "warm")
        self.set_metrics({"loss": 0.5 + self.params.start}, "hot", step=1)
        self.log_message(Codes.MEASURED)


class Inner(BaseAction[Params]):
    def execute(self) -> None:
        ActionPipeline([Measure], name="inner").execute({"start": 7}, self.ctx)


class Drum(AutologFramework):
    @property
    def name(self) -> str:
        return "drum"

    def begin(self, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
        report = find_report()
        assert report is not None
        report.set_metrics({"beat": 1.0}, "drum", step=0)
        return lambda: None


class Drumming(BaseAction[Params]):
    def execute(self) -> None:
        self.autolog("drum")


@pytest.fixture
def tracking() -> FakeTracking:
    return FakeTracking()


@pytest.fixture
def kernel(tracking: FakeTracking) -> Iterator[Kernel]:
    with Kernel() as kernel:
        kernel.services.provide(EXECUTOR, LocalExecutor())
        kernel.services.provide(TRACKING, tracking)
        yield kernel


def test_metrics_of_one_name_are_tracked_under_the_action_that_measured_them(
    kernel: Kernel, tracking: FakeTracking, tmp_path: Path
) -> None:
    branches = [ActionNode(Measure, {"start": place}, name=name) for place, name in enumerate(("left", "right"))]
    pipeline = ActionPipeline.graph([*branches, Inner])
    result = PipelineRunner(kernel, RunStore(tmp_path)).run(pipeline)
    assert result.status is RunStatus.OK
    assert sorted(tracking.client.metrics) == [
        ("Inner/Measure/loss", 7.5, 1),
        ("left/loss", 0.5, 1),
        ("right/loss", 1.5, 1),
    ]


def test_frameworks_are_logged_with_what_plugins_offer(kernel: Kernel, tracking: FakeTracking, tmp_path: Path) -> None:
    runner, pipeline = PipelineRunner(kernel, RunStore(tmp_path)), ActionPipeline([Drumming])
    assert runner.run(pipeline).status is RunStatus.FAILED
    kernel.services.provide(Autolog("drum"), Drum())
    assert runner.run(pipeline).status is RunStatus.OK
    assert tracking.clients[-1].metrics == [("Drumming/beat", 1.0, 0)]


def test_messages_are_those_of_the_plugin_that_offers_the_action(kernel: Kernel, tmp_path: Path) -> None:
    class Other(Measure):
        pass

    for plugin, action_cls in (("first", Measure), ("second", Other)):
        kernel.services.provide(Action(f"{plugin}.measure"), action_cls)
        texts = MessageCatalogue({"MEASURED": LocalizedMessage(en=f"{plugin} measured", de=f"{plugin} gemessen")})
        kernel.services.provide(Messages(plugin), texts)
    told: list[str] = []
    kernel.bus.subscribe(MessageLogged, lambda event: told.append(event.message))
    nodes = [ActionNode("first.measure", name="a"), ActionNode("second.measure", name="b")]
    pipeline = ActionPipeline(nodes, services=kernel.services)
    runner = PipelineRunner(kernel, RunStore(tmp_path))
    assert runner.run(pipeline).is_ok
    assert runner.run(pipeline, language="de").is_ok
    assert told == ["first measured", "second measured", "first gemessen", "second gemessen"]


def test_the_plan_of_an_action_is_told_under_its_name() -> None:
    events: list[Event] = []
    ActionPipeline([Measure]).execute({}, RuntimeContext(publish=events.append, job_id="job"))
    assert [one for one in events if isinstance(one, ProgressPlanned)] == [
        ProgressPlanned("job", {"Measure.warm": 1, "Measure.hot": 3})
    ]


def test_the_job_of_a_pipeline_is_as_far_as_its_actions_and_ends_with_it() -> None:
    board, seen = ProgressBoard(), dict[str, float]()
    gate, lock = threading.Barrier(2), threading.Lock()

    class Meet(BaseAction[Params]):
        def execute(self) -> None:
            gate.wait(60)
            self.set_progress(1, 2)

    class Look(BaseAction[Params]):
        def execute(self) -> None:
            model = board.model("job")
            assert model is not None
            with lock:
                seen[model.state.value] = model.fraction

    nodes = [
        ActionNode(Meet, name="left"),
        ActionNode(Meet, name="right"),
        ActionNode(Look, name="look", after=["left", "right"], weight=2.0),
    ]

    def publish(event: Event) -> None:
        board.record(event)  # type: ignore[arg-type] # all events of a job are events of work

    ActionPipeline.graph(nodes).execute({}, RuntimeContext(publish=publish, job_id="job"))
    assert seen == {"running": 0.5}
    model = board.model("job")
    assert model is not None
    assert (model.state, model.fraction) == (ProgressState.COMPLETED, 1.0)


class Fragile(BaseAction[Params]):
    def execute(self) -> int:
        if self.params.start:
            raise ConnectionError("no luck today")
        return 1


def test_runs_that_can_be_taken_up_are_named_the_last_one_first(kernel: Kernel, tmp_path: Path) -> None:
    store, runs = RunStore(tmp_path), dict[str, str]()
    runner = PipelineRunner(kernel, store)
    pipelines = {name: ActionPipeline([ActionNode(Fragile, name="only")], name=name) for name in ("a", "b")}
    assert unfinished_runs(store) == ()
    for run, name, start in (("a1", "a", 1), ("a2", "a", 1), ("b1", "b", 1), ("a3", "a", 0)):
        runs[run] = runner.run(pipelines[name], {"start": start}).run_id
    assert unfinished_runs(store) == (runs["b1"], runs["a2"], runs["a1"])
    assert unfinished_runs(store, "a") == (runs["a2"], runs["a1"])
    # What took up another one stands for it, and got on last.
    runs["a4"] = runner.run(pipelines["a"], resume=runs["a1"]).run_id
    assert unfinished_runs(store, "a") == (runs["a4"], runs["a2"])
    assert runner.run(pipelines["a"], {"start": 0}, resume=runs["a4"], allow_new_params=True).is_ok
    assert unfinished_runs(store, "a") == (runs["a2"],)
    shutil.rmtree(store.get(runs["a1"]).path)
    assert unfinished_runs(store, "a") == (runs["a2"],)
    # What can't be locked can't be taken up: here, as something else is in the place of the lock.
    (store.get(runs["a2"]).path / "pipelines" / ".a.json.lock").mkdir()
    assert unfinished_runs(store) == (runs["b1"],)


def test_a_run_that_goes_on_is_not_taken_up(kernel: Kernel, tmp_path: Path) -> None:
    store, seen = RunStore(tmp_path), list[tuple[str, ...]]()
    refused: list[str] = []

    class Meddle(BaseAction[Params]):
        def execute(self) -> None:
            seen.append(unfinished_runs(store))
            (run,) = store
            with pytest.raises(CheckpointError) as caught:
                PipelineRunner(kernel, store).run(ActionPipeline([Meddle], name="p"), resume=run.run_id)
            refused.append(str(caught.value))

    assert PipelineRunner(kernel, store).run(ActionPipeline([Meddle], name="p")).is_ok
    assert seen == [()]
    assert f"process {os.getpid()} has it; wait for its end, or stop it" in refused[0]
    assert len(list(store)) == 1
