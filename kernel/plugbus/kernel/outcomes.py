"""What became of a change of many plugins: the answers of ``load_all`` and ``swap``."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from .values import field, value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .exclusion import Exclusion
    from .lifecycle import StepFailure
    from .registry import PluginFailure


@value(frozen=True, slots=True)
class LoadReport:
    """What became of a ``load_all``.

    Args:
        loaded: The ids that became active, in the order of their loading.
        failed: Id to failure for all that did not, and were not excluded.
        excluded: Id to the reason why it is kept out, for those that were not tried.
    """

    loaded: tuple[str, ...]
    failed: Mapping[str, PluginFailure]
    excluded: Mapping[str, Exclusion] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def is_complete(self) -> bool:
        """Tell whether everything was loaded that may be."""
        return not self.failed


@value(frozen=True, slots=True)
class ReloadReport:
    """What became of a reload.

    Args:
        unloaded: The ids that were unloaded, in order.
        loaded: The ids that were loaded, in order: the same, and what they need that was not loaded before.
        restored: The ids of those that restored what they had saved.
        refused: Id to the reason, for those whose state has another major version than they read now; they began anew.
        failures: What went wrong while they were unloaded; they were unloaded all the same.
    """

    unloaded: tuple[str, ...]
    loaded: tuple[str, ...]
    restored: tuple[str, ...] = ()
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    failures: tuple[Exception, ...] = ()


@value(frozen=True, slots=True)
class SwapReport:
    """What became of a swap.

    Args:
        old_id: The plugin that went.
        new_id: The plugin that took its place.
        old_version: Of the one that went.
        new_version: Of the one that came.
        is_drained: All uses of the old one were over in time, and it is unloaded. If not, the thread that ends the
            last use unloads it.
        failures: What went wrong while the old one was unloaded; it is unloaded all the same.
    """

    old_id: str
    new_id: str
    old_version: str
    new_version: str
    is_drained: bool
    failures: tuple[StepFailure, ...] = ()
