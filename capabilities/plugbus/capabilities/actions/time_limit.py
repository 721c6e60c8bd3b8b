"""The end of the time that an action has."""

from __future__ import annotations

from _thread import TIMEOUT_MAX
from logging import getLogger
from threading import Timer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from ..cancellation import CancellationToken

_logger = getLogger(__name__)


class TimeLimit:
    """Cancel a token when so many seconds have passed inside a ``with``; after it no thread of it is left.

    Args:
        token: What is cancelled.
        seconds: How long the ``with`` may take.
        reason: What the token is told.
    """

    __slots__ = ("_reason", "_timer", "_token")

    def __init__(self, token: CancellationToken, seconds: float, reason: str) -> None:
        self._token = token
        self._reason = reason
        self._timer = Timer(min(max(seconds, 0.0), TIMEOUT_MAX), self._ring)
        self._timer.name = "plugbus-time-limit"
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        self._timer.join()

    @property
    def is_over(self) -> bool:
        """Tell whether the time was over before somebody else cancelled the token."""
        return self._token.reason is self._reason

    def _ring(self) -> None:
        try:
            self._token.cancel(self._reason)
        except Exception:
            _logger.exception("a function that was to hear of a cancellation raised")
