"""A plugin that was loaded and unloaded many times leaves nothing behind; one that failed to load neither."""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakSet, ref

import pytest

from plugbus.kernel import (
    Capability,
    Event,
    Kernel,
    Plugin,
    PluginContext,
    PluginLoadError,
    PluginMetadata,
    PluginState,
)
from plugbus.kernel.testing import FakePlugin, LeakCheck, assert_unloaded

if TYPE_CHECKING:
    from collections.abc import Callable

TIMES = 100


class Payload:
    """Something of a plugin's own that can be referred to weakly."""


class Ticked(Event):
    """An event of the host's."""


STORE: Capability[Payload] = Capability("store", contract=Payload)


class Busy(Plugin):
    """Use everything that a context offers, and a thread."""

    metadata = PluginMetadata("busy", "1.0.0", provides=(STORE,))
    event_types = ("*", Ticked, "tick")

    def __init__(self, made: WeakSet[object], error: BaseException | None = None) -> None:
        self._made = made
        self._error = error
        self._stop = threading.Event()

    def on_load(self, ctx: PluginContext) -> None:
        payload, service = Payload(), Payload()
        thread = threading.Thread(target=self._stop.wait, name="busy", daemon=True)
        thread.start()
        ctx.on_unload(thread.join)
        ctx.on_unload(self._stop.set)
        ctx.provide(STORE, payload)
        ctx.register_service("busy_service", service)
        ctx.subscribe("*", lambda event: payload)
        ctx.subscribe(Ticked, self._hear)
        subscription = ctx.subscribe("tick", self._hear)
        cancelled = ctx.subscribe("tick", self._hear)
        cancelled.cancel()
        self._made.update((payload, service, subscription, cancelled, ctx, thread))
        if self._error is not None:
            raise self._error

    def on_event(self, event: Event, ctx: PluginContext) -> None:
        late = Payload()
        self._made.add(late)
        if event.topic == "tick":
            ctx.register_service("late", late)
            ctx.subscribe("other", lambda event: late)

    def _hear(self, event: Event) -> None:
        pass


@pytest.fixture
def kernel() -> Kernel:
    kernel = Kernel()
    # What a first use brings along by rights, such as modules that are imported when they are needed.
    kernel.register(FakePlugin("warm"))
    kernel.load("warm")
    kernel.bus.publish(Ticked())
    return kernel


def test_a_plugin_that_is_loaded_and_unloaded_many_times_leaves_nothing(kernel: Kernel) -> None:
    made: WeakSet[object] = WeakSet()
    with LeakCheck(kernel) as leaks:
        plugin = Busy(made)
        leaks.watch(plugin)
        kernel.register(plugin)
        for _ in range(TIMES):
            kernel.load("busy")
            kernel.bus.publish(Event.custom("tick"))
            kernel.bus.publish(Ticked())
            assert len(made) >= 6
            kernel.unload("busy")
            assert_unloaded(kernel, "busy")
            gc.collect()
            assert set(made) == set()
        kernel.unregister("busy")
        del plugin


def test_the_kernel_itself_does_not_grow(kernel: Kernel) -> None:
    def weigh() -> int:
        gc.collect()
        return len(gc.get_objects())

    def go_round() -> None:
        # No thread in it: what measures coverage keeps a tracer for each.
        services = {"name": Payload()}
        kernel.register(FakePlugin("a", provides={STORE: Payload()}, services=services, subscriptions=["*", "tick"]))
        kernel.load("a")
        kernel.bus.publish(Event.custom("tick"))
        kernel.unload("a")
        kernel.unregister("a")

    for _ in range(3):
        go_round()
    before = weigh()
    for _ in range(TIMES):
        go_round()
    # One object a round would be a leak; a few in all are the interpreter's.
    assert weigh() - before < TIMES // 2


@pytest.mark.parametrize("fault", [OSError, KeyboardInterrupt])
def test_a_plugin_that_fails_to_load_many_times_leaves_nothing(kernel: Kernel, fault: type[BaseException]) -> None:
    made: WeakSet[object] = WeakSet()
    expected = PluginLoadError if issubclass(fault, Exception) else fault
    with LeakCheck(kernel) as leaks:
        for _ in range(TIMES):
            plugin = Busy(made, fault("no device"))
            leaks.watch(plugin)
            kernel.register(plugin)
            with pytest.raises(expected):
                kernel.load("busy")
            kernel.unregister("busy")
            del plugin
            gc.collect()
            assert set(made) == set()


