"""Events of work that goes on. Whoever shows or stores progress, metrics and logs subscribes to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from plugbus.kernel import Event

if TYPE_CHECKING:
    from collections.abc import Mapping


class LogLevel(StrEnum):
    """How much a message matters, from least to most."""

    DEBUG = "debug"
    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    DANGER = "danger"
    ERROR = "error"
    CRITICAL = "critical"

    @classmethod
    def _missing_(cls, value: object) -> LogLevel | None:
        """Read a level in any case, and ``warn`` and ``fatal`` as the standard library does."""
        text = str(value).strip().lower()
        text = {"warn": "warning", "fatal": "critical"}.get(text, text)
        return next((one for one in cls if one.value == text), None)


@dataclass(frozen=True, slots=True)
class WorkEvent(Event):
    """Root of the events of one job.

    Args:
        job_id: The job; inside a run it is the run's id.
    """

    job_id: str | None


@dataclass(frozen=True, slots=True)
class ActionStarted(WorkEvent):
    """An action begins."""

    action: str


@dataclass(frozen=True, slots=True)
class ActionCompleted(WorkEvent):
    """An action returned a valid result after ``duration_s`` seconds."""

    action: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class ActionFailed(WorkEvent):
    """An action raised, or returned what it may not, after ``duration_s`` seconds."""

    action: str
    duration_s: float
    error: BaseException


@dataclass(frozen=True, slots=True)
class ActionRetried(WorkEvent):
    """An attempt failed, and the action will be tried again.

    Args:
        attempt: The attempt that failed, from 1 on.
        error: Why.
        delay_s: Seconds until the next attempt.
    """

    action: str
    attempt: int
    error: BaseException
    delay_s: float


@dataclass(frozen=True, slots=True)
class ActionCancelled(WorkEvent):
    """An action was stopped from outside after ``duration_s`` seconds."""

    action: str
    duration_s: float


@dataclass(frozen=True, slots=True)
class ProgressReported(WorkEvent):
    """Work came on.

    Args:
        current: What is done, from 0 to ``total``.
        total: All there is, more than 0; None while it is not known.
        category: Which of several things this is the progress of.
    """

    current: float
    total: float | None
    category: str | None = None


@dataclass(frozen=True, slots=True)
class ProgressPlanned(WorkEvent):
    """It is known of which categories work consists.

    Args:
        weights: Category to how much it is of the whole; the weights count by their shares of their sum.
        done: Those of them that were done before, by work that is taken up again.
    """

    weights: Mapping[str, float]
    done: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProgressFailed(WorkEvent):
    """A category of work failed, or all of it that was under way; the job itself may go on.

    Args:
        category: The category; None for all that was under way.
    """

    category: str | None = None


@dataclass(frozen=True, slots=True)
class MetricsRecorded(WorkEvent):
    """Values were measured.

    Args:
        values: Name to number.
        category: What they belong to, such as ``train``.
        step: Epoch or iteration, from 0 on; None for values that belong to no step.
        action: Which action of a pipeline measured them, by its name there; None outside of pipelines.
    """

    values: Mapping[str, float]
    category: str | None = None
    step: int | None = None
    action: str | None = None


@dataclass(frozen=True, slots=True)
class MessageLogged(WorkEvent):
    """A message for people.

    Args:
        level: How much it matters.
        message: The text, in ``language``, with ``fields`` filled in.
        is_for_developers: Whether it is of use to developers alone.
        code: What it says, whatever the language; None for a text that was written as it is.
        language: The language of the text, such as ``en``; None where that is not known.
        fields: What was filled in, by name, as plain data.
    """

    level: LogLevel
    message: str
    is_for_developers: bool = False
    code: str | None = None
    language: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventLogged(WorkEvent):
    """Something happened, with its facts.

    Args:
        name: What happened.
        data: The facts, as plain data.
        file: A file that belongs to it.
        level: How much it matters.
    """

    name: str
    data: Mapping[str, Any] = field(default_factory=dict)
    file: str | None = None
    level: LogLevel = LogLevel.INFO


@dataclass(frozen=True, slots=True)
class LogEnded(WorkEvent):
    """The job will log nothing more."""


@dataclass(frozen=True, slots=True)
class LogsDelivered(WorkEvent):
    """A job has ended, and what it logged is stored, or not.

    Args:
        written: How many entries are stored.
        dropped: How many were not taken, because there was no room.
        unsent: How many are certainly not stored.
        unconfirmed: How many were sent, and nobody knows whether they are stored.
        pending: How many are still to be stored; what becomes of them is told by a further event.
    """

    written: int
    dropped: int = 0
    unsent: int = 0
    unconfirmed: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class RunStarted(WorkEvent):
    """A run begins; ``job_id`` is its id.

    Args:
        plugin_key: The plugin that does the work.
        pipeline: Which of its workflows.
        artifact_dir: Where the run keeps its files.
    """

    plugin_key: str
    pipeline: str
    artifact_dir: str


@dataclass(frozen=True, slots=True)
class RunEnded(WorkEvent):
    """A run ended.

    Args:
        status: ``ok``, ``failed``, ``skipped`` or ``cancelled``.
        duration_s: Seconds from its start.
        message: Why, where it is not ``ok``.
    """

    status: str
    duration_s: float
    message: str | None = None
