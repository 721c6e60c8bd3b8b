"""Single inputs of a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..form import UNSET, FieldKind
from ..numbers import is_exact, is_whole
from ..showing import shown_value
from ..times import AWARE
from .nodes import Node, authored
from .rules import bounds_of, multiple_of, rules_of, validation_of

if TYPE_CHECKING:
    from ..form import FormField

_FEW: Final = 3
_CHOOSE: Final = "Choose ..."
_TYPES: Final = {
    FieldKind.TEXT: "text",
    FieldKind.INTEGER: "number",
    FieldKind.INTEGER_TEXT: "text",
    FieldKind.NUMBER: "number",
    FieldKind.NUMBER_TEXT: "text",
    FieldKind.CHECKBOX: "checkbox",
    FieldKind.CHOICES: "checkbox",
    FieldKind.DATE: "date",
    FieldKind.TIME: "time",
    FieldKind.DATETIME: "datetime-local",
    FieldKind.SECRET: "password",
    FieldKind.CONSTANT: "meta",
    FieldKind.JSON: "textarea",
}
_WIDGETS: Final = {
    FieldKind.TEXT: frozenset({"color", "password", "search", "tel", "textarea"}),
    FieldKind.CHOICE: frozenset({"radio", "select"}),
}


def input_node(field: FormField) -> Node:
    """Return the input of a field that is no structure."""
    kind = input_type(field)
    node: Node = {"$formkit": kind, **authored("name", field.name)}
    if field.kind is FieldKind.CONSTANT:
        return {**node, **_value(field)}
    node |= authored("label", label_text(field))
    node |= _value(field)
    validation = validation_of(rules_of(field))
    if validation is not None:
        node["validation"] = validation
    node |= _properties(field, kind)
    help_text = help_of(field)
    if help_text:
        node |= authored("help", help_text)
    placeholder = _placeholder(field, kind)
    if placeholder is not None:
        node |= authored("placeholder", placeholder)
    if field.is_nullable:
        node["meta"] = {"nullable": True}
    return node


def input_type(field: FormField) -> str:
    """Return the input of FormKit that a field is shown by."""
    asked = field.hints.widget
    if field.kind is FieldKind.CHOICE:
        return asked if asked in ("radio", "select") else "radio" if len(field.options) <= _FEW else "select"
    if field.kind in (FieldKind.INTEGER, FieldKind.NUMBER) and asked == "range" and None not in bounds_of(field):
        return "range"
    if field.kind is FieldKind.TEXT:
        if field.schema.get("format") == "email":
            return "email"
        if asked in _WIDGETS[FieldKind.TEXT]:
            return asked or "text"
        if isinstance(field.default, str) and "\n" in field.default:
            return "textarea"  # a single line would lose the others when it is edited
    return _TYPES[field.kind]


def label_text(field: FormField) -> str:
    """Return what stands before a field."""
    return f"{field.label} ({field.hints.unit})" if field.hints.unit else field.label


def help_of(field: FormField) -> str:
    """Return what stands below a field."""
    description = field.schema.get("description")
    found = [description.strip()] if isinstance(description, str) and description.strip() else []
    if field.schema.get("deprecated") is True:
        found.append("Deprecated.")
    if field.offset is not None and field.offset != AWARE:
        found.append(f"Time zone: {'UTC' if field.offset == 'Z' else field.offset}.")
    if field.kind is FieldKind.SECRET and not field.is_required:
        found.append("Leave it empty to keep what is set.")
    return " ".join(found)


def _value(field: FormField) -> Node:
    shown = shown_value(field, field.default)
    if shown is UNSET:
        return {"value": False} if field.kind is FieldKind.CHECKBOX else {}
    return authored("value", shown)


def _properties(field: FormField, kind: str) -> Node:
    match field.kind:
        case FieldKind.INTEGER | FieldKind.NUMBER:
            return _of_number(field)
        case FieldKind.CHOICE | FieldKind.CHOICES:
            return {"__raw__options": [{"label": one.label, "value": one.value} for one in field.options]}
        case FieldKind.TIME | FieldKind.DATETIME:
            return {"step": 1}
        case FieldKind.SECRET:
            return {"autocomplete": "new-password"}
    return {"autocomplete": "off"} if kind == "password" else {}


def _of_number(field: FormField) -> Node:
    is_whole_number = field.kind is FieldKind.INTEGER
    least, greatest = bounds_of(field)
    step = multiple_of(field)
    node: Node = {"number": "integer" if is_whole_number else "float"}
    if step is not None and least is not None:
        # A browser counts its steps from the least value, which therefore has to be a multiple itself.
        count = -(-least // step)
        least = count * step if is_whole(step) and is_whole(least) else None
    node |= {"min": least} if least is not None else {}
    node |= {"max": greatest} if greatest is not None else {}
    if step is not None and is_whole(step):
        return {**node, "step": step}
    return {**node, "step": 1 if is_whole_number and step is None else "any"}


def _placeholder(field: FormField, kind: str) -> Any:
    if field.kind is FieldKind.CHOICE:
        return _CHOOSE if kind == "select" and field.default is UNSET else None
    examples = field.schema.get("examples")
    first = examples[0] if isinstance(examples, list) and examples else None
    if field.kind is FieldKind.SECRET or isinstance(first, bool):
        return None
    return str(first) if isinstance(first, str) or is_exact(first) else None
