"""The suites of what reads tables and measures images: each broken promise is found, and others than ours pass."""

from __future__ import annotations

import datetime
import json
import struct
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities.testing import ImageSizeContract, TableReaderContract
from plugbus.kernel import ContractError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from plugbus.capabilities import ImageSize, TableReader

FOUND = (AssertionError, pytest.fail.Exception, ContractError, OSError)


class JsonTables:
    """Reads the format of these tests: a JSON array a line, dates as ``{"at": …}``."""

    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        with path.open("rb") as file:
            if file.read(6) != b"TABLE\n":
                raise ValueError("it does not begin with 'TABLE'")
            for line in file:
                yield tuple(
                    datetime.datetime.fromisoformat(cell["at"]) if isinstance(cell, dict) else cell
                    for cell in json.loads(line)
                )


class TestJsonTables(TableReaderContract):
    suffix = ".table"

    @pytest.fixture
    def reader(self) -> TableReader:
        return JsonTables()

    def write(self, path: Path, rows: Sequence[Sequence[object]]) -> None:
        lines = [json.dumps(row, default=lambda cell: {"at": cell.isoformat()}) for row in rows]
        path.write_text("\n".join(["TABLE", *lines, ""]), encoding="utf-8")


class Tables(TestJsonTables):
    """The suite as an object whose parts can be called one by one."""

    __test__ = False


class Texts(JsonTables):
    """Returns texts alone."""

    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        yield from (tuple(map(str, row)) for row in super().rows(path))


class Remembering(JsonTables):
    """Goes on where another iteration is."""

    def __init__(self) -> None:
        self._reading: Iterator[Sequence[object]] | None = None

    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        self._reading = self._reading or super().rows(path)
        yield from self._reading


class Short(JsonTables):
    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        yield from list(super().rows(path))[:1_000]


class Holding(JsonTables):
    """Leaves files open."""

    def __init__(self) -> None:
        self.files: list[Any] = []

    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        self.files.append(path.open("rb"))
        yield from super().rows(path)


class Opening(Holding):
    """Opens a file before it is asked for a row."""

    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        self.files.append(path.open("rb"))
        return iter(())


class Lenient(JsonTables):
    """Takes what can't be read for an empty table."""

    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        try:
            yield from super().rows(path)
        except (OSError, ValueError):
            return


@pytest.mark.parametrize(
    ("make", "part", "known"),
    [
        (object, "it_is_a_reader", None),
        (Texts, "cells_come_back", {}),
        (Remembering, "a_file_is_read_again", {}),
        (Short, "many_rows_are_read", {}),
        (Opening, "the_file_is_closed_at_the_end", {"rows": 0}),
        (Holding, "the_file_is_closed_at_the_end", {"rows": 1}),
        (Holding, "the_file_is_closed_at_the_end", {"rows": 50}),
        (Lenient, "what_is_not_there_is_refused", {}),
        (Lenient, "what_is_no_table_is_refused", {"content": b""}),
        (Holding, "what_is_no_table_is_refused", {"content": b"x"}),
    ],
)
def test_a_reader_that_breaks_a_promise_is_found(
    make: Callable[[], Any], part: str, known: dict[str, Any] | None, tmp_path: Path
) -> None:
    values = {} if known is None else {"path": tmp_path / "some.table", **known}
    reader = make()
    with pytest.raises(FOUND):
        getattr(Tables(), f"test_{part}")(reader, **values)
    for file in getattr(reader, "files", ()):
        file.close()


def size_of_png(path: Path) -> tuple[int, int]:
    with path.open("rb") as file:
        head = file.read(24)
    if not head.startswith(b"\x89PNG") or len(head) < 24:
        raise ValueError(f"'{path}' is no PNG")
    width, height = struct.unpack(">II", head[16:])
    return width, height


class TestSizesOfPng(ImageSizeContract):
    @pytest.fixture
    def image_size(self) -> ImageSize:
        return size_of_png


class Sizes(TestSizesOfPng):
    """The suite as an object whose parts can be called one by one."""

    __test__ = False


def turned(path: Path) -> tuple[int, int]:
    width, height = size_of_png(path)
    return height, width


def by_suffix(path: Path) -> tuple[int, int]:
    if path.suffix != ".png":
        raise ValueError(path)
    return size_of_png(path)


def consuming(path: Path) -> tuple[int, int]:
    size = size_of_png(path)
    path.write_bytes(b"")
    return size


def lenient(path: Path) -> tuple[int, int]:
    try:
        return size_of_png(path)
    except (OSError, ValueError):
        return (0, 0)


@pytest.mark.parametrize(
    ("measure", "part", "known"),
    [
        (None, "it_measures", None),
        (turned, "width_comes_before_height", {"width": 2, "height": 3}),
        (by_suffix, "width_comes_before_height", {"width": 2, "height": 3}),
        (consuming, "the_file_is_left_alone", {}),
        (lenient, "what_is_no_image_is_refused", {"content": b""}),
        (lenient, "what_is_no_image_is_refused", {"content": None}),
    ],
)
def test_what_measures_wrongly_is_found(measure: Any, part: str, known: dict[str, Any] | None, tmp_path: Path) -> None:
    values = {} if known is None else {"tmp_path": tmp_path, **known}
    with pytest.raises((*FOUND, ValueError)):
        getattr(Sizes(), f"test_{part}")(measure, **values)
