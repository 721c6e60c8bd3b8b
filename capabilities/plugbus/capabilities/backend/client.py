"""The contract of backends, one protocol for each kind of record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from plugbus.kernel import Capability

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from .drafts import (
        DatasetDraft,
        DataUnitDraft,
        GroundTruthDraft,
        ModelDraft,
        ProjectDraft,
        TaskAnnotation,
        TaskDraft,
    )
    from .jobs import JobDraft, JobLogEntry, JobRecord, JobStatus, JobUpdate
    from .records import DatasetRecord, DataUnit, GroundTruth, ModelRecord, ProjectRecord, TaskRecord, TaskStatus

Scalar: TypeAlias = str | int | float | bool | None
"""What metadata can be compared with."""


class ProjectClient(Protocol):
    """Projects."""

    def create_project(self, draft: ProjectDraft) -> ProjectRecord:
        """Create a project.

        Raises:
            RecordConflictError: There is one of this name.
        """
        ...

    def project(self, project: int) -> ProjectRecord:
        """Return a project."""
        ...

    def projects(self, *, name: str | None = None, after: int = 0, page_size: int = 200) -> Iterator[ProjectRecord]:
        """Yield projects."""
        ...

    def delete_project(self, project: int) -> None:
        """Delete a project with its tasks."""
        ...


class DatasetClient(Protocol):
    """Datasets, their data units, and what is true of these."""

    def create_dataset(self, draft: DatasetDraft) -> DatasetRecord:
        """Create a dataset.

        Raises:
            RecordConflictError: There is one of this name.
        """
        ...

    def dataset(self, dataset: int) -> DatasetRecord:
        """Return a dataset."""
        ...

    def datasets(self, *, name: str | None = None, after: int = 0, page_size: int = 200) -> Iterator[DatasetRecord]:
        """Yield datasets."""
        ...

    def delete_dataset(self, dataset: int) -> None:
        """Delete a dataset with its data units and ground truths. Files in a storage stay."""
        ...

    def create_data_units(self, dataset: int, drafts: Sequence[DataUnitDraft]) -> tuple[DataUnit, ...]:
        """Create data units, and return them in the order of their drafts."""
        ...

    def data_unit(self, data_unit: int) -> DataUnit:
        """Return a data unit."""
        ...

    def data_units(
        self,
        dataset: int,
        *,
        name: str | None = None,
        where: Mapping[str, Scalar] | None = None,
        after: int = 0,
        page_size: int = 200,
    ) -> Iterator[DataUnit]:
        """Yield data units of a dataset."""
        ...

    def delete_data_units(self, ids: Collection[int]) -> None:
        """Delete data units with their ground truths; tasks keep what they hold. Files in a storage stay."""
        ...

    def create_ground_truths(self, dataset: int, drafts: Sequence[GroundTruthDraft]) -> tuple[GroundTruth, ...]:
        """Create ground truths, and return them in the order of their drafts.

        Raises:
            RecordConflictError: A data unit is part of another dataset.
        """
        ...

    def ground_truth(self, ground_truth: int) -> GroundTruth:
        """Return a ground truth."""
        ...

    def ground_truths(
        self,
        dataset: int,
        *,
        data_unit: int | None = None,
        where: Mapping[str, Scalar] | None = None,
        after: int = 0,
        page_size: int = 200,
    ) -> Iterator[GroundTruth]:
        """Yield ground truths of a dataset, or of one data unit of it."""
        ...

    def delete_ground_truths(self, ids: Collection[int]) -> None:
        """Delete ground truths."""
        ...


class TaskClient(Protocol):
    """Tasks of projects."""

    def create_tasks(self, project: int, drafts: Sequence[TaskDraft]) -> tuple[TaskRecord, ...]:
        """Create tasks, and return them in the order of their drafts."""
        ...

    def task(self, task: int) -> TaskRecord:
        """Return a task."""
        ...

    def tasks(
        self,
        project: int,
        *,
        status: TaskStatus | None = None,
        where: Mapping[str, Scalar] | None = None,
        after: int = 0,
        page_size: int = 200,
    ) -> Iterator[TaskRecord]:
        """Yield tasks of a project."""
        ...

    def annotate_tasks(self, annotations: Sequence[TaskAnnotation]) -> tuple[TaskRecord, ...]:
        """Write what was found for tasks, in place of what they held, and return the tasks as they are now."""
        ...

    def delete_tasks(self, ids: Collection[int]) -> None:
        """Delete tasks."""
        ...


class ModelClient(Protocol):
    """Trained models."""

    def create_model(self, draft: ModelDraft) -> ModelRecord:
        """Create a model.

        Raises:
            RecordConflictError: There is one of this name and version.
        """
        ...

    def model(self, model: int) -> ModelRecord:
        """Return a model."""
        ...

    def models(self, *, name: str | None = None, after: int = 0, page_size: int = 200) -> Iterator[ModelRecord]:
        """Yield models."""
        ...

    def delete_model(self, model: int) -> None:
        """Delete a model. Its file in a storage stays."""
        ...


class JobClient(Protocol):
    """Jobs and their logs."""

    def create_job(self, draft: JobDraft) -> JobRecord:
        """Create a job that is pending.

        Raises:
            RecordConflictError: There is one of this id.
        """
        ...

    def job(self, job: str) -> JobRecord:
        """Return a job."""
        ...

    def jobs(self, *, status: JobStatus | None = None, after: str = "", page_size: int = 200) -> Iterator[JobRecord]:
        """Yield jobs in the order of their creation, after the job ``after`` if one is named."""
        ...

    def update_job(self, job: str, update: JobUpdate) -> JobRecord:
        """Change a job, and return it as it is now.

        The first status that is not pending is when it began, the first that is over is when it ended.

        Raises:
            RecordConflictError: It is over, and its status is to change.
        """
        ...

    def append_logs(self, job: str, entries: Sequence[JobLogEntry]) -> None:
        """Add entries to a job's log, also to that of a job that is over."""
        ...

    def logs(self, job: str, *, after: int = 0, page_size: int = 200) -> Iterator[JobLogEntry]:
        """Yield entries of a job's log."""
        ...


class BackendClient(ProjectClient, DatasetClient, TaskClient, ModelClient, JobClient, Protocol):
    """Everything that a platform keeps. Synchronous, and safe from several threads.

    True of every call:

    - A call that changes several records changes all of them or none.
    - Lists are lazy iterators in the order of the ids, from the first id above ``after``. They ask for ``page_size``
      records (1 to 1,000) at a time and hold nothing open in between; what is created meanwhile may come too.
    - ``where`` keeps records whose metadata has all of these top-level values; None is met by a null, not by nothing.
    - Deleting is for rollbacks: ids that are not there are passed over.

    Raises:
        RecordNotFoundError: An id, or a project, dataset, data unit or job that is named, is not there. Lists raise it
            when they are called, not when they are first asked for a record.
        RecordConflictError: It contradicts what is there.
        RecordContentError: It can't be kept: no JSON, a blank name, a time without zone, a page size out of range.
        BackendFailedError: The backend itself is full, busy, broken or not to be reached.
    """


BACKEND: Final[Capability[BackendClient]] = Capability("backend", version="1.0.0", contract=BackendClient)
"""The backend of the host."""
