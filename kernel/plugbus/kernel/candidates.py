"""What a resolution may choose from: candidates ranked best first, capability providers, the host's preferences."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .errors import VersionError
from .ranges import parse_range
from .versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    from .metadata import PluginMetadata
    from .ranges import VersionRange


class Need(NamedTuple):
    """Everything that one plugin demands under one target text, to be met by one provider.

    Attributes:
        target: A plugin's id, a capability's text, or both when the plugin of this id must provide the capability too.
        plugin_range: The range of the plugin's version, None when any plugin that provides the capability will do.
        contract_range: The range of the capability's version, None when only the plugin itself is demanded.
    """

    target: str
    plugin_range: str | None
    contract_range: str | None


def needs_of(plugin: PluginMetadata) -> list[Need]:
    """List what ``plugin`` can't do without; several ranges on one target become one comma list."""
    if not plugin.requires:
        return [Need(target, text, None) for target, text in plugin.dependencies.items()]
    ranges: dict[str, tuple[list[str], list[str]]] = {}
    for requirement in plugin.requirements:
        if not requirement.optional:
            row = ranges.setdefault(str(requirement.target), ([], []))
            row[requirement.is_capability].append(requirement.range)
    return [Need(target, ",".join(ids) or None, ",".join(caps) or None) for target, (ids, caps) in ranges.items()]


