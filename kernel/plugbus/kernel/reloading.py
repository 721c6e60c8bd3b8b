"""Reload: the same plugins are taken down and brought up again, from their sources read anew."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from .errors import PluginExistsError, PluginUnloadError, ReloadError
from .keeping import Carry
from .leaving import claim_leaving
from .load_cause import LoadCause, LoadCauseKind
from .outcomes import ReloadReport
from .registry import PluginState
from .versions import parse_version

if TYPE_CHECKING:
    from .keeping import StateKeeper
    from .loading import Loading
    from .metadata import PluginMetadata
    from .planning import Planner
    from .plugin import PluginSource
    from .registry import PluginRecord, PluginRegistry
    from .resolver import Plan
    from .transitions import Transitions
    from .unloading import Unloading


class _UnreadError(Exception):
    """Carry the sources that have to be read anew, which is not done with the lock held."""

    def __init__(self, sources: dict[str, PluginSource]) -> None:
        super().__init__()
        self.sources = sources


class Reload:
    """Take a plugin and what needs it down, and bring the same ids up again.

    1. ``plan``: sources are read anew where they can be, and their needs resolved. A failure here touches nothing.
    2. All are unloaded; what they save is kept for step 3, and stored where there is a store.
    3. All are loaded again, with what they need now; each restores what it saved, where the versions agree.

    Args:
        registry: Of the kernel.
        transitions: Of the kernel.
        planner: Plans step 3 before step 2.
        loading: Carries step 3 out.
        unloading: Carries step 2 out.
        keeper: Carries the state over.
        plugin_id: The plugin.
    """

    def __init__(
        self,
        registry: PluginRegistry,
        transitions: Transitions,
        planner: Planner,
        loading: Loading,
        unloading: Unloading,
        keeper: StateKeeper,
        plugin_id: str,
    ) -> None:
        self._registry = registry
        self._transitions = transitions
        self._planner = planner
        self._loading = loading
        self._unloading = unloading
        self._keeper = keeper
        self._plugin_id = plugin_id
        # Of each plugin that is to go: the source that it was loaded from, and the one that it is loaded from again.
        self._renewed: dict[str, tuple[PluginSource, PluginSource]] = {}
        self._leaving: tuple[str, ...] = ()
        self._carry = Carry()

    def run(self, *, cascade: bool) -> ReloadReport:
        """Carry the reload out.

        Raises:
            ReloadError: A source is now that of another plugin.
            PluginExistsError: A source now has a version that another one has.
            ResolutionError: The needs can't be met any more.
            PluginLoadError: One could not be loaded again.
        """
        failures: tuple[Exception, ...] = ()
        try:
            try:
                self._unload(cascade=cascade)
            except PluginUnloadError as error:
                failures = error.exceptions
            loaded = self._loading.load_planned(self._plan_again, LoadCause(LoadCauseKind.RELOADED))
        except BaseException as error:
            gone = [one for one in self._leaving if self._state(one) is not PluginState.ACTIVE]
            if gone:
                self._keeper.begin(self._carry, gone)
                error.add_note(f"unloaded for a reload, and not loaded again: {', '.join(map(repr, gone))}")
            raise
        carry = self._carry
        return ReloadReport(self._leaving, loaded, tuple(carry.restored), MappingProxyType(carry.refused), failures)

    def _unload(self, *, cascade: bool) -> None:
        """Plan, and unload what is to go; what is read anew is read before, without the lock."""
        while True:
            try:
                self._unloading.unload(lambda: self._select(cascade=cascade))
            except _UnreadError as unread:
                self._renewed = {one: (source, renewed(source)) for one, source in unread.sources.items()}
            else:
                return

    def _select(self, *, cascade: bool) -> tuple[str, ...]:
        """Say what is to go, once there is a plan for its return; with the lock held."""
        while True:
            self._transitions.refuse_when_closed("reload plugins")
            self._transitions.wait_for((self._plugin_id,), "reload")
            leaving = claim_leaving(self._registry, self._transitions, self._plugin_id, "reload", cascade=cascade)
            if leaving is None:
                continue
            sources = {one: self._transitions.loaded[one].source for one in leaving}
            if sources != {one: old for one, (old, _) in self._renewed.items()}:
                raise _UnreadError(sources)
            for record in map(self._registry.record, leaving):
                self._refuse_other(record)
            plan = self._planner.plan_for_reload(leaving[::-1], self._metadata())
            others = (one.id for one in plan.order if one.id not in sources)
            if not self._transitions.wait_for(others, "reload with"):
                self._keeper.begin(self._carry, leaving)
                self._leaving = leaving
                return leaving

    def _refuse_other(self, record: PluginRecord) -> None:
        """Raise where what a source says of itself now can't take its own place."""
        old, new = self._renewed[record.id]
        if new.metadata.id != record.id:
            raise ReloadError(record.id, f"'{new.origin}' is now plugin '{new.metadata.id}'")
        version = parse_version(new.metadata.version)
        for other in record.candidates:
            if other is not old and parse_version(other.metadata.version) == version:
                raise PluginExistsError(record.id, new.metadata.version, new.origin, other.origin)

    def _plan_again(self) -> Plan:
        """Let the renewed sources take the places of the old ones, and plan with them; with the lock held."""
        self._transitions.wait_for(self._renewed, "load")
        again = self._metadata()
        for plugin_id, (old, new) in self._renewed.items():
            record = self._registry.record(plugin_id)
            if record.source is not None or not any(one is old for one in record.candidates):
                del again[plugin_id]  # another thread has changed it meanwhile, and has its way
            elif new is not old:
                self._registry.exchange_candidate(plugin_id, old, new)
        return self._planner.plan_for_reload(tuple(self._renewed)[::-1], again)

    def _metadata(self) -> dict[str, PluginMetadata]:
        return {plugin_id: new.metadata for plugin_id, (_, new) in self._renewed.items()}

    def _state(self, plugin_id: str) -> PluginState | None:
        return self._registry.record(plugin_id).state if plugin_id in self._registry else None


def renewed(source: PluginSource) -> PluginSource:
    """Return a source of the same place that was read anew, or the very one where it can't be read anew."""
    renew = getattr(source, "renew", None)
    if renew is None:
        return source
    found: PluginSource = renew()
    return found
