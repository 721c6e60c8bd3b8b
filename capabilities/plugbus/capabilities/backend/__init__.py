"""The backend: projects, datasets, tasks, models and jobs, wherever they are kept."""

from typing import TYPE_CHECKING

from plugbus.kernel import import_late

from .client import BACKEND, BackendClient, DatasetClient, JobClient, ModelClient, ProjectClient, Scalar, TaskClient
from .errors import (
    BackendError,
    BackendFailedError,
    BackendUnavailableError,
    RecordConflictError,
    RecordContentError,
    RecordNotFoundError,
)

# Every import of runs needs the token; records are imported by those who use them.
if TYPE_CHECKING:
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
    from .upkeep import BACKEND_UPKEEP, BackendUpkeep
else:
    __getattr__ = import_late(
        __name__,
        drafts=(
            "DataUnitDraft",
            "DatasetDraft",
            "GroundTruthDraft",
            "ModelDraft",
            "ProjectDraft",
            "TaskAnnotation",
            "TaskDraft",
        ),
        jobs=(
            "JobDraft",
            "JobLogEntry",
            "JobRecord",
            "JobStatus",
            "JobUpdate",
        ),
        records=(
            "DataUnit",
            "DatasetRecord",
            "GroundTruth",
            "ModelRecord",
            "ProjectRecord",
            "TaskRecord",
            "TaskStatus",
        ),
        upkeep=(
            "BACKEND_UPKEEP",
            "BackendUpkeep",
        ),
    )

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
