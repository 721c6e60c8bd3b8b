"""Reading one YAML or JSON text that a person wrote: once, strictly, with the position of everything in it.

The text is composed from PyYAML's events and not with ``yaml.compose``, which follows aliases and recurses without a
bound: a hostile text must cost no more than its length. Values are YAML's own and nothing is coerced, so ``no`` is
False and ``1.10`` is a float; how they were written is kept, so that a message can say how to quote them. Two
deviations keep data within what JSON knows: a date stays text, and a text that is JSON reads its numbers (``1e5``) by
JSON's rules.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import yaml

from plugbus.loaders.faults import (
    DocumentError,
    DocumentPath,
    Fault,
    Position,
    in_text_order,
    position_of,
    syntax_fault,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
"""What a document holds; floats include the infinities and NaN, which YAML can write."""

MAX_BYTES = 1 << 20
"""The longest text that is read, in bytes of UTF-8."""

MAX_DEPTH = 64
"""How many mappings and lists may stand inside each other."""

# Python refuses to convert longer numbers, and YAML's base 60 costs the square of the length.
_MAX_NUMBER_LENGTH = 1_000
# A file that is no text at all would otherwise have a fault a byte.
_MAX_CHARACTER_FAULTS = 20

_YAML_TAG = "tag:yaml.org,2002:"
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# What YAML does not allow, and what YAML 1.1 takes for line breaks where editors do not, or nobody sees.
_REFUSED_CHARACTER = re.compile(r"[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text that was read, and where everything in it stands.

    Args:
        source: Where the text came from, usually a path.
        data: The value of the text; an empty text is an empty mapping.
        positions: Where each value begins, by its path; the root is ``()``.
        key_positions: Where the key of each value of a mapping begins, by the path of the value.
        spellings: How each unquoted value that is not text was written (``1.10``, ``no``, ``~``, or nothing).
    """

    source: str
    data: JsonValue
    positions: Mapping[DocumentPath, Position]
    key_positions: Mapping[DocumentPath, Position]
    spellings: Mapping[DocumentPath, str]


def read_document(path: Path) -> Document:
    """Read a UTF-8 file of YAML or JSON.

    Raises:
        DocumentError: The file cannot be read, or its text is refused.
    """
    source = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 4)  # enough to tell, with a byte order mark before the text
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        why = getattr(error, "strerror", None) or str(error)
        fault = Fault(source=source, position=None, why=why[:1].lower() + why[1:])
        raise DocumentError(source, (fault,)) from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        if len(content) == MAX_BYTES + 4:  # the cut may have gone through a character
            raise DocumentError(source, (_size_fault(source),)) from error
        position = _position_after(content[: error.start].decode().removeprefix("\ufeff"))
        why = f"the byte 0x{content[error.start]:02x} is not UTF-8"
        fault = Fault(source=source, position=position, why=why, remedy="save the file as UTF-8")
        raise DocumentError(source, (fault,)) from error
    return parse_document(text, source)


