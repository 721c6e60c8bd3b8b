"""The one way in which an action is run, whichever executor carries it."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..context import RuntimeContext
from ..errors import WorkCancelledError
from ..events import ActionCancelled, ActionCompleted, ActionFailed, ActionStarted
from .validation import validate_params, validate_result

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    from plugbus.kernel import Event

    from ..backend import BackendClient
    from ..cancellation import CancellationToken
    from ..runs.context import RunContext
    from ..storage import Storage
    from .action import BaseAction


@dataclass(frozen=True, slots=True)
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
    """

    action_cls: type[BaseAction[Any]]
    params: Mapping[str, Any] | BaseModel | None = None
    name: str | None = None
    job_id: str | None = None
    env: Mapping[str, Any] = field(default_factory=dict)
    run: RunContext | None = None
    cancellation: CancellationToken | None = None
    client: BackendClient | None = None
    storage: Storage | None = None

    @property
    def label(self) -> str:
        """Return the name for people and events."""
        return self.name or self.action_cls.action_name or self.action_cls.__qualname__

    def run_here(self, publish: Callable[[Event], None]) -> Any:
        """Run the action in this thread, and publish what becomes of it.

        Every executor ends here, wherever it carries the call: validate, make, execute, validate the result.

        Raises:
            ParamsError: The parameters do not fit.
            ResultError: The result does not fit; it is kept in the error.
            WorkCancelledError: The action stopped because it was asked to.
            Exception: Whatever the action raises, as it is.
        """
        action_cls, label = self.action_cls, self.label
        params = validate_params(action_cls, self.params, name=label)
        # A copy: what an action writes into its settings is not for the next one.
        ctx = RuntimeContext(
            env=dict(self.env),
            job_id=self.job_id,
            client=self.client,
            publish=publish,
            run=self.run,
            cancellation=self.cancellation,
            storage=self.storage,
        )
        publish(ActionStarted(self.job_id, label))
        start = monotonic()
        try:
            result = validate_result(action_cls, action_cls(params, ctx).execute(), name=label)
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
