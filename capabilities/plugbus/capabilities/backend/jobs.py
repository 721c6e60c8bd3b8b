"""What a backend keeps of jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ..events import LogLevel

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobStatus(StrEnum):
    """How far a job is."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more comes of it."""
        return self in _OVER


_OVER: Final = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDraft:
    """A job that is to be created.

    Args:
        action: The action that it runs, such as ``digits.train``.
        plugin: Id of the plugin that offers the action; empty where that is not known.
        params: The action's parameters.
        id: Its id; the backend makes one where there is none. A job that has this id already is a conflict.
    """

    action: str
    plugin: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """A job: an action that is run, and what became of it.

    Args:
        id: Its id.
        action: The action.
        plugin: Id of the plugin that offers the action.
        status: How far it is.
        params: The action's parameters.
        progress: The last progress that was reported.
        metrics: The last metrics that were reported.
        result: What it returned, as JSON.
        error: Why it failed; empty where it did not.
        created: When it was created, UTC.
        started: When it began to run, UTC.
        ended: When it was over, UTC.
    """

    id: str
    action: str
    plugin: str
    status: JobStatus
    params: Mapping[str, Any]
    progress: Mapping[str, Any]
    metrics: Mapping[str, Any]
    result: Any
    error: str
    created: datetime
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUpdate:
    """What is to be changed of a job; None leaves as it is. Progress, metrics and result are replaced as a whole."""

    status: JobStatus | None = None
    progress: Mapping[str, Any] | None = None
    metrics: Mapping[str, Any] | None = None
    result: Any = None
    error: str | None = None


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLogEntry:
    """One entry of a job's log.

    Args:
        event: What happened, such as ``message``.
        data: The facts.
        level: How much it matters.
        at: When it happened, with a time zone; kept as UTC.
        step: The step or category that it belongs to; None where there is none.
        key: Idempotency key within the job: an entry whose key is there already is not added again.
        id: Its place in the log, from 1 on, given by the backend and rising; 0 before that.
    """

    event: str
    data: Mapping[str, Any] = field(default_factory=dict)
    level: LogLevel = LogLevel.INFO
    at: datetime = field(default_factory=_now)
    step: str | None = None
    key: str | None = None
    id: int = 0
