"""What an author may ask of a form: an allow-list, read from ``x-ui`` in a JSON Schema. Anything else is ignored."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any, Final

WIDGETS: Final = frozenset({"color", "password", "radio", "range", "search", "select", "tel", "textarea"})
"""The widgets that can be asked for; one that does not fit the field is ignored."""

_LONGEST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Hints:
    """What an author asked for.

    Args:
        widget: The input to be used.
        order: Fields with a smaller number come first; those without one come last.
        group: The heading that the field stands under.
        is_hidden: The field is not shown, and keeps its default.
        unit: The unit of the value, shown beside the label.
    """

    widget: str | None = None
    order: float = inf
    group: str | None = None
    is_hidden: bool = False
    unit: str | None = None


NO_HINTS: Final = Hints()


def read_hints(schema: dict[str, Any]) -> Hints:
    """Return the hints that stand in ``x-ui`` and make sense."""
    given = schema.get("x-ui")
    if not isinstance(given, dict):
        return NO_HINTS
    widget, order = given.get("widget"), given.get("order")
    is_number = isinstance(order, int | float) and not isinstance(order, bool) and isfinite(order)
    return Hints(
        widget=widget if isinstance(widget, str) and widget in WIDGETS else None,
        order=order if is_number and order is not None else inf,
        group=_text(given.get("group")),
        is_hidden=given.get("hidden") is True,
        unit=_text(given.get("unit")),
    )


def _text(given: object) -> str | None:
    return given[:_LONGEST_TEXT] if isinstance(given, str) and given.strip() else None
