"""How a file of a filesystem that is not local is read: as it was at one moment."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import BinaryIO

    from .opening import Filesystem

ONE_ANSWER: Final = 4 << 20
"""Bytes: no filesystem asks for a file of this size in several parts."""
_TRIES: Final = 5


@contextmanager
def fetched(filesystem: Filesystem, path: str) -> Iterator[BinaryIO]:
    """Give a copy of a file on the local disk until the block ends.

    Read in parts where it is, it could be a mixture: of the file, and of what was put in its place meanwhile.

    Raises:
        FileNotFoundError: There is no file.
        OSError: It was changed again and again while it was copied.
    """
    with tempfile.NamedTemporaryFile(prefix="plugbus-", delete=False) as copy:
        pass
    try:
        _fetch(filesystem, path, copy.name)
        with Path(copy.name).open("rb") as file:
            yield file
    finally:
        Path(copy.name).unlink(missing_ok=True)


def _fetch(filesystem: Filesystem, path: str, target: str) -> None:
    before = filesystem.info(path)
    if before["type"] != "file":
        raise FileNotFoundError(path)
    for _ in range(_TRIES):
        filesystem.get_file(path, target)
        if Path(target).stat().st_size <= ONE_ANSWER:
            return
        after = filesystem.info(path)
        if _revision(after) == _revision(before):
            return
        before = after
    raise OSError("it was changed again and again while it was read")


def _revision(info: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what changes with a file's content, as far as its filesystem says."""
    return tuple(info.get(name) for name in ("size", "ETag", "etag", "generation", "mtime", "LastModified"))
