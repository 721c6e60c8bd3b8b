"""The fakes and checks themselves: each does what it says, and each check is seen failing."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    Event,
    Kernel,
    KernelEvent,
    Plugin,
    PluginContext,
    PluginLoaded,
    PluginLoadError,
    PluginMetadata,
    PluginState,
    Requirement,
    UndeclaredCapabilityError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, Gate, LeakCheck, RecordedEvents, assert_unloaded

if TYPE_CHECKING:
    from collections.abc import Callable

STORE: Capability[dict[str, int]] = Capability("store", contract=dict)
VISION: Capability[object] = Capability("Vision")


class Payload:
    """Something that can be referred to weakly."""


def test_the_module_needs_no_test_framework_and_is_not_part_of_the_face() -> None:
    code = (
        "import sys, plugbus.kernel as k; print('plugbus.kernel.testing' in sys.modules); import plugbus.kernel.testing"
    )
    code += "; print(sorted({'pytest', 'hypothesis', 'unittest', 'asyncio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - this very interpreter
    assert done.stdout.split("\n")[:2] == ["False", "[]"]


# FakePlugin


def test_a_fake_plugin_describes_itself_as_it_was_told() -> None:
    plugin = FakePlugin(
        "a", "2.1", dependencies={"b": "^1"}, requires=[Requirement(VISION)], provides={STORE: {}}, declares=[VISION]
    )
    metadata = plugin.metadata
    assert isinstance(metadata, PluginMetadata)
    assert (metadata.id, metadata.version, metadata.provides) == ("a", "2.1", (STORE, VISION))
    assert [str(need.target) for need in metadata.requirements] == ["b", "Vision"]


def test_a_fake_plugin_does_everything_it_was_told_in_order() -> None:
    kernel = Kernel()
    order: list[str] = []
    plugin = FakePlugin(
        "a",
        provides={STORE: {"x": 1}, VISION: None},
        services={"name": 3},
        subscriptions=["tick"],
        on_load=lambda ctx: order.append(f"load with {sorted(map(str, (one.key for one in ctx.provisions)))}"),
        on_unload=lambda ctx: order.append("unload"),
        undo=[lambda: order.append("undo 1"), lambda: order.append("undo 2")],
    )
    kernel.register(plugin)
    assert plugin.ctx is None
    kernel.load("a")
    assert plugin.ctx is not None
    assert kernel.services.get(STORE) == {"x": 1}
    assert kernel.services.get("name") == 3
    assert kernel.services.find(VISION) is None
    kernel.bus.publish(Event.custom("tick"))
    assert [event.topic for event in plugin.events] == ["tick"]
    kernel.unload("a")
    assert plugin.ctx is None
    assert order == ["load with ['name', 'store']", "unload", "undo 2", "undo 1"]
    assert plugin.calls == ["on_load", "on_unload"]


def test_a_fake_plugin_that_declares_and_does_not_provide_fails_to_load() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a", declares=[STORE]))
    with pytest.raises(PluginLoadError) as caught:
        kernel.load("a")
    assert isinstance(caught.value.__cause__, UndeclaredCapabilityError)


# FakeSource and Gate


def test_a_fake_source_counts_and_returns_its_plugin() -> None:
    plugin = FakePlugin("a")
    source = FakeSource(plugin)
    assert source.metadata is plugin.metadata
    assert source.origin == "a fake source"
    assert source.open() is plugin
    assert (source.opened, source.closed, source.is_open) == (1, 0, True)
    source.close()
    source.close()
    assert (source.opened, source.closed, source.is_open) == (1, 2, False)
    assert source.breaches == []


def test_a_fake_source_takes_metadata_from_a_method_or_as_it_is_given() -> None:
    class Late(Plugin):
        def metadata(self) -> PluginMetadata:
            return PluginMetadata("late", "1")

    assert FakeSource(Late()).metadata.id == "late"
    assert FakeSource(Late(), metadata=PluginMetadata("other", "1")).metadata.id == "other"


def test_a_fake_source_fails_where_it_was_told_to() -> None:
    def fail() -> None:
        raise OSError("no device")

    source = FakeSource(FakePlugin("a"), on_open=fail, on_close=fail)
    for call in (source.open, source.close):
        with pytest.raises(OSError, match="no device"):
            call()
    assert (source.opened, source.closed) == (1, 1)


def test_a_fake_source_notices_that_it_is_opened_twice() -> None:
    source = FakeSource(FakePlugin("a"))
    source.open()
    with pytest.raises(AssertionError, match="source of 'a' opened twice without a close"):
        source.open()
    assert len(source.breaches) == 1


def test_a_fake_source_notices_that_calls_overlap() -> None:
    gate = Gate()
    source = FakeSource(FakePlugin("a"), on_open=gate)
    with ThreadPoolExecutor(1) as pool:
        opening = pool.submit(source.open)
        gate.await_arrival()
        with pytest.raises(AssertionError, match="source of 'a' closed while another call was inside"):
            source.close()
        gate.open()
        opening.result(30)
    source.close()
    assert len(source.breaches) == 1


def test_a_gate_lets_nobody_wait_for_ever() -> None:
    gate = Gate(timeout_s=0.0)
    with pytest.raises(AssertionError, match="nobody came to the gate within"):
        gate.await_arrival()
    with pytest.raises(AssertionError, match="nobody opened the gate within"):
        gate()
    gate.await_arrival()
    gate.open()
    gate("whatever", 1)


# RecordedEvents


def test_recorded_events_are_those_of_the_block() -> None:
    kernel = Kernel()
    events = [Event.custom("one"), Event.custom("two")]
    kernel.bus.publish(Event.custom("before"))
    with RecordedEvents(kernel.bus) as seen:
        kernel.register(FakePlugin("a"))
        kernel.load("a")
        for event in events:
            kernel.bus.publish(event)
    kernel.bus.publish(Event.custom("after"))
    assert seen.topics == ("PluginRegistered", "PluginLoaded", "one", "two")
    assert seen.of(PluginLoaded) == (PluginLoaded("a", "1.0.0"),)
    assert len(seen.of(KernelEvent)) == 2
    assert len(seen) == 4
    assert list(seen)[2:] == events
    assert kernel.bus.subscriptions == ()


@pytest.mark.parametrize(("selector", "expected"), [("one", 1), (KernelEvent, 2), ("*", 3)])
def test_recorded_events_are_those_of_the_selector(selector: type[Event] | str, expected: int) -> None:
    kernel = Kernel()
    with RecordedEvents(kernel.bus, selector) as seen:
        kernel.register(FakePlugin("a"))
        kernel.load("a")
        kernel.bus.publish(Event.custom("one"))
    assert len(seen) == expected


def test_recording_ends_also_when_the_block_raises_and_may_never_begin() -> None:
    kernel = Kernel()
    recorder = RecordedEvents(kernel.bus)
    with pytest.raises(LookupError), recorder:
        kernel.services.get("nothing")
    assert kernel.bus.subscriptions == ()
    RecordedEvents(kernel.bus).__exit__(None, None, None)
    assert kernel.bus.subscriptions == ()


# assert_unloaded


def test_assert_unloaded_names_everything_that_is_left() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a", services={"s": 1}, subscriptions=["tick"]))
    kernel.register(FakePlugin("b", services={"t": 1}, subscriptions=["tick"]))
    assert_unloaded(kernel, "a")
    kernel.load("a", "b")
    with pytest.raises(AssertionError) as caught:
        assert_unloaded(kernel, "a")
    text = str(caught.value)
    assert text.startswith("plugin 'a' is not unloaded: subscription <Subscription of ")
    assert text.endswith("service s of 'a'; it is active")
    assert "'b'" not in text
    kernel.unload("a")
    assert_unloaded(kernel, "a")
    assert_unloaded(kernel, "never registered")


def test_assert_unloaded_sees_a_plugin_that_is_on_its_way() -> None:
    kernel = Kernel()
    caught: list[str] = []

    def look(ctx: PluginContext) -> None:
        try:
            assert_unloaded(kernel, "a")
        except AssertionError as error:
            caught.append(str(error))

    kernel.register(FakePlugin("a", on_load=look))
    kernel.load("a")
    assert caught == ["plugin 'a' is not unloaded: it is loading"]


# LeakCheck


def leak_thread(undo: list[Callable[[], object]]) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="leaked", daemon=True)
    thread.start()
    undo += [stop.set, thread.join]


def leak_module(undo: list[Callable[[], object]]) -> None:
    sys.modules["leaked"] = ModuleType("leaked")
    undo.append(lambda: sys.modules.pop("leaked"))


def leak_path(undo: list[Callable[[], object]]) -> None:
    sys.path.append("leaked")
    undo.append(lambda: sys.path.remove("leaked"))


def leak_second_copy_of_a_path(undo: list[Callable[[], object]]) -> None:
    sys.path.append(sys.path[0])
    undo.append(sys.path.pop)


def leak_finder(undo: list[Callable[[], object]]) -> None:
    finder: Any = Payload()
    sys.meta_path.append(finder)
    undo.append(lambda: sys.meta_path.remove(finder))


def leak_path_hook(undo: list[Callable[[], object]]) -> None:
    hook: Any = Payload()
    sys.path_hooks.append(hook)
    undo.append(lambda: sys.path_hooks.remove(hook))


def leak_descriptor(undo: list[Callable[[], object]]) -> None:
    number = os.open(os.devnull, os.O_RDONLY)
    undo.append(lambda: os.close(number))


def lose_path(undo: list[Callable[[], object]]) -> None:
    lost = sys.path.pop()
    undo.append(lambda: sys.path.append(lost))


LEAKS: dict[Callable[[list[Callable[[], object]]], None], str] = {
    leak_thread: "left over: thread leaked",
    leak_module: "left over: module leaked",
    leak_path: "left over: entry of sys.path leaked",
    leak_second_copy_of_a_path: "left over: entry of sys.path ",
    leak_finder: "left over: entry of sys.meta_path Payload",
    leak_path_hook: "left over: entry of sys.path_hooks Payload",
    lose_path: "is missing",
}
if Path("/proc/self/fd").is_dir():
    LEAKS[leak_descriptor] = "left over: file descriptor "


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_a_leak_of_the_process_is_named_and_forgiven_once_it_is_mended(
    leak: Callable[[list[Callable[[], object]]], None],
) -> None:
    undo: list[Callable[[], object]] = []
    with LeakCheck() as leaks:
        leak(undo)
        with pytest.raises(AssertionError) as caught:
            leaks.check()
        for one in undo:
            one()
    assert LEAKS[leak] in str(caught.value)
    assert ";" not in str(caught.value)


def test_a_leak_is_raised_at_the_end_of_the_block() -> None:
    check = LeakCheck()
    check.__enter__()
    sys.path.append("leaked")
    try:
        with pytest.raises(AssertionError, match=r"entry of sys\.path leaked"):
            check.__exit__(None, None, None)
        # What the block itself raises is more interesting.
        check.__exit__(ValueError, ValueError("mine"), None)
    finally:
        sys.path.remove("leaked")


def test_what_is_allowed_is_no_leak() -> None:
    with LeakCheck(allow=["leaked"]):
        sys.path.append("leaked")
    sys.path.remove("leaked")


def test_a_watched_object_that_stays_is_named() -> None:
    payload, other = Payload(), Payload()
    with LeakCheck() as leaks:
        leaks.watch(payload)
        leaks.watch(other, name="the other one")
        with pytest.raises(AssertionError) as caught:
            leaks.check()
        del payload, other
    assert f"object {__name__}.Payload is still referred to; object the other one is still" in str(caught.value)


def test_a_watched_object_may_be_part_of_a_circle_of_garbage() -> None:
    with LeakCheck() as leaks:
        payload: Any = Payload()
        payload.itself = payload
        leaks.watch(payload)
        del payload


def test_what_cannot_be_watched_is_refused() -> None:
    with pytest.raises(TypeError, match="weak reference"):
        LeakCheck().watch(3)


def test_what_a_plugin_leaves_in_a_kernel_is_named() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a", services={"s": 1}, subscriptions=["tick"]))
    with LeakCheck(kernel) as leaks:
        kernel.load("a")
        with pytest.raises(AssertionError) as caught:
            leaks.check()
        kernel.unload("a")
    text = str(caught.value)
    for part in ("subscription <Subscription of", "of 'a'", "service s of 'a'", "plugin a is active"):
        assert part in text


def test_what_was_there_before_is_no_leak_and_may_go() -> None:
    kernel = Kernel()
    plugin = FakePlugin("a", services={"s": Payload()}, subscriptions=["tick"])
    kernel.register(plugin)
    kernel.load("a")
    with LeakCheck(kernel) as leaks:
        leaks.watch(plugin)
        kernel.unload("a")
        kernel.unregister("a")
        del plugin


def test_a_second_service_of_the_same_name_is_a_leak() -> None:
    kernel = Kernel()
    kernel.services.provide(STORE, {})
    with LeakCheck(kernel) as leaks:
        second = kernel.services.provide(STORE, {})
        with pytest.raises(AssertionError, match=r"left over: service store of 'host'$"):
            leaks.check()
        second.withdraw()


def test_several_kernels_are_told_apart() -> None:
    one, other = Kernel(), Kernel()
    other.register(FakePlugin("a"))
    with LeakCheck(one, other) as leaks:
        other.load("a")
        with pytest.raises(AssertionError, match=r"left over: plugin of kernel 1 a is active$"):
            leaks.check()
        other.unload("a")
    assert one.list(PluginState.ACTIVE) == ()


def test_a_task_that_goes_on_is_named() -> None:
    async def run() -> str:
        stop = asyncio.Event()
        with LeakCheck() as leaks:
            task = asyncio.create_task(stop.wait(), name="leaked")
            with pytest.raises(AssertionError) as caught:
                leaks.check()
            stop.set()
            await task
            del task
        return str(caught.value)

    # The loop itself has descriptors and is there before the block.
    assert asyncio.run(run()) == "left over: task leaked"


def test_without_asyncio_there_are_no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "asyncio")
        with LeakCheck():
            pass


def test_without_proc_descriptors_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise FileNotFoundError(self)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with LeakCheck():
        number = os.open(os.devnull, os.O_RDONLY)
    os.close(number)


class UnwatchableFinder:
    """A finder that can't be referred to weakly."""

    __slots__ = ()


def test_a_finder_that_cannot_be_referred_to_weakly_is_seen_too() -> None:
    finder: Any = UnwatchableFinder()
    with LeakCheck() as leaks:
        sys.meta_path.append(finder)
        with pytest.raises(AssertionError, match=r"entry of sys\.meta_path UnwatchableFinder"):
            leaks.check()
        sys.meta_path.remove(finder)
