"""What every reader of tables has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

import datetime
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..tables import TableReader, Tables

if TYPE_CHECKING:
    from collections.abc import Sequence


class TableReaderContract(ABC):
    """Inherit it in a class named ``Test…``, give it the fixture ``reader``, and say how such a file is written.

    Attributes:
        suffix: Of the files, such as ``.xlsx``.
    """

    suffix: str

    @pytest.fixture
    @abstractmethod
    def reader(self) -> TableReader:
        """Return the reader that is to be tested."""

    @abstractmethod
    def write(self, path: Path, rows: Sequence[Sequence[object]]) -> None:
        """Write a file that holds a table."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """Return where a file is written."""
        return tmp_path / f"größe 1{self.suffix}"

    def test_it_is_a_reader(self, reader: TableReader) -> None:
        """It can be provided under the capability."""
        Tables(self.suffix).check(reader)

    def test_cells_come_back(self, reader: TableReader, path: Path) -> None:
        """Rows have their order and their cells the values that were written, empty ones None."""
        rows = [
            ("name", "größe", "0017", "a\nb"),
            ("tom", 3, -2.5, True),
            (None, None, "end", False),
            (datetime.datetime(2020, 1, 2, 3, 4, 5), None, datetime.datetime(1999, 12, 31), 0),
        ]
        self.write(path, rows)
        found = [tuple(row) for row in reader.rows(path)]
        assert found == rows
        assert [type(cell) for cell in found[1]] == [str, int, float, bool]

    def test_a_file_is_read_again(self, reader: TableReader, path: Path) -> None:
        """Each iteration begins at the first row, also beside another one."""
        self.write(path, [(1,), (2,), (3,)])
        one, two = reader.rows(path), reader.rows(path)
        assert (tuple(next(one)), tuple(next(two)), tuple(next(one))) == ((1,), (1,), (2,))
        assert [tuple(row) for row in two] == [(2,), (3,)]
        assert [tuple(row) for row in one] == [(3,)]

    def test_many_rows_are_read(self, reader: TableReader, path: Path) -> None:
        """None is left out, however many there are."""
        self.write(path, [(number, f"row {number}") for number in range(2_500)])
        assert [tuple(row) for row in reader.rows(path)] == [(number, f"row {number}") for number in range(2_500)]

    @pytest.mark.parametrize("rows", [0, 1, 50])
    def test_the_file_is_closed_at_the_end(self, reader: TableReader, path: Path, rows: int) -> None:
        """It is when all rows were read, and when the iteration is left."""
        self.write(path, [(number,) for number in range(50)])
        reading = reader.rows(path)
        for _ in range(rows):
            next(reading)
        if rows == 50:
            assert next(reading, None) is None
        del reading
        assert not is_open(path)

    def test_what_is_not_there_is_refused(self, reader: TableReader, path: Path) -> None:
        """It is named."""
        with pytest.raises(FileNotFoundError, match=path.name):
            list(reader.rows(path))

    @pytest.mark.parametrize("content", [b"", b"\0\xff\xfeno table", bytes(range(256)) * 40])
    def test_what_is_no_table_is_refused(self, reader: TableReader, path: Path, content: bytes) -> None:
        """It is told, whatever shows it, and the file is closed."""
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r".+"):
            list(reader.rows(path))
        assert not is_open(path)


def is_open(path: Path) -> bool:
    """Tell whether this process holds a file open; False where the system does not say."""
    open_files = Path("/proc/self/fd")
    return open_files.is_dir() and any(one.resolve() == path.resolve() for one in open_files.iterdir())
