"""The steps that annotate tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...backend import (
    BackendFailedError,
    RecordConflictError,
    RecordContentError,
    RecordNotFoundError,
    TaskAnnotation,
)
from ...steps import StepResult
from ..batches import each_or_all, windows
from ..inference.steps import LoadModelStep as LoadInferenceModelStep
from ..journal import ItemJournal
from ..workflow import WorkflowStep
from .context import AddTaskDataContext, TaskResult
from .errors import AnnotationFileError, NothingAnnotatedError
from .finding import check_tasks, open_formatted, open_inferred, open_processed, open_results, read_annotations
from .params import AddTaskDataProgressCategories

if TYPE_CHECKING:
    from ..model_use import ModelContext

_REFUSALS: Final = (RecordConflictError, RecordContentError, RecordNotFoundError)
_MOST_TOLD: Final = 100
_TOLD: Final = 3


class ValidateFileStep(WorkflowStep[AddTaskDataContext]):
    """Look whether the file with the annotations is there, and which tasks there are."""

    label = "validate_file"
    weight = 0.05

    def execute(self, context: AddTaskDataContext) -> StepResult:
        """Look.

        Raises:
            AnnotationFileError: The file is not there.
        """
        path = context.param("path", None)
        if path is not None and not Path(path).is_file():
            raise AnnotationFileError(path, (("", "there is no such file"),))
        context.total_tasks = check_tasks(context)
        return StepResult(data={"total_tasks": context.total_tasks})


class LoadAnnotationsStep(WorkflowStep[AddTaskDataContext]):
    """Read the file with the annotations."""

    label = "load_annotations"
    weight = 0.15

    def can_skip(self, context: AddTaskDataContext) -> bool:
        """Skip it where each data unit has a file of its own."""
        return context.param("path", None) is None

    def execute(self, context: AddTaskDataContext) -> StepResult:
        """Read it."""
        context.annotations = read_annotations(Path(context.param("path", "")))
        return StepResult(data={"annotation_count": len(context.annotations)})


class ProcessTasksStep(WorkflowStep[AddTaskDataContext]):
    """Set up what is made of the annotations: one task is in memory at a time."""

    label = "process_tasks"
    weight = 0.10

    def execute(self, context: AddTaskDataContext) -> StepResult:
        """Set it up."""
        context.task_results = open_processed(context, 0)
        return StepResult()


class LoadModelStep(LoadInferenceModelStep):
    """Bring the model here, load it, and look which tasks there are."""

    weight = 0.10

    def execute(self, context: ModelContext) -> StepResult:
        """Load it."""
        if isinstance(context, AddTaskDataContext):
            context.total_tasks = check_tasks(context)
        return super().execute(context)


class RunInferenceStep(WorkflowStep[AddTaskDataContext]):
    """Set up the inference: a batch of tasks is in memory at a time."""

    label = "run_inference"
    weight = 0.10

    def execute(self, context: AddTaskDataContext) -> StepResult:
        """Set it up."""
        context.inference_results = open_inferred(context, 0)
        return StepResult()


class FormatResultsStep(WorkflowStep[AddTaskDataContext]):
    """Set up what is made of the predictions."""

    label = "format_results"
    weight = 0.10

    def execute(self, context: AddTaskDataContext) -> StepResult:
        """Set it up."""
        inferred = context.inference_results
        context.task_results = open_formatted(context, open_inferred(context, 0) if inferred is None else inferred)
        return StepResult()


class UploadAnnotationsStep(WorkflowStep[AddTaskDataContext]):
    """Annotate the tasks, a batch in one transaction; where it is refused, each alone.

    Tasks that are annotated stay so, whatever fails later: what they held before is nobody's loss that is kept. It is
    written down which ones are done, so that a job that is started again goes on after them.
    """

    label = "upload_annotations"
    weight = 0.70

    def execute(self, context: AddTaskDataContext) -> StepResult:
        """Annotate them.

        Raises:
            NothingAnnotatedError: Every task failed.
            BackendFailedError: The backend failed for good.
        """
        work_file = getattr(context.action, "work_file", None)
        journal = ItemJournal(None if work_file is None else work_file("tasks.jsonl"))
        try:
            done = journal.load()
            for entry in done:
                _count(context, entry["task"], entry["error"])
            after = max((entry["task"] for entry in done), default=0)
            fresh = context.task_results if not done else None
            results = open_results(context, after) if fresh is None else fresh
            category = AddTaskDataProgressCategories.ANNOTATE_TASK_DATA.value
            context.set_progress(context.done_count, context.total_tasks, category)
            for window in windows(results, int(context.param("batch_size", 16))):
                context.raise_if_cancelled()
                for task, error in _annotate(context, window):
                    journal.append({"task": task, "error": error})
                    _count(context, task, error)
                context.set_progress(context.done_count, max(context.total_tasks, context.done_count), category)
        finally:
            journal.close()
            model, context.model = context.model, None
            if model is not None:
                context.action.close_model(model)
        context.set_metrics({"success": context.success_count, "failed": context.failed_count}, category)
        journal.clear()
        if context.failed_count and not context.success_count:
            told = tuple(f"task {one['task']}: {one['error']}" for one in context.failures[:_TOLD])
            raise NothingAnnotatedError(int(context.param("project", 0)), told, context.failed_count)
        return StepResult(data={"success_count": context.success_count, "failed_count": context.failed_count})


def _annotate(context: AddTaskDataContext, window: list[TaskResult]) -> list[tuple[int, str | None]]:
    """Annotate a batch of tasks, and return for each why it failed, in the order of the tasks."""
    told: dict[int, str | None] = {one.task: None for one in window}
    drafts: list[TaskAnnotation] = []
    for one in window:
        if one.error is not None:
            told[one.task] = str(one.error) or type(one.error).__qualname__
        elif not isinstance(one.annotations, Mapping):
            told[one.task] = f"its annotations are a {type(one.annotations).__qualname__}; return a mapping"
        else:
            drafts.append(TaskAnnotation(task=one.task, annotations=one.annotations))
    client = context.runtime.current_backend
    if drafts:
        # Doing it twice writes the same, so that it can be tried again.
        for outcome in context.retried(
            lambda: list(each_or_all(client.annotate_tasks, drafts, _REFUSALS)), (BackendFailedError,)
        ):
            if outcome.error is not None:
                told[outcome.item.task] = str(outcome.error)
    return list(told.items())


def _count(context: AddTaskDataContext, task: int, error: str | None) -> None:
    context.done_count += 1
    if error is None:
        context.success_count += 1
        return
    context.failed_count += 1
    if len(context.failures) < _MOST_TOLD:
        context.failures.append({"task": task, "error": error})
