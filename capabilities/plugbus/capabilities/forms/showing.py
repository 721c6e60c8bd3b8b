"""From parameters to what a form shows: the other direction of decoding."""

from __future__ import annotations

import json
from typing import Any

from .form import UNSET, FieldKind, FormField
from .options import same_value
from .resolving import branches_of
from .times import split_time


def shown_value(field: FormField, value: Any) -> Any:
    """Return what a field shows of a value of the parameters; ``UNSET`` for nothing."""
    match field.kind:
        case FieldKind.JSON:
            return json_text(field, value)
        case FieldKind.GROUP:
            return _shown_group(field, value)
        case FieldKind.UNION:
            return _shown_union(field, value)
        case FieldKind.SECRET:
            return UNSET
        case FieldKind.CHOICE | FieldKind.CONSTANT | FieldKind.CHOICES:
            return value
    if value is UNSET or value is None:
        return UNSET
    match field.kind:
        case FieldKind.LIST if field.item is not None and isinstance(value, list):
            shown = [shown_value(field.item, one) for one in value]
            return [None if one is UNSET else one for one in shown]
        case FieldKind.TIME | FieldKind.DATETIME:
            parts = split_time(value, with_date=field.kind is FieldKind.DATETIME)
            # Only the offset that the field adds again may be left away.
            return value if parts is None or parts[1] not in (None, field.offset) else parts[0]
        case FieldKind.TEXT | FieldKind.INTEGER_TEXT | FieldKind.NUMBER_TEXT:
            return value if isinstance(value, str) else json.dumps(value)
    return value


def json_text(field: FormField, value: Any) -> Any:
    """Return a value as the text that decoding reads as this value."""
    if value is UNSET or (value is None and field.is_nullable):
        return UNSET
    if isinstance(value, str) and takes_text(field):
        return value if is_plain_text(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value, indent=2 if isinstance(value, dict | list) else None, ensure_ascii=False)


def takes_text(field: FormField) -> bool:
    """Say whether a text that is no JSON may be meant as it is."""
    branches = branches_of(dict(field.schema)) or (field.schema,)
    return any(isinstance(one, dict) and one.get("type") == "string" for one in branches)


def is_plain_text(text: str) -> bool:
    """Say whether a text can't be taken for JSON, nor for nothing."""
    if not text.strip():
        return False
    try:
        json.loads(text)
    except ValueError:
        return True
    return False


def _shown_group(field: FormField, value: Any) -> Any:
    shown: dict[str, Any] = {}
    if field.switch is not None:
        shown[field.switch] = isinstance(value, dict)
        if not isinstance(value, dict):
            return shown
    for one in field.shown_fields:
        inner = value.get(one.key, one.default) if isinstance(value, dict) else one.default
        found = shown_value(one, inner)
        if found is not UNSET or inner is None:
            # In a list nothing at all would stand for what the field shows in a new row.
            shown[one.name] = None if found is UNSET else found
    return shown


def _shown_union(field: FormField, value: Any) -> Any:
    if field.tag is None or not isinstance(value, dict):
        return {field.tag.name: None} if field.tag is not None and value is None and field.is_nullable else {}
    chosen = value.get(field.tag.key)
    for option, fields in field.variants:
        if same_value(option.value, chosen):
            shown = {field.tag.name: chosen}
            for one in fields:
                inner = value.get(one.key, one.default)
                found = UNSET if one.hints.is_hidden else shown_value(one, inner)
                if found is not UNSET or (inner is None and not one.hints.is_hidden):
                    shown[one.name] = None if found is UNSET else found
            return shown
    return {}
