"""Groups, lists and unions: forms within a form."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..form import UNSET, FieldKind
from ..showing import shown_value
from .inputs import help_of, input_node, label_text
from .nodes import Node, authored, element, keyed, text_element
from .rules import rules_of, validation_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..form import FormField, Option


def field_nodes(fields: Iterable[FormField], place: str) -> list[Node]:
    """Return the nodes of fields that are shown, those of one heading together, where the first of them stands."""
    found: list[Node] = []
    headings: dict[str, list[Node]] = {}
    for field in fields:
        node = field_node(field, f"{place}.{field.name}")
        heading = field.hints.group
        if heading is None:
            found.append(node)
        elif heading in headings:
            headings[heading].append(node)
        else:
            headings[heading] = [text_element("legend", heading), node]
            found.append({"$el": "fieldset", "children": headings[heading]})
    return found


def field_node(field: FormField, place: str) -> Node:
    """Return the node of one field.

    Args:
        field: The field.
        place: Where in the form it is; parts that come and go are told apart by it.
    """
    match field.kind:
        case FieldKind.GROUP:
            return _framed(field, _group(field, place))
        case FieldKind.UNION:
            return _framed(field, _union(field, place))
        case FieldKind.LIST if field.item is not None:
            return _framed(field, _list(field, field.item, place))
    return input_node(field)


def _framed(field: FormField, node: Node) -> Node:
    help_text = help_of(field)
    helped = [text_element("p", help_text)] if help_text else []
    return element("fieldset", [text_element("legend", label_text(field)), node, *helped])


def _group(field: FormField, place: str) -> Node:
    node: Node = {"$formkit": "group", **authored("name", field.name)}
    nodes = field_nodes(field.shown_fields, place)
    if field.switch is None:
        return {**node, "children": nodes}
    switch = {
        "$formkit": "checkbox",
        **authored("name", field.switch),
        **authored("label", f"Give {label_text(field)}"),
        "value": isinstance(field.default, dict),
    }
    inside = [{**keyed(one, f"{place}#{at}"), "if": f"$value.{field.switch}"} for at, one in enumerate(nodes)]
    return {**node, "meta": {"nullable": True, "switch": field.switch}, "children": [switch, *inside]}


def _union(field: FormField, place: str) -> Node:
    assert field.tag is not None  # noqa: S101 - every union has one
    nodes = [input_node(field.tag)]
    for option, fields in field.variants:
        condition = f"$value.{field.tag.name} === {_literal(option)}"
        shown = field_nodes((one for one in fields if not one.hints.is_hidden), f"{place}.{option.value}")
        nodes += [{**keyed(one, f"{place}.{option.value}#{at}"), "if": condition} for at, one in enumerate(shown)]
    return {"$formkit": "group", **authored("name", field.name), "children": nodes}


def _list(field: FormField, item: FormField, place: str) -> Node:
    node: Node = {"$formkit": "list", **authored("name", field.name), "dynamic": True}
    shown = shown_value(field, field.default)
    node["__raw__value"] = [] if shown is UNSET else shown
    validation = validation_of(rules_of(field))
    if validation is not None:
        node["validation"] = validation
        node |= authored("validationLabel", field.label)
    is_group = item.kind in (FieldKind.GROUP, FieldKind.UNION)
    inner = (
        _union(item, place) if item.kind is FieldKind.UNION else _group(item, place) if is_group else input_node(item)
    )
    inner.pop("name", None)
    inner.pop("value", None)
    inner.pop("__raw__value", None)
    parts = [{**inner, "index": "$index"}, _button("Remove", "$removeItem($row.list, $index)")]
    row = {
        **keyed(element("div", parts), "$row.item"),
        # Inside a loop $node is no longer the list: each row brings it along.
        "for": ["row", "index", "$listRows($node, $items)"],
    }
    add = _button("Add", f"$addItem($node, {'true' if is_group else 'false'})")
    return {**node, "children": [row, *_messages(), add]}


def _button(text: str, click: str) -> Node:
    """Return a button; what a click calls has to be a function, as FormKit evaluates the text when it shows it."""
    return text_element("button", text, type="button", onClick=click)


def _messages() -> Iterator[Node]:
    """Return the list's own messages, which FormKit does not show."""
    yield {
        **keyed(element("p", [{"$el": "text", "children": "$message.value"}], role="alert"), "$message.key"),
        "for": ["message", "$messages"],
    }


def _literal(option: Option) -> str:
    """Return a tag as a literal of FormKit's expressions; planning has let none pass that could end one."""
    value: Any = option.value
    return f"'{value}'" if isinstance(value, str) else json.dumps(value)
