"""What an export action takes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints


class ExportProgressCategories(StrEnum):
    """What an export action reports the progress of."""

    FETCH = "fetch"
    DATASET_CONVERSION = "dataset_conversion"
    ORIGINAL_FILE = "original_file"
    DATA_FILE = "data_file"


class ExportParams(BaseModel):
    """Parameters of an export action. A model of one's own needs those fields alone whose defaults do not suit it.

    Args:
        name: Of the export, and of its folder; ``(1)`` and so on is put behind it where there is one.
        path: The folder in the storage that the export's folder is made in.
        target: What is exported: ``task``, ``assignment``, ``ground_truth``, or what else there is a handler for.
        filter: Which of these; what a filter may say depends on the target.
        save_original_file: Whether the files of data units are exported, besides what is known of them.
        extra_params: For the hooks of the action.
        max_workers: How many items are saved at a time.
    """

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    path: str = ""
    target: str = "task"
    filter: dict[str, Any] = Field(default_factory=dict)
    save_original_file: bool = True
    extra_params: dict[str, Any] = Field(default_factory=dict)
    max_workers: int = Field(default=8, ge=1, le=64)