class Candidates:
    """Rank the candidates of each id, once and on demand; nothing here changes what the caller handed in.

    A stable version goes before every pre-release, then the newest first, then the order of declaration.

    Attributes:
        accepted: What :meth:`accepts` has answered, by range and version, for the loops in which even its call counts.
        active: Loaded plugins by id. Such an id has this one candidate.
        first: The best candidate of an id, for ids that have one version or were ranked already.
        loaded: The loaded plugins that may be used: those inside their pins.
        pins: Ranges that the host's preferences restrict an id to.
        preferred: Capability text to the id of the provider that the host prefers.
        excluded: Ids that may not be chosen, to the reason why.
        faults: What can't be read in the preferences, as sentences.
    """

    __slots__ = (
        "_groups",
        "_listed",
        "_providers",
        "_ranked",
        "_single",
        "accepted",
        "active",
        "excluded",
        "faults",
        "first",
        "loaded",
        "pins",
        "preferred",
    )

    def __init__(
        self,
        candidates: Iterable[PluginMetadata],
        preferences: Mapping[str, str],
        active: Iterable[PluginMetadata],
        excluded: Mapping[str, str] | None = None,
    ) -> None:
        self._listed = tuple(candidates)
        self.excluded = dict(excluded or {})
        self.active = {plugin.id: plugin for plugin in active}
        self._single = {plugin.id: plugin for plugin in self._listed}
        self._groups: dict[str, list[PluginMetadata]] = {}
        self._ranked: dict[str, tuple[PluginMetadata, ...]] = {}
        self._providers: dict[str, list[str]] | None = None
        self.accepted: dict[str, dict[str, bool]] = {}
        self.pins: dict[str, VersionRange] = {}
        self.preferred: dict[str, str] = {}
        self.faults: list[str] = []
        self._read(preferences)
        if len(self._single) < len(self._listed):
            for plugin in self._listed:
                self._groups.setdefault(plugin.id, []).append(plugin)
            self.first = {plugin_id: group[0] for plugin_id, group in self._groups.items() if len(group) == 1}
        else:
            self.first = dict(self._single)
        self.loaded: dict[str, PluginMetadata] = {}
        if self.active or self.pins or self.excluded:
            for plugin_id in (*self.active, *self.pins, *self.excluded):
                self.first.pop(plugin_id, None)
            self.loaded = {plugin_id: plugin for plugin_id, plugin in self.active.items() if self.ranked(plugin_id)}

    def _read(self, preferences: Mapping[str, str]) -> None:
        for key, value in preferences.items():
            # An id begins with a letter and no range that says something does.
            if value[:1].isalpha():
                self.preferred[str(key)] = value
                continue
            try:
                self.pins[str(key)] = parse_range(value)
            except VersionError as error:
                self.faults.append(f"the host's preference for '{key}' is unreadable: {error}")

    def registered(self, plugin_id: str) -> list[PluginMetadata]:
        """List every version of an id, loaded or not, best first."""
        group = self._groups.get(plugin_id)
        if group is None:
            group = [self._single[plugin_id]] if plugin_id in self._single else []
        loaded = self.active.get(plugin_id)
        if loaded is not None and all(plugin.version != loaded.version for plugin in group):
            group = [*group, loaded]
        return _best_first(group)

    def ranked(self, plugin_id: str) -> tuple[PluginMetadata, ...]:
        """Return the versions of an id that may be chosen, best first: the loaded one, or those inside its pin.

        None of an id that is excluded.
        """
        known = self._ranked.get(plugin_id)
        if known is not None:
            return known
        group: list[PluginMetadata]
        if plugin_id in self.excluded:
            group = []
        elif plugin_id in self.active:
            group = [self.active[plugin_id]]
        elif plugin_id in self._groups:
            group = _best_first(self._groups[plugin_id])
        else:
            group = self.registered(plugin_id)
        pin = self.pins.get(plugin_id)
        if pin is not None:
            group = [plugin for plugin in group if pin.matches(plugin.version)]
        usable = self._ranked[plugin_id] = tuple(group)
        if usable:
            self.first[plugin_id] = usable[0]
        return usable

    @property
    def ids(self) -> set[str]:
        """Every id that is registered or loaded."""
        return self._single.keys() | self.active.keys()

    @property
    def capabilities(self) -> set[str]:
        """The text of every capability that some candidate or loaded plugin provides."""
        return set(self._provided())

    def providers(self, capability: str) -> list[str]:
        """List the ids of which some version provides ``capability``, loaded ones first."""
        return self._provided().get(capability, [])

    def _provided(self) -> dict[str, list[str]]:
        if self._providers is None:
            found: dict[str, dict[str, None]] = {}
            for plugin in (*self.active.values(), *self._listed):
                for capability in plugin.provides:
                    found.setdefault(str(capability), {})[plugin.id] = None
            self._providers = {text: list(ids) for text, ids in found.items()}
        return self._providers

    def accepts(self, range_text: str, version: str) -> bool:
        """Tell whether a version is inside a range; a text that can't be read accepts nothing."""
        answers = self.accepted.setdefault(range_text, {})
        known = answers.get(version)
        if known is None:
            try:
                known = parse_range(range_text).matches(parse_version(version))
            except VersionError:
                known = False
            answers[version] = known
        return known

    def meets(self, plugin: PluginMetadata, need: Need) -> bool:
        """Tell whether ``plugin`` is, and provides, what is needed."""
        target, plugin_range, contract_range = need
        if plugin_range is not None and (plugin.id != target or not self.accepts(plugin_range, plugin.version)):
            return False
        if contract_range is None:
            return True
        return any(
            capability == target and self.accepts(contract_range, capability.version) for capability in plugin.provides
        )

    def sort_providers(
        self, need: Need, fitting: Iterable[PluginMetadata], taken: Container[str]
    ) -> list[PluginMetadata]:
        """Sort plugins that meet ``need``: the preferred one, those taken already, the newest, as declared.

        Newest is meant by the capability's version first, and by the plugin's among equals.
        """
        preferred = self.preferred.get(need.target)
        ordered = sorted(fitting, key=lambda plugin: rank_provider(plugin, need.target), reverse=True)
        active = self.active
        ordered.sort(key=lambda plugin: (plugin.id != preferred, plugin.id not in taken and plugin.id not in active))
        return ordered

    def met_wishes(
        self, owner: PluginMetadata, chosen: Mapping[str, PluginMetadata]
    ) -> Iterator[tuple[str, str, list[str]]]:
        """Yield ``(owner's id, target, ids that meet it, best first)`` for each optional requirement that is met."""
        for requirement in owner.requires:
            target = str(requirement.target)
            if not requirement.optional:
                continue
            if requirement.is_capability:
                need = Need(target, None, requirement.range)
                there = [chosen[plugin_id] for plugin_id in self.providers(target) if plugin_id in chosen]
                there = [plugin for plugin in there if plugin.id != owner.id and self.meets(plugin, need)]
                ids = [plugin.id for plugin in self.sort_providers(need, there, ())]
            else:
                found = chosen.get(target)
                ids = [target] if found is not None and self.accepts(requirement.range, found.version) else []
            if ids:
                yield owner.id, target, ids


def is_prerelease(plugin: PluginMetadata) -> bool:
    """Tell whether a plugin's version is a pre-release."""
    return not _rank(plugin.version)[0]


@lru_cache(maxsize=4096)
def _rank(version: str) -> tuple[bool, tuple[object, ...]]:
    parsed = parse_version(version)
    return not parsed.is_prerelease, parsed.key


def _best_first(group: list[PluginMetadata]) -> list[PluginMetadata]:
    if len(group) == 1:
        return group
    return sorted(group, key=lambda plugin: _rank(plugin.version), reverse=True)


def rank_provider(plugin: PluginMetadata, target: str) -> tuple[object, ...]:
    """Return what providers of a capability are compared by: stable ones first, then the newest."""
    stable, key = _rank(plugin.version)
    contract = next(capability.version for capability in plugin.provides if capability == target)
    return stable, parse_version(contract).key, key
