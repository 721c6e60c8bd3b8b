"""The bounded buffer behind every stream."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plugbus.kernel import Event


class DropPolicy(StrEnum):
    """What happens when a stream's consumer is too slow: the oldest event goes, the newest, or the publisher waits."""

    OLDEST = "oldest"
    NEWEST = "newest"
    BLOCK = "block"


class EventBuffer:
    """A bounded queue that counts what it had to drop. Not locked: its stream does that.

    Args:
        maxsize: How many events it holds; at least 1.
        drop: Which one goes when it is full. The newest where the publisher was to wait for room, and did in vain.
    """

    def __init__(self, maxsize: int, drop: DropPolicy) -> None:
        if maxsize < 1:
            raise ValueError(f"cannot make event stream: maxsize is {maxsize}; give at least 1")
        self._maxsize = maxsize
        self._drop = DropPolicy(drop)
        self._events: deque[Event] = deque()
        self.dropped = 0

    @property
    def is_full(self) -> bool:
        """Tell whether the next event finds no room."""
        return len(self._events) == self._maxsize

    def put(self, event: Event) -> None:
        """Add an event, dropping one if there is no room."""
        if self.is_full:
            self.dropped += 1
            if self._drop is not DropPolicy.OLDEST:
                return
            self._events.popleft()
        self._events.append(event)

    def take(self) -> Event | None:
        """Remove and return the oldest event, or None when there is none."""
        return self._events.popleft() if self._events else None

    def __len__(self) -> int:
        return len(self._events)
