"""What FormKit sends of a form that nobody has edited, told by its schema.

It knows what schemas made here consist of, and no more. The tests of plugbus compare it with the real FormKit.
"""

# ruff: noqa: S101 - it is for tests

from __future__ import annotations

import re
from typing import Any, Final

from ..forms.formkit import INPUTS

_CONDITION: Final = re.compile(r"\$value\.([\w -]+)(?: === (?:'([^']*)'|(\S+)))?")


def untouched_form(root: dict[str, Any]) -> Any:
    """Return what a form's root group sends when nobody has edited anything."""
    return _sent_by(root, None)


def form_property(node: dict[str, Any], name: str) -> Any:
    """Return a property of a node; what FormKit would take for code is refused."""
    if f"__raw__{name}" in node:
        return node[f"__raw__{name}"]
    value = node.get(name)
    assert not (isinstance(value, str) and value.startswith("$")), f"{name} would be compiled: {value}"
    assert not isinstance(value, dict), f"{name} would be taken for a condition, or compiled inside"
    return value


def _sent_by(node: dict[str, Any], given: Any) -> Any:
    kind = node["$formkit"]
    assert kind in INPUTS
    if kind == "group":
        values = dict(given) if isinstance(given, dict) else {}
        _fill(node.get("children", ()), values)
        return values
    if kind == "list":
        values = form_property(node, "value") if given is None else given
        row = next(one for one in node["children"] if one.get("for", ("",))[0] == "row")
        inner = row["children"][0]
        return [_sent_by(inner, one) if inner["$formkit"] == "group" else one for one in values]
    return form_property(node, "value") if given is None else given


def _fill(nodes: Any, values: dict[str, Any]) -> None:
    for node in nodes:
        if "if" in node and not _holds(node["if"], values):
            continue
        if "$formkit" in node:
            name = form_property(node, "name")
            if name in values and values[name] is None:
                if "number" in node:
                    del values[name]  # a number's input takes it for nothing at all
                continue
            sent = _sent_by(node, values.get(name))
            if sent is not None or "value" in node or "__raw__value" in node:
                values[name] = sent
        else:
            _fill(node.get("children", ()), values)


def _holds(condition: str, values: dict[str, Any]) -> bool:
    found = _CONDITION.fullmatch(condition)
    assert found is not None, condition
    value = values.get(found[1])
    if found[2] is not None:
        return bool(value == found[2])
    return bool(value) if found[3] is None else str(value) == {"true": "True", "false": "False"}.get(found[3], found[3])
