"""The registry: which plugins are known, in which state, and who offers what."""

from __future__ import annotations

import threading
from enum import Enum
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .errors import PluginExistsError, PluginNotFoundError, PluginStateError, PluginTypeError, near_names
from .values import replace, value
from .versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .exclusion import Exclusion
    from .metadata import PluginMetadata
    from .plugin import Plugin, PluginSource

T = TypeVar("T")


class PluginState(Enum):
    """Where a plugin is in its life: ``REGISTERED -> LOADING -> ACTIVE -> UNLOADING -> REGISTERED``, or ``FAILED``."""

    REGISTERED = "registered"
    LOADING = "loading"
    ACTIVE = "active"
    UNLOADING = "unloading"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value


@value(frozen=True, slots=True)
class PluginFailure:
    """What went wrong, as text: an exception object would keep the failed plugin's frames alive.

    Args:
        step: ``open``, ``configure``, ``on_load``, ``restore_state`` or ``provide``; in a ``load_all`` also
            ``resolve`` where the needs can't be met, and ``dependency`` where another plugin failed.
        error_type: The exception's qualified name.
        message: What it said.
        traceback: The formatted traceback.
        version: Which version of the plugin failed; empty where it is all the same, as the reason lies in its needs.
    """

    step: str
    error_type: str
    message: str
    traceback: str = ""
    version: str = ""


@value(frozen=True, slots=True)
class PluginRecord:
    """What is known of one plugin id at one moment.

    Args:
        metadata: Of the loaded version; while none is loaded, of the newest candidate.
        state: Where it is in its life.
        candidates: The sources of all registered versions, newest first.
        source: Where the loaded version comes from.
        plugin: The plugin itself while it is active.
        failure: Why the last load failed.
        failed_loads: How many loads in a row failed in the plugin itself.
        exclusion: Why it is kept out of every plan, None while it is not.
    """

    metadata: PluginMetadata
    state: PluginState
    candidates: tuple[PluginSource, ...]
    source: PluginSource | None = None
    plugin: Plugin | None = None
    failure: PluginFailure | None = None
    failed_loads: int = 0
    exclusion: Exclusion | None = None

    @property
    def id(self) -> str:
        """Return the plugin's id."""
        return self.metadata.id

    @property
    def origin(self) -> str:
        """Say where the plugin comes from."""
        return (self.source or self.candidates[0]).origin


