"""Events of work as entries of a job's log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugbus.capabilities import (
    EventLogged,
    JobLogEntry,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    StepCompleted,
    StepFailed,
    StepRollbackFailed,
    StepRolledBack,
    StepSkipped,
    StepStarted,
    encode_event,
    encode_value,
)

if TYPE_CHECKING:
    from plugbus.capabilities import WorkEvent

_STEPS = {
    StepStarted: LogLevel.DEBUG,
    StepCompleted: LogLevel.INFO,
    StepSkipped: LogLevel.INFO,
    StepFailed: LogLevel.ERROR,
    StepRolledBack: LogLevel.WARNING,
    StepRollbackFailed: LogLevel.ERROR,
}


def entry_of(event: WorkEvent) -> JobLogEntry | None:
    """Return the entry for an event; None for those that are no part of a log, such as progress."""
    if isinstance(event, MessageLogged):
        data: dict[str, Any] = {"content": event.message}
        if event.code is not None:
            data |= {"code": event.code, "fields": encode_value(event.fields)}
        if event.language is not None:
            data["language"] = event.language
        return JobLogEntry(event="debug" if event.is_for_developers else "message", data=whole(data), level=event.level)
    if isinstance(event, EventLogged):
        data = encode_value(event.data)
        if event.file is not None:
            data = {**data, "file": event.file}
        return JobLogEntry(event=whole(event.name.strip()) or "event", data=whole(data), level=event.level)
    if isinstance(event, MetricsRecorded):
        data = {"values": encode_value(event.values), "step": event.step}
        return JobLogEntry(event="metric", data=whole(data), step=whole(event.category))
    level = _STEPS.get(type(event))
    if level is None:
        return None
    data = encode_event(event)
    data = {name: value for name, value in data.items() if name not in {"type", "job_id", "step"}}
    return JobLogEntry(event=event.topic, data=whole(data), level=level, step=whole(getattr(event, "step", None)))


def whole(value: Any) -> Any:
    """Return JSON data without halves of characters, which file names that are no UTF-8 bring and no backend keeps."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8") if not value.isascii() else value
    if isinstance(value, dict):
        return {whole(key): whole(one) for key, one in value.items()}
    if isinstance(value, list):
        return [whole(one) for one in value]
    return value
