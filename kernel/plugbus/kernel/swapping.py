"""Hot swap: one plugin takes another's place, without a gap in what they provide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .departing import Departure, News, failed_events, raise_interrupt
from .errors import PluginStateError, SwapError
from .events import PluginLoaded, PluginRegistered, PluginSwapped
from .lifecycle import StepFailure
from .load_cause import LoadCause, LoadCauseKind
from .outcomes import SwapReport
from .plugin import InstanceSource
from .registry import PluginState
from .retiring import Retirement
from .state import hand_over
from .versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from .bus import EventBus
    from .claims import Claims
    from .lifecycle import LoadedPlugin, PluginBringUp
    from .loading import Loading
    from .metadata import PluginMetadata
    from .planning import Planner
    from .plugin import PluginSource
    from .registry import PluginRecord, PluginRegistry
    from .resolver import Plan
    from .transitions import Transitions
    from .unloading import Unloading


class Swap:
    """Put a new plugin in an old one's place.

    1. ``plan``: what others require of the old one is met by the new one, and its own needs can be met.
    2. ``open``, ``configure``, ``on_load``, ``provide``: what it needs is loaded, then it itself; it stays invisible.
    3. ``hand_over``: it restores the state that the old one saves.
    4. ``switch``: capabilities and subscriptions change hands in one step.
    5. Uses of the old one come to their end, then it is unloaded.

    A failure before the switch leaves the old one serving, untouched, and nothing of the new one behind.

    Args:
        bus: Of the kernel.
        claims: Marks what the new one needs.
        loading: Brings plugins up.
        unloading: Takes back what was brought up in vain.
        planner: Finds what the new one needs.
        registry: Of the kernel.
        transitions: Of the kernel.
        old_id: The plugin that is to go.
        source: Where the new one comes from.
    """

    def __init__(
        self,
        bus: EventBus,
        claims: Claims,
        loading: Loading,
        unloading: Unloading,
        planner: Planner,
        registry: PluginRegistry,
        transitions: Transitions,
        old_id: str,
        source: PluginSource,
    ) -> None:
        self._bus = bus
        self._claims = claims
        self._loading = loading
        self._unloading = unloading
        self._planner = planner
        self._registry = registry
        self._transitions = transitions
        self._old_id = old_id
        self._source = source
        self._new = source.metadata
        self._before: PluginRecord | None = None
        self._is_claimed = False
        self._is_entered = False
        self._is_registered_here = False
        self._is_switched = False
        self._is_over = False
        self._needed: list[PluginMetadata] = []
        self._loaded: list[LoadedPlugin] = []
        self._interrupts: list[StepFailure] = []
        self._retirement: Retirement
        self._news: News

    def run(self, drain_s: float) -> SwapReport:
        """Carry the swap out.

        Args:
            drain_s: How many seconds to wait for the uses of the old one.

        Raises:
            ValueError: ``drain_s`` is negative or no number.
            SwapError: It failed before the switch.
            PluginNotFoundError: The old one is not registered.
            PluginStateError: The old one is not active, or the new one is.
            ResolutionError: The needs of the new one can't be met.
        """
        if not drain_s >= 0:  # so that it refuses NaN as well
            raise ValueError(f"cannot swap plugin '{self._old_id}': drain_s is {drain_s}; give 0 or more seconds")
        try:
            plan = self._claim()
            with self._transitions.changing():
                self._bring_in(plan)
        except BaseException as error:
            if not self._is_switched:
                try:
                    self._let_go()
                except BaseException:
                    self._let_go()  # an interrupt; it may be done twice
                    raise
                raise
            self._keep(error)
        while not self._is_over:
            try:
                self._see_off(drain_s)
            except Exception:
                raise
            except BaseException as error:  # noqa: BLE001 - raised below, when the swap is done
                self._keep(error)
        return self._report()

    def _claim(self) -> Plan:
        """Check everything, and keep others from changing the two plugins meanwhile."""
        old_id, new = self._old_id, self._new
        with self._transitions.lock:
            while True:
                self._transitions.refuse_when_closed("swap plugins")
                if not self._transitions.wait_for((old_id, new.id), "swap"):
                    break
            record = self._registry.record(old_id)
            if record.state is not PluginState.ACTIVE:
                raise PluginStateError("swap", old_id, str(record.state), "only what is active can be swapped")
            unmet = self._transitions.uses.unmet_by(old_id, new)
            if unmet:
                raise SwapError(old_id, new.id, "plan", "; ".join(unmet))
            self._refuse_itself(record)
            try:
                if new.id != old_id:
                    self._enter(new)
                plan = self._planner.plan_for_swap(old_id, new)
                needed = tuple(one for one in plan.order if one.id != new.id)
                has_waited = self._transitions.wait_for((one.id for one in needed), "swap in what needs")
                if not has_waited:
                    self._claims.claim_for_loading(needed, plan)
                    self._needed += needed
                    self._is_claimed = True
                    self._transitions.claim((old_id,))
                    return plan
            except BaseException:
                self._let_go()
                raise
            self._let_go()
            return self._claim()

    def _refuse_itself(self, record: PluginRecord) -> None:
        """Refuse a successor that is the very plugin which is loaded: it would be set up twice, and then torn down."""
        is_same_object = isinstance(self._source, InstanceSource) and self._source.open() is record.plugin
        if self._source is record.source or is_same_object:
            raise SwapError(self._old_id, self._new.id, "plan", "it is the plugin that is loaded; give a new one")

    def _enter(self, new: PluginMetadata) -> None:
        """Give a successor of another id a record that says that it is being loaded."""
        before = self._registry.record(new.id) if new.id in self._registry else None
        if before is not None and before.plugin is not None:
            raise PluginStateError("swap in", new.id, "active", "it can't take a place while it has its own")
        self._before = before
        if before is None or self._source not in before.candidates:
            self._is_registered_here = True
            self._registry.register(self._source)
        self._is_entered = True
        self._registry.change(new.id, state=PluginState.LOADING, source=self._source)

    def _bring_in(self, plan: Plan) -> None:
        """Load the new plugin and what it needs, hand the state over, and switch; or leave nothing of it behind."""
        bring_up = self._loading.bring_up(self._source, LoadCause(LoadCauseKind.SWAPPED, self._old_id))
        step: Callable[[], str] = lambda: bring_up.step  # noqa: E731 - read when it failed, not before
        old = self._transitions.loaded[self._old_id]
        try:
            self._loading.carry_out(self._needed, self._loaded)
            new = bring_up.prepare()
            step = lambda: "hand_over"  # noqa: E731 - see above
            hand_over(old, new)
            step = lambda: "switch"  # noqa: E731 - see above
            self._switch(bring_up, old, new, plan)
        except BaseException as error:
            if self._is_switched:
                raise
            try:
                failures = self._take_back(bring_up)
            except BaseException:
                self._take_back(bring_up)
                raise
            if isinstance(error, Exception):
                raise_interrupt(failures)
                cause = f"{type(error).__qualname__}: {error}"
                raise SwapError(self._old_id, self._new.id, step(), cause) from error
            raise

    def _take_back(self, bring_up: PluginBringUp) -> list[StepFailure]:
        """Leave nothing of the new one behind; return what fails on that way."""
        bring_up.undo()
        failures = bring_up.undo_failures
        news = News(self._bus, failed_events(self._new, failures))
        news.tell()
        return [*failures, *news.failures, *self._unloading.give_back(self._loaded)]

    def _switch(self, bring_up: PluginBringUp, old: LoadedPlugin, new: LoadedPlugin, plan: Plan) -> None:
        """Make the new plugin visible in the old one's place."""
        with self._transitions.lock:
            # What was true when the swap was planned may have changed while hooks ran.
            unmet = self._transitions.uses.unmet_by(self._old_id, self._new)
            for need in self._new.requirements:
                used = plan.providers[self._new.id].get(str(need.target))
                if used is not None and not need.optional and used not in self._registry.list(PluginState.ACTIVE):
                    unmet = (*unmet, f"'{self._new.id}' needs '{used}', which was unloaded meanwhile")
            if unmet:
                raise LookupError("; ".join(unmet))
            provided, is_same_id = old.context.provisions, self._new.id == self._old_id
            departure = Departure(old, self._bus, self._transitions, is_replaced=True, is_same_id=is_same_id)
            self._retirement = Retirement(old, provided, departure, self._transitions, is_same_id=is_same_id)
            self._news = _news_of_swap(self._bus, old, new, is_new=self._is_registered_here)
            candidates = self._candidates(old)
            uses = plan.providers.get(self._new.id, {})
            while not self._is_switched:
                try:
                    bring_up.reveal(new, replacing=old)
                    self._transitions.replace(self._old_id, new, self._new, uses)
                    self._record(new, candidates)
                    self._is_switched = True
                except Exception:
                    raise
                except BaseException as error:  # noqa: BLE001 - raised when the swap is done
                    # An interrupt in the midst of the switch: each part of it can be done twice, and none be left out.
                    self._keep(error)

    def _candidates(self, old: LoadedPlugin) -> tuple[PluginSource, ...]:
        """Return the sources that the old id has after a swap for the same id: neither the old one, nor a second one
        of the new version."""
        version = parse_version(self._new.version)
        others = (one for one in self._registry.record(self._old_id).candidates if one is not old.source)
        return (self._source, *(one for one in others if parse_version(one.metadata.version) != version))

    def _record(self, new: LoadedPlugin, candidates: tuple[PluginSource, ...]) -> None:
        if self._new.id == self._old_id:
            self._registry.replace(self._old_id, candidates, self._source, new.plugin)
        else:
            self._transitions.settle(self._new.id, {"state": PluginState.ACTIVE, "plugin": new.plugin, "failure": None})
            self._registry.change(self._old_id, state=PluginState.UNLOADING)

    def _see_off(self, drain_s: float) -> None:
        """Tell of the switch, and let the old plugin go; called again after an interrupt."""
        with self._transitions.changing():
            self._news.tell()
            self._retirement.wait(0.0 if self._interrupts else drain_s)
            if not self._retirement.is_late:
                self._retirement.finish()
        self._is_over = True

    def _report(self) -> SwapReport:
        retirement = self._retirement
        failures = (*self._news.failures, *retirement.failures)
        raise_interrupt((*self._interrupts, *failures))
        old_version = retirement.old.context.metadata.version
        return SwapReport(self._old_id, self._new.id, old_version, self._new.version, retirement.is_drained, failures)

    def _keep(self, interrupt: BaseException) -> None:
        self._interrupts.append(StepFailure(self._old_id, "swap", interrupt))

    def _let_go(self) -> None:
        """Put both plugins back where they were, and what was to be loaded with them."""
        with self._transitions.lock:
            self._claims.let_go(self._needed)
            if self._is_entered and self._new.id in self._registry:
                state = PluginState.REGISTERED if self._before is None else self._before.state
                self._transitions.settle(self._new.id, {"state": state, "source": None})
            # Before what it stands for each was set, so that an interrupt finds it: what it stands for may be missing.
            if self._is_registered_here and self._is_registered:
                self._registry.unregister(self._new.id, self._new.version)
            if self._is_claimed:
                self._transitions.release((self._old_id,))
            self._is_entered = self._is_registered_here = self._is_claimed = False

    @property
    def _is_registered(self) -> bool:
        return self._new.id in self._registry and self._source in self._registry.record(self._new.id).candidates


def _news_of_swap(bus: EventBus, old: LoadedPlugin, new: LoadedPlugin, *, is_new: bool) -> News:
    """Return what tells that a plugin took another one's place.

    Args:
        bus: Of the kernel.
        old: The plugin that went.
        new: The plugin that took its place.
        is_new: The swap has registered the new one too.
    """
    was, now = old.context.metadata, new.context.metadata
    news = News(bus, (PluginRegistered(now.id, now.version),) if is_new else ())
    news.add_offers(new.context)
    if now.id != was.id:
        news.add(PluginLoaded(now.id, now.version))
    news.add(PluginSwapped(was.id, now.id, was.version, now.version))
    return news
