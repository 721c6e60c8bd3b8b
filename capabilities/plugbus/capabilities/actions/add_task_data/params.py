"""What an action takes that annotates tasks."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class AddTaskDataMethod(StrEnum):
    """Where the annotations come from."""

    FILE = "file"
    INFERENCE = "inference"


class AddTaskDataProgressCategories(StrEnum):
    """What is reported the progress of."""

    ANNOTATE_TASK_DATA = "annotate_task_data"


class AddTaskDataParams(BaseModel):
    """Parameters of an action that annotates tasks.

    Args:
        name: Of the job, for people.
        project: Id of the project in the backend.
        method: Where the annotations come from.
        task_filters: Which tasks: ``status`` and ``metadata``; open ones by default, all of the project with ``{}``.
        path: For ``file``: the local file with the annotations of all tasks, JSON or JSON Lines.
        target_specification_name: For ``file`` without ``path``: what that file of each data unit is that holds its
            annotations, such as ``labels``.
        model: For ``inference``: id of the model in the backend.
        model_path: Its file or folder here, instead.
        pre_processor_params: For the hooks of the action.
        batch_size: How many tasks are inferred from, and written, at a time.
        max_retries: How often a backend or storage that fails is asked again.
    """

    model_config = ConfigDict(protected_namespaces=())

    name: str = ""
    project: int
    method: AddTaskDataMethod = AddTaskDataMethod.FILE
    task_filters: dict[str, Any] = Field(default_factory=lambda: {"status": "open"})
    path: str | None = None
    target_specification_name: str | None = None
    model: int | None = None
    model_path: str | None = None
    pre_processor_params: dict[str, Any] = Field(default_factory=dict)
    batch_size: int = Field(default=16, ge=1, le=1000)
    max_retries: int = Field(default=2, ge=0, le=20)

    @model_validator(mode="after")
    def _sources_are_said(self) -> AddTaskDataParams:
        if self.method is AddTaskDataMethod.FILE and (self.path is None) == (self.target_specification_name is None):
            raise ValueError("path: say either path or target_specification_name for the method 'file'")
        return self
