"""Tracking that keeps everything in memory, and is as strict as a client may be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(slots=True)
class FakeTrackingClient:
    """Keep what one run tracks.

    Args:
        failing: Name of a method to what it raises, in place of doing its work.

    Attributes:
        calls: The names of the methods that were called, in order; those that failed are among them.
        metrics: One ``(key, value, step)`` for each number.
        artifacts: One ``(file, artifact_path)`` for each file.
        statuses: What ``end_run`` was called with.
    """

    failing: Mapping[str, BaseException] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    run_id: str | None = None
    name: str = ""
    artifact_dir: Path | None = None
    params: dict[str, Any] = field(default_factory=dict)
    metrics: list[tuple[str, float, int | None]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    artifacts: list[tuple[Path, str | None]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    _is_open: bool = False

    def start_run(self, run_id: str, *, name: str, tags: Mapping[str, str], artifact_dir: Path) -> None:
        """Begin, once."""
        self.calls.append("start_run")
        if self.run_id is not None:
            raise RuntimeError(f"cannot track run '{run_id}': this client tracks '{self.run_id}'")
        self._fail("start_run")
        self.run_id, self.name, self.artifact_dir, self._is_open = run_id, name, artifact_dir, True
        self.tags.update(tags)

    def end_run(self, status: str) -> None:
        """End, once."""
        self._enter("end_run")
        self.statuses.append(status)
        self._is_open = False

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Keep parameters."""
        self._enter("log_params")
        self.params.update(params)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Keep numbers."""
        self._enter("log_metrics")
        self.metrics.extend((key, value, step) for key, value in metrics.items())

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Keep tags."""
        self._enter("set_tags")
        self.tags.update(tags)

    def log_artifact(self, path: Path, artifact_path: str | None = None) -> None:
        """Keep the place of a file; refuse one that is not there."""
        self._enter("log_artifact")
        if not path.is_file():
            raise FileNotFoundError(str(path))
        self.artifacts.append((path, artifact_path))

    def get_artifact_uri(self, artifact_path: str | None = None) -> str:
        """Return an address that leads nowhere."""
        self._enter("get_artifact_uri")
        return "/".join(part for part in ("fake:/", self.run_id, artifact_path) if part)

    def _enter(self, method: str) -> None:
        self.calls.append(method)
        if not self._is_open:
            raise RuntimeError(f"cannot call {method}: no run is open")
        self._fail(method)

    def _fail(self, method: str) -> None:
        if method in self.failing:
            raise self.failing[method]


@dataclass(slots=True)
class FakeTracking:
    """Make clients that keep everything in memory.

    Args:
        failing: Name of a client's method to what it raises.

    Attributes:
        clients: All that were made, in order.
    """

    failing: Mapping[str, BaseException] = field(default_factory=dict)
    clients: list[FakeTrackingClient] = field(default_factory=list)

    def create_client(self) -> FakeTrackingClient:
        """Return a client that no other run uses."""
        client = FakeTrackingClient(self.failing)
        self.clients.append(client)
        return client

    @property
    def client(self) -> FakeTrackingClient:
        """Return the only client.

        Raises:
            ValueError: There is none, or there are several.
        """
        (only,) = self.clients
        return only
