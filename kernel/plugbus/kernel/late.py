"""Names that a package offers and that are imported when somebody first asks for one (PEP 562)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def import_late(package: str, **offered: tuple[str, ...]) -> Callable[[str], object]:
    """Return a ``__getattr__`` for a package that imports what few of its users need.

    Args:
        package: The package's name.
        offered: Module of the package to the names that are offered from it.
    """
    homes = {name: module for module, names in offered.items() for name in names}

    def __getattr__(name: str) -> object:  # noqa: N807 - it becomes the package's
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        from importlib import import_module

        found: object = getattr(import_module(f"{package}.{homes[name]}"), name)
        setattr(sys.modules[package], name, found)  # asked for once
        return found

    return __getattr__
