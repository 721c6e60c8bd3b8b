"""What a backend is to create or change.

The ``key`` of a draft is an idempotency key: where a record was created with the same key already, that record is
returned and nothing is created, so that work which is resumed after a crash creates nothing twice. Keys hold for one
kind of record, below one project or dataset where the kind has one; None creates always.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .records import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..storage import StoredFile


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDraft:
    """A project that is to be created."""

    name: str
    configuration: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetDraft:
    """A dataset that is to be created."""

    name: str
    format: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUnitDraft:
    """A data unit that is to be created in a dataset."""

    name: str
    files: Mapping[str, StoredFile] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskDraft:
    """A task that is to be created in a project."""

    data_unit: int | None = None
    status: TaskStatus = TaskStatus.OPEN
    annotations: Mapping[str, Any] | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAnnotation:
    """What was found for a task, and how far it is with that."""

    task: int
    annotations: Mapping[str, Any]
    status: TaskStatus = TaskStatus.ANNOTATED


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundTruthDraft:
    """A ground truth that is to be created in the dataset of its data unit."""

    data_unit: int
    annotations: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDraft:
    """A model that is to be created."""

    name: str
    version: str
    file: StoredFile | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    key: str | None = None
