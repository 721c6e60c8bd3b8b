"""Finding the source files of a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from .excludes import Excludes, is_made_by_tools

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Stamp: TypeAlias = tuple[int, int, int, int]
"""When a file was changed (its data and its entry, in ns), its size in bytes, and its number in the file system."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source file of a folder.

    Args:
        relative: Its path in the folder, with slashes.
        stamp: What tells, without reading it, that it was changed.
    """

    relative: str
    stamp: Stamp

    @property
    def module(self) -> str:
        """Return its dotted module name, seen from the folder; empty for the folder's own ``__init__.py``."""
        dotted = self.relative.removesuffix(".py").replace("/", ".")
        return "" if dotted == "__init__" else dotted.removesuffix(".__init__")

    @property
    def is_package(self) -> bool:
        """Tell whether it is the ``__init__.py`` of a package."""
        return self.relative == "__init__.py" or self.relative.endswith("/__init__.py")


def source_files(root: Path) -> list[SourceFile]:
    """Return the source files of a folder, sorted by path; links that lead out of it, or to folders, are not followed.

    Args:
        root: The folder, without links in its path.

    Raises:
        OSError: The folder can't be read. One inside it that can't is left out.
    """
    excludes = Excludes.read(root)
    found = [SourceFile(relative, stamp) for relative, stamp in _walk(str(root), "", excludes)]
    return sorted(found, key=lambda one: one.relative)


def stamp_of(found: os.stat_result) -> Stamp:
    """Return what tells that a file was changed."""
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _walk(root: str, prefix: str, excludes: Excludes) -> Iterator[tuple[str, Stamp]]:
    waiting = [(root, prefix)]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                entries = list(scan)
        except OSError:
            if not prefix:
                raise
            continue
        if prefix and is_made_by_tools(
            prefix[:-1].rpartition("/")[2], is_top=prefix.count("/") == 1, names={one.name for one in entries}
        ):
            continue
        for entry in entries:
            name = entry.name
            relative = prefix + name
            if name.endswith(".py"):
                try:
                    if entry.is_symlink() and not os.path.realpath(entry.path).startswith(root + os.sep):
                        continue
                    if entry.is_file() and not excludes.has_file(relative, name):
                        yield relative, stamp_of(entry.stat())
                except OSError:
                    continue
            elif entry.is_dir(follow_symlinks=False) and not excludes.has_folder(relative, name):
                waiting.append((entry.path, f"{relative}/"))
