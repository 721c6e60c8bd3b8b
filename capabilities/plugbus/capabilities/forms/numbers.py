"""Which numbers a browser holds exactly."""

from __future__ import annotations

from math import isfinite
from typing import Any, Final, TypeGuard

LARGEST_EXACT: Final = 2**53 - 1
"""The largest whole number next to which a JavaScript number can tell its neighbours apart."""


def is_exact(value: Any) -> TypeGuard[int | float]:
    """Say whether a browser holds a number as it is."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return abs(value) <= LARGEST_EXACT
    return isinstance(value, float) and isfinite(value)


def is_whole(value: Any) -> TypeGuard[int]:
    """Say whether a value is a whole number, and no boolean."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Say whether a value is a finite number, and no boolean."""
    return is_whole(value) or (isinstance(value, float) and isfinite(value))
