"""What was found in a folder earlier, kept in one file, so that unchanged files are neither read nor parsed again."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from ..atomic import replace_file

if TYPE_CHECKING:
    from pathlib import Path

    from .facts import ModuleFacts
    from .walking import Stamp

FORMAT: Final = 1


@dataclass(slots=True)
class ScanCache:
    """One file of the cache: its first line is what was found, its second what each file said.

    A file that is damaged, of another format or of another folder counts as empty; it is never an error.

    Args:
        path: The file; None keeps nothing.
    """

    path: Path | None
    _files: dict[str, tuple[list[int] | None, str, ModuleFacts]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path | None, root: Path) -> ScanCache:
        """Return the cache of one searched folder, in a folder of caches."""
        if folder is None:
            return cls(None)
        return cls(folder / f"actions-{sha256(os.fsencode(root)).hexdigest()[:16]}.json")

    def found(self, signature: str) -> dict[str, Any] | None:
        """Return what was found when the folder looked just so; None where it did not, or nobody knows."""
        if self.path is None:
            return None
        try:
            with self.path.open("rb") as file:
                header = json.loads(file.readline())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(header, dict) or header.get("format") != FORMAT or header.get("signature") != signature:
            return None
        return cast("dict[str, Any]", header)

    def load(self) -> None:
        """Read what each file said."""
        if self.path is None:
            return
        with suppress(OSError, ValueError, RecursionError, AttributeError, TypeError):
            first, _, second = self.path.read_bytes().partition(b"\n")
            if json.loads(first).get("format") == FORMAT:
                self._files = {key: tuple(one) for key, one in json.loads(second).items() if len(one) == 3}

    def by_stamp(self, relative: str, stamp: Stamp) -> ModuleFacts | None:
        """Return what a file said, if its stamp is the same."""
        known = self._files.get(relative)
        return known[2] if known is not None and known[0] == list(stamp) else None

    def by_content(self, relative: str, digest: str) -> ModuleFacts | None:
        """Return what a file said, if its content is the same."""
        known = self._files.get(relative)
        return known[2] if known is not None and known[1] == digest else None

    def digest(self, relative: str) -> str:
        """Return the digest of a file that is known."""
        return self._files[relative][1]

    def save(self, header: dict[str, Any], files: dict[str, tuple[Stamp | None, str, ModuleFacts]]) -> None:
        """Keep what was found; a folder that can't be written to keeps nothing."""
        if self.path is None:
            return
        lines = (json.dumps({"format": FORMAT, **header}), json.dumps(files, separators=(",", ":")))
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, "\n".join(lines).encode("utf-8", "surrogatepass"))
