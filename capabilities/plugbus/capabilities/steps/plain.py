"""Plain data: what JSON gives back as it was."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

_DEEPEST: Final = 64


def is_plain(value: object) -> bool:
    """Tell whether JSON gives a value back as it is."""
    return fault_of(value) is None


def fault_of(value: Any, place: str = "", depth: int = 0) -> str | None:
    """Say what JSON would not give back as it is, and where; None if there is nothing.

    Subclasses of the plain types are refused, and so are tuples: they would come back as something else.
    """
    kind = type(value)
    where = place or "it"
    if value is None or kind in (bool, int, str):
        return None
    if kind is float:
        return None if isfinite(value) else f"{where} is {value}"
    if depth == _DEEPEST:
        return f"{where} lies deeper than {_DEEPEST} levels"
    if kind is list:
        parts = ((f"{place}[{number}]", one) for number, one in enumerate(value))
    elif kind is dict:
        strange = next((key for key in value if type(key) is not str), None)
        if strange is not None:
            return f"{where} has the key {strange!r}, which is no text"
        parts = ((f"{place}.{key}" if place else key, one) for key, one in value.items())
    else:
        return f"{where} is a {kind.__qualname__}"
    return next((found for name, one in parts if (found := fault_of(one, name, depth + 1)) is not None), None)
