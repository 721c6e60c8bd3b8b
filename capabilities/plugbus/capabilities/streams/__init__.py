"""Streams: events for consumers in other threads and event loops."""

from .asynchronous import AsyncEventStream
from .buffer import DropPolicy
from .threaded import EventStream

__all__ = ["AsyncEventStream", "DropPolicy", "EventStream"]
