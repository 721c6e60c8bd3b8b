"""What a plugin says of itself, readable without running it."""

from __future__ import annotations

import re
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from .capabilities import Capability, Requirement
from .errors import MetadataError, VersionError
from .values import field, replace, value
from .versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_ID: Final = r"[A-Za-z][A-Za-z0-9_.-]{0,127}"
# Requirements are values, and many plugins need the same ones.
_dependency: Callable[[str, str], Requirement] = lru_cache(maxsize=4096)(Requirement)
_EMPTY: Final[Mapping[str, str]] = MappingProxyType({})


@value(frozen=True, slots=True)
class PluginMetadata:
    """Describe a plugin: who it is, what it provides, what it needs. Immutable; each ``with_…`` returns a new value.

    Args:
        id: Unique in a kernel: a letter, then up to 127 letters, digits, ``_``, ``.`` or ``-``.
        version: The plugin's version (PEP 440, which reads ordinary SemVer too).
        name: For people; the id when empty.
        description: One sentence for people.
        author: For people.
        dependencies: Plugin id to version range: each must be loaded before this plugin.
        provides: Capabilities on offer. One with a contract must be provided in ``on_load``; the others are labels.
        requires: Capabilities, or optional plugins, that this plugin needs.
        metadata: Free text facts, found again in ``inspect`` and in indexes.

    Raises:
        MetadataError: Names every fault at once.
    """

    id: str
    version: str
    name: str = ""
    description: str = ""
    author: str = ""
    dependencies: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    provides: tuple[Capability[Any], ...] = ()
    requires: tuple[Requirement, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=lambda: _EMPTY)

    def __post_init__(self) -> None:
        faults = tuple(self._faults())
        if faults:
            raise MetadataError(str(self.id), faults)
        put = object.__setattr__
        put(self, "dependencies", MappingProxyType(dict(self.dependencies)) if self.dependencies else _EMPTY)
        put(self, "metadata", MappingProxyType(dict(self.metadata)) if self.metadata else _EMPTY)
        put(self, "provides", tuple(self.provides))
        put(self, "requires", tuple(self.requires))

    @property
    def requirements(self) -> Iterator[Requirement]:
        """Yield the dependencies and what is required, in the order of their declaration."""
        for plugin_id, version_range in self.dependencies.items():
            yield _dependency(plugin_id, version_range)
        yield from self.requires

    def with_name(self, name: str) -> PluginMetadata:
        """Return a copy with a name for people."""
        return replace(self, name=name)

    def with_description(self, description: str) -> PluginMetadata:
        """Return a copy with a description."""
        return replace(self, description=description)

    def with_author(self, author: str) -> PluginMetadata:
        """Return a copy with an author."""
        return replace(self, author=author)

    def with_capability(self, capability: Capability[Any]) -> PluginMetadata:
        """Return a copy that provides one capability more."""
        return replace(self, provides=(*self.provides, capability))

    def with_dependency(self, plugin_id: str, version_range: str = "*") -> PluginMetadata:
        """Return a copy that depends on one plugin more; the last range given for an id counts."""
        return replace(self, dependencies={**self.dependencies, plugin_id: version_range})

    def with_requirement(
        self, target: Capability[Any] | str, version_range: str = "*", *, optional: bool = False
    ) -> PluginMetadata:
        """Return a copy that requires one capability or plugin more."""
        return replace(self, requires=(*self.requires, Requirement(target, version_range, optional)))

    def with_metadata(self, key: str, value: str) -> PluginMetadata:
        """Return a copy with one free fact more."""
        return replace(self, metadata={**self.metadata, key: value})

    def __reduce__(self) -> tuple[Any, ...]:
        facts = (self.id, self.version, self.name, self.description, self.author)
        return PluginMetadata, (
            *facts,
            dict(self.dependencies),
            self.provides,
            self.requires,
            dict(self.metadata),
        )

    def __hash__(self) -> int:
        return hash((self.id, self.version))

    def _faults(self) -> Iterator[str]:
        if not isinstance(self.id, str) or not re.fullmatch(_ID, self.id):
            yield "an id is a letter, then up to 127 letters, digits, '_', '.' or '-'"
        if not isinstance(self.version, str):
            yield f"a version is text, not {type(self.version).__name__} {self.version!r}"
        else:
            try:
                parse_version(self.version)
            except VersionError as error:
                yield str(error)
        for requirement in self.requirements:
            if not requirement.is_capability and requirement.target == self.id:
                yield "it depends on itself"
            elif not re.fullmatch(_ID, str(requirement.target)) and not requirement.is_capability:
                yield f"'{requirement.target}' is no plugin id"
        seen: set[str] = set()
        for capability in self.provides:
            if not isinstance(capability, Capability):
                yield f"'{capability!r}' in provides is no Capability"
            elif capability in seen:
                yield f"it provides '{capability}' twice"
            seen.add(str(capability))
