"""Subscriptions and events that the bus refuses."""

from __future__ import annotations

from .root import KernelError


class SubscriptionError(KernelError, TypeError):
    """Refuse a subscription that could never work."""

    def __init__(self, selector: str, cause: str) -> None:
        super().__init__(selector, cause)
        self.selector = selector
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot subscribe to '{self.selector}': {self.cause}"


class PayloadTypeError(KernelError, TypeError):
    """Name both types when a custom event carries something else than its reader expected."""

    def __init__(self, event_type: str, expected: str, found: str) -> None:
        super().__init__(event_type, expected, found)
        self.event_type = event_type
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"cannot read event '{self.event_type}' as {self.expected}: it carries a {self.found}"


class ForgedEventError(KernelError, PermissionError):
    """Refuse an event that only the kernel may publish."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.topic = topic

    def __str__(self) -> str:
        return f"cannot publish event '{self.topic}': the kernel alone publishes it; choose another event type"


class PublishDepthError(KernelError, RecursionError):
    """Stop subscribers that publish in a circle."""

    def __init__(self, topic: str, limit: int) -> None:
        super().__init__(topic, limit)
        self.topic = topic
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"cannot publish event '{self.topic}': {self.limit} events are being delivered inside one another; "
            f"look for a subscriber that publishes what it subscribes to, or raise depth_limit"
        )
