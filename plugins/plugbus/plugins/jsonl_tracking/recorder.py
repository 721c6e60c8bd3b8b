"""Recording the events of runs."""

from __future__ import annotations

import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from plugbus.capabilities import RunEnded, WorkEvent, encode_event

from .lines import JsonLines

if TYPE_CHECKING:
    from pathlib import Path

EVENTS_FILE = "events.jsonl"
_LONGEST_NAME: Final = 100


class EventRecorder:
    """Write every event of a run to ``<artifact_dir>/events.jsonl``, as ``plugbus events --follow`` reads it.

    A run is recorded from ``start`` until its ``RunEnded``. Safe from several threads.

    Args:
        job_logs: Where the events of jobs that are no recorded runs are written, each to ``<job id>.jsonl``; None to
            leave them out.
    """

    def __init__(self, job_logs: Path | None = None) -> None:
        self._job_logs = job_logs
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
        if file is None and self._job_logs is not None:
            file = JsonLines(self._job_logs / f"{_file_name(event.job_id)}.jsonl")
        if file is not None:
            file.append(encode_event(event))


def _file_name(job_id: str) -> str:
    """Return a name that is a file's on every system, and no other job's."""
    name = quote(job_id, safe=" ", errors="surrogatepass")
    if len(name) <= _LONGEST_NAME:
        return name
    return f"{name[:_LONGEST_NAME]}-{sha256(job_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
