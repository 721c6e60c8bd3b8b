"""Running actions in the caller's thread."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import ActionCall, Executor, ExecutorTraits, PluginEnvironment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import BaseModel

    from plugbus.capabilities import BaseAction
    from plugbus.kernel import Event


class LocalExecutor(Executor):
    """Run each action at once, in the thread that submits it: for development, and wherever waiting is fine.

    Args:
        env: Settings from outside for actions whose call brings none.
        job_id: The job id for calls that bring none.
        publish: Where events go when the call does not say.
    """

    def __init__(
        self,
        env: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        publish: Callable[[Event], None] | None = None,
    ) -> None:
        # What calls get that do not say so themselves.
        self._known: dict[str, Any] = {"env": PluginEnvironment(env)} if env else {}
        if job_id:
            self._known["job_id"] = job_id
        self._publish = publish
        self._is_shut_down = False
        # Nobody waits for execute, and so it needs no future, unless a subclass has its own way to submit.
        self._is_direct = type(self).submit is LocalExecutor.submit

    @property
    def traits(self) -> ExecutorTraits:
        """Say what can be expected."""
        return ExecutorTraits(is_inline=True)

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        """Run the action now; the future that is returned is done.

        ``KeyboardInterrupt`` and its like are raised here, not kept in the future: they are meant for this thread.
        """
        if self._is_shut_down:
            raise RuntimeError(f"cannot run action '{call.label}': the executor is shut down")
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        try:
            lacking = {name: value for name, value in self._known.items() if not getattr(call, name)}
            result = (replace(call, **lacking) if lacking else call).run_here(publish or self._publish)
        except Exception as error:  # noqa: BLE001 - whatever the action raises is the future's outcome
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    def execute(
        self, action_cls: type[BaseAction[Any]], params: Mapping[str, Any] | BaseModel | None = None, **known: Any
    ) -> Any:
        """Run an action in this thread and return its result; raises what the action raises."""
        if self._is_shut_down or not self._is_direct:
            return super().execute(action_cls, params, **known)
        if self._known:
            known = {**self._known, **{name: value for name, value in known.items() if value}}
        call = ActionCall(action_cls, params, **known) if known else ActionCall(action_cls, params)
        return call.run_here(self._publish)

    def shutdown(self, *, wait: bool = True) -> None:
        """Refuse further calls; nothing runs in the background that could be waited for."""
        self._is_shut_down = True
