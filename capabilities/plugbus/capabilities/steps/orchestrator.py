"""The face of executing steps: what is executed, with what, and what came of it."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from types import GenericAlias
from typing import TYPE_CHECKING, Generic, NotRequired, TypedDict, TypeVar

from .context import BaseStepContext
from .errors import AsyncStepError, StepsRunningError
from .execution import Execution
from .journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .checkpoint import CheckpointStore
    from .plan import StepPlan
    from .registry import StepRegistry

C = TypeVar("C", bound=BaseStepContext)


class StepsSummary(TypedDict):
    """What came of a workflow.

    Args:
        success: True; a workflow that fails raises.
        steps_executed: How many steps were executed and not skipped.
        steps_total: How many there are.
        steps_resumed: How many were done before, by an execution that did not get to its end; absent where it is 0.
    """

    success: bool
    steps_executed: int
    steps_total: int
    steps_resumed: NotRequired[int]


class Orchestrator(Generic[C]):
    """Execute the steps of a registry in order, and roll back those that succeeded when one fails.

    Each execution:

    1. Goes through the steps that are registered when it begins. ``context.step_results`` is emptied.
    2. For each: ``before_step``, ``can_skip``, ``execute``, then the checkpoint and the progress.
    3. Whatever is raised on the way, and a result without success, ends it: the steps that succeeded are rolled back,
       the last one first, and all of them whatever their rollbacks raise. The step that failed is not: what it had
       begun is for itself to clean up.
    4. A failure is raised as ``StepFailedError``. ``KeyboardInterrupt``, ``SystemExit``, ``asyncio.CancelledError`` and
       ``WorkCancelledError`` are raised again as they are. Failures of rollbacks are notes of what is raised.

    It can be executed again, after success as after failure, but not while it is being executed.

    Args:
        registry: The steps.
        context: What they share.
        progress_callback: Called after each step, done or skipped, with what is done in percent and 100. The weights
            of the steps count by their shares of their sum; the number never falls, and is 100 after the last step.
        before_step: Called before each step with its name and the context.
        checkpoints: Where it is written down which steps are done, so that an execution whose process was ended is
            taken up after the last of them. After success, and after a rollback, nothing is left there.
    """

    if not TYPE_CHECKING:  # pragma: no branch
        # typing's own subscription keeps its arguments in a cache, and so a plugin's classes alive after its unload.
        __class_getitem__ = classmethod(GenericAlias)

    def __init__(
        self,
        registry: StepRegistry[C],
        context: C,
        progress_callback: Callable[[int, int], object] | None = None,
        before_step: Callable[[str, C], object] | None = None,
        *,
        checkpoints: CheckpointStore | None = None,
    ) -> None:
        self._registry = registry
        self._context = context
        self._progress_callback = progress_callback
        self._before_step = before_step
        self._checkpoints = checkpoints
        self._busy = threading.Lock()

    @property
    def context(self) -> C:
        """Return what the steps share."""
        return self._context

    def execute(self) -> StepsSummary:
        """Execute the steps.

        Raises:
            AsyncStepError: A step is async; nothing was executed.
            StepFailedError: A step failed, or a hook; what had succeeded is rolled back.
            WorkCancelledError: The workflow was cancelled; what had succeeded is rolled back.
            CheckpointError: There is a checkpoint that can't be read, or that another execution is using; nothing was
                executed.
            StepsChangedError: There is a checkpoint of other steps; nothing was executed.
            StepsRunningError: This orchestrator is executing already.
        """
        plan = self._registry.plan
        if plan.async_names:
            raise AsyncStepError(plan.async_names)
        run = self._run(plan, may_await=False)
        try:
            run.send(None)
        except StopIteration as end:
            summary: StepsSummary = end.value
            return summary
        raise AssertionError("nothing is awaited where nothing may be")  # pragma: no cover

    async def execute_async(self) -> StepsSummary:
        """Execute the steps; async ones are awaited, others are called as they are. Raises as ``execute`` does."""
        return await self._run(self._registry.plan, may_await=True)

    async def _run(self, plan: StepPlan, *, may_await: bool) -> StepsSummary:
        context = self._context
        if not self._busy.acquire(blocking=False):
            raise StepsRunningError(context.current_step)
        try:
            with nullcontext() if self._checkpoints is None else self._checkpoints.hold():
                context.step_results.clear()
                journal = None if self._checkpoints is None else Journal(self._checkpoints, plan, context)
                execution = Execution(plan, context, journal, may_await=may_await)
                resumed = len(execution.done)
                executed = await execution.go_on(self._before_step, self._progress_callback)
        finally:
            context.current_step = context.current_step_order = None
            self._busy.release()
        summary = StepsSummary(success=True, steps_executed=executed, steps_total=len(plan.rows))
        if resumed:
            summary["steps_resumed"] = resumed
        return summary
