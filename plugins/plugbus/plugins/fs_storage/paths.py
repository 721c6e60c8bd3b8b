"""Which paths are below a root, and which are none."""

from __future__ import annotations

import os
import secrets
from typing import Final

from plugbus.capabilities import StoragePathError

_DRAFT: Final = (".plugbus-", ".part")


class Paths:
    """Turn what callers write into paths of a filesystem, and back.

    Args:
        root: Address of the root, without a slash at its end.
        base: Its path in the filesystem.
        is_local: Whether links could lead out of it.
    """

    def __init__(self, root: str, base: str, *, is_local: bool) -> None:
        self.root = root
        self._base = base
        self._is_local = is_local

    def uri(self, path: str) -> str:
        """Return the address of a path."""
        return self._joined(self.root, self.checked(path))

    def below(self, path: str) -> str:
        """Return the path of a file in the filesystem.

        Raises:
            StoragePathError: It is none below the root.
        """
        name = self.checked(path)
        if not name:
            raise StoragePathError(path, self.root, "it is the root, and no file")
        return self._inside(path, self._joined(self._base, name))

    def folder(self, path: str) -> str:
        """Return the path of a folder in the filesystem; the root is one."""
        name = self.checked(path.rstrip("/"))
        return self._inside(path, self._joined(self._base, name)) if name else self._base or "/"

    def checked(self, path: str) -> str:
        """Return a path relative to the root.

        Raises:
            StoragePathError: It leads out of it, or can't be a path.
        """
        name = path
        if "://" in path:
            if path.rstrip("/") == self.root.rstrip("/"):
                return ""
            start = self._joined(self.root, "")
            if not path.startswith(start):
                raise StoragePathError(path, self.root, "the address is not below the root")
            name = path.removeprefix(start)
        if not name:
            return ""
        cause = _fault(name)
        if cause is not None:
            raise StoragePathError(path, self.root, cause)
        return name

    def relative(self, found: str) -> str:
        """Return a path of the filesystem relative to the root."""
        # Some filesystems leave the first slash out.
        return found.lstrip("/").removeprefix(self._base.lstrip("/")).lstrip("/")

    def _inside(self, path: str, found: str) -> str:
        if self._is_local:
            root, real = os.path.realpath(self._base or "/"), os.path.realpath(found)
            if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
                raise StoragePathError(path, self.root, "a link leads out of the root")
        return found

    @staticmethod
    def _joined(start: str, name: str) -> str:
        return f"{start}{name}" if start.endswith("/") else f"{start}/{name}"


def draft_name(folder: str) -> str:
    """Return the path of a file that is being written."""
    return f"{folder}/{_DRAFT[0]}{secrets.token_hex(8)}{_DRAFT[1]}"


def is_draft(name: str) -> bool:
    """Tell whether a file is being written, or was left by a process that died over it."""
    return name.startswith(_DRAFT[0]) and name.endswith(_DRAFT[1])


def _fault(name: str) -> str | None:
    parts = name.split("/")
    if ".." in parts:
        return "it leads out of the root with '..'"
    if name.startswith("/"):
        return "it begins at the top of the filesystem"
    if "\\" in name:
        return "parts are divided by '/', and '\\' is none"
    if "" in parts or "." in parts:
        return "a part of it is empty, or '.'"
    if any(not one.isprintable() for one in name):
        return "it holds what can't be printed"
    if is_draft(parts[-1]):
        return "files that are being written have such names"
    return None
