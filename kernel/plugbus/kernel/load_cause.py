"""Why a plugin was loaded, and when."""

from __future__ import annotations

from enum import Enum
from time import perf_counter, time

from .values import value


class LoadCauseKind(Enum):
    """What led to a load."""

    ASKED = "asked"
    NEEDED = "needed"
    DEMANDED = "demanded"
    SWAPPED = "swapped"
    RELOADED = "reloaded"

    def __str__(self) -> str:
        return self.value


@value(frozen=True, slots=True)
class LoadCause:
    """Why a plugin was loaded.

    Args:
        kind: What led to it.
        by: Of ``NEEDED`` the id of the plugin that needs it, of ``DEMANDED`` the capability that was looked up, of
            ``SWAPPED`` the id of the plugin whose place it took; else empty.
    """

    kind: LoadCauseKind
    by: str = ""

    def __str__(self) -> str:
        return _TEXTS[self.kind].format(self.by)


_TEXTS = {
    LoadCauseKind.ASKED: "asked",
    LoadCauseKind.NEEDED: "needed by {}",
    LoadCauseKind.DEMANDED: "on demand of {}",
    LoadCauseKind.SWAPPED: "swapped for {}",
    LoadCauseKind.RELOADED: "reloaded",
}

ASKED = LoadCause(LoadCauseKind.ASKED)


class WallClock:
    """Tell the time of day at which the monotonic clock had a reading, so that a load needs to read no other clock."""

    def __init__(self) -> None:
        self._offset_s = time() - perf_counter()

    def at(self, reading_s: float) -> str:
        """Return the UTC time of a reading of ``perf_counter`` in ISO 8601, to the millisecond."""
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self._offset_s + reading_s, UTC).isoformat(timespec="milliseconds")
