"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    if hasattr(os, "O_DIRECTORY"):  # where a folder can be opened
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
