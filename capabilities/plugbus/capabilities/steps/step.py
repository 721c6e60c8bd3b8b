"""The base class of steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from inspect import iscoroutinefunction
from types import GenericAlias
from typing import TYPE_CHECKING, Generic, TypeVar

from .context import BaseStepContext

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from .result import StepResult

C_contra = TypeVar("C_contra", bound=BaseStepContext, contravariant=True)


class BaseStep(ABC, Generic[C_contra]):
    """One step of a workflow, which can be undone. Each method may be ``async``, for ``execute_async``.

    A step is registered once and may be executed many times: what one execution knows belongs into the context.

    Lifecycle, in each execution of the workflow:

    1. ``can_skip``: whether there is nothing to do.
    2. ``execute``: do it, and return what came of it.
    3. ``rollback``, if the step succeeded and the workflow failed later.

    A step that fails itself is not rolled back: it cleans up what it had begun before it returns or raises.
    """

    if not TYPE_CHECKING:  # pragma: no branch
        # typing's own subscription keeps its arguments in a cache, and so a plugin's classes alive after its unload.
        __class_getitem__ = classmethod(GenericAlias)

    @property
    @abstractmethod
    def name(self) -> str:
        """Return the name, which no other step of the workflow has."""

    @property
    @abstractmethod
    def progress_weight(self) -> float:
        """Return the step's share of the work, from 0 on; usually the shares of a workflow add up to 1."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Return other names that the step is found by; a step around another one names that one."""
        return ()

    @property
    def is_async(self) -> bool:
        """Tell whether the step needs an event loop."""
        kind = type(self)
        return any(iscoroutinefunction(one) for one in (kind.can_skip, kind.execute, kind.rollback))

    @abstractmethod
    def execute(self, context: C_contra) -> StepResult | Awaitable[StepResult]:
        """Do the work and return what came of it. A result without success, and an exception, fail the workflow."""

    def can_skip(self, context: C_contra) -> bool | Awaitable[bool]:
        """Tell whether there is nothing to do."""
        return False

    def rollback(self, context: C_contra, result: StepResult) -> Awaitable[None] | None:
        """Undo what ``execute`` did.

        Args:
            context: The workflow's state.
            result: What ``execute`` returned.
        """
        return None
