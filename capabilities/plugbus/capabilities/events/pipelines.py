"""Events of runs of pipelines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .work import WorkEvent

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class PipelineEvent(WorkEvent):
    """Root of the events of one run of a pipeline.

    Args:
        pipeline: The pipeline's name.
    """

    pipeline: str


@dataclass(frozen=True, slots=True)
class PipelineStarted(PipelineEvent):
    """A run of a pipeline begins.

    Args:
        actions: The names of its actions, in the order in which they are run.
        resumed: Those of them that an earlier process had done.
        weights: The share of each in the progress of the whole, relative to the others'; empty where all count alike.
    """

    actions: tuple[str, ...]
    resumed: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ActionStatusChanged(PipelineEvent):
    """An action of a pipeline got on.

    Args:
        action: Its name in the pipeline.
        status: ``running``, ``completed``, ``failed``, ``skipped`` or ``cancelled``.
        previous: What it was before.
        message: Why, where it was skipped, failed or cancelled.
    """

    action: str
    status: str
    previous: str
    message: str | None = None


@dataclass(frozen=True, slots=True)
class PipelineProgressed(PipelineEvent):
    """An action of a pipeline came on by a whole percent or more.

    Args:
        action: Its name in the pipeline.
        progress: What of it is done, 0 to 100 percent.
        overall: What of the whole is done, 0 to 100 percent.
    """

    action: str
    progress: float
    overall: float


@dataclass(frozen=True, slots=True)
class PipelineCompleted(PipelineEvent):
    """All actions of a pipeline are completed or skipped, after ``duration_s`` seconds."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class PipelineFailed(PipelineEvent):
    """Actions of a pipeline failed, after ``duration_s`` seconds."""

    duration_s: float
    error: BaseException


@dataclass(frozen=True, slots=True)
class PipelineCancelled(PipelineEvent):
    """A run of a pipeline was stopped from outside after ``duration_s`` seconds."""

    duration_s: float
    reason: str
