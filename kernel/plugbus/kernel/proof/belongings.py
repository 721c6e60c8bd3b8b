"""What a plugin has while it is loaded, kept as weak references and text."""

from __future__ import annotations

import sys
import threading
from collections import deque
from types import BuiltinMethodType, FrameType, FunctionType, MethodType, ModuleType, TracebackType
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..values import value
from .heap import referents_of
from .report import LeftoverKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .heap import Heap
    from .ownership import Ownership

LARGEST = 20_000
"""So many objects of a plugin are looked through for what it has open."""


@value(frozen=True, slots=True)
class Resource:
    """Something that has to be closed, ended or stopped.

    Args:
        kind: What it is.
        plugin_id: Whose it is.
        text: Its description.
        object: The thing itself, weakly.
    """

    kind: LeftoverKind
    plugin_id: str
    text: str
    object: ref[Any]


class Reach:
    """Everything that is reached from a plugin without passing through others.

    Args:
        plugin_id: The plugin.
        starts: The plugin itself, its context, what it provides, the globals of its modules.
        foreign: What belongs to others: parts of the kernel, other plugins, configuration.
        ownership: Tells the plugin's classes, functions and modules from others'.
    """

    def __init__(
        self, plugin_id: str, starts: Iterable[Any], foreign: Iterable[Any], ownership: Ownership, heap: Heap
    ) -> None:
        self._plugin_id = plugin_id
        self._ownership = ownership
        self._heap = heap
        self._starts = {id(one) for one in starts}
        self._found: dict[int, Any] = {}
        pending = deque(starts)
        barred = {id(one) for one in foreign}
        while pending and len(self._found) < LARGEST:
            one = pending.popleft()
            if id(one) in self._found or id(one) in barred or not self._is_inside(one):
                continue
            self._found[id(one)] = one
            pending.extend(referents_of(one))

    def resources(self) -> list[Resource]:
        """Return what the plugin alone has open."""
        found: list[Resource] = []
        numbers: set[int] = set()
        for one in tuple(self._found.values()):
            kind = kind_of(one)
            if kind is None or not is_open(one) or self._is_shared(one):
                continue
            number = descriptor_of(one)
            if number is None or number not in numbers:
                numbers.update(() if number is None else (number,))
                found.append(Resource(kind, self._plugin_id, describe_resource(one), ref(one)))
        for thread in threading.enumerate():
            if id(thread) not in self._found and self._is_run_by(thread):
                found.append(Resource(LeftoverKind.THREAD, self._plugin_id, f"'{thread.name}'", ref(thread)))
        return found

    def _is_run_by(self, thread: threading.Thread) -> bool:
        """Tell whether a thread that is kept nowhere was started with something of the plugin."""
        target = vars(thread).get("_target")
        subject = getattr(target, "__self__", None)
        return subject is not None and id(subject) in self._found and not self._is_shared(subject, target)

    def _is_inside(self, one: object) -> bool:
        kind = type(one)
        if kind is FunctionType or issubclass(kind, (type, ModuleType)):
            return self._ownership.of_object(one) == self._plugin_id
        if kind is dict and id(one) not in self._starts and "__builtins__" in one:  # type: ignore[operator] # type() tells more than isinstance
            return self._ownership.of_object(one) == self._plugin_id
        return not issubclass(kind, (FrameType, TracebackType))

    def _is_shared(self, one: object, *ignored: object) -> bool:
        """Tell whether others than the plugin hold an object, or what holds it."""
        passed = {id(threading._active), id(self._found), id(self._heap.objects), *map(id, ignored)}  # type: ignore[attr-defined] # every thread is in it
        layer = set() if id(one) in self._starts else {id(one)}
        while layer:
            rising: set[int] = set()
            for holder in self._heap.holders_of(layer):
                place = id(holder)
                if place in passed:
                    continue
                # A thread that runs is kept by a bound method of its own that nobody else has.
                if place not in self._found and not isinstance(holder, (MethodType, BuiltinMethodType)):
                    return True
                passed.add(place)
                if place not in self._starts:
                    rising.add(place)
            layer = rising
        return False


def kind_of(one: object) -> LeftoverKind | None:
    """Return what has to be closed, ended or stopped is; None for everything else."""
    kind = type(one)
    for module, name, found in _RESOURCES:
        loaded = sys.modules.get(module)
        if loaded is not None and issubclass(kind, getattr(loaded, name, ())):
            return found
    return None


_RESOURCES = (
    ("threading", "Thread", LeftoverKind.THREAD),
    ("socket", "socket", LeftoverKind.SOCKET),
    ("subprocess", "Popen", LeftoverKind.PROCESS),
    ("io", "IOBase", LeftoverKind.FILE),
)


def is_open(one: Any) -> bool:
    """Tell whether a resource is still open, or runs; one that can't say is not."""
    try:
        if isinstance(one, threading.Thread):
            return one.is_alive()
        if hasattr(one, "poll"):
            return one.poll() is None
        if hasattr(one, "closed"):
            return not one.closed and descriptor_of(one) is not None
        return descriptor_of(one) is not None
    except Exception:  # noqa: BLE001 - a class of the plugin's own may raise anything
        return False


def descriptor_of(one: Any) -> int | None:
    """Return the file descriptor of a file or socket, None where it has none."""
    try:
        number = one.fileno()
    except Exception:  # noqa: BLE001 - as above; what lives in memory has none
        return None
    return number if isinstance(number, int) and number >= 0 else None


def describe_resource(one: Any) -> str:
    """Name a resource."""
    if isinstance(one, threading.Thread):
        return f"'{one.name}'"
    number = descriptor_of(one)
    name = getattr(one, "name", None) or getattr(one, "args", None)
    named = f" {name!r}" if type(name) in {str, bytes, list, tuple} else ""
    which = f"process {one.pid}" if hasattr(one, "pid") else f"descriptor {number}"
    return f"{type(one).__qualname__}{named} ({which})"
