"""What of the process plugins can change, at one moment."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Facts: TypeAlias = dict[str, dict[object, str]]
"""Kind to what there is of it: something that stands for it, and its text."""


def process_facts() -> Facts:
    """Return the threads, modules, entries of the import system, tasks and file descriptors that there are now."""
    return {
        "thread": {key_of(one): one.name for one in threading.enumerate()},
        "module": {name: name for name in tuple(sys.modules)},
        "entry of sys.path": dict(counted(sys.path)),
        "entry of sys.meta_path": {key_of(one): _name(one) for one in sys.meta_path},
        "entry of sys.path_hooks": {key_of(one): _name(one) for one in sys.path_hooks},
        "task": dict(_tasks()),
        "file descriptor": dict(_descriptors()),
    }


def added(kind: str, before: Facts, after: Facts) -> list[str]:
    """Return the texts of what has come to be of a kind."""
    return [text for key, text in after[kind].items() if key not in before[kind]]


def counted(entries: Iterable[str]) -> Iterator[tuple[object, str]]:
    """Tell equal entries apart by how many were before them, so that a second copy is seen."""
    seen: dict[str, int] = {}
    for entry in entries:
        seen[entry] = seen.get(entry, 0) + 1
        yield (entry, seen[entry]), entry


def key_of(one: object) -> object:
    """Stand for an object in a snapshot, which must not keep alive what is watched."""
    try:
        return ref(one)
    except TypeError:
        return id(one)


def _name(one: object) -> str:
    return getattr(one, "__qualname__", None) or type(one).__qualname__


def _tasks() -> Iterator[tuple[object, str]]:
    """Yield the tasks of the loop that runs in this thread; none where asyncio was never imported."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    for task in asyncio.all_tasks():
        yield key_of(task), task.get_name()


def _descriptors() -> Iterator[tuple[object, str]]:
    """Yield the open file descriptors with what they refer to; none where the system has no ``/proc``."""
    try:
        entries = list(Path("/proc/self/fd").iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            target = entry.readlink()
        except OSError:
            continue  # the one with which the folder itself was read
        yield (entry.name, target), f"{entry.name} to {target}"
