"""How a file appears whole: one way for each kind of filesystem."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .paths import draft_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from .opening import Filesystem

RENAMED: Final = frozenset({"sftp", "ssh", "ftp", "smb"})
"""Kinds in which a file grows under its name while it is written, and can be renamed at the end."""


@contextmanager
def whole_file(filesystem: Filesystem, kind: str, path: str) -> Iterator[BinaryIO]:
    """Open what becomes the file when the block ends; nothing changes where it raises."""
    if kind in {"file", "local"}:
        with beside(Path(path)) as file:
            yield file
        return
    # The draft is on the local disk: memory stays bounded, and nothing is sent of what fails.
    with tempfile.NamedTemporaryFile(prefix="plugbus-", delete=False) as draft:
        try:
            yield draft  # type: ignore[misc] # a wrapper of a binary file, which has all of it
            draft.close()
            send(filesystem, kind, draft.name, path)
        finally:
            draft.close()
            Path(draft.name).unlink(missing_ok=True)


def send(filesystem: Filesystem, kind: str, local_path: str, path: str) -> None:
    """Copy a local file to a filesystem that is not local, so that it appears whole."""
    if kind == "memory":
        # In one step; and what is in memory has to fit into it anyway.
        filesystem.pipe_file(path, Path(local_path).read_bytes())
        return
    if kind not in RENAMED:
        # Object stores show a file when it was sent wholly.
        filesystem.put_file(local_path, path)
        return
    folder = path.rpartition("/")[0]
    filesystem.makedirs(folder, exist_ok=True)
    draft = draft_name(folder)
    try:
        filesystem.put_file(local_path, draft)
        filesystem.mv(draft, path)
    except BaseException:
        with suppress(Exception):
            filesystem.rm_file(draft)
        raise


@contextmanager
def beside(target: Path) -> Iterator[BinaryIO]:
    """Write beside the target, bring it to the disk, and rename it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(draft_name(str(target.parent)))
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        _sync_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring a new name to the disk; not every system lets a folder be opened for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
