"""One run of a pipeline, from its first event to its last."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from ..errors import WorkCancelledError
from ..events import PipelineCancelled, PipelineCompleted, PipelineFailed, PipelineStarted
from ..steps.settling import told
from .board import ProgressBoard
from .errors import PipelineFailedError
from .execution import Execution
from .run import PipelineRun
from .status import PipelineStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..cancellation import CancellationToken
    from .journal import RunJournal
    from .plan import PipelinePlan
    from .progress import PipelineProgress
    from .surroundings import Surroundings

_INTERRUPTED = "it was interrupted"


def carry_out(
    plan: PipelinePlan,
    around: Surroundings,
    run_id: str,
    journal: RunJournal | None,
    stops: Iterable[CancellationToken],
    on_progress: Callable[[PipelineProgress], None] | None,
) -> PipelineRun:
    """Run a plan and return what came of it, whatever that is.

    Args:
        plan: What is run.
        around: What all its actions have in common.
        run_id: The run.
        journal: Where it is written down how far the run is; None where nothing is.
        stops: What stops the run from outside.
        on_progress: Called after each change with how far the run is.

    Raises:
        BaseException: As ``Execution.go_on`` does.
    """
    if journal is not None:
        journal.begin()
    job_id, publish = around.job_id, around.publish
    board = ProgressBoard(plan, run_id, job_id, publish, on_progress)
    execution = Execution(plan, around, board, journal)
    resumed = () if journal is None else journal.done
    start = monotonic()
    board.begin()
    weights = {one.name: one.weight for one in plan.actions.values()}
    publish(PipelineStarted(job_id, plan.name, tuple(plan.actions), resumed, weights))
    forgets = [one.on_cancel(around.token.cancel) for one in stops]
    try:
        execution.go_on()
        if not execution.failures and execution.cancelled is None:
            if around.progress_callback is not None:
                around.progress_callback(len(plan.actions), len(plan.actions), "complete")
            if journal is not None:
                journal.close()
    except BaseException as error:
        duration = monotonic() - start
        if isinstance(error, Exception):
            board.end(PipelineStatus.FAILED, told(error))
            publish(PipelineFailed(job_id, plan.name, duration, error))
        else:
            board.end(PipelineStatus.CANCELLED, _INTERRUPTED)
            publish(PipelineCancelled(job_id, plan.name, duration, _INTERRUPTED))
        raise
    finally:
        for forget in forgets:
            forget()
    failure = _failure(plan.name, execution)
    duration = monotonic() - start
    if failure is None:
        board.end(PipelineStatus.COMPLETED)
        publish(PipelineCompleted(job_id, plan.name, duration))
    elif isinstance(failure, WorkCancelledError):
        board.end(PipelineStatus.CANCELLED, failure.reason)
        publish(PipelineCancelled(job_id, plan.name, duration, failure.reason))
    else:
        board.end(PipelineStatus.FAILED, str(failure))
        publish(PipelineFailed(job_id, plan.name, duration, failure))
    progress = board.progress
    results = {name: execution.results[name] for name in plan.actions if name in execution.results}
    return PipelineRun(
        plan.name,
        run_id,
        progress.status,
        results,
        progress,
        around.params,
        around.context,
        duration,
        resumed,
        failure,
    )


def _failure(pipeline: str, execution: Execution) -> PipelineFailedError | WorkCancelledError | None:
    """Return why a run is not completed, with what was raised as its cause."""
    if execution.failures:
        error = PipelineFailedError(pipeline, tuple((name, told(one)) for name, one in execution.failures.items()))
        causes = [one for one in execution.failures.values() if isinstance(one, Exception)]
        error.__cause__ = causes[0] if len(causes) == 1 else ExceptionGroup("several actions failed", causes)
        return error
    if execution.cancelled is not None:
        cancelled = WorkCancelledError(f"pipeline '{pipeline}'", execution.cancelled.reason)
        cancelled.__cause__ = execution.cancelled
        return cancelled
    return None
