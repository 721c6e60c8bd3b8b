"""Claims: plugins are marked as moving before anything is done with them, all of a set or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .load_cause import ASKED, LoadCause, LoadCauseKind
from .registry import PluginState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .metadata import PluginMetadata
    from .registry import PluginRegistry
    from .resolver import Plan
    from .transitions import Transitions


class Claims:
    """Mark plugins as loading or unloading, and put back what was marked and not begun.

    Attributes:
        causes: Why what is claimed is to be loaded, by id.

    Args:
        registry: Of the kernel.
        transitions: Of the kernel.
    """

    def __init__(self, registry: PluginRegistry, transitions: Transitions) -> None:
        self._registry = registry
        self._transitions = transitions
        self.causes: dict[str, LoadCause] = {}

    def claim_for_loading(self, order: Sequence[PluginMetadata], plan: Plan, cause: LoadCause = ASKED) -> None:
        """Mark plugins of a plan as loading, all or none; with the lock held."""
        causes = _causes(order, plan, cause)
        record, begin, bind = self._registry.record, self._registry.begin_load, self._transitions.uses.bind
        try:
            for metadata in order:
                plugin_id = metadata.id
                self.causes[plugin_id] = causes[plugin_id]
                candidates = record(plugin_id).candidates
                source = candidates[0]
                if len(candidates) > 1:
                    source = next(one for one in candidates if one.metadata.version == metadata.version)
                # The last failure is kept until this load has done better: it may never get its turn.
                begin(plugin_id, source)
                bind(metadata, plan.providers[plugin_id])
        except BaseException:
            self.let_go(list(order))
            raise

    def let_go(self, claimed: list[PluginMetadata]) -> None:
        """Put plugins whose load was not tried, or not carried through, back where they were; empty the list."""
        with self._transitions.lock:
            while claimed:
                plugin_id = claimed[0].id
                self._transitions.uses.unbind(plugin_id)
                self.causes.pop(plugin_id, None)
                has_failed = self._registry.record(plugin_id).failure is not None
                state = PluginState.FAILED if has_failed else PluginState.REGISTERED
                self._transitions.settle(plugin_id, {"state": state, "source": None})
                del claimed[0]

    def claim_for_unloading(self, plugin_ids: tuple[str, ...]) -> None:
        """Mark active plugins as unloading, all or none; with the lock held."""
        facts = {"state": PluginState.UNLOADING}
        try:
            for plugin_id in plugin_ids:
                self._registry.change_to(plugin_id, facts)
        except BaseException:
            for plugin_id in plugin_ids:
                self._registry.change(plugin_id, state=PluginState.ACTIVE)
            raise

    def keep(self, claimed: list[str]) -> None:
        """Let plugins stay active whose unload was claimed and has not begun."""
        with self._transitions.lock:
            while claimed:
                self._transitions.settle(claimed[0], {"state": PluginState.ACTIVE})
                del claimed[0]


def _causes(order: Sequence[PluginMetadata], plan: Plan, cause: LoadCause) -> dict[str, LoadCause]:
    """Say of each plugin why it is to be loaded: it was asked for, or the first one of the plan needs it that does."""
    wanted = frozenset(plan.wanted)
    causes = {metadata.id: cause for metadata in order if metadata.id in wanted}
    if len(causes) < len(order):
        for metadata in plan.order:
            for used in plan.providers[metadata.id].values():
                if used not in causes:
                    causes[used] = LoadCause(LoadCauseKind.NEEDED, metadata.id)
    return causes
