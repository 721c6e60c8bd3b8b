"""The search for who holds what is left: from each object upwards, until something is met that nobody has to hold."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from ..values import value
from .heap import Heap, referents_of
from .roots import Root, Roots, local_variables
from .wording import describe_hold

if TYPE_CHECKING:
    from .ownership import Ownership

DEEPEST = 12
"""So many steps a search goes up."""

LARGEST = 5_000
"""From so many holders it goes up at each step."""

MOST = 3
"""So many holders are told of one object."""


@value(frozen=True, slots=True)
class Hold:
    """Somebody who holds an object.

    Args:
        text: The way, from the nearest holder on.
        root: Where it ends.
        end: The id of the object at its end.
    """

    text: str
    root: Root
    end: int


UNSEEN = Root("C code (an argument of atexit.register?), or a call that is under way", is_guess=True)
LOST = Root("something that was not found", is_guess=True)


class Holders:
    """Find who holds objects from outside of them.

    Lifecycle: 1. made with the objects; 2. ``search``; 3. ``holds`` of each; 4. ``clear``, as all of them are kept
    meanwhile.

    Args:
        objects: What is left. The list is emptied, as it would count as a holder.
        rightful: What holds by right, and what is held by right: a registered plugin and its source; emptied too.
        ownership: Names things.
    """

    def __init__(self, objects: list[Any], rightful: list[Any], ownership: Ownership) -> None:
        self._ownership = ownership
        self._roots = Roots(ownership)
        self._heap = Heap()
        self._known: dict[int, Any] = {id(one): one for one in objects}
        self._sources = tuple(self._known)
        self._rightful: dict[int, Any] = {id(one): one for one in rightful}
        self._holders: dict[int, list[int]] = {}
        self._ends: dict[int, Root] = {}
        self._next: dict[int, int] = {}
        objects.clear()
        rightful.clear()

    @property
    def objects(self) -> list[Any]:
        """Return the objects."""
        return [self._known[one] for one in self._sources]

    def search(self, *, is_alive: bool = True) -> None:
        """Look for holders: those that the garbage collector sees, then local variables, then what can't be seen.

        Args:
            is_alive: The objects live without the caller; what is held by nobody that was found is marked as lost.
        """
        self._climb()
        self._mark_ways()
        if self._unexplained():
            local = local_variables()
            self._add_ends({one: local[one] for one in self._candidates() if one in local})
        if self._unexplained():
            self._add_ends(dict.fromkeys(self._held_unseen(), UNSEEN))
        lost = self._unexplained()
        if lost and is_alive:
            self._add_ends({lost[0]: LOST})

    def holds(self, one: object) -> list[Hold]:
        """Return who holds an object from outside, the shortest way first."""
        ways: list[list[int]] = []
        if id(one) in self._ends:
            ways.append([id(one)])
        for holder in dict.fromkeys(self._holders.get(id(one), ())):
            if holder in self._ends or holder in self._next:
                ways.append([id(one), holder])
                while ways[-1][-1] not in self._ends:
                    ways[-1].append(self._next[ways[-1][-1]])
        ways.sort(key=len)
        found: dict[str, Hold] = {}
        for way in ways:
            hold = self._tell(way)
            found.setdefault(hold.text, hold)
        return list(found.values())[:MOST]

    def clear(self) -> None:
        """Let go of everything."""
        self._known.clear()
        self._rightful.clear()
        self._heap.objects.clear()

    def _climb(self) -> None:
        sources = set(self._sources)
        for one in self._sources:
            slot = self._roots.slot_of(self._known[one])
            if slot is not None:
                self._ends[one] = slot
        layer = set(sources)
        for _ in range(DEEPEST):
            rising: set[int] = set()
            for holder in self._heap.holders_of(layer):
                place = id(holder)
                if place in sources or place in self._rightful or holder is self._heap.objects:
                    continue
                held = [one for one in map(id, referents_of(holder)) if one in layer]
                for one in held:
                    self._holders.setdefault(one, []).append(place)
                if place in self._known:
                    continue
                self._known[place] = holder
                end = self._roots.slot_of(holder) or self._roots.of(holder, self._known[held[0]])
                if end is not None:
                    self._ends[place] = end
                elif len(rising) < LARGEST:
                    rising.add(place)
            if not rising:
                return
            layer = rising

    def _mark_ways(self) -> None:
        """Give every holder that leads to an end the next one on the shortest way."""
        held_by: dict[int, list[int]] = {}
        for held, holders in self._holders.items():
            for holder in holders:
                held_by.setdefault(holder, []).append(held)
        sources = set(self._sources)
        layer = list(self._ends)
        self._next = {}
        while layer:
            falling: list[int] = []
            for holder in layer:
                for held in held_by.get(holder, ()):
                    if held not in self._next and held not in self._ends and held not in sources:
                        self._next[held] = holder
                        falling.append(held)
            layer = falling

    def _add_ends(self, ends: dict[int, Root]) -> None:
        self._ends.update(ends)
        self._mark_ways()

    def _candidates(self) -> list[int]:
        """Return what could be held unseen: what is unexplained, and what holds that."""
        pending = self._unexplained()
        found = dict.fromkeys(pending)
        while pending:
            for holder in self._holders.get(pending.pop(), ()):
                if holder not in found:
                    found[holder] = None
                    pending.append(holder)
        return list(found)

    def _unexplained(self) -> list[int]:
        """Return the objects that neither an end nor anything rightful keeps, also by way of others."""
        seen: set[int] = set()
        pending = [one for one in self._sources if self._is_held(one) or one in self._rightful]
        pending += self._rightful
        seen.update(pending)
        while pending:
            one = pending.pop()
            held = self._rightful[one] if one in self._rightful else self._known[one]
            for part in map(id, referents_of(held)):
                if part not in seen and part in self._known:
                    seen.add(part)
                    pending.append(part)
        return [one for one in self._sources if one not in seen]

    def _is_held(self, one: int) -> bool:
        return one in self._ends or any(
            holder in self._ends or holder in self._next for holder in self._holders.get(one, ())
        )

    def _held_unseen(self) -> list[int]:
        """Return what has more references than the garbage collector can account for."""
        holders = (*self._known.values(), *self._rightful.values())
        counted = Counter(id(part) for one in holders for part in referents_of(one))
        del holders
        probe: list[object] = []
        mark = id(probe)
        self._known[mark] = probe
        self._heap.objects.append(probe)
        del probe
        usual = self._count(mark)
        del self._known[mark]
        return [one for one in self._candidates() if self._count(one) - counted[one] > usual]

    def _count(self, one: int) -> int:
        # What is rightful is kept once more, but never asked for.
        return sys.getrefcount(self._known[one])

    def _tell(self, way: list[int]) -> Hold:
        objects = [self._known[one] for one in way]
        parts: list[str] = []
        for place in range(1, len(objects)):
            beyond = objects[place + 1] if place + 1 < len(objects) else None
            is_end = beyond is None
            root = self._ends[way[-1]]
            if is_end and root.text.startswith(("global ", "sys.modules")):
                continue
            parts.append(describe_hold(objects[place - 1], objects[place], beyond, self._ownership))
        root = self._ends[way[-1]]
        if root.text.startswith("global ") and len(objects) > 1:
            root = self._roots.of(objects[-1], objects[-2]) or root
        text = ", in ".join(part for part in (*parts, root.text) if part)
        return Hold(text, root, way[-1])
