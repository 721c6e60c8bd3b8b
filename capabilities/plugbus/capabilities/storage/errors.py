"""What is wrong with a storage, or with a path in it."""

from __future__ import annotations

from ..errors import CapabilityError, unloaded


class StorageError(CapabilityError):
    """Root of what storages raise."""


class StoragePathError(StorageError, ValueError):
    """Refuse a path that does not name a place below the root.

    Args:
        path: The path, as it was given.
        root: Address of the storage's root.
        cause: Why it can't be used.
    """

    def __init__(self, path: str, root: str, cause: str) -> None:
        super().__init__(path, root, cause)
        self.path = path
        self.root = root
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot use path '{self.path}' in storage '{self.root}': {self.cause}"


class StoredFileNotFoundError(StorageError, FileNotFoundError):
    """Name a file that is not there."""

    def __init__(self, uri: str) -> None:
        super().__init__(uri)
        self.uri = uri

    def __str__(self) -> str:
        return f"cannot find file '{self.uri}': the storage has none"


class ChecksumMismatchError(StorageError, ValueError):
    """Refuse a content that is not the one that was expected."""

    def __init__(self, uri: str, expected: str, found: str) -> None:
        super().__init__(uri, expected, found)
        self.uri = uri
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"cannot accept file '{self.uri}': its SHA-256 is {self.found}, expected is {self.expected}"


class StorageFailedError(StorageError, RuntimeError):
    """Say what the filesystem could not do.

    Args:
        verb: What was tried: ``read``, ``write`` ...
        uri: On what.
        cause: What the filesystem said.
    """

    def __init__(self, verb: str, uri: str, cause: str) -> None:
        super().__init__(verb, uri, cause)
        self.verb = verb
        self.uri = uri
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot {self.verb} file '{self.uri}': {self.cause}"


class StorageSupportError(StorageError, ImportError):
    """Name what has to be installed for a kind of address."""

    def __init__(self, root: str, module: str, install: str) -> None:
        super().__init__(root, module, install)
        self.root = root
        self.module = module
        self.install = install

    def __str__(self) -> str:
        return f"cannot open storage '{self.root}': it needs {self.module}; run pip install \"{self.install}\""


class StorageUnavailableError(StorageError):
    """Say that a job was given no storage.

    Args:
        job_id: The job, empty where it has no id.
        plugins: Ids of those that are registered and would provide one.
    """

    def __init__(self, job_id: str, plugins: tuple[str, ...] = ()) -> None:
        super().__init__(job_id, plugins)
        self.job_id = job_id
        self.plugins = plugins

    def __str__(self) -> str:
        job = f" of job '{self.job_id}'" if self.job_id else ""
        remedy = unloaded(self.plugins, "storage") or "load a plugin that does, such as fs_storage"
        return f"cannot use storage{job}: nothing provides 'storage'; {remedy}"
