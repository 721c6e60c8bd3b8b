"""Loading and unloading sets of plugins: claim them, run the steps without a lock, settle them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from .errors import FailedDependencyError, PluginLoadError, PluginUnloadError, ResolutionError
from .events import CapabilityProvided, CapabilityWithdrawn, PluginFailed, PluginLoaded, PluginUnloaded
from .lifecycle import PluginBringUp, StepFailure, describe_failure, take_down
from .registry import PluginFailure, PluginState
from .resolver import Plan, resolve
from .transitions import MOVING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .bus import EventBus
    from .lifecycle import LoadedPlugin
    from .locator import Provision, ServiceLocator
    from .metadata import PluginMetadata
    from .plugin import Plugin
    from .registry import PluginRegistry
    from .transitions import Transitions


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of a ``load_all``.

    Args:
        loaded: The ids that became active, in the order of their loading.
        failed: Id to failure for all that did not.
    """

    loaded: tuple[str, ...]
    failed: Mapping[str, PluginFailure]

    @property
    def is_complete(self) -> bool:
        """Tell whether everything was loaded."""
        return not self.failed


class Loading:
    """Carry out plans. Every change of a set is: claim all of it under the lock, run it without, settle each part."""

    def __init__(
        self,
        bus: EventBus,
        services: ServiceLocator,
        registry: PluginRegistry,
        transitions: Transitions,
        configure: Callable[[PluginMetadata, Plugin], object],
        preferences: Mapping[str, str],
    ) -> None:
        self._bus = bus
        self._services = services
        self._registry = registry
        self._transitions = transitions
        self._configure = configure
        self._preferences = preferences

    def resolve(self, plugin_ids: Iterable[str]) -> Plan:
        """Plan for the candidates that these plugins can reach, and no others: the cost follows what is asked for."""
        wanted = tuple(dict.fromkeys(plugin_ids))
        candidates: list[PluginMetadata] = []
        active: list[PluginMetadata] = []
        seen: set[str] = set()
        pending = [self._registry.record(plugin_id).id for plugin_id in reversed(wanted)]
        while pending:
            plugin_id = pending.pop()
            if plugin_id in seen or plugin_id not in self._registry:
                continue
            seen.add(plugin_id)
            record = self._registry.record(plugin_id)
            if record.source is not None and record.state is PluginState.ACTIVE:
                active.append(record.metadata)
                continue
            for source in record.candidates:
                candidates.append(source.metadata)
                for need in source.metadata.requirements:
                    if not need.is_capability:
                        pending.append(str(need.target))
                        continue
                    offering = self._registry.find_by_capability(str(need.target))
                    pending.extend(one.id for one in offering if one.state is not PluginState.FAILED)
        return resolve(candidates, wanted, self._preferences, active=active)

    def load(self, plugin_ids: Sequence[str]) -> tuple[str, ...]:
        """Load a plan, all or nothing."""
        plan = self._claim(plugin_ids)
        loaded: list[str] = []
        with self._transitions.changing():
            try:
                for metadata in plan.order:
                    self._load_one(metadata)
                    loaded.append(metadata.id)
            except BaseException:
                self._let_go(plan.order[len(loaded) + 1 :])
                self._give_back(loaded)
                raise
        return tuple(loaded)

    def load_all(self) -> LoadReport:
        """Load what can be loaded of everything that is registered; the rest fails with its reason."""
        with self._transitions.lock:
            wanted = [one.id for one in self._registry if one.plugin is None and one.state not in MOVING]
            failures: dict[str, PluginFailure] = {}
            possible = self._sift(wanted, failures)
            plan = self._claim(possible)
        for plugin_id, failure in failures.items():
            self._transitions.settle(plugin_id, PluginState.FAILED, failure=failure)
        loaded: list[str] = []
        with self._transitions.changing():
            for place, metadata in enumerate(plan.order):
                lost = [used for used in plan.providers.get(metadata.id, {}).values() if used in failures]
                try:
                    if lost:
                        raise FailedDependencyError(metadata.id, lost[0], failures[lost[0]].message)
                    self._load_one(metadata)
                    loaded.append(metadata.id)
                except FailedDependencyError as error:
                    failures[metadata.id] = self._fail(metadata, "dependency", error)
                except PluginLoadError as error:
                    failures[metadata.id] = describe_failure(error.step, error.__cause__ or error)
                except BaseException:
                    self._let_go(plan.order[place + 1 :])
                    raise
        return LoadReport(tuple(loaded), MappingProxyType(failures))

    def claim_for_unloading(self, plugin_ids: Iterable[str]) -> None:
        """Mark active plugins as unloading; with the lock held."""
        for plugin_id in plugin_ids:
            self._registry.change(plugin_id, state=PluginState.UNLOADING)

    def unload(self, plugin_ids: Iterable[str]) -> None:
        """Take claimed plugins down, one after the other, whatever fails.

        Raises:
            PluginUnloadError: Holds everything that failed.
        """
        with self._transitions.changing():
            failures = [failure for plugin_id in plugin_ids for failure in self._unload_one(plugin_id)]
        for failure in failures:
            if not isinstance(failure.error, Exception):
                raise failure.error
        errors = [failure.error for failure in failures if isinstance(failure.error, Exception)]
        if errors:
            where = ", ".join(f"'{one.plugin_id}' in {one.step}" for one in failures)
            raise PluginUnloadError(f"cannot unload plugins without failures: {where}; they are unloaded", errors)

    def _claim(self, plugin_ids: Sequence[str]) -> Plan:
        """Resolve, and mark everything that is to be loaded as loading, in one step."""
        with self._transitions.lock:
            while True:
                self._transitions.wait_for(plugin_ids, "load")
                plan = self.resolve(plugin_ids)
                if not self._transitions.wait_for((one.id for one in plan.order), "load"):
                    break
            for metadata in plan.order:
                for used in plan.providers.get(metadata.id, {}).values():
                    failure = self._registry.record(used).failure
                    if failure is not None and used not in plugin_ids:
                        raise FailedDependencyError(metadata.id, used, failure.message)
            for metadata in plan.order:
                candidates = self._registry.record(metadata.id).candidates
                source = next(one for one in candidates if one.metadata is metadata)
                self._registry.change(metadata.id, state=PluginState.LOADING, source=source, failure=None)
                self._transitions.bind(metadata.id, plan.providers.get(metadata.id, {}))
            return plan

    def _sift(self, wanted: list[str], failures: dict[str, PluginFailure]) -> list[str]:
        """Return the largest prefix-greedy part of ``wanted`` that can be resolved; halving finds the others fast."""
        possible: list[str] = []
        pending = [wanted]
        while pending:
            part = pending.pop()
            try:
                self.resolve((*possible, *part))
            except ResolutionError as error:
                if len(part) == 1:
                    failures[part[0]] = describe_failure("resolve", error)
                else:
                    pending += [part[len(part) // 2 :], part[: len(part) // 2]]
            else:
                possible += part
        return possible

    def _load_one(self, metadata: PluginMetadata) -> None:
        source = self._registry.record(metadata.id).source
        assert source is not None, "a claimed plugin has its source"  # noqa: S101 - an invariant of _claim, for the type checker
        bring_up = PluginBringUp(source, self._bus, self._services, self._configure)
        try:
            loaded = bring_up.run()
        except PluginLoadError as error:
            self._report(metadata, bring_up.undo_failures)
            self._fail(metadata, error.step, error.__cause__ or error)
            raise
        except BaseException:
            self._let_go((metadata,))
            self._report(metadata, bring_up.undo_failures)
            raise
        self._announce(metadata, loaded)

    def _announce(self, metadata: PluginMetadata, loaded: LoadedPlugin) -> None:
        with self._transitions.lock:
            self._transitions.loaded[metadata.id] = loaded
            self._transitions.settle(metadata.id, PluginState.ACTIVE, plugin=loaded.plugin)
        for provision in loaded.context.provisions:
            self._bus.publish_kernel_event(CapabilityProvided(str(provision.key), metadata.id))
        self._bus.publish_kernel_event(PluginLoaded(metadata.id, metadata.version))

    def _fail(self, metadata: PluginMetadata, step: str, error: BaseException) -> PluginFailure:
        failure = describe_failure(step, error)
        self._transitions.unbind(metadata.id)
        self._transitions.settle(metadata.id, PluginState.FAILED, source=None, failure=failure)
        self._bus.publish_kernel_event(PluginFailed(metadata.id, step, error, metadata.version))
        return failure

    def _let_go(self, claimed: Iterable[PluginMetadata]) -> None:
        """Release the claim on plugins whose turn to be loaded will not come."""
        for metadata in claimed:
            self._transitions.unbind(metadata.id)
            self._transitions.settle(metadata.id, PluginState.REGISTERED, source=None)

    def _give_back(self, loaded: list[str]) -> None:
        """Unload what a failed load had brought up; what fails on that way is reported, not raised."""
        leaving = list(reversed(loaded))
        with self._transitions.lock:
            self.claim_for_unloading(leaving)
        for plugin_id in leaving:
            self._unload_one(plugin_id)

    def _unload_one(self, plugin_id: str) -> tuple[StepFailure, ...]:
        loaded = self._transitions.loaded[plugin_id]
        metadata = loaded.context.metadata

        def on_withdrawn(provisions: tuple[Provision, ...]) -> None:
            for provision in provisions:
                self._bus.publish_kernel_event(CapabilityWithdrawn(str(provision.key), plugin_id))

        failures = take_down(loaded, on_withdrawn)
        with self._transitions.lock:
            del self._transitions.loaded[plugin_id]
            self._transitions.unbind(plugin_id)
            self._transitions.settle(plugin_id, PluginState.REGISTERED, source=None, plugin=None)
        self._report(metadata, failures)
        self._bus.publish_kernel_event(PluginUnloaded(plugin_id, metadata.version))
        return failures

    def _report(self, metadata: PluginMetadata, failures: Iterable[StepFailure]) -> None:
        for failure in failures:
            self._bus.publish_kernel_event(PluginFailed(metadata.id, failure.step, failure.error, metadata.version))
