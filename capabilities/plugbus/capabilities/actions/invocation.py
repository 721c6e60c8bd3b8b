"""The one way in which an action is run, whichever executor carries it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from time import monotonic
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from ..context import RuntimeContext
from ..context.env import NO_SETTINGS
from ..context.messages import NO_MESSAGES
from ..context.runtime import discard
from ..context.services import NO_SERVICES, HostServices
from ..errors import WorkCancelledError
from ..events import ActionCancelled, ActionCompleted, ActionFailed, ActionStarted, ProgressPlanned
from .action import NoResult
from .validation import validate_params, validate_result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    from plugbus.kernel import Event

    from ..autolog import AutologFramework
    from ..backend import BackendClient
    from ..cancellation import CancellationToken
    from ..context import MessageCatalogue
    from ..pipelines.context import PipelineContext
    from ..runs.context import RunContext
    from ..storage import Storage
    from .action import BaseAction
    from .clock import Clock
    from .policy import ActionPolicy


@dataclass(frozen=True)
class ActionCall:
    """One action to be run, with all that is known of it before.

    Args:
        action_cls: The action.
        params: Its parameters, validated or not.
        name: The name that it is offered under; the class's own by default.
        job_id: The job that this is.
        env: Settings from outside.
        run: The run that this job is part of.
        cancellation: Says when the action is to stop; it works within one process.
        client: The backend that the action may use.
        storage: Where the files of the platform are.
        policy: How long it may take and when it is tried again; the class's own by default.
        checkpoint: What is known of the pretrained model to start from.
        language: The language of the people that read its messages.
        messages: The texts of its message codes, besides those that the codes bring.
        pipeline: The run of a pipeline that this is part of.
        autologs: What logs frameworks, besides what is built in.
        services: What loaded plugins provide; it works within one process.
    """

    action_cls: type[BaseAction[Any]]
    params: Mapping[str, Any] | BaseModel | None = None
    name: str | None = None
    job_id: str | None = None
    env: Mapping[str, Any] = NO_SETTINGS
    run: RunContext | None = None
    cancellation: CancellationToken | None = None
    client: BackendClient | None = None
    storage: Storage | None = None
    policy: ActionPolicy | None = None
    checkpoint: Mapping[str, Any] | None = None
    language: str | None = None
    messages: MessageCatalogue = NO_MESSAGES
    pipeline: PipelineContext | None = None
    autologs: Mapping[str, AutologFramework] | None = None
    services: HostServices = NO_SERVICES

    if not TYPE_CHECKING:

        def __init__(self, action_cls: object, params: object = None, *given: object, **known: object) -> None:
            """Keep what is given, and leave the rest to the class: setting it all takes longer than a small action."""
            own = self.__dict__
            own["action_cls"] = action_cls
            own["params"] = params
            if given:
                known = {**dict(zip(_MORE, given, strict=False)), **known}
                if len(given) > len(_MORE):
                    raise TypeError(f"cannot make ActionCall: it takes action_cls, params, {', '.join(_MORE)}")
            if known:
                unknown = known.keys() - _MORE
                if unknown:
                    cause = f"{', '.join(sorted(unknown))} is none of action_cls, params, {', '.join(_MORE)}"
                    raise TypeError(f"cannot make ActionCall: {cause}")
                own.update(known)

    @property
    def label(self) -> str:
        """Return the name for people and events."""
        return self.name or self.action_cls.action_name or self.action_cls.__qualname__

    def run_here(self, publish: Callable[[Event], None] | None = None, *, clock: Clock | None = None) -> Any:
        """Run the action in this thread, and publish what becomes of it.

        Every executor ends here, wherever it carries the call: validate, make, execute, validate the result, and again
        where its policy says so.

        Args:
            publish: Where the job's events go; nowhere by default, and then none is made.
            clock: Tells the time and lets it pass between attempts; that of the machine by default.

        Raises:
            ParamsError: The parameters do not fit.
            ResultError: The result does not fit; it is kept in the error.
            WorkCancelledError: The action stopped because it was asked to.
            ActionTimeoutError: The action took longer than its policy allows.
            Exception: Whatever the action raises, as it is.
        """
        params = validate_params(self.action_cls, self.params, name=self.name)
        if publish is None or publish is discard:
            if self.policy is None and self.action_cls.policy is None:
                return self.attempt(params, discard, self.cancellation)
            return self._tried(params, discard, clock)
        label, action_cls = self.label, self.action_cls
        weights = dict(action_cls.planned_categories(params)) if action_cls.progress_categories else None
        publish(ActionStarted(self.job_id, label))
        if weights:
            publish(ProgressPlanned(self.job_id, weights))
        start = monotonic()
        try:
            result = self._tried(params, publish, clock)
        except WorkCancelledError:
            publish(ActionCancelled(self.job_id, label, monotonic() - start))
            raise
        except Exception as error:
            publish(ActionFailed(self.job_id, label, monotonic() - start, error))
            raise
        except BaseException:
            publish(ActionCancelled(self.job_id, label, monotonic() - start))
            raise
        publish(ActionCompleted(self.job_id, label, monotonic() - start))
        return result

    def _tried(self, params: BaseModel, publish: Callable[[Event], None], clock: Clock | None) -> Any:
        policy = self.policy or self.action_cls.policy
        if policy is None:
            return self.attempt(params, publish, self.cancellation)
        from .attempts import run_attempts  # few actions have a policy

        return run_attempts(self, params, policy, publish, clock)

    def attempt(
        self, params: BaseModel, publish: Callable[[Event], None], cancellation: CancellationToken | None
    ) -> Any:
        """Make the action, execute it once, and return its valid result; part of ``run_here``."""
        # The short ways, for calls that bring nothing else; by place is quicker than by name.
        if len(self.__dict__) == _BARE and publish is discard:
            ctx = RuntimeContext(_UNHEARD, NO_SETTINGS, None, None, None, None, publish, None, cancellation)
        elif len(self.__dict__) == _BARE:
            ctx = RuntimeContext(publish=publish, cancellation=cancellation)
        else:
            ctx = RuntimeContext(
                env=self.env,
                job_id=self.job_id,
                client=self.client,
                checkpoint=self.checkpoint,
                publish=publish,
                run=self.run,
                cancellation=cancellation,
                storage=self.storage,
                language=self.language,
                messages=self.messages,
                pipeline=self.pipeline,
                services=self.services,
            )
        action = self.action_cls(params, ctx)
        action._call = self
        try:
            result = action.execute()
            if type(result) is CoroutineType:
                from .awaiting import run_coroutine  # asyncio is dear to import, and few actions are async

                result = run_coroutine(result, cancellation, f"action '{self.label}'")
        finally:
            if action._autologs is not None:
                action._autologs.close()
        if self.action_cls.result_model is NoResult:
            return result
        return validate_result(self.action_cls, result, name=self.name)


_BARE: Final = 2  # action_cls and params
_UNHEARD: Final = RuntimeContext().logger
_MORE: Final = tuple(one.name for one in fields(ActionCall))[2:]
