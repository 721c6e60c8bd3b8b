"""Validation rules of a field, which say in the browser what the server will check again."""

from __future__ import annotations

from math import ceil, floor
from typing import TYPE_CHECKING, Any, Final

from ..form import UNSET, FieldKind
from ..numbers import is_exact, is_number, is_whole
from ..patterns import browser_pattern
from ..showing import takes_text

if TYPE_CHECKING:
    from ..form import FormField

Rule = list[Any]

_EMPTY_IS_A_VALUE: Final = frozenset({FieldKind.TEXT, FieldKind.SECRET})
_NEVER_REQUIRED: Final = frozenset({FieldKind.CHECKBOX, FieldKind.CONSTANT, FieldKind.GROUP, FieldKind.UNION})
_URL: Final = "/^[A-Za-z][A-Za-z0-9+.-]*:/"
_LONGEST_MATCHED: Final = 1_000


def rules_of(field: FormField) -> list[Rule]:
    """Return the rules of a field."""
    rules: list[Rule] = (
        [["required", "trim"] if _is_trimmed(field) else ["required"]] if _has_to_be_filled(field) else []
    )
    match field.kind:
        case FieldKind.CHECKBOX if field.schema.get("const") is True:
            rules.append(["accepted"])
        case FieldKind.INTEGER | FieldKind.NUMBER:
            rules += _of_number(field)
        case FieldKind.INTEGER_TEXT:
            rules.append(["matches", "/^[+-]?[0-9]+$/"])
        case FieldKind.TEXT | FieldKind.SECRET:
            rules += _of_text(field)
        case FieldKind.LIST | FieldKind.CHOICES:
            rules += _of_length(field, "minItems", "maxItems")
        case FieldKind.JSON if not takes_text(field):
            rules.append(["json"])
    return rules


def validation_of(rules: list[Rule]) -> str | list[Rule] | None:
    """Return rules as FormKit takes them: one text, or lists where a text would be cut at a bar or a comma."""
    if not rules:
        return None
    if all(name != "not" and all(is_number(one) or one == "trim" for one in given) for name, *given in rules):
        return "|".join(":".join((name, ",".join(map(str, given)))) if given else name for name, *given in rules)
    return rules


def bounds_of(field: FormField) -> tuple[Any, Any]:
    """Return the least and the greatest number that a field takes; None where there is none, or none that is taken."""
    schema = field.schema
    least, greatest = _number(schema.get("minimum")), _number(schema.get("maximum"))
    above, below = _number(schema.get("exclusiveMinimum")), _number(schema.get("exclusiveMaximum"))
    if field.kind is FieldKind.INTEGER:
        lows = [ceil(least)] if least is not None else []
        highs = [floor(greatest)] if greatest is not None else []
        lows += [floor(above) + 1] if above is not None else []
        highs += [ceil(below) - 1] if below is not None else []
        return (max(lows) if lows else None), (min(highs) if highs else None)
    return least, greatest


def multiple_of(field: FormField) -> Any:
    """Return of what a number has to be a multiple; None if of nothing."""
    found = _number(field.schema.get("multipleOf"))
    return found if found is not None and found > 0 else None


def _of_number(field: FormField) -> list[Rule]:
    rules: list[Rule] = []
    least, greatest = bounds_of(field)
    if field.kind is FieldKind.NUMBER:
        # FormKit has no exclusive bounds: the bound itself is refused beside.
        above, below = (_number(field.schema.get(one)) for one in ("exclusiveMinimum", "exclusiveMaximum"))
        outer = [one for one in (least, above) if one is not None]
        rules += [["min", max(outer)]] if outer else []
        outer = [one for one in (greatest, below) if one is not None]
        rules += [["max", min(outer)]] if outer else []
        refused = [one for one in dict.fromkeys((above, below)) if one is not None]
        rules += [["not", *refused]] if refused else []
    else:
        rules += [["min", least]] if least is not None else []
        rules += [["max", greatest]] if greatest is not None else []
    step = multiple_of(field)
    return rules + ([["multiple_of", step]] if step is not None else [])


def _of_text(field: FormField) -> list[Rule]:
    rules = _of_length(field, "minLength", "maxLength")
    form = field.schema.get("format")
    if form == "email":
        rules.append(["email"])
    if form == "uri":
        rules.append(["matches", _URL])
    pattern = browser_pattern(field.schema.get("pattern"))
    is_long = isinstance(field.default, str) and len(field.default) > _LONGEST_MATCHED
    return rules + ([["matches", pattern]] if pattern is not None and not is_long else [])


def _of_length(field: FormField, least_key: str, greatest_key: str) -> list[Rule]:
    least, greatest = field.schema.get(least_key), field.schema.get(greatest_key)
    low = least if is_whole(least) and least > 0 else 0
    if is_whole(greatest) and greatest >= 0:
        return [["length", low, greatest]]
    return [["length", low]] if low > 1 else []


def _has_to_be_filled(field: FormField) -> bool:
    if field.kind in _NEVER_REQUIRED or field.is_nullable or field.is_optional:
        return False
    if field.kind in _EMPTY_IS_A_VALUE:
        return field.is_required if field.kind is FieldKind.SECRET else _needs_text(field)
    if field.kind in (FieldKind.CHOICES, FieldKind.LIST):
        # FormKit asks no other rule of what is empty.
        least = field.schema.get("minItems")
        return is_whole(least) and least > 0
    return not (field.kind is FieldKind.CHOICE and any(one.value in ("", None) for one in field.options))


def _needs_text(field: FormField) -> bool:
    least = field.schema.get("minLength")
    if field.schema.get("format") is not None and field.default != "":
        return True  # an address, a date, a number of any length: nothing is none of them
    return (is_whole(least) and least > 0) or (field.is_required and field.default in (UNSET, None))


def _is_trimmed(field: FormField) -> bool:
    is_blank = isinstance(field.default, str) and not field.default.strip()
    return field.kind is FieldKind.TEXT and not is_blank


def _number(value: Any) -> Any:
    return value if is_exact(value) else None
