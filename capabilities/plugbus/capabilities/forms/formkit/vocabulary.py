"""The words of FormKit 2 that may stand in a schema made here. Others throw when they are shown, or are not free."""

from __future__ import annotations

from typing import Final

INPUTS: Final = frozenset({
    "button", "checkbox", "color", "date", "datetime-local", "email", "file", "form", "group", "hidden", "list", "meta",
    "month", "number", "password", "radio", "range", "search", "select", "submit", "tel", "text", "textarea", "time",
    "url", "week",
})  # fmt: skip
"""FormKit's free inputs."""

RULES: Final = frozenset({
    "accepted", "alpha", "alpha_spaces", "alphanumeric", "between", "confirm", "contains_alpha",
    "contains_alpha_spaces", "contains_alphanumeric", "contains_lowercase", "contains_numeric", "contains_symbol",
    "contains_uppercase", "date_after", "date_after_node", "date_after_or_equal", "date_before", "date_before_node",
    "date_before_or_equal", "date_between", "date_format", "email", "ends_with", "is", "length", "lowercase", "matches",
    "max", "min", "not", "number", "require_one", "required", "starts_with", "symbol", "uppercase", "url",
})  # fmt: skip
"""FormKit's validation rules."""

CUSTOM_RULES: Final = frozenset({"json", "multiple_of"})
"""Rules that a host registers itself; FormKit ignores a rule that it does not know, and the server checks in any case.

- ``json``: the value is empty, or JSON.
- ``multiple_of:n``: the value is a whole multiple of ``n``.
"""

HOST_FUNCTIONS: Final = frozenset({"addItem", "listRows", "removeItem"})
"""Functions that a host gives to the schema as data, for lists.

- ``listRows(list, items)`` returns one ``{list, item}`` for each of the items.
- ``addItem(list, isGroup)`` and ``removeItem(list, index)`` return the function that a click calls.
"""
