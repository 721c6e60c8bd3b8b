"""What came of one step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class StepResult:
    """What came of one step.

    Args:
        success: Whether it did what it is for; if not, the workflow fails.
        data: Facts for people and later steps, as plain data.
        error: Why it did not succeed.
        rollback_data: What ``rollback`` needs to undo it, as plain data.
        skipped: Whether there was nothing to do. What was skipped is not rolled back.
        timestamp: When it ended, in UTC.
    """

    success: bool = True
    data: dict[str, Any] = field(default_factory=dict)
    error: str | None = None
    rollback_data: dict[str, Any] = field(default_factory=dict)
    skipped: bool = False
    timestamp: datetime = field(default_factory=_now)
