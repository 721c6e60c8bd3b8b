"""The side of a process that runs actions for another one."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from dataclasses import dataclass, is_dataclass, replace
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from queue import SimpleQueue
from traceback import format_exc
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import ActionFailed, CancellationToken, EventLogged, WorkEvent

from .errors import NotSendableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from plugbus.capabilities import ActionCall
    from plugbus.kernel import Event


@dataclass(frozen=True, slots=True)
class PrivatePackage:
    """A package that was imported under a name that the import system can't find by itself.

    Args:
        name: The name.
        origin: Its file, None where it is a folder alone.
        folders: Where its modules are.
        reopen: Imports it as it was imported there, where its loader offers that.
    """

    name: str
    origin: str | None
    folders: tuple[str, ...]
    reopen: Callable[[], object] | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """An action to be run.

    Args:
        number: Which of those that this process was given.
        label: What the action is called.
        call: The call, pickled.
        packages: What has to be imported before it is read.
        stopped: Why it is to stop already when it begins; None where it is not.
    """

    number: int
    label: str
    call: bytes
    packages: tuple[PrivatePackage, ...]
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Stop:
    """The wish that an action stops."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """An event of the action."""

    event: bytes


@dataclass(frozen=True, slots=True)
class Done:
    """What came of the action: a result, or what it raised."""

    result: bytes | None = None
    error: bytes | None = None


def serve(connection: Connection) -> None:
    """Run what is ordered, one after the other, until the other side goes away."""
    # Ctrl-C reaches all processes of a terminal: what to do about it is for the one that gives the orders.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders: SimpleQueue[tuple[Order, CancellationToken] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, orders), daemon=True).start()
    while (found := orders.get()) is not None:
        _carry_out(connection, *found)


def _listen(connection: Connection, orders: SimpleQueue[tuple[Order, CancellationToken] | None]) -> None:
    """Take orders and wishes to stop; nobody is left to work for when the other side is gone."""
    number, token = 0, CancellationToken()
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            os._exit(1)
        if isinstance(message, Order):
            number, token = message.number, CancellationToken()
            if message.stopped is not None:
                token.cancel(message.stopped)
            orders.put((message, token))
        elif isinstance(message, Stop):
            if message.number == number:
                token.cancel(message.reason)
        else:
            orders.put(None)
            return


def post(connection: Connection, message: Order | Stop | Told | Done | None) -> None:
    """Send a message; what is read at the other end is as if ``connection.send`` had sent it.

    That sends a view of a buffer. Where it fails, the error holds both, and CPython 3.12.1 crashes in the collection of
    such a view.
    """
    connection.send_bytes(pickle.dumps(message))


def _carry_out(connection: Connection, order: Order, token: CancellationToken) -> None:
    lock = threading.Lock()

    def tell(event: Event) -> None:
        told = Told(_written(event))
        with lock:
            post(connection, told)

    try:
        for package in order.packages:
            _import_package(package)
        call: ActionCall = pickle.loads(order.call)  # noqa: S301 - written by the process that started this one
        result = replace(call, cancellation=token).run_here(tell)
    except BaseException as error:  # noqa: BLE001 - whatever it is, the other side is to raise it
        done = Done(error=_error_bytes(order.label, error))
    else:
        done = _result_bytes(order.label, result)
    with lock:
        post(connection, done)


def _import_package(package: PrivatePackage) -> None:
    if package.name in sys.modules:
        return
    if package.reopen is not None:
        package.reopen()
        return
    folders = list(package.folders)
    if package.origin is None:
        spec = ModuleSpec(package.name, None, is_package=True)
        spec.submodule_search_locations = folders
    else:
        found = spec_from_file_location(package.name, package.origin, submodule_search_locations=folders)
        if found is None:
            raise ImportError(f"cannot import {package.name} from {package.origin}", name=package.name)
        spec = found
    module = module_from_spec(spec)
    sys.modules[package.name] = module
    try:
        if spec.loader is not None:
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[package.name]
        raise


def _written(event: Event) -> bytes:
    """Return an event pickled; of one that can't be, at least that it was published."""
    try:
        return _checked(event)
    except Exception as error:  # noqa: BLE001 - objects refuse in their own ways
        cause = f"{type(error).__name__}: {error}"
    if isinstance(event, ActionFailed):
        told: Any = replace(event, error=NotSendableError(event.action, "error", repr(event.error)))
        return pickle.dumps(told)
    job_id = event.job_id if isinstance(event, WorkEvent) and is_dataclass(event) else None
    return pickle.dumps(EventLogged(job_id, "event_lost", {"event": event.topic, "cause": cause}))


def _result_bytes(label: str, result: Any) -> Done:
    try:
        return Done(result=_checked(result))
    except Exception as error:  # noqa: BLE001 - objects refuse in their own ways
        cause = f"{type(error).__name__}: {error}; return plain data, or a path"
        return Done(error=pickle.dumps(NotSendableError(label, "result", cause)))


def _error_bytes(label: str, error: BaseException) -> bytes:
    error.add_note(f"in process {os.getpid()}:\n{format_exc()}".rstrip())
    try:
        return _checked(error)
    except Exception:  # noqa: BLE001 - objects refuse in their own ways
        lost = NotSendableError(label, "error", f"{type(error).__qualname__}: {error}")
        lost.add_note(f"in process {os.getpid()}:\n{format_exc()}".rstrip())
        return pickle.dumps(lost)


def _checked(value: Any) -> bytes:
    """Return a value pickled, when it can be read again, too."""
    written = pickle.dumps(value)
    pickle.loads(written)  # noqa: S301 - made in the line before
    return written
