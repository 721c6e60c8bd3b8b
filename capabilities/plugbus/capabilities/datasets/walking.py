"""Files of a folder in a fixed order; in memory are the names of one folder, never their contents."""

from __future__ import annotations

import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE_SUFFIXES: Final = frozenset(
    {".bmp", ".dng", ".gif", ".heic", ".jpeg", ".jpg", ".mpo", ".pfm", ".png", ".tif", ".tiff", ".webp"}
)


def walk(root: Path, suffixes: frozenset[str] | None = None) -> Iterator[str]:
    """Yield the files below a folder that have one of the suffixes, as paths with ``/``, sorted folder by folder.

    Hidden files and folders are passed over, and with them the drafts of other conversions.
    """
    pending = [""]
    while pending:
        folder = pending.pop()
        names: list[str] = []
        folders: list[str] = []
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    if entry.is_symlink() and (root / folder).resolve().is_relative_to(os.path.realpath(entry.path)):
                        continue  # a link to a folder that it lies in: it has no end
                    folders.append(f"{folder}{entry.name}/")
                elif suffixes is None or PurePath(entry.name).suffix.lower() in suffixes:
                    names.append(entry.name)
        names.sort()
        for name in names:
            yield folder + name
        pending.extend(sorted(folders, reverse=True))


def count_files(root: Path, suffixes: frozenset[str]) -> int:
    """Count what ``walk`` yields."""
    return sum(1 for _ in walk(root, suffixes))


class ImageFinder:
    """Find images by their path without the suffix. Remembers the names of the folder that was asked for last.

    Args:
        root: The folder of the images.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folder: str | None = None
        self._names: dict[str, list[str]] = {}

    def find(self, stem: str) -> tuple[str, ...]:
        """Return the images that a path without its suffix may mean, sorted."""
        folder, _, name = stem.rpartition("/")
        if folder != self._folder:
            self._folder, self._names = folder, {}
            place = self._root / folder
            for found in sorted(place.iterdir()) if place.is_dir() else ():
                if found.suffix.lower() in IMAGE_SUFFIXES:
                    self._names.setdefault(found.stem, []).append(found.name)
        prefix = f"{folder}/" if folder else ""
        return tuple(prefix + one for one in self._names.get(name, ()))
