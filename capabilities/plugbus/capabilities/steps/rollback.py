"""Undoing the steps that succeeded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import StepRollbackError
from .settling import settled, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import BaseStepContext
    from .journal import Journal
    from .reporting import StepReport
    from .result import StepResult
    from .step import BaseStep


class Rollback:
    """Undo steps, the last one first. Nothing that goes wrong keeps the others from being undone.

    Args:
        context: The workflow's state.
        report: Where the steps are told of; None where nobody hears it.
        journal: Where it is written down how far the rollback is; None where nothing is.
        may_await: Whether there is an event loop.
    """

    def __init__(
        self, context: BaseStepContext, report: StepReport | None, journal: Journal | None, *, may_await: bool
    ) -> None:
        self._context = context
        self._report = report
        self._journal = journal
        self._may_await = may_await
        self._failures: list[StepRollbackError] = []
        self._interrupt: BaseException | None = None

    @property
    def failures(self) -> tuple[StepRollbackError, ...]:
        """Return what went wrong."""
        return tuple(self._failures)

    @property
    def interrupt(self) -> BaseException | None:
        """Return the first ``KeyboardInterrupt``, ``SystemExit`` or the like that was raised meanwhile."""
        return self._interrupt

    async def undo(self, done: list[tuple[BaseStep[Any], str, StepResult]]) -> None:
        """Roll back what succeeded; ``done`` is emptied."""
        context = self._context
        while done:
            step, name, result = done[-1]
            if not result.skipped:
                context.current_step, context.current_step_order = name, len(done)
                error = await self._undo_one(step, name, result)
                if error is not None:
                    context.errors.append(f"Rollback failed for step '{name}': {self._keep(name, error)}")
                if self._report is not None:
                    self.attempt(name, self._report.rolled_back, name, error)
            done.pop()
            if self._journal is not None and done:
                self.attempt(name, self._journal.write, done)

    async def _undo_one(self, step: BaseStep[Any], name: str, result: StepResult) -> BaseException | None:
        try:
            await settled(step.rollback(self._context, result), name, may_await=self._may_await)
        except BaseException as raised:  # noqa: BLE001 - the other steps must be undone; it is kept and told
            return raised
        return None

    def attempt(self, name: str, call: Callable[..., object], *arguments: object) -> None:
        """Call what belongs to the rollback of a step; what it raises is a failure like that of the step."""
        try:
            call(*arguments)
        except BaseException as raised:  # noqa: BLE001 - see _undo_one
            self._keep(name, raised)

    def _keep(self, name: str, raised: BaseException) -> str:
        text = told(raised)
        failure = StepRollbackError(name, text)
        failure.__cause__ = raised
        self._failures.append(failure)
        if self._interrupt is None and not isinstance(raised, Exception):
            self._interrupt = raised
        return text
