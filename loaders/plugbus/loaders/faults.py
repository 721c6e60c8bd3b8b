"""What is wrong in a document a person wrote, and where: every fault of one reading in one error."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from plugbus.loaders.errors import LoaderError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import yaml
    from yaml._yaml import Mark as CMark

DocumentPath: TypeAlias = tuple[str | int, ...]
"""The keys and indexes that lead from the root of a document to one value; the root is the empty tuple."""

# A part of what PyYAML says; whether the place to mend is where PyYAML began to read the thing, not where it gave
# up; why; remedy. {began} and {ended} are the characters at the two places.
_SYNTAX = (
    ("'\\t'", False, "a tab stands where only spaces may", "use spaces"),
    (
        "mapping values are not allowed",
        False,
        "a ':' is not allowed here",
        "align the key with the keys around it, or quote the text that holds the ':'",
    ),
    ("could not find expected ':'", True, "a key without its ':'", "add it, or indent text that goes on"),
    ("unexpected end of stream", True, "the text opened by {began} is never closed", "add the closing {began}"),
    ("unexpected document sep", True, "the text opened by {began} is never closed", "add the closing {began}"),
    ("got '<stream end>'", True, "the {began} is never closed", "add the closing bracket"),
    ("found '<scalar>'", False, "text after the end of a value", "quote the whole value"),
    (
        "expected <block end>",
        False,
        "this does not line up with what stands above",
        "give all keys, and all items, of one block the same indentation",
    ),
    ("cannot start any token", False, "a value cannot begin with {ended}", "quote the value"),
    ("unknown escape", False, "the escape \\{ended} is unknown", "write \\\\ for a backslash, or use single quotes"),
    ("expected '<document start>'", False, "text after the end of the document", "keep one document a file"),
)

_PLAIN_KEY = re.compile(r"[^\s.\[\]\"'\\]+")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text.

    Args:
        line: Counted from 1; ``\\n``, ``\\r\\n`` and ``\\r`` end a line.
        column: Counted from 1, in characters (not bytes); a byte order mark does not count.
    """

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong in a document.

    Args:
        source: Where the text came from, usually a path.
        position: Where in the text, or None when the fault is about the source as a whole.
        path: Which value of the document, empty for the root and where the text could not be read that far.
        why: What is wrong.
        remedy: What to do about it, empty when there is nothing to offer.
    """

    source: str
    position: Position | None
    path: DocumentPath = ()
    why: str
    remedy: str = ""

    @property
    def text(self) -> str:
        """The fault without the place: ``path: why; remedy``."""
        head = f"{render_path(self.path)}: " if self.path else ""
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"{head}{self.why}{tail}"

    def __str__(self) -> str:
        place = self.source if self.position is None else f"{self.source}:{self.position}"
        return f"{place}: {self.text}"


class DocumentError(LoaderError, ValueError):
    """Refuse a document, with everything that is wrong in it.

    Args:
        source: Where the text came from, usually a path.
        faults: Every fault found, at least one, in the order of the text.
    """

    def __init__(self, source: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(source, faults)
        self.source = source
        self.faults = faults

    def __str__(self) -> str:
        head = f"cannot read document '{self.source}': "
        if len(self.faults) > 1:
            return "\n".join((f"{head}{len(self.faults)} faults", *map(str, self.faults)))
        return head + "".join(fault.text if fault.position is None else str(fault) for fault in self.faults)


def render_path(path: DocumentPath) -> str:
    """Return a path as a person writes it: ``spec.interfaces[0].protocol``.

    A key that would be misread (empty, or with dots, brackets, quotes or spaces) is written as ``["a.b"]``.
    """
    rendered = ""
    for part in path:
        if isinstance(part, int):
            rendered += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part) and part.isprintable():
            rendered += f".{part}" if rendered else part
        else:
            rendered += f"[{json.dumps(part, ensure_ascii=not part.isprintable())}]"
    return rendered


def in_text_order(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return the faults sorted by position, those without one first, each once."""
    start = Position(0, 0)
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.position or start))


def position_of(mark: yaml.Mark | CMark | None) -> Position:
    """Return where a mark of PyYAML stands; the start of the text for none."""
    return Position(1, 1) if mark is None else Position(mark.line + 1, mark.column + 1)


def syntax_fault(error: yaml.MarkedYAMLError, source: str) -> Fault:
    """Say in plain words, at the place a person would mend, why a text is no YAML."""
    problem = error.problem or "no YAML"
    for part, is_at_beginning, why, remedy in _SYNTAX:
        if part in problem:
            began, ended = _character(error.context_mark), _character(error.problem_mark)
            return Fault(
                source=source,
                position=position_of(error.context_mark if is_at_beginning else error.problem_mark),
                why=why.format(began=began, ended=ended),
                remedy=remedy.format(began=began, ended=ended),
            )
    why = problem.replace("'\\x00'", "the end of the text")
    if error.context:
        why += f" ({error.context})"
    return Fault(source=source, position=position_of(error.problem_mark or error.context_mark), why=why)


def _character(mark: yaml.Mark | None) -> str:
    return "" if mark is None or mark.buffer is None else mark.buffer[mark.index]
