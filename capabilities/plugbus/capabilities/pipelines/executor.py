"""What runs whole pipelines, in the background or elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from plugbus.kernel import Capability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from .action_pipeline import ActionPipeline
    from .progress import PipelineProgress
    from .run import PipelineRun
    from .status import PipelineStatus


class PipelineExecutor(ABC):
    """Run pipelines: take one, give the id of its run, and tell how far it is.

    Lifecycle:

    1. Made by its plugin, ready to be used.
    2. ``submit``, and then the other calls with the id that it returned, from any thread.
    3. ``shutdown``, once; submitting after it is refused.
    """

    @abstractmethod
    def submit(
        self,
        pipeline: ActionPipeline,
        params: Mapping[str, Any] | BaseModel | None = None,
        *,
        resume_from: str | None = None,
    ) -> str:
        """Begin a run and return its id.

        Args:
            pipeline: What to run.
            params: What it is to begin with.
            resume_from: A run that did not get to its end, to be taken up; it keeps its id.

        Raises:
            PipelineParamsError: The parameters are wrong; no run was begun.
            PipelineRunNotFoundError: There is no run to be taken up.
            RuntimeError: The executor was shut down.
        """

    @abstractmethod
    def get_progress(self, run_id: str) -> PipelineProgress:
        """Return how far a run is.

        Raises:
            PipelineRunNotFoundError: There is no such run.
        """

    @abstractmethod
    def get_result(self, run_id: str, timeout_s: float | None = None) -> PipelineRun:
        """Wait for a run to end, and return what came of it, whatever that is.

        Args:
            run_id: The run.
            timeout_s: Seconds to wait at most; None to wait as long as it takes.

        Raises:
            PipelineRunNotFoundError: There is no such run.
            TimeoutError: It has not ended in time; it goes on.
        """

    @abstractmethod
    def cancel(self, run_id: str, reason: str = "it was asked to stop") -> None:
        """Ask a run to stop; does nothing where it has ended.

        Raises:
            PipelineRunNotFoundError: There is no such run.
        """

    @abstractmethod
    def shutdown(self, *, wait: bool = True) -> None:
        """Refuse further runs and ask those that go on to stop; wait for their ends, if asked to. Idempotent."""

    def get_status(self, run_id: str) -> PipelineStatus:
        """Return whether a run goes on, or how it ended.

        Raises:
            PipelineRunNotFoundError: There is no such run.
        """
        return self.get_progress(run_id).status

    def wait(self, run_id: str, timeout_s: float | None = None) -> Any:
        """Wait for a run to end, and return what its last action returned.

        Raises:
            PipelineRunNotFoundError: There is no such run.
            PipelineFailedError: Actions failed.
            WorkCancelledError: It was stopped.
            TimeoutError: It has not ended in time; it goes on.
        """
        done = self.get_result(run_id, timeout_s)
        done.raise_if_failed()
        return done.result


PIPELINE_EXECUTOR: Final[Capability[PipelineExecutor]] = Capability(
    "pipeline_executor", version="1.0.0", contract=PipelineExecutor
)
