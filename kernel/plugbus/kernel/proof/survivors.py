"""What is there of plugins that are gone."""

from __future__ import annotations

import gc
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from .report import LeftoverKind

if TYPE_CHECKING:
    from .ownership import Ownership


def find_survivors(ownership: Ownership) -> list[Any]:
    """Return everything of the plugins' modules that still lives: classes, functions, modules, and their objects."""
    if not ownership.packages:
        return []
    of_object = ownership.of_object
    return [one for one in gc.get_objects() if of_object(one) is not None]


def kind_of_object(one: object) -> LeftoverKind:
    """Return what an object is."""
    kind = type(one)
    if issubclass(kind, type):
        return LeftoverKind.CLASS
    if kind is FunctionType:
        return LeftoverKind.FUNCTION
    if issubclass(kind, ModuleType) or kind is dict:
        return LeftoverKind.MODULE
    return LeftoverKind.OBJECT
