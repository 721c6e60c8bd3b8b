"""Say why there is no plan: which need, of whom, ruled out which candidate."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from .candidates import needs_of
from .errors import VersionError, near_names, offer
from .ranges import parse_range
from .versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .candidates import Candidates, Need
    from .domains import Conflict
    from .metadata import PluginMetadata

READABLE = 20
"""So many causes are written out; near names are looked for only in these, each look reads every name."""


def describe_conflict(candidates: Candidates, conflict: Conflict, wanted: Sequence[str]) -> list[str]:
    """Return one sentence for each need that took part, those of several versions of a plugin in one.

    The needs of wanted plugins are told first, in the order of wanting.
    """
    place = {plugin_id: number for number, plugin_id in enumerate(wanted)}
    owners: dict[tuple[str, Need], list[PluginMetadata]] = {}
    for owner, need in sorted(conflict.facts, key=lambda fact: place.get(fact[0].id, len(place))):
        owners.setdefault((owner.id, need), []).append(owner)
        for other in needs_of(owner):
            # A search stops at the first need that nothing at all meets; a reader wants to know of the others, too.
            if not _is_met(candidates, owner, other):
                row = owners.setdefault((owner.id, other), [])
                if owner not in row:
                    row.append(owner)
    sentences: dict[str, None] = {}
    for sentence in islice(_sentences(candidates, conflict, owners), READABLE + 1):
        sentences[sentence] = None
    return shorten(list(sentences))


def shorten(causes: Sequence[str]) -> list[str]:
    """Keep what a person would read, and say that there is more."""
    if len(causes) <= READABLE:
        return list(causes)
    return [*causes[:READABLE], "and more of the kind"]


def _sentences(
    candidates: Candidates, conflict: Conflict, owners: dict[tuple[str, Need], list[PluginMetadata]]
) -> Iterator[str]:
    for plugin_id in conflict.roots:
        if not candidates.registered(plugin_id):
            yield f"plugin '{plugin_id}' is not registered{offer(near_names(plugin_id, candidates.ids))}"
    for (_, need), group in owners.items():
        yield from _need_sentences(candidates, _subject(group), need, group[0])
    targets = {need.target for _, need in owners}
    for plugin_id, unnamed in conflict.ids.items():
        if unnamed:
            yield f"plugin '{plugin_id}' {_versions(unnamed)}: a pre-release has to be named by a range"
        yield from exclusions(candidates, plugin_id)
        targets.discard(plugin_id)
    for plugin_id in sorted(targets):
        yield from exclusions(candidates, plugin_id)


def exclusions(candidates: Candidates, plugin_id: str) -> Iterator[str]:
    """Say which versions of an id were out of the question, whoever needs it."""
    if plugin_id in candidates.excluded:
        yield f"plugin '{plugin_id}' is {candidates.excluded[plugin_id]}"
        return
    pin = candidates.pins.get(plugin_id)
    loaded = candidates.active.get(plugin_id)
    registered = candidates.registered(plugin_id)
    if pin is not None:
        outside = [plugin for plugin in registered if not pin.matches(plugin.version)]
        if outside:
            yield f"plugin '{plugin_id}' {_versions(outside)}: the host's preferences ask for {pin}"
    if loaded is not None:
        others = [plugin for plugin in registered if plugin.version != loaded.version]
        if others:
            yield f"plugin '{plugin_id}' {_versions(others)}: {loaded.version} is loaded and stays"


def _need_sentences(candidates: Candidates, subject: str, need: Need, owner: PluginMetadata) -> Iterator[str]:
    target, plugin_range, contract_range = need
    for text in (plugin_range, contract_range):
        if text is not None:
            try:
                parse_range(text)
            except VersionError as error:
                yield f"{subject} '{target}' in a range that is unreadable: {error}"
                return
    if plugin_range is not None:
        known = candidates.registered(target)
        if not known:
            near = offer(near_names(target, candidates.ids))
            yield f"{subject} plugin '{target}' {plugin_range}, which is not registered{near}"
            return
        outside = [plugin for plugin in known if not candidates.accepts(plugin_range, plugin.version)]
        if outside:
            yield f"plugin '{target}' {_versions(outside)}: {subject} {plugin_range}{_pre(outside, plugin_range)}"
    if contract_range is not None:
        yield from _capability_sentences(candidates, subject, need, owner)


def _capability_sentences(candidates: Candidates, subject: str, need: Need, owner: PluginMetadata) -> Iterator[str]:
    target, plugin_range, contract_range = need
    ids = [target] if plugin_range is not None else candidates.providers(target)
    ids = sorted(plugin_id for plugin_id in ids if plugin_id != owner.id)
    fitting: list[str] = []
    outside = False
    for plugin_id in ids:
        for plugin in candidates.registered(plugin_id):
            version = next((token.version for token in plugin.provides if token == target), None)
            if version is None:
                continue
            if candidates.accepts(str(contract_range), version):
                fitting.append(plugin_id)
            else:
                outside = True
                yield (f"capability '{target}' {version} of '{plugin_id}' {plugin.version}: {subject} {contract_range}")
    if fitting:
        names = ", ".join(f"'{plugin_id}'" for plugin_id in dict.fromkeys(fitting))
        yield f"{subject} capability '{target}' {contract_range}, which only {names} can provide"
        for plugin_id in dict.fromkeys(fitting):
            if plugin_id in candidates.excluded:
                yield from exclusions(candidates, plugin_id)
    elif not outside:
        others = candidates.capabilities - {target}
        near = offer(near_names(target, others))
        yield (
            f"{subject} capability '{target}' {contract_range}, which nothing else provides{near}"
            if (target in candidates.capabilities)
            else f"{subject} capability '{target}' {contract_range}, which nothing provides{near}"
        )


def _is_met(candidates: Candidates, owner: PluginMetadata, need: Need) -> bool:
    """Tell whether some candidate meets ``need``, whatever it needs itself."""
    ids = [need.target] if need.plugin_range is not None else candidates.providers(need.target)
    return any(
        candidates.meets(plugin, need)
        for plugin_id in ids
        if plugin_id != owner.id
        for plugin in candidates.ranked(plugin_id)
    )


def _subject(owners: Sequence[PluginMetadata]) -> str:
    return f"'{owners[0].id}' {_versions(owners)} {'require' if len(owners) > 1 else 'requires'}"


def _versions(plugins: Sequence[PluginMetadata]) -> str:
    return ", ".join(plugin.version for plugin in plugins)


def _pre(outside: Sequence[PluginMetadata], text: str) -> str:
    """Explain why a pre-release that looks right is not in a range."""
    named = [plugin for plugin in outside if parse_version(plugin.version).is_prerelease]
    return f"; a pre-release has to be named, as in >={named[0].version}" if len(named) == len(outside) else ""
