"""What an action logs with, and how its messages become events."""

from __future__ import annotations

from collections.abc import Mapping
from traceback import format_exc
from typing import TYPE_CHECKING, Protocol

from ..events import LogLevel, MessageLogged

if TYPE_CHECKING:
    from .runtime import RuntimeContext


class ActionLogger(Protocol):
    """The logging calls that actions may rely on; messages take %-style arguments, as the standard library's do."""

    def debug(self, msg: str, *args: object) -> None:
        """Log for developers."""
        ...

    def info(self, msg: str, *args: object) -> None:
        """Log for people."""
        ...

    def warning(self, msg: str, *args: object) -> None:
        """Log what people should look at."""
        ...

    def error(self, msg: str, *args: object) -> None:
        """Log what went wrong."""
        ...

    def critical(self, msg: str, *args: object) -> None:
        """Log what ends the work."""
        ...

    def exception(self, msg: str, *args: object) -> None:
        """Log what went wrong, with the traceback of the exception that is being handled."""
        ...


class EventLogger:
    """An ``ActionLogger`` whose messages are events."""

    __slots__ = ("_ctx",)

    def __init__(self, ctx: RuntimeContext) -> None:
        self._ctx = ctx

    def debug(self, msg: str, *args: object) -> None:
        """Log for developers."""
        self._log(LogLevel.DEBUG, msg, args, is_for_developers=True)

    def info(self, msg: str, *args: object) -> None:
        """Log for people."""
        self._log(LogLevel.INFO, msg, args)

    def warning(self, msg: str, *args: object) -> None:
        """Log what people should look at."""
        self._log(LogLevel.WARNING, msg, args)

    def error(self, msg: str, *args: object) -> None:
        """Log what went wrong."""
        self._log(LogLevel.ERROR, msg, args)

    def critical(self, msg: str, *args: object) -> None:
        """Log what ends the work."""
        self._log(LogLevel.CRITICAL, msg, args)

    def exception(self, msg: str, *args: object) -> None:
        """Log what went wrong, with the traceback of the exception that is being handled."""
        self._log(LogLevel.ERROR, f"{_filled(msg, args)}\n{format_exc()}", ())

    def _log(self, level: LogLevel, msg: str, args: tuple[object, ...], *, is_for_developers: bool = False) -> None:
        ctx = self._ctx
        ctx.publish(MessageLogged(ctx.job_id, level, _filled(msg, args), is_for_developers))


def _filled(msg: str, args: tuple[object, ...]) -> str:
    """Fill the arguments in; a message that does not fit them is kept with them, never an error of the work."""
    if not args:
        return msg
    named = args[0] if len(args) == 1 and isinstance(args[0], Mapping) else None
    try:
        return msg % (named or args)
    except Exception:  # noqa: BLE001 - an argument's own __str__ may raise anything
        return f"{msg} {args!r}"
