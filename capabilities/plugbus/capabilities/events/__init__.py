"""Kinds of events: of training, of work that goes on, and how events are written as JSON."""

from .codec import encode_event, encode_value
from .steps import (
    StepCompleted,
    StepEvent,
    StepFailed,
    StepRollbackFailed,
    StepRolledBack,
    StepSkipped,
    StepStarted,
)
from .training import BackendChanged, EpochEnd, EpochStart, PluginEvent, Telemetry, TensorOp
from .work import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionStarted,
    EventLogged,
    LogEnded,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    ProgressReported,
    RunEnded,
    RunStarted,
    WorkEvent,
)

__all__ = [
    "ActionCancelled",
    "ActionCompleted",
    "ActionFailed",
    "ActionStarted",
    "BackendChanged",
    "EpochEnd",
    "EpochStart",
    "EventLogged",
    "LogEnded",
    "LogLevel",
    "MessageLogged",
    "MetricsRecorded",
    "PluginEvent",
    "ProgressReported",
    "RunEnded",
    "RunStarted",
    "StepCompleted",
    "StepEvent",
    "StepFailed",
    "StepRollbackFailed",
    "StepRolledBack",
    "StepSkipped",
    "StepStarted",
    "Telemetry",
    "TensorOp",
    "WorkEvent",
    "encode_event",
    "encode_value",
]
