"""What came of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


class RunStatus(StrEnum):
    """How a run ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunResult:
    """What came of a run. A plugin returns one with its outputs, its status and a message; the rest is filled in.

    Args:
        outputs: Small, useful results as plain data.
        status: How it ended.
        message: Why, where it is not ``ok``.
        run_id: The run.
        started_at_utc: When it began.
        ended_at_utc: When it ended.
        duration_s: Seconds between, on a clock that is never set.
        artifact_dir: Where its files lie, as text.
        error: The exception that ended it, where there was one.
    """

    outputs: Mapping[str, Any] = field(default_factory=dict)
    status: RunStatus = RunStatus.OK
    message: str | None = None
    run_id: str = ""
    started_at_utc: datetime | None = None
    ended_at_utc: datetime | None = None
    duration_s: float = 0.0
    artifact_dir: str = ""
    error: BaseException | None = None

    @property
    def is_ok(self) -> bool:
        """Tell whether the run did what was wanted."""
        return self.status is RunStatus.OK
