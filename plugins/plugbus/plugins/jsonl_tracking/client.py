"""A tracking client that writes JSON lines into the run's own directory."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .lines import JsonLines
from .recorder import EVENTS_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .recorder import EventRecorder

TRACKING_FILE = "tracking.jsonl"


class JsonlTrackingClient:
    """Track one run in ``<artifact_dir>/tracking.jsonl``.

    Each line has ``ts``, ``kind`` (``run_started``, ``params``, ``metrics``, ``tags``, ``artifact``, ``run_ended``) and
    the facts of that kind. Artifacts stay where they are: recorded are path, size and SHA-256.

    Args:
        recorder: Records the events of the run beside it; None for tracking alone.
    """

    def __init__(self, recorder: EventRecorder | None = None) -> None:
        self._recorder = recorder
        self._lines: JsonLines | None = None
        self._run_id = ""
        self._artifact_dir: Path | None = None

    def start_run(self, run_id: str, *, name: str, tags: Mapping[str, str], artifact_dir: Path) -> None:
        """Begin the file.

        Raises:
            RuntimeError: This client tracks a run already.
        """
        if self._lines is not None:
            raise RuntimeError(f"cannot track run '{run_id}': this client tracks '{self._run_id}'")
        self._run_id = run_id
        self._artifact_dir = artifact_dir.absolute()
        self._lines = JsonLines(self._artifact_dir / TRACKING_FILE)
        self._write("run_started", run_id=run_id, name=name, tags=dict(tags))
        if self._recorder is not None:
            self._recorder.start(run_id, self._artifact_dir)

    def end_run(self, status: str) -> None:
        """Write the last line."""
        self._write("run_ended", run_id=self._run_id, status=status)
        self._lines = None

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Write parameters."""
        self._write("params", params=dict(params))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write numbers; what is not finite is written as ``"nan"``, ``"inf"`` or ``"-inf"``."""
        self._write("metrics", metrics=dict(metrics), step=step)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Write tags."""
        self._write("tags", tags=dict(tags))

    def log_artifact(self, path: Path, artifact_path: str | None = None) -> None:
        """Write path, size and SHA-256 of a file; nothing for the files of the tracking itself, which still grow."""
        root = self._artifact_dir
        absolute = path.absolute()
        is_inside = root is not None and absolute.is_relative_to(root)
        place = absolute.relative_to(root).as_posix() if is_inside and root is not None else str(absolute)
        if place in {TRACKING_FILE, EVENTS_FILE}:
            return
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        self._write("artifact", path=place, artifact_path=artifact_path, size_bytes=size, sha256=digest)

    def get_artifact_uri(self, artifact_path: str | None = None) -> str:
        """Return the ``file:`` address of the run's directory, or of a folder in it."""
        if self._artifact_dir is None:
            raise RuntimeError("cannot tell where artifacts are: no run was started")
        place = self._artifact_dir if artifact_path is None else self._artifact_dir / artifact_path
        return place.as_uri()

    def _write(self, kind: str, **facts: Any) -> None:
        if self._lines is None:
            raise RuntimeError(f"cannot track {kind}: no run is open")
        self._lines.append({"kind": kind, **facts})
