"""A step that checks the context."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .context import BaseStepContext
from .errors import StepResultError
from .result import StepResult
from .step import BaseStep

if TYPE_CHECKING:
    from collections.abc import Callable

C_contra = TypeVar("C_contra", bound=BaseStepContext, contravariant=True)


class ValidationStep(BaseStep[C_contra]):
    """Fail the workflow where the context is not as it should be.

    Args:
        validator: Returns whether it is, and why not.
        name: The name of the step.
        progress_weight: Its share of the work.
    """

    def __init__(
        self,
        validator: Callable[[C_contra], tuple[bool, str | None]],
        name: str = "validate",
        progress_weight: float = 0.05,
    ) -> None:
        self._validator = validator
        self._name = name
        self._progress_weight = progress_weight

    @property
    def name(self) -> str:
        """Return the name."""
        return self._name

    @property
    def progress_weight(self) -> float:
        """Return the share of the work."""
        return self._progress_weight

    def execute(self, context: C_contra) -> StepResult:
        """Ask the validator.

        Raises:
            StepResultError: It did not return two things.
        """
        returned: Any = self._validator(context)
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise StepResultError(self._name, f"a {type(returned).__qualname__}", "tuple (is_valid, error)")
        is_valid, error = returned
        return StepResult() if is_valid else StepResult(success=False, error=error or "the context is not valid")
