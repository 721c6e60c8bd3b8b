"""Actions that annotate tasks, from files or by inference."""

from .action import AddTaskDataAction, ToTaskAction
from .context import AddTaskDataContext, TaskResult
from .errors import AnnotationFileError, NothingAnnotatedError, TaskFilterError
from .params import AddTaskDataMethod, AddTaskDataParams, AddTaskDataProgressCategories
from .steps import (
    FormatResultsStep,
    LoadAnnotationsStep,
    LoadModelStep,
    ProcessTasksStep,
    RunInferenceStep,
    UploadAnnotationsStep,
    ValidateFileStep,
)

__all__ = [
    "AddTaskDataAction",
    "AddTaskDataContext",
    "AddTaskDataMethod",
    "AddTaskDataParams",
    "AddTaskDataProgressCategories",
    "AnnotationFileError",
    "FormatResultsStep",
    "LoadAnnotationsStep",
    "LoadModelStep",
    "NothingAnnotatedError",
    "ProcessTasksStep",
    "RunInferenceStep",
    "TaskFilterError",
    "TaskResult",
    "ToTaskAction",
    "UploadAnnotationsStep",
    "ValidateFileStep",
]
