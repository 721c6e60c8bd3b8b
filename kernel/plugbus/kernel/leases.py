"""Leases: uses of a provider that are counted, so that it can be taken away when the last one is over."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class LeaseCount:
    """Count the uses of one provider.

    Lifecycle: ``acquire`` and ``release`` from any thread; ``retire`` once, after which nothing new is counted; when
    the last use is over, the callbacks of ``when_idle`` run in the thread that released it.
    """

    __slots__ = ("_callbacks", "_count", "_is_ended", "_is_retired", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._is_retired = False
        self._is_ended = False
        self._callbacks: tuple[Callable[[], object], ...] = ()

    @property
    def count(self) -> int:
        """Return how many uses there are now."""
        return self._count

    @property
    def is_ended(self) -> bool:
        """Tell whether the provider is gone, also for those who still use it."""
        return self._is_ended

    def end(self) -> None:
        """Say that the provider is gone: its plugin was unloaded, whatever uses of it there are."""
        self._is_ended = True

    def acquire(self) -> bool:
        """Count a use; tell whether the provider still takes any."""
        with self._lock:
            if self._is_retired:
                return False
            self._count += 1
            return True

    def release(self) -> None:
        """End a use that was counted."""
        with self._lock:
            self._count -= 1
            callbacks: tuple[Callable[[], object], ...] = ()
            if not self._count and self._is_retired:
                callbacks, self._callbacks = self._callbacks, ()
        for callback in callbacks:
            callback()

    def retire(self) -> None:
        """Take no new uses."""
        with self._lock:
            self._is_retired = True

    def when_idle(self, callback: Callable[[], object]) -> bool:
        """Call back when the last use of a retired provider is over; False, and no call, when none is left now."""
        with self._lock:
            if not self._count:
                return False
            self._callbacks += (callback,)
            return True


def drain(
    counts: Iterable[LeaseCount],
    timeout_s: float,
    when_late: Callable[[], object],
    over: threading.Event | None = None,
) -> bool:
    """Take no new uses, and wait until the present ones are over.

    Args:
        counts: Of everything that is to be drained.
        timeout_s: How many seconds to wait for all of them together, at most; 0 or more, and may be infinite.
        when_late: Called once, in the thread that ends the last use, if that is after the time-out.
        over: Set when the uses are over; whoever sets it ends the wait.

    Returns:
        Whether all were over in time, or the wait was ended; if not, ``when_late`` will be, or was, called.
    """
    counts = tuple(counts)
    over = over or threading.Event()
    try:
        call_when_idle(counts, over.set)
        if over.wait(min(timeout_s, threading.TIMEOUT_MAX)):
            return True
    except BaseException:
        # Whoever waited was interrupted; what is to follow the last use must follow it all the same.
        call_when_idle(counts, when_late)
        raise
    call_when_idle(counts, when_late)
    return False


def call_when_idle(counts: Sequence[LeaseCount], callback: Callable[[], object]) -> None:
    """Take no new uses, and call back once, when the last use of all of these is over; at once where none is left."""
    for count in counts:
        count.retire()
    # One more than there are: the callback comes when all have been asked, and also where there is nothing to ask.
    waiting = len(counts) + 1
    lock = threading.Lock()

    def one_is_idle() -> None:
        nonlocal waiting
        with lock:
            waiting -= 1
            is_last = not waiting
        if is_last:
            callback()

    for count in counts:
        if not count.when_idle(one_is_idle):
            one_is_idle()
    one_is_idle()
