"""Fakes: real objects of the kernel's contracts, made to be steered."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

from ..metadata import PluginMetadata
from ..plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ..capabilities import Capability, Requirement
    from ..context import PluginContext
    from ..events import Event


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
