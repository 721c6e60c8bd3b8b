"""The complete search of a resolution: best first, jumping back over decisions that a conflict does not blame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from .candidates import Need
from .domains import ALL, DECIDED, Conflict, Domains
from .ordering import Circle, arrange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .candidates import Candidates
    from .domains import Supports
    from .metadata import PluginMetadata


class Unsolvable(Exception):  # noqa: N818  # a finding that the caller turns into an error
    """Carry why there is no plan, and the first circle that spoiled an otherwise fitting choice, if one did."""

    def __init__(self, conflict: Conflict, circle: tuple[str, ...] | None) -> None:
        super().__init__(conflict, circle)
        self.conflict = conflict
        self.circle = circle


@dataclass(slots=True)
class _Decision:
    """One open decision: a version of an id, or the provider for a need of ``owner``."""

    owner: str
    need: Need | None
    supports: Supports
    values: Iterator[tuple[str, int]]
    domains: tuple[int, int, int]
    cursor: tuple[int, int, int, int]
    conflict: Conflict


class Search:
    """Decide every id that is demanded, then who provides each capability, and go back where nothing fits.

    Args:
        candidates: What may be chosen.
        wanted: The ids that the plan must hold.
    """

    def __init__(self, candidates: Candidates, wanted: Sequence[str]) -> None:
        self._candidates = candidates
        self._wanted = tuple(dict.fromkeys(wanted))
        self._domains = Domains(candidates, self._wanted)
        self._queue = list(self._wanted)  # demanded ids, in the order in which they are decided
        self._queued = dict.fromkeys(self._wanted)
        self._waiting: list[tuple[str, Need, Supports]] = []  # needs for which a provider is decided
        self._picks: dict[
            tuple[str, str], tuple[str, int]
        ] = {}  # (owner, target): provider and level; the last pick counts
        self._decided = self._served = 0
        self._decisions: list[_Decision] = []
        self._circle: tuple[str, ...] | None = None

    def run(self) -> tuple[dict[str, PluginMetadata], dict[str, dict[str, str]], list[str]]:
        """Return the best choice that is consistent and free of circles, as the first pass does, and its order.

        Raises:
            Unsolvable: There is none.
        """
        conflict = self._start()
        while True:
            if conflict is not None:
                conflict = self._go_back(conflict)
            elif self._decided < len(self._queue):
                conflict = self._decide(self._queue[self._decided])
            elif self._served < len(self._waiting):
                conflict = self._serve(*self._waiting[self._served])
            else:
                rows = self._rows()
                try:
                    order = arrange(self._wanted, rows)
                except Circle as circle:
                    conflict = self._blame_circle(circle.path, rows)
                else:
                    chosen = {plugin_id: self._chosen(plugin_id) for plugin_id in self._queued}
                    return {**self._candidates.loaded, **chosen}, rows, order

    def _start(self) -> Conflict | None:
        domains = self._domains
        domains.propagate()
        for plugin_id in reversed(self._wanted):  # the last one is looked at first
            domains.require(plugin_id, None)
        empty = [plugin_id for plugin_id in self._wanted if not domains.possible[plugin_id]]
        if not empty:
            found = domains.propagate()
            if found is None:
                return None
            empty = [found]
        return domains.blame([(plugin_id, ALL) for plugin_id in empty], empty)

    def _decide(self, plugin_id: str) -> Conflict | None:
        left = self._domains.possible[plugin_id]
        if left & (left - 1):
            versions = ((plugin_id, 1 << place) for place in range(left.bit_length()) if left >> place & 1)
            return self._open(plugin_id, None, (), versions)
        self._enter(plugin_id)
        return None

    def _enter(self, plugin_id: str) -> None:
        """Go on to the needs of an id that has one candidate left."""
        self._decided += 1
        for target, plugin_range, contract_range, supports in self._domains.demands_of(plugin_id):
            if plugin_range is None:
                self._waiting.append((plugin_id, Need(target, None, contract_range), supports))
            elif target not in self._queued:
                self._queued[target] = None
                self._queue.append(target)

    def _serve(self, owner: str, need: Need, supports: Supports) -> Conflict | None:
        domains = self._domains
        fitting: dict[str, int] = {}
        best: list[PluginMetadata] = []
        for plugin_id, mask in supports:
            left = domains.possible[plugin_id] & mask
            if left:
                fitting[plugin_id] = mask
                best.append(domains.options[plugin_id][(left & -left).bit_length() - 1])
        providers = self._candidates.sort_providers(need, best, self._queued)
        return self._open(owner, need, supports, ((plugin.id, fitting[plugin.id]) for plugin in providers))

    def _open(
        self, owner: str, need: Need | None, supports: Supports, values: Iterator[tuple[str, int]]
    ) -> Conflict | None:
        cursor = (len(self._queue), self._decided, len(self._waiting), self._served)
        self._decisions.append(_Decision(owner, need, supports, values, self._domains.mark(), cursor, Conflict()))
        return self._try_next()

    def _try_next(self) -> Conflict | None:
        """Take the next value of the last decision."""
        domains, level = self._domains, len(self._decisions)
        decision = self._decisions[-1]
        value = next(decision.values, None)
        if value is None:
            return self._close(decision)
        plugin_id, mask = value
        fits = domains.restrict(plugin_id, mask, level, DECIDED)
        if decision.need is not None:
            fits = domains.require(plugin_id, level) and fits
        empty = domains.propagate() if fits else plugin_id
        if empty is not None:
            return domains.blame([(empty, ALL)], [empty])
        if decision.need is None:
            self._enter(plugin_id)
        else:
            self._served += 1
            self._picks[decision.owner, decision.need.target] = plugin_id, level
            if plugin_id not in self._queued:
                self._queued[plugin_id] = None
                self._queue.append(plugin_id)
        return None

    def _close(self, decision: _Decision) -> Conflict:
        """Give a decision up: blame what failed in it, and what had reduced it or brought it about."""
        self._decisions.pop()
        conflict = decision.conflict
        if decision.need is not None:
            owner = self._chosen(decision.owner)
            conflict.facts[owner, decision.need] = None
        ruled_out = [(decision.owner, ALL), *decision.supports]
        conflict.add(self._domains.blame(ruled_out, [decision.owner]))
        return conflict

    def _go_back(self, conflict: Conflict) -> Conflict | None:
        """Undo everything down to the last decision that is to blame, and take its next value."""
        if not conflict.levels:
            raise Unsolvable(conflict, self._circle)
        level = max(conflict.levels)
        del self._decisions[level:]
        decision = self._decisions[-1]
        self._domains.undo(decision.domains)
        queue, self._decided, waiting, self._served = decision.cursor
        for plugin_id in self._queue[queue:]:
            del self._queued[plugin_id]
        del self._queue[queue:]
        del self._waiting[waiting:]
        conflict.levels.discard(level)
        decision.conflict.add(conflict)
        return self._try_next()

    def _chosen(self, plugin_id: str) -> PluginMetadata:
        return self._domains.options[plugin_id][self._domains.possible[plugin_id].bit_length() - 1]

    def _rows(self) -> dict[str, dict[str, str]]:
        """Return what meets each need of each chosen plugin."""
        rows: dict[str, dict[str, str]] = {}
        for plugin_id in self._queue:
            if plugin_id not in self._candidates.active:
                plugin = self._chosen(plugin_id)
                row = rows[plugin_id] = {target: target for target in plugin.dependencies}
                if not plugin.requires:
                    continue
                for target, plugin_range, _, _ in self._domains.demands(plugin):
                    row[target] = target if plugin_range is not None else self._picks[plugin_id, target][0]
        return rows

    def _blame_circle(self, path: tuple[str, ...], rows: dict[str, dict[str, str]]) -> Conflict:
        if self._circle is None:
            self._circle = path
        conflict = self._domains.blame([(plugin_id, ALL) for plugin_id in path], path)
        for owner, needed in pairwise(path):
            # Where two needs draw the same edge it takes both picks, and an id that is demanded leaves no choice.
            picks = [self._picks.get((owner, target)) for target, by in rows[owner].items() if by == needed]
            conflict.levels.update(pick[1] for pick in picks if pick is not None)
        return conflict
