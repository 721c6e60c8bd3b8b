"""Domains of a resolution: which versions of each id are still possible, as bits, and why the others are not.

Bit ``n`` stands for the ``n``-th candidate of :meth:`Candidates.ranked`, so that the lowest bit is the best version.
Nothing is ever copied: what was removed lies on a trail and is put back by :meth:`Domains.undo`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .candidates import Need, is_prerelease, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .candidates import Candidates
    from .metadata import PluginMetadata

    Supports = tuple[tuple[str, int], ...]
    """What may meet a need: ids, and which of their versions."""
    Demand = tuple[str, str | None, str | None, Supports]
    """The parts of a need, and what may meet it. Plain, so that the garbage collector need not follow it."""
    Cause = int | PluginMetadata | None
    """Who made versions fall: a decision of this level, a chosen plugin by a demand, None for a demand of their own."""

ALL = -1
DECIDED: Final[Demand] = ("", None, None, ())
"""Stands where a decision made versions fall, and no demand."""


@dataclass(slots=True)
class Conflict:
    """Why there is no way on.

    Attributes:
        levels: The decisions that took part; none means that there is no solution at all.
        facts: The needs that took part, with their owners, in the order of their discovery.
        ids: The ids whose versions were ruled out, with those pre-releases that no range names.
        roots: The wanted ids that led here.
    """

    levels: set[int] = field(default_factory=set)
    facts: dict[tuple[PluginMetadata, Need], None] = field(default_factory=dict)
    ids: dict[str, tuple[PluginMetadata, ...]] = field(default_factory=dict)
    roots: dict[str, None] = field(default_factory=dict)

    def add(self, other: Conflict) -> None:
        """Take over everything that ``other`` blames."""
        self.levels |= other.levels
        self.facts |= other.facts
        self.ids |= other.ids
        self.roots |= other.roots


class Domains:
    """Hold what is possible for every id that the wanted ones may reach, and keep it consistent.

    Attributes:
        options: The candidates of each id, best first.
        possible: The bits of the candidates that are left.
        needed: Ids that the plan must hold, with why: None for a wanted one, the level of a decision, or the id of a
            chosen plugin; and the length of the trail at that time.
    """

    def __init__(self, candidates: Candidates, wanted: Sequence[str]) -> None:
        self.options: dict[str, tuple[PluginMetadata, ...]] = {}
        self.possible: dict[str, int] = {}
        self.needed: dict[str, tuple[str | int | None, int]] = {}
        self._candidates = candidates
        # What every candidate demands is held once, whoever demands it: few objects for the garbage collector to visit.
        self._demands: dict[tuple[object, ...], Demand] = {}
        self._users: defaultdict[str, list[tuple[str, int, Demand]]] = defaultdict(list)
        self._trail: list[tuple[str, int, Cause, Demand, int]] = []  # the last element leads to the id's entry before
        self._unnamed: dict[str, tuple[PluginMetadata, ...]] = {}
        self._last: dict[str, int] = {}
        self._settled: dict[str, list[Demand]] = {}  # what chosen plugins need, once that has been demanded
        self._changed: list[str] = []
        self._compile(wanted)

    def _compile(self, wanted: Sequence[str]) -> None:
        queue = list(dict.fromkeys(wanted))
        reached = set(queue)
        known, active = self._demands, self._candidates.active
        for plugin_id in queue:
            options = self.options[plugin_id] = self._candidates.ranked(plugin_id)
            self.possible[plugin_id] = (1 << len(options)) - 1
            # By identity: there is one object for each demand, and hashing all that is in it takes longer.
            bits: dict[int, int] = {}
            shared: list[Demand] = []
            bit = 1
            for plugin in options:
                if plugin.requires or plugin_id in active:
                    demands = self.demands(plugin)
                else:
                    # What demands() does for such a plugin, written out: the calls are a tenth of the whole search.
                    demands = []
                    for needed in plugin.dependencies.items():
                        demands.append(known.get(needed) or self._add_plain(needed))
                for demand in demands:
                    key = id(demand)
                    if key in bits:
                        bits[key] |= bit
                    else:
                        bits[key] = bit
                        shared.append(demand)
                bit <<= 1
            for demand in shared:
                mask, supports = bits[id(demand)], demand[3]
                if not supports:
                    self.restrict(plugin_id, ~mask, None, demand)
                for provider, _ in supports:
                    self._users[provider].append((plugin_id, mask, demand))
                    if provider not in reached:
                        reached.add(provider)
                        queue.append(provider)
        for plugin_id, options in self.options.items():
            if len(options) > 1 and plugin_id not in self._candidates.pins and is_prerelease(options[-1]):
                self._drop_unnamed_prereleases(plugin_id, options)

    def _drop_unnamed_prereleases(self, plugin_id: str, options: Sequence[PluginMetadata]) -> None:
        named = 0
        for _, _, (_, plugin_range, _, supports) in self._users.get(plugin_id, ()):
            if plugin_range is not None:
                named |= supports[0][1]
        stable = sum(1 << place for place, plugin in enumerate(options) if not is_prerelease(plugin))
        if stable and self.possible[plugin_id] & ~(stable | named):
            self._unnamed[plugin_id] = tuple(self._candidates_of(plugin_id, ~(stable | named)))
            self.possible[plugin_id] &= stable | named
            self._changed.append(plugin_id)

    def demands(self, plugin: PluginMetadata) -> list[Demand]:
        """List the needs of a candidate, each with what may meet it; what is loaded already demands nothing."""
        known = self._demands
        if plugin.id in self._candidates.active:
            return []
        if plugin.requires:
            found: list[Demand] = []
            for need in needs_of(plugin):
                demand = known.get(need) or self._add(need, need)
                if need.plugin_range is None and any(provider == plugin.id for provider, _ in demand[3]):
                    # No plugin meets its own need for a capability: it would have to be loaded before itself.
                    demand = known.get((need, plugin.id)) or self._add((need, plugin.id), need, plugin.id)
                found.append(demand)
            return found
        return [known.get(needed) or self._add_plain(needed) for needed in plugin.dependencies.items()]

    def demands_of(self, plugin_id: str) -> list[Demand]:
        """List the needs of the candidate of a needed id that is the only one left, after ``propagate``."""
        return self._settled[plugin_id]

    def _add(self, key: tuple[object, ...], need: Need, owner: str = "") -> Demand:
        supports = _supports(self._candidates, need)
        if owner:
            supports = tuple(support for support in supports if support[0] != owner)
        demand: Demand = (need[0], need[1], need[2], supports)
        self._demands[key] = demand
        return demand

    def _add_plain(self, needed: tuple[str, str]) -> Demand:
        """Do what ``_add`` does for the need of a plugin in a range: most needs are of this kind."""
        target, text = needed
        mask = _inside(self._candidates, target, text)
        demand: Demand = (target, text, None, ((target, mask),) if mask else ())
        self._demands[needed] = demand
        return demand

    def require(self, plugin_id: str, cause: str | int | None) -> bool:
        """Make an id part of every plan from here on; return whether that is possible."""
        if plugin_id not in self.needed:
            self.needed[plugin_id] = cause, len(self._trail)
            self._changed.append(plugin_id)
        return bool(self.possible[plugin_id])

    def restrict(self, plugin_id: str, mask: int, cause: Cause, demand: Demand) -> bool:
        """Leave only the candidates in ``mask``; return False when a needed id has none left."""
        old = self.possible[plugin_id]
        if old & ~mask:
            self._trail.append((plugin_id, old & ~mask, cause, demand, self._last.get(plugin_id, -1)))
            self._last[plugin_id] = len(self._trail) - 1
            self.possible[plugin_id] = old & mask
            self._changed.append(plugin_id)
            return bool(old & mask) or plugin_id not in self.needed
        return True

    def propagate(self) -> str | None:
        """Drop all candidates whose needs nothing meets any more; return a needed id that has none left."""
        possible, changed = self.possible, self._changed
        while changed:
            plugin_id = changed.pop()
            left = possible[plugin_id]
            if plugin_id in self.needed and not left & (left - 1) and plugin_id not in self._settled:
                empty = self._settle(plugin_id, left.bit_length() - 1)
                if empty is not None:
                    return empty
            for user, bits, demand in self._users.get(plugin_id, ()):
                if possible[user] & bits:
                    for provider, mask in demand[3]:
                        if possible[provider] & mask:
                            break
                    else:
                        if not self.restrict(user, ~bits, None, demand):
                            return user
        return None

    def _settle(self, plugin_id: str, place: int) -> str | None:
        """Demand what the only candidate left of a needed id can't do without."""
        plugin = self.options[plugin_id][place]
        self._settled[plugin_id] = demands = self.demands(plugin)
        for demand in demands:
            _, plugin_range, _, supports = demand
            if plugin_range is not None:
                provider, mask = supports[0]
                if not (self.restrict(provider, mask, plugin, demand) and self.require(provider, plugin_id)):
                    return provider
        return None

    def mark(self) -> tuple[int, int, int]:
        """Return the present state for :meth:`undo`."""
        return len(self._trail), len(self.needed), len(self._settled)

    def undo(self, mark: tuple[int, int, int]) -> None:
        """Put back everything that was removed since ``mark``."""
        trail, needed, settled = mark
        while len(self._trail) > trail:
            plugin_id, removed, _, _, before = self._trail.pop()
            self._last[plugin_id] = before
            self.possible[plugin_id] |= removed
        while len(self.needed) > needed:
            self.needed.popitem()
        while len(self._settled) > settled:
            self._settled.popitem()
        self._changed.clear()

    def blame(self, ruled_out: Iterable[tuple[str, int]], needed: Iterable[str]) -> Conflict:
        """Find out which decisions and needs are to blame for the present state.

        Args:
            ruled_out: Ids and those of their candidates whose fall is asked for.
            needed: Ids of which it is asked why the plan must hold them.
        """
        found = Conflict()
        now = len(self._trail)
        # Both are taken from their ends; what was named first is told first.
        falls = [(plugin_id, bits, now) for plugin_id, bits in ruled_out][::-1]
        claims = list(needed)[::-1]
        claimed: set[str] = set()
        explained: set[int] = set()
        while falls or claims:
            if claims:
                plugin_id = claims.pop()
                if plugin_id in claimed:
                    continue
                claimed.add(plugin_id)
                by, time = self.needed[plugin_id]
                if by is None:
                    found.roots[plugin_id] = None
                elif isinstance(by, int):
                    found.levels.add(by)
                else:
                    falls.append((by, ALL, time))
                    claims.append(by)
                continue
            plugin_id, bits, time = falls.pop()
            found.ids[plugin_id] = self._unnamed.get(plugin_id, ())
            at = self._last.get(plugin_id, -1)
            while at >= 0:
                _, removed, cause, demand, before = self._trail[at]
                if at < time and removed & bits and at not in explained:
                    explained.add(at)
                    if isinstance(cause, int):
                        found.levels.add(cause)
                    else:
                        need, supports = Need(*demand[:3]), demand[3]
                        if cause is None:
                            owners = self._candidates_of(plugin_id, removed)
                            falls.extend((provider, mask, at) for provider, mask in supports)
                        else:
                            owners = [cause]
                            falls.append((cause.id, ALL, at))
                            claims.append(cause.id)
                        found.facts.update(((owner, need), None) for owner in owners)
                at = before
        return found

    def _candidates_of(self, plugin_id: str, bits: int) -> list[PluginMetadata]:
        return [plugin for place, plugin in enumerate(self.options[plugin_id]) if bits >> place & 1]


def _supports(candidates: Candidates, need: Need) -> Supports:
    """List which versions of which ids meet ``need``."""
    if need.plugin_range is not None and need.contract_range is None:
        mask = _inside(candidates, need.target, need.plugin_range)
        return ((need.target, mask),) if mask else ()
    ids = [need.target] if need.plugin_range is not None else candidates.providers(need.target)
    supports: list[tuple[str, int]] = []
    for plugin_id in ids:
        mask = 0
        for place, plugin in enumerate(candidates.ranked(plugin_id)):
            if candidates.meets(plugin, need):
                mask |= 1 << place
        if mask:
            supports.append((plugin_id, mask))
    return tuple(supports)


def _inside(candidates: Candidates, plugin_id: str, text: str) -> int:
    """Return the versions of an id that are inside a range."""
    answers = candidates.accepted.setdefault(text, {})
    mask, bit = 0, 1
    for plugin in candidates.ranked(plugin_id):
        found = answers.get(plugin.version)
        if found or (found is None and candidates.accepts(text, plugin.version)):
            mask |= bit
        bit <<= 1
    return mask
