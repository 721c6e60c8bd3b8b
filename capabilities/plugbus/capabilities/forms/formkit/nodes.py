"""Nodes of a FormKit schema. A schema is code: what authors wrote gets in as text alone.

FormKit compiles a text that begins with ``$`` as an expression, and takes a mapping with the key ``if`` for a
condition, unless the property is marked as raw.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Node = dict[str, Any]

RAW = "__raw__"


def authored(name: str, value: Any) -> Node:
    """Return a property whose value an author wrote; it is marked as raw where FormKit would read more out of it."""
    is_harmless = (
        value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and value[:1] != "$")
    )
    return {name if is_harmless else RAW + name: value}


def element(tag: str, children: Iterable[Node] = (), **attributes: Any) -> Node:
    """Return a plain element."""
    node: Node = {"$el": tag}
    if attributes:
        node["attrs"] = attributes
    children = list(children)
    return {**node, "children": children} if children else node


def text_element(tag: str, text: str, **attributes: Any) -> Node:
    """Return an element that holds a text; as children it would be compiled."""
    return element(tag, **{**attributes, f"{RAW}textContent": text})


def keyed(node: Node, key: str) -> Node:
    """Return a node that is told apart from its neighbours: without a key Vue takes one for the other."""
    if "$el" in node:
        return {**node, "attrs": {**node.get("attrs", {}), "key": key}}
    return {**node, "key": key}
