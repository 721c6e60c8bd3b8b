"""What a job offers to its action."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import NoRunError
from ..events import (
    EventLogged,
    LogEnded,
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    ProgressFailed,
    ProgressPlanned,
    ProgressReported,
)
from .env import NO_SETTINGS, PluginEnvironment
from .logger import EventLogger
from .messages import NO_MESSAGES, LogMessageCode
from .services import NO_SERVICES, HostServices, UndecidedService
from .wording import facts_of, level_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from plugbus.kernel import Event

    from ..backend import BackendClient
    from ..cancellation import CancellationToken
    from ..pipelines.context import PipelineContext
    from ..runs.context import RunContext
    from ..storage import Storage
    from .logger import ActionLogger
    from .messages import MessageCatalogue

    class _Settings:
        """What static checkers see of ``env``: any mapping may be given, and is read as settings."""

        def __get__(self, ctx: object, owner: object = None) -> PluginEnvironment: ...

        def __set__(self, ctx: object, given: Mapping[str, Any]) -> None: ...

    _NO_SETTINGS = _Settings()
else:
    _NO_SETTINGS = NO_SETTINGS


def discard(event: Event) -> None:
    """Publish to nobody."""


@dataclass(slots=True)
class RuntimeContext:
    """Services of one job, handed to its action.

    Nothing that is reported through it ends the work: what can't be told as it is, is told as well as it can be.

    Args:
        logger: Where messages go; the event bus by default.
        env: Settings from outside, such as keys and hosts. Only what the host passed, never the process's environment.
            A mapping becomes a ``PluginEnvironment``.
        job_id: The job that this is; inside a run it is the run's id.
        client: The backend, where the host has one.
        agent_client: The cluster agent's client, where the host has one.
        checkpoint: What is known of the pretrained model to start from.
        publish: Where events go.
        run: The run that this job is part of, with its artifact directory and tracking.
        cancellation: Says when the job is to stop; None where nobody can stop it.
        storage: Where files of the platform are, where the host has a place for them.
        language: The language of the people that read its messages, such as ``de``; None to leave it to the setting
            ``LANGUAGE``.
        messages: The texts of its message codes, besides those that the codes bring.
        pipeline: The run of a pipeline that this job is part of, with its folders.
        services: What loaded plugins provide.
    """

    logger: ActionLogger = field(default=None)  # type: ignore[assignment] # made in __post_init__, where the job is known
    env: _Settings = _NO_SETTINGS
    job_id: str | None = None
    client: BackendClient | None = None
    agent_client: object | None = None
    checkpoint: Mapping[str, Any] | None = None
    publish: Callable[[Event], None] = discard
    run: RunContext | None = None
    cancellation: CancellationToken | None = None
    storage: Storage | None = None
    language: str | None = None
    messages: MessageCatalogue = NO_MESSAGES
    pipeline: PipelineContext | None = None
    services: HostServices = NO_SERVICES
    _is_log_ended: bool = field(default=False, repr=False)

    def __post_init__(self) -> None:
        if self.logger is None:
            self.logger = EventLogger(self)
        if type(self.env) is not PluginEnvironment:
            self.env = PluginEnvironment(self.env) if self.env else NO_SETTINGS

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
            BackendUnavailableError: The job was given none, and nothing provides one; tells which plugins could.
            AmbiguousServiceError: Several plugins provide it, and the host prefers none.
        """
        given = self.client
        if isinstance(given, UndecidedService):
            given.decide()
        if given is None:
            from ..backend import BACKEND, BackendUnavailableError  # asked for by few jobs

            given = self.services.find(BACKEND)
            if given is None:
                raise BackendUnavailableError(self.job_id or "", self.services.plugins(BACKEND))
        return given

    @property
    def current_storage(self) -> Storage:
        """Return the storage.

        Raises:
            StorageUnavailableError: The job was given none, and nothing provides one; tells which plugins could.
            AmbiguousServiceError: Several plugins provide it, and the host prefers none.
        """
        given = self.storage
        if isinstance(given, UndecidedService):
            given.decide()
        if given is None:
            from ..storage import STORAGE, StorageUnavailableError  # asked for by few jobs

            given = self.services.find(STORAGE)
            if given is None:
                raise StorageUnavailableError(self.job_id or "", self.services.plugins(STORAGE))
        return given

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

    def log(
        self,
        event: str,
        data: Mapping[str, Any] | None = None,
        file: str | None = None,
        level: LogLevel | str = LogLevel.INFO,
    ) -> None:
        """Log that something happened, with its facts and a file that belongs to it."""
        file = None if file is None else str(file)
        self.publish(EventLogged(self.job_id, str(event), facts_of(data), file, level_of(level)))

    def plan_progress(self, weights: Mapping[str, float], done: Iterable[str] = ()) -> None:
        """Say which categories the work has, and how much each is of the whole. The first plan of a job holds.

        Args:
            weights: Category to a number that is not negative; they count by their shares of their sum.
            done: Those that were done before, by work that is taken up again.
        """
        if weights:
            self.publish(ProgressPlanned(self.job_id, dict(weights), tuple(done)))

    def set_progress(
        self, current: float, total: float | None, category: str | None = None, *, step: str | None = None
    ) -> None:
        """Report that ``current`` of ``total`` is done.

        Both are counts of anything. ``total`` is None, or not above 0, while it is not known. A count outside
        0..total is brought inside: an off-by-one in a report is no reason to lose the work that it is about. What is
        no number counts as not known.

        Args:
            current: What is done.
            total: All there is.
            category: Which of several things this is the progress of.
            step: Another word for ``category``.
        """
        try:
            if total is not None and not total > 0:
                total = None
            current = max(0, current) if total is None else min(max(0, current), total)
        except Exception:  # noqa: BLE001 - whatever was given for a number, the work goes on
            current, total = 0, None
        self.publish(ProgressReported(self.job_id, current, total, step if category is None else category))

    def fail_progress(self, category: str | None = None) -> None:
        """Report that a category failed, or all that is under way; the work itself may go on."""
        self.publish(ProgressFailed(self.job_id, category))

    def set_metrics(
        self, value: Mapping[str, float], category: str | None = None, *, step: int | str | None = None
    ) -> None:
        """Record measured values.

        Args:
            value: Name to number.
            category: What they belong to, such as ``train``.
            step: Epoch or iteration, from 0 on. A text is another word for ``category``.
        """
        if isinstance(step, str):
            category, step = step if category is None else category, None
        self.publish(MetricsRecorded(self.job_id, facts_of(value), category, step))

    def log_message(
        self,
        message: str | LogMessageCode | Mapping[str, str],
        /,
        level: LogLevel | str | None = None,
        *,
        language: str | None = None,
        **fields: object,
    ) -> None:
        """Tell people something.

        A text without fields is taken as it is: braces and percent signs mean nothing in it. With fields, and in
        texts of codes and languages, ``{name}`` stands for a field; one that is not given is left as it is written.

        Args:
            message: A text; a code, whose texts are its own or in ``messages``; or a text for each language, such as
                ``LocalizedMessage(en="done", de="fertig")``.
            level: How much it matters. That of the code by default, or ``info``; one that is not known is ``warning``.
            language: The language; the job's by default, or the setting ``LANGUAGE``. Where there is no text in it,
                it is English, then any, and the code itself where there is no text at all.
            fields: What is filled in.
        """
        text, code, spoken = text_of(
            message, fields, self.messages, lambda: (language, self.language, _as_text(self.env.get("LANGUAGE")))
        )
        found = level_of(message.level if level is None and isinstance(message, LogMessageCode) else level)
        # What goes with it is plain data: an event outlives the work, and may leave the process.
        plain = facts_of(fields, is_plain=True) if fields else {}
        self.publish(MessageLogged(self.job_id, found, text, code=code, language=spoken, fields=plain))

    def log_dev_event(self, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Log something for developers, with its facts."""
        facts = {"message": message, "data": facts_of(data)}
        self.publish(EventLogged(self.job_id, "dev_event", facts, level=LogLevel.DEBUG))

    def end_log(self) -> None:
        """Say that nothing more will be logged; the second call does nothing."""
        if not self._is_log_ended:
            self._is_log_ended = True
            self.publish(LogEnded(self.job_id))


def _as_text(value: object) -> str | None:
    return value if isinstance(value, str) else None
