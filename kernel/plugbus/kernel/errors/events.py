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


class SubscriptionOrderError(KernelError, ValueError):
    """Refuse a subscription after which each of some subscriptions would have to come before another."""

    def __init__(self, selector: str, path: tuple[str, ...]) -> None:
        super().__init__(selector, path)
        self.selector = selector
        self.path = path

    def __str__(self) -> str:
        return (
            f"cannot subscribe to '{self.selector}': each would have to come before the next: "
            f"{' -> '.join(self.path)}; drop one of their before and after"
        )


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
    """Stop subscribers that publish in a circle.

    Args:
        topic: Of the event that was refused.
        limit: How many events may be delivered inside one another.
        path: The topics of those that were being delivered, the outermost first, and of the refused one.
    """

    def __init__(self, topic: str, limit: int, path: tuple[str, ...] = ()) -> None:
        super().__init__(topic, limit, path)
        self.topic = topic
        self.limit = limit
        self.path = path

    def __str__(self) -> str:
        return (
            f"cannot publish event '{self.topic}': {self.limit} events are being delivered inside one another"
            f"{_circle(self.path)}; look for a subscriber that publishes what it subscribes to, or raise depth_limit"
        )


class PublishChainError(KernelError, RecursionError):
    """Stop events that lead to one another without end, across threads and tasks.

    Args:
        topic: Of the event that was refused.
        limit: How many events may lead to one another.
        path: The topics of those that did, the first one first, and of the refused one.
    """

    def __init__(self, topic: str, limit: int, path: tuple[str, ...]) -> None:
        super().__init__(topic, limit, path)
        self.topic = topic
        self.limit = limit
        self.path = path

    def __str__(self) -> str:
        return (
            f"cannot publish event '{self.topic}': {self.limit} events have led to one another{_circle(self.path)}; "
            f"look for work that an event starts and that publishes it again, raise chain_limit, "
            f"or start that work in a context of its own"
        )


def _circle(path: tuple[str, ...]) -> str:
    """Write the end of a path of topics: from where its last one stood before, and what is close to both ends of it."""
    if not path:
        return ""
    before = [place for place, topic in enumerate(path[:-1]) if topic == path[-1]]
    begin = before[-1] if before else 0
    names = list(path[begin:])
    if len(names) > _SHOWN:
        names[_SHOWN // 2 : -_SHOWN // 2] = ["..."]
    return f": {' -> '.join(names)}"


_SHOWN = 8
