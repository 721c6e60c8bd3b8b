"""What is known of an action whose code was not imported, and of a folder that was searched for actions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..faults import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredAction:
    """An action as its source says it.

    Args:
        name: What it goes by: its ``action_name``, else its class's name without ``Action``, in snake case.
        entrypoint: ``module:Class``, or ``module:function``.
        file: Its source file, seen from the folder, with slashes.
        line: Where the class or function begins.
        input_type: Name of the class of data that it takes, or the text that is given for it.
        output_type: The same of what it makes.
        params_model: Name of the class of its parameters.
        result: Name of the class of its result.
        category: What it is for.
        method: How it is run.
        description: The first line of its docstring, or what its decorator says.
        is_function: It is a function with ``@action``.
    """

    name: str
    entrypoint: str
    file: str
    line: int
    input_type: str | None = None
    output_type: str | None = None
    params_model: str | None = None
    result: str | None = None
    category: str | None = None
    method: str | None = None
    description: str = ""
    is_function: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as JSON has them."""
        return {one: getattr(self, one) for one in self.__slots__}


@dataclass(frozen=True, slots=True)
class ActionConflict:
    """Several actions of one name.

    Args:
        name: The name.
        actions: Those that have it, sorted by entry point.
    """

    name: str
    actions: tuple[DiscoveredAction, ...]

    def __str__(self) -> str:
        places = ", ".join(f"{one.entrypoint} ({one.file}:{one.line})" for one in self.actions)
        return f"cannot tell actions '{self.name}' apart: {places}; give each an action_name of its own"


@dataclass(frozen=True, slots=True)
class ActionScan:
    """What was found in a folder.

    Args:
        actions: Every action, sorted by name and entry point.
        faults: Files that could not be read or parsed; they hide none of the others.
        files: How many source files were looked at.
        parsed: How many of them were parsed, and not known from an earlier search.
    """

    actions: tuple[DiscoveredAction, ...] = ()
    faults: tuple[Fault, ...] = ()
    files: int = 0
    parsed: int = 0

    @property
    def conflicts(self) -> tuple[ActionConflict, ...]:
        """Return the names that several actions have."""
        by_name: defaultdict[str, list[DiscoveredAction]] = defaultdict(list)
        for one in self.actions:
            by_name[one.name].append(one)
        return tuple(ActionConflict(name, tuple(found)) for name, found in by_name.items() if len(found) > 1)

    def get(self, name: str) -> DiscoveredAction | None:
        """Return the only action of a name; None where there is none, or several."""
        found = [one for one in self.actions if one.name == name]
        return found[0] if len(found) == 1 else None
