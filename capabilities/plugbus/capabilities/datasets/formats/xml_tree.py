"""Read small XML documents safely: no declarations of types or entities, nothing fetched, a bounded depth and size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEEPEST: Final = 32
_LARGEST: Final = 64 << 20
"""Bytes; the annotations of one image take some kilobytes."""


@dataclass(slots=True)
class Element:
    """An element with its line, its text without surrounding blanks, and its children."""

    tag: str
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, tag: str) -> Element | None:
        """Return the first child of a tag."""
        return next((one for one in self.children if one.tag == tag), None)

    def all(self, tag: str) -> Iterator[Element]:
        """Yield the children of a tag."""
        return (one for one in self.children if one.tag == tag)

    def text_of(self, tag: str) -> str:
        """Return the text of a child; empty where there is none."""
        found = self.find(tag)
        return "" if found is None else found.text


def parse_xml(data: bytes) -> Element:
    """Return the root of a document.

    Raises:
        ValueError: It is no XML, or it is XML that could do harm; says where.
    """

    from xml.parsers import expat  # what makes XML dangerous is refused below

    if len(data) > _LARGEST:
        raise ValueError(f"it has {len(data)} bytes; {_LARGEST} are read at most")
    parser = expat.ParserCreate()
    parser.buffer_text = True
    top = Element("", 0)
    stack = [top]

    def start(tag: str, _: dict[str, str]) -> None:
        if len(stack) > _DEEPEST:
            raise ValueError(f"line {parser.CurrentLineNumber}: it is nested deeper than {_DEEPEST}")
        one = Element(tag, parser.CurrentLineNumber)
        stack[-1].children.append(one)
        stack.append(one)

    def text(piece: str) -> None:
        stack[-1].text += piece

    def end(_: str) -> None:
        one = stack.pop()
        one.text = one.text.strip()

    def refuse(*_: object) -> None:
        # Entities are declared there: they could grow without bounds or name files.
        raise ValueError(f"line {parser.CurrentLineNumber}: it has a document type declaration, which is refused")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise ValueError(f"it is no XML: {what} at line {error.lineno}, column {error.offset + 1}") from error
    except LookupError as error:  # an encoding that is not known
        raise ValueError(f"it is no XML: {error}") from error
    return top.children[0]
