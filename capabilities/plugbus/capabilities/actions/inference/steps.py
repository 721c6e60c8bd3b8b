"""The steps of an inference."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Any, Final

from ...errors import WorkCancelledError
from ...steps import StepResult
from ...steps.plain import is_plain
from ..batches import each_or_all, windows
from ..journal import ItemJournal
from ..model_use import ModelContext, bring_model, use_model
from ..workflow import WorkflowStep
from .context import InferenceContext
from .errors import NothingInferredError
from .params import InferenceProgressCategories

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ..parallel import Outcome

_MOST_TOLD: Final = 100
_TOLD: Final = 3


class LoadModelStep(WorkflowStep[ModelContext]):
    """Bring the model here, and load it."""

    label = "load_model"
    weight = 0.20

    def execute(self, context: ModelContext) -> StepResult:
        """Load it; an execution that is taken up later loads it again."""
        category = InferenceProgressCategories.MODEL_DOWNLOAD.value
        context.set_progress(0, 100, category)
        bring_model(context)
        context.set_progress(50, 100, category)
        use_model(context)
        context.set_progress(100, 100, category)
        path = None if context.model_path is None else str(context.model_path)
        return StepResult(data={"model_id": context.model_id, "model_path": path})


class InferenceStep(WorkflowStep[InferenceContext]):
    """Infer from all inputs, some at a time.

    Each prediction that is plain data is written down, so that a job that is started again goes on after it.
    """

    label = "inference"
    weight = 0.80

    def execute(self, context: InferenceContext) -> StepResult:
        """Infer.

        Raises:
            NothingInferredError: All failed.
        """
        requests: Iterable[Any] = context.requests if context.requests is not None else context.param("inputs", [])
        total = len(requests) if isinstance(requests, Sized) else None
        journal = ItemJournal(_journal_path(context))
        try:
            for entry in journal.load():
                _take(context, entry.get("result"), entry.get("error"))
            self._infer_all(context, requests, total, journal)
        except WorkCancelledError:
            journal.clear()
            raise
        finally:
            journal.close()
            _close(context)
        counts = {"processed": context.processed_count, "failed": context.failed_count}
        context.set_metrics(counts, "inference")
        journal.clear()
        if context.failed_count and not context.processed_count:
            told = tuple(f"{one['index']}: {one['error']}" for one in context.failures[:_TOLD])
            raise NothingInferredError(_label(context), told, context.failed_count)
        return StepResult(data={f"{name}_count": value for name, value in counts.items()})

    def _infer_all(
        self, context: InferenceContext, requests: Iterable[Any], total: int | None, journal: ItemJournal
    ) -> None:
        category, is_written = InferenceProgressCategories.INFERENCE.value, True
        size = max(1, int(context.param("batch_size", context.batch_size)))
        context.batch_size = size
        todo = iter(requests)
        for _ in range(len(context.results)):  # done before the job was started again
            next(todo, None)
        context.set_progress(len(context.results), total, category)
        for window in windows(todo, size):
            context.raise_if_cancelled()
            for outcome in infer(context, window):
                error = None if outcome.error is None else str(outcome.error) or type(outcome.error).__qualname__
                # From the first prediction on that can't be written down as it is, all are made again.
                is_written = is_written and is_plain(outcome.value)
                if is_written:
                    journal.append({"result": outcome.value, "error": error})
                _take(context, outcome.value, error)
            context.set_progress(len(context.results), total, category)


def infer(context: ModelContext, window: list[Any]) -> Iterator[Outcome[Any, Any]]:
    """Have the action infer from some inputs; where that fails, from each alone, so that only bad ones fail."""
    model, action = use_model(context), context.action

    def work(part: Any) -> Any:
        try:
            found = action.infer(model, part)
        except WorkCancelledError as cancelled:
            raise _StoppedError from cancelled
        return list(found)

    try:
        yield from each_or_all(work, window)
    except _StoppedError as stopped:
        raise stopped.__cause__ or stopped from None


class _StoppedError(BaseException):
    """Carries a cancellation past what takes errors for failures of single inputs."""


def _take(context: InferenceContext, result: Any, error: str | None) -> None:
    if error is None:
        context.processed_count += 1
    else:
        context.failed_count += 1
        if len(context.failures) < _MOST_TOLD:
            context.failures.append({"index": len(context.results), "error": error})
    context.results.append(result)


def _close(context: ModelContext) -> None:
    model, context.model = context.model, None
    close = getattr(context.action, "close_model", None)
    if model is not None and close is not None:
        close(model)


def _journal_path(context: InferenceContext) -> Path | None:
    work_file = getattr(context.action, "work_file", None)
    return None if work_file is None else work_file("predictions.jsonl")


def _label(context: InferenceContext) -> str:
    return getattr(context.action, "action_name", None) or type(context.action).__qualname__
