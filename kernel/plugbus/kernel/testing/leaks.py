"""Checks that nothing is left behind."""

from __future__ import annotations

import dataclasses  # noqa: F401 - see below
import difflib  # noqa: F401 - see below
import gc
import inspect  # noqa: F401 - see below
from importlib import import_module
from pkgutil import walk_packages
from typing import TYPE_CHECKING, Any
from weakref import ref

from ..registry import PluginState
from .snapshot import added, counted, key_of, process_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from ..kernel import Kernel
    from .snapshot import Facts


# What the kernel imports when it is first needed is no leak of what needs it first, so it is there before a check.
_KERNEL = __name__.partition(".testing")[0]
for _part in walk_packages(import_module(_KERNEL).__path__, f"{_KERNEL}."):
    if not _part.name.startswith(f"{_KERNEL}.testing"):
        import_module(_part.name)


class LeakCheck:
    """Compare the process before and after a ``with`` block, and name everything that is left over.

    1. On entry a snapshot is taken of what is looked at.
    2. On exit, unless the block itself raised, the objects that were handed to ``watch`` must be gone, and the rest
       must be as before; garbage is collected first.

    Looked at are: threads, ``sys.modules``, ``sys.path``, ``sys.meta_path``, ``sys.path_hooks``; the tasks of the event
    loop that runs in this thread, if one does; the open file descriptors, where the system lists them (Linux); and of
    each kernel: subscriptions, services, plugins that are loaded or on their way.

    Args:
        kernels: The kernels to look at; they must outlive the block.
        allow: What may be left over, in the words of the report: names of threads and modules, ``key of 'owner'``.
    """

    def __init__(self, *kernels: Kernel, allow: Iterable[str] = ()) -> None:
        self._kernels = kernels
        self._allow = frozenset(allow)
        self._watched: list[tuple[str, ref[Any]]] = []
        self._before: Facts = {}

    def watch(self, *objects: object, name: str = "") -> None:
        """Demand that objects are gone when the block ends.

        Raises:
            TypeError: An object can't be referred to weakly, so that nobody could tell.
        """
        for one in objects:
            self._watched.append((name or f"{type(one).__module__}.{type(one).__qualname__}", ref(one)))

    def check(self) -> None:
        """Compare now, in the midst of the block.

        Raises:
            AssertionError: Something is left over; names all of it.
        """
        gc.collect()
        left = [f"object {name} is still referred to" for name, one in self._watched if one() is not None]
        after = self._snapshot()
        for kind, before in self._before.items():
            left += [f"{kind} {text}" for text in added(kind, self._before, after) if text not in self._allow]
            if kind in _WHOLE:
                left += [f"{kind} {text} is missing" for key, text in before.items() if key not in after[kind]]
        if left:
            raise AssertionError(f"left over: {'; '.join(left)}")

    def __enter__(self) -> LeakCheck:
        gc.collect()
        self._before = self._snapshot()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.check()

    def _snapshot(self) -> Facts:
        facts = process_facts()
        for place, kernel in enumerate(self._kernels):
            of = f" of kernel {place}" if len(self._kernels) > 1 else ""
            facts[f"subscription{of}"] = {key_of(one): f"{one!r} of {one.owner!r}" for one in kernel.bus.subscriptions}
            facts[f"service{of}"] = dict(counted(_services(kernel)))
            facts[f"plugin{of}"] = {
                one.id: f"{one.id} is {one.state}"
                for one in kernel.registry
                if one.plugin is not None or one.state in {PluginState.LOADING, PluginState.UNLOADING}
            }
        return facts


# Of these nothing may go missing either: a plugin that tidies up too much breaks others.
_WHOLE = frozenset({"entry of sys.path", "entry of sys.meta_path", "entry of sys.path_hooks"})


def assert_unloaded(kernel: Kernel, plugin_id: str) -> None:
    """Assert that nothing of a plugin is left in a kernel: it is not loaded, hears nothing and provides nothing.

    Raises:
        AssertionError: Names everything that is left.
    """
    left = [f"subscription {one!r}" for one in kernel.bus.subscriptions if one.owner == plugin_id]
    left += [f"service {one}" for one in _services(kernel, plugin_id)]
    if plugin_id in kernel.registry:
        record = kernel.registry.record(plugin_id)
        if record.plugin is not None or record.source is not None:
            left.append(f"it is {record.state}")
    if left:
        raise AssertionError(f"plugin '{plugin_id}' is not unloaded: {'; '.join(left)}")


def _services(kernel: Kernel, owner: str | None = None) -> Iterator[str]:
    for key in kernel.services.keys:
        for one in kernel.services.providers(key):
            if owner in {None, one.owner}:
                yield f"{key} of {one.owner!r}"
