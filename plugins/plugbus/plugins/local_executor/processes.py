"""Running actions in processes of their own."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import ExecutionMode, Executor, ExecutorTraits

from .defaults import CallDefaults
from .errors import NotSendableError
from .supervision import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from plugbus.capabilities import ActionCall
    from plugbus.kernel import Event

    from .supervision import Task


class ProcessExecutor(Executor):
    """Run actions in a fixed number of processes, which are started when they are first needed and used again.

    What an action takes and returns is pickled. Its events are published here, in order, from a thread of this
    process. A token that is cancelled here is cancelled there. An action that does not stop ``kill_after_s`` seconds
    after it was asked to, or after its policy's time is over, is ended with its process. Processes are started afresh
    (``spawn``), so that a program that makes this executor guards its beginning with
    ``if __name__ == "__main__"``. They end when this process does, however it ends.

    Args:
        max_workers: How many actions may run at once, from 1 on; as many as the machine has cores by default.
        env: Settings from outside for actions whose call brings none.
        job_id: The job id for calls that bring none.
        publish: Where events go when the call does not say.
        kill_after_s: Seconds that an action has to stop by itself, from 0 on.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        env: Mapping[str, Any] | None = None,
        job_id: str | None = None,
        publish: Callable[[Event], None] | None = None,
        kill_after_s: float = 5.0,
    ) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"cannot make executor with {max_workers} processes: give a number from 1 on")
        self._count = max_workers or os.cpu_count() or 1
        self._kill_after_s = kill_after_s
        self._defaults = CallDefaults(env, job_id, publish)
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._open = 0
        self._supervisors: list[Supervisor] = []
        self._is_shut_down = False
        # At the end of the interpreter nothing waits for processes that wait for orders.
        self._at_exit = _ended_at_exit(weakref.ref(self))

    @property
    def traits(self) -> ExecutorTraits:
        """Say what can be expected: calls are begun in order where there is one process."""
        return ExecutorTraits(is_remote=True, is_ordered=self._count == 1, modes=frozenset(ExecutionMode))

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        """Hand the action to the next process that is free.

        Raises:
            NotSendableError: The call can't be pickled.
            RuntimeError: The executor was shut down.
        """
        from .sending import order_of

        future: Future[Any] = Future()
        completed = self._defaults.complete(call)
        with self._lock:
            if self._is_shut_down:
                raise RuntimeError(f"cannot run action '{call.label}': the executor is shut down")
        try:
            order = order_of(completed)
        except NotSendableError as error:
            future.set_exception(error)
            return future
        with self._lock:
            if self._is_shut_down:
                raise RuntimeError(f"cannot run action '{call.label}': the executor is shut down")
            self._open += 1
            if len(self._supervisors) < min(self._open, self._count):
                self._supervisors.append(Supervisor(self._tasks, self._kill_after_s, self._settled))
            self._tasks.put((future, completed, order, publish or self._defaults.publish))
        return future

    def shutdown(self, *, wait: bool = True) -> None:
        """Refuse further calls; those that were submitted are run, and then the processes end."""
        with self._lock:
            if not self._is_shut_down:
                self._is_shut_down = True
                for _ in self._supervisors:
                    self._tasks.put(None)
        atexit.unregister(self._at_exit)
        if wait:
            for one in self._supervisors:
                one.join()

    def kill(self) -> None:
        """End all processes at once, with whatever runs in them; the executor is shut down."""
        self.shutdown(wait=False)
        for one in self._supervisors:
            one.kill()
        for one in self._supervisors:
            one.join()

    def _settled(self) -> None:
        with self._lock:
            self._open -= 1


def _ended_at_exit(found: weakref.ref[ProcessExecutor]) -> Callable[[], None]:
    def end() -> None:
        executor = found()
        if executor is not None:
            executor.kill()

    atexit.register(end)
    return end
