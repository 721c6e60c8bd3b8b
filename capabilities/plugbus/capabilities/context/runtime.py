"""What a job offers to its action."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import NoRunError
from ..events import EventLogged, LogEnded, LogLevel, MessageLogged, MetricsRecorded, ProgressReported
from .logger import EventLogger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugbus.kernel import Event

    from ..backend import BackendClient
    from ..cancellation import CancellationToken
    from ..runs.context import RunContext
    from ..storage import Storage
    from .logger import ActionLogger


def discard(event: Event) -> None:
    """Publish to nobody."""


@dataclass(slots=True)
class RuntimeContext:
    """Services of one job, handed to its action.

    Args:
        logger: Where messages go; the event bus by default.
        env: Settings from outside, such as keys and hosts. Only what the host passed, never the process's environment.
        job_id: The job that this is; inside a run it is the run's id.
        client: The backend, where the host has one.
        agent_client: The cluster agent's client, where the host has one.
        checkpoint: What is known of the pretrained model to start from.
        publish: Where events go.
        run: The run that this job is part of, with its artifact directory and tracking.
        cancellation: Says when the job is to stop; None where nobody can stop it.
        storage: Where files of the platform are, where the host has a place for them.
    """

    logger: ActionLogger = field(default=None)  # type: ignore[assignment] # made in __post_init__, where the job is known
    env: Mapping[str, Any] = field(default_factory=dict)
    job_id: str | None = None
    client: BackendClient | None = None
    agent_client: object | None = None
    checkpoint: Mapping[str, Any] | None = None
    publish: Callable[[Event], None] = discard
    run: RunContext | None = None
    cancellation: CancellationToken | None = None
    storage: Storage | None = None
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
    def current_backend(self) -> BackendClient:
        """Return the backend.

        Raises:
            BackendUnavailableError: The job was given none.
        """
        if self.client is None:
            from ..backend import BackendUnavailableError  # asked for by few jobs

            raise BackendUnavailableError(self.job_id or "")
        return self.client

    @property
    def current_storage(self) -> Storage:
        """Return the storage.

        Raises:
            StorageUnavailableError: The job was given none.
        """
        if self.storage is None:
            from ..storage import StorageUnavailableError  # asked for by few jobs

            raise StorageUnavailableError(self.job_id or "")
        return self.storage

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
