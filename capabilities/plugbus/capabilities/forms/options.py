"""Values to choose from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .form import Option
from .numbers import is_exact

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_options(schema: dict[str, Any]) -> tuple[Option, ...]:
    """Return what can be chosen by a schema; nothing if it is no choice, or if a form could not tell values apart.

    It is one where there is an ``enum``, or alternatives that are all constants, whose titles are their labels.
    """
    values = schema.get("enum")
    found: list[Option] = []
    if isinstance(values, list):
        for one in values:
            if not is_option(one):
                return ()
            found.append(Option(label_of(one), one))
    else:
        branches = schema.get("oneOf") or schema.get("anyOf")
        for one in branches if isinstance(branches, list) else ():
            if not isinstance(one, dict) or not is_option(one.get("const", ())):
                return ()
            title = one.get("title")
            found.append(Option(title if isinstance(title, str) else label_of(one["const"]), one["const"]))
    return tuple(found) if found and are_told_apart(one.value for one in found) else ()


def is_option(value: Any) -> bool:
    """Say whether a form can offer a value."""
    return value is None or isinstance(value, str | bool) or is_exact(value)


def label_of(value: Any) -> str:
    """Return what people read."""
    if value is None:
        return "(none)"
    return ("yes" if value else "no") if isinstance(value, bool) else str(value) or "(empty)"


def are_told_apart(values: Iterable[Any]) -> bool:
    """Say whether JavaScript's loose comparison, by which browsers' form libraries choose, tells values apart."""
    known = list(values)
    if all(isinstance(one, str) for one in known):
        return len(set(known)) == len(known)
    loose = [_loosely(one) for one in known]
    return len(set(loose)) == len(loose)


def same_value(one: Any, other: Any) -> bool:
    """Say whether two JSON values are the same: ``1`` is ``1.0``, and is not ``true``."""
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _loosely(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return float(value) if value.strip() else 0.0
        except ValueError:
            return value
    return float(value)
