"""A hang, a failure or an interrupt at every step of a load, an unload and a reload: all else is as before."""

from __future__ import annotations

import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    HookTimeoutError,
    Kernel,
    Plugin,
    PluginLoadError,
    PluginMetadata,
    PluginState,
    PluginUnloadError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource
from plugbus.loaders import DeadlineRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHAIN = ("first", "second", "third")
LOAD = ("open", "configure", "on_load")
SHORT_S = 0.03
FAULTS = ("raise", "interrupt", "hang")


class World:
    """A chain of plugins with modules, services, subscriptions and state, and a fault at one place."""

    def __init__(self) -> None:
        self.fault: tuple[str, str, str] = ("", "", "")
        self.go_on = threading.Event()
        self.sources: dict[str, FakeSource] = {}
        self.runner = DeadlineRunner(SHORT_S, plugins={"bystander": {"on_load": 60.0}})
        self.kernel = Kernel(configure=self._configure, run_hook=self.runner)
        self.kernel.register(FakePlugin("bystander", subscriptions=["*"]))
        self.kernel.load("bystander")
        for place, plugin_id in enumerate(CHAIN):
            self._add(plugin_id, CHAIN[place - 1] if place else None)

    def meet(self, plugin_id: str, step: str) -> None:
        if self.fault[:2] != (plugin_id, step):
            return
        if self.fault[2] == "raise":
            raise OSError("no device")
        if self.fault[2] == "interrupt":
            raise KeyboardInterrupt
        assert self.go_on.wait(60)

    def snapshot(self) -> dict[str, object]:
        kernel = self.kernel
        return {
            "records": {one.id: (one.source, one.plugin) for one in kernel.registry},
            "services": {key: kernel.services.providers(key) for key in kernel.services.keys},
            "subscriptions": kernel.bus.subscriptions,
            "modules": {one for one in sys.modules if one.startswith("_module_of_")},
            "path": list(sys.path),
        }

    def _configure(self, metadata: PluginMetadata, plugin: Plugin) -> object:
        self.meet(metadata.id, "configure")
        return {}

    def _add(self, plugin_id: str, needed: str | None) -> None:
        world = self
        module = f"_module_of_{plugin_id}"

        class Member(FakePlugin):
            def save_state(self) -> Mapping[str, Any]:
                world.meet(plugin_id, "save_state")
                return {"of": plugin_id}

            def restore_state(self, state: Mapping[str, Any]) -> None:
                world.meet(plugin_id, "restore_state")

        def on_open() -> None:
            sys.modules[module] = ModuleType(module)
            self.meet(plugin_id, "open")

        def hook(name: str) -> Any:
            return lambda ctx: self.meet(plugin_id, name)

        plugin = Member(
            plugin_id,
            dependencies={} if needed is None else {needed: "^1.0"},
            provides={Capability(f"cap_{plugin_id}", contract=dict): {}},
            services={f"service_{plugin_id}": object()},
            subscriptions=["*", "tick"],
            on_load=hook("on_load"),
            on_unload=hook("on_unload"),
        )
        self.sources[plugin_id] = FakeSource(plugin, on_open=on_open, on_close=lambda: sys.modules.pop(module, None))
        self.kernel.register(self.sources[plugin_id])


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.fault = ("", "", "")
    world.go_on.set()
    for thread in threading.enumerate():
        if " of " in thread.name:
            thread.join(60)
    assert world.runner.hung == ()
    world.kernel.shutdown()
    assert [breach for source in world.sources.values() for breach in source.breaches] == []
    assert not {one for one in sys.modules if one.startswith("_module_of_")}


def expected(kind: str, error: type[BaseException]) -> type[BaseException]:
    return KeyboardInterrupt if kind == "interrupt" else error


@pytest.mark.parametrize("broken", CHAIN)
@pytest.mark.parametrize("step", LOAD)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_a_load_leaves_everything_as_before(world: World, broken: str, step: str, kind: str) -> None:
    before = world.snapshot()
    world.fault = (broken, step, kind)
    with pytest.raises(expected(kind, PluginLoadError)) as caught:
        world.kernel.load("third")
    if kind == "hang":
        assert isinstance(caught.value.__cause__, HookTimeoutError)
        assert [(one.plugin_id, one.hook) for one in world.runner.hung] == [(broken, step)]
        if step == "open":
            world.go_on.set()  # the code is taken out when the call that brought it in has ended
            while world.runner.hung:
                threading.Event().wait(0.001)
    assert world.snapshot() == before
    state = PluginState.REGISTERED if kind == "interrupt" else PluginState.FAILED
    states = {one: world.kernel.registry.record(one).state for one in CHAIN}
    assert states == {**dict.fromkeys(CHAIN, PluginState.REGISTERED), broken: state}
    world.fault = ("", "", "")
    world.go_on.set()
    assert world.kernel.load(broken, "third") == CHAIN


@pytest.mark.parametrize("broken", CHAIN)
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_an_unload_stops_nothing(world: World, broken: str, kind: str) -> None:
    before = world.snapshot()
    world.kernel.load("third")
    world.fault = (broken, "on_unload", kind)
    with pytest.raises(expected(kind, PluginUnloadError)):
        world.kernel.unload("first", cascade=True)
    assert world.snapshot() == before
    assert [one.closed for one in world.sources.values()] == [1, 1, 1]


@pytest.mark.parametrize("broken", CHAIN)
@pytest.mark.parametrize("step", [*LOAD, "restore_state"])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_the_load_of_a_reload_leaves_it_as_unloaded(world: World, broken: str, step: str, kind: str) -> None:
    before = world.snapshot()
    world.kernel.load("third")
    world.fault = (broken, step, kind)
    with pytest.raises(expected(kind, PluginLoadError)) as caught:
        world.kernel.reload("first", cascade=True)
    assert caught.value.__notes__ == ["unloaded for a reload, and not loaded again: 'third', 'second', 'first'"]
    if kind == "hang" and step == "open":
        world.go_on.set()
        while world.runner.hung:
            threading.Event().wait(0.001)
    assert world.snapshot() == before
    world.fault = ("", "", "")
    world.go_on.set()
    assert world.kernel.load(broken, "third") == CHAIN


@pytest.mark.parametrize("broken", CHAIN)
@pytest.mark.parametrize("step", ["save_state", "on_unload"])
@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_in_the_unload_of_a_reload(world: World, broken: str, step: str, kind: str) -> None:
    before = world.snapshot()
    world.kernel.load("third")
    world.fault = (broken, step, kind)
    if kind == "interrupt":
        with pytest.raises(KeyboardInterrupt):
            world.kernel.reload("first", cascade=True)
        assert world.snapshot() == before
        return
    report = world.kernel.reload("first", cascade=True)
    assert (report.loaded, len(report.failures)) == (CHAIN, 1)
    missing = {broken} if step == "save_state" else set()
    assert set(report.restored) == {*CHAIN} - missing
