"""The contract of storages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias

from plugbus.kernel import Capability

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from .files import StoredFile

StorageMode: TypeAlias = Literal["rb", "wb"]
"""Whether a file is opened to be read or to be written."""


class Storage(Protocol):
    """Files below one root. Safe from several threads.

    A path is relative to the root, with ``/`` between its parts (``cats/1.jpg``), or the whole address of something
    below the root. One that leads out of the root is refused with ``StoragePathError`` by every call.
    Whatever else fails in the filesystem is raised as ``StorageFailedError``.
    """

    @property
    def root(self) -> str:
        """Return the address of the root, without a slash at its end."""
        ...

    def uri(self, path: str) -> str:
        """Return the address of a path; nothing needs to be there."""
        ...

    def path(self, uri: str) -> str:
        """Return the path below the root of an address, the reverse of ``uri``."""
        ...

    def open(self, path: str, mode: StorageMode = "rb") -> AbstractContextManager[BinaryIO]:
        """Open a file to read it, or to write it anew.

        What is written appears whole when the block ends, and not at all when it raises: the file that was there
        before stays. Folders are made.

        Raises:
            StoredFileNotFoundError: It is to be read, and there is none.
        """
        ...

    def put(self, local_path: Path, path: str) -> StoredFile:
        """Copy a local file into the storage, whole or not at all, in bounded memory; what was there is replaced.

        Raises:
            FileNotFoundError: There is no such local file.
        """
        ...

    def get(self, path: str, local_path: Path, *, sha256: str | None = None) -> Path:
        """Copy a file out of the storage, whole or not at all, in bounded memory, and return ``local_path``.

        Args:
            path: What to copy.
            local_path: Where to; its folders are made, and what was there is replaced.
            sha256: What the content's SHA-256 has to be.

        Raises:
            StoredFileNotFoundError: There is none.
            ChecksumMismatchError: The content is another; ``local_path`` is as it was.
        """
        ...

    def exists(self, path: str) -> bool:
        """Tell whether there is a file; a folder is none."""
        ...

    def size(self, path: str) -> int:
        """Return a file's size in bytes.

        Raises:
            StoredFileNotFoundError: There is none.
        """
        ...

    def checksum(self, path: str) -> str:
        """Return the SHA-256 of a file's content, as 64 hexadecimal digits.

        Raises:
            StoredFileNotFoundError: There is none.
        """
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the paths of all files in a folder and below it, sorted; nothing where there is no such folder."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file.

        Raises:
            StoredFileNotFoundError: There is none.
        """
        ...

    def remove_tree(self, prefix: str) -> int:
        """Remove a folder with everything in it, and return how many files it held; 0 where there is none.

        Raises:
            StoragePathError: It is the root itself.
        """
        ...


STORAGE: Final[Capability[Storage]] = Capability("storage", version="1.0.0", contract=Storage)
"""The storage that is used where none is named."""


def StorageRoot(name: str) -> Capability[Storage]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability under which one of several storages is offered: ``StorageRoot("archive")``."""
    return Capability[Storage]("storage", version="1.0.0", contract=Storage, qualifier=name)
