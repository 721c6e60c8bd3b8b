"""What a proof says."""

from __future__ import annotations

from enum import Enum
from typing import Any

from ..values import value


class LeftoverKind(Enum):
    """What a leftover is, or what keeps it."""

    PLUGIN = "plugin"
    CONTEXT = "context"
    PROVIDED = "provided object"
    OBJECT = "object"
    CLASS = "class"
    FUNCTION = "function"
    MODULE = "module"
    THREAD = "thread"
    TASK = "task"
    PROCESS = "process"
    FILE = "file"
    SOCKET = "socket"
    EXIT_HANDLER = "exit handler"
    SIGNAL_HANDLER = "signal handler"
    FINALIZER = "finalizer"
    HOOK = "hook"
    IMPORT_HOOK = "import hook"
    LOGGING = "logging"
    WARNING_FILTER = "warning filter"
    PATH = "import path"

    def __str__(self) -> str:
        return self.value


@value(frozen=True, slots=True)
class Leftover:
    """One thing that a plugin left behind.

    Args:
        kind: What it is, or what keeps it.
        plugin_id: Whose it is.
        description: What it is, for people.
        held_by: Who keeps it: each the way from the nearest holder to the one that nobody else has to hold.
        remedy: What the plugin's author, or the host's, can do.
    """

    kind: LeftoverKind
    plugin_id: str
    description: str
    held_by: tuple[str, ...]
    remedy: str

    def __str__(self) -> str:
        lines = [f"{self.kind} {self.description} of '{self.plugin_id}'"]
        lines += [f"  held by {one}" for one in self.held_by]
        return "\n".join((*lines, f"  to do: {self.remedy}"))

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain data."""
        return {
            "kind": str(self.kind),
            "plugin_id": self.plugin_id,
            "description": self.description,
            "held_by": list(self.held_by),
            "remedy": self.remedy,
        }


@value(frozen=True, slots=True)
class UnloadProof:
    """What still lives of plugins that were unloaded. It is text alone, and keeps nothing alive itself.

    Args:
        plugin_ids: The plugins, in the order in which they were unloaded.
        leftovers: What is left, each with who holds it.
        survivors: How many objects of the plugins still live, those that are kept by leftovers alone included.
    """

    plugin_ids: tuple[str, ...]
    leftovers: tuple[Leftover, ...] = ()
    survivors: int = 0

    @property
    def is_clean(self) -> bool:
        """Tell whether nothing is left."""
        return not self.leftovers

    def __str__(self) -> str:
        names = ", ".join(f"'{one}'" for one in self.plugin_ids)
        several = len(self.plugin_ids) > 1
        subject = f"plugins {names} are unloaded" if several else f"plugin {names} is unloaded"
        if self.is_clean:
            return f"{subject}: nothing is left"
        alive = f", {self.survivors} objects live" if self.survivors else ""
        return "\n".join((f"{subject}, but {len(self.leftovers)} left over{alive}:", *map(str, self.leftovers)))

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as plain data."""
        return {
            "plugin_ids": list(self.plugin_ids),
            "is_clean": self.is_clean,
            "survivors": self.survivors,
            "leftovers": [one.as_dict() for one in self.leftovers],
        }
