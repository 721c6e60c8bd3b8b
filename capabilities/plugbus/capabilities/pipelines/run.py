"""What came of a run of a pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .status import PipelineStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .context import PipelineContext
    from .progress import PipelineProgress


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """What came of a run of a pipeline.

    Args:
        pipeline: The pipeline's name.
        run_id: The run.
        status: How it ended.
        results: Action to what it returned, in the order in which they are run; those that were not run are left out.
        progress: What became of each action, and when.
        params: What the run began with.
        context: Where its files are.
        duration_s: Seconds from its beginning.
        resumed: The actions that an earlier process had done.
        error: Why it is not completed: ``PipelineFailedError`` or ``WorkCancelledError``.
    """

    pipeline: str
    run_id: str
    status: PipelineStatus
    results: Mapping[str, Any]
    progress: PipelineProgress
    params: Mapping[str, Any]
    context: PipelineContext
    duration_s: float
    resumed: tuple[str, ...] = ()
    error: Exception | None = None

    @property
    def is_ok(self) -> bool:
        """Tell whether all actions are completed or skipped."""
        return self.status is PipelineStatus.COMPLETED

    @property
    def result(self) -> Any:
        """Return what the last action returned that was run; None where none was."""
        return next(reversed(tuple(self.results.values())), None)

    def raise_if_failed(self) -> None:
        """Raise why the run is not completed; does nothing where it is.

        Raises:
            PipelineFailedError: Actions failed.
            WorkCancelledError: It was stopped.
        """
        if self.error is not None:
            raise self.error
