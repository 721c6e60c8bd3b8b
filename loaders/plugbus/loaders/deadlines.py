"""Deadlines: hooks of plugins run in threads of their own, and the host goes on where one does not return."""

from __future__ import annotations

import sys
import threading
from contextvars import copy_context
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, cast, get_args

from plugbus.kernel import HookTimeoutError, HungHook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

HookName: TypeAlias = Literal["open", "configure", "on_load", "on_unload", "save_state", "restore_state"]
HOOKS: Final = get_args(HookName)


class DeadlineRunner:
    """Call hooks with a deadline: pass it to ``Kernel(run_hook=...)``.

    Each call runs in a daemon thread of its own, with a copy of the caller's context variables; the caller waits. Where
    the time is over, or the caller is interrupted, the call is given up and runs on: Python can't stop a thread. It is
    listed in ``hung`` until it ends.

    A hook without a deadline is called in the caller's thread. So are all, if none is given at all.

    Args:
        default_s: How many seconds a hook may take; None for no deadline.
        hooks: Name of a hook to its seconds, in place of ``default_s``.
        plugins: Plugin id to the seconds of its hooks, in place of both.

    Raises:
        ValueError: A name is none of a hook, or a number of seconds is not above 0.
    """

    def __init__(
        self,
        default_s: float | None = None,
        *,
        hooks: Mapping[str, float] | None = None,
        plugins: Mapping[str, Mapping[str, float]] | None = None,
    ) -> None:
        self._default_s = default_s
        self._hooks = dict(hooks or {})
        self._plugins = {plugin_id: dict(own) for plugin_id, own in (plugins or {}).items()}
        _check(default_s, (self._hooks, *self._plugins.values()))
        self._lock = threading.Lock()
        self._given_up: dict[_Call, None] = {}

    @property
    def hung(self) -> tuple[HungHook, ...]:
        """Return the calls that were given up and have not ended, the oldest first."""
        with self._lock:
            calls = tuple(self._given_up)
        return tuple(HungHook(one.plugin_id, one.hook, one.running_s, one.where()) for one in calls)

    def limit_s(self, plugin_id: str, hook: str) -> float | None:
        """Return how many seconds a hook of a plugin may take; None for no deadline."""
        own = self._plugins.get(plugin_id, {})
        return own.get(hook, self._hooks.get(hook, self._default_s))

    def __call__(self, plugin_id: str, hook: str, call: Callable[[], T], /) -> T:
        """Call the hook, and return or raise what it does.

        Raises:
            HookTimeoutError: It did not return in time.
        """
        limit_s = self.limit_s(plugin_id, hook)
        if limit_s is None:
            return call()
        running = _Call(plugin_id, hook, call, self._forget)
        try:
            running.start()
            is_over = running.over.wait(limit_s)
        except BaseException:
            self._give_up(running)
            raise
        if is_over or not self._give_up(running):
            return cast("T", running.outcome())
        raise HookTimeoutError(plugin_id, hook, limit_s, running.where())

    def _give_up(self, running: _Call) -> bool:
        """List a call as hung; tell whether it had not ended in the nick of time."""
        with self._lock:
            if running.over.is_set():
                return False
            self._given_up[running] = None
            return True

    def _forget(self, running: _Call) -> None:
        with self._lock:
            running.over.set()
            self._given_up.pop(running, None)


class _Call:
    """One call of a hook in a thread of its own."""

    def __init__(
        self, plugin_id: str, hook: str, call: Callable[[], object], when_over: Callable[[_Call], object]
    ) -> None:
        self.plugin_id = plugin_id
        self.hook = hook
        self.over = threading.Event()
        self._call: Callable[[], object] | None = call
        self._when_over = when_over
        self._result: object = None
        self._error: BaseException | None = None
        self._began = perf_counter()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name=f"{hook} of {plugin_id}", daemon=True
        )

    @property
    def running_s(self) -> float:
        """Return for how many seconds it has run."""
        return perf_counter() - self._began

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def where(self) -> str:
        """Say where it is: its innermost frame, empty where it has none."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        if frame is None:
            return ""
        return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"

    def outcome(self) -> object:
        """Return or raise what the hook did, once it is over."""
        self._thread.join()
        error, self._error = self._error, None
        if error is None:
            return self._result
        try:
            raise error
        finally:
            del error  # its traceback holds this frame

    def _run(self) -> None:
        call, self._call = self._call, None
        try:
            self._result = cast("Callable[[], Any]", call)()
        except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
            self._error = error
        finally:
            del call
            self._when_over(self)


def _check(default_s: float | None, tables: tuple[Mapping[str, float], ...]) -> None:
    limits = [*([] if default_s is None else [default_s]), *(limit for table in tables for limit in table.values())]
    unknown = sorted({hook for table in tables for hook in table} - set(HOOKS))
    faults = [f"there is no hook '{hook}'; there are {', '.join(HOOKS)}" for hook in unknown]
    faults += [
        f"{limit} s is no time; give more than 0, and None for no deadline"
        for limit in limits
        if not 0 < limit <= threading.TIMEOUT_MAX
    ]
    if faults:
        raise ValueError(f"cannot set deadlines: {'; '.join(faults)}")
