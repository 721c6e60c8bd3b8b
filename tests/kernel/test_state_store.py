"""The state store: what is saved when, what comes back, and what a failure leaves as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    Event,
    Kernel,
    KernelEvent,
    Plugin,
    PluginContext,
    PluginFailed,
    PluginLoadError,
    PluginMetadata,
    PluginState,
    PluginUnloadError,
    SavedState,
    SavedStateError,
    StateError,
    StateStore,
    SwapError,
)
from plugbus.kernel.testing import FakePlugin, LeakCheck, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Mapping

STORE: Capability[dict[str, str]] = Capability("store", contract=dict)


class Shelf:
    """A state store in memory that notes what is asked of it, and fails where it is told to."""

    def __init__(self, **states: SavedState) -> None:
        self.states = dict(states)
        self.calls: list[str] = []
        self.fault: BaseException | None = None

    def read(self, plugin_id: str) -> SavedState | None:
        self._note("read", plugin_id)
        return self.states.get(plugin_id)

    def write(self, plugin_id: str, saved: SavedState) -> None:
        self._note("write", plugin_id)
        self.states[plugin_id] = saved

    def discard(self, plugin_id: str) -> None:
        self._note("discard", plugin_id)
        self.states.pop(plugin_id, None)

    def _note(self, verb: str, plugin_id: str) -> None:
        self.calls.append(f"{verb} {plugin_id}")
        if self.fault is not None:
            raise self.fault


class Counter(Plugin):
    """Counts, and goes on counting where the last one stopped."""

    state_version = "1.2"

    def __init__(self, version: str = "1.0.0", plugin_id: str = "counter") -> None:
        self.metadata = PluginMetadata(plugin_id, version, provides=(STORE,))
        self.state: Any = {"count": 1}
        self.calls: list[str] = []
        self.faults: dict[str, BaseException] = {}
        self.ctx: PluginContext | None = None

    def on_load(self, ctx: PluginContext) -> None:
        self._note("on_load")
        self.ctx = ctx
        ctx.provide(STORE, {})

    def on_unload(self, ctx: PluginContext) -> None:
        self._note("on_unload")

    def save_state(self) -> Mapping[str, Any]:
        self._note("save_state")
        found: Mapping[str, Any] = self.state
        return found

    def restore_state(self, state: Mapping[str, Any]) -> None:
        self._note("restore_state")
        self.state = dict(state)

    def _note(self, hook: str) -> None:
        self.calls.append(hook)
        if hook in self.faults:
            raise self.faults[hook]


def loaded(plugin: Plugin, store: StateStore | None) -> Kernel:
    kernel = Kernel(state_store=store)
    kernel.load(kernel.register(plugin))
    return kernel


def test_what_is_saved_at_an_unload_is_restored_at_the_next_load() -> None:
    shelf = Shelf()
    first, second = Counter(), Counter("1.1.0")
    kernel = loaded(first, shelf)
    first.state = {"count": 7}
    kernel.unload("counter")
    assert shelf.states == {"counter": SavedState({"count": 7}, "1.2", "1.0.0")}
    assert first.calls == ["on_load", "save_state", "on_unload"]
    loaded(second, shelf)
    assert second.state == {"count": 7}
    assert second.calls == ["on_load", "restore_state"]
    assert shelf.calls == ["read counter", "write counter", "read counter"]


def test_what_is_saved_at_the_shutdown_is_restored_too() -> None:
    shelf = Shelf()
    loaded(Counter(), shelf).shutdown()
    assert shelf.states["counter"].state == {"count": 1}


def test_without_a_store_nothing_is_saved() -> None:
    plugin = Counter()
    loaded(plugin, None).shutdown()
    assert plugin.calls == ["on_load", "on_unload"]


def test_a_plugin_without_state_hooks_of_its_own_is_left_alone() -> None:
    class Shape:
        metadata = PluginMetadata("shape", "1.0.0")

        def on_load(self, ctx: PluginContext) -> None: ...
        def on_unload(self, ctx: PluginContext) -> None: ...

    shelf = Shelf(fake=SavedState({"a": 1}, "9.0"), shape=SavedState({"a": 1}, "9.0"))
    kernel = Kernel(state_store=shelf)
    shape: Any = Shape()
    kernel.register(FakePlugin("fake"))
    kernel.register(shape)
    kernel.load_all()
    kernel.shutdown()
    assert shelf.calls == []


def test_a_plugin_that_saves_nothing_leaves_nothing_that_could_come_back() -> None:
    plugin = Counter()
    shelf = Shelf(counter=SavedState({"count": 3}, "1.0"))
    kernel = loaded(plugin, shelf)
    plugin.state = {}
    kernel.unload("counter")
    assert shelf.states == {}
    assert shelf.calls == ["read counter", "discard counter"]


def test_it_is_saved_when_nothing_reaches_the_plugin_any_more() -> None:
    seen: list[object] = []

    class Watching(Counter):
        def save_state(self) -> Mapping[str, Any]:
            assert self.ctx is not None
            kernel.bus.publish(tick)
            seen.extend([kernel.services.find(STORE), self.ctx.get_service("of_another"), heard])
            return super().save_state()

        def on_load(self, ctx: PluginContext) -> None:
            super().on_load(ctx)
            ctx.subscribe("tick", lambda event: heard.append(event))

    tick = Event.custom("tick")
    heard: list[object] = []
    kernel = Kernel(state_store=Shelf())
    kernel.services.provide("of_another", 42)
    kernel.load(kernel.register(Watching()))
    kernel.unload("counter")
    assert seen == [None, 42, []]


def test_it_is_restored_before_anything_is_visible() -> None:
    seen: list[object] = []

    class Watching(Counter):
        def restore_state(self, state: Mapping[str, Any]) -> None:
            seen.append(kernel.services.find(STORE))

    kernel = Kernel(state_store=Shelf(counter=SavedState({"count": 3}, "1.0")))
    kernel.load(kernel.register(Watching()))
    assert seen == [None]
    assert kernel.services.find(STORE) == {}


@pytest.mark.parametrize("version", ["2.0", "0.9"])
def test_a_state_of_another_major_version_is_refused_and_kept(version: str) -> None:
    saved = SavedState({"count": 3}, version, "3.0.0", "shelf 4")
    shelf, plugin = Shelf(counter=saved), Counter()
    kernel = Kernel(state_store=shelf)
    kernel.register(plugin)
    with LeakCheck(kernel), pytest.raises(PluginLoadError) as caught:
        kernel.load("counter")
    assert caught.value.step == "restore_state"
    error = caught.value.__cause__
    assert isinstance(error, SavedStateError)
    assert (error.plugin_id, error.origin) == ("counter", "shelf 4")
    assert error.cause == f"it has version {version}, and version 1.2 is what the successor reads"
    assert kernel.registry.record("counter").state is PluginState.FAILED
    assert (plugin.calls, plugin.state) == (["on_load"], {"count": 1})
    assert shelf.states == {"counter": saved}
    shelf.discard("counter")
    assert kernel.load("counter") == ("counter",)


@pytest.mark.parametrize("fault", [OSError("no disk"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("where", ["store", "hook"])
def test_a_state_that_cannot_be_restored_fails_the_load_and_stays(where: str, fault: BaseException) -> None:
    saved = SavedState({"count": 3}, "1.0")
    shelf, plugin = Shelf(counter=saved), Counter()
    if where == "store":
        shelf.fault = fault
    else:
        plugin.faults["restore_state"] = fault
    kernel = Kernel(state_store=shelf)
    kernel.register(plugin)
    with LeakCheck(kernel), pytest.raises((PluginLoadError, KeyboardInterrupt)) as caught:
        kernel.load("counter")
    assert fault in (caught.value, caught.value.__cause__)
    assert kernel.services.keys == ()
    assert shelf.states == {"counter": saved}
    shelf.fault = None
    plugin.faults.clear()
    assert kernel.load("counter") == ("counter",)
    assert plugin.state == {"count": 3}


@pytest.mark.parametrize("where", ["store", "hook", "no mapping"])
def test_a_state_that_cannot_be_saved_is_a_failure_and_the_one_before_stays(where: str) -> None:
    saved = SavedState({"count": 3}, "1.0")
    shelf, plugin = Shelf(counter=saved), Counter()
    kernel = loaded(plugin, shelf)
    error: type[Exception] = OSError
    if where == "store":
        shelf.fault = OSError("no disk")
    elif where == "hook":
        plugin.faults["save_state"] = OSError("no idea")
    else:
        plugin.state, error = ["a list"], StateError
    with RecordedEvents(kernel.bus, KernelEvent) as seen, pytest.raises(PluginUnloadError) as caught:
        kernel.unload("counter")
    assert [type(one) for one in caught.value.exceptions] == [error]
    assert [one.step for one in seen.of(PluginFailed)] == ["save_state"]
    assert "'counter' in save_state; they are unloaded" in str(caught.value)
    assert plugin.calls[-1] == "on_unload"
    assert kernel.registry.record("counter").state is PluginState.REGISTERED
    assert shelf.states == {"counter": saved}


def test_an_interrupt_while_a_state_is_saved_is_raised_when_the_unload_is_done() -> None:
    plugin = Counter()
    kernel = loaded(plugin, Shelf())
    plugin.faults["save_state"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        kernel.unload("counter")
    assert kernel.registry.record("counter").state is PluginState.REGISTERED
    assert plugin.calls[-1] == "on_unload"


def test_a_swap_hands_over_and_stores_nothing() -> None:
    shelf = Shelf()
    old, new = Counter(), Counter("1.1.0")
    kernel = loaded(old, shelf)
    old.state = {"count": 9}
    kernel.swap("counter", new)
    assert new.state == {"count": 9}
    assert (old.calls, new.calls) == (["on_load", "save_state", "on_unload"], ["on_load", "restore_state"])
    assert shelf.calls == ["read counter"]
    kernel.unload("counter")
    assert shelf.states == {"counter": SavedState({"count": 9}, "1.2", "1.1.0")}


def test_a_swap_that_fails_stores_nothing_and_the_old_one_saves_at_its_unload() -> None:
    shelf = Shelf()
    old, new = Counter(), Counter("1.1.0")
    new.faults["restore_state"] = OSError("no idea")
    kernel = loaded(old, shelf)
    with pytest.raises(SwapError):
        kernel.swap("counter", new)
    assert shelf.calls == ["read counter"]
    kernel.unload("counter")
    assert shelf.states == {"counter": SavedState({"count": 1}, "1.2", "1.0.0")}


def test_a_swap_that_fails_at_the_switch_leaves_the_old_one_saving() -> None:
    class Greedy(Counter):
        def on_load(self, ctx: PluginContext) -> None:
            super().on_load(ctx)
            ctx.register_service("taken", 1)

    shelf, old = Shelf(), Counter()
    kernel = loaded(old, shelf)
    kernel.services.provide("taken", 2)
    with pytest.raises(SwapError) as caught:
        kernel.swap("counter", Greedy("1.1.0"))
    assert caught.value.step == "switch"
    kernel.unload("counter")
    assert shelf.states["counter"].plugin_version == "1.0.0"


def test_what_a_failed_load_had_brought_up_saves_as_at_any_unload() -> None:
    def refuse(ctx: PluginContext) -> None:
        raise OSError("no device")

    shelf = Shelf()
    kernel = Kernel(state_store=shelf)
    kernel.register(Counter())
    kernel.register(FakePlugin("needy", dependencies={"counter": "*"}, on_load=refuse))
    with pytest.raises(PluginLoadError):
        kernel.load("needy")
    assert shelf.calls == ["read counter", "write counter"]
