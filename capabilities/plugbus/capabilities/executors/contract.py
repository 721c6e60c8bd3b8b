"""The contract of executors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from plugbus.kernel import Capability

from ..actions import ActionCall
from ..enums import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from pydantic import BaseModel

    from plugbus.kernel import Event

    from ..actions import BaseAction


@dataclass(frozen=True, slots=True)
class ExecutorTraits:
    """What can be expected of an executor.

    Args:
        is_remote: Actions run outside this process: what they take and return is pickled.
        is_inline: ``submit`` runs the action in the caller's thread and returns a future that is done.
        is_ordered: Calls are started in the order in which they were submitted.
        modes: In which modes ``run_plugin`` may use it.
    """

    is_remote: bool = False
    is_inline: bool = False
    is_ordered: bool = True
    modes: frozenset[ExecutionMode] = frozenset({ExecutionMode.LOCAL})


class Executor(ABC):
    """Run actions. Implement ``submit`` and ``traits``; carry every call to ``ActionCall.run_here``.

    Lifecycle:

    1. Made by its plugin, ready to be used.
    2. ``submit`` or ``execute``, from any thread.
    3. ``shutdown``, once; submitting after it is refused.
    """

    @property
    @abstractmethod
    def traits(self) -> ExecutorTraits:
        """Say what can be expected."""

    @abstractmethod
    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        """Run an action and return the future of its result.

        Args:
            call: What to run.
            publish: Where the job's events go; where the executor's plugin publishes by default.

        Raises:
            RuntimeError: The executor was shut down.
        """

    @abstractmethod
    def shutdown(self, *, wait: bool = True) -> None:
        """Refuse further calls; wait for those that run, if asked to. Idempotent."""

    def execute(
        self, action_cls: type[BaseAction[Any]], params: Mapping[str, Any] | BaseModel | None = None, **known: Any
    ) -> Any:
        """Run an action and return its result; raises what the action raises.

        Args:
            action_cls: The action.
            params: Its parameters.
            known: What else an ``ActionCall`` takes: ``name``, ``job_id``, ``env``, ``run``, ``cancellation``,
                ``client``, ``storage``, ``policy``, ``checkpoint``, ``language``, ``messages``,
                ``services``.
        """
        return self.submit(ActionCall(action_cls, params, **known)).result()


EXECUTOR: Final[Capability[Executor]] = Capability("executor", version="1.0.0", contract=Executor)
