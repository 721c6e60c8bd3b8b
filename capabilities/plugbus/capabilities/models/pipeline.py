"""Status, progress and checkpoints of pipelines. ``RunStatus`` here is ``PipelineStatus`` elsewhere."""

from ..pipelines.checkpoint import Checkpoint
from ..pipelines.progress import ActionProgress, PipelineProgress
from ..pipelines.status import ActionStatus
from ..pipelines.status import PipelineStatus as RunStatus

__all__ = ["ActionProgress", "ActionStatus", "Checkpoint", "PipelineProgress", "RunStatus"]
