"""What is wrong with a database file."""

from __future__ import annotations

from plugbus.capabilities import BackendError


class DatabaseVersionError(BackendError, ValueError):
    """Refuse a database that a newer version of this plugin has written.

    Args:
        path: The file.
        found: The version that it has.
        known: The newest version that is known here.
    """

    def __init__(self, path: str, found: int, known: int) -> None:
        super().__init__(path, found, known)
        self.path = path
        self.found = found
        self.known = known

    def __str__(self) -> str:
        return (
            f"cannot open database '{self.path}': it has version {self.found}, and the newest that is known here is "
            f"{self.known}; update plugbus, or name another file"
        )


class DatabaseFileError(BackendError, ValueError):
    """Refuse a file that is no database of a backend."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot open database '{self.path}': {self.cause}"
