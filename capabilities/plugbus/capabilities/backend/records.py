"""What a backend keeps of projects, datasets, tasks and models.

Metadata, configurations, annotations and metrics are JSON: texts as keys; texts, finite numbers, truth values, None,
lists and mappings as values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..storage import StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectRecord:
    """A project: tasks that belong together, and how they are to be done."""

    id: int
    name: str
    configuration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRecord:
    """A dataset: data units, and what is true of them.

    Args:
        id: Its id.
        name: Its name; no two datasets have the same.
        format: Name of the data type of its files, such as ``yolo_dataset``; empty where that is left open.
        metadata: What else is known.
    """

    id: int
    name: str
    format: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUnit:
    """One thing to learn from: its files by what they are (``image``, ``mask`` ...)."""

    id: int
    dataset: int
    name: str
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


class TaskStatus(StrEnum):
    """How far a task is."""

    OPEN = "open"
    ANNOTATED = "annotated"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRecord:
    """A data unit that is to be annotated.

    Args:
        id: Its id.
        project: The project that it is part of.
        data_unit: What is to be annotated; None once that was deleted, or where the task is about something else.
        status: How far it is.
        annotations: What was found; None until it is annotated.
        metadata: What else is known.
    """

    id: int
    project: int
    data_unit: int | None = None
    status: TaskStatus = TaskStatus.OPEN
    annotations: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundTruth:
    """What is true of a data unit of a dataset."""

    id: int
    dataset: int
    data_unit: int
    annotations: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """A trained model; no two have the same name and version."""

    id: int
    name: str
    version: str
    file: StoredFile | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
