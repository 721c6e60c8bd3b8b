"""Pipelines: actions that take what earlier ones return, checked before, watched, stopped, and resumed."""

from .action_pipeline import ActionPipeline
from .checkpoint import Checkpoint, PipelineCheckpoint, PipelineCheckpoints
from .checkpoint_file import JsonPipelineCheckpoints
from .context import PipelineContext
from .errors import (
    PipelineChangedError,
    PipelineDefinitionError,
    PipelineFailedError,
    PipelineParamsError,
    PipelineRunNotFoundError,
    WiringError,
)
from .executor import PIPELINE_EXECUTOR, PipelineExecutor
from .fault import PipelineFault
from .node import ActionNode
from .progress import ActionProgress, PipelineProgress
from .run import PipelineRun
from .runner import PipelineRunner
from .status import ActionStatus, PipelineStatus
from .tracked import unfinished_runs

__all__ = [
    "PIPELINE_EXECUTOR",
    "ActionNode",
    "ActionPipeline",
    "ActionProgress",
    "ActionStatus",
    "Checkpoint",
    "JsonPipelineCheckpoints",
    "PipelineChangedError",
    "PipelineCheckpoint",
    "PipelineCheckpoints",
    "PipelineContext",
    "PipelineDefinitionError",
    "PipelineExecutor",
    "PipelineFailedError",
    "PipelineFault",
    "PipelineParamsError",
    "PipelineProgress",
    "PipelineRun",
    "PipelineRunNotFoundError",
    "PipelineRunner",
    "PipelineStatus",
    "WiringError",
    "unfinished_runs",
]
