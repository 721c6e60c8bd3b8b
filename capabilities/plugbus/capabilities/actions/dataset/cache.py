"""Datasets that were downloaded or converted, kept by their content."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...files import sync_folder, sync_tree, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MARKER: Final = ".complete"
"""The file that is in a folder of the cache when all that belongs there is there."""
PARTIAL: Final = ".partial"
"""The file that is there instead when something could not be had; such a folder is made anew when it is asked for."""

_DRAFT: Final = ".draft"
_MOST_BYTES: Final = 20 * 2**30
_IDLE_S: Final = 3600.0
_DRAFT_IDLE_S: Final = 86400.0
"""How long a draft is left alone after it was last touched: one file may take long."""


class DatasetCache:
    """Keep folders by name, and files by their content, until they have not been used for longest.

    Any number of processes may use one cache at once, and may be killed at any moment: a folder is made beside its
    place and put there in one step, by whoever is ready first. Files are kept apart by their SHA-256, and folders hold
    further names (hard links) of them, so that what was downloaded before a crash, or for another version of a dataset,
    is not downloaded again. They are read-only, as a change would change every folder; a program that wants to change
    files copies the folder.

    Args:
        root: Where it is; made when it is first needed.
        max_bytes: How much is kept, in bytes; the folder that was asked for last is kept whatever its size.
        idle_s: How long a folder is kept after its last use whatever ``max_bytes`` says, in seconds: it may be read.
        clock: Returns the time in seconds since 1970.
    """

    def __init__(
        self,
        root: str | Path,
        *,
        max_bytes: int = _MOST_BYTES,
        idle_s: float = _IDLE_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.root = Path(root).absolute()
        self._max_bytes = max_bytes
        self._idle_s = idle_s
        self._clock = clock

    @property
    def folders(self) -> Path:
        """Return where the folders are."""
        return self.root / "folders"

    @property
    def files(self) -> Path:
        """Return where files are kept by their content."""
        return self.root / "files"

    def find(self, name: str) -> tuple[Path, Mapping[str, Any]] | None:
        """Return a complete folder and its maker's notes, and note that it is used; None where there is none."""
        folder = self.folders / name
        try:
            notes = json.loads((folder / MARKER).read_text("utf-8"))
            now = self._clock()
            os.utime(folder / MARKER, (now, now))
        except (OSError, ValueError):
            return None
        return (folder, notes) if isinstance(notes, dict) else None

    def file(self, sha256: str) -> Path:
        """Return where a file of a content is kept; nothing needs to be there."""
        return self.files / sha256[:2] / sha256

    def draft(self) -> Path:
        """Return a new empty folder to be filled and then put at its place with ``keep``, or removed."""
        place = self.folders / f".{secrets.token_hex(8)}{_DRAFT}"
        place.mkdir(parents=True)
        return place

    def keep(self, draft: Path, name: str, notes: Mapping[str, Any], *, is_complete: bool = True) -> Path:
        """Put a filled folder at its place, and return that.

        Where another process was first, its folder stays and the draft is removed. A folder that is not complete is
        replaced.

        Args:
            draft: What ``draft`` returned.
            name: The name of the folder; it says what is in it.
            notes: What ``find`` is to return, as plain data.
            is_complete: Whether all that belongs there is there.
        """
        sync_tree(draft)  # before it is said that all is there
        write_whole(draft / (MARKER if is_complete else PARTIAL), json.dumps(dict(notes)))
        now = self._clock()
        os.utime(draft / (MARKER if is_complete else PARTIAL), (now, now))
        target = self.folders / name
        while True:
            try:
                draft.rename(target)  # fails where a folder is there that is not empty
                break
            except OSError:
                if not target.is_dir():
                    raise
            if self.find(name) is not None:
                shutil.rmtree(draft)
                break
            aside = self.folders / f".{secrets.token_hex(8)}{_DRAFT}"
            with suppress(FileNotFoundError):  # another process put it aside
                target.rename(aside)
                shutil.rmtree(aside, ignore_errors=True)
        sync_folder(self.folders)
        self.trim(but=name)
        return target

    def trim(self, *, but: str = "") -> tuple[str, ...]:
        """Remove folders, the ones that were not used for longest first, until the rest is small enough.

        Drafts that were left behind, and files that no folder has, are removed too, when they are old enough.

        Args:
            but: A folder that stays.

        Returns:
            The names of the folders that were removed.
        """
        before = self._clock() - self._idle_s
        if not self.folders.is_dir():
            return ()
        for draft in self.folders.glob(f".*{_DRAFT}"):
            if _touched(draft) < self._clock() - max(self._idle_s, _DRAFT_IDLE_S):
                shutil.rmtree(draft, ignore_errors=True)
        used: list[tuple[float, Path]] = []
        for one in self.folders.iterdir():
            if not one.name.startswith("."):
                used.append((max(_touched(one / MARKER), _touched(one / PARTIAL)), one))
        sizes = {folder: _size(folder) for _, folder in used}
        total, removed = sum(sizes.values()), list[str]()
        for moment, folder in sorted(used):
            if total <= self._max_bytes:
                break
            if folder.name != but and moment < before:
                aside = self.folders / f".{secrets.token_hex(8)}{_DRAFT}"
                with suppress(OSError):
                    folder.rename(aside)  # in one step: nobody finds half of it
                    shutil.rmtree(aside, ignore_errors=True)
                    total -= sizes[folder]
                    removed.append(folder.name)
        self._drop_files(before)
        return tuple(removed)

    def _drop_files(self, before: float) -> None:
        for path in self.files.glob("??/*"):
            with suppress(FileNotFoundError):
                state = path.stat()
                # Without hard links each file has one name for ever: its age alone decides.
                if state.st_nlink == 1 and max(state.st_mtime, state.st_ctime) < before:
                    path.unlink()


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total
