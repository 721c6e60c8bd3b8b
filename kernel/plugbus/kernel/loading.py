"""Loading and unloading sets of plugins: claim them, run the steps without a lock, settle them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from .errors import FailedDependencyError, PluginLoadError, PluginUnloadError
from .events import (
    PluginFailed,
    PluginLoaded,
    PluginQuarantined,
    PluginRegistered,
    PluginSwapped,
    PluginUnloaded,
)
from .lifecycle import PluginBringUp, StepFailure, describe_failure, take_down
from .load_cause import ASKED, LoadCause, LoadCauseKind
from .outcomes import LoadReport
from .registry import PluginState
from .transitions import MOVING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .bus import EventBus
    from .events import KernelEvent
    from .exclusion import Exclusion, Quarantine
    from .hooks import Hooks
    from .keeping import StateKeeper
    from .lifecycle import LoadedPlugin
    from .locator import ServiceLocator
    from .metadata import PluginMetadata
    from .planning import Planner
    from .plugin import Plugin, PluginSource
    from .providers import Provision
    from .registry import PluginFailure, PluginRegistry
    from .resolver import Plan
    from .transitions import Transitions


class Loading:
    """Carry out plans. Every change of a set is: claim all of it under the lock, run it without, settle each part."""

    def __init__(
        self,
        bus: EventBus,
        services: ServiceLocator,
        registry: PluginRegistry,
        transitions: Transitions,
        configure: Callable[[PluginMetadata, Plugin], object],
        planner: Planner,
        quarantine: Quarantine,
        hooks: Hooks,
        keeper: StateKeeper,
    ) -> None:
        self._bus = bus
        self._services = services
        self._registry = registry
        self._transitions = transitions
        self._configure = configure
        self._planner = planner
        self._quarantine = quarantine
        self._hooks = hooks
        self._keeper = keeper
        # Why what is claimed is to be loaded.
        self._causes: dict[str, LoadCause] = {}

    def load(self, plugin_ids: Sequence[str]) -> tuple[str, ...]:
        """Load plugins and what they need, all or nothing."""

        def resolved() -> Plan:
            self._transitions.wait_for(plugin_ids, "load")
            return self._planner.resolve(plugin_ids)

        return self.load_planned(resolved)

    def load_planned(self, make_plan: Callable[[], Plan], cause: LoadCause = ASKED) -> tuple[str, ...]:
        """Load a plan, all or nothing.

        Args:
            make_plan: Called with the lock held, again after each wait: what it was made from may have changed then.
            cause: Why what the plan was made for is loaded.
        """
        plan = self._claim(make_plan, cause)
        return tuple(one.context.plugin_id for one in self.carry_out(plan.order))

    def carry_out(self, order: Sequence[PluginMetadata]) -> tuple[LoadedPlugin, ...]:
        """Load what was claimed, in order, all or nothing."""
        loaded: list[LoadedPlugin] = []
        tried = 0
        with self._transitions.changing():
            try:
                for metadata in order:
                    tried += 1
                    loaded.append(self._bring_up(metadata))
                    self._announce(loaded[-1])
            except BaseException:
                self._let_go(order[tried:])
                _raise_interrupt(self._give_back(loaded))
                raise
        return tuple(loaded)

    def load_all(self) -> LoadReport:
        """Load what can be loaded of everything that is registered; the rest fails with its reason."""
        plan, unmet, excluded = self._claim_all()
        failures: dict[str, PluginFailure] = {}
        loaded: list[str] = []
        tried = 0
        with self._transitions.changing():
            try:
                for event in unmet:
                    failures[event.plugin_id] = describe_failure(event.step, event.error)
                    self._bus.publish_kernel_event(event)
                for metadata in plan.order:
                    tried += 1
                    try:
                        self._refuse_when_lost(metadata, failures)
                        one = self._bring_up(metadata)
                    except FailedDependencyError as error:
                        failures[metadata.id] = self._fail(metadata.id, "dependency", error)
                        self._bus.publish_kernel_event(_failed(metadata, "dependency", error))
                    except PluginLoadError as error:
                        failures[metadata.id] = describe_failure(error.step, error.__cause__ or error)
                    else:
                        loaded.append(metadata.id)
                        self._announce(one)
            except BaseException:
                self._let_go(plan.order[tried:])
                raise
        return LoadReport(tuple(loaded), MappingProxyType(failures), MappingProxyType(excluded))

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
        _raise_interrupt(failures)
        errors = [failure.error for failure in failures if isinstance(failure.error, Exception)]
        if errors:
            where = ", ".join(f"'{one.plugin_id}' in {one.step}" for one in failures)
            raise PluginUnloadError(f"cannot unload plugins without failures: {where}; they are unloaded", errors)

    def bring_up(self, source: PluginSource, cause: LoadCause) -> PluginBringUp:
        """Return the steps of loading one plugin."""
        return PluginBringUp(source, self._bus, self._services, self._configure, self._hooks, self._keeper, cause)

    def report(self, metadata: PluginMetadata, failures: Iterable[StepFailure]) -> list[StepFailure]:
        """Publish what went wrong on the way of a change; return what comes back in place of raising it."""
        return self._tell(_failed(metadata, one.step, one.error) for one in failures)

    def announce_swap(self, old: LoadedPlugin, new: LoadedPlugin, *, is_new: bool) -> list[StepFailure]:
        """Publish that a plugin took another one's place; return what comes back in place of raising it.

        Args:
            old: The plugin that went.
            new: The plugin that took its place.
            is_new: The swap has registered the new one too.
        """
        was, now = old.context.metadata, new.context.metadata
        failures = self._tell((PluginRegistered(now.id, now.version),)) if is_new else []
        failures += self._tell_offers(new)
        loaded = (PluginLoaded(now.id, now.version),) if now.id != was.id else ()
        return failures + self._tell((*loaded, PluginSwapped(was.id, now.id, was.version, now.version)))

    def take_down_swapped(self, old: LoadedPlugin, *, is_same: bool) -> list[StepFailure]:
        """Unload a plugin whose place is taken; return everything that went wrong."""
        metadata = old.context.metadata
        failures = list(take_down(old, lambda provisions: None))
        if not is_same:
            self._transitions.settle(metadata.id, PluginState.REGISTERED, source=None, plugin=None)
        failures += self.report(metadata, failures)
        return failures if is_same else [*failures, *self._tell((PluginUnloaded(metadata.id, metadata.version),))]

    def give_back(self, loaded: Sequence[LoadedPlugin]) -> list[StepFailure]:
        """Unload what a failed swap had brought up besides; return what fails on that way, which is reported too."""
        return self._give_back(loaded)

    def raise_interrupt(self, failures: Iterable[StepFailure]) -> None:
        """Raise the first that is no ordinary error."""
        _raise_interrupt(failures)

    def _claim(self, make_plan: Callable[[], Plan], cause: LoadCause) -> Plan:
        """Plan, and mark everything that is to be loaded as loading, in one step."""
        with self._transitions.lock:
            while True:
                self._transitions.refuse_when_closed("load plugins")
                plan = make_plan()
                if not self._transitions.wait_for((one.id for one in plan.order), "load"):
                    break
            self.claim_for_loading(plan.order, plan, cause)
            return plan

    def _claim_all(self) -> tuple[Plan, list[PluginFailed], dict[str, Exclusion]]:
        """Claim the largest possible plan; what can't be in it has failed, and is returned as events to publish.

        What is kept out is returned besides.
        """
        with self._transitions.lock:
            while True:
                self._transitions.refuse_when_closed("load plugins")
                known = [one for one in self._registry if one.plugin is None and one.state not in MOVING]
                wanted = [one.id for one in known if one.exclusion is None]
                possible, unmet = self._planner.sift(wanted)
                plan = self._planner.plan(possible, retrying=True)
                if not self._transitions.wait_for((one.id for one in plan.order), "load"):
                    break
            for metadata in plan.order:
                unmet.pop(metadata.id, None)  # another one's need chose a version that is not chosen for itself
            for plugin_id, error in unmet.items():
                self._fail(plugin_id, "resolve", error)
            self.claim_for_loading(plan.order, plan)
            events = [_failed(self._registry.record(one).metadata, "resolve", error) for one, error in unmet.items()]
            return plan, events, {one.id: one.exclusion for one in known if one.exclusion is not None}

    def claim_for_loading(self, order: Iterable[PluginMetadata], plan: Plan, cause: LoadCause = ASKED) -> None:
        """Mark plugins of a plan as loading; with the lock held."""
        wanted = frozenset(plan.wanted)
        causes = {metadata.id: cause for metadata in order if metadata.id in wanted}
        for metadata in plan.order:
            for used in plan.providers[metadata.id].values():
                if used not in causes:
                    causes[used] = LoadCause(LoadCauseKind.NEEDED, metadata.id)
        for metadata in order:
            self._causes[metadata.id] = causes[metadata.id]
            candidates = self._registry.record(metadata.id).candidates
            source = next(one for one in candidates if one.metadata.version == metadata.version)
            # The last failure is kept until this load has done better: it may never get its turn.
            self._registry.change(metadata.id, state=PluginState.LOADING, source=source)
            self._transitions.bind(metadata, plan.providers[metadata.id])

    def _bring_up(self, metadata: PluginMetadata) -> LoadedPlugin:
        source = self._registry.record(metadata.id).source
        assert source is not None, "a claimed plugin has its source"  # noqa: S101 - an invariant of claim_for_loading, for the type checker
        bring_up = self.bring_up(source, self._causes.pop(metadata.id))
        try:
            loaded = bring_up.run()
        except PluginLoadError as error:
            cause = error.__cause__ or error
            quarantined = self._fail_itself(metadata.id, error.step, cause)
            events = [_failed(metadata, one.step, one.error) for one in bring_up.undo_failures]
            untold = self._tell((*events, _failed(metadata, error.step, cause), *quarantined))
            _raise_interrupt((*bring_up.undo_failures, *untold))
            raise
        except BaseException:
            self._let_go((metadata,))
            self._tell(_failed(metadata, one.step, one.error) for one in bring_up.undo_failures)
            raise
        with self._transitions.lock:
            self._transitions.loaded[metadata.id] = loaded
            self._transitions.settle(
                metadata.id, PluginState.ACTIVE, plugin=loaded.plugin, failure=None, failed_loads=0
            )
        return loaded

    def _announce(self, loaded: LoadedPlugin) -> None:
        metadata = loaded.context.metadata
        loaded.context.announce()
        self._bus.publish_kernel_event(PluginLoaded(metadata.id, metadata.version))

    def _refuse_when_lost(self, metadata: PluginMetadata, failures: Mapping[str, PluginFailure]) -> None:
        """Raise where something that a plugin can't do without has failed; what is optional may."""
        for used in self._transitions.needed(metadata.id):
            if used in failures:
                raise FailedDependencyError(metadata.id, used, failures[used].message)

    def _fail(self, plugin_id: str, step: str, error: BaseException) -> PluginFailure:
        """Mark a plugin as failed for a reason that lies in what it needs."""
        failure = describe_failure(step, error)
        self._transitions.unbind(plugin_id)
        self._transitions.settle(plugin_id, PluginState.FAILED, source=None, failure=failure)
        return failure

    def _fail_itself(self, plugin_id: str, step: str, error: BaseException) -> tuple[PluginQuarantined, ...]:
        """Mark a plugin as failed for a reason of its own; return what follows from it, as events to publish."""
        failure = describe_failure(step, error)
        with self._transitions.lock:
            record = self._registry.record(plugin_id)
            count, exclusion = self._quarantine.judge(record, failure)
            self._transitions.unbind(plugin_id)
            facts: dict[str, object] = {"failure": failure, "failed_loads": count, "exclusion": exclusion}
            self._transitions.settle(plugin_id, PluginState.FAILED, source=None, **facts)
        if exclusion is None:
            return ()
        return (PluginQuarantined(plugin_id, count, failure.message),)

    def _let_go(self, claimed: Iterable[PluginMetadata]) -> None:
        """Put plugins whose load was not tried, or not carried through, back where they were."""
        for metadata in claimed:
            self._transitions.unbind(metadata.id)
            self._causes.pop(metadata.id, None)
            has_failed = self._registry.record(metadata.id).failure is not None
            state = PluginState.FAILED if has_failed else PluginState.REGISTERED
            self._transitions.settle(metadata.id, state, source=None)

    def _give_back(self, loaded: Sequence[LoadedPlugin]) -> list[StepFailure]:
        """Unload what a failed load had brought up; what fails on that way is reported and returned, not raised.

        What other threads or hooks have taken down meanwhile is left alone, and so is what they have come to need.
        """
        leaving: dict[str, None] = {}
        with self._transitions.lock:
            for one in reversed(loaded):
                plugin_id = one.context.plugin_id
                is_here = self._transitions.loaded.get(plugin_id) is one
                if is_here and self._registry.record(plugin_id).state is PluginState.ACTIVE:
                    leaving[plugin_id] = None
                    if self._transitions.bereft(plugin_id, leaving):
                        del leaving[plugin_id]
            self.claim_for_unloading(leaving)
        return [failure for plugin_id in leaving for failure in self._unload_one(plugin_id)]

    def _unload_one(self, plugin_id: str) -> list[StepFailure]:
        loaded = self._transitions.loaded[plugin_id]
        metadata = loaded.context.metadata
        untold: list[StepFailure] = []

        def on_withdrawn(_provisions: tuple[Provision, ...]) -> None:
            untold.extend(self._tell_offers(loaded))

        failures = take_down(loaded, on_withdrawn)
        with self._transitions.lock:
            del self._transitions.loaded[plugin_id]
            self._transitions.unbind(plugin_id)
            self._transitions.settle(plugin_id, PluginState.REGISTERED, source=None, plugin=None)
        events = [_failed(metadata, one.step, one.error) for one in failures]
        untold += self._tell((*events, PluginUnloaded(plugin_id, metadata.version)))
        return [*failures, *untold]

    def _tell_offers(self, loaded: LoadedPlugin) -> list[StepFailure]:
        """Tell what a plugin provides, or does no longer, on the way of a change that has to run to its end."""
        try:
            loaded.context.announce()
        except BaseException as error:  # noqa: BLE001 - an interrupted subscriber; raised when the change is done
            return [StepFailure(loaded.context.plugin_id, "publish", error)]
        return []

    def _tell(self, events: Iterable[KernelEvent]) -> list[StepFailure]:
        """Publish on the way of a change that has to run to its end: return what comes back in place of raising it."""
        failures: list[StepFailure] = []
        for event in events:
            try:
                self._bus.publish_kernel_event(event)
            except BaseException as error:  # noqa: BLE001 - an interrupted subscriber; raised when the change is done
                failures.append(StepFailure(getattr(event, "plugin_id", ""), "publish", error))
        return failures


def _failed(metadata: PluginMetadata, step: str, error: BaseException) -> PluginFailed:
    return PluginFailed(metadata.id, step, error, metadata.version)


def _raise_interrupt(failures: Iterable[StepFailure]) -> None:
    """Raise the first that is no ordinary error: a Ctrl-C is not to be lost among failures."""
    for failure in failures:
        if not isinstance(failure.error, Exception):
            raise failure.error
