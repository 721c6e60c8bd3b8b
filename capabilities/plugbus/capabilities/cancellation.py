"""Cancellation: asking work that goes on to stop."""

from __future__ import annotations

from _thread import TIMEOUT_MAX, allocate_lock
from typing import TYPE_CHECKING

from .errors import WorkCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable


class CancellationToken:
    """Ask work to stop, from any thread; the work looks now and then, and stops where it can.

    A token that was cancelled stays so. It reaches the work in its own process alone: what is pickled is its state.
    """

    __slots__ = ("_calls", "_reasons")

    def __init__(self) -> None:
        # Each change is one step for every thread, so that no lock is needed: a signal handler may cancel at any time.
        self._reasons: list[str] = []
        self._calls: dict[object, Callable[[str], object]] = {}

    def __getstate__(self) -> tuple[str, ...]:
        return tuple(self._reasons)

    def __setstate__(self, reasons: tuple[str, ...]) -> None:
        self._reasons = list(reasons)
        self._calls = {}

    def cancel(self, reason: str = "it was asked to stop") -> None:
        """Ask the work to stop; the first reason counts.

        Raises:
            Exception: The first that a function of ``on_cancel`` raised, when all were called.
        """
        self._reasons.append(reason)
        first: Exception | None = None
        while self._calls:
            try:
                _, call = self._calls.popitem()
            except KeyError:
                break  # another thread took the last one
            try:
                call(self._reasons[0])
            except Exception as error:  # noqa: BLE001 - the others are to hear of it all the same
                first = first or error
        if first is not None:
            raise first

    @property
    def is_cancelled(self) -> bool:
        """Tell whether the work is to stop."""
        return bool(self._reasons)

    @property
    def reason(self) -> str | None:
        """Return why the work is to stop; None while it is not."""
        return self._reasons[0] if self._reasons else None

    def raise_if_cancelled(self, work: str = "work") -> None:
        """Stop here if the work is to stop.

        Args:
            work: What is stopped, for the message.

        Raises:
            WorkCancelledError: It is.
        """
        if self._reasons:
            raise WorkCancelledError(work, self._reasons[0])

    def on_cancel(self, call: Callable[[str], object]) -> Callable[[], None]:
        """Have a function called with the reason, once, by the thread that cancels; at once if that has happened.

        It is called where the work may be in the middle of anything: it should wake the work up, and take no lock.

        Returns:
            What takes it back; calling that again does nothing.
        """
        key = object()
        calls = self._calls
        calls[key] = call
        if self._reasons and calls.pop(key, None) is not None:
            call(self._reasons[0])

        def forget() -> None:
            calls.pop(key, None)

        return forget

    def wait(self, timeout_s: float) -> bool:
        """Wait until the work is to stop, for ``timeout_s`` seconds at most, and tell whether it is.

        Interruptible, so that work that waits for something else can be stopped.
        """
        # A bare lock: its release is safe in a signal handler that interrupts this very wait.
        bell = allocate_lock()
        bell.acquire()
        forget = self.on_cancel(lambda reason: bell.release())
        try:
            bell.acquire(timeout=min(max(0.0, timeout_s), TIMEOUT_MAX))
        finally:
            forget()
        return self.is_cancelled
