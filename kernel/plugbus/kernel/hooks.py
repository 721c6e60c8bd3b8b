"""Hooks: how the kernel calls into plugins, and what it does where a call does not come back."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from .errors import HookTimeoutError, PluginStateError
from .values import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import PluginContext
    from .plugin import Plugin, PluginSource
    from .transitions import Transitions

T = TypeVar("T")


class HookRunner(Protocol):
    """Call hooks on behalf of the kernel, such as in a thread with a deadline.

    The hooks are ``open`` (of the source), ``configure``, ``on_load``, ``on_unload``, ``save_state`` and
    ``restore_state``. A runner that gives up on a call raises ``HookTimeoutError``. It may have an attribute ``hung``
    with a ``HungHook`` for each call that it gave up and that has not ended; ``Kernel.report`` shows these.
    """

    def __call__(self, plugin_id: str, hook: str, call: Callable[[], T], /) -> T:
        """Call ``call()`` once, and return or raise what it does."""
        ...


@value(frozen=True, slots=True)
class HungHook:
    """A call of a hook that was given up and has not ended.

    Args:
        plugin_id: The plugin.
        hook: The name of the hook.
        running_s: For how many seconds it has run.
        doing: Where it is: ``file:line in function``; empty where that can't be told.
    """

    plugin_id: str
    hook: str
    running_s: float
    doing: str = ""

    def __str__(self) -> str:
        at = f", at {self.doing}" if self.doing else ""
        return f"{self.hook} of '{self.plugin_id}' hangs since {self.running_s:.1f} s{at}"


class Hooks:
    """Call hooks through the runner, where there is one; a call through it counts as inside the change.

    Args:
        transitions: Of the kernel.
        runner: Calls them; None for a plain call.
    """

    def __init__(self, transitions: Transitions, runner: HookRunner | None = None) -> None:
        self._transitions = transitions
        self._runner = runner
        # The ids of the sources whose open runs.
        self._opening: set[int] = set()

    @property
    def hung(self) -> tuple[HungHook, ...]:
        """Return the calls that were given up and have not ended."""
        return tuple(getattr(self._runner, "hung", ()))

    def call(self, plugin_id: str, hook: str, function: Callable[..., T], *args: Any) -> T:
        """Return what the hook returns."""
        if self._runner is None:
            return function(*args)
        return self._runner(plugin_id, hook, partial(self._inside, function, args))

    def call_for(self, context: PluginContext, hook: str, function: Callable[..., T], *args: Any) -> T:
        """Return what the hook returns; where it is given up, its context refuses it everything once it is closed."""
        if self._runner is None:
            return function(*args)
        try:
            return self.call(context.plugin_id, hook, function, *args)
        except BaseException as error:
            if isinstance(error, HookTimeoutError) or not isinstance(error, Exception):
                context.give_up(hook)
            raise

    def guard(self, source: PluginSource) -> PluginSource | GuardedSource:
        """Return what has the ``open`` and ``close`` of a source, for one load: its ``open`` is called as a hook.

        Both are never called at the same time, also where an ``open`` was given up.
        """
        return source if self._runner is None else GuardedSource(source, self, self._opening)

    def _inside(self, function: Callable[..., T], args: tuple[Any, ...]) -> T:
        with self._transitions.changing():
            return function(*args)


class GuardedSource:
    """A source for one load. An ``open`` that was given up is closed by its own thread, when it ends."""

    def __init__(self, source: PluginSource, hooks: Hooks, opening: set[int]) -> None:
        self._source = source
        self._hooks = hooks
        self._opening = opening
        self._lock = threading.Lock()
        self._is_open = False
        self._is_given_up = False

    def open(self) -> Plugin:
        """Bring the code in; refused while an earlier call that was given up still does.

        Raises:
            PluginStateError: It does.
            Exception: Whatever the source and the runner raise.
        """
        plugin_id = self._source.metadata.id
        if id(self._source) in self._opening:
            raise PluginStateError("open", plugin_id, "still being opened by a load that was given up")
        return self._hooks.call(plugin_id, "open", self._open)

    def _open(self) -> Plugin:
        with self._lock:
            if self._is_given_up:
                plugin_id = self._source.metadata.id
                raise PluginStateError("open", plugin_id, "given up", "its load was given up before it began")
            self._opening.add(id(self._source))
            self._is_open = True
        try:
            return self._source.open()
        finally:
            with self._lock:
                self._opening.discard(id(self._source))
                is_late = self._is_given_up
            if is_late:
                self._source.close()

    def close(self) -> None:
        """Take the code out, at once or when the ``open`` ends that was given up."""
        with self._lock:
            is_ended = self._is_open and id(self._source) not in self._opening
            self._is_given_up = self._is_given_up or not is_ended
        if not self._is_given_up:
            self._source.close()
