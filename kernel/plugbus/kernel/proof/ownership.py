"""What belongs to which plugin, told by the names of its modules."""

from __future__ import annotations

import sys
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_MODULE_OF = type.__dict__["__dict__"]


class Ownership:
    """Tell of a class, a function, a module or a frame whose it is.

    Nothing that is asked about runs code: no attribute is read that a class could have made a property of.

    Args:
        packages: Module name to plugin id; what lies under a name belongs to it.
    """

    def __init__(self, packages: dict[str, str]) -> None:
        self.packages = packages
        self._known: dict[str, str | None] = {}

    def of_name(self, module: object) -> str | None:
        """Return the id of the plugin in which a module lies, None for every other."""
        if type(module) is not str:
            return None
        try:
            return self._known[module]
        except KeyError:
            parts = module.split(".")
            prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
            owner = next((self.packages[one] for one in prefixes if one in self.packages), None)
            self._known[module] = owner
            return owner

    def of_class(self, kind: type) -> str | None:
        """Return the id of the plugin that defines a class."""
        return self.of_name(_MODULE_OF.__get__(kind).get("__module__"))

    def of_object(self, one: object) -> str | None:
        """Return the id of the plugin to which an object belongs: what it defines, and what is made of that."""
        kind = type(one)
        owner = self.of_class(kind)
        if owner is not None:
            return owner
        if kind is FunctionType:
            return self.of_globals(one.__globals__)  # type: ignore[attr-defined] # type() tells more than isinstance
        if kind is dict:
            return self.of_globals(one) if "__builtins__" in one else None  # type: ignore[operator, arg-type]
        if issubclass(kind, ModuleType):
            return self.of_name(object.__getattribute__(one, "__dict__").get("__name__"))
        if issubclass(kind, type):
            return self.of_class(one)  # type: ignore[arg-type] # as above
        return None

    def of_globals(self, namespace: dict[str, Any]) -> str | None:
        """Return the id of the plugin whose module has these globals."""
        return self.of_name(namespace.get("__name__"))

    def short(self, module: str) -> str:
        """Return a module's name as its author knows it: without a private package before it."""
        for package in self.packages:
            if module.startswith(f"{package}."):
                return module[len(package) + 1 :]
        return "" if module in self.packages else module

    def loaded(self) -> list[ModuleType]:
        """Return the modules that are in ``sys.modules`` and belong to a plugin."""
        return [one for name, one in tuple(sys.modules.items()) if self.of_name(name) is not None and one is not None]


def name_of_class(kind: type, ownership: Ownership) -> str:
    """Return a class's dotted name."""
    module = _MODULE_OF.__get__(kind).get("__module__")
    place = ownership.short(module) if type(module) is str and module != "builtins" else ""
    name = type.__dict__["__qualname__"].__get__(kind)
    return f"{place}.{name}" if place else name


def place_of(code: CodeType, line: int | None = None) -> str:
    """Return where code is, without the folders before it."""
    return f"{code.co_filename.replace(chr(92), '/').rpartition('/')[2]}:{line or code.co_firstlineno}"


def unique(objects: Iterable[object]) -> list[Any]:
    """Return each object once, in order; equality is not asked."""
    return list({id(one): one for one in objects}.values())
