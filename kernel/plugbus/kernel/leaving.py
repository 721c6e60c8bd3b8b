"""Who goes when a plugin goes: it, and what can't stay without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import DependentsError, PluginStateError
from .registry import PluginState

if TYPE_CHECKING:
    from .registry import PluginRegistry
    from .transitions import Transitions


def claim_leaving(
    registry: PluginRegistry, transitions: Transitions, plugin_id: str, verb: str, *, cascade: bool
) -> tuple[str, ...] | None:
    """Return a plugin that is to go, after everything that needs it; with the lock held.

    Args:
        registry: Of the kernel.
        transitions: Of the kernel.
        plugin_id: The plugin.
        verb: What is to be done with it, for errors.
        cascade: Those that need it may go, too.

    Returns:
        The ids, or None where something had to be waited for: ask again then.

    Raises:
        PluginStateError: It is not active; or this is a hook, and something would have to be waited for.
        DependentsError: Others need it, and ``cascade`` was not given.
    """
    state = registry.record(plugin_id).state
    if state is not PluginState.ACTIVE:
        raise PluginStateError(verb, plugin_id, str(state), f"only what is active can be {verb}ed")
    dependents = transitions.dependents(plugin_id)
    if dependents and not cascade:
        raise DependentsError(verb, plugin_id, dependents)
    leaving = (*dependents, plugin_id)
    return None if transitions.wait_for(leaving, verb) else leaving
