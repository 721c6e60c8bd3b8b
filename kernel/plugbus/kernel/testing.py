"""Fakes and checks for those who test plugins and hosts: real objects of the kernel's contracts, made to be steered.

Nothing here needs a test framework: a check that fails raises ``AssertionError`` and names everything that is wrong.
"""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar
from weakref import ref

from .metadata import PluginMetadata
from .plugin import Plugin
from .registry import PluginState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import TracebackType

    from .bus import EventBus
    from .capabilities import Capability, Requirement
    from .context import PluginContext
    from .events import Event
    from .kernel import Kernel
    from .signals import Subscription

E = TypeVar("E", bound="Event")

__all__ = ["FakePlugin", "FakeSource", "Gate", "LeakCheck", "RecordedEvents", "assert_unloaded"]


class FakePlugin(Plugin):
    """A plugin that does what it was told to, and remembers what was asked of it.

    Attributes:
        calls: The names of the hooks that were called, in order: ``on_load``, ``on_unload``.
        events: What ``on_event`` got, in order.
        ctx: The context of the last load, None before the first and after an unload.

    Args:
        plugin_id: The plugin's id.
        version: Its version.
        dependencies: Plugin id to version range.
        requires: What it needs besides.
        provides: Capability to the object that is provided under it; a label is declared, its object is ignored.
        declares: Capabilities that are only named; the load fails where one of them has a contract.
        services: Name to the object that is registered under it.
        subscriptions: Selectors whose events are kept in ``events``, subscribed to in ``on_load``.
        on_load: Called as ``on_load(ctx)`` after everything was provided; what it raises fails the load.
        on_unload: Called as ``on_unload(ctx)``.
        undo: Registered with ``ctx.on_unload``, in this order.
    """

    def __init__(
        self,
        plugin_id: str,
        version: str = "1.0.0",
        *,
        dependencies: Mapping[str, str] | None = None,
        requires: Sequence[Requirement] = (),
        provides: Mapping[Capability[Any], object] | None = None,
        declares: Sequence[Capability[Any]] = (),
        services: Mapping[str, object] | None = None,
        subscriptions: Sequence[type[Event] | str] = (),
        on_load: Callable[[PluginContext], object] | None = None,
        on_unload: Callable[[PluginContext], object] | None = None,
        undo: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._provides = dict(provides or {})
        self.metadata = PluginMetadata(
            plugin_id,
            version,
            dependencies=dict(dependencies or {}),
            provides=(*self._provides, *declares),
            requires=tuple(requires),
        )
        self._services = dict(services or {})
        self._subscriptions = tuple(subscriptions)
        self._on_load = on_load
        self._on_unload = on_unload
        self._undo = tuple(undo)
        self.calls: list[str] = []
        self.events: list[Event] = []
        self.ctx: PluginContext | None = None

    def on_load(self, ctx: PluginContext) -> None:
        """Do what was asked for, in the order of the arguments."""
        self.calls.append("on_load")
        self.ctx = ctx
        for capability, provided in self._provides.items():
            if not capability.is_label:
                ctx.provide(capability, provided)
        for name, service in self._services.items():
            ctx.register_service(name, service)
        for selector in self._subscriptions:
            ctx.subscribe(selector, self.events.append)
        for callback in self._undo:
            ctx.on_unload(callback)
        if self._on_load is not None:
            self._on_load(ctx)

    def on_unload(self, ctx: PluginContext) -> None:
        """Do what was asked for."""
        self.calls.append("on_unload")
        self.ctx = None
        if self._on_unload is not None:
            self._on_unload(ctx)


class Gate:
    """A place where a thread stops until another one lets it go on: the way to test an order without any timing.

    Call it where the thread is to stop. ``await_arrival`` in the other thread, look around, then ``open`` it.

    Args:
        timeout_s: After so many seconds of waiting a test is taken to hang, and both sides raise ``AssertionError``.
    """

    def __init__(self, timeout_s: float = 30.0) -> None:
        self._timeout_s = timeout_s
        self._arrived = threading.Event()
        self._opened = threading.Event()

    def __call__(self, *args: object) -> None:
        """Stop here until the gate is open; takes and ignores arguments, so that it can be a hook or a subscriber."""
        self._arrived.set()
        if not self._opened.wait(self._timeout_s):
            raise AssertionError(f"nobody opened the gate within {self._timeout_s} s")

    def await_arrival(self) -> None:
        """Wait until a thread has come to the gate."""
        if not self._arrived.wait(self._timeout_s):
            raise AssertionError(f"nobody came to the gate within {self._timeout_s} s")

    def open(self) -> None:
        """Let every thread go on, those that come later too."""
        self._opened.set()


class FakeSource:
    """A source of a plugin whose ``open`` and ``close`` can be made to fail or to stop.

    It checks what the kernel promises to sources: no second ``open`` without a ``close``, and no calls that overlap.
    A breach is kept in ``breaches``, and raised as ``AssertionError`` too.

    Attributes:
        opened: How often ``open`` was called.
        closed: How often ``close`` was called.
        is_open: The code is in: an ``open`` began that no ``close`` has followed.
        breaches: What the kernel did wrong, as sentences.

    Args:
        plugin: What ``open`` returns.
        metadata: What the source says of it; the plugin's own when left out.
        on_open: Called in ``open``: raise to let it fail, call a ``Gate`` to let it stop.
        on_close: Called in ``close``, likewise.
    """

    origin = "a fake source"

    def __init__(
        self,
        plugin: Plugin,
        *,
        metadata: PluginMetadata | None = None,
        on_open: Callable[[], object] | None = None,
        on_close: Callable[[], object] | None = None,
    ) -> None:
        if metadata is None:
            declared = plugin.metadata
            metadata = declared if isinstance(declared, PluginMetadata) else declared()
        self._metadata = metadata
        self._plugin = plugin
        self._on_open = on_open
        self._on_close = on_close
        self._busy = threading.Lock()
        self.opened = 0
        self.closed = 0
        self.is_open = False
        self.breaches: list[str] = []

    @property
    def metadata(self) -> PluginMetadata:
        """Describe the plugin."""
        return self._metadata

    def open(self) -> Plugin:
        """Count, do what was asked for, and return the plugin."""
        with self._turn("opened"):
            self.opened += 1
            if self.is_open:
                self._breach("opened twice without a close")
            self.is_open = True
            if self._on_open is not None:
                self._on_open()
            return self._plugin

    def close(self) -> None:
        """Count, and do what was asked for."""
        with self._turn("closed"):
            self.closed += 1
            self.is_open = False
            if self._on_close is not None:
                self._on_close()

    @contextmanager
    def _turn(self, verb: str) -> Iterator[None]:
        """Let one thread at a time be inside; a second one is a breach, it is not made to wait."""
        if not self._busy.acquire(blocking=False):
            self._breach(f"{verb} while another call was inside")
        try:
            yield
        finally:
            self._busy.release()

    def _breach(self, text: str) -> NoReturn:
        self.breaches.append(f"source of '{self._metadata.id}' {text}")
        raise AssertionError(self.breaches[-1])


class RecordedEvents:
    """Collect what a bus delivers, while the ``with`` block runs.

    Every event is kept once, the kernel's own included, and can be read after the block too.

    Attributes:
        events: All events, in the order of delivery.

    Args:
        bus: The bus to listen to.
        selector: An event class, a topic, or ``"*"``.
    """

    def __init__(self, bus: EventBus, selector: type[Event] | str = "*") -> None:
        self._bus = bus
        self._selector = selector
        self._subscription: Subscription | None = None
        self.events: list[Event] = []

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics of all events, in order."""
        return tuple(event.topic for event in self.events)

    def of(self, kind: type[E]) -> tuple[E, ...]:
        """Return the events of one class, subclasses included, in order."""
        return tuple(event for event in self.events if isinstance(event, kind))

    def __iter__(self) -> Iterator[Event]:
        return iter(tuple(self.events))

    def __len__(self) -> int:
        return len(self.events)

    def __enter__(self) -> RecordedEvents:
        self._subscription = self._bus.prepare(self._selector, self.events.append)
        self._subscription.activate()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._subscription is not None:
            self._subscription.cancel()


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
        self._before: dict[str, dict[object, str]] = {}

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
            added = [text for key, text in after[kind].items() if key not in before and text not in self._allow]
            left += [f"{kind} {text}" for text in added]
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

    def _snapshot(self) -> dict[str, dict[object, str]]:
        facts: dict[str, dict[object, str]] = {
            "thread": {_key(one): one.name for one in threading.enumerate()},
            "module": {name: name for name in tuple(sys.modules)},
            "entry of sys.path": dict(_counted(sys.path)),
            "entry of sys.meta_path": {_key(one): _name(one) for one in sys.meta_path},
            "entry of sys.path_hooks": {_key(one): _name(one) for one in sys.path_hooks},
            "task": dict(_tasks()),
            "file descriptor": dict(_descriptors()),
        }
        for place, kernel in enumerate(self._kernels):
            of = f" of kernel {place}" if len(self._kernels) > 1 else ""
            facts[f"subscription{of}"] = {_key(one): f"{one!r} of {one.owner!r}" for one in kernel.bus.subscriptions}
            facts[f"service{of}"] = dict(_counted(_services(kernel)))
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


def _counted(entries: Iterable[str]) -> Iterator[tuple[object, str]]:
    """Tell equal entries apart by how many were before them, so that a second copy is seen."""
    seen: dict[str, int] = {}
    for entry in entries:
        seen[entry] = seen.get(entry, 0) + 1
        yield (entry, seen[entry]), entry


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
        yield _key(task), task.get_name()


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


def _key(one: object) -> object:
    """Stand for an object in a snapshot, which must not keep alive what is watched."""
    try:
        return ref(one)
    except TypeError:
        return id(one)
