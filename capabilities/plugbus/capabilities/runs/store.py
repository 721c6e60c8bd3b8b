"""Where runs keep their files: ``<root>/runs/<run_id>``."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RunNotFoundError
from ..files import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugbus.kernel import PluginContext

SUMMARY = Path("summary") / "run_summary.json"
EXCEPTION = Path("errors") / "exception.txt"
REFUSED_RESULT = Path("errors") / "result.json"


def artifact_root(environ: Mapping[str, str] | None = None) -> Path:
    """Return where runs are kept: ``PLUGBUS_ARTIFACT_ROOT``, else ``CORE_ARTIFACT_ROOT``, else ``./artifacts``."""
    known = os.environ if environ is None else environ
    return Path(known.get("PLUGBUS_ARTIFACT_ROOT") or known.get("CORE_ARTIFACT_ROOT") or "artifacts").absolute()


def find_artifact_root(ctx: PluginContext) -> Path:
    """Return where a plugin keeps what it was given no place for: where its host keeps runs.

    A host says so by the service ``artifact_root``; else it is ``artifact_root()``.
    """
    return ctx.get_service("artifact_root", Path) or artifact_root()


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The directory of one run.

    Args:
        run_id: The run.
        path: The directory; it exists.
    """

    run_id: str
    path: Path

    def write_summary(self, summary: Mapping[str, Any]) -> Path:
        """Write ``summary/run_summary.json`` in one step and return its path."""
        return self._write(SUMMARY, json.dumps(summary, indent=2, sort_keys=True) + "\n")

    def write_exception(self, text: str) -> Path:
        """Write ``errors/exception.txt`` in one step and return its path."""
        return self._write(EXCEPTION, text)

    def write_refused_result(self, result: object) -> Path:
        """Write what was returned and refused, as plain data, so that the work is not lost; return the file."""
        return self._write(REFUSED_RESULT, json.dumps(result, indent=2) + "\n")

    def read_summary(self) -> dict[str, Any] | None:
        """Return the summary, or None while there is none that can be read."""
        try:
            found = json.loads((self.path / SUMMARY).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, name: Path, text: str) -> Path:
        target = self.path / name
        # A file name that is no UTF-8 may stand in a message: it is written escaped.
        write_whole(target, text, errors="backslashreplace")
        return target


class RunStore:
    """All runs under one root.

    Args:
        root: The directory that holds ``runs``; made when the first run is.
    """

    def __init__(self, root: str | Path) -> None:
        self._root = Path(root).absolute()

    @classmethod
    def around(cls, artifact_dir: Path) -> RunStore:
        """Return the store that the run with this artifact directory belongs to."""
        return cls(artifact_dir.parent.parent)

    @property
    def root(self) -> Path:
        """Return the root."""
        return self._root

    def create(self, plugin_key: str, pipeline: str) -> RunDirectory:
        """Make the directory of a new run; its id says when, who and what, and is unique.

        Raises:
            OSError: The directory can't be made.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        label = re.sub(r"[^A-Za-z0-9]+", "-", f"{plugin_key}-{pipeline}").strip("-")[:60]
        folder = self._root / "runs"
        folder.mkdir(parents=True, exist_ok=True)
        while True:
            run_id = f"{stamp}-{label}-{secrets.token_hex(3)}"
            path = folder / run_id
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return RunDirectory(run_id, path)

    def get(self, run_id: str) -> RunDirectory:
        """Return the directory of a run.

        Raises:
            RunNotFoundError: There is none; offers near ids.
        """
        path = self._root / "runs" / run_id
        # An id is one name: nothing that leads elsewhere is looked at.
        if run_id in {"", ".", ".."} or Path(run_id).name != run_id or not path.is_dir():
            from difflib import get_close_matches

            near = get_close_matches(run_id, [one.run_id for one in self], n=1, cutoff=0.6)
            raise RunNotFoundError(run_id, str(self._root), f"did you mean '{near[0]}'?" if near else "list its runs")
        return RunDirectory(run_id, path)

    def latest(self, plugin_key: str, pipeline: str, *, status: str = "ok") -> RunDirectory:
        """Return the run of one workflow that began last, of those that ended with ``status``.

        Raises:
            RunNotFoundError: There is none yet.
        """
        best: tuple[str, RunDirectory] | None = None
        for one in self:
            summary = one.read_summary()
            if summary is None or summary.get("status") != status:
                continue
            spec = summary.get("spec", {})
            if (spec.get("plugin_key"), spec.get("pipeline")) == (plugin_key, pipeline):
                started = str(summary.get("started_at_utc"))
                if best is None or started > best[0]:
                    best = (started, one)
        if best is None:
            wanted = f"{plugin_key}.{pipeline}"
            raise RunNotFoundError(f"latest {wanted}", str(self._root), f"run '{wanted}' first")
        return best[1]

    def __iter__(self) -> Iterator[RunDirectory]:
        """Yield all runs in the order of their ids, which is that of their beginning, to the second."""
        folder = self._root / "runs"
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.is_dir():
                    yield RunDirectory(path.name, path)
