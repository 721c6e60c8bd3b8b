"""What a workflow tells of its steps, on the bus."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

from ..events import StepCompleted, StepFailed, StepRollbackFailed, StepRolledBack, StepSkipped, StepStarted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..context import RuntimeContext
    from .context import BaseStepContext
    from .plan import StepPlan


class StepReport:
    """Publish what happens to the steps of one execution.

    Args:
        runtime_ctx: Services of the job.
        total: How many steps there are.
    """

    def __init__(self, runtime_ctx: RuntimeContext, total: int) -> None:
        self._ctx = runtime_ctx
        self._total = total
        self._start = monotonic()

    @classmethod
    def of(cls, context: BaseStepContext, total: int) -> StepReport | None:
        """Return the report of an execution, None where nobody can hear it."""
        ctx = context.runtime_ctx
        return cls(ctx, total) if ctx is not None and ctx.is_heard else None

    def planned(self, plan: StepPlan, done: Iterable[str]) -> None:
        """Tell which steps there are, how much each is of the workflow, and which were done before."""
        weights = plan.weights if any(plan.weights) else (1.0,) * len(plan.names)
        self._ctx.plan_progress(dict(zip(plan.names, weights, strict=True)), done)

    def started(self, step: str, order: int) -> None:
        """Tell that a step begins."""
        self._start = monotonic()
        self._ctx.publish(StepStarted(self._ctx.job_id, step, order, self._total))

    def ended(self, step: str, percent: int, *, was_skipped: bool) -> None:
        """Tell that a step succeeded or was skipped, and how much of the workflow is done."""
        ctx = self._ctx
        if was_skipped:
            ctx.publish(StepSkipped(ctx.job_id, step))
        else:
            ctx.publish(StepCompleted(ctx.job_id, step, monotonic() - self._start))
        ctx.set_progress(percent, 100)

    def failed(self, step: str, error: BaseException) -> None:
        """Tell that a step failed."""
        self._ctx.publish(StepFailed(self._ctx.job_id, step, monotonic() - self._start, error))

    def rolled_back(self, step: str, error: BaseException | None) -> None:
        """Tell that a step was undone, or why it was not."""
        job_id = self._ctx.job_id
        self._ctx.publish(StepRolledBack(job_id, step) if error is None else StepRollbackFailed(job_id, step, error))
