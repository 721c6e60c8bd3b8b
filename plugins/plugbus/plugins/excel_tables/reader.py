"""Tables in Excel workbooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class ExcelTableReader:
    """Read the first sheet of a workbook, row by row; formulas by the values that were saved with them."""

    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        """Yield the rows.

        Raises:
            OSError: The file can't be read.
            ValueError: It is no workbook, or has no sheet.
        """
        from openpyxl import load_workbook  # needed where a table is read alone

        with path.open("rb") as file:
            try:
                book = load_workbook(file, read_only=True, data_only=True)
            except Exception as error:
                # What is raised for a file that is none depends on where that shows: archive, XML, missing parts.
                raise ValueError(f"it is no workbook: {error}") from error
            try:
                if not book.worksheets:
                    raise ValueError("it has no sheet with cells")
                yield from book.worksheets[0].iter_rows(values_only=True)
            finally:
                book.close()
