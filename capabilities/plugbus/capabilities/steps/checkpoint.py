"""Checkpoints: how far a workflow came, kept where the end of its process does not reach."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from .result import StepResult


@dataclass(frozen=True, slots=True)
class RecordedFailure:
    """Why a workflow is being rolled back.

    Args:
        step: The step that failed.
        cause: Why.
        phase: What of it failed; see ``StepFailedError``.
    """

    step: str
    cause: str
    phase: str


@dataclass(frozen=True, slots=True)
class StepCheckpoint:
    """How far a workflow came.

    Args:
        steps: The names of all its steps, in order.
        results: What came of those that are done and not undone, in order.
        state: What the context saved.
        failure: Why it is being rolled back; None while it goes on.
    """

    steps: tuple[str, ...]
    results: tuple[StepResult, ...] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    failure: RecordedFailure | None = None


class CheckpointStore(Protocol):
    """Keep the checkpoint of one workflow. ``str()`` of a store says where, for messages.

    It holds a checkpoint while a workflow is under way, and after the end of a process that did not get to its end.
    """

    def load(self) -> StepCheckpoint | None:
        """Return the checkpoint, None where there is none. What is in it is the caller's to change."""
        ...

    def save(self, checkpoint: StepCheckpoint) -> None:
        """Put a checkpoint in the place of the last one. When this returns, it is kept whatever happens."""
        ...

    def clear(self) -> None:
        """Drop the checkpoint; does nothing where there is none."""
        ...

    def hold(self) -> AbstractContextManager[None]:
        """Return a block that keeps other executions from using the store, also those of other processes.

        Raises:
            CheckpointError: One is using it; raised where the block begins.
        """
        ...
