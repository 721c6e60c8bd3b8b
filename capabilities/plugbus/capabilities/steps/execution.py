"""One execution of the steps: going through them in order, and back when one fails."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ..errors import WorkCancelledError
from .checkpoint import RecordedFailure
from .errors import StepFailedError
from .reporting import StepReport
from .result import StepResult
from .rollback import Rollback
from .settling import settled, settled_result, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import BaseStepContext
    from .journal import Journal
    from .plan import StepPlan
    from .step import BaseStep

BEFORE: Final = "before_step"
SKIP: Final = "can_skip"
EXECUTE: Final = "execute"
PROGRESS: Final = "progress_callback"
CHECKPOINT: Final = "checkpoint"
REPORT: Final = "report"
BETWEEN: Final = "between"  # no step's turn: nothing but a cancellation or an interrupt ends an execution there


class UnsuccessfulError(Exception):
    """Leave the steps because one of them returned a result without success."""

    def __init__(self, result: StepResult) -> None:
        super().__init__(result)
        self.result = result


class Execution:
    """One execution of a plan.

    Args:
        plan: The steps.
        context: What they share.
        journal: Where it is written down how far the execution is; None where nothing is.
        may_await: Whether there is an event loop.

    Attributes:
        done: The steps that succeeded or were skipped, with their names and results, in order.

    Raises:
        CheckpointError: There is a checkpoint that can't be taken up.
        StepsChangedError: There is a checkpoint of other steps.
    """

    def __init__(self, plan: StepPlan, context: BaseStepContext, journal: Journal | None, *, may_await: bool) -> None:
        self._plan = plan
        self._context = context
        self._journal = journal
        self._may_await = may_await
        self._report = StepReport.of(context, len(plan.rows))
        self.done: list[tuple[BaseStep[Any], str, StepResult]] = [] if journal is None else journal.resume()
        self._phase = BETWEEN
        self._row: tuple[BaseStep[Any], str, int] | None = None
        self._result: object = None

    async def go_on(
        self,
        before_step: Callable[[str, Any], object] | None,
        progress_callback: Callable[[int, int], object] | None,
    ) -> int:
        """Execute the steps that are not done yet; return how many were, and not skipped.

        Raises:
            StepFailedError: One failed, and those that were done are undone.
            BaseException: An interrupt, raised again when those that were done are undone.
        """
        journal, failure = self._journal, None if self._journal is None else self._journal.failure
        if journal is not None and failure is not None:
            # The process that was executing this was ended while it rolled back.
            rollback = Rollback(self._context, self._report, journal, may_await=self._may_await)
            raise await self._turned_back(rollback, failure)
        try:
            if self._report is not None:
                self._report.planned(self._plan, [name for _, name, _ in self.done])
            return await self._steps(before_step, progress_callback)
        except BaseException as error:
            may_await = self._may_await and not isinstance(error, GeneratorExit)
            rollback = Rollback(self._context, self._report, journal, may_await=may_await)
            failed = self._failed(_plain(error), rollback)
            if isinstance(error, WorkCancelledError) or not isinstance(error, Exception):
                await self._turned_back(rollback, failed, error)
                raise
            raise await self._turned_back(rollback, failed) from _cause(error)

    async def _steps(
        self,
        before_step: Callable[[str, Any], object] | None,
        progress_callback: Callable[[int, int], object] | None,
    ) -> int:
        context, plan, report, journal, done = self._context, self._plan, self._report, self._journal, self.done
        tokens, results, may_await = context.cancellations, context.step_results, self._may_await
        executed, order = 0, len(done)
        if done and progress_callback is not None:
            self._row = plan.rows[order - 1]
            self._phase = PROGRESS
            progress_callback(self._row[2], 100)
        for row in islice(plan.rows, order, None):
            step, name, percent = row
            # In this order: an interrupt in between must not take the last result for that of this step.
            self._result = None
            self._row = row
            self._phase = BETWEEN
            if tokens:
                for token in tokens:
                    token.raise_if_cancelled(f"step '{name}'")
            order += 1
            context.current_step = name
            context.current_step_order = order
            self._phase = BEFORE
            if report is not None:
                report.started(name, order)
            if before_step is not None:
                hooked = before_step(name, context)
                if hooked is not None:
                    await settled(hooked, name, may_await=may_await)
            self._phase = SKIP
            skip = step.can_skip(context)
            if skip and (skip is True or await settled(skip, name, may_await=may_await)):
                self._result = result = StepResult(skipped=True)
            else:
                self._phase = EXECUTE
                # Kept at once: an interrupt that comes now must not lose what has been done.
                self._result = returned = step.execute(context)
                if type(returned) is not StepResult:
                    self._result = returned = await settled_result(returned, name, may_await=may_await)
                result = returned
                if not result.success:
                    raise UnsuccessfulError(result)
                if not result.skipped:
                    executed += 1
            done.append((step, name, result))
            results.append(result)
            if journal is not None:
                self._phase = CHECKPOINT
                journal.write(done)
            if report is not None:
                self._phase = REPORT
                report.ended(name, percent, was_skipped=result.skipped)
            self._phase = PROGRESS
            if progress_callback is not None:
                progress_callback(percent, 100)
        self._phase = CHECKPOINT
        if journal is not None:
            journal.close()
        return executed

    def _failed(self, error: BaseException, rollback: Rollback) -> RecordedFailure:
        """Note which step failed and why, in the context, on the bus and in the journal."""
        phase, result, results = self._phase, self._result, self._context.step_results
        name = "" if self._row is None else self._row[1]
        text = told(error)
        if isinstance(error, UnsuccessfulError):
            text = error.result.error or "it gave no reason"
            results.append(error.result)
        elif isinstance(result, StepResult) and result.success and self._row is not None:
            # An interrupt may have come between the return of the step and the notes of it, which are made up for.
            if not (self.done and self.done[-1][1] == name):
                self.done.append((self._row[0], name, result))
            if len(results) < len(self.done):
                results.append(result)
        elif phase in {BEFORE, SKIP, EXECUTE}:
            results.append(StepResult(success=False, error=text))
        failed = RecordedFailure(name, text, phase)
        if self._report is not None and phase != BETWEEN:
            told_error = StepFailedError(name, text, phase) if isinstance(error, UnsuccessfulError) else error
            rollback.attempt(name, self._report.failed, name, told_error)
        if self._journal is not None:
            rollback.attempt(name, self._journal.turn_back, failed, self.done)
        return failed

    async def _turned_back(
        self, rollback: Rollback, failed: RecordedFailure, interrupt: BaseException | None = None
    ) -> StepFailedError:
        """Undo what is done, and return the failure to be raised; what went wrong meanwhile is noted on it.

        Raises:
            BaseException: The first interrupt that came meanwhile, unless the execution was ended by one.
        """
        await rollback.undo(self.done)
        if self._journal is not None:
            rollback.attempt(failed.step, self._journal.close)
        failure = StepFailedError(failed.step, failed.cause, failed.phase, rollback.failures)
        for noted in (failure,) if interrupt is None else (interrupt,):
            for one in rollback.failures:
                noted.add_note(str(one))
        if rollback.interrupt is not None and (interrupt is None or isinstance(interrupt, Exception)):
            raise rollback.interrupt from (failure if interrupt is None else interrupt)
        return failure


def _plain(error: BaseException) -> BaseException:
    """Return what was raised; a ``StopIteration`` can't leave a coroutine, and comes in a ``RuntimeError``."""
    inside = error.__cause__
    is_made = type(error) is RuntimeError and error.args == ("coroutine raised StopIteration",)
    return inside if is_made and isinstance(inside, StopIteration) else error


def _cause(error: Exception) -> BaseException | None:
    return None if isinstance(error, UnsuccessfulError) else _plain(error)
