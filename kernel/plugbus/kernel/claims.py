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
        wanted = frozenset(plan.wanted)
        causes = {metadata.id: cause for metadata in order if metadata.id in wanted}
        for metadata in plan.order:
            for used in plan.providers[metadata.id].values():
                if used not in causes:
                    causes[used] = LoadCause(LoadCauseKind.NEEDED, metadata.id)
        try:
            for metadata in order:
                self.causes[metadata.id] = causes[metadata.id]
                candidates = self._registry.record(metadata.id).candidates
                source = candidates[0]
                if len(candidates) > 1:
                    source = next(one for one in candidates if one.metadata.version == metadata.version)
                # The last failure is kept until this load has done better: it may never get its turn.
                self._registry.change(metadata.id, state=PluginState.LOADING, source=source)
                self._transitions.bind(metadata, plan.providers[metadata.id])
        except BaseException:
            self.let_go(list(order))
            raise

    def let_go(self, claimed: list[PluginMetadata]) -> None:
        """Put plugins whose load was not tried, or not carried through, back where they were; empty the list."""
        while claimed:
            plugin_id = claimed[0].id
            self._transitions.unbind(plugin_id)
            self.causes.pop(plugin_id, None)
            has_failed = self._registry.record(plugin_id).failure is not None
            state = PluginState.FAILED if has_failed else PluginState.REGISTERED
            self._transitions.settle(plugin_id, state, source=None)
            del claimed[0]

    def claim_for_unloading(self, plugin_ids: tuple[str, ...]) -> None:
        """Mark active plugins as unloading, all or none; with the lock held."""
        try:
            for plugin_id in plugin_ids:
                self._registry.change(plugin_id, state=PluginState.UNLOADING)
        except BaseException:
            for plugin_id in plugin_ids:
                self._registry.change(plugin_id, state=PluginState.ACTIVE)
            raise

    def keep(self, claimed: list[str]) -> None:
        """Let plugins stay active whose unload was claimed and has not begun."""
        while claimed:
            self._transitions.settle(claimed[0], PluginState.ACTIVE)
            del claimed[0]
