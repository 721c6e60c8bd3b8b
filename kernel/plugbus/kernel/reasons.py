"""Why a plan is as it is: who asked for each plugin, and why other versions were passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .candidates import needs_of
from .causes import exclusions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .candidates import Candidates, Need
    from .metadata import PluginMetadata
    from .plan import Plan


class Reasons:
    """Read the reasons out of a finished plan, so that making one costs nothing for them."""

    def __init__(self, plan: Plan, candidates: Candidates) -> None:
        self._plan = plan
        self._candidates = candidates
        self._chosen = {**candidates.active, **{plugin.id: plugin for plugin in plan.order}}
        self._demands: dict[str, list[tuple[PluginMetadata, Need]]] = {}
        for owner in plan.order:
            row = plan.providers[owner.id]
            for need in needs_of(owner):
                self._demands.setdefault(row[need.target], []).append((owner, need))

    def sentences(self) -> Iterator[str]:
        """Yield one for each plugin, in order."""
        for plugin in self._plan.order:
            why = ["wanted"] if plugin.id in self._plan.wanted else []
            demands = self._demands.get(plugin.id, [])
            why += [f"required by {_name(owner)}{_in_range(need)}" for owner, need in demands]
            why += dict.fromkeys(
                f"preferred by the host for '{need.target}'"
                for _, need in demands
                if need.plugin_range is None and self._candidates.preferred.get(need.target) == plugin.id
            )
            group = self._candidates.registered(plugin.id)
            why.append(self._standing(plugin, group))
            why += [f"ruled out: {text}" for text in exclusions(self._candidates, plugin.id)]
            usable = self._candidates.ranked(plugin.id)
            better = usable[: usable.index(plugin)]
            why += [f"ruled out: {other.version}, because {self._fault(other)}" for other in better]
            yield f"{_name(plugin)}: {'; '.join(why)}"

    def _standing(self, plugin: PluginMetadata, group: list[PluginMetadata]) -> str:
        if len(group) == 1:
            return "the only candidate"
        place = "the newest" if group[0] is plugin else "the newest that fits"
        return f"{place} of {len(group)} candidates"

    def _fault(self, other: PluginMetadata) -> str:
        """Say why a version that ranks higher was not chosen."""
        candidates = self._candidates
        for owner, need in self._demands.get(other.id, []):
            if not candidates.meets(other, need):
                return f"{_name(owner)} requires {_range(need)}"
        for need in needs_of(other):
            if need.plugin_range is not None:
                found = self._chosen.get(need.target)
                if found is not None and not candidates.meets(found, need):
                    return f"it requires plugin '{need.target}' {_range(need)}, and {_name(found)} is chosen"
                if not candidates.registered(need.target):
                    return f"it requires plugin '{need.target}' {_range(need)}, which is not registered"
                if found is None:
                    return f"it requires plugin '{need.target}' {_range(need)}, which can't be had"
            elif not any(candidates.meets(plugin, need) for plugin in self._chosen.values() if plugin.id != other.id):
                return f"it requires capability '{need.target}' {_range(need)}, which can't be had"
        return "it leads to no plan"


def _name(plugin: PluginMetadata) -> str:
    return f"'{plugin.id}' {plugin.version}"


def _range(need: Need) -> str:
    return ",".join(text for text in (need.plugin_range, need.contract_range) if text is not None)


def _in_range(need: Need) -> str:
    what = "" if need.contract_range is None else f"capability '{need.target}' "
    return f" ({what}{_range(need)})"
