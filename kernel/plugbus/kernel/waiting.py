"""Waiting until something is provided: with a callback, or by blocking the calling thread."""

from __future__ import annotations

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

from .errors import ServiceNotFoundError, ServiceTimeoutError
from .watching import ServiceChange, Watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from .locator import ServiceLocator
    from .watching import Watches


def call_when_provided(
    locator: ServiceLocator, watches: Watches, key: str, callback: Callable[[], object]
) -> Callable[[], None]:
    """Call back once when something is provided under ``key``, which may be now; return the undo."""
    watch = Watch(str(key), lambda _change: callback(), "", is_once=True)
    watch.name = getattr(callback, "__qualname__", type(callback).__qualname__)
    watches.add(watch)
    # Only then look: what is provided in between is told to the watch, and whoever takes it away is the one who calls.
    entries = locator.providers(key)
    if entries and watches.remove(watch):
        for interrupt in watches.call(watch, ServiceChange(str(key), entries[0].owner)):
            raise interrupt

    def stop() -> None:
        watches.remove(watch)

    return stop


def wait_for(locator: ServiceLocator, key: str, get: Callable[[], Any], timeout_s: float) -> Any:
    """Block the calling thread until ``get()`` finds something.

    Raises:
        ServiceTimeoutError: It did not in time.
        ValueError: ``timeout_s`` is negative or no number.
    """
    if not timeout_s >= 0:
        raise ValueError(f"cannot wait for service '{key}': timeout_s is {timeout_s}; give 0 or more")
    deadline = monotonic() + timeout_s
    while True:
        try:
            return get()
        except ServiceNotFoundError as error:
            near, known = error.near, error.known
        left = deadline - monotonic()
        if left <= 0:
            raise ServiceTimeoutError(str(key), timeout_s, near, known)
        arrived = threading.Event()
        stop = locator.when_provided(key, arrived.set)
        try:
            arrived.wait(min(left, threading.TIMEOUT_MAX))
        finally:
            stop()
