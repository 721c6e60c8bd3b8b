"""What goes wrong with streams and recordings."""

from __future__ import annotations

from ..errors import CapabilityError


class RecordingError(CapabilityError, ValueError):
    """Refuse a line of a recording.

    Args:
        path: The file.
        line: The number of the line, from 1 on.
        cause: What is wrong with it.
    """

    def __init__(self, path: str, line: int, cause: str) -> None:
        super().__init__(path, line, cause)
        self.path = path
        self.line = line
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot read recording '{self.path}': line {self.line}: {self.cause}"


class StreamBlockedError(CapabilityError, RuntimeError):
    """Report an event that a blocking stream had no room for, and why its publisher did not wait any longer.

    Args:
        topic: Of the event.
        cause: Why there was no room.
    """

    def __init__(self, topic: str, cause: str) -> None:
        super().__init__(topic, cause)
        self.topic = topic
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot deliver event '{self.topic}': {self.cause}"
