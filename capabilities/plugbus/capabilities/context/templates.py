"""Templates of messages: texts with names in braces."""

from __future__ import annotations

import re
from string import Formatter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FORMATTER: Final = Formatter()
_CONVERSIONS: Final[Mapping[str, Callable[[object], str]]] = {"s": str, "r": repr, "a": ascii}
# A width of a million would make a text of a million.
_HUGE: Final = re.compile(r"\d{4}")


def filled(template: str, fields: Mapping[str, object]) -> str:
    """Return a template with the fields in their places. Never raises.

    ``{name}``, ``{name:.2f}`` and ``{name!r}`` are filled in, ``{{`` and ``}}`` are braces. What can't be filled in is
    left as it is written: names that nothing is given for, formats that do not fit, attributes and items of a field,
    which are not for templates to look into.
    """
    try:
        parts = list(_FORMATTER.parse(template))
    except ValueError:
        return template  # a brace that stands alone
    return "".join(literal if name is None else literal + _place(name, spec, conversion, fields)
                   for literal, name, spec, conversion in parts)  # fmt: skip


def _place(name: str, spec: str | None, conversion: str | None, fields: Mapping[str, object]) -> str:
    spec = spec or ""
    written = "{" + name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
    if name not in fields or "{" in spec or _HUGE.search(spec):
        return written
    try:
        value = fields[name]
        return format(_CONVERSIONS[conversion](value) if conversion else value, spec)
    except Exception:  # noqa: BLE001 - a field's own __format__ may raise anything
        return written
