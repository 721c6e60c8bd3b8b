"""Writing down which items of long work are done."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from io import FileIO
    from pathlib import Path

_SYNC_EVERY: Final = 25


class ItemJournal:
    """Lines of JSON, one an item, that outlive the end of the process.

    After the end of a process all lines are there that ``append`` has returned from. After a loss of power the last
    ones may be missing, so that work has to be such that doing an item again does no harm.

    Args:
        path: The file; None to write nothing down.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: FileIO | None = None
        self._count = 0

    def load(self) -> list[dict[str, Any]]:
        """Return what was written down. A last line that was cut off is dropped, also from the file."""
        if self._path is None or not self._path.exists():
            return []
        found: list[dict[str, Any]] = []
        whole = 0
        for line in self._path.read_bytes().splitlines(keepends=True):
            try:
                entry = json.loads(line) if line.endswith(b"\n") else None
            except ValueError:
                entry = None
            if not isinstance(entry, dict):
                break
            found.append(entry)
            whole += len(line)
        os.truncate(self._path, whole)
        return found

    def append(self, entry: Mapping[str, Any]) -> None:
        """Write a line, of plain data."""
        if self._path is None:
            return
        if self._file is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("ab", buffering=0)
        self._file.write(json.dumps(dict(entry), separators=(",", ":")).encode() + b"\n")
        self._count += 1
        if self._count % _SYNC_EVERY == 0:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, and keep it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def clear(self) -> None:
        """Remove the file; does nothing where there is none."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
