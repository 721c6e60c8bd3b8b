"""Tracking in files: one line of JSON for each thing that is tracked."""

from .client import JsonlTrackingClient
from .plugin import JsonlTrackingPlugin
from .recorder import EventRecorder

__all__ = ["EventRecorder", "JsonlTrackingClient", "JsonlTrackingPlugin"]
