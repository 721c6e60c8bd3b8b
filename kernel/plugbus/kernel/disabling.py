"""Disabling and enabling plugins: the host's word on which may be loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .events import PluginDisabled, PluginEnabled
from .exclusion import Exclusion, ExclusionKind
from .leaving import claim_leaving
from .registry import PluginState

if TYPE_CHECKING:
    from .bus import EventBus
    from .registry import PluginRegistry
    from .transitions import Transitions
    from .unloading import Unloading


class Disabling:
    """Keep plugins out of every plan, and let them in again.

    Args:
        bus: Where it is told.
        registry: Where it is kept.
        transitions: Whose lock makes it one step with the unload.
        unloading: Unloads what is active.
    """

    def __init__(self, bus: EventBus, registry: PluginRegistry, transitions: Transitions, unloading: Unloading) -> None:
        self._bus = bus
        self._registry = registry
        self._transitions = transitions
        self._unloading = unloading

    def disable(self, plugin_id: str, reason: str, *, cascade: bool) -> tuple[str, ...]:
        """Keep a plugin out from now on, unload it where it is active; return the ids that were unloaded."""
        exclusion = Exclusion(ExclusionKind.DISABLED, reason)
        is_new = False

        def leaving() -> tuple[str, ...]:
            nonlocal is_new
            while True:
                self._transitions.wait_for((plugin_id,), "disable")
                record = self._registry.record(plugin_id)
                found: tuple[str, ...] | None = ()
                if record.state is PluginState.ACTIVE:
                    found = claim_leaving(self._registry, self._transitions, plugin_id, "disable", cascade=cascade)
                if found is not None:
                    break
            is_new = record.exclusion != exclusion
            self._registry.change(plugin_id, exclusion=exclusion)
            return found

        try:
            return self._unloading.unload(leaving)
        finally:
            if is_new:
                self._bus.publish_kernel_event(PluginDisabled(plugin_id, reason))

    def enable(self, plugin_id: str) -> bool:
        """Let a plugin in again, with its failures forgotten; tell whether it was kept out."""
        with self._transitions.lock:
            record = self._registry.record(plugin_id)
            if record.exclusion is None:
                return False
            state = PluginState.REGISTERED if record.state is PluginState.FAILED else record.state
            self._registry.change(plugin_id, exclusion=None, state=state, failure=None, failed_loads=0)
        self._bus.publish_kernel_event(PluginEnabled(plugin_id))
        return True
