"""From an address to the filesystem that it is in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.parse import urlsplit, urlunsplit

from plugbus.capabilities import StorageFailedError, StorageSupportError

if TYPE_CHECKING:
    from collections.abc import Mapping

SUPPORT: Final = {
    "s3": ("s3fs", "plugbus[s3]"),
    "s3a": ("s3fs", "plugbus[s3]"),
    "gs": ("gcsfs", "plugbus[gcs]"),
    "gcs": ("gcsfs", "plugbus[gcs]"),
    "sftp": ("paramiko", "plugbus[sftp]"),
    "ssh": ("paramiko", "plugbus[sftp]"),
}
"""What has to be installed for a kind of address."""

_LISTED: Final = frozenset({"s3", "s3a", "gs", "gcs"})
"""Kinds whose filesystems keep listings, which would hide what others write."""


class Filesystem(Protocol):
    """What is used of a filesystem of fsspec."""

    def info(self, path: str) -> Mapping[str, Any]:
        """Return type and size."""
        ...

    def ls(self, path: str, detail: bool) -> list[Mapping[str, Any]]:
        """Return what is in a folder."""
        ...

    def get_file(self, rpath: str, lpath: str) -> None:
        """Copy a file to a local one."""
        ...

    def cat_file(self, path: str) -> bytes:
        """Return a file's content."""
        ...

    def pipe_file(self, path: str, value: bytes) -> None:
        """Write a file's content."""
        ...

    def put_file(self, lpath: str, rpath: str) -> None:
        """Write a file from a local one."""
        ...

    def mv(self, path1: str, path2: str) -> None:
        """Rename a file."""
        ...

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        ...

    def rm(self, path: str, recursive: bool) -> None:
        """Remove a folder."""
        ...

    def makedirs(self, path: str, exist_ok: bool) -> None:
        """Make a folder and those above it."""
        ...


def open_filesystem(address: str, options: Mapping[str, Any]) -> tuple[Filesystem, str, str, str]:
    """Return the filesystem of an address, its kind, the path of the root in it, and the address without secrets.

    Args:
        address: ``kind://place``, or the path of a local folder.
        options: What the filesystem is made with.

    Raises:
        StorageSupportError: Something has to be installed for it.
        StorageFailedError: There is no such kind, or it can't be reached.
    """
    if "://" not in address:
        address = f"file://{Path(address).expanduser().absolute().as_posix()}"
    kind = address.partition("://")[0]
    shown = _without_password(address).rstrip("/")
    shown = f"{kind}://" if shown == f"{kind}:" else shown
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise StorageSupportError(shown, "fsspec", "plugbus[storage]") from error
    made_with: dict[str, Any] = {"use_listings_cache": False} if kind in _LISTED else {}
    try:
        # An instance of its own: fsspec would keep it, with its credentials, for as long as the process lives.
        found, root = url_to_fs(address, skip_instance_cache=True, **made_with, **options)
    except ImportError as error:
        module, install = SUPPORT.get(kind, (str(error), "plugbus[storage]"))
        raise StorageSupportError(shown, module, install) from error
    except Exception as error:
        raise StorageFailedError("open", shown, str(error)) from error
    return cast("Filesystem", found), kind, str(root).rstrip("/"), shown


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    if "@" not in parts.netloc:
        return address
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}@{host}"))
