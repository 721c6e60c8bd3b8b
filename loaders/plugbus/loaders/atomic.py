"""Writing as a whole: whoever looks, whenever the machine stops, finds the old file or the new one, all or nothing."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    _sync_folder(path.parent)


def make_folder(path: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder with files in it, whole or not at all; what is there already is never touched.

    Args:
        path: The folder; folders around it are made.
        files: Path below it, with slashes, to content.

    Raises:
        FileExistsError: Something is there.
        OSError: It can't be written; nothing of it is left.
    """
    path = path.absolute()
    if os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
    made = [one for one in (path.parent, *path.parent.parents) if not one.exists()]
    draft = path.with_name(f".{path.name}.{token_hex(8)}.tmp")
    try:
        draft.mkdir(parents=True)
        for name, content in files.items():
            target = draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for folder in (*sorted({(draft / name).parent for name in files}, reverse=True), draft):
            _sync_folder(folder)
        # Renaming would replace an empty folder that appeared meanwhile, and nothing else.
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    if not _SYNCS_FOLDERS:
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
