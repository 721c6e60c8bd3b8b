"""The first pass of a resolution: take the best of everything and see whether it fits together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .candidates import is_prerelease, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .candidates import Candidates, Need
    from .metadata import PluginMetadata

    Choice = tuple[dict[str, PluginMetadata], dict[str, dict[str, str]]]
    """Id to the chosen or loaded plugin, and id to what meets each of its needs; loaded plugins have no row."""


def choose_greedily(candidates: Candidates, wanted: Iterable[str]) -> Choice | None:
    """Return the choice that no demand contradicts, None when there was a contradiction.

    Plugins demanded by id come first, breadth first, each at its best version; then the capabilities they need, in
    the same order. The complete search decides in this very order, so that what fits here is its answer, too.
    """
    chosen = dict(candidates.loaded)
    rows: dict[str, dict[str, str]] = {}
    first, accepts = candidates.first, candidates.accepts
    accepted, none = candidates.accepted, dict[str, bool]()
    fresh: list[PluginMetadata] = []
    for plugin_id in wanted:
        if plugin_id not in chosen:
            found = first.get(plugin_id) or next(iter(candidates.ranked(plugin_id)), None)
            if found is None:
                return None
            chosen[plugin_id] = found
            fresh.append(found)
    waiting: list[tuple[PluginMetadata, Need]] = []
    served = 0
    while True:
        for plugin in fresh:  # grows while it is walked
            if plugin.requires:
                needs = needs_of(plugin)
                rows[plugin.id] = {need.target: need.target for need in needs}
                for need in needs:
                    if need.plugin_range is None:
                        waiting.append((plugin, need))
                        continue
                    taken = chosen.get(need.target)
                    if taken is None:
                        found = _best(candidates, need)
                        if found is None:
                            return None
                        chosen[need.target] = found
                        fresh.append(found)
                    elif not candidates.meets(taken, need):
                        return None
                continue
            row = rows[plugin.id] = {}
            for target, text in plugin.dependencies.items():
                row[target] = target
                taken = chosen.get(target)
                if taken is None:
                    found = first.get(target)
                    if found is None or not (
                        accepted.get(text, none).get(found.version) or accepts(text, found.version)
                    ):
                        found = _best_inside(candidates, target, text)
                        if found is None:
                            return None
                    chosen[target] = found
                    fresh.append(found)
                elif not (accepted.get(text, none).get(taken.version) or accepts(text, taken.version)):
                    return None
        fresh = []
        while served < len(waiting) and not fresh:
            plugin, need = waiting[served]
            served += 1
            provider = _provider(candidates, plugin, need, chosen)
            if provider is None:
                return None
            rows[plugin.id][need.target] = provider.id
            if provider.id not in chosen:
                chosen[provider.id] = provider
                fresh.append(provider)
        if not fresh:
            return chosen, rows


def _best_inside(candidates: Candidates, plugin_id: str, text: str) -> PluginMetadata | None:
    return next((one for one in candidates.ranked(plugin_id) if candidates.accepts(text, one.version)), None)


def _best(candidates: Candidates, need: Need) -> PluginMetadata | None:
    for plugin in candidates.ranked(need.target):
        if candidates.meets(plugin, need):
            return plugin
    return None


def _provider(
    candidates: Candidates, owner: PluginMetadata, need: Need, chosen: dict[str, PluginMetadata]
) -> PluginMetadata | None:
    fitting: list[PluginMetadata] = []
    for plugin_id in candidates.providers(need.target):
        if plugin_id == owner.id:
            continue
        taken = chosen.get(plugin_id)
        options = (taken,) if taken is not None else candidates.ranked(plugin_id)
        for plugin in options:
            if candidates.meets(plugin, need):
                if is_prerelease(plugin) and not is_prerelease(options[0]):
                    return None  # whether some range names it is known to the search alone
                fitting.append(plugin)
                break
    return next(iter(candidates.sort_providers(need, fitting, chosen)), None)
