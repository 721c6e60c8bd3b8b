"""Tracking: what a run logs of itself, and where to."""

from __future__ import annotations

import threading
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from plugbus.kernel import Capability

from ..errors import RunLifecycleError, TrackingError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn


class TrackingClient(Protocol):
    """Record one run. Used from one thread at a time.

    Lifecycle: ``start_run`` once, any number of ``log_…`` and ``set_tags``, ``end_run`` once.
    """

    def start_run(self, run_id: str, *, name: str, tags: Mapping[str, str], artifact_dir: Path) -> None:
        """Begin to record a run that keeps its files in ``artifact_dir``."""
        ...

    def end_run(self, status: str) -> None:
        """End the record with ``ok``, ``failed``, ``skipped`` or ``cancelled``."""
        ...

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters: plain values under dotted keys such as ``model.max_depth``."""
        ...

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record numbers, of one step (epoch, iteration) if given."""
        ...

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record coarse classification; a tag set again takes the new value."""
        ...

    def log_artifact(self, path: Path, artifact_path: str | None = None) -> None:
        """Record a file, under a folder of the record such as ``models`` if given."""
        ...

    def get_artifact_uri(self, artifact_path: str | None = None) -> str:
        """Return where recorded artifacts are found."""
        ...


class TrackingBackend(Protocol):
    """Make a client for each run."""

    def create_client(self) -> TrackingClient:
        """Return a client that no other run uses."""
        ...


TRACKING: Final[Capability[TrackingBackend]] = Capability("tracking", version="1.0.0", contract=TrackingBackend)


class RunTracking:
    """What a plugin sees of its run's tracking client: everything but the run's beginning and end.

    Values are checked here, once for every client: numbers are numbers, a parameter keeps its value, files exist.
    Safe from several threads.
    """

    def __init__(self, client: TrackingClient, run_id: str) -> None:
        self._client = client
        self._run_id = run_id
        self._lock = threading.Lock()
        self._params: dict[str, Any] = {}
        self._is_over = False

    @property
    def active_run_id(self) -> str | None:
        """Return the run's id, or None once it is over."""
        return None if self._is_over else self._run_id

    def log_param(self, key: str, value: Any) -> None:
        """Record one parameter, such as ``model.max_depth``."""
        self.log_params({key: value})

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters.

        Raises:
            TrackingError: A key is blank, or was recorded with another value; nothing of this call is recorded.
            RunLifecycleError: The run is over.
        """
        with self._lock:
            self._refuse_when_over()
            for key, value in params.items():
                _check_key("parameter", key)
                if key in self._params and self._params[key] != value:
                    raise TrackingError(
                        "parameter", key, f"it is {self._params[key]!r} already, and can't be {value!r} too"
                    )
            self._client.log_params(dict(params))
            self._params.update(params)

    def log_metric(self, key: str, value: float, step: int | None = None) -> None:
        """Record one number, such as ``val_accuracy``, of one step (epoch, iteration) if given."""
        self.log_metrics({key: value}, step=step)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Record numbers; what is not finite is recorded as such.

        Raises:
            TrackingError: A value is no number, or a step is no whole number from 0 on; nothing is recorded.
            RunLifecycleError: The run is over.
        """
        numbers: dict[str, float] = {}
        for key, value in metrics.items():
            _check_key("metric", key)
            if isinstance(value, bool | str | bytes):
                raise TrackingError("metric", key, f"{value!r} is no number")
            try:
                numbers[key] = float(value)
            except (TypeError, ValueError, OverflowError):
                raise TrackingError("metric", key, f"{value!r} is no number") from None
        place = None if step is None else _step(step, metrics)
        with self._lock:
            self._refuse_when_over()
            self._client.log_metrics(numbers, place)

    def set_tag(self, key: str, value: str) -> None:
        """Record one tag, such as ``purpose=smoke``."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Record tags; one that is set again takes the new value."""
        for key in tags:
            _check_key("tag", key)
        with self._lock:
            self._refuse_when_over()
            self._client.set_tags({key: str(value) for key, value in tags.items()})

    def log_artifact(self, path: str | Path, artifact_path: str | None = None) -> None:
        """Record a file, under a folder of the record such as ``models`` if given.

        Raises:
            TrackingError: There is no such file.
        """
        file = Path(path)
        if not file.is_file():
            raise TrackingError("artifact", str(path), "there is no such file")
        with self._lock:
            self._refuse_when_over()
            self._client.log_artifact(file, artifact_path)

    def log_artifacts(self, folder: str | Path, artifact_path: str | None = None) -> None:
        """Record every file of a folder, keeping its subfolders.

        Raises:
            TrackingError: There is no such folder.
        """
        root = Path(folder)
        if not root.is_dir():
            raise TrackingError("artifacts", str(folder), "there is no such folder")
        for file in sorted(one for one in root.rglob("*") if one.is_file()):
            inner = file.parent.relative_to(root).as_posix()
            parts = [part for part in (artifact_path, inner) if part and part != "."]
            self.log_artifact(file, "/".join(parts) or None)

    def get_artifact_uri(self, artifact_path: str | None = None) -> str:
        """Return where recorded artifacts are found."""
        return self._client.get_artifact_uri(artifact_path)

    def start_run(self, *args: object, **options: object) -> NoReturn:
        """Refuse: the run has begun, and its beginning is not the plugin's."""
        raise RunLifecycleError(self._run_id, "start", "runs are started and ended by the host, not by plugins")

    def end_run(self, *args: object, **options: object) -> NoReturn:
        """Refuse: return from the work instead, or raise."""
        raise RunLifecycleError(self._run_id, "end", "runs are started and ended by the host; return, or raise")

    def close(self) -> None:
        """Take nothing more; called when the run ends."""
        with self._lock:
            self._is_over = True

    def _refuse_when_over(self) -> None:
        if self._is_over:
            raise RunLifecycleError(self._run_id, "track", "it is over")


def _step(step: int, metrics: Mapping[str, float]) -> int:
    """Return a step as an int; numpy's whole numbers are whole numbers too."""
    try:
        place = index(step)
    except TypeError:
        place = -1
    if isinstance(step, bool) or place < 0:
        raise TrackingError("metric", ", ".join(metrics), f"step {step!r} is no whole number from 0 on")
    return place


def _check_key(kind: str, key: object) -> None:
    if not isinstance(key, str) or not key.strip():
        raise TrackingError(kind, str(key), "a key is text that is not blank")
