"""All objects that the garbage collector knows, at one moment."""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any


class Heap:
    """Find who refers to objects.

    ``gc.get_referrers`` compares every reference with every object that is asked for; here many are asked for at once.
    """

    def __init__(self) -> None:
        # Modules hold their globals alone, and these end a search.
        self.objects: list[Any] = [one for one in gc.get_objects() if not issubclass(type(one), ModuleType)]

    def holders_of(self, wanted: set[int]) -> list[Any]:
        """Return the objects that refer to any of those with the ids."""
        referents = gc.get_referents
        return [one for one in self.objects if not wanted.isdisjoint(map(id, referents(one)))]


def referents_of(one: object) -> list[Any]:
    """Return what an object refers to.

    Of a module these are its globals. ``gc.get_referents`` must not be asked for what lies in the C part of one: that
    of ``_asyncio`` in Python 3.12 has a list of free objects, and breaks when references to them are made.
    """
    if issubclass(type(one), ModuleType):
        return [object.__getattribute__(one, "__dict__")]
    return gc.get_referents(one)


def collect() -> None:
    """Collect garbage until no finalizer has made more, three times at most."""
    for _ in range(3):
        if not gc.collect():
            return
