"""The base class of actions that annotate tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from ..model_use import ModelUse
from ..workflow import WorkflowAction
from .context import AddTaskDataContext
from .params import AddTaskDataMethod, AddTaskDataProgressCategories
from .steps import (
    FormatResultsStep,
    LoadAnnotationsStep,
    LoadModelStep,
    ProcessTasksStep,
    RunInferenceStep,
    UploadAnnotationsStep,
    ValidateFileStep,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...steps import BaseStepContext, StepRegistry

P = TypeVar("P", bound=BaseModel)


class AddTaskDataAction(WorkflowAction[P, AddTaskDataContext], ModelUse, Generic[P]):
    """Annotate the tasks of a project, from files or by inference, as ``method`` of the parameters says.

    From files it works as it is; ``convert_annotations`` or ``convert_data_from_file`` make something else of them. For
    inference, override ``load_model`` and ``infer``, and ``make_input`` and ``convert_data_from_inference`` where they
    do not suit. Tasks that fail are counted, and the others go on. With a setting ``PLUGBUS_WORK_FOLDER`` and the same
    id, a job that was ended goes on after the last task.

    The data of a task, as hooks are given it, are its ``id``, ``name`` (of its data unit), ``annotations``, ``files``,
    ``metadata``, ``data_unit`` and ``status``.

    Attributes:
        progress: What it reports the progress of.
    """

    context_class: ClassVar[type[BaseStepContext]] = AddTaskDataContext
    progress: ClassVar[type[AddTaskDataProgressCategories]] = AddTaskDataProgressCategories
    progress_categories: ClassVar[Mapping[str, float]] = {AddTaskDataProgressCategories.ANNOTATE_TASK_DATA: 100}

    def setup_steps(self, registry: StepRegistry[AddTaskDataContext]) -> None:
        """Register the four steps of the method."""
        if getattr(self.params, "method", AddTaskDataMethod.FILE) == AddTaskDataMethod.INFERENCE:
            registry.register(LoadModelStep())
            registry.register(RunInferenceStep())
            registry.register(FormatResultsStep())
        else:
            registry.register(ValidateFileStep())
            registry.register(LoadAnnotationsStep())
            registry.register(ProcessTasksStep())
        registry.register(UploadAnnotationsStep())

    def convert_annotations(self, annotations: Any, task_data: Mapping[str, Any]) -> Any:
        """Return what a task is annotated with, as a mapping.

        Args:
            annotations: What the file of all tasks holds for it.
            task_data: The task.
        """
        return annotations

    def convert_data_from_file(
        self,
        primary_file_url: str,
        primary_file_original_name: str,
        data_file_url: str,
        data_file_original_name: str,
        task_data: Mapping[str, Any],
    ) -> Any:
        """Return what a task is annotated with, as a mapping; as it is, what its JSON file holds.

        Args:
            primary_file_url: Address of the first other file of its data unit; empty where there is none.
            primary_file_original_name: The name of that.
            data_file_url: Address of the file with its annotations.
            data_file_original_name: The name of that.
            task_data: The task.
        """
        with self.ctx.current_storage.open(data_file_url) as file:
            return json.loads(file.read())

    def make_input(self, task_data: Mapping[str, Any]) -> Any:
        """Return what ``infer`` is given for a task; the data of the task as it is."""
        return task_data

    def convert_data_from_inference(self, inference_data: Any, task_data: Mapping[str, Any]) -> Any:
        """Return what a task is annotated with, as a mapping; as it is, the prediction, below ``predictions`` where it
        is none.

        Args:
            inference_data: The prediction.
            task_data: The task.
        """
        return inference_data if isinstance(inference_data, dict) else {"predictions": inference_data}

    def facts(self, context: AddTaskDataContext) -> Mapping[str, Any]:
        """Return the counts, and what went wrong."""
        failed, done = context.failed_count, context.success_count
        return {
            "status": "partial" if failed else "completed",
            "message": f"{done} tasks are annotated, {failed} failed",
            "total_tasks": done + failed,
            "success_count": done,
            "failed_count": failed,
            "failures": context.failures,
        }


ToTaskAction = AddTaskDataAction
"""The same by another name."""
