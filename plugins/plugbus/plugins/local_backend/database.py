"""One SQLite file, used by any number of threads and processes."""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from plugbus.capabilities import BackendFailedError

from .errors import DatabaseFileError
from .migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PAGE: Final = 4096

_CAUSES: Final = {
    sqlite3.SQLITE_BUSY: "another process holds the database",
    sqlite3.SQLITE_LOCKED: "the database is locked",
    sqlite3.SQLITE_FULL: "there is no room left for the database",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; put a backup in its place",
    sqlite3.SQLITE_NOTADB: "the file is no database",
    sqlite3.SQLITE_READONLY: "the database can't be written",
    sqlite3.SQLITE_CANTOPEN: "the file can't be opened",
}


class Database:
    """Lend connections to a file; at most one writes at a time, readers wait for nobody.

    A connection is lent for one transaction and then waits for the next borrower, whichever thread that is: threads
    that end leave none behind. The journal is a write-ahead log (https://www.sqlite.org/wal.html), which needs a
    filesystem of this machine.

    Args:
        path: The file; it and its folder are made.
        busy_timeout: How long a writer waits for another one, in seconds.
        max_size: How large the file may become, in bytes; None for as large as the disk lets it.
        is_synced: Whether a transaction is on the disk when it is over. Otherwise the last ones may be lost when the
            machine fails; never when the process does.
    """

    def __init__(self, path: Path, *, busy_timeout: float, max_size: int | None, is_synced: bool) -> None:
        self.path = path
        self._busy_timeout = busy_timeout
        self._max_size = max_size
        self._is_synced = is_synced
        self._lock = threading.Lock()
        self._writer = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._forked: list[sqlite3.Connection] = []
        self._pid = os.getpid()
        self._is_closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB:
                raise DatabaseFileError(str(path), "it is no database; name another file") from error
            raise BackendFailedError(f"open database '{path}'", _cause(error)) from error

    def close(self) -> None:
        """Close every connection; one that is lent is closed when it comes back. Idempotent."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def reading(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one read; what it sees is of one moment.

        Raises:
            BackendFailedError: It is closed, or can't be read.
        """
        with self._lent(operation) as connection, _transaction(connection, "BEGIN"):
            yield connection

    @contextmanager
    def writing(self, operation: str) -> Iterator[sqlite3.Connection]:
        """Lend a connection for one transaction: it is kept whole when the block ends, and not at all when it raises.

        Raises:
            BackendFailedError: It is closed, full, damaged, or another process writes for too long.
        """
        # Threads of this process line up here: waiting inside SQLite is polling, and not fair.
        if not self._writer.acquire(timeout=self._busy_timeout):
            raise BackendFailedError(operation, f"another thread has been writing for {self._busy_timeout:g} s")
        try:
            with self._lent(operation) as connection, _transaction(connection, "BEGIN IMMEDIATE"):
                yield connection
        finally:
            self._writer.release()

    @contextmanager
    def _lent(self, operation: str) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._take()
        except sqlite3.Error as error:
            raise BackendFailedError(operation, _cause(error)) from error
        if connection is None:
            raise BackendFailedError(operation, f"database '{self.path}' is closed")
        try:
            yield connection
        except sqlite3.Error as error:
            raise BackendFailedError(operation, _cause(error)) from error
        finally:
            self._give_back(connection)

    def _take(self) -> sqlite3.Connection | None:
        with self._lock:
            if self._is_closed:
                return None
            if self._pid != os.getpid():
                # https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
                # Not even closing is safe here: that would drop the locks of the parent.
                self._forked, self._idle, self._pid = [*self._forked, *self._idle], [], os.getpid()
            if self._idle:
                return self._idle.pop()
        return self._open()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            is_kept = not self._is_closed and not connection.in_transaction
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA synchronous = {'FULL' if self._is_synced else 'NORMAL'}")
            if self._max_size is not None:
                connection.execute(f"PRAGMA max_page_count = {max(1, self._max_size // _PAGE)}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self) -> None:
        connection = self._open()
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE}")
            self._use_log(connection)
            migrate(connection, str(self.path))
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def _use_log(self, connection: sqlite3.Connection) -> None:
        """Switch to the write-ahead log; the busy timeout does not hold for that, so processes take turns here."""
        end = monotonic() + self._busy_timeout
        while True:
            try:
                if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                    return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
                    raise
            if monotonic() > end:
                raise sqlite3.OperationalError("it can't keep a write-ahead log there")
            sleep(0.01)


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back already.
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        raise


def _cause(error: Exception) -> str:
    # The low byte is the kind: https://www.sqlite.org/rescode.html#primary_result_codes_versus_extended_result_codes
    return _CAUSES.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, str(error))
