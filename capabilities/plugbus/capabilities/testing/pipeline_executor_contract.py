"""What every executor of pipelines has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from ..actions import BaseAction
from ..errors import WorkCancelledError
from ..pipelines import (
    ActionNode,
    ActionPipeline,
    PipelineFailedError,
    PipelineParamsError,
    PipelineProgress,
    PipelineRunNotFoundError,
    PipelineStatus,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..pipelines import PipelineExecutor

WAIT_S = 60


class CountParams(BaseModel):
    """Parameters of all actions here."""

    number: int
    folder: Path | None = None


class Counted(BaseModel):
    """What all actions here return."""

    number: int


class CountAction(BaseAction[CountParams]):
    """Add one."""

    action_name = "count"
    result_model = Counted

    def execute(self) -> Counted:
        """Return one more."""
        self.set_progress(1, 2, "count")
        return Counted(number=self.params.number + 1)


class BlockedAction(BaseAction[CountParams]):
    """Say in a file that it was begun, and work until it is asked to stop, or the file ``free`` is there."""

    action_name = "blocked"
    result_model = Counted

    def execute(self) -> Counted:
        """Wait."""
        assert self.params.folder is not None
        (self.params.folder / "begun").write_text("begun", "utf-8")
        assert self.ctx.cancellation is not None
        while not (self.params.folder / "free").exists() and not self.ctx.cancellation.wait(0.01):
            pass
        self.ctx.raise_if_cancelled()
        return Counted(number=self.params.number + 1)


class BrokenAction(BaseAction[CountParams]):
    """Fail until the file ``mended`` is there."""

    action_name = "broken"
    result_model = Counted

    def execute(self) -> Counted:
        """Fail or add one."""
        assert self.params.folder is not None
        if not (self.params.folder / "mended").exists():
            raise ConnectionError("it is broken")
        return Counted(number=self.params.number + 1)


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    import time

    end = time.monotonic() + WAIT_S
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.005)


class PipelineExecutorContract(ABC):
    """Inherit it in a class named ``Test…`` and give it the fixture ``executor``."""

    @pytest.fixture
    @abstractmethod
    def executor(self) -> Iterator[PipelineExecutor]:
        """Yield the executor that is to be tested; shut it down afterwards."""

    def chain(self, *actions: type[BaseAction[Any]]) -> ActionPipeline:
        """Return a pipeline of these actions, each named by its place."""
        nodes = [ActionNode(one, name=f"{one.action_name}-{place}") for place, one in enumerate(actions)]
        return ActionPipeline(nodes, name="contract")

    def test_a_submitted_pipeline_is_run(self, executor: PipelineExecutor) -> None:
        """``submit`` gives an id, and ``wait`` the result of the last action, also by the pipeline's own calls."""
        pipeline = self.chain(CountAction, CountAction)
        run_id = pipeline.submit({"number": 1}, executor)
        assert isinstance(run_id, str)
        assert pipeline.wait(run_id, executor, WAIT_S) == Counted(number=3)
        done = executor.get_result(run_id, WAIT_S)
        assert (done.run_id, done.status) == (run_id, PipelineStatus.COMPLETED)
        assert list(done.results) == ["count-0", "count-1"]

    def test_progress_is_told_while_it_runs_and_after(self, executor: PipelineExecutor, tmp_path: Path) -> None:
        """It is that of the run, and JSON data that comes back."""
        run_id = executor.submit(self.chain(CountAction, BlockedAction), {"number": 1, "folder": tmp_path})
        wait_for(tmp_path / "begun")
        progress = executor.get_progress(run_id)
        assert progress.status is executor.get_status(run_id) is PipelineStatus.RUNNING
        assert str(progress.actions["count-0"].status) == "completed"
        assert 50 <= progress.overall_progress < 100
        (tmp_path / "free").touch()
        executor.get_result(run_id, WAIT_S)
        progress = executor.get_progress(run_id)
        assert progress.overall_progress == 100
        assert progress.run_id == run_id
        assert PipelineProgress.from_dict(progress.to_dict()) == progress

    def test_wrong_parameters_are_refused_before_a_run_begins(self, executor: PipelineExecutor) -> None:
        """``submit`` itself raises."""
        with pytest.raises(PipelineParamsError):
            executor.submit(self.chain(CountAction), {"nummer": 1})

    def test_a_failure_is_raised_by_wait_and_kept_in_the_result(
        self, executor: PipelineExecutor, tmp_path: Path
    ) -> None:
        """It names the action and keeps what it raised."""
        run_id = executor.submit(self.chain(CountAction, BrokenAction), {"number": 1, "folder": tmp_path})
        with pytest.raises(PipelineFailedError) as caught:
            executor.wait(run_id, WAIT_S)
        assert caught.value.failures == (("broken-1", "it is broken"),)
        assert isinstance(caught.value.__cause__, ConnectionError)
        assert executor.get_status(run_id) is PipelineStatus.FAILED

    def test_a_run_that_failed_is_taken_up_under_its_id(self, executor: PipelineExecutor, tmp_path: Path) -> None:
        """What was done is not done again."""
        pipeline = self.chain(CountAction, BrokenAction)
        run_id = executor.submit(pipeline, {"number": 1, "folder": tmp_path})
        executor.get_result(run_id, WAIT_S)
        (tmp_path / "mended").touch()
        assert executor.submit(pipeline, resume_from=run_id) == run_id
        done = executor.get_result(run_id, WAIT_S)
        assert done.resumed == ("count-0",)
        assert done.result == Counted(number=3)
        with pytest.raises(PipelineRunNotFoundError):
            executor.submit(pipeline, resume_from=run_id)

    def test_a_run_can_be_cancelled(self, executor: PipelineExecutor, tmp_path: Path) -> None:
        """What runs is asked to stop, and what comes after it is not begun."""
        run_id = executor.submit(self.chain(BlockedAction, CountAction), {"number": 1, "folder": tmp_path})
        wait_for(tmp_path / "begun")
        executor.cancel(run_id, "enough")
        with pytest.raises(WorkCancelledError, match="enough"):
            executor.wait(run_id, WAIT_S)
        progress = executor.get_progress(run_id)
        assert progress.status is PipelineStatus.CANCELLED
        assert [str(one.status) for one in progress.actions.values()] == ["cancelled", "cancelled"]
        executor.cancel(run_id)

    def test_waiting_has_a_limit(self, executor: PipelineExecutor, tmp_path: Path) -> None:
        """The run goes on."""
        run_id = executor.submit(self.chain(BlockedAction), {"number": 1, "folder": tmp_path})
        with pytest.raises(TimeoutError, match=run_id):
            executor.wait(run_id, 0.01)
        (tmp_path / "free").touch()
        assert executor.wait(run_id, WAIT_S) == Counted(number=2)

    def test_runs_are_not_mixed_up(self, executor: PipelineExecutor) -> None:
        """Each has its own id and its own result."""
        pipeline = self.chain(CountAction, CountAction)
        runs = {executor.submit(pipeline, {"number": number}): number for number in range(8)}
        assert len(runs) == 8
        for run_id, number in runs.items():
            assert executor.wait(run_id, WAIT_S) == Counted(number=number + 2)

    def test_an_unknown_run_is_named(self, executor: PipelineExecutor) -> None:
        """Every call with an id says so."""
        calls: list[Any] = [executor.get_status, executor.get_progress, executor.get_result, executor.wait]
        for call in [*calls, executor.cancel]:
            with pytest.raises(PipelineRunNotFoundError, match="cannot find pipeline run 'nothing'"):
                call("nothing")

    def test_shutdown_stops_what_runs_and_refuses_the_rest(self, executor: PipelineExecutor, tmp_path: Path) -> None:
        """Ending twice is allowed."""
        run_id = executor.submit(self.chain(BlockedAction), {"number": 1, "folder": tmp_path})
        wait_for(tmp_path / "begun")
        executor.shutdown()
        executor.shutdown()
        assert executor.get_status(run_id) is PipelineStatus.CANCELLED
        with pytest.raises(RuntimeError, match="shut down"):
            executor.submit(self.chain(CountAction), {"number": 1})
