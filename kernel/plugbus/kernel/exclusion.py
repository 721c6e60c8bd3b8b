"""Exclusions: plugins that are kept out of every plan, by the host or after repeated failures."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from .values import value

if TYPE_CHECKING:
    from .registry import PluginFailure, PluginRecord


class ExclusionKind(Enum):
    """By whom a plugin is kept out: the host disables, the kernel quarantines."""

    DISABLED = "disabled"
    QUARANTINED = "quarantined"

    def __str__(self) -> str:
        return self.value


@value(frozen=True, slots=True)
class Exclusion:
    """Why a plugin is kept out. It ends with ``Kernel.enable``, or when the plugin is unregistered.

    Args:
        kind: By whom.
        reason: Why, for people; may be empty.
    """

    kind: ExclusionKind
    reason: str = ""

    @property
    def is_automatic(self) -> bool:
        """Tell whether the kernel decided it, and not the host."""
        return self.kind is ExclusionKind.QUARANTINED

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else str(self.kind)


class Quarantine:
    """Decide when a plugin has failed too often.

    Args:
        failures: So many failed loads in a row are too many; at least 1, None for never.
    """

    def __init__(self, failures: int | None) -> None:
        if failures is not None and failures < 1:
            raise ValueError(f"cannot make kernel: quarantine_after is {failures}; give at least 1, or None for never")
        self._failures = failures

    def judge(self, record: PluginRecord, failure: PluginFailure) -> tuple[int, Exclusion | None]:
        """Return the failures in a row, with one that just happened, and the exclusion that follows from them."""
        count = record.failed_loads + 1
        if self._failures is None or count < self._failures:
            return count, record.exclusion
        loads = "1 load" if count == 1 else f"{count} loads in a row"
        return count, Exclusion(
            ExclusionKind.QUARANTINED, f"{loads} failed, the last in {failure.step}: {failure.message}"
        )
