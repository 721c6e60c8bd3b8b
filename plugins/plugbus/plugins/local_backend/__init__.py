"""A backend in one file: projects, datasets, tasks, models and jobs in SQLite."""

from .client import LocalBackend
from .errors import DatabaseFileError, DatabaseVersionError
from .plugin import LocalBackendConfig, LocalBackendPlugin

__all__ = [
    "DatabaseFileError",
    "DatabaseVersionError",
    "LocalBackend",
    "LocalBackendConfig",
    "LocalBackendPlugin",
]
