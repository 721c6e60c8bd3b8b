"""Streams: events for consumers in other threads and event loops, recordings of them, and async subscribers."""

from .asynchronous import AsyncEventStream
from .buffer import DropPolicy
from .errors import RecordingError, StreamBlockedError
from .fanout import AsyncFanOut, AsyncHandler, AsyncSubscription, FanOutFailed
from .rebuilding import EVENT_KINDS, RecordedError
from .recorder import EventRecorder, JsonlRecorder, RecordedEvent
from .replay import ReplayReport, read_events, replay
from .threaded import EventStream

__all__ = [
    "EVENT_KINDS",
    "AsyncEventStream",
    "AsyncFanOut",
    "AsyncHandler",
    "AsyncSubscription",
    "DropPolicy",
    "EventRecorder",
    "EventStream",
    "FanOutFailed",
    "JsonlRecorder",
    "RecordedError",
    "RecordedEvent",
    "RecordingError",
    "ReplayReport",
    "StreamBlockedError",
    "read_events",
    "replay",
]
