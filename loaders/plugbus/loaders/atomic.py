"""Replacing a file as a whole: whoever reads it, whenever the machine stops, finds the old text or the new one."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

# Windows brings a rename to the disk by itself, and can't open a folder.
_SYNCS_FOLDERS: Final = sys.platform != "win32"


def replace_file(path: Path, content: bytes, *, suffix: str = ".tmp") -> None:
    """Write a file beside its name, bring it to the disk and rename it; its permissions stay as they were.

    Raises:
        OSError: It can't be written; the old file is as it was, and nothing else is left.
    """
    path = Path(os.path.realpath(path))  # what a link leads to is replaced, and the link stays
    temporary = path.with_name(f".{path.name}.{token_hex(8)}{suffix}")
    try:
        with temporary.open("xb") as file:
            if path.exists():
                temporary.chmod(path.stat().st_mode & 0o7777)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if _SYNCS_FOLDERS:
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