def parse_document(text: str, source: str) -> Document:
    """Read a text of YAML or JSON.

    Args:
        text: At most 1 MiB as UTF-8; a byte order mark at its start is ignored.
        source: What messages call the text, usually a path.

    Raises:
        DocumentError: The text is no YAML, or uses what is refused: duplicate keys, keys that are not text, anchors,
            aliases, merge keys, tags, a second document, tabs outside of quoted text, too many levels.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise DocumentError(source, (_size_fault(source),))
    refused = tuple(
        Fault(
            source=source,
            position=_position_after(text[: match.start()]),
            why=f"the character U+{ord(match[0]):04X} is not allowed in the text",
            remedy=f'remove it, or write it as "\\U{ord(match[0]):08X}" in double quotes',
        )
        for match in islice(_REFUSED_CHARACTER.finditer(text), _MAX_CHARACTER_FAULTS)
    )
    if refused:
        raise DocumentError(source, refused)
    return _Composition(text, source).document()


class _Composition:
    """Turn the events of one text into one document, collecting every fault on the way."""

    def __init__(self, text: str, source: str) -> None:
        self._source = source
        self._is_json = _is_json(text)
        # Between JSON's tokens a tab is white space like any other; YAML knows only the space.
        self._loader = yaml.SafeLoader(text.replace("\t", " ") if self._is_json else text)
        self._peek: Callable[[], yaml.Event] = self._loader.peek_event
        self._next: Callable[[], yaml.Event] = self._loader.get_event
        self._resolve: Callable[[type[yaml.Node], str, tuple[bool, bool]], str] = self._loader.resolve
        self._faults: list[Fault] = []
        self._positions: dict[DocumentPath, Position] = {(): Position(1, 1)}
        self._key_positions: dict[DocumentPath, Position] = {}
        self._spellings: dict[DocumentPath, str] = {}

    def document(self) -> Document:
        data: JsonValue = {}
        try:
            data = self._root()
        except DocumentError:  # is a ValueError too
            raise
        except yaml.MarkedYAMLError as error:
            self._faults.append(syntax_fault(error, self._source))
        except (ValueError, OverflowError):  # PyYAML does not check the numbers of escapes and directives
            place = position_of(self._loader.get_mark())
            self._refuse((), place, "the number of an escape or a directive is out of range")
        if self._faults:
            raise DocumentError(self._source, in_text_order(self._faults))
        return Document(
            source=self._source,
            data=data,
            positions=self._positions,
            key_positions=self._key_positions,
            spellings=self._spellings,
        )

    def _root(self) -> JsonValue:
        self._next()  # the start of the stream
        if self._loader.check_event(yaml.StreamEndEvent):
            return {}
        self._next()  # the start of the document
        data = self._value(())
        self._next()  # the end of the document
        if not self._loader.check_event(yaml.StreamEndEvent):
            place = position_of(self._peek().start_mark)
            self._refuse((), place, "a second document begins", "keep one document a file")
        return {} if self._spellings.get(()) == "" else data

    def _value(self, path: DocumentPath) -> JsonValue:
        event = self._next()
        self._positions[path] = position_of(event.start_mark)
        self._refuse_properties(event, path)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
            if not isinstance(value, str):
                self._spellings[path] = event.value
            return value
        if isinstance(event, yaml.CollectionStartEvent) and len(path) >= MAX_DEPTH:
            # Reading on would cost what the bound is there to save, so nothing after this is looked at.
            why = f"mappings and lists are nested deeper than {MAX_DEPTH} levels"
            self._refuse((), position_of(event.start_mark), why)  # its path is longer than a line
            raise DocumentError(self._source, in_text_order(self._faults))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        return None  # an alias, refused above

    def _sequence(self, path: DocumentPath) -> list[JsonValue]:
        items: list[JsonValue] = []
        while not self._loader.check_event(yaml.SequenceEndEvent):
            items.append(self._value((*path, len(items))))
        self._next()
        return items

    def _mapping(self, path: DocumentPath) -> dict[str, JsonValue]:
        mapping: dict[str, JsonValue] = {}
        while not self._loader.check_event(yaml.MappingEndEvent):
            place = position_of(self._peek().start_mark)
            key = self._key(path)
            if key in mapping:
                why = f"duplicate key {key!r}, first written at {self._key_positions[(*path, key)]}"
                self._refuse((*path, key), place, why, "keep one of them")
            else:
                self._key_positions[(*path, key)] = place
            mapping[key] = self._value((*path, key))
        self._next()
        return mapping

    def _key(self, path: DocumentPath) -> str:
        event = self._peek()
        place = position_of(event.start_mark)
        if not isinstance(event, yaml.ScalarEvent):
            if not isinstance(event, yaml.AliasEvent):
                self._refuse(path, place, "a key must be text, not a mapping or a list")
            self._value((*path, f"key at {place}"))  # reports what else is wrong inside
            return f"key at {place}"
        self._next()
        path = (*path, event.value)
        self._refuse_properties(event, path)
        key = self._scalar(event, path)
        if self._kind(event) == "merge":
            self._refuse(path, place, "merge keys are not read", "write the merged keys out")
        elif key is None and not event.value:
            self._refuse(path, place, "the key before this ':' is missing")
        elif not isinstance(key, str):
            self._refuse(path, place, f"a key must be text, not {event.value}", f'quote it: "{event.value}"')
        return key if isinstance(key, str) else event.value

    def _scalar(self, event: yaml.ScalarEvent, path: DocumentPath) -> JsonValue:
        kind = self._kind(event)
        node = yaml.ScalarNode(kind, event.value)
        place = position_of(event.start_mark)
        try:
            if kind == "null":
                return None
            if kind == "bool":
                return self._loader.construct_yaml_bool(node)
            if kind in ("int", "float") and len(event.value) > _MAX_NUMBER_LENGTH:
                why = f"a number of more than {_MAX_NUMBER_LENGTH} characters is not read"
                self._refuse(path, place, why, "quote it if it is text")
            elif kind == "int":
                return self._loader.construct_yaml_int(node)
            elif kind == "float":
                return self._loader.construct_yaml_float(node)
        except (ValueError, OverflowError):  # 0b_ has the form of a number, but is none
            self._refuse(path, place, f"{event.value} is no number", f'quote it: "{event.value}"')
        return self._text(event, path)

    def _text(self, event: yaml.ScalarEvent, path: DocumentPath) -> str:
        if _SURROGATE.search(event.value) is None:
            return event.value
        try:  # JSON writes one character beyond U+FFFF as two escapes
            return event.value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            why = "the text has one half of a surrogate pair"
            self._refuse(path, position_of(event.start_mark), why, "write the character itself")
            return event.value

    def _kind(self, event: yaml.ScalarEvent) -> str:
        if not event.implicit[0]:
            return "str"
        kind = self._resolve(yaml.ScalarNode, event.value, event.implicit).removeprefix(_YAML_TAG)
        return "float" if kind == "str" and self._is_json and _JSON_NUMBER.fullmatch(event.value) else kind

    def _refuse_properties(self, event: yaml.Event, path: DocumentPath) -> None:
        place = position_of(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            self._refuse(path, place, f"the alias *{event.anchor} is not read", "write the value out")
        elif isinstance(event, yaml.NodeEvent) and event.anchor is not None:
            self._refuse(path, place, f"the anchor &{event.anchor} is not read", "remove it")
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag is not None:
            tag = event.tag.replace(_YAML_TAG, "!!")
            self._refuse(path, place, f"the tag {tag!r} is not read", "write the value without it")

    def _refuse(self, path: DocumentPath, position: Position, why: str, remedy: str = "") -> None:
        fault = Fault(source=self._source, position=position, path=path, why=why, remedy=remedy)
        self._faults.append(fault)


def _is_json(text: str) -> bool:
    try:
        return text.lstrip()[:1] in ("{", "[") and json.loads(text) is not None
    except (ValueError, RecursionError):
        return False


def _size_fault(source: str) -> Fault:
    why = f"the text is longer than {MAX_BYTES} bytes"
    return Fault(source=source, position=None, why=why, remedy="split it, or move data out of it")


def _position_after(text: str) -> Position:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return Position(len(lines), len(lines[-1]) + 1)
