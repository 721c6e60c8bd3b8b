"""Following a name through the imports and aliases of a folder, to where a class is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..own_names import NEVER_OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .facts import ClassFacts, Expression, ModuleFacts


CAPABILITIES: Final = "plugbus.capabilities"
"""The package that the actions of plugins come from."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name leads.

    Args:
        module: A module of the folder; None for what lies outside.
        name: A class, function or other name of that module; the whole dotted name outside; empty for a module itself.
        arguments: What stands in the brackets of an alias on the way, ``Alias = BaseAction[Params]``.
        home: The module in which these arguments were written.
    """

    module: str | None
    name: str
    arguments: tuple[str, ...] = ()
    home: str = ""


class Names:
    """The names of all modules of a folder.

    Args:
        modules: Dotted name of a module to what its file says; the folder itself is ``''``.
        packages: Which of them are packages.
        folder: The folder's own name, which absolute imports may begin with where the folder is a package.
    """

    def __init__(self, modules: Mapping[str, ModuleFacts], packages: frozenset[str], folder: str) -> None:
        self._modules = modules
        self._packages = packages
        # Folders without an __init__.py are packages, too.
        parts = [one.split(".") for one in modules if one]
        self._inside = {".".join(one[:length]) for one in parts for length in range(1, len(one) + 1)}
        self._tops = {one.partition(".")[0] for one in self._inside} - NEVER_OWN
        self._own_name = folder if "" in packages and folder not in self._inside else None
        self._found: dict[tuple[str, str], Place | None] = {}
        self._outside: dict[tuple[str, str], Place] = {}  # the files of a folder import the same few names

    def class_at(self, place: Place) -> ClassFacts | None:
        """Return what is said of the class at a place of the folder; None for anything else."""
        facts = self._modules.get(place.module) if place.module is not None else None
        return None if facts is None else facts["classes"].get(place.name)

    def is_variable(self, module: str, name: str) -> bool:
        """Tell whether a name is a type variable."""
        place = self.follow(module, name)
        if place is None or place.module is None:
            return False
        return place.name in self._modules[place.module]["variables"]

    def follow(self, module: str, dotted: str) -> Place | None:
        """Return where a dotted name of a module leads; None where the folder does not say."""
        key = (module, dotted)
        if key not in self._found:
            self._found[key] = None  # a name that leads to itself leads nowhere
            if "." in dotted:
                first, *rest = dotted.split(".")
                place = self._of_module(module, first)
                for part in rest:
                    place = None if place is None else self._member(place, part)
            else:
                place = self._of_module(module, dotted)
            self._found[key] = place
        return self._found[key]

    def _of_module(self, module: str, name: str) -> Place | None:
        facts = self._modules[module]
        if name in facts["classes"] or name in facts["functions"] or name in facts["variables"]:
            return Place(module, name)
        if name in facts["aliases"]:
            return self._through(facts["aliases"][name], module)
        if name in facts["imports"]:
            target, attribute = facts["imports"][name]
            return self._imported(module, target, attribute)
        for star in facts["stars"]:
            place = self._imported(module, star, name)
            # What another package's star brings is not known; of what the package of actions offers, it is.
            if place is not None and (place.module is not None or star.startswith(f"{CAPABILITIES}")):
                return place
        return None

    def _through(self, alias: Expression, module: str) -> Place | None:
        place = self.follow(module, alias.get("name", ""))
        arguments = tuple(alias.get("arguments", ()))
        return Place(place.module, place.name, arguments, module) if place is not None and arguments else place

    def _imported(self, module: str, target: str, attribute: str) -> Place | None:
        outside = self._outside.get((target, attribute))
        if outside is not None:
            return outside
        found = self._absolute(module, target)
        if found is None:
            dotted = target.lstrip(".")
            outside = Place(None, f"{dotted}.{attribute}" if attribute else dotted)
            if not target.startswith("."):
                self._outside[target, attribute] = outside
            return outside
        return self._member(Place(found, ""), attribute) if attribute else Place(found, "")

    def _absolute(self, module: str, target: str) -> str | None:
        """Return the module of this folder that an import means, None for one from outside."""
        level = len(target) - len(target.lstrip("."))
        name = target[level:]
        if level:
            parts = module.split(".") if module else []
            up = level - 1 if module in self._packages else level
            if up > len(parts):
                return None
            return ".".join((*parts[: len(parts) - up], *([name] if name else ())))
        if name.partition(".")[0] in self._tops:
            return name
        if self._own_name is not None and name.partition(".")[0] == self._own_name:
            return name.partition(".")[2]
        return None

    def _member(self, place: Place, name: str) -> Place | None:
        if place.module is None:
            return Place(None, f"{place.name}.{name}")
        if place.name:
            return None  # of a class: nested ones are not searched
        inner = f"{place.module}.{name}" if place.module else name
        if place.module in self._modules:
            found = self.follow(place.module, name)
            if found is not None:
                return found
        return Place(inner, "") if inner in self._inside else None
