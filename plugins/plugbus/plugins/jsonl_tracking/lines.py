"""A file of JSON lines that is only ever appended to."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import encode_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class JsonLines:
    """Append records to a file, each a line of its own that is on its way to the disk when ``append`` returns.

    Every line has ``ts`` (UTC, ISO 8601, microseconds) first. Safe from several threads.

    Args:
        path: The file; made, with its folder, when the first line is written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._is_ready = False

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record."""
        stamp = datetime.now(UTC).isoformat(timespec="microseconds")
        line = json.dumps({"ts": stamp, **encode_value(record)}, ensure_ascii=False, allow_nan=False)
        with self._lock:
            if not self._is_ready:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._is_ready = True
            # Opened for each line: no descriptor is left when a run ends badly, and a follower sees every line.
            # A lone surrogate, of a file name that is no UTF-8, is written as the escape that JSON has for it.
            with self._path.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{line}\n")
