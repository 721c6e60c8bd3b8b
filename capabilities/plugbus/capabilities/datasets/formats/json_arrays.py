"""Read the arrays of one large JSON object entry by entry, without holding the document in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import TextIOBase
    from pathlib import Path

_CHUNK: Final = 1 << 16
_LONGEST: Final = 64
"""Above the length of every literal and escape, and of every number that is worth reading."""
_BLANK: Final = " \t\n\r"


def read_members(path: Path, chunk: int = _CHUNK) -> Iterator[tuple[str, int | None, Any]]:
    """Yield what the object in a file has: ``(key, index, entry)`` for arrays, ``(key, None, value)`` for the rest.

    An array without entries yields ``(key, -1, None)``. In memory are the entry that is read and a piece of the file.

    Raises:
        ValueError: It is no JSON object; says where, by the number of characters from the start.
    """
    with path.open(encoding="utf-8-sig") as file:
        scanner = _Scanner(file, chunk)
        try:
            yield from _members(scanner)
        except UnicodeDecodeError as error:
            raise ValueError(f"it is no UTF-8: {error.reason}") from error
        except RecursionError as error:
            raise ValueError("it is nested too deeply") from error


def _members(scanner: _Scanner) -> Iterator[tuple[str, int | None, Any]]:
    scanner.expect("{")
    if scanner.peek() == "}":
        scanner.expect("}")
    else:
        while True:
            key = scanner.value()
            if not isinstance(key, str):
                raise ValueError(  # noqa: TRY004 - it is the document that is wrong
                    f"it is no JSON: there is no key before character {scanner.place}"
                )
            scanner.expect(":")
            if scanner.peek() == "[":
                yield from _entries(scanner, key)
            else:
                yield key, None, scanner.value()
            if scanner.expect(",}") == "}":
                break
    if scanner.peek():
        raise ValueError(f"it is no JSON: there is more after character {scanner.place}")


def _entries(scanner: _Scanner, key: str) -> Iterator[tuple[str, int | None, Any]]:
    scanner.expect("[")
    if scanner.peek() == "]":
        scanner.expect("]")
        yield key, -1, None
        return
    index = 0
    while True:
        yield key, index, scanner.value()
        index += 1
        if scanner.expect(",]") == "]":
            return


class _Scanner:
    """A window onto a text file that moves forward over JSON values."""

    def __init__(self, file: TextIOBase | Any, chunk: int) -> None:
        self._file = file
        self._chunk = chunk
        self._text = ""
        self._at = 0
        self._gone = 0
        self._decoder = json.JSONDecoder()

    @property
    def place(self) -> int:
        """Return how many characters were read."""
        return self._gone + self._at

    def peek(self) -> str:
        """Return the next character that is not blank; empty at the end."""
        while True:
            while self._at < len(self._text):
                found = self._text[self._at]
                if found not in _BLANK:
                    return found
                self._at += 1
            if not self._more():
                return ""

    def expect(self, wanted: str) -> str:
        """Take the next character, which must be one of ``wanted``."""
        found = self.peek()
        if not found or found not in wanted:
            told = f"'{found}'" if found else "the end"
            raise ValueError(f"it is no JSON: {told} at character {self.place}, not {' or '.join(wanted)}")
        self._at += 1
        return found

    def value(self) -> Any:
        """Take the next value whole."""
        self.peek()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # What ends with the window may go on in the next piece; what is wrong before it never gets right.
                is_cut = error.msg.startswith("Unterminated") or error.pos > len(self._text) - _LONGEST
                if is_cut and self._more():
                    continue
                raise ValueError(f"it is no JSON: {error.msg} at character {self._gone + error.pos}") from error
            # A number may go on in the next piece of the file.
            if isinstance(found, int | float) and end > len(self._text) - _LONGEST and self._more():
                continue
            self._at = end
            return found

    def _more(self) -> bool:
        """Read on, twice as much each time that one value needs more; tell whether there was more."""
        piece = self._file.read(max(self._chunk, len(self._text) - self._at))
        if not piece:
            return False
        self._gone += self._at
        self._text, self._at = self._text[self._at :] + piece, 0
        return True
