"""Reading and writing records of one table."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, TypeVar

from plugbus.capabilities import RecordNotFoundError

from .content import Content, as_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from plugbus.capabilities import Scalar

    from .database import Database

R = TypeVar("R")


class Table(Generic[R]):
    """Records of one kind, found by their id and listed by its order.

    Args:
        database: Where the table is.
        kind: What a record is, for errors: ``data unit``.
        name: The table.
        columns: What a record is built from; the id comes first.
        build: Makes a record of these columns.
        scope: The column within which idempotency keys hold; None where they hold in the whole table.
    """

    # Names of tables and columns come from this package alone; values are always bound.
    # ruff: noqa: S608

    def __init__(
        self,
        database: Database,
        kind: str,
        name: str,
        columns: tuple[str, ...],
        build: Callable[..., R],
        scope: str | None = None,
    ) -> None:
        self.kind = kind
        self._database = database
        self._name = name
        self._build = build
        self._scope = scope
        self._select = f"SELECT {', '.join(columns)} FROM {name}"

    def get(self, record: int) -> R:
        """Return a record.

        Raises:
            RecordNotFoundError: There is none of this id.
        """
        with self._database.reading(f"read {self.kind} '{record}'") as connection:
            return self.read(connection, (record,))[0]

    def read(self, connection: sqlite3.Connection, ids: Iterable[int]) -> tuple[R, ...]:
        """Return records in the order of their ids as they are given.

        Raises:
            RecordNotFoundError: Some are not there; names all of them.
        """
        rows = {one: connection.execute(f"{self._select} WHERE id = ?", (as_id(one),)).fetchone() for one in ids}
        missing = tuple(one for one, row in rows.items() if row is None)
        if missing:
            raise RecordNotFoundError(self.kind, missing)
        return tuple(self._build(*rows[one]) for one in ids)

    def require(self, connection: sqlite3.Connection, ids: Iterable[int]) -> None:
        """Raise unless all are there.

        Raises:
            RecordNotFoundError: Some are not; names all of them.
        """
        asked = f"SELECT 1 FROM {self._name} WHERE id = ?"
        missing = tuple(
            one for one in dict.fromkeys(ids) if connection.execute(asked, (as_id(one),)).fetchone() is None
        )
        if missing:
            raise RecordNotFoundError(self.kind, missing)

    def find(self, connection: sqlite3.Connection, **values: object) -> int | None:
        """Return the id of the record that has these values."""
        told = " AND ".join(f"{column} = ?" for column in values)
        row = connection.execute(f"SELECT id FROM {self._name} WHERE {told}", tuple(values.values())).fetchone()
        return None if row is None else int(row[0])

    def find_key(self, connection: sqlite3.Connection, row: Mapping[str, object]) -> int | None:
        """Return the id of the record that was created with the key of this row."""
        if row["key"] is None:
            return None
        scope = {} if self._scope is None else {self._scope: row[self._scope]}
        return self.find(connection, **scope, key=row["key"])

    def insert(self, connection: sqlite3.Connection, row: Mapping[str, object]) -> int:
        """Write a record, unless its key was there already, and return its id."""
        found = self.find_key(connection, row)
        if found is not None:
            return found
        places = ", ".join("?" * len(row))
        done = connection.execute(f"INSERT INTO {self._name} ({', '.join(row)}) VALUES ({places})", tuple(row.values()))
        return done.lastrowid or 0

    def update(self, connection: sqlite3.Connection, record: int, values: Mapping[str, object]) -> None:
        """Change columns of a record that is there."""
        told = ", ".join(f"{column} = ?" for column in values)
        connection.execute(f"UPDATE {self._name} SET {told} WHERE id = ?", (*values.values(), record))

    def delete(self, ids: Collection[int]) -> None:
        """Delete records; what is not there is passed over."""
        known = [(one,) for one in map(as_id, ids) if one is not None]
        if known:
            with self._database.writing(f"delete {self.kind}") as connection:
                connection.executemany(f"DELETE FROM {self._name} WHERE id = ?", known)

    def list(
        self,
        page_size: int,
        after: int,
        *,
        where: Mapping[str, Scalar] | None = None,
        **values: object,
    ) -> Iterator[R]:
        """Return records in the order of their ids, lazily.

        Args:
            page_size: How many are read at a time.
            after: The id that the first one's is above.
            where: What their metadata has.
            values: What their columns are; None leaves a column open.

        Raises:
            RecordContentError: What is asked for can't be.
        """
        content = Content("list", self.kind)
        content.page_size(page_size)
        given = {column: value for column, value in values.items() if value is not None}
        conditions = [f"{column} = ?" for column in given]
        bound = list(given.values())
        for key, value in (where or {}).items():
            content.json("where", {key: value})
            condition, asked = _metadata_is(value)
            conditions.append(condition)
            bound += [key, *asked]
        content.refuse()
        told = " AND ".join([*conditions, "id > ?"])
        return self._pages(f"{self._select} WHERE {told} ORDER BY id LIMIT ?", bound, max(0, after), page_size)

    def _pages(self, asked: str, bound: Sequence[object], after: int, page_size: int) -> Iterator[R]:
        operation = f"list {self.kind}s"
        while as_id(after + 1):
            with self._database.reading(operation) as connection:
                rows: list[tuple[Any, ...]] = connection.execute(asked, (*bound, after, page_size)).fetchall()
            for row in rows:
                yield self._build(*row)
            if len(rows) < page_size:
                return
            after = rows[-1][0]


def _metadata_is(value: Scalar) -> tuple[str, tuple[object, ...]]:
    """Return a condition on one key of the metadata, and what is bound in it after the key."""
    has = "EXISTS (SELECT 1 FROM json_each(metadata) AS entry WHERE entry.key = ? AND {})"
    if value is None:
        return has.format("entry.type = 'null'"), ()
    if isinstance(value, bool):
        return has.format(f"entry.type = '{'true' if value else 'false'}'"), ()
    if isinstance(value, str):
        return has.format("entry.type = 'text' AND entry.value = ?"), (str(value),)
    # What is too large for the database's whole numbers is compared as it is read from JSON: as a float.
    number = value if isinstance(value, float) or as_id(abs(value) + 1) else _as_float(value)
    return has.format("entry.type IN ('integer', 'real') AND entry.value = ?"), (number,)


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
