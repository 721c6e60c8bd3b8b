"""What is measured and traced on a bus now, and what routes are made of for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .causality import CauseTracer, Tracing

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import RLock

    from .routes import Wrapper
    from .timings import Timings


class Instruments:
    """The measurements and tracings that run, each until it is stopped.

    Routes are built anew when one begins or ends, so that those that are off cost nothing.

    Attributes:
        tracer: Knows the causes of events.
        is_tracing: Whether it is asked to.

    Args:
        lock: The lock of the bus.
        rebuild: Has every route built anew before its next use.
    """

    def __init__(self, lock: RLock, rebuild: Callable[[], object]) -> None:
        self._lock = lock
        self._rebuild = rebuild
        self._measuring: tuple[Timings, ...] = ()
        self._tracing: tuple[Tracing, ...] = ()
        self.tracer = CauseTracer()
        self.is_tracing = False

    def measure(self, *, cpu: bool) -> Timings:
        """Begin a measurement."""
        from .timings import Timings  # not imported for hosts that never measure

        timings = Timings(self._end_measuring, cpu=cpu)
        with self._lock:
            self._measuring += (timings,)
            self._rebuild()
        return timings

    def trace(self, chain_limit: int) -> Tracing:
        """Begin a tracing."""
        if chain_limit < 1:
            raise ValueError(f"cannot trace events: chain_limit is {chain_limit}; give at least 1")
        tracing = Tracing(chain_limit, self._end_tracing)
        with self._lock:
            self._set_tracing((*self._tracing, tracing))
        return tracing

    def wrappers_for(self, topic: str) -> list[Wrapper]:
        """Return what the subscribers of a topic's events are wrapped in."""
        return [one.wrapper_for(topic) for one in self._measuring]

    def _end_measuring(self, timings: Timings) -> None:
        with self._lock:
            self._measuring = tuple(one for one in self._measuring if one is not timings)
            self._rebuild()

    def _end_tracing(self, tracing: Tracing) -> None:
        with self._lock:
            self._set_tracing(tuple(one for one in self._tracing if one is not tracing))

    def _set_tracing(self, tracing: tuple[Tracing, ...]) -> None:
        self._tracing = tracing
        self.is_tracing = bool(tracing)
        # Who is on the way with the last tracing keeps its limit.
        if tracing:
            self.tracer.chain_limit = min(one.chain_limit for one in tracing)
        self._rebuild()
