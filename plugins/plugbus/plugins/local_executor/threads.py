"""Running actions in threads of this process."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import Executor, ExecutorTraits

from .defaults import CallDefaults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from plugbus.capabilities import ActionCall
    from plugbus.kernel import Event


class ThreadExecutor(Executor):
    """Run actions in a fixed number of threads: for work that waits, or that releases the interpreter.

    Args:
        max_workers: How many actions may run at once, from 1 on; as many as the machine has cores, and four more, by
            default.
        env: Settings from outside for actions whose call brings none.
        job_id: The job id for calls that bring none.
        publish: Where events go when the call does not say; called from these threads.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        env: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        publish: Callable[[Event], None] | None = None,
    ) -> None:
        self._pool = ThreadPoolExecutor(max_workers, thread_name_prefix="plugbus-action")
        self._is_ordered = max_workers == 1
        self._defaults = CallDefaults(env, job_id, publish)

    @property
    def traits(self) -> ExecutorTraits:
        """Say what can be expected: calls are begun in order where there is one thread."""
        return ExecutorTraits(is_ordered=self._is_ordered)

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        """Hand the action to the next thread that is free, with the caller's context variables."""
        context = copy_context()
        try:
            return self._pool.submit(
                context.run, self._defaults.complete(call).run_here, publish or self._defaults.publish
            )
        except RuntimeError as error:
            raise RuntimeError(f"cannot run action '{call.label}': the executor is shut down") from error

    def shutdown(self, *, wait: bool = True) -> None:
        """Refuse further calls; those that were submitted are run."""
        self._pool.shutdown(wait)
