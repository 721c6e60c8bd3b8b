"""The backend in one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from plugbus.capabilities import BackendFailedError

from .copying import copy_database
from .database import Database
from .datasets import Datasets
from .jobs import Jobs
from .models import Models
from .projects import Projects

if TYPE_CHECKING:
    from types import TracebackType


class LocalBackend(Projects, Datasets, Models, Jobs):
    """Keep a platform's records in one SQLite file. Safe from several threads, and from several processes.

    Lifecycle:

    1. Made: the file is made, or brought to the newest version.
    2. Used, from any thread. Pickled, it is opened again where it arrives, on the same machine.
    3. ``close``, once or more; what is asked of it afterwards is refused.

    Args:
        path: The file.
        busy_timeout: How long a writer waits for another one, in seconds.
        max_size: How large the file may become, in bytes; None for as large as the disk lets it.
        is_synced: Whether what was written is on the disk when a call returns, whatever happens to the machine.

    Raises:
        DatabaseVersionError: The file is newer than what is known here.
        DatabaseFileError: It is the file of another program.
        BackendFailedError: It can't be opened.
    """

    def __init__(
        self, path: str | Path, *, busy_timeout: float = 30.0, max_size: int | None = None, is_synced: bool = True
    ) -> None:
        self._settings = {"busy_timeout": busy_timeout, "max_size": max_size, "is_synced": is_synced}
        # Absolute: it is opened again later, when the working directory may be another.
        self._path = Path(path).absolute()
        database = Database(self._path, busy_timeout=busy_timeout, max_size=max_size, is_synced=is_synced)
        Projects.__init__(self, database)
        Datasets.__init__(self, database)
        Models.__init__(self, database)
        Jobs.__init__(self, database)

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._path

    def close(self) -> None:
        """Close the file; what still runs in other threads finishes. Idempotent."""
        self._database.close()

    def check(self) -> tuple[str, ...]:
        """Read the whole file and return what is wrong with it; nothing where it is sound."""
        with self._database.reading("check the database") as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
            for table, row, parent, _ in connection.execute("PRAGMA foreign_key_check"):
                found.append(f"row {row} of {table} belongs to a row of {parent} that is not there")
        return tuple(found)

    def backup(self, path: Path) -> None:
        """Write a copy that is of one moment, whole or not at all, while others read and write."""
        operation = f"back up database '{self._path}' to '{path}'"
        try:
            with self._database.reading(operation) as connection:
                copy_database(connection, path)
        except OSError as error:
            raise BackendFailedError(operation, str(error)) from error

    def __enter__(self) -> LocalBackend:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[object, ...]:
        return _open, (str(self._path), self._settings)

    def __repr__(self) -> str:
        return f"LocalBackend({str(self._path)!r})"


def _open(path: str, settings: dict[str, float | int | bool | None]) -> LocalBackend:
    return LocalBackend(path, **settings)  # type: ignore[arg-type] # they are those of the constructor