class PluginRegistry:
    """Map plugin ids to records. Readers get immutable snapshots; every change is one step.

    All calls are safe from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._records: dict[str, PluginRecord] = {}
        # Id to its place in the order of registration, which a change of the metadata does not alter.
        self._places: dict[str, int] = {}
        self._next_place = count()
        # Text of a capability to the ids that offer it.
        self._by_capability: dict[str, set[str]] = {}

    def register(self, source: PluginSource) -> PluginRecord:
        """Make a plugin known; a further version of a known id becomes one more candidate.

        Raises:
            PluginExistsError: This very version is registered; names both origins.
        """
        metadata = source.metadata
        with self._lock:
            present = self._records.get(metadata.id)
            if present is None:
                record = PluginRecord(metadata, PluginState.REGISTERED, (source,))
                return self._put(metadata.id, None, record)
            version = parse_version(metadata.version)
            for other in present.candidates:
                if parse_version(other.metadata.version) == version:
                    raise PluginExistsError(metadata.id, metadata.version, source.origin, other.origin)
            candidates = tuple(sorted((*present.candidates, source), key=_version_of, reverse=True))
            return self._put(metadata.id, present, _settled(replace(present, candidates=candidates)))

    def unregister(self, plugin_id: str, version: str | None = None) -> None:
        """Forget a plugin, or one version of it.

        Raises:
            PluginNotFoundError: It is not known.
            PluginStateError: It is loaded, or on its way.
        """
        with self._lock:
            record = self.record(plugin_id)
            wanted = None if version is None else parse_version(version)
            staying = tuple(one for one in record.candidates if wanted is not None and _version_of(one) != wanted)
            if wanted is not None and len(staying) == len(record.candidates):
                raise PluginNotFoundError(f"{plugin_id} {version}")
            if record.source is not None and record.source not in staying:
                raise PluginStateError("unregister", plugin_id, str(record.state), "unload it first")
            if staying:
                if record.failure is not None and record.failure.version:
                    record = _forgiven(record, staying)
                self._put(plugin_id, self._records[plugin_id], _settled(replace(record, candidates=staying)))
            else:
                self._drop_from_index(record)
                del self._records[plugin_id], self._places[plugin_id]

    def change(self, plugin_id: str, **facts: Any) -> PluginRecord:
        """Replace facts of a record in one step. For the kernel alone."""
        return self.change_to(plugin_id, facts)

    def begin_load(self, plugin_id: str, source: PluginSource) -> None:
        """Mark a plugin as loading from one of its candidates. For the kernel alone."""
        with self._lock:
            old = self._records[plugin_id]
            new = _made(
                source.metadata, PluginState.LOADING, old.candidates, source, old.plugin, old.failure, old.failed_loads,
                old.exclusion,
            )  # fmt: skip
            if new.metadata is old.metadata:
                self._records[plugin_id] = new
            else:
                self._put(plugin_id, old, new)

    def end_load(self, plugin_id: str, plugin: Plugin) -> None:
        """Mark a plugin as active, with no failure. For the kernel alone."""
        with self._lock:
            old = self._records[plugin_id]
            self._records[plugin_id] = _made(
                old.metadata, PluginState.ACTIVE, old.candidates, old.source, plugin, None, 0, old.exclusion
            )

    def change_to(self, plugin_id: str, facts: dict[str, Any]) -> PluginRecord:
        """Replace facts of a record in one step, as ``change``. For the kernel alone."""
        with self._lock:
            record = self._records.get(plugin_id) or self.record(plugin_id)
            changed = _changed(record, facts)
            if "source" in facts or "candidates" in facts:
                changed = _settled(changed)
            if changed.metadata is record.metadata:
                self._records[plugin_id] = changed
                return changed
            return self._put(plugin_id, record, changed)

    def replace(
        self, plugin_id: str, candidates: tuple[PluginSource, ...], source: PluginSource, plugin: Plugin
    ) -> PluginRecord:
        """Put another version of a loaded plugin in its place. For the kernel alone."""
        ordered = tuple(sorted(candidates, key=_version_of, reverse=True))
        return self.change(plugin_id, candidates=ordered, source=source, plugin=plugin)

    def exchange_candidate(self, plugin_id: str, old: PluginSource, new: PluginSource) -> PluginRecord:
        """Put a source in the place of another one of which nothing is loaded. For the kernel alone."""
        with self._lock:
            staying = (one for one in self.record(plugin_id).candidates if one is not old)
            candidates = tuple(sorted((*staying, new), key=_version_of, reverse=True))
            return self.change(plugin_id, candidates=candidates)

    def record(self, plugin_id: str) -> PluginRecord:
        """Return what is known of a plugin now.

        Raises:
            PluginNotFoundError: It is not registered; offers near names.
        """
        try:
            return self._records[plugin_id]
        except KeyError:
            raise PluginNotFoundError(plugin_id, near_names(plugin_id, self._records)) from None

    def find(self, plugin_id: str) -> PluginRecord | None:
        """Return what is known of a plugin now, or None where it is not registered."""
        return self._records.get(plugin_id)

    @overload
    def get(self, plugin_id: str) -> Plugin: ...
    @overload
    def get(self, plugin_id: str, expected: type[T]) -> T: ...
    def get(self, plugin_id: str, expected: type[Any] | None = None) -> Any:
        """Return an active plugin.

        Raises:
            PluginNotFoundError: It is not registered.
            PluginStateError: It is not active.
            PluginTypeError: It is of another type than expected; names both.
        """
        record = self.record(plugin_id)
        if record.plugin is None:
            raise PluginStateError("get", plugin_id, str(record.state), "load it first")
        if expected is not None and not isinstance(record.plugin, expected):
            raise PluginTypeError(plugin_id, expected.__qualname__, type(record.plugin).__qualname__)
        return record.plugin

    def snapshot(self) -> Mapping[str, PluginRecord]:
        """Return all records as they are now, in order of registration."""
        with self._lock:
            return MappingProxyType(dict(self._records))

    def list(self, state: PluginState | None = None) -> tuple[str, ...]:
        """Return the ids, sorted; of one state alone if given."""
        return tuple(sorted(one.id for one in self.snapshot().values() if state is None or one.state is state))

    def find_by_capability(self, capability: str) -> tuple[PluginRecord, ...]:
        """Return the plugins that offer a capability, in order of registration, from an index."""
        with self._lock:
            known = [one for one in self._by_capability.get(capability, ()) if one in self._records]
            return tuple(self._records[plugin_id] for plugin_id in sorted(known, key=self._places.__getitem__))

    def __contains__(self, plugin_id: object) -> bool:
        return plugin_id in self._records

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[PluginRecord]:
        return iter(self.snapshot().values())

    def _put(self, plugin_id: str, old: PluginRecord | None, new: PluginRecord) -> PluginRecord:
        if old is None or new.metadata is not old.metadata:
            if old is None:
                self._places[plugin_id] = next(self._next_place)
            else:
                self._drop_from_index(old)
            for capability in new.metadata.provides:
                self._by_capability.setdefault(str(capability), set()).add(plugin_id)
        self._records[plugin_id] = new
        return new

    def _drop_from_index(self, record: PluginRecord) -> None:
        # Whatever is missing was dropped before an interrupt: the change is being made for the second time.
        for capability in record.metadata.provides:
            offering = self._by_capability.get(capability, set())
            offering.discard(record.id)
            if not offering:
                self._by_capability.pop(capability, None)


class _Draft:
    """A record that is being written; it becomes one by a change of its class, and nothing changes it any more.

    Each load and each unload makes two records, and to set the facts of what is frozen takes three times as long.
    """

    __slots__ = PluginRecord.__slots__


def _made(
    metadata: PluginMetadata,
    state: PluginState,
    candidates: tuple[PluginSource, ...],
    source: PluginSource | None,
    plugin: Plugin | None,
    failure: PluginFailure | None,
    failed_loads: int,
    exclusion: Exclusion | None,
) -> PluginRecord:
    draft: Any = _Draft()
    draft.metadata = metadata
    draft.state = state
    draft.candidates = candidates
    draft.source = source
    draft.plugin = plugin
    draft.failure = failure
    draft.failed_loads = failed_loads
    draft.exclusion = exclusion
    draft.__class__ = PluginRecord
    made: PluginRecord = draft
    return made


def _changed(old: PluginRecord, facts: Mapping[str, Any]) -> PluginRecord:
    """Return a copy of a record with other facts."""
    fact = facts.get
    return _made(
        fact("metadata", old.metadata),
        fact("state", old.state),
        fact("candidates", old.candidates),
        fact("source", old.source),
        fact("plugin", old.plugin),
        fact("failure", old.failure),
        fact("failed_loads", old.failed_loads),
        fact("exclusion", old.exclusion),
    )


def _version_of(source: PluginSource) -> Any:
    return parse_version(source.metadata.version)


def _settled(record: PluginRecord) -> PluginRecord:
    """Let a record describe what is loaded, or else its newest candidate."""
    metadata = (record.source or record.candidates[0]).metadata
    return record if metadata is record.metadata else replace(record, metadata=metadata)


def _forgiven(record: PluginRecord, staying: tuple[PluginSource, ...]) -> PluginRecord:
    """Forget a failure, and the quarantine that came of it, where the version that failed does not stay."""
    failure, exclusion = record.failure, record.exclusion
    if failure is None or any(_version_of(one) == parse_version(failure.version) for one in staying):
        return record
    if exclusion is not None and exclusion.is_automatic:
        exclusion = None
    state = PluginState.REGISTERED if record.state is PluginState.FAILED else record.state
    return replace(record, state=state, failure=None, failed_loads=0, exclusion=exclusion)
