"""Cancellation: asking work that goes on to stop."""

from __future__ import annotations

from .errors import WorkCancelledError


class CancellationToken:
    """Ask work to stop, from any thread; the work looks now and then, and stops where it can.

    A token that was cancelled stays so. It reaches the work in its own process alone: what is pickled is its state.
    """

    __slots__ = ("_reasons",)

    def __init__(self) -> None:
        # Appending is one step for every thread, so that the first reason stays the first without a lock.
        self._reasons: list[str] = []

    def cancel(self, reason: str = "it was asked to stop") -> None:
        """Ask the work to stop; the first reason counts."""
        self._reasons.append(reason)

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
