"""Events of a search for hyperparameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .work import WorkEvent

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TrialStarted(WorkEvent):
    """A trial begins.

    Args:
        trial: Its number in the search, from 0 on.
        values: The hyperparameters that it tries.
    """

    trial: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TrialEnded(WorkEvent):
    """A trial ended.

    Args:
        trial: Its number in the search, from 0 on.
        state: ``completed``, ``pruned`` or ``failed``.
        value: Of the metric that is searched for; None where nothing is known.
    """

    trial: int
    state: str
    value: float | None
