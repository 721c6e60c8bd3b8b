"""Activation on demand: a plugin is loaded when what it declares is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import ActivationError, KernelClosedError, PluginLoadError
from .load_cause import LoadCause, LoadCauseKind

if TYPE_CHECKING:
    from .loading import Loading
    from .planning import Planner
    from .registry import PluginRegistry


class Activation:
    """Answer the locator's question for what is missing: load the plugin that declares it, with what it needs.

    A plugin that fails is passed over, and not tried again by a lookup. Threads that ask at the same time wait for the
    one that loads; from inside a hook or a subscriber, what another change is moving is passed over.

    Args:
        registry: Who declares what.
        planner: Chooses among those.
        loading: Loads the choice.
    """

    def __init__(self, registry: PluginRegistry, planner: Planner, loading: Loading) -> None:
        self._registry = registry
        self._planner = planner
        self._loading = loading

    def __call__(self, key: str) -> bool:
        """Load what provides ``key``; tell whether something was loaded, by this thread or another.

        Raises:
            ActivationError: Plugins declare it, and none of them could be loaded.
        """
        if not self._registry.find_by_capability(key):
            return False
        cause = LoadCause(LoadCauseKind.DEMANDED, str(key))
        first: PluginLoadError | None = None

        while True:
            try:
                self._loading.load_planned(lambda: self._planner.plan_for_demand(key), cause)
            except PluginLoadError as error:
                first = first or error
            except ActivationError as error:
                raise error from first
            except KernelClosedError:
                return False
            else:
                return True
