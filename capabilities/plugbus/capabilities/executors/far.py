"""Functions that processes of an executor begin with, also where their module has a private name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class FarFunction:
    """A function at the top of a module, to be pickled, and called in a process that has not imported the module.

    Modules of plugin folders are in no path under the names that they have. The loader of such a package says, as its
    ``reopening``, what opens it in another process under the same name.

    Args:
        module: The module's name.
        name: The function's.
        reopen: Opens the package; None where the name can be imported anyway.
    """

    module: str
    name: str
    reopen: Callable[[], object] | None = None

    @classmethod
    def of(cls, function: Callable[..., object]) -> FarFunction:
        """Return a function so that another process finds it."""
        return cls(function.__module__, function.__qualname__, reopening_of(function.__module__))

    def __call__(self, *args: Any) -> object:
        """Call the function."""
        if self.reopen is not None:
            self.reopen()
        return getattr(import_module(self.module), self.name)(*args)


def reopening_of(module: str) -> Callable[[], object] | None:
    """Return what opens the private package of a module in another process; None where there is none."""
    package = sys.modules.get(module.partition(".")[0])
    loader = getattr(getattr(package, "__spec__", None), "loader", None)
    found: Callable[[], object] | None = getattr(loader, "reopening", None)
    return found
