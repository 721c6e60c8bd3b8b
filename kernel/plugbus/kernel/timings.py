"""How long subscribers take: for each plugin, and for each topic that it subscribed to."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from .values import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from .routes import Wrapper
    from .unrolling import Call


@value(frozen=True, slots=True, kw_only=True)
class Timing:
    """What some subscribers took, in seconds.

    Args:
        calls: How often they were called.
        failures: How often they raised.
        total_s: From call to return, summed up. What is published within a call counts to it, and to those whom that
            reaches as well.
        own_s: The same without what subscribers of this bus took of it that were called within the call, in its thread.
        longest_s: The longest call.
        cpu_s: CPU time of the calls, like ``total_s``; None if it was not measured.
        own_cpu_s: CPU time, like ``own_s``; None if it was not measured.
    """

    calls: int
    failures: int
    total_s: float
    own_s: float
    longest_s: float
    cpu_s: float | None
    own_cpu_s: float | None


class Timings:
    """What the subscribers of a bus took while this ran. ``stop`` it, or use it as a context manager.

    Calls count when they have ended; what ends after ``stop`` does not. It can be read at any time, in any thread.

    Args:
        cpu: Whether CPU time is measured too.
        stop: Called when this stops.
    """

    def __init__(self, stop: Callable[[Timings], None], *, cpu: bool) -> None:
        self._stop = stop
        self._cpu_clock = time.thread_time_ns if cpu else None
        # Reentrant: a finaliser or a signal handler may publish while this thread holds it.
        self._lock = threading.RLock()
        self._cells: dict[tuple[str, str], _Cell] = {}
        self._within = _Within()
        self._is_running = True

    @property
    def is_running(self) -> bool:
        """Tell whether calls are still measured."""
        return self._is_running

    @property
    def by_topic(self) -> Mapping[tuple[str, str], Timing]:
        """Return what was taken by owner, empty for the host, and topic of the event."""
        with self._lock:
            return {key: self._told((cell,)) for key, cell in self._cells.items() if cell.calls}

    @property
    def by_owner(self) -> Mapping[str, Timing]:
        """Return what was taken by owner, empty for the host."""
        with self._lock:
            cells: dict[str, list[_Cell]] = {}
            for (owner, _), cell in self._cells.items():
                if cell.calls:
                    cells.setdefault(owner, []).append(cell)
            return {owner: self._told(one) for owner, one in cells.items()}

    def stop(self) -> None:
        """Measure nothing more. Idempotent."""
        with self._lock:
            self._is_running = False
        self._stop(self)

    def wrapper_for(self, topic: str) -> Wrapper:
        """Return what wraps a subscriber of a topic's events so that its calls are measured. For the bus."""
        return lambda call, owner: self._timed(call, self._cell_of(owner, topic))

    def __enter__(self) -> Timings:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _cell_of(self, owner: str, topic: str) -> _Cell:
        with self._lock:
            return self._cells.setdefault((owner, topic), _Cell())

    def _timed(self, call: Call, cell: _Cell) -> Call:
        clock, cpu_clock, within, lock = time.perf_counter_ns, self._cpu_clock or _no_clock, self._within, self._lock

        def timed(event: object) -> None:
            if not self._is_running:
                call(event)
                return
            outer_ns, outer_cpu_ns = within.ns, within.cpu_ns
            within.ns = within.cpu_ns = 0
            failures = 1
            cpu_begun, begun = cpu_clock(), clock()
            try:
                call(event)
                failures = 0
            finally:
                took_ns, took_cpu_ns = clock() - begun, cpu_clock() - cpu_begun
                own_ns, own_cpu_ns = took_ns - within.ns, took_cpu_ns - within.cpu_ns
                within.ns, within.cpu_ns = outer_ns + took_ns, outer_cpu_ns + took_cpu_ns
                with lock:
                    if self._is_running:
                        cell.add(failures, took_ns, own_ns, took_cpu_ns, own_cpu_ns)

        return timed

    def _told(self, cells: Iterable[_Cell]) -> Timing:
        cells = tuple(cells)
        has_cpu = self._cpu_clock is not None
        return Timing(
            calls=sum(one.calls for one in cells),
            failures=sum(one.failures for one in cells),
            total_s=sum(one.total_ns for one in cells) / 1e9,
            own_s=sum(one.own_ns for one in cells) / 1e9,
            longest_s=max(one.longest_ns for one in cells) / 1e9,
            cpu_s=sum(one.cpu_ns for one in cells) / 1e9 if has_cpu else None,
            own_cpu_s=sum(one.own_cpu_ns for one in cells) / 1e9 if has_cpu else None,
        )


class _Cell:
    """The sums of one owner and topic."""

    __slots__ = ("calls", "cpu_ns", "failures", "longest_ns", "own_cpu_ns", "own_ns", "total_ns")

    def __init__(self) -> None:
        self.calls = self.failures = 0
        self.total_ns = self.own_ns = self.longest_ns = self.cpu_ns = self.own_cpu_ns = 0

    def add(self, failures: int, took_ns: int, own_ns: int, cpu_ns: int, own_cpu_ns: int) -> None:
        self.calls += 1
        self.failures += failures
        self.total_ns += took_ns
        self.own_ns += own_ns
        self.longest_ns = max(self.longest_ns, took_ns)
        self.cpu_ns += cpu_ns
        self.own_cpu_ns += own_cpu_ns


class _Within(threading.local):
    """What measured calls have taken in this thread within the one that runs."""

    ns = 0
    cpu_ns = 0


def _no_clock() -> int:
    return 0
