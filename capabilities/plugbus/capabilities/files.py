"""Writing files whole or not at all, and having them kept."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


def write_whole(path: Path, text: str, *, errors: str = "strict") -> None:
    """Put a text in the place of what a file held.

    It is written beside its place, flushed to the disk, and renamed; then the rename is flushed. A reader sees all of
    the old text or all of the new one, also after a crash, and when this returns the new one is kept.

    Args:
        path: The file; its folder is made where it is missing.
        text: What it is to hold, written as UTF-8.
        errors: What is done with characters that UTF-8 does not have, as ``open`` says it.

    Raises:
        OSError: It can't be written; the file is as it was.
        UnicodeEncodeError: The text has such characters, and ``errors`` is ``strict``; the file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("w", encoding="utf-8", errors=errors) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush to the disk which names are in a folder; does nothing where the system can't open folders."""
    if hasattr(os, "O_DIRECTORY"):
        _sync(folder, os.O_DIRECTORY)


def sync_tree(folder: Path) -> None:
    """Flush a folder to the disk with all files and folders in it; links are not followed.

    It does nothing where the system can't open folders: there, files that are read can't be flushed either.

    Raises:
        OSError: The disk refuses.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if stat.S_ISREG(path.lstat().st_mode):
                _sync(path, os.O_NOFOLLOW)
        _sync(place, os.O_DIRECTORY)


def _sync(path: str | Path, flags: int) -> None:
    handle = os.open(path, os.O_RDONLY | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
