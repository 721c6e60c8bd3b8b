"""What caused an event: ids of events, of those in whose delivery they were published, and of whole chains."""

from __future__ import annotations

import os
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING

from .errors import PublishChainError
from .events import SubscriberFailed
from .values import value

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType

    from .events import Event


@value(frozen=True, slots=True)
class Cause:
    """The event that is being delivered, and where it comes from.

    Args:
        event_id: Of the event; no other event of any bus has it, unless the process was forked.
        parent_id: Of the event in whose delivery it was published, None if there was none.
        correlation_id: Of everything that has one common cause: what was given to ``correlate``, or else the id of the
            first event.
        topic: Of the event.
        depth: How many events led to it, itself included; at least 1.
    """

    event_id: str
    parent_id: str | None
    correlation_id: str
    topic: str
    depth: int


class Tracing:
    """While it runs, a bus knows the causes of its events. ``stop`` it, or use it as a context manager.

    Attributes:
        chain_limit: How many events may lead to one another.
    """

    __slots__ = ("_stop", "chain_limit")

    def __init__(self, chain_limit: int, stop: Callable[[Tracing], None]) -> None:
        self.chain_limit = chain_limit
        self._stop = stop

    def stop(self) -> None:
        """End it; events are traced as long as another one runs. Idempotent."""
        self._stop(self)

    def __enter__(self) -> Tracing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Link:
    """One event in a chain of causes, kept short: most are never asked for.

    Attributes:
        number: Of the event among those of its bus, from 1 on; 0 for a mere correlation id, which is no event.
        parent: The event before it.
        correlation: What was given to ``correlate``, or the number of the first event.
        topic: Of the event.
        depth: How many events there are in the chain up to here.
    """

    __slots__ = ("correlation", "depth", "number", "parent", "topic")

    def __init__(self, number: int, parent: Link | None, correlation: str | int, topic: str, depth: int) -> None:
        self.number = number
        self.parent = parent
        self.correlation = correlation
        self.topic = topic
        self.depth = depth


class Correlation:
    """A ``with`` block within which events get a correlation id.

    Args:
        current: The cause of each context.
        correlation_id: What they get.
    """

    __slots__ = ("_correlation_id", "_current", "_tokens")

    def __init__(self, current: ContextVar[Link | None], correlation_id: str) -> None:
        self._current = current
        self._correlation_id = correlation_id
        self._tokens: list[Token[Link | None]] = []

    def __enter__(self) -> None:
        parent = _event_of(self._current.get())
        depth = 0 if parent is None else parent.depth
        self._tokens.append(self._current.set(Link(0, parent, self._correlation_id, "", depth)))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._current.reset(self._tokens.pop())


class CauseTracer:
    """What a bus knows of causes: the current one of each context, and the numbers that were given.

    Attributes:
        chain_limit: How many events may lead to one another.
    """

    def __init__(self) -> None:
        self._current: ContextVar[Link | None] = ContextVar("plugbus_cause", default=None)
        self._numbers = count(1)
        self._prefix = os.urandom(8).hex()
        self.chain_limit = 0

    @property
    def cause(self) -> Cause | None:
        """Return the cause of what runs in this context now."""
        link = _event_of(self._current.get())
        if link is None:
            return None
        correlation = link.correlation if isinstance(link.correlation, str) else self._id_of(link.correlation)
        parent_id = None if link.parent is None else self._id_of(link.parent.number)
        return Cause(self._id_of(link.number), parent_id, correlation, link.topic, link.depth)

    def enter(self, event: Event) -> Token[Link | None]:
        """Begin the delivery of an event; ``leave`` ends it.

        Raises:
            PublishChainError: The chain of causes is too long.
        """
        above = self._current.get()
        number = next(self._numbers)
        if above is None:
            return self._current.set(Link(number, None, number, event.topic, 1))
        # A report adds one link and no more: nobody reports on it.
        if above.depth >= self.chain_limit and not isinstance(event, SubscriberFailed):
            raise PublishChainError(event.topic, self.chain_limit, (*_topics_to(_event_of(above)), event.topic))
        return self._current.set(Link(number, _event_of(above), above.correlation, event.topic, above.depth + 1))

    def leave(self, token: Token[Link | None]) -> None:
        """End the delivery of an event."""
        self._current.reset(token)

    def correlate(self, correlation_id: str) -> Correlation:
        """Return a ``with`` block within which events get a correlation id."""
        if not correlation_id.strip():
            raise ValueError(f"cannot correlate events by '{correlation_id}': an id is not blank")
        return Correlation(self._current, correlation_id)

    def _id_of(self, number: int) -> str:
        return f"{self._prefix}-{number}"


def _event_of(link: Link | None) -> Link | None:
    """Return the event at the end of a chain, passing over a mere correlation id."""
    return link.parent if link is not None and not link.number else link


def _topics_to(link: Link | None) -> tuple[str, ...]:
    topics: list[str] = []
    while link is not None:
        topics.append(link.topic)
        link = link.parent
    return tuple(reversed(topics))
