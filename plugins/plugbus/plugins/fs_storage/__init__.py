"""Files below an address, in whatever filesystem fsspec reaches."""

from .plugin import FsStorageConfig, FsStoragePlugin, RootConfig
from .storage import FsStorage

__all__ = ["FsStorage", "FsStorageConfig", "FsStoragePlugin", "RootConfig"]
