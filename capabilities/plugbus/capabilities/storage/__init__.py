"""Storage: files below a root that has an address, whichever filesystem holds them."""

from .contract import STORAGE, Storage, StorageMode, StorageRoot
from .errors import (
    ChecksumMismatchError,
    StorageError,
    StorageFailedError,
    StoragePathError,
    StorageSupportError,
    StorageUnavailableError,
    StoredFileNotFoundError,
)
from .files import StoredFile

__all__ = [
    "STORAGE",
    "ChecksumMismatchError",
    "Storage",
    "StorageError",
    "StorageFailedError",
    "StorageMode",
    "StoragePathError",
    "StorageRoot",
    "StorageSupportError",
    "StorageUnavailableError",
    "StoredFile",
    "StoredFileNotFoundError",
]
