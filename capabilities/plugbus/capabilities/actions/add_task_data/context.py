"""What the steps share that annotate tasks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import ActionDefinitionError
from ..model_use import ModelContext
from ..policy import RetryPolicy
from ..retrying import SYSTEM_CLOCK, retried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ...context import RuntimeContext
    from ..clock import Clock

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class TaskResult:
    """What was found for a task.

    Args:
        task: Its id.
        annotations: What was found; None where that failed.
        error: Why it failed.
    """

    task: int
    annotations: Any = None
    error: Exception | None = None


@dataclass(kw_only=True)
class AddTaskDataContext(ModelContext):
    """What the steps share that annotate tasks.

    Args:
        total_tasks: How many there are.
        annotations: What the file holds, by the id of the task or the name of its data unit.
        inference_results: For each task its data and what was inferred, or why not; read as it is asked for.
        task_results: What was found, task by task; it is made as it is asked for.
        done_count: How many tasks were gone through.
        success_count: How many were annotated.
        failed_count: How many were not.
        failures: What went wrong, of the first 100: ``task`` and ``error``.
        clock: Tells the time, and lets it pass between two attempts.
    """

    total_tasks: int = 0
    annotations: Mapping[str, Any] | None = None
    inference_results: Iterable[tuple[dict[str, Any], Any, Exception | None]] | None = None
    task_results: Iterable[TaskResult] | None = None
    done_count: int = 0
    success_count: int = 0
    failed_count: int = 0
    failures: list[dict[str, Any]] = field(default_factory=list)
    clock: Clock = SYSTEM_CLOCK

    @property
    def runtime(self) -> RuntimeContext:
        """Return the services of the job.

        Raises:
            ActionDefinitionError: The context was made without.
        """
        if self.runtime_ctx is None:
            raise ActionDefinitionError(type(self.action).__qualname__, "its context has no runtime_ctx")
        return self.runtime_ctx

    def retried(self, work: Callable[[], R], on: tuple[type[Exception], ...]) -> R:
        """Do what may fail for a reason that passes, again as often as ``max_retries`` says."""
        attempts = int(self.param("max_retries", 2)) + 1
        policy = RetryPolicy(attempts=attempts, on=on, initial_delay_s=0.2, max_delay_s=10)
        return retried(work, policy, tokens=self.cancellations, clock=self.clock)

    def save_state(self) -> Mapping[str, Any]:
        """Return what has to be kept in a checkpoint: what the file holds is read again."""
        return {name: value for name, value in super().save_state().items() if name != "annotations"}
