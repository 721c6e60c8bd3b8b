"""What the classes of actions that ship with plugbus give to the classes of plugins."""
# This file imports capabilities: it tells which of their classes are actions.

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from plugbus.capabilities import BaseAction

from .names import CAPABILITIES


@dataclass(frozen=True, slots=True)
class ShippedAction:
    """A class of ``plugbus.capabilities`` that plugins make actions of.

    Args:
        abstract: The methods that a subclass still has to define.
        attributes: What it says of itself, as far as it is a text or has a name.
    """

    abstract: frozenset[str]
    attributes: dict[str, str]


class ShippedActions:
    """Look up what plugbus itself offers, by importing it: that is no code of a plugin."""

    def __init__(self) -> None:
        # Of one search, so that what a program changes meanwhile is seen by the next one.
        self._find = cache(_find)
        self.action = cache(self._action)

    def _action(self, dotted: str) -> ShippedAction | None:
        """Return a class of actions by its dotted name; None where it is something else."""
        found = self._find(dotted)
        if not (isinstance(found, type) and issubclass(found, BaseAction)):
            return None
        return ShippedAction(frozenset(found.__abstractmethods__), _attributes(found))

    def is_decorator(self, dotted: str) -> bool:
        """Tell whether a dotted name is the decorator that makes an action of a function."""
        return dotted.rpartition(".")[2] == "action" and inspect.isfunction(self._find(dotted))


def _find(dotted: str) -> Any:
    """Return what a dotted name below ``plugbus.capabilities`` leads to, None for nothing."""
    if dotted != CAPABILITIES and not dotted.startswith(f"{CAPABILITIES}."):
        return None
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 1, -1):
        try:
            found: Any = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part, None)
        return found
    return None


def _attributes(action_cls: type[BaseAction[Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("action_name", "category", "input_type", "output_type", "params_model", "result_model", "method"):
        value = getattr(action_cls, name, None)
        if isinstance(value, str):
            found[name] = str(value)
        elif isinstance(value, type) and value.__name__ != "NoResult":
            found[name] = value.__name__
    return found
