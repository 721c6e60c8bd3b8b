"""Recording the events of runs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from plugbus.capabilities import RunEnded, WorkEvent, encode_event

from .lines import JsonLines

if TYPE_CHECKING:
    from pathlib import Path

EVENTS_FILE = "events.jsonl"


class EventRecorder:
    """Write every event of a run to ``<artifact_dir>/events.jsonl``, as ``plugbus events --follow`` reads it.

    A run is recorded from ``start`` until its ``RunEnded``. Safe from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[str, JsonLines] = {}

    def start(self, run_id: str, artifact_dir: Path) -> None:
        """Record the events of a run from now on."""
        with self._lock:
            self._files[run_id] = JsonLines(artifact_dir / EVENTS_FILE)

    def record(self, event: WorkEvent) -> None:
        """Write an event, if it belongs to a run that is recorded."""
        if event.job_id is None:
            return
        with self._lock:
            file = self._files.get(event.job_id)
            if file is not None and isinstance(event, RunEnded):
                del self._files[event.job_id]
        if file is not None:
            file.append(encode_event(event))
