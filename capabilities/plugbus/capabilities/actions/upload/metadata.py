"""Reading what is known of files."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime, time
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...tables import Tables
from .errors import UploadMetadataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...context import HostServices
    from ...tables import TableReader
    from .strategies import MetadataStrategy

_NAMES: Final = ("name", "filename", "file_name", "file")


class NoMetadata:
    """Know nothing of any file."""

    def read(self) -> Mapping[str, Mapping[str, Any]]:
        """Return nothing."""
        return {}


class CsvMetadata:
    """Read a table in a CSV file (RFC 4180), in UTF-8.

    The first row has the names of the columns; the column ``name`` (or ``filename``, ``file_name``, ``file``), else
    the first, says which data unit or file a row is about. Empty cells say nothing. Values are texts; those that JSON
    reads as a number, a truth value or null are these.

    Args:
        path: The file.
        max_size: Bytes that it may have.
    """

    def __init__(self, path: str | Path, *, max_size: int = 64 << 20) -> None:
        self._path = Path(path)
        self._max_size = max_size

    def read(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the rows by the names of what they are about."""
        _check_size(self._path, self._max_size)
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                return _table(str(self._path), csv.reader(file, strict=True), _value_of)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UploadMetadataError(str(self._path), (("", str(error)),)) from error


class TableMetadata:
    """Read a table as ``CsvMetadata`` does, by a reader that a plugin offers.

    Args:
        path: The file.
        reader: Reads it.
        max_size: Bytes that it may have.
    """

    def __init__(self, path: str | Path, reader: TableReader, *, max_size: int = 64 << 20) -> None:
        self._path = Path(path)
        self._reader = reader
        self._max_size = max_size

    def read(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the rows by the names of what they are about."""
        _check_size(self._path, self._max_size)
        try:
            return _table(str(self._path), self._reader.rows(self._path), _plain)
        except (OSError, ValueError) as error:
            if isinstance(error, UploadMetadataError):
                raise
            raise UploadMetadataError(str(self._path), (("", str(error)),)) from error


def metadata_strategy(path: str | None, services: HostServices) -> MetadataStrategy:
    """Return what reads a file, by its suffix; ``NoMetadata`` where there is none.

    Raises:
        UploadMetadataError: Nothing reads such a file.
    """
    if path is None:
        return NoMetadata()
    suffix = Path(path).suffix.lower()
    if suffix == ".csv":
        return CsvMetadata(path)
    reader = services.find(Tables(suffix)) if suffix else None
    if reader is None:
        cause = f"nothing reads '{suffix}'; give a .csv file, or load a plugin that reads it, such as excel_tables"
        raise UploadMetadataError(path, (("", cause),))
    return TableMetadata(path, reader)


def _check_size(path: Path, max_size: int) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UploadMetadataError(str(path), (("", error.strerror or str(error)),)) from error
    if size > max_size:
        raise UploadMetadataError(str(path), (("", f"it has {size} bytes; {max_size} are allowed"),))


def _table(path: str, rows: Iterable[Iterable[Any]], read: Any) -> dict[str, dict[str, Any]]:
    """Return rows by the names in them; every fault is told with its row, from 1 on."""
    iterator = iter(rows)
    header = [str(one).strip() if one is not None else "" for one in next(iterator, ())]
    if not any(header):
        raise UploadMetadataError(path, (("row 1", "it has no names of columns"),))
    lowered = [one.lower() for one in header]
    at = next((lowered.index(one) for one in _NAMES if one in lowered), 0)
    faults = [
        ("row 1", f"two columns are called '{name}'") for name in sorted({*header} - {""}) if header.count(name) > 1
    ]
    found: dict[str, dict[str, Any]] = {}
    for number, cells in enumerate(iterator, 2):
        row = list(cells)
        if all(one is None or one == "" for one in row):
            continue
        name = "" if at >= len(row) or row[at] is None else str(row[at]).strip()
        if not name:
            faults.append((f"row {number}", f"its '{header[at]}' is empty"))
        elif name in found:
            faults.append((f"row {number}", f"there is another row of '{name}'"))
        elif len(row) > len(header):
            faults.append((f"row {number}", f"it has {len(row)} cells; there are {len(header)} columns"))
        else:
            found[name] = {
                key: read(cell)
                for place, (key, cell) in enumerate(zip(header, row, strict=False))
                if place != at and key and cell is not None and cell != ""
            }
    if faults:
        raise UploadMetadataError(path, tuple(faults))
    return found


def _value_of(text: str) -> Any:
    """Return a cell of a CSV file: what JSON reads as a number, a truth value or null, else its text.

    Numbers with leading zeros, such as postal codes, are no JSON and so stay texts.
    """
    try:
        value = json.loads(text, parse_constant=lambda _: text)
    except ValueError:
        return text
    if isinstance(value, float) and not isfinite(value):
        return text
    return value if isinstance(value, int | float | bool) or value is None else text


def _plain(value: Any) -> Any:
    """Return a cell of a workbook as JSON has it."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value if isinstance(value, int | float | str | bool) else str(value)
