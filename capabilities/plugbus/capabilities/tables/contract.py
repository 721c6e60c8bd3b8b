"""The contract of what reads tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from plugbus.kernel import Capability

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


class TableReader(Protocol):
    """Read the table in a file, such as the first sheet of a workbook."""

    def rows(self, path: Path) -> Iterator[Sequence[object]]:
        """Yield the rows from the first on, each with its cells: None, texts, numbers, truth values, dates and times.

        The file is closed when the iteration ends.

        Raises:
            OSError: The file can't be read.
            ValueError: It holds no table.
        """
        ...


def Tables(suffix: str) -> Capability[TableReader]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability of reading files of a suffix, in small letters: ``Tables(".xlsx")``."""
    return Capability[TableReader]("tables", version="1.0.0", contract=TableReader, qualifier=suffix)
