"""How far runs of pipelines, and the actions in them, are."""

from __future__ import annotations

from enum import StrEnum


class PipelineStatus(StrEnum):
    """How far a run of a pipeline is. ``plugbus.capabilities.models`` has it as ``RunStatus``."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing comes after it."""
        return self not in {PipelineStatus.PENDING, PipelineStatus.RUNNING}


class ActionStatus(StrEnum):
    """How far an action of a pipeline is.

    ``SKIPPED``: its condition did not hold, or what it needs was skipped or failed. ``CANCELLED``: it was stopped, or
    never begun because the run was stopped.
    """

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing comes after it."""
        return self not in {ActionStatus.PENDING, ActionStatus.RUNNING}
