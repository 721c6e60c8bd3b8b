"""All objects that the garbage collector knows, at one moment."""

from __future__ import annotations

import gc
from typing import Any


class Heap:
    """Find who refers to objects.

    ``gc.get_referrers`` compares every reference with every object that is asked for; here many are asked for at once.
    """

    def __init__(self) -> None:
        self.objects: list[Any] = gc.get_objects()

    def holders_of(self, wanted: set[int]) -> list[Any]:
        """Return the objects that refer to any of those with the ids."""
        referents = gc.get_referents
        return [one for one in self.objects if not wanted.isdisjoint(map(id, referents(one)))]


def collect() -> None:
    """Collect garbage until no finalizer has made more, three times at most."""
    for _ in range(3):
        if not gc.collect():
            return
