"""What one at a time may work with, over all processes of a machine."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .errors import CapabilityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class InUseError(CapabilityError, RuntimeError):
    """Say that somebody else has what one at a time may have.

    Args:
        path: The file that stands for it.
        holder: The id of the process that has it, as text; empty where that is not known.
    """

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(path, holder)
        self.path = path
        self.holder = holder

    @property
    def cause(self) -> str:
        """Return who has it, and what to do."""
        return f"process {self.holder or 'unknown'} has it; wait for its end, or stop it"

    def __str__(self) -> str:
        return f"cannot use '{self.path}': {self.cause}"


@contextmanager
def sole_use(path: Path) -> Iterator[None]:
    """Keep all others out who ask with the same file, until the end of the block.

    The file is locked (``flock``), so that the end of a process ends its use, however it ends; also of those that it
    forked and that live on. Where the system, or the file system, has no such locks, nobody is kept out.

    Args:
        path: The file; it is made, and removed at the end. While it is in use it holds the id of the process.

    Raises:
        InUseError: Somebody has it, in this process or in another one.
        OSError: The file can't be made.
    """
    handle = _locked(path)
    try:
        yield
    finally:
        if handle is not None:
            # While it is locked: who has opened it meanwhile sees that it is there no more, and makes another one.
            path.unlink(missing_ok=True)
            os.close(handle)


def _locked(path: Path) -> int | None:
    """Return a locked file, None where there are no locks."""
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            flock(handle, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace")
            os.close(handle)
            raise InUseError(str(path), holder) from None
        except OSError:
            path.unlink(missing_ok=True)
            os.close(handle)
            return None
        if _is_at(path, handle):
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            return handle
        os.close(handle)


def _is_at(path: Path, handle: int) -> bool:
    """Tell whether an open file is still the one that its name leads to."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except FileNotFoundError:
        return False
