"""Running actions in the caller's thread."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import ActionCall, Executor, ExecutorTraits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugbus.kernel import Event


def _discard(event: Event) -> None:
    """Publish to nobody."""


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
        self._env = dict(env or {})
        self._job_id = job_id
        self._publish = publish or _discard
        self._is_shut_down = False

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
            result = self._completed(call).run_here(publish or self._publish)
        except Exception as error:  # noqa: BLE001 - whatever the action raises is the future's outcome
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    def shutdown(self, *, wait: bool = True) -> None:
        """Refuse further calls; nothing runs in the background that could be waited for."""
        self._is_shut_down = True

    def _completed(self, call: ActionCall) -> ActionCall:
        """Return the call with this executor's settings and job where it brings none."""
        if (call.env or not self._env) and (call.job_id or not self._job_id):
            return call
        return replace(call, env=call.env or self._env, job_id=call.job_id or self._job_id)
