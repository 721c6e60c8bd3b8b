"""Single values: which input shows them, and whether it shows a default as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .form import UNSET, FieldKind
from .numbers import LARGEST_EXACT, is_exact, is_number, is_whole
from .times import is_date, split_time

if TYPE_CHECKING:
    from collections.abc import Mapping

_BOUNDS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_NUMBER_WORDS: Final = frozenset({"Infinity", "-Infinity", "NaN"})
_TIMES: Final = {"date": FieldKind.DATE, "time": FieldKind.TIME, "date-time": FieldKind.DATETIME}


def scalar_kind(schema: Mapping[str, Any], default: Any) -> FieldKind:
    """Return how a single value is asked for; ``JSON`` where it is none, or of several types."""
    kind = schema.get("type")
    if _is_decimal(schema):
        return FieldKind.TEXT
    if kind == "boolean":
        return FieldKind.CHECKBOX
    if kind == "integer":
        numbers = [default, *(schema.get(one) for one in _BOUNDS)]
        is_small = all(is_exact(one) for one in numbers if is_whole(one))
        return FieldKind.INTEGER if is_small else FieldKind.INTEGER_TEXT
    if kind == "number":
        is_word = isinstance(default, str) and default in _NUMBER_WORDS
        is_large = is_whole(default) and abs(default) > LARGEST_EXACT
        return FieldKind.NUMBER_TEXT if is_word or is_large else FieldKind.NUMBER
    if kind == "string":
        return _text_kind(schema, default)
    return FieldKind.JSON


def is_shown_whole(kind: FieldKind, default: Any) -> bool:
    """Say whether an input shows a default as it is."""
    match kind:
        case FieldKind.CHECKBOX:
            return isinstance(default, bool)
        case FieldKind.INTEGER | FieldKind.INTEGER_TEXT:
            return is_whole(default)
        case FieldKind.NUMBER:
            return is_number(default)
        case FieldKind.NUMBER_TEXT:
            return is_number(default) or default in _NUMBER_WORDS
        case FieldKind.TEXT:
            return isinstance(default, str) or is_number(default)
    return isinstance(default, str)


def zone_offset(kind: FieldKind, schema: Mapping[str, Any], default: Any) -> str | None:
    """Return the offset of a time that is not shown: that of its default, or else what its schema asks for."""
    if kind not in (FieldKind.TIME, FieldKind.DATETIME):
        return None
    parts = split_time(default, with_date=kind is FieldKind.DATETIME)
    if parts is not None:
        return parts[1]
    asked = schema.get("x-timezone")
    return asked if isinstance(asked, str) and asked != "naive" else None


def _is_decimal(schema: Mapping[str, Any]) -> bool:
    """Say whether a value is one number, of any length, written as a number or as a text."""
    branches = schema.get("anyOf")
    return schema.get("format") == "decimal" and isinstance(branches, list)


def _text_kind(schema: Mapping[str, Any], default: Any) -> FieldKind:
    form = schema.get("format")
    kind = _TIMES.get(form, FieldKind.TEXT) if isinstance(form, str) else FieldKind.TEXT
    if kind is FieldKind.TEXT or default is UNSET or default is None:
        return kind
    is_shown = is_date(default) if kind is FieldKind.DATE else split_time(default, with_date=kind is FieldKind.DATETIME)
    # A browser shows nothing at all of a time with parts of a second.
    return kind if is_shown else FieldKind.TEXT
