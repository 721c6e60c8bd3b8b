"""How far a run of a pipeline is, as a value for displays, files and the wire. All progress is in percent, 0 to 100."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotation at run time
from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - pydantic reads the annotation at run time
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter

from ..events import encode_value
from .status import ActionStatus, PipelineStatus

if TYPE_CHECKING:
    from datetime import timedelta

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class ActionProgress:
    """How far one action is.

    Args:
        name: Its name in the pipeline.
        status: What became of it so far.
        progress: What of it is done, 0 to 100 percent; never falls. 100 when it is completed or skipped.
        category: What it is at, as it says itself.
        message: Its last message for people, or why it failed, was skipped or cancelled.
        metrics: The last value of each metric.
        started_at: When it began, in UTC.
        completed_at: When it ended, in UTC, however it did.
        error: What was raised, as text; None where nothing was.
        weight: Its share of the whole, relative to the others', from 0 on.
    """

    name: str
    status: ActionStatus = ActionStatus.PENDING
    progress: Percent = 0.0
    category: str | None = None
    message: str | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0

    @property
    def duration(self) -> timedelta | None:
        """Return how long it took; None until it has ended, and where it was never begun."""
        return self.completed_at - self.started_at if self.started_at and self.completed_at else None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data."""
        return _json_of(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ActionProgress:
        """Return what ``to_dict`` gave.

        Raises:
            ValueError: It is something else; names every fault.
        """
        return _action_reader().validate_python(data)


@dataclass(frozen=True, slots=True)
class PipelineProgress:
    """How far a run of a pipeline is.

    Args:
        run_id: The run.
        status: What became of it so far.
        actions: Its actions by name, in the order in which they are run.
        pipeline: The pipeline's name.
        current_action: The action that was begun last, of those that run; None where none does.
        started_at: When it began, in UTC.
        completed_at: When it ended, in UTC, however it did.
        error: Why it failed or was cancelled.
    """

    run_id: str
    status: PipelineStatus = PipelineStatus.PENDING
    actions: Mapping[str, ActionProgress] = field(default_factory=dict)
    pipeline: str = ""
    current_action: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str | None = None

    @property
    def overall_progress(self) -> float:
        """Return what of the whole is done, 0 to 100 percent: the weighted mean of the actions.

        Where all weights are 0, actions count alike; a pipeline without actions is at 0 until it is completed.
        """
        if self.status is PipelineStatus.COMPLETED:
            return 100.0
        parts = [(one.weight, one.progress) for one in self.actions.values()]
        heaviest = max((weight for weight, _ in parts), default=0.0)
        if not heaviest:
            parts, heaviest = [(1.0, progress) for _, progress in parts], 1.0
        # Relative to the heaviest, so that no sum of weights is too large for a float.
        shares = [(weight / heaviest, progress) for weight, progress in parts]
        whole = sum(share for share, _ in shares)
        return min(100.0, sum(share * progress for share, progress in shares) / whole) if whole else 0.0

    @property
    def completed_actions(self) -> int:
        """Return how many actions need not be run any more: those completed or skipped."""
        return sum(one.status in {ActionStatus.COMPLETED, ActionStatus.SKIPPED} for one in self.actions.values())

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON data, with what is computed of it for readers of other languages."""
        told = {"overall_progress": self.overall_progress, "completed_actions": self.completed_actions}
        return {**_json_of(self), **told}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PipelineProgress:
        """Return what ``to_dict`` gave.

        Raises:
            ValueError: It is something else; names every fault.
        """
        return _pipeline_reader().validate_python(data)


def _json_of(progress: ActionProgress | PipelineProgress) -> dict[str, Any]:
    encoded: dict[str, Any] = encode_value(progress)
    for part, one in ((encoded, progress), *zip(encoded.get("actions", {}).values(), _actions(progress), strict=True)):
        part["started_at"], part["completed_at"] = _iso(one.started_at), _iso(one.completed_at)
    return encoded


def _actions(progress: ActionProgress | PipelineProgress) -> tuple[ActionProgress, ...]:
    return tuple(progress.actions.values()) if isinstance(progress, PipelineProgress) else ()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")


# Made when they are first needed: each costs more than the import of this module.
@cache
def _action_reader() -> TypeAdapter[ActionProgress]:
    return TypeAdapter(ActionProgress)


@cache
def _pipeline_reader() -> TypeAdapter[PipelineProgress]:
    return TypeAdapter(PipelineProgress)
