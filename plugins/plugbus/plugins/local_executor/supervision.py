"""The side of a process that gives orders to another one and watches it."""

from __future__ import annotations

import os
import pickle
import threading
from contextlib import suppress
from dataclasses import replace
from io import FileIO
from multiprocessing import get_context
from multiprocessing.connection import wait
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from plugbus.capabilities import (
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionRetried,
    ActionStarted,
    ActionTimeoutError,
    FarFunction,
    WorkCancelledError,
)

from .errors import NotSendableError, WorkerDiedError
from .worker import Done, Order, Stop, Told, post, serve

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess
    from queue import SimpleQueue

    from plugbus.capabilities import ActionCall
    from plugbus.kernel import Event

Task: TypeAlias = "tuple[Future[Any], ActionCall, Order, Callable[[Event], None]]"

_END_S = 5.0  # for a process that has nothing to do to end by itself


class Supervisor:
    """A thread that takes tasks and has them done by a process, which it replaces when that ends.

    Args:
        tasks: Where tasks come from; None ends the thread.
        kill_after_s: Seconds that an action has to stop by itself.
        settled: Called after each task.
    """

    def __init__(self, tasks: SimpleQueue[Task | None], kill_after_s: float, settled: Callable[[], None]) -> None:
        self._tasks = tasks
        self._kill_after_s = kill_after_s
        self._settled = settled
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None
        self._is_killed = False
        self._thread = threading.Thread(target=self._work, name="plugbus-process", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the thread and its process have ended."""
        self._thread.join()

    def kill(self) -> None:
        """End the process at once, and let no other be started."""
        self._is_killed = True
        process = self._process
        if process is not None:
            process.kill()

    def _work(self) -> None:
        try:
            while (task := self._tasks.get()) is not None:
                future, call, order, publish = task
                if future.set_running_or_notify_cancel():
                    try:
                        result = self._done(call, order, publish)
                    except BaseException as error:  # noqa: BLE001 - it is the outcome of the task
                        self._settled()
                        future.set_exception(error)
                    else:
                        self._settled()
                        future.set_result(result)
                else:
                    self._settled()
        finally:
            self._end()

    def _done(self, call: ActionCall, order: Order, publish: Callable[[Event], None]) -> Any:
        if self._is_killed:
            raise WorkerDiedError(call.label, None)
        connection, process = self._started()
        token = call.cancellation
        with suppress(ConnectionError):  # that it has ended is seen below
            post(connection, order if token is None else replace(order, stopped=token.reason))
        watch = _Watch(call, order, publish, self._kill_after_s)
        bell_out, end = os.pipe()
        bell_in = FileIO(end, "wb")
        # Nothing but a write, which is safe wherever the token is cancelled. Once closed, the file refuses it: the
        # number of a pipe that is closed may be that of another file by then.
        forget = None if token is None else token.on_cancel(lambda reason: _ring(bell_in))
        is_settled = False
        try:
            while True:
                ready = wait([connection, process.sentinel, bell_out], watch.patience_s())
                if bell_out in ready and token is not None:
                    os.read(bell_out, 1)
                    watch.stop(token.reason or "it was asked to stop")
                    with suppress(ConnectionError):
                        post(connection, Stop(order.number, watch.reason or ""))
                if connection in ready:
                    try:
                        message = connection.recv()
                    except (EOFError, OSError):
                        self._end()
                        raise watch.died(process.exitcode) from None
                    if isinstance(message, Told):
                        watch.tell(pickle.loads(message.event))  # noqa: S301 - written by a process that we started
                    elif isinstance(message, Done):
                        is_settled = True
                        return _outcome(message, call.label)
                elif process.sentinel in ready:
                    self._end()
                    raise watch.died(process.exitcode)
                elif watch.patience_s() == 0:
                    process.kill()
                    self._end()
                    raise watch.killed()
        finally:
            if forget is not None:
                forget()
            os.close(bell_out)
            bell_in.close()
            if not is_settled:
                self._abandon()

    def _started(self) -> tuple[Connection, SpawnProcess]:
        if self._connection is None or self._process is None or not self._process.is_alive():
            self._end()
            context = get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=FarFunction.of(serve), args=(theirs,), name="plugbus-worker")
            process.start()
            theirs.close()
            self._connection, self._process = ours, process
        return self._connection, self._process

    def _abandon(self) -> None:
        """End the process at once: it may be busy with a task still, whose result the next one must not be given."""
        if self._process is not None:
            self._process.kill()
            self._end()

    def _end(self) -> None:
        """End the process, if there is one, and forget it."""
        connection, process = self._connection, self._process
        self._connection = self._process = None
        if connection is not None and process is not None:
            with suppress(OSError):
                post(connection, None)
            process.join(0 if self._is_killed else _END_S)
            if process.is_alive():
                process.kill()
                process.join()
            connection.close()


class _Watch:
    """What is known here of an action that runs there.

    Args:
        call: The action.
        order: The order for it.
        publish: Where its events go.
        kill_after_s: Seconds that it has to stop by itself.
    """

    def __init__(self, call: ActionCall, order: Order, publish: Callable[[Event], None], kill_after_s: float) -> None:
        self._call = call
        self._publish = publish
        self._kill_after_s = kill_after_s
        self._policy = call.policy or call.action_cls.policy
        self._started_at: float | None = None
        self._attempt_at: float | None = None
        self._is_over = False
        self._stop_at: float | None = None
        self.reason: str | None = None

    def tell(self, event: Event) -> None:
        """Publish an event, and note what it says of the action itself."""
        now = monotonic()
        if isinstance(event, ActionStarted):
            self._started_at = self._attempt_at = now
        elif isinstance(event, ActionRetried):
            self._attempt_at = now + event.delay_s
        elif isinstance(event, ActionCompleted | ActionFailed | ActionCancelled):
            self._is_over = True
        self._publish(event)

    def stop(self, reason: str) -> None:
        """Note that the action was asked to stop."""
        self.reason = reason
        self._stop_at = monotonic() + self._kill_after_s

    def patience_s(self) -> float | None:
        """Return for how many seconds more the action may run; None for as long as it takes."""
        ends = [one for one in (self._stop_at, *(end for _, _, end in self._limits())) if one is not None]
        return max(0.0, min(ends) - monotonic()) if ends else None

    def died(self, exit_code: int | None) -> Exception:
        """Say that the process ended, and return the error."""
        error = WorkerDiedError(self._call.label, exit_code)
        self._fail(error)
        return error

    def killed(self) -> Exception:
        """Say that the process was ended because the action did not stop, and return the error."""
        if self._stop_at is not None and self._stop_at <= monotonic():
            cancelled = WorkCancelledError(f"action '{self._call.label}'", self.reason or "")
            if self._started_at is not None and not self._is_over:
                self._publish(ActionCancelled(self._call.job_id, self._call.label, monotonic() - self._started_at))
            return cancelled
        limit, seconds, _ = min(self._limits(), key=lambda one: one[2])
        error = ActionTimeoutError(self._call.label, limit, seconds)
        self._fail(error)
        return error

    def _limits(self) -> list[tuple[str, float, float]]:
        """Return the limits of its policy with the moments at which its process is to be ended."""
        policy, start, attempt = self._policy, self._started_at, self._attempt_at
        if policy is None or start is None or attempt is None or self._is_over:
            return []
        found: list[tuple[str, float, float]] = []
        if policy.timeout_s is not None:
            found.append(("timeout_s", policy.timeout_s, attempt + policy.timeout_s + self._kill_after_s))
        if policy.deadline_s is not None:
            found.append(("deadline_s", policy.deadline_s, start + policy.deadline_s + self._kill_after_s))
        return found

    def _fail(self, error: Exception) -> None:
        if self._started_at is not None and not self._is_over:
            self._publish(ActionFailed(self._call.job_id, self._call.label, monotonic() - self._started_at, error))


def _ring(bell: FileIO) -> None:
    with suppress(OSError, ValueError):  # the action has ended meanwhile
        bell.write(b"!")


def _outcome(done: Done, label: str) -> Any:
    """Return the result, or raise what the action raised."""
    written = done.error if done.error is not None else done.result
    if written is None:
        return None
    try:
        found = pickle.loads(written)  # noqa: S301 - written by a process that we started
    except Exception as error:
        kind = "error" if done.error is not None else "result"
        raise NotSendableError(label, kind, f"{type(error).__name__}: {error}") from error
    if done.error is not None:
        raise found
    return found
