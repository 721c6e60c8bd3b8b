"""What a job offers to its action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from traceback import format_exc
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import NoRunError
from ..events import EventLogged, LogEnded, LogLevel, MessageLogged, MetricsRecorded, ProgressReported

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.kernel import Event

    from ..cancellation import CancellationToken
    from ..runs.context import RunContext


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


def discard(event: Event) -> None:
    """Publish to nobody."""


@dataclass(slots=True)
class RuntimeContext:
    """Services of one job, handed to its action.

    Args:
        logger: Where messages go; the event bus by default.
        env: Settings from outside, such as keys and hosts. Only what the host passed, never the process's environment.
        job_id: The job that this is; inside a run it is the run's id.
        client: The backend's client, where the host has one.
        agent_client: The cluster agent's client, where the host has one.
        checkpoint: What is known of the pretrained model to start from.
        publish: Where events go.
        run: The run that this job is part of, with its artifact directory and tracking.
        cancellation: Says when the job is to stop; None where nobody can stop it.
    """

    logger: ActionLogger = field(default=None)  # type: ignore[assignment] # made in __post_init__, where the job is known
    env: Mapping[str, Any] = field(default_factory=dict)
    job_id: str | None = None
    client: object | None = None
    agent_client: object | None = None
    checkpoint: Mapping[str, Any] | None = None
    publish: Callable[[Event], None] = discard
    run: RunContext | None = None
    cancellation: CancellationToken | None = None
    _is_log_ended: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if self.logger is None:
            self.logger = EventLogger(self)

    @property
    def current_run(self) -> RunContext:
        """Return the run that this job is part of.

        Raises:
            NoRunError: It is part of none, and so has no directory for files.
        """
        if self.run is None:
            raise NoRunError(self.job_id or "")
        return self.run

    @property
    def is_heard(self) -> bool:
        """Tell whether events go anywhere: what is dear to make need not be made for nobody."""
        return self.publish is not discard

    def raise_if_cancelled(self) -> None:
        """Stop here if the job is to stop; to be called now and then by work that takes long.

        Raises:
            WorkCancelledError: It is.
        """
        if self.cancellation is not None:
            self.cancellation.raise_if_cancelled(f"job '{self.job_id}'" if self.job_id else "job")

    def log(self, event: str, data: Mapping[str, Any] | None = None, file: str | None = None) -> None:
        """Log that something happened, with its facts and a file that belongs to it."""
        self.publish(EventLogged(self.job_id, event, dict(data or {}), file))

    def set_progress(self, current: float, total: float | None, category: str | None = None) -> None:
        """Report that ``current`` of ``total`` is done.

        Both are counts of anything. ``total`` is None, or not above 0, while it is not known. A count outside
        0..total is brought inside: an off-by-one in a report is no reason to lose the work that it is about.
        """
        if total is not None and not total > 0:
            total = None
        current = max(0, current) if total is None else min(max(0, current), total)
        self.publish(ProgressReported(self.job_id, current, total, category))

    def set_metrics(self, value: Mapping[str, float], category: str | None = None, *, step: int | None = None) -> None:
        """Record measured values, of one category and one step (epoch, iteration) if named."""
        self.publish(MetricsRecorded(self.job_id, dict(value), category, step))

    def log_message(self, message: str, level: LogLevel | str = LogLevel.INFO) -> None:
        """Tell people something. The text is taken as it is: braces and percent signs mean nothing in it."""
        self.publish(MessageLogged(self.job_id, LogLevel(level), message))

    def log_dev_event(self, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Log something for developers, with its facts."""
        self.publish(EventLogged(self.job_id, "dev_event", {"message": message, "data": dict(data or {})}))

    def end_log(self) -> None:
        """Say that nothing more will be logged; the second call does nothing."""
        if not self._is_log_ended:
            self._is_log_ended = True
            self.publish(LogEnded(self.job_id))


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
