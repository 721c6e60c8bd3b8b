"""What plugins leave in the process that no reference leads to: code that runs, entries under their names."""

from __future__ import annotations

import gc
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .ownership import place_of
from .remedies import remedy_of
from .report import Leftover, LeftoverKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from .ownership import Ownership

GRACE_S = 0.5
"""So many seconds threads that were told to stop may take for it, all together."""


def running_threads(ownership: Ownership) -> Iterator[tuple[threading.Thread, str, str]]:
    """Yield the threads that run code of a plugin now: thread, plugin id, and where in the code it is.

    The caller's own thread is left out: what runs in it waits for the caller.
    """
    frames = sys._current_frames()
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        if thread is not threading.current_thread():
            owner, where = _innermost(frame, ownership)
            if owner is None:
                owner, where = _started_with(thread, ownership)
            if owner is not None:
                yield thread, owner, where


def _innermost(frame: FrameType | None, ownership: Ownership) -> tuple[str | None, str]:
    while frame is not None:
        owner = ownership.of_globals(frame.f_globals)
        if owner is not None:
            return owner, f"runs {frame.f_code.co_qualname} ({place_of(frame.f_code, frame.f_lineno)})"
        frame = frame.f_back
    return None, ""


def _started_with(thread: threading.Thread, ownership: Ownership) -> tuple[str | None, str]:
    """Say whose a thread is that is about to run a plugin's code."""
    target = vars(thread).get("_target")
    for one in (thread, target, getattr(target, "__func__", None), getattr(target, "__self__", None)):
        owner = None if one is None else ownership.of_object(one)
        if owner is not None:
            return owner, "runs"
    return None, ""


def pending_tasks(ownership: Ownership) -> Iterator[tuple[Any, str, str]]:
    """Yield the asyncio tasks of any event loop whose coroutine is a plugin's: task, plugin id, and where it is."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return
    for task in [one for one in gc.get_objects() if issubclass(type(one), asyncio.Task)]:
        coroutine = task.get_coro()
        frame = getattr(coroutine, "cr_frame", None)
        owner = None if frame is None or task.done() else ownership.of_globals(frame.f_globals)
        if frame is not None and owner is not None:
            yield task, owner, f"awaits in {coroutine.__qualname__} ({place_of(frame.f_code, frame.f_lineno)})"


def entries_left(ownership: Ownership, folders: Mapping[str, str]) -> Iterator[Leftover]:
    """Yield what is left under the plugins' names and folders.

    Args:
        ownership: Knows the names of their modules.
        folders: Folder to plugin id.
    """
    for name, module in tuple(sys.modules.items()):
        owner = ownership.of_name(name)
        if owner is not None:
            remedy = "the plugin's source has to remove it in 'close'"
            yield Leftover(LeftoverKind.MODULE, owner, f"sys.modules entry '{name}'", (), remedy)
            continue
        file = _file_of(module)
        owner = None if file is None else _owner_of(_search_folder(name, Path(file)), folders)
        if owner is not None:
            description = f"sys.modules entry '{name}', imported by way of sys.path"
            yield Leftover(LeftoverKind.MODULE, owner, description, (), f"import it as 'from . import {name}'")
    for entry in sys.path:
        owner = _owner_of(entry, folders)
        if owner is not None:
            description = f"sys.path entry '{entry}'"
            yield Leftover(LeftoverKind.PATH, owner, description, (), remedy_of(LeftoverKind.PATH))


def _file_of(module: object) -> str | None:
    try:
        file = object.__getattribute__(module, "__dict__").get("__file__")
    except AttributeError:
        return None
    return file if type(file) is str else None


def _search_folder(name: str, file: Path) -> str:
    """Return the entry of ``sys.path`` by which a module would have been found."""
    depth = name.count(".") + (file.stem == "__init__")
    return str(file.parents[depth]) if depth < len(file.parents) else ""


def _owner_of(path: str, folders: Mapping[str, str]) -> str | None:
    for folder, owner in folders.items():
        if path == folder or path.startswith((f"{folder}/", f"{folder}\\")):
            return owner
    return None
