"""Workbooks are read as every table has to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("openpyxl", reason='needs openpyxl: pip install "plugbus[excel]"')

from openpyxl import Workbook

from plugbus.capabilities.testing import TableReaderContract
from plugbus.plugins.excel_tables import ExcelTableReader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@pytest.mark.parametrize("suffix", [".xlsx", ".xlsm"])
class TestExcelTables(TableReaderContract):
    @pytest.fixture(autouse=True)
    def known(self, suffix: str) -> None:
        self.suffix = suffix

    @pytest.fixture
    def reader(self) -> ExcelTableReader:
        return ExcelTableReader()

    def write(self, path: Path, rows: Sequence[Sequence[object]]) -> None:
        book = Workbook()
        sheet = book.active
        assert sheet is not None
        for row in rows:
            sheet.append(list(row))
        book.save(path)
