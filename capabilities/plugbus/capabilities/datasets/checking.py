"""Checks of what was read from JSON, which collect every fault with its path."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from .errors import DatasetError
from .items import Box

if TYPE_CHECKING:
    from pathlib import Path

    from .items import Point

_MOST: Final = 1000
"""How many faults are kept: a document of another format would have one at each value."""


class Faults:
    """The faults of one document. Each check returns None where the value is wrong, and says so here."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: list[tuple[str, str]] = []

    def add(self, place: str, why: str) -> None:
        """Keep a fault."""
        if len(self.found) < _MOST:
            self.found.append((place, why))

    def error(self, verb: str, document: str | Path) -> DatasetError | None:
        """Return what was found as an error, or None where nothing was."""
        return DatasetError(verb, str(document), tuple(self.found)) if self.found else None

    def mapping(self, value: Any, place: str) -> dict[str, Any] | None:
        """Check for an object."""
        if isinstance(value, dict):
            return value
        self._refuse(value, place, "an object")
        return None

    def items(self, value: Any, place: str) -> list[Any] | None:
        """Check for an array."""
        if isinstance(value, list):
            return value
        self._refuse(value, place, "an array")
        return None

    def text(self, value: Any, place: str) -> str | None:
        """Check for a text that is not blank."""
        if isinstance(value, str) and value.strip():
            return value
        self._refuse(value, place, "a text")
        return None

    def number(self, value: Any, place: str) -> float | None:
        """Check for a finite number."""
        if isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value):
            return value
        self._refuse(value, place, "a number")
        return None

    def integer(self, value: Any, place: str, least: int | None = None) -> int | None:
        """Check for a whole number, of at least ``least``; ``3.0`` is one."""
        wanted = "a whole number" if least is None else f"a whole number from {least} on"
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least):
            return value
        self._refuse(value, place, wanted)
        return None

    def numbers(self, value: Any, place: str, count: int | None = None) -> list[float] | None:
        """Check for an array of finite numbers, of a fixed length if given."""
        if not isinstance(value, list) or (count is not None and len(value) != count):
            self._refuse(value, place, "an array of numbers" if count is None else f"{count} numbers")
            return None
        checked = [self.number(one, f"{place}[{index}]") for index, one in enumerate(value)]
        kept = [one for one in checked if one is not None]
        return kept if len(kept) == len(checked) else None

    def box(self, value: Any, place: str) -> Box | None:
        """Check for ``[x, y, width, height]`` with a size of at least 0."""
        four = self.numbers(value, place, 4)
        if four is None:
            return None
        if four[2] < 0 or four[3] < 0:
            self.add(place, f"width and height are {four[2]:g} and {four[3]:g}, and must not be below 0")
            return None
        return Box(*four)

    def points(self, value: Any, place: str, least: int) -> tuple[Point, ...] | None:
        """Check for ``[[x, y], ...]`` of at least ``least`` points."""
        if not isinstance(value, list) or len(value) < least:
            self._refuse(value, place, f"at least {least} points")
            return None
        pairs = [self.numbers(one, f"{place}[{index}]", 2) for index, one in enumerate(value)]
        kept = tuple((one[0], one[1]) for one in pairs if one is not None)
        return kept if len(kept) == len(pairs) else None

    def _refuse(self, value: Any, place: str, wanted: str) -> None:
        self.add(place, f"it is {_told(value)}, not {wanted}")


def parse_json(data: bytes) -> Any:
    """Return what JSON text says.

    Raises:
        ValueError: It is none; says where.
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no UTF-8: {error.reason} at byte {error.start + 1}") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an int too large for a float
        return False


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if value is None:
        return "missing"
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
