"""Hot swap: one plugin takes another's place, without a gap in what they provide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import PluginStateError, SwapError
from .leases import drain
from .load_cause import LoadCause, LoadCauseKind
from .outcomes import SwapReport
from .plugin import InstanceSource
from .registry import PluginState
from .state import hand_over
from .versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Callable

    from .lifecycle import LoadedPlugin, PluginBringUp, StepFailure
    from .loading import Loading
    from .metadata import PluginMetadata
    from .planning import Planner
    from .plugin import PluginSource
    from .providers import Provision
    from .registry import PluginRecord, PluginRegistry
    from .resolver import Plan
    from .transitions import Transitions


class Swap:
    """Put a new plugin in an old one's place.

    1. ``plan``: what others require of the old one is met by the new one, and its own needs can be met.
    2. ``open``, ``configure``, ``on_load``, ``provide``: what it needs is loaded, then it itself; it stays invisible.
    3. ``hand_over``: it restores the state that the old one saves.
    4. ``switch``: capabilities and subscriptions change hands in one step.
    5. Uses of the old one come to their end, then it is unloaded.

    A failure before the switch leaves the old one serving, untouched, and nothing of the new one behind.

    Args:
        loading: Brings plugins up and takes them down.
        planner: Finds what the new one needs.
        registry: Of the kernel.
        transitions: Of the kernel.
        old_id: The plugin that is to go.
        source: Where the new one comes from.
    """

    def __init__(
        self,
        loading: Loading,
        planner: Planner,
        registry: PluginRegistry,
        transitions: Transitions,
        old_id: str,
        source: PluginSource,
    ) -> None:
        self._loading = loading
        self._planner = planner
        self._registry = registry
        self._transitions = transitions
        self._old_id = old_id
        self._source = source
        self._new = source.metadata
        self._before: PluginRecord | None = None
        self._is_registered_here = False
        self._needed: tuple[PluginMetadata, ...] = ()

    def run(self, drain_s: float) -> SwapReport:
        """Carry the swap out.

        Args:
            drain_s: How many seconds to wait for the uses of the old one.

        Raises:
            SwapError: It failed before the switch.
            PluginNotFoundError: The old one is not registered.
            PluginStateError: The old one is not active, or the new one is.
            ResolutionError: The needs of the new one can't be met.
        """
        plan = self._claim()
        old = self._transitions.loaded[self._old_id]
        with self._transitions.changing():
            try:
                new, provided = self._bring_in(plan, old)
            except BaseException:
                self._let_go()
                raise
            untold = self._loading.announce_swap(old, new, is_new=self._is_registered_here)
            return self._drain(old, provided, drain_s, untold)

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
            unmet = self._transitions.unmet_by(old_id, new)
            if unmet:
                raise SwapError(old_id, new.id, "plan", "; ".join(unmet))
            self._refuse_itself(record)
            if new.id != old_id:
                self._enter(new)
            try:
                plan = self._planner.plan_for_swap(old_id, new)
                self._needed = tuple(one for one in plan.order if one.id != new.id)
                has_waited = self._transitions.wait_for((one.id for one in self._needed), "swap in what needs")
            except BaseException:
                self._let_go()
                raise
            if has_waited:
                self._let_go()
                return self._claim()
            self._loading.claim_for_loading(self._needed, plan)
            self._transitions.claim((old_id,))
            return plan

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
        if before is None or self._source not in before.candidates:
            self._registry.register(self._source)
            self._is_registered_here = True
        self._before = before
        self._registry.change(new.id, state=PluginState.LOADING, source=self._source)

    def _bring_in(self, plan: Plan, old: LoadedPlugin) -> tuple[LoadedPlugin, tuple[Provision, ...]]:
        """Load the new plugin and what it needs, hand the state over, and switch; or leave nothing of it behind."""
        loaded: tuple[LoadedPlugin, ...] = ()
        bring_up = self._loading.bring_up(self._source, LoadCause(LoadCauseKind.SWAPPED, self._old_id))
        step: Callable[[], str] = lambda: bring_up.step  # noqa: E731 - read when it failed, not before
        try:
            loaded = self._loading.carry_out(self._needed)
            new = bring_up.prepare()
            step = lambda: "hand_over"  # noqa: E731 - see above
            hand_over(old, new)
            step = lambda: "switch"  # noqa: E731 - see above
            return new, self._switch(bring_up, old, new, plan)
        except BaseException as error:
            bring_up.undo()
            failures = [*bring_up.undo_failures, *self._loading.report(self._new, bring_up.undo_failures)]
            failures += self._loading.give_back(loaded)
            if isinstance(error, Exception):
                self._loading.raise_interrupt(failures)
                cause = f"{type(error).__qualname__}: {error}"
                raise SwapError(self._old_id, self._new.id, step(), cause) from error
            raise

    def _switch(
        self, bring_up: PluginBringUp, old: LoadedPlugin, new: LoadedPlugin, plan: Plan
    ) -> tuple[Provision, ...]:
        """Make the new plugin visible in the old one's place; return what the old one had provided."""
        with self._transitions.lock:
            # What was true when the swap was planned may have changed while hooks ran.
            unmet = self._transitions.unmet_by(self._old_id, self._new)
            for need in self._new.requirements:
                used = plan.providers[self._new.id].get(str(need.target))
                if used is not None and not need.optional and used not in self._registry.list(PluginState.ACTIVE):
                    unmet = (*unmet, f"'{self._new.id}' needs '{used}', which was unloaded meanwhile")
            if unmet:
                raise LookupError("; ".join(unmet))
            provided = old.context.provisions
            bring_up.reveal(new, replacing=old)
            self._transitions.replace(self._old_id, new, self._new, plan.providers.get(self._new.id, {}))
            if self._new.id == self._old_id:
                version = parse_version(self._new.version)
                others = tuple(one for one in self._registry.record(self._old_id).candidates if one is not old.source)
                staying = tuple(one for one in others if parse_version(one.metadata.version) != version)
                self._registry.replace(self._old_id, (self._source, *staying), self._source, new.plugin)
            else:
                self._transitions.settle(self._new.id, PluginState.ACTIVE, plugin=new.plugin, failure=None)
                self._registry.change(self._old_id, state=PluginState.UNLOADING)
            return provided

    def _drain(
        self, old: LoadedPlugin, provided: tuple[Provision, ...], drain_s: float, failures: list[StepFailure]
    ) -> SwapReport:
        is_same = self._new.id == self._old_id

        def finish() -> list[StepFailure]:
            with self._transitions.changing():
                try:
                    return self._loading.take_down_swapped(old, is_same=is_same)
                finally:
                    self._transitions.release((self._old_id,))

        def finish_late() -> None:
            self._loading.raise_interrupt(finish())

        is_drained = drain((one.leases for one in provided), drain_s, finish_late)
        if is_drained:
            failures += finish()
        elif is_same:
            # Its place is taken and its source forgotten: nobody has to wait for the end of the last use.
            self._transitions.release((self._old_id,))
        old_version = old.context.metadata.version
        self._loading.raise_interrupt(failures)
        return SwapReport(
            self._old_id,
            self._new.id,
            old_version,
            self._new.version,
            is_drained,
            tuple(failures) if is_drained else (),
        )

    def _let_go(self) -> None:
        """Put both plugins back where they were."""
        with self._transitions.lock:
            if self._new.id != self._old_id:
                state = PluginState.REGISTERED if self._before is None else self._before.state
                self._transitions.settle(self._new.id, state, source=None)
                if self._is_registered_here:
                    self._registry.unregister(self._new.id, self._new.version)
            self._transitions.release((self._old_id,))
