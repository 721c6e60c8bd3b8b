"""Instances: objects that are made when they are first wanted, once, whoever comes first."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from .errors import ServiceBuildError, ServiceCircleError, ServiceCloseError, ServiceWithdrawnError

if TYPE_CHECKING:
    from collections.abc import Callable


class Builds:
    """Who builds what, in which thread, and who waits for whom; so that a circle is told, and never waited for.

    One for each locator. Its lock is held for a few lines, and never while a factory runs.
    """

    __slots__ = ("_stacks", "_waits", "lock")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        # By thread: what it is building, the outermost first; and the instance of another thread that it waits for.
        self._stacks: dict[int, list[Instance]] = {}
        self._waits: dict[int, Instance] = {}

    def enter(self, instance: Instance) -> None:
        """Note that this thread builds ``instance``; with the lock held."""
        self._stacks.setdefault(threading.get_ident(), []).append(instance)

    def leave(self, instance: Instance) -> None:
        """Note that this thread is done with ``instance``; with the lock held."""
        thread = threading.get_ident()
        stack = self._stacks[thread]
        stack.remove(instance)
        if not stack:
            del self._stacks[thread]

    def await_other(self, instance: Instance) -> None:
        """Note that this thread is going to wait for who builds ``instance``; with the lock held.

        Raises:
            ServiceCircleError: Who builds it waits, in the end, for this thread.
        """
        me, wanted, path = threading.get_ident(), instance, list[str]()
        while True:
            builder, stack = self._builder_of(wanted)
            path += [one.key for one in stack[stack.index(wanted) :]]
            if builder == me:
                raise ServiceCircleError((*path, instance.key))
            if builder not in self._waits:
                break
            wanted = self._waits[builder]
        self._waits[me] = instance

    def stop_waiting(self) -> None:
        """Note that this thread no longer waits."""
        with self.lock:
            self._waits.pop(threading.get_ident(), None)

    def _builder_of(self, instance: Instance) -> tuple[int, list[Instance]]:
        return next((thread, stack) for thread, stack in self._stacks.items() if instance in stack)


class _Attempt:
    """One try at building an instance, which several threads may wait for."""

    __slots__ = ("done", "failure")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.failure: ServiceBuildError | ServiceCircleError | None = None


class Instance:
    """An object that a factory makes when it is first wanted, and that is closed if it was made.

    Lifecycle:

    1. ``get``: the first thread builds it, others that come meanwhile wait, and share what comes of it. After a
       failure the next ``get`` tries again.
    2. ``end``: it is closed if it was built. If a thread is building it, that one closes it when the factory returns.

    Args:
        key: What it is provided under.
        owner: The plugin that provides it, or ``host``.
        factory: Makes the object.
        check: Raises where the object is not what was promised.
        close: Called with the object at the end, if there was one.
        builds: Of the locator.

    Attributes:
        key: What it is provided under.
        when_over: Set before the first use, if at all: called once, when the end has come and the object is closed.
    """

    __slots__ = (
        "_attempt", "_builds", "_check", "_close", "_factory", "_is_built", "_is_ended", "_made", "key", "owner",
        "when_over",
    )  # fmt: skip

    def __init__(
        self,
        key: str,
        owner: str,
        factory: Callable[[], Any],
        check: Callable[[Any], object],
        close: Callable[[Any], object] | None,
        builds: Builds,
    ) -> None:
        self.key = key
        self.owner = owner
        self._factory: Callable[[], Any] | None = factory
        self._check = check
        self._close = close
        self._builds = builds
        self.when_over: Callable[[], object] | None = None
        self._attempt: _Attempt | None = None
        self._made: Any = None
        self._is_built = False
        self._is_ended = False

    @property
    def is_built(self) -> bool:
        """Tell whether the object is there."""
        return self._is_built

    def get(self) -> Any:
        """Return the object; build it, or wait for the thread that does.

        Raises:
            ServiceBuildError: The factory raised, or made what does not satisfy the contract.
            ServiceCircleError: It is needed to build itself.
            ServiceWithdrawnError: The end came first.
        """
        while True:
            with self._builds.lock:
                if self._is_built:
                    return self._made
                factory, attempt = self._factory, self._attempt
                if self._is_ended or factory is None:
                    raise ServiceWithdrawnError(self.key)
                if attempt is None:
                    attempt = self._attempt = _Attempt()
                    self._builds.enter(self)
                    break
                self._builds.await_other(self)
            try:
                attempt.done.wait()
            finally:
                self._builds.stop_waiting()
            if attempt.failure is not None:
                # Each thread raises an error of its own: a traceback belongs to one.
                raise type(attempt.failure)(*attempt.failure.args) from attempt.failure.__cause__
        return self._build(factory, attempt)

    def end(self) -> None:
        """Close the object if it was built; idempotent.

        Raises:
            ServiceCloseError: ``close`` raised.
        """
        with self._builds.lock:
            if self._is_ended:
                return
            self._is_ended = True
            is_built, made, self._made, self._is_built, self._factory = self._is_built, self._made, None, False, None
            if self._attempt is not None:
                return  # the thread that is building it goes on from here
        self._finish(is_built, made)

    def _build(self, factory: Callable[[], Any], attempt: _Attempt) -> Any:
        made, has_made, is_ended = None, False, False
        try:
            try:
                made = self._make(factory)
                has_made = True
            except (ServiceBuildError, ServiceCircleError) as error:
                attempt.failure = error
                raise
            finally:
                with self._builds.lock:
                    self._attempt = None
                    self._builds.leave(self)
                    is_ended = self._is_ended
                    if has_made and not is_ended:
                        self._made, self._is_built, self._factory = made, True, None
                attempt.done.set()
        finally:
            if is_ended:
                self._finish(has_made, made)
        if is_ended:
            raise ServiceWithdrawnError(self.key)
        return made

    def _make(self, factory: Callable[[], Any]) -> Any:
        try:
            made = factory()
        except ServiceCircleError as error:
            if self.key in error.path:
                raise
            raise self._failure(error) from error
        except Exception as error:
            raise self._failure(error) from error
        try:
            self._check(made)
        except Exception as error:
            failure = self._failure(error)
            try:
                self._finish_made(made)
            except ServiceCloseError as further:
                failure.add_note(str(further))
            raise failure from error
        return made

    def _failure(self, error: Exception) -> ServiceBuildError:
        return ServiceBuildError(self.key, self.owner, described(error))

    def _finish(self, is_built: bool, made: Any) -> None:
        try:
            if is_built:
                self._finish_made(made)
        finally:
            when_over, self.when_over = self.when_over, None
            if when_over is not None:
                when_over()

    def _finish_made(self, made: Any) -> None:
        if self._close is None:
            return
        try:
            self._close(made)
        except Exception as error:
            raise ServiceCloseError(self.key, self.owner, described(error)) from error


def described(error: BaseException) -> str:
    """Return an exception as text: its type and what it says."""
    kind = type(error).__qualname__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a plugin's exception may be as broken as the plugin
        text = "its text can't be made"
    return f"{kind}: {text}" if text else kind
