"""Tables in Excel workbooks, and metadata of uploads in them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

pytest.importorskip("openpyxl", reason='needs openpyxl: pip install "plugbus[excel]"')

from openpyxl import Workbook

import plugbus.plugins
from plugbus.capabilities import HostServices, Tables, UploadMetadataError
from plugbus.capabilities.actions.upload import TableMetadata
from plugbus.loaders import Host
from plugbus.plugins.excel_tables import ExcelTableReader


def workbook(path: Path, rows: list[list[object]]) -> Path:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    book.save(path)
    return path


def test_what_is_no_workbook_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.xlsx").write_bytes(b"no archive")
    with pytest.raises(ValueError, match="it is no workbook"):
        list(ExcelTableReader().rows(tmp_path / "no.xlsx"))
    with pytest.raises(FileNotFoundError):
        list(ExcelTableReader().rows(tmp_path / "nowhere.xlsx"))
    with pytest.raises(UploadMetadataError, match="it is no workbook"):
        TableMetadata(tmp_path / "no.xlsx", ExcelTableReader()).read()


def test_metadata_of_an_upload_is_read_by_the_plugin(tmp_path: Path) -> None:
    rows: list[list[object]] = [
        ["split", "filename", "age", "seen"],
        ["train", "tom.png", 3, datetime.date(2020, 1, 2)],
        [None, None, None, None],
        ["test", "felix.png", 4.5, None],
    ]
    path = workbook(tmp_path / "known.xlsx", rows)
    with Host(builtin=[Path(one) for one in plugbus.plugins.__path__]) as host:
        host.kernel.load("excel_tables")
        reader = HostServices(host.kernel.services).find(Tables(".xlsx"))
        assert reader is not None
        assert TableMetadata(path, reader).read() == {
            "tom.png": {"split": "train", "age": 3, "seen": "2020-01-02T00:00:00"},
            "felix.png": {"split": "test", "age": 4.5},
        }
