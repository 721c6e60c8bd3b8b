"""Finding files, and grouping those that belong together."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from .errors import UploadPathError
from .files import LocalFile, OrganizedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from .strategies import FileDiscoveryStrategy

KINDS: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")),
    "video": frozenset((".avi", ".mkv", ".mov", ".mp4", ".webm")),
    "audio": frozenset((".flac", ".m4a", ".mp3", ".ogg", ".wav")),
    "text": frozenset((".htm", ".html", ".md", ".txt")),
    "pcd": frozenset((".las", ".laz", ".pcd", ".ply")),
    "data": frozenset((".csv", ".json", ".jsonl", ".xml", ".yaml", ".yml")),
}
"""What files are, by their suffixes in small letters; anything else is ``data``."""


class FlatFileDiscovery:
    """Find the files of a folder, and of none below it. Hidden files and drafts are passed over."""

    def discover(self, folder: Path) -> Iterator[Path]:
        """Yield the files, sorted by their names."""
        if folder.is_file():
            yield folder
            return
        with os.scandir(folder) as entries:
            names = sorted(one.name for one in entries if not one.name.startswith(".") and one.is_file())
        yield from (folder / name for name in names)


class RecursiveFileDiscovery:
    """Find the files of a folder and below it. Links to folders are not followed: they could go in circles."""

    def discover(self, folder: Path) -> Iterator[Path]:
        """Yield the files, folder by folder, each sorted."""
        if folder.is_file():
            yield folder
            return
        with os.scandir(folder) as entries:
            found = sorted((one for one in entries if not one.name.startswith(".")), key=lambda one: one.name)
        for one in found:
            if one.is_dir(follow_symlinks=False):
                yield from self.discover(folder / one.name)
            elif one.is_file():
                yield folder / one.name


def kind_of(path: Path) -> str:
    """Return what a file is by its suffix."""
    suffix = path.suffix.lower()
    return next((kind for kind, suffixes in KINDS.items() if suffix in suffixes), "data")


def grouped(sources: Sequence[tuple[str | None, Path, FileDiscoveryStrategy]]) -> Iterator[OrganizedFile]:
    """Yield the files of some folders, those of one stem (with the folders above it) together.

    Args:
        sources: What the files are (None to tell by their suffixes), where they are, and how they are found.

    Raises:
        UploadPathError: A folder is not there, or can't be read; holds every fault.
    """
    groups: dict[str, dict[str, LocalFile]] = {}
    faults: list[tuple[str, str]] = []
    for role, folder, discovery in sources:
        root = folder.parent if folder.is_file() else folder
        try:
            for path in discovery.discover(folder):
                name = path.relative_to(root).with_suffix("").as_posix()
                files = groups.setdefault(name, {})
                files[_free(role or kind_of(path), files)] = LocalFile(path=str(path), size=path.stat().st_size)
        except OSError as error:
            faults.append((str(folder), error.strerror or str(error)))
    if faults:
        raise UploadPathError(tuple(faults))
    for name in sorted(groups):
        yield OrganizedFile(name=name, files=groups.pop(name))


def _free(role: str, taken: Iterable[str]) -> str:
    """Return a role that no file of the data unit has: the second image is ``image_2``."""
    found, number = role, 1
    while found in taken:
        number += 1
        found = f"{role}_{number}"
    return found
