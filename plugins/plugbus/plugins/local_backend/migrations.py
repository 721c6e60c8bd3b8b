"""The tables, as the steps that lead from an empty file to the newest version.

A step that was released is never changed: what is to be different is a further step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .errors import DatabaseFileError, DatabaseVersionError

if TYPE_CHECKING:
    import sqlite3

APPLICATION_ID: Final = 0x706C6275
"""``plbu``, in the header of each file: https://www.sqlite.org/pragma.html#pragma_application_id"""

# Ids are never given twice (AUTOINCREMENT): a page that begins after a deleted record skips nothing.
# Each index ends with the id, as every index of SQLite does: a list by it is read in the order of the ids.
MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """CREATE TABLE projects (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            configuration TEXT NOT NULL CHECK (json_valid(configuration)),
            key TEXT UNIQUE
        )""",
        """CREATE TABLE datasets (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            format TEXT NOT NULL,
            metadata TEXT NOT NULL CHECK (json_valid(metadata)),
            key TEXT UNIQUE
        )""",
        """CREATE TABLE data_units (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            dataset INTEGER NOT NULL REFERENCES datasets ON DELETE CASCADE,
            name TEXT NOT NULL,
            files TEXT NOT NULL CHECK (json_valid(files)),
            metadata TEXT NOT NULL CHECK (json_valid(metadata)),
            key TEXT,
            UNIQUE (dataset, key)
        )""",
        "CREATE INDEX data_units_by_dataset ON data_units (dataset)",
        "CREATE INDEX data_units_by_name ON data_units (dataset, name)",
        """CREATE TABLE ground_truths (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            dataset INTEGER NOT NULL REFERENCES datasets ON DELETE CASCADE,
            data_unit INTEGER NOT NULL REFERENCES data_units ON DELETE CASCADE,
            annotations TEXT NOT NULL CHECK (json_valid(annotations)),
            metadata TEXT NOT NULL CHECK (json_valid(metadata)),
            key TEXT,
            UNIQUE (dataset, key)
        )""",
        "CREATE INDEX ground_truths_by_dataset ON ground_truths (dataset)",
        "CREATE INDEX ground_truths_by_data_unit ON ground_truths (data_unit)",
        """CREATE TABLE tasks (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            project INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE,
            data_unit INTEGER REFERENCES data_units ON DELETE SET NULL,
            status TEXT NOT NULL,
            annotations TEXT CHECK (annotations IS NULL OR json_valid(annotations)),
            metadata TEXT NOT NULL CHECK (json_valid(metadata)),
            key TEXT,
            UNIQUE (project, key)
        )""",
        "CREATE INDEX tasks_by_project ON tasks (project)",
        "CREATE INDEX tasks_by_status ON tasks (project, status)",
        "CREATE INDEX tasks_by_data_unit ON tasks (data_unit)",
    ),
    (
        """CREATE TABLE models (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            version TEXT NOT NULL,
            file TEXT CHECK (file IS NULL OR json_valid(file)),
            metrics TEXT NOT NULL CHECK (json_valid(metrics)),
            metadata TEXT NOT NULL CHECK (json_valid(metadata)),
            key TEXT UNIQUE,
            UNIQUE (name, version)
        )""",
        "CREATE INDEX models_by_name ON models (name)",
    ),
    (
        """CREATE TABLE jobs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            job TEXT NOT NULL UNIQUE,
            action TEXT NOT NULL,
            plugin TEXT NOT NULL,
            status TEXT NOT NULL,
            params TEXT NOT NULL CHECK (json_valid(params)),
            progress TEXT NOT NULL CHECK (json_valid(progress)),
            metrics TEXT NOT NULL CHECK (json_valid(metrics)),
            result TEXT CHECK (result IS NULL OR json_valid(result)),
            error TEXT NOT NULL,
            created TEXT NOT NULL,
            started TEXT,
            ended TEXT
        )""",
        "CREATE INDEX jobs_by_status ON jobs (status)",
        """CREATE TABLE job_logs (
            job INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
            id INTEGER NOT NULL,
            event TEXT NOT NULL,
            data TEXT NOT NULL CHECK (json_valid(data)),
            level TEXT NOT NULL,
            at TEXT NOT NULL,
            step TEXT,
            key TEXT,
            PRIMARY KEY (job, id),
            UNIQUE (job, key)
        ) WITHOUT ROWID""",
    ),
)


def migrate(connection: sqlite3.Connection, path: str) -> None:
    """Bring a database to the newest version, each step whole or not at all.

    Several processes may do this at the same time: one does each step, the others see that it is done.

    Raises:
        DatabaseVersionError: It is newer than what is known here.
        DatabaseFileError: It is the file of another program.
    """
    while True:
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection, path)
            if version < len(MIGRATIONS):
                for statement in MIGRATIONS[version]:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {version + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if version >= len(MIGRATIONS):
            return


def _version(connection: sqlite3.Connection, path: str) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise DatabaseFileError(path, "it is a database of another program; name another file")
    if version > len(MIGRATIONS):
        raise DatabaseVersionError(path, version, len(MIGRATIONS))
    return int(version)
