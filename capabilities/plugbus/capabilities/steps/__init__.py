"""Steps: work that is done in order, and undone when a part of it fails."""

from .checkpoint import CheckpointStore, RecordedFailure, StepCheckpoint
from .checkpoint_file import JsonCheckpointStore
from .context import BaseStepContext
from .contributions import STEP, ContributionSource, Step, StepContribution
from .errors import (
    AsyncStepError,
    CheckpointError,
    CheckpointStateError,
    StepCycleError,
    StepDefinitionError,
    StepExistsError,
    StepFailedError,
    StepNotFoundError,
    StepResultError,
    StepRollbackError,
    StepsChangedError,
    StepsRunningError,
)
from .orchestrator import Orchestrator, StepsSummary
from .registry import StepRegistry
from .result import StepResult
from .step import BaseStep
from .validation import ValidationStep
from .wrapping import LoggingStep, StepWrapper, TimingStep

__all__ = [
    "STEP",
    "AsyncStepError",
    "BaseStep",
    "BaseStepContext",
    "CheckpointError",
    "CheckpointStateError",
    "CheckpointStore",
    "ContributionSource",
    "JsonCheckpointStore",
    "LoggingStep",
    "Orchestrator",
    "RecordedFailure",
    "Step",
    "StepCheckpoint",
    "StepContribution",
    "StepCycleError",
    "StepDefinitionError",
    "StepExistsError",
    "StepFailedError",
    "StepNotFoundError",
    "StepRegistry",
    "StepResult",
    "StepResultError",
    "StepRollbackError",
    "StepWrapper",
    "StepsChangedError",
    "StepsRunningError",
    "StepsSummary",
    "TimingStep",
    "ValidationStep",
]
