"""The backend: projects, datasets, tasks, models and jobs, wherever they are kept."""

from .client import BACKEND, BackendClient, DatasetClient, JobClient, ModelClient, ProjectClient, Scalar, TaskClient
from .drafts import (
    DatasetDraft,
    DataUnitDraft,
    GroundTruthDraft,
    ModelDraft,
    ProjectDraft,
    TaskAnnotation,
    TaskDraft,
)
from .errors import (
    BackendError,
    BackendFailedError,
    BackendUnavailableError,
    RecordConflictError,
    RecordContentError,
    RecordNotFoundError,
)
from .jobs import JobDraft, JobLogEntry, JobRecord, JobStatus, JobUpdate
from .records import DatasetRecord, DataUnit, GroundTruth, ModelRecord, ProjectRecord, TaskRecord, TaskStatus
from .upkeep import BACKEND_UPKEEP, BackendUpkeep

__all__ = [
    "BACKEND",
    "BACKEND_UPKEEP",
    "BackendClient",
    "BackendError",
    "BackendFailedError",
    "BackendUnavailableError",
    "BackendUpkeep",
    "DataUnit",
    "DataUnitDraft",
    "DatasetClient",
    "DatasetDraft",
    "DatasetRecord",
    "GroundTruth",
    "GroundTruthDraft",
    "JobClient",
    "JobDraft",
    "JobLogEntry",
    "JobRecord",
    "JobStatus",
    "JobUpdate",
    "ModelClient",
    "ModelDraft",
    "ModelRecord",
    "ProjectClient",
    "ProjectDraft",
    "ProjectRecord",
    "RecordConflictError",
    "RecordContentError",
    "RecordNotFoundError",
    "Scalar",
    "TaskAnnotation",
    "TaskClient",
    "TaskDraft",
    "TaskRecord",
    "TaskStatus",
]
