"""Resolve what is wanted into a plan: choose versions and providers, and put them in order. Pure, and complete.

A first pass takes the best of everything; where that fits together it is the answer. Otherwise the complete search
decides in the same order, with every candidate dropped whose needs nothing meets. Neither recurses or copies.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from .candidates import Candidates
from .errors import CycleError, ResolutionError
from .greedy import choose_greedily
from .ordering import Circle, arrange, arrange_softly
from .plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .metadata import PluginMetadata

__all__ = ["Plan", "resolve"]

_ROUNDS = 10  # so many independent conflicts are looked for; each one costs a search
_NO_PREFERENCES: Mapping[str, str] = MappingProxyType({})


def resolve(
    candidates: Iterable[PluginMetadata],
    wanted: Iterable[str],
    preferences: Mapping[str, str] = _NO_PREFERENCES,
    *,
    active: Iterable[PluginMetadata] = (),
    excluded: Mapping[str, str] | None = None,
) -> Plan:
    """Plan what to load so that everything wanted, and all that it needs, is there.

    Of each plugin the newest version is chosen that some whole plan allows, in the order in which plugins are
    demanded: the wanted ones, then breadth first what they need by id, then who provides the capabilities they need.
    A pre-release is chosen only where a range on its id names one, or where the id has no stable version.
    A capability is provided by the plugin that the host prefers, else by one that is in the plan or loaded, else by
    the newest (by the capability's version, then the plugin's; ties as in ``candidates``), and never by the very plugin
    that requires it. Where a plugin requires a plugin and a capability of the same text, this plugin must provide it.
    What is optional pulls nothing in and fails nothing; when it is there and in range it is loaded before, unless
    that would close a circle.

    Args:
        candidates: Every registered plugin; several versions of an id are allowed, each version once.
        wanted: Plugin ids. Those loaded already are met by what is loaded.
        preferences: A capability's text to the id of the provider to prefer, which is soft; or a plugin's id to the
            range of its version, which is binding. A value that begins with a letter is an id.
        active: Loaded plugins: they stay as they are, and provide.
        excluded: Plugin ids that may not be chosen, to the reason, which follows on "plugin '<id>' is ".

    Raises:
        CycleError: The plugins need each other, and every other choice fails as well.
        ResolutionError: There is no plan; its causes say which requirement of whom ruled out which candidate.
    """
    roots = tuple(dict.fromkeys(wanted))
    problem = Candidates(candidates, preferences, active, excluded)
    if problem.faults:
        raise ResolutionError(roots, tuple(problem.faults))
    choice = choose_greedily(problem, roots)
    if choice is not None:
        try:
            chosen, rows = choice
            return _plan(problem, roots, chosen, rows, arrange(roots, rows))
        except Circle:
            pass  # another version or provider may avoid it
    return _plan(problem, roots, *_search(problem, roots))


def _search(
    problem: Candidates, roots: tuple[str, ...]
) -> tuple[dict[str, PluginMetadata], dict[str, dict[str, str]], list[str]]:
    # A quarter of this package's code, which a host whose newest plugins fit together never needs.
    from .causes import describe_conflict, shorten
    from .search import Search, Unsolvable

    try:
        return Search(problem, roots).run()
    except Unsolvable as found:
        unsolvable = found
    if unsolvable.circle is not None:
        raise CycleError(roots, unsolvable.circle)
    causes = dict.fromkeys(describe_conflict(problem, unsolvable.conflict, roots))
    # What the rest of the wanted plugins would run into next is told at once.
    rest = roots
    for _ in range(_ROUNDS):
        rest = tuple(plugin_id for plugin_id in rest if plugin_id not in unsolvable.conflict.roots)
        try:
            Search(problem, rest).run()
            break
        except Unsolvable as found:
            unsolvable = found
        if unsolvable.circle is not None:
            causes[str(CycleError(roots, unsolvable.circle).causes[0])] = None
            break
        causes |= dict.fromkeys(describe_conflict(problem, unsolvable.conflict, roots))
    raise ResolutionError(roots, tuple(shorten(list(causes))))


def _plan(
    problem: Candidates,
    roots: tuple[str, ...],
    chosen: Mapping[str, PluginMetadata],
    rows: Mapping[str, dict[str, str]],
    order: list[str],
) -> Plan:
    wishes = _wishes(problem, chosen, rows)
    if wishes:
        order, rows = arrange_softly(roots, rows, wishes)
    providers = MappingProxyType({plugin_id: MappingProxyType(rows[plugin_id]) for plugin_id in order})
    return Plan(tuple([chosen[plugin_id] for plugin_id in order]), providers, roots, problem)


def _wishes(
    problem: Candidates, chosen: Mapping[str, PluginMetadata], rows: Mapping[str, dict[str, str]]
) -> list[tuple[str, str, list[str]]]:
    """List the optional requirements that something chosen or loaded meets, best provider first."""
    wishing = [owner for plugin_id in rows if (owner := chosen[plugin_id]).requires]
    return [wish for owner in wishing for wish in problem.met_wishes(owner, chosen)]
