"""Telling, among the classes and functions of a folder, which are actions, without importing any."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .actions import DiscoveredAction
from .names import CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .facts import ClassFacts, Expression, ModuleFacts
    from .names import Names
    from .shipped import ShippedActions


@dataclass(slots=True, eq=False)  # not frozen, as one is made for each class of a folder
class _Verdict:
    """What is known of a class.

    Args:
        is_action: It is a kind of ``BaseAction``.
        is_unknown: It has a base outside of the folder and of plugbus, which may be anything.
        abstract: Methods that are not defined yet.
        defined: Methods that are.
        attributes: What it and its bases say, by attribute.
        has_name: ``action_name`` is its own, or that of a base that is no action itself.
    """

    is_action: bool = False
    is_unknown: bool = False
    abstract: frozenset[str] = frozenset()
    defined: frozenset[str] = frozenset()
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def is_concrete(self) -> bool:
        return self.is_action and not self.abstract


_NONE: frozenset[str] = frozenset()
_NOTHING = _Verdict()
_UNKNOWN = _Verdict(is_unknown=True)


class ActionFinder:
    """Tell which classes and functions of a folder are actions.

    A class counts when its bases lead, through imports, aliases, re-exports and other classes of the folder, to a class
    of actions of ``plugbus.capabilities``, when every abstract method is defined, and when its name does not begin with
    an underscore. Where a base lies in another package, which is not looked into, a class counts if it sets
    ``action_name`` to a text.

    Args:
        modules: Dotted name of a module to what its file says.
        names: Where their names lead.
        shipped: The classes that ship.
        folder: The folder's own name, which its ``__init__.py`` goes by in entry points.
    """

    def __init__(self, modules: Mapping[str, ModuleFacts], names: Names, shipped: ShippedActions, folder: str) -> None:
        self._folder = folder
        self._modules = modules
        self._names = names
        self._shipped = shipped
        self._verdicts: dict[tuple[str, str], _Verdict] = {}

    def actions(self, module: str, file: str) -> Iterator[DiscoveredAction]:
        """Yield the actions that a module defines."""
        facts = self._modules[module]
        for name, found in facts["classes"].items():
            if name.startswith("_"):
                continue
            verdict = self._judge(module, name)
            own = found["attributes"].get("action_name", {}).get("text")
            if verdict.is_concrete or (verdict.is_unknown and own is not None and not verdict.is_action):
                yield self._of_class(module, name, found, file, verdict)
        for name, function in facts["functions"].items():
            for decorator, keywords in function["decorators"]:
                place = self._names.follow(module, decorator) if decorator else None
                if place is not None and place.module is None and self._shipped.is_decorator(place.name):
                    values = {key: text for key, one in keywords.items() if (text := self._text(module, one))}
                    yield DiscoveredAction(
                        name=values.get("name", name),
                        entrypoint=f"{module or self._folder}:{name}",
                        file=file,
                        line=function["line"],
                        params_model=values.get("params"),
                        result=values.get("result"),
                        category=_enum(values.get("category")),
                        description=values.get("description", function["doc"]),
                        is_function=True,
                    )

    def _of_class(self, module: str, name: str, found: ClassFacts, file: str, verdict: _Verdict) -> DiscoveredAction:
        said = verdict.attributes
        result = said.get("result_model")
        return DiscoveredAction(
            name=said.get("action_name") or snake_case(name),
            entrypoint=f"{module or self._folder}:{name}",
            file=file,
            line=found["line"],
            input_type=said.get("input_type"),
            output_type=said.get("output_type"),
            params_model=said.get("params_model"),
            result=None if result == "NoResult" else result,
            category=_enum(said.get("category")),
            method=_enum(said.get("method")),
            description=found["doc"],
        )

    def _judge(self, module: str, name: str) -> _Verdict:
        key = (module, name)
        if key not in self._verdicts:
            self._verdicts[key] = _NOTHING  # a class that is its own base is none
            self._verdicts[key] = self._judged(module, self._modules[module]["classes"][name])
        return self._verdicts[key]

    def _judged(self, module: str, found: ClassFacts) -> _Verdict:
        bases = [one for base in found["bases"] if (one := self._judge_base(module, base, found)) is not _NOTHING]
        if not found["attributes"] and (not bases or bases == [_UNKNOWN]):  # most classes: models, errors, values
            return _UNKNOWN if bases else _Verdict(defined=frozenset(found["defined"]))
        is_action = is_unknown = False
        abstract = inherited = _NONE
        attributes: dict[str, str] = {}
        for one in reversed(bases):
            is_action |= one.is_action
            is_unknown |= one.is_unknown
            abstract |= one.abstract
            inherited |= one.defined
            said = one.attributes
            if one.is_concrete and "action_name" in said:  # its name is taken, by itself
                said = {key: value for key, value in said.items() if key != "action_name"}
            attributes |= said
        for key, given in found["attributes"].items():
            text = self._text(module, given)
            if text is None:
                attributes.pop(key, None)
            else:
                attributes[key] = text
        own = frozenset(found["abstract"])
        defined = frozenset(found["defined"]) - own
        return _Verdict(
            is_action=is_action,
            is_unknown=is_unknown,
            abstract=(abstract - defined - inherited) | own,
            defined=(defined | inherited) - own,
            attributes=attributes,
        )

    def _judge_base(self, module: str, base: Expression, found: ClassFacts) -> _Verdict:
        place = self._names.follow(module, base["name"]) if "name" in base else None
        if place is None:
            return _NOTHING
        if place.module is not None:
            verdict = self._judge(place.module, place.name) if self._names.class_at(place) is not None else _NOTHING
        elif place.name.startswith(f"{CAPABILITIES}."):
            shipped = self._shipped.action(place.name)
            if shipped is None:
                return _NOTHING
            verdict = _Verdict(is_action=True, abstract=shipped.abstract, attributes=shipped.attributes)
        else:
            verdict = _UNKNOWN
        given, home = (base["arguments"], module) if "arguments" in base else (list(place.arguments), place.home)
        if not given or not given[0] or given[0] in found["parameters"] or self._names.is_variable(home, given[0]):
            return verdict
        return _Verdict(
            is_action=verdict.is_action,
            is_unknown=verdict.is_unknown,
            abstract=verdict.abstract,
            defined=verdict.defined,
            attributes={**verdict.attributes, "params_model": self._class_name(home, given[0])},
        )

    def _text(self, module: str, value: Expression) -> str | None:
        """Return a literal text, or the name of the class that is meant; None for nothing, or what only runs."""
        if "text" in value:
            return value["text"]
        return self._class_name(module, value["name"]) if "name" in value else None

    def _class_name(self, module: str, dotted: str) -> str:
        """Return the name of a class where it is made, whatever it is called where it is used."""
        place = self._names.follow(module, dotted)
        found = place.name if place is not None and place.name else dotted
        return found.rpartition(".")[2]


def snake_case(name: str) -> str:
    """Return the name of an action for a class's name: ``AddTaskDataAction`` is ``add_task_data``."""
    stem = name.removesuffix("Action") or name
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", stem).lower()


def _enum(text: str | None) -> str | None:
    """Return the value of a member of an enum of kinds, ``NEURAL_NET``, as configurations write it."""
    return None if text is None else text.lower()
