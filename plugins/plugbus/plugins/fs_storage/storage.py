"""A storage in a filesystem of fsspec."""

from __future__ import annotations

import hashlib
from contextlib import ExitStack, contextmanager, nullcontext
from io import BytesIO
from mimetypes import MimeTypes
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from plugbus.capabilities import (
    ChecksumMismatchError,
    StorageError,
    StorageFailedError,
    StoredFile,
    StoredFileNotFoundError,
)

from .opening import open_filesystem
from .paths import Paths, is_draft
from .reading import fetched
from .writing import RENAMED, beside, send, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import BinaryIO

    from plugbus.capabilities import StorageMode

_CHUNK: Final = 1 << 20
_LOCAL: Final = frozenset({"file", "local"})


class FsStorage:
    """Files below one address. Safe from several threads; pickled, it is opened again where it arrives.

    Addresses are written as fsspec reads them: nothing in them is percent-encoded.

    Args:
        address: Where the root is: ``kind://place``, or the path of a local folder.
        options: What the filesystem is made with, as its own documentation says.

    Raises:
        StorageSupportError: Something has to be installed for this kind of address.
        StorageFailedError: There is no such kind, or it can't be reached.
    """

    def __init__(self, address: str, options: Mapping[str, Any] | None = None) -> None:
        self._options = dict(options or {})
        self._filesystem, self._kind, base, root = open_filesystem(address, self._options)
        # Local folders are opened again from wherever a pickled storage arrives.
        self._address = root if self._kind in _LOCAL else address
        self._paths = Paths(root, base, is_local=self._kind in _LOCAL)
        # Connections of a kind that carries one conversation at a time are taken in turns.
        self._turn = RLock() if self._kind in RENAMED else nullcontext()
        # Not the types that this machine's files add: an address means the same everywhere.
        self._types = MimeTypes()

    @property
    def root(self) -> str:
        """Return the address of the root."""
        return self._paths.root

    def uri(self, path: str) -> str:
        """Return the address of a path."""
        return self._paths.uri(path)

    def path(self, uri: str) -> str:
        """Return the path below the root of an address."""
        return self._paths.checked(uri)

    @contextmanager
    def open(self, path: str, mode: StorageMode = "rb") -> Iterator[BinaryIO]:
        """Open a file to read it, or to write it anew."""
        place = self._paths.below(path)
        if mode == "rb":
            with ExitStack() as stack:
                with self._translated("read", path):
                    file = stack.enter_context(self._open(place))
                yield file
            return
        if mode != "wb":
            raise StorageFailedError("open", self.uri(path), f"mode '{mode}' is neither 'rb' nor 'wb'")
        writing = whole_file(self._filesystem, self._kind, place)
        with self._translated("write", path):
            file = writing.__enter__()
        try:
            yield file
        except BaseException as error:
            # It is the caller's own: it is told as it is, and what was written is dropped.
            writing.__exit__(type(error), error, error.__traceback__)
            raise
        with self._translated("write", path):
            writing.__exit__(None, None, None)

    def put(self, local_path: Path, path: str) -> StoredFile:
        """Copy a local file into the storage."""
        place = self._paths.below(path)
        # What is wrong with the local file is told as it is.
        with Path(local_path).open("rb") as source:
            if self._kind in _LOCAL:
                with self._translated("write", path), beside(Path(place)) as target:
                    digest, size = _copy(source, target)
            else:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
                size = source.tell()
                with self._translated("write", path):
                    send(self._filesystem, self._kind, str(local_path), place)
        if self._kind not in _LOCAL and self.size(path) != size:
            raise StorageFailedError("write", self.uri(path), f"{self.size(path)} bytes arrived of {size}")
        return StoredFile(uri=self.uri(path), size=size, sha256=digest, media_type=self._types.guess_type(path)[0])

    def get(self, path: str, local_path: Path, *, sha256: str | None = None) -> Path:
        """Copy a file out of the storage."""
        target = Path(local_path)
        with self.open(path) as source, beside(target) as draft:
            with self._translated("read", path):
                digest, _ = _copy(source, draft)
            if sha256 is not None and digest != sha256.lower():
                raise ChecksumMismatchError(self.uri(path), sha256, digest)
        return target

    def exists(self, path: str) -> bool:
        """Tell whether there is a file."""
        try:
            self.size(path)
        except StoredFileNotFoundError:
            return False
        return True

    def size(self, path: str) -> int:
        """Return a file's size in bytes."""
        place = self._paths.below(path)
        with self._translated("read", path):
            info = self._filesystem.info(place)
            if info["type"] != "file":
                raise FileNotFoundError(place)
            return int(info["size"])

    def checksum(self, path: str) -> str:
        """Return the SHA-256 of a file's content."""
        with self.open(path) as file, self._translated("read", path):
            return _copy(file, None)[0]

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the paths of all files in a folder and below it, sorted."""
        return self._walk(self._paths.folder(prefix), prefix)

    def remove(self, path: str) -> None:
        """Remove a file."""
        self.size(path)
        with self._translated("remove", path):
            self._filesystem.rm_file(self._paths.below(path))

    def remove_tree(self, prefix: str) -> int:
        """Remove a folder with everything in it."""
        folder = self._paths.below(prefix.rstrip("/"))
        count = sum(1 for _ in self._walk(folder, prefix))
        with self._translated("remove", prefix):
            try:
                is_folder = self._filesystem.info(folder)["type"] == "directory"
            except FileNotFoundError:
                return 0
            if not is_folder:
                return 0
            self._filesystem.rm(folder, recursive=True)
        return count

    def __reduce__(self) -> tuple[object, ...]:
        return FsStorage, (self._address, self._options)

    def __repr__(self) -> str:
        return f"FsStorage({self.root!r})"

    def _open(self, place: str) -> AbstractContextManager[BinaryIO]:
        """Open a file as it is now: what others put in its place meanwhile changes nothing for its reader."""
        if self._kind == "memory":
            # What fsspec opens there is the file itself, with one position for all readers.
            return BytesIO(self._filesystem.cat_file(place))
        if self._kind in _LOCAL:
            if Path(place).is_dir():
                raise FileNotFoundError(place)
            return Path(place).open("rb")
        return fetched(self._filesystem, place)

    def _walk(self, folder: str, asked: str) -> Iterator[str]:
        """Go through folders one at a time: nothing but the names of those above is held."""
        with self._translated("list", asked):
            try:
                found = self._filesystem.ls(folder, detail=True)
            except (FileNotFoundError, NotADirectoryError):
                return
        entries: list[tuple[str, bool]] = []
        for one in found:
            name = str(one["name"]).rstrip("/")
            last = name.rpartition("/")[2]
            if name.strip("/") == folder.strip("/") or not last or is_draft(last):
                continue
            if one.get("islink") and not self._is_link_followed(name):
                continue
            entries.append((name, one["type"] == "directory"))
        # A folder sorts as what is in it does: by its name with the slash.
        for name, is_folder in sorted(entries, key=lambda one: f"{one[0]}/" if one[1] else one[0]):
            if is_folder:
                yield from self._walk(name, asked)
            else:
                yield self._paths.relative(name)

    def _is_link_followed(self, name: str) -> bool:
        """Links to folders could go in circles, and links to files out of the root."""
        if Path(name).is_dir():
            return False
        try:
            self._paths.below(self._paths.relative(name))
        except StorageError:
            return False
        return True

    @contextmanager
    def _translated(self, verb: str, path: str) -> Iterator[None]:
        try:
            with self._turn:
                yield
        except StorageError:
            raise
        except Exception as error:
            # What is missing where a file is written is a place for it, such as a bucket.
            if isinstance(error, FileNotFoundError | NotADirectoryError) and verb != "write":
                raise StoredFileNotFoundError(self.uri(path)) from error
            raise StorageFailedError(verb, self.uri(path), str(error) or type(error).__name__) from error


def _copy(source: BinaryIO, target: BinaryIO | None) -> tuple[str, int]:
    """Read a file in parts, write it if there is a target, and return its SHA-256 and size."""
    digest, size = hashlib.sha256(), 0
    while part := source.read(_CHUNK):
        digest.update(part)
        size += len(part)
        if target is not None:
            target.write(part)
    return digest.hexdigest(), size
