"""Where a search for holders ends: what nobody has to hold."""

from __future__ import annotations

import atexit
import signal
import sys
import threading
from types import FrameType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any

from ..values import value
from .ownership import name_of_class, place_of
from .report import LeftoverKind
from .wording import attributes_of, describe_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .ownership import Ownership

_HERE = __name__.rpartition(".")[0]


@value(frozen=True, slots=True)
class Root:
    """The end of a search.

    Args:
        text: Stands after the way to it; empty where the way says it all.
        kind: What the thing that it holds is a case of; None where that is known from the way.
        by: The id of the thread or task that holds, 0 for others.
        is_guess: It was not seen, only nothing else is left.
    """

    text: str
    kind: LeftoverKind | None = None
    by: int = 0
    is_guess: bool = False


class Roots:
    """Tell roots from what has to be held by something else."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        # The objects are held by the interpreter as well, so that their ids stay theirs while this is used.
        self._globals = {
            id(found): name
            for name, module in tuple(sys.modules.items())
            if isinstance(module, ModuleType) and (found := attributes_of(module)) is not None
        }
        self._modules = id(sys.modules)
        self._slots = {id(one): root for one, root in interpreter_slots() if one is not None}

    def slot_of(self, one: object) -> Root | None:
        """Return what of the interpreter holds an object without the garbage collector seeing it."""
        return self._slots.get(id(one))

    def of(self, holder: object, held: object) -> Root | None:
        """Return the root that a holder is, None where it is none."""
        kind = type(holder)
        module = self._globals.get(id(holder))
        if module is not None:
            return self._of_globals(module, holder, held)
        if id(holder) == self._modules:
            return Root(f"sys.modules, key {_key_of(held, sys.modules)}", LeftoverKind.MODULE)
        if isinstance(holder, threading.Thread):
            return Root(describe_thread(holder), LeftoverKind.THREAD, id(holder)) if holder.is_alive() else None
        if issubclass(kind, type):
            name = name_of_class(holder, self._ownership)  # type: ignore[arg-type] # as above
            return Root("", LeftoverKind.FINALIZER if name == "weakref.finalize" else None)
        for place, name, found in _LIBRARY:
            loaded = sys.modules.get(place)
            if loaded is not None and issubclass(kind, vars(loaded).get(name, ())):
                return Root(f"{name.lower()} {_label(holder)}".rstrip(), found, id(holder))
        return None

    def _of_globals(self, module: str, holder: Any, held: object) -> Root:
        key = _key_of(held, holder)
        kind = None
        if module == "sys":
            kind = LeftoverKind.IMPORT_HOOK if key in _IMPORT_HOOKS else LeftoverKind.HOOK
        elif module == "threading":
            kind = LeftoverKind.HOOK
        elif module == "warnings":
            kind = LeftoverKind.WARNING_FILTER if key == "'filters'" else LeftoverKind.HOOK
        elif module == "logging":
            kind = LeftoverKind.LOGGING
        return Root(f"global {key} of module {self._ownership.short(module) or module}", kind)


_IMPORT_HOOKS = {"'meta_path'", "'path_hooks'", "'path_importer_cache'"}

# Objects of these hold what they work with, and their library keeps them while they do.
_LIBRARY = (
    ("asyncio", "Task", LeftoverKind.TASK),
    ("asyncio", "Handle", LeftoverKind.TASK),
    ("logging", "Logger", LeftoverKind.LOGGING),
)


def describe_thread(thread: threading.Thread) -> str:
    """Name a thread."""
    return f"thread '{thread.name}'"


def interpreter_slots() -> Iterator[tuple[object, Root]]:
    """Yield what the interpreter holds where the garbage collector does not look."""
    yield from ((one, Root("atexit", LeftoverKind.EXIT_HANDLER)) for one in _exit_handlers())
    for number in signal.valid_signals():
        name = signal.Signals(number).name if number in _SIGNALS else str(number)
        yield signal.getsignal(number), Root(f"handler of {name}", LeftoverKind.SIGNAL_HANDLER)
    yield sys.gettrace(), Root("sys.settrace", LeftoverKind.HOOK)
    yield sys.getprofile(), Root("sys.setprofile", LeftoverKind.HOOK)
    hooks = sys.get_asyncgen_hooks()
    yield hooks.firstiter, Root("sys.set_asyncgen_hooks", LeftoverKind.HOOK)
    yield hooks.finalizer, Root("sys.set_asyncgen_hooks", LeftoverKind.HOOK)


_SIGNALS = set(signal.Signals)


class _Probe:
    """Equal to nothing, and asked by everything that does not know how to compare itself with it."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def __eq__(self, other: object) -> bool:
        self.asked.append(other)
        return False

    __hash__ = None  # type: ignore[assignment] # it is never a key


def _exit_handlers() -> list[object]:
    """Return what is registered with ``atexit``, which has no list of it but compares each with what it is to remove.

    What has an equality of its own is missed.
    """
    probe = _Probe()
    atexit.unregister(probe)  # type: ignore[arg-type] # any object may be asked for
    return probe.asked


def local_variables() -> dict[int, Root]:
    """Return the ids of what the functions that run now have in local variables, each with the variable.

    The garbage collector does not see these. Frames of this package are left out.
    """
    found: dict[int, Root] = {}
    threads = {one.ident: id(one) for one in threading.enumerate()}
    for ident, frame in tuple(sys._current_frames().items()):
        here: FrameType | None = frame
        while here is not None:
            module = here.f_globals.get("__name__")
            is_own = module == "plugbus.kernel.kernel" or (type(module) is str and module.startswith(_HERE))
            if not is_own:
                _read_locals(here, found, threads.get(ident, 0))
            here = here.f_back
    return found


def _read_locals(frame: FrameType, found: dict[int, Root], thread: int) -> None:
    if frame.f_locals is frame.f_globals:
        return  # found as globals
    where = f"of {frame.f_code.co_qualname} ({place_of(frame.f_code, frame.f_lineno)})"
    for name, local in tuple(frame.f_locals.items()):
        found.setdefault(id(local), Root(f"local variable '{name}' {where}", None, thread))
    _drop_snapshot(frame)


_OPTIMIZED = 1  # inspect.CO_OPTIMIZED; that module is heavy


def _drop_snapshot(frame: FrameType) -> None:
    """Let go of the dict that a look at ``f_locals`` leaves in a function's frame up to Python 3.12.

    It would keep what the function deletes from then on. Where a debugger in Python traces the frame, the interpreter
    takes the variables back from the dict, and code that called ``locals()`` holds the very same one: it is kept in
    both cases.
    """
    is_debugged = isinstance(frame.f_trace, (FunctionType, MethodType))
    if sys.version_info >= (3, 13) or is_debugged or not frame.f_code.co_flags & _OPTIMIZED:
        return
    snapshot = frame.f_locals
    if sys.getrefcount(snapshot) <= _SNAPSHOT_REFERENCES:
        snapshot.clear()


_SNAPSHOT_REFERENCES = 3  # the frame's, the variable's, and the argument's


def _key_of(held: object, holder: dict[Any, Any]) -> str:
    return next((describe_key(key) for key, value in tuple(holder.items()) if value is held), "of a dict")


def _label(one: object) -> str:
    name = getattr(one, "get_name", None) or getattr(one, "name", None)
    text = name() if callable(name) else name
    return f"'{text}'" if isinstance(text, str) else ""
