"""The suite of executors of pipelines itself: each broken promise is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import PipelineProgress, PipelineRun
from plugbus.capabilities.testing import PipelineExecutorContract
from plugbus.plugins.local_executor import LocalPipelineExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugbus.capabilities import ActionPipeline, PipelineExecutor


class Suite(PipelineExecutorContract):
    """The suite as an object whose parts can be called one by one."""

    @pytest.fixture
    def executor(self) -> Iterator[PipelineExecutor]:
        raise NotImplementedError


class Blind(LocalPipelineExecutor):
    """Says nothing of how far a run is."""

    def get_progress(self, run_id: str) -> PipelineProgress:
        return PipelineProgress(super().get_progress(run_id).run_id)


class Mixing(LocalPipelineExecutor):
    """Returns what came of the first run for all."""

    first: str | None = None

    def get_result(self, run_id: str, timeout_s: float | None = None) -> PipelineRun:
        self.first = self.first or run_id
        return super().get_result(self.first, timeout_s)


class Forgetful(LocalPipelineExecutor):
    """Begins anew where a run is to be taken up."""

    def submit(self, pipeline: ActionPipeline, params: Any = None, *, resume_from: str | None = None) -> str:
        return super().submit(pipeline, params or {"number": 1})


class Gullible(LocalPipelineExecutor):
    """Knows every run."""

    def cancel(self, run_id: str, reason: str = "") -> None: ...


@pytest.mark.parametrize(
    ("make", "part", "has_folder"),
    [
        (Blind, "test_a_failure_is_raised_by_wait_and_kept_in_the_result", True),
        (Mixing, "test_runs_are_not_mixed_up", False),
        (Forgetful, "test_a_run_that_failed_is_taken_up_under_its_id", True),
        (Gullible, "test_an_unknown_run_is_named", False),
    ],
)
def test_an_executor_that_breaks_a_promise_is_found(
    make: type[LocalPipelineExecutor], part: str, has_folder: bool, tmp_path: Path
) -> None:
    executor = make(base_path=tmp_path / "runs")
    try:
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            getattr(Suite(), part)(executor, **({"tmp_path": tmp_path} if has_folder else {}))
    finally:
        executor.shutdown()
