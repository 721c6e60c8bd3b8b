"""Folders that appear whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from ..files import sync_folder, sync_tree

if TYPE_CHECKING:
    from pathlib import Path


class DraftFolder:
    """A folder beside its place, put there in one step when it is whole.

    Lifecycle: made, filled, then ``commit`` or ``discard``. What a killed process leaves behind is hidden and ends in
    ``.draft``; it is deleted when the next draft for the same place is made. Drafts that are in use stay: as long as
    its process lives, a draft is locked (``flock``). Where the system has no such locks, all of them stay.

    Args:
        target: Where the folder is to appear. Nothing may be there.

    Raises:
        FileExistsError: Something is there.
    """

    def __init__(self, target: Path) -> None:
        self.target = target.absolute()
        self.sweep(self.target)
        if os.path.lexists(self.target):
            raise FileExistsError(f"'{target}' is there already; name a folder that is not, or delete it")
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._lock: int | None = None
        while True:
            self.path = self.target.with_name(f".{self.target.name}.{secrets.token_hex(4)}.draft")
            self.path.mkdir()
            is_ours, self._lock = _locked(self.path)
            if is_ours or is_ours is None:
                break
            # Another process has just come by and took it for one that was left behind.

    @staticmethod
    def sweep(target: Path) -> None:
        """Delete the drafts for a place that killed processes left behind; those in use stay."""
        pattern = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{8}}\.draft")
        with suppress(OSError):  # there is no such folder, or it may not be read: then there is nothing to be deleted
            for path in list(target.absolute().parent.iterdir()):
                if pattern.fullmatch(path.name):
                    is_left, lock = _locked(path)
                    try:
                        if is_left:
                            shutil.rmtree(path, ignore_errors=True)
                    finally:
                        _unlock(lock)

    def commit(self) -> Path:
        """Flush the folder to the disk, put it at its place and return that."""
        sync_tree(self.path)
        # Renaming would replace an empty folder that appeared meanwhile, and nothing else.
        self.path.rename(self.target)
        sync_folder(self.target.parent)
        self._release()
        return self.target

    def discard(self) -> None:
        """Delete the draft. Idempotent; links in it are deleted, never what they lead to."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._release()

    def _release(self) -> None:
        lock, self._lock = self._lock, None
        _unlock(lock)


def _locked(folder: Path) -> tuple[bool | None, int | None]:
    """Lock a folder until the end of the process.

    Returns:
        Whether it is locked now, None where that can't be told, and what ``_unlock`` takes.
    """
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError:
        return None, None
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False, None
    except OSError:
        return None, None
    try:
        flock(handle, LOCK_EX | LOCK_NB)
        # What was locked may be deleted since.
        is_there = os.path.samestat(os.fstat(handle), os.lstat(folder))
    except (BlockingIOError, FileNotFoundError):
        is_there = False
    except OSError:  # this file system has no locks
        os.close(handle)
        return None, None
    if is_there:
        return True, handle
    os.close(handle)
    return False, None


def _unlock(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)
