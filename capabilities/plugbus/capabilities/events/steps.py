"""Events of the steps of a workflow."""

from __future__ import annotations

from dataclasses import dataclass

from .work import WorkEvent


@dataclass(frozen=True, slots=True)
class StepEvent(WorkEvent):
    """Root of the events of one step."""

    step: str


@dataclass(frozen=True, slots=True)
class StepStarted(StepEvent):
    """A step begins.

    Args:
        order: Its place in the workflow, from 1 on.
        total: How many steps the workflow has.
    """

    order: int
    total: int


@dataclass(frozen=True, slots=True)
class StepCompleted(StepEvent):
    """A step succeeded after ``duration_s`` seconds."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class StepSkipped(StepEvent):
    """A step had nothing to do."""


@dataclass(frozen=True, slots=True)
class StepFailed(StepEvent):
    """A step made its workflow fail, or was interrupted, after ``duration_s`` seconds."""

    duration_s: float
    error: BaseException


@dataclass(frozen=True, slots=True)
class StepRolledBack(StepEvent):
    """A step that had succeeded was undone, because a later one failed."""


@dataclass(frozen=True, slots=True)
class StepRollbackFailed(StepEvent):
    """A step could not be undone; the others are, all the same."""

    error: BaseException
