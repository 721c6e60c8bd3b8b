"""Loading sets of plugins: claim them, run the steps without a lock, settle each."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from .departing import News, failed_events, raise_interrupt
from .errors import FailedDependencyError, PluginLoadError
from .events import (
    PluginFailed,
    PluginLoaded,
    PluginQuarantined,
)
from .lifecycle import PluginBringUp, StepFailure, describe_failure
from .load_cause import ASKED, LoadCause
from .registry import PluginState
from .transitions import MOVING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from .bus import EventBus
    from .claims import Claims
    from .events import KernelEvent
    from .exclusion import Exclusion, Quarantine
    from .hooks import Hooks
    from .keeping import StateKeeper
    from .lifecycle import LoadedPlugin
    from .locator import ServiceLocator
    from .metadata import PluginMetadata
    from .outcomes import LoadReport
    from .planning import Planner
    from .plugin import Plugin, PluginSource
    from .registry import PluginFailure, PluginRegistry
    from .resolver import Plan
    from .transitions import Transitions
    from .unloading import Unloading


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
        claims: Claims,
        unloading: Unloading,
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
        self._claims = claims
        self._unloading = unloading

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
        claimed: list[PluginMetadata] = []
        loaded: list[LoadedPlugin] = []
        try:
            self._claim(make_plan, cause, claimed)
            self.carry_out(claimed, loaded)
        except BaseException:
            self._claims.let_go(claimed)
            raise
        return tuple([one.context.plugin_id for one in loaded])

    def carry_out(self, claimed: list[PluginMetadata], loaded: list[LoadedPlugin]) -> None:
        """Load what was claimed, in order, all or nothing.

        Args:
            claimed: Each is removed when its turn comes. What is left in it when an error leaves this call is still
                claimed: that is an interrupt which came before the beginning.
            loaded: What is up is added; after a failure it is down again.
        """
        try:
            with self._transitions.changing():
                while claimed:
                    self._bring_up(claimed, loaded)
                    self._announce(loaded[-1])
        except BaseException:
            try:
                failures = self._take_back(claimed, loaded)
            except BaseException:
                self._take_back(claimed, loaded)  # an interrupt came before the first one began to go
                raise
            raise_interrupt(failures)
            raise

    def _take_back(self, claimed: list[PluginMetadata], loaded: list[LoadedPlugin]) -> list[StepFailure]:
        """Let go of what was not loaded, and unload what was; return what fails on that way."""
        self._claims.let_go(claimed)
        return self._unloading.give_back(loaded)

    def load_all(self) -> LoadReport:
        """Load what can be loaded of everything that is registered; the rest fails with its reason."""
        claimed: list[PluginMetadata] = []
        excluded: dict[str, Exclusion] = {}
        failures: dict[str, PluginFailure] = {}
        loaded: list[LoadedPlugin] = []
        try:
            unmet = self._claim_all(claimed, excluded)
            with self._transitions.changing():
                for event in unmet:
                    failures[event.plugin_id] = describe_failure(event.step, event.error)
                    self._bus.publish_kernel_event(event)
                while claimed:
                    metadata = claimed[0]
                    try:
                        self._refuse_when_lost(metadata, failures)
                        self._bring_up(claimed, loaded)
                    except FailedDependencyError as error:
                        failures[metadata.id] = self._fail(metadata.id, "dependency", error)
                        del claimed[0]
                        self._bus.publish_kernel_event(_failed(metadata, "dependency", error))
                    except PluginLoadError as error:
                        failures[metadata.id] = describe_failure(error.step, error.__cause__ or error, metadata.version)
                    else:
                        self._announce(loaded[-1])
        except BaseException:
            self._claims.let_go(claimed)
            raise
        from .outcomes import LoadReport  # not imported for hosts that load by name

        ids = tuple(one.context.plugin_id for one in loaded)
        return LoadReport(ids, MappingProxyType(failures), MappingProxyType(excluded))

    def bring_up(self, source: PluginSource, cause: LoadCause) -> PluginBringUp:
        """Return the steps of loading one plugin."""
        return PluginBringUp(source, self._bus, self._services, self._configure, self._hooks, self._keeper, cause)

    def _claim(self, make_plan: Callable[[], Plan], cause: LoadCause, claimed: list[PluginMetadata]) -> None:
        """Plan, and mark everything that is to be loaded as loading, in one step."""
        with self._transitions.lock:
            while True:
                self._transitions.refuse_when_closed("load plugins")
                plan = make_plan()
                if not self._transitions.wait_for([one.id for one in plan.order], "load"):
                    break
            self._claims.claim_for_loading(plan.order, plan, cause)
            claimed += plan.order

    def _claim_all(self, claimed: list[PluginMetadata], excluded: dict[str, Exclusion]) -> list[PluginFailed]:
        """Claim the largest possible plan; what can't be in it has failed, and is returned as events to publish.

        What is kept out is added to ``excluded``.
        """
        with self._transitions.lock:
            while True:
                self._transitions.refuse_when_closed("load plugins")
                known = [one for one in self._registry if one.plugin is None and one.state not in MOVING]
                wanted = [one.id for one in known if one.exclusion is None]
                possible, unmet = self._planner.sift(wanted)
                plan = self._planner.plan(possible, retrying=True)
                if not self._transitions.wait_for([one.id for one in plan.order], "load"):
                    break
            for metadata in plan.order:
                unmet.pop(metadata.id, None)  # another one's need chose a version that is not chosen for itself
            for plugin_id, error in unmet.items():
                self._fail(plugin_id, "resolve", error)
            events = [_failed(self._registry.record(one).metadata, "resolve", error) for one, error in unmet.items()]
            self._claims.claim_for_loading(plan.order, plan)
            claimed += plan.order
            excluded.update((one.id, one.exclusion) for one in known if one.exclusion is not None)
            return events

    def _bring_up(self, claimed: list[PluginMetadata], done: list[LoadedPlugin]) -> None:
        """Load the first of what is claimed, which is removed, and add it to what is done; or leave nothing of it."""
        metadata = claimed[0]
        source = self._registry.record(metadata.id).source
        assert source is not None, "a claimed plugin has its source"  # noqa: S101 - an invariant of claim_for_loading, for the type checker
        bring_up = self.bring_up(source, self._claims.causes[metadata.id])
        is_settled = False
        try:
            del claimed[0]
            try:
                loaded = bring_up.run()
            except PluginLoadError as error:
                cause = error.__cause__ or error
                with self._transitions.lock:
                    quarantined = self._fail_itself(metadata.id, error.step, cause)
                    is_settled = True
                events = failed_events(metadata, bring_up.undo_failures)
                untold = self._tell((*events, _failed(metadata, error.step, cause), *quarantined))
                raise_interrupt((*bring_up.undo_failures, *untold))
                raise
            with self._transitions.lock:
                try:
                    self._settle_loaded(loaded)
                except BaseException:
                    self._settle_loaded(loaded)
                    raise
                finally:
                    is_settled = True
                    done += (loaded,)
        except BaseException:
            if not is_settled:
                bring_up.undo()
                self._claims.let_go([metadata])
                self._tell(failed_events(metadata, bring_up.undo_failures))
            raise

    def _settle_loaded(self, loaded: LoadedPlugin) -> None:
        """Record that a plugin is up; may be done twice. With the lock held."""
        plugin_id = loaded.context.plugin_id
        self._claims.causes.pop(plugin_id, None)
        self._transitions.loaded[plugin_id] = loaded
        self._registry.end_load(plugin_id, loaded.plugin)
        self._transitions.wake()

    def _announce(self, loaded: LoadedPlugin) -> None:
        loaded.context.announce()
        if self._bus.hears(PluginLoaded):
            metadata = loaded.context.metadata
            self._bus.publish_kernel_event(PluginLoaded(metadata.id, metadata.version))

    def _refuse_when_lost(self, metadata: PluginMetadata, failures: Mapping[str, PluginFailure]) -> None:
        """Raise where something that a plugin can't do without has failed; what is optional may."""
        for used in self._transitions.uses.needed(metadata.id):
            if used in failures:
                raise FailedDependencyError(metadata.id, used, failures[used].message)

    def _fail(self, plugin_id: str, step: str, error: BaseException) -> PluginFailure:
        """Mark a plugin as failed for a reason that lies in what it needs."""
        failure = describe_failure(step, error)
        with self._transitions.lock:
            self._transitions.uses.unbind(plugin_id)
            self._transitions.settle(plugin_id, {"state": PluginState.FAILED, "source": None, "failure": failure})
        return failure

    def _fail_itself(self, plugin_id: str, step: str, error: BaseException) -> tuple[PluginQuarantined, ...]:
        """Mark a plugin as failed for a reason of its own; return what follows from it, as events to publish."""
        with self._transitions.lock:
            record = self._registry.record(plugin_id)
            failure = describe_failure(step, error, record.metadata.version)
            count, exclusion = self._quarantine.judge(record, failure)
            self._transitions.uses.unbind(plugin_id)
            self._claims.causes.pop(plugin_id, None)
            facts = {"failure": failure, "failed_loads": count, "exclusion": exclusion}
            self._transitions.settle(plugin_id, {"state": PluginState.FAILED, "source": None, **facts})
        if exclusion is None:
            return ()
        return (PluginQuarantined(plugin_id, count, failure.message),)

    def _tell(self, events: Iterable[KernelEvent]) -> list[StepFailure]:
        """Publish on the way of a change that has to run to its end: return what comes back in place of raising it."""
        news = News(self._bus, events)
        news.tell()
        return news.failures


def _failed(metadata: PluginMetadata, step: str, error: BaseException) -> PluginFailed:
    return PluginFailed(metadata.id, step, error, metadata.version)