def test_a_failed_plan_leaves_nothing_of_those_that_were_up(kernel: Kernel) -> None:
    made: WeakSet[object] = WeakSet()

    def fail(ctx: PluginContext) -> None:
        raise OSError("no device")

    with LeakCheck(kernel):
        kernel.register(Busy(made))
        kernel.register(FakePlugin("broken", dependencies={"busy": "*"}, on_load=fail))
        for _ in range(TIMES):
            with pytest.raises(PluginLoadError):
                kernel.load("busy", "broken")
            gc.collect()
            assert set(made) == set()
        assert not kernel.load_all().is_complete
        kernel.unload("busy")


def test_the_failure_of_a_load_keeps_no_frame_alive(kernel: Kernel) -> None:
    kept: list[ref[Payload]] = []

    def fail(ctx: PluginContext) -> None:
        local = Payload()
        kept.append(ref(local))
        raise OSError("no device")

    kernel.register(FakePlugin("a", on_load=fail))
    kernel.register(FakePlugin("b", dependencies={"a": "*"}))
    assert set(kernel.load_all().failed) == {"a", "b"}
    gc.collect()
    failure = kernel.registry.record("a").failure
    assert failure is not None
    assert "local = Payload()" not in failure.traceback
    assert kept[0]() is None


def test_a_kernel_that_was_shut_down_goes_with_everything_in_it() -> None:
    made: WeakSet[object] = WeakSet()
    with LeakCheck() as leaks:
        kernel = Kernel()
        leaks.watch(kernel, kernel.bus, kernel.services, kernel.registry)
        kernel.register(Busy(made))
        kernel.load("busy")
        kernel.bus.publish(Event.custom("tick"))
        kernel.shutdown()
        del kernel
    assert set(made) == set()


def test_a_plugin_is_held_while_it_is_registered_and_no_longer(kernel: Kernel) -> None:
    plugin = FakePlugin("a")
    watched = ref(plugin)
    kernel.register(plugin)
    del plugin
    gc.collect()
    assert watched() is not None
    kernel.load("a")
    kernel.unload("a")
    kernel.unregister("a")
    gc.collect()
    assert watched() is None


def make_classes() -> tuple[type[Plugin], type[Event]]:
    """Make a plugin and its event as a module that is brought in and taken out again would."""

    @dataclass(frozen=True, slots=True)
    class Own(Event):
        pass

    class Owner(Plugin):
        metadata = PluginMetadata("owner", "1.0.0")
        event_types = (Own,)

        def on_load(self, ctx: PluginContext) -> None:
            ctx.subscribe(Own, lambda event: None)
            ctx.publish(Own())

        def on_event(self, event: Event, ctx: PluginContext) -> None:
            pass

    return Owner, Own


def test_the_class_of_a_plugin_goes_with_it(kernel: Kernel) -> None:
    with LeakCheck(kernel) as leaks:
        owner, _ = make_classes()
        leaks.watch(owner)
        kernel.register(owner())
        kernel.load("owner")
        kernel.unload("owner")
        kernel.unregister("owner")
        del owner


def test_the_event_class_of_a_plugin_goes_with_it(kernel: Kernel) -> None:
    with LeakCheck(kernel) as leaks:
        owner, own = make_classes()
        leaks.watch(own)
        kernel.register(owner())
        kernel.load("owner")
        kernel.bus.publish(own())
        kernel.unload("owner")
        kernel.unregister("owner")
        del owner, own


def test_callbacks_that_raise_let_nothing_stay(kernel: Kernel) -> None:
    def fail(*args: object) -> None:
        raise OSError("stuck")

    payloads = [Payload()]
    undo: list[Callable[[], object]] = [fail, payloads.copy, fail]
    with LeakCheck(kernel) as leaks:
        leaks.watch(*payloads)
        kernel.register(FakePlugin("a", services={"s": payloads[0]}, on_unload=fail, undo=undo))
        kernel.load("a")
        with pytest.raises(ExceptionGroup):
            kernel.unload("a")
        kernel.unregister("a")
        payloads.clear()
    assert kernel.list(PluginState.ACTIVE) == ("warm",)
