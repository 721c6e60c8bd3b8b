"""Tracked runs: what is wanted, where it works, what came of it."""

from .actions import ActionRunner
from .context import RunContext
from .result import RunResult, RunStatus
from .runner import RunBody, RunEngine
from .spec import PluginInfo, RunSpec
from .store import RunDirectory, RunStore, artifact_root, find_artifact_root
from .tracking import TRACKING, RunTracking, TrackingBackend, TrackingClient

__all__ = [
    "TRACKING",
    "ActionRunner",
    "PluginInfo",
    "RunBody",
    "RunContext",
    "RunDirectory",
    "RunEngine",
    "RunResult",
    "RunSpec",
    "RunStatus",
    "RunStore",
    "RunTracking",
    "TrackingBackend",
    "TrackingClient",
    "artifact_root",
    "find_artifact_root",
]
