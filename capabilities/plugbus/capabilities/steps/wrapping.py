"""Steps around other steps."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from .context import BaseStepContext
from .result import StepResult
from .settling import told
from .step import BaseStep

if TYPE_CHECKING:
    from collections.abc import Mapping

C_contra = TypeVar("C_contra", bound=BaseStepContext, contravariant=True)


class StepWrapper(BaseStep[C_contra]):
    """A step around another one, which does what that does: subclass it, and override ``ended`` and what else is to be.

    It has the weight of the step inside and is found by its name too. Whatever else that step offers, this one does.

    Args:
        step: The step inside.
    """

    prefix = "wrapped"

    def __init__(self, step: BaseStep[C_contra]) -> None:
        self._step = step

    @property
    def step(self) -> BaseStep[C_contra]:
        """Return the step inside."""
        return self._step

    @property
    def name(self) -> str:
        """Return the name of the step inside, with a prefix."""
        return f"{self.prefix}_{self._step.name}"

    @property
    def progress_weight(self) -> float:
        """Return the weight of the step inside."""
        return self._step.progress_weight

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return the names that the step inside is found by."""
        return (self._step.name, *self._step.aliases)

    @property
    def is_async(self) -> bool:
        """Tell whether the step inside needs an event loop."""
        return self._step.is_async

    def __getattr__(self, name: str) -> Any:
        # Asked for what is not here; before __init__ and while it is copied there is no step inside either.
        if name.startswith("_"):
            raise AttributeError(f"'{type(self).__qualname__}' object has no attribute '{name}'")
        return getattr(self._step, name)

    def can_skip(self, context: C_contra) -> bool | Awaitable[bool]:
        """Tell whether the step inside has nothing to do."""
        return self._step.can_skip(context)

    def execute(self, context: C_contra) -> StepResult | Awaitable[StepResult]:
        """Execute the step inside."""
        self.began(context)
        start = monotonic()
        try:
            returned = self._step.execute(context)
        except BaseException as error:
            self.failed(context, monotonic() - start, error)
            raise
        if isinstance(returned, Awaitable):
            return self._awaited(context, start, returned)
        return self.ended(context, monotonic() - start, returned) if isinstance(returned, StepResult) else returned

    def rollback(self, context: C_contra, result: StepResult) -> Awaitable[None] | None:
        """Roll the step inside back."""
        return self._step.rollback(context, result)

    def began(self, context: C_contra) -> None:
        """Do what is to be done before the step inside."""

    def ended(self, context: C_contra, elapsed: float, result: StepResult) -> StepResult:
        """Do what is to be done after the step inside, ``elapsed`` seconds later; return the result to be taken."""
        return result

    def failed(self, context: C_contra, elapsed: float, error: BaseException) -> None:
        """Do what is to be done when the step inside raised, ``elapsed`` seconds later."""

    async def _awaited(self, context: C_contra, start: float, returned: Awaitable[StepResult]) -> StepResult:
        try:
            result = await returned
        except BaseException as error:
            self.failed(context, monotonic() - start, error)
            raise
        return self.ended(context, monotonic() - start, result) if isinstance(result, StepResult) else result


class LoggingStep(StepWrapper[C_contra]):
    """Log the begin, the end and the rollback of a step, as ``step_start``, ``step_end`` and ``step_rollback``.

    Its name is ``logged_`` and that of the step inside.
    """

    prefix = "logged"

    def began(self, context: C_contra) -> None:
        """Log the begin."""
        context.log("step_start", {"step": self.name})

    def ended(self, context: C_contra, elapsed: float, result: StepResult) -> StepResult:
        """Log the end, with the seconds that the step took."""
        self._log_end(context, elapsed, {"success": result.success, "skipped": result.skipped}, result.error)
        return result

    def failed(self, context: C_contra, elapsed: float, error: BaseException) -> None:
        """Log the end, with what was raised."""
        self._log_end(context, elapsed, {"success": False, "skipped": False}, told(error))

    def rollback(self, context: C_contra, result: StepResult) -> Awaitable[None] | None:
        """Log the rollback, and roll the step inside back."""
        context.log("step_rollback", {"step": self.name})
        return super().rollback(context, result)

    def _log_end(self, context: C_contra, elapsed: float, facts: Mapping[str, Any], error: str | None) -> None:
        why = {} if error is None else {"error": error}
        context.log("step_end", {"step": self.name, "elapsed": round(elapsed, 3), **facts, **why})


class TimingStep(StepWrapper[C_contra]):
    """Put the seconds that a step took into ``data["duration_seconds"]`` of its result.

    Its name is ``timed_`` and that of the step inside.
    """

    prefix = "timed"

    def ended(self, context: C_contra, elapsed: float, result: StepResult) -> StepResult:
        """Return the result with the seconds, to six digits after the point; the step's own one is not changed."""
        return replace(result, data={**result.data, "duration_seconds": round(elapsed, 6)})
