"""Hooks and subscribers that call the kernel back, and what may reach a plugin at which moment of its life."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    CapabilityProvided,
    CapabilityWithdrawn,
    DependentsError,
    Event,
    Kernel,
    KernelClosedError,
    Plugin,
    PluginContext,
    PluginFailed,
    PluginLoaded,
    PluginLoadError,
    PluginMetadata,
    PluginRegistered,
    PluginState,
    PluginStateError,
    PluginUnloaded,
    SystemInit,
    SystemShutdown,
)
from plugbus.kernel.testing import FakePlugin, Gate, RecordedEvents, assert_unloaded

if TYPE_CHECKING:
    from collections.abc import Callable

STORE: Capability[dict[str, int]] = Capability("store", contract=dict)


@dataclass(frozen=True, slots=True)
class Ticked(Event):
    count: int = 0


@dataclass(frozen=True, slots=True)
class LoudlyTicked(Ticked):
    pass


class Listener(Plugin):
    """Keep what ``on_event`` gets."""

    def __init__(self, *event_types: str | type[Event]) -> None:
        self.event_types = event_types
        self.heard: list[Event] = []
        self.contexts: list[PluginContext] = []

    def metadata(self) -> PluginMetadata:
        return PluginMetadata("listener", "1.0")

    def on_load(self, ctx: PluginContext) -> None:
        ctx.publish(Ticked(-1))

    def on_unload(self, ctx: PluginContext) -> None:
        ctx.publish(Ticked(-2))

    def on_event(self, event: Event, ctx: PluginContext) -> None:
        self.heard.append(event)
        self.contexts.append(ctx)


def test_on_load_may_register_and_load_others_that_do_not_need_it() -> None:
    kernel = Kernel()

    def bring_friends(ctx: PluginContext) -> None:
        kernel.register(FakePlugin("friend"))
        assert kernel.load("friend") == ("friend",)

    kernel.register(FakePlugin("a", on_load=bring_friends))
    with RecordedEvents(kernel.bus, PluginLoaded) as seen:
        assert kernel.load("a") == ("a",)
    assert [event.plugin_id for event in seen.of(PluginLoaded)] == ["friend", "a"]
    kernel.shutdown()


def test_on_load_that_failed_does_not_take_its_friends_along() -> None:
    kernel = Kernel()

    def bring_friends(ctx: PluginContext) -> None:
        kernel.load("friend")
        raise OSError("no device")

    kernel.register(FakePlugin("friend"))
    kernel.register(FakePlugin("a", on_load=bring_friends))
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    assert kernel.list(PluginState.ACTIVE) == ("friend",)


def test_on_load_may_load_all_the_others() -> None:
    kernel = Kernel()
    reports: list[tuple[str, ...]] = []
    kernel.register(FakePlugin("a", on_load=lambda ctx: reports.append(kernel.load_all().loaded)))
    kernel.register(FakePlugin("b"))
    kernel.load("a")
    assert reports == [("b",)]
    assert kernel.list(PluginState.ACTIVE) == ("a", "b")


def test_on_load_may_unload_what_is_not_moving() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("rival"))
    kernel.register(FakePlugin("a", on_load=lambda ctx: kernel.unload("rival")))
    kernel.load("rival")
    kernel.load("a")
    assert kernel.list(PluginState.ACTIVE) == ("a",)


def test_on_load_may_not_unload_what_its_own_plugin_needs() -> None:
    kernel = Kernel()
    caught: list[BaseException] = []

    def saw(ctx: PluginContext) -> None:
        for cascade in (False, True):
            try:
                kernel.unload("branch", cascade=cascade)
            except (DependentsError, PluginStateError) as error:
                caught.append(error)

    kernel.register(FakePlugin("branch"))
    kernel.register(FakePlugin("a", dependencies={"branch": "*"}, on_load=saw))
    assert kernel.load("a") == ("branch", "a")
    assert [type(error) for error in caught] == [DependentsError, PluginStateError]


def test_on_unload_may_load_and_unload_others() -> None:
    kernel = Kernel()

    def trade(ctx: PluginContext) -> None:
        kernel.unload("out")
        kernel.load("in")

    for plugin in (FakePlugin("a", on_unload=trade), FakePlugin("in"), FakePlugin("out")):
        kernel.register(plugin)
    kernel.load("a", "out")
    kernel.unload("a")
    assert kernel.list(PluginState.ACTIVE) == ("in",)


def test_hooks_of_a_shutdown_may_shut_down_again_and_load_nothing() -> None:
    kernel = Kernel()
    caught: list[BaseException] = []

    def try_everything(ctx: PluginContext) -> None:
        kernel.shutdown()
        try:
            kernel.load("b")
        except KernelClosedError as error:
            caught.append(error)

    kernel.register(FakePlugin("a", on_unload=try_everything))
    kernel.register(FakePlugin("b"))
    kernel.load("a")
    kernel.shutdown()
    assert len(caught) == 1
    assert kernel.list(PluginState.ACTIVE) == ()


def test_a_subscriber_of_the_last_plugin_loaded_may_shut_down() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    kernel.bus.subscribe(PluginLoaded, lambda event: kernel.shutdown())
    kernel.load("a")
    assert kernel.is_closed
    assert_unloaded(kernel, "a")


def test_a_subscriber_may_register_load_and_unload() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))

    def follow(event: PluginLoaded) -> None:
        if event.plugin_id == "a":
            kernel.register(FakePlugin("shadow", dependencies={"a": "*"}))
            kernel.load("shadow")

    kernel.bus.subscribe(PluginLoaded, follow)
    kernel.bus.subscribe(PluginUnloaded, lambda event: kernel.load("a") if event.plugin_id == "a" else None)
    kernel.load("a")
    assert kernel.list(PluginState.ACTIVE) == ("a", "shadow")
    kernel.bus.subscribe("stop", lambda event: kernel.unload("shadow"))
    kernel.bus.publish(Event.custom("stop"))
    assert kernel.unload("a") == ("a",)
    assert kernel.list(PluginState.ACTIVE) == ("a",)


def test_a_subscriber_may_try_again_what_has_failed() -> None:
    kernel = Kernel()
    is_broken = True

    def fail(ctx: PluginContext) -> None:
        if is_broken:
            raise OSError("no device")

    def repair(event: PluginFailed) -> None:
        nonlocal is_broken
        is_broken = False
        kernel.load(event.plugin_id)

    kernel.register(FakePlugin("a", on_load=fail))
    kernel.bus.subscribe(PluginFailed, repair)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    assert kernel.list(PluginState.ACTIVE) == ("a",)


def test_a_registration_may_load_at_once() -> None:
    kernel = Kernel()
    kernel.bus.subscribe(PluginRegistered, lambda event: kernel.load(event.plugin_id))
    kernel.register(FakePlugin("a"))
    assert kernel.list(PluginState.ACTIVE) == ("a",)


def test_a_failed_load_leaves_alone_what_a_subscriber_has_unloaded() -> None:
    kernel = Kernel()

    def fail(ctx: PluginContext) -> None:
        raise OSError("no device")

    plugin = FakePlugin("a")
    kernel.register(plugin)
    kernel.register(FakePlugin("broken", on_load=fail))
    kernel.bus.subscribe(PluginLoaded, lambda event: kernel.unload("a"))
    with pytest.raises(PluginLoadError):
        kernel.load("a", "broken")
    assert plugin.calls == ["on_load", "on_unload"]
    assert kernel.registry.record("a").state is PluginState.REGISTERED


@pytest.mark.parametrize("way", ["subscription", "on_event"])
def test_a_plugin_may_be_unloaded_from_inside_its_own_subscriber(way: str) -> None:
    kernel = Kernel()
    heard: list[str] = []

    class Suicidal(FakePlugin):
        event_types = ("stop",)

    def stop(event: Event, ctx: PluginContext | None = None) -> None:
        heard.append("first")
        kernel.unload("a")
        assert_unloaded(kernel, "a")

    if way == "on_event":
        Suicidal.on_event = lambda self, event, ctx: stop(event, ctx)  # type: ignore[method-assign] # pyright: ignore[reportAttributeAccessIssue]

    def on_load(ctx: PluginContext) -> None:
        if way == "subscription":
            ctx.subscribe("stop", stop)
        ctx.subscribe("stop", lambda event: heard.append("own second"))

    kernel.register(Suicidal("a", on_load=on_load))
    kernel.load("a")
    kernel.bus.subscribe("stop", lambda event: heard.append("host"))
    with RecordedEvents(kernel.bus, PluginUnloaded) as seen:
        kernel.bus.publish(Event.custom("stop"))
        kernel.bus.publish(Event.custom("stop"))
    # Its other subscriptions of the very event fall silent at once, those of others do not.
    expected = ["first", "host", "host"] if way == "subscription" else ["own second", "first", "host", "host"]
    assert heard == expected
    assert len(seen.of(PluginUnloaded)) == 1


def test_nothing_reaches_a_plugin_once_its_unload_has_begun() -> None:
    kernel = Kernel()
    found: list[object] = []

    def look(ctx: PluginContext) -> None:
        kernel.bus.publish(Ticked(1))
        found.extend((kernel.services.find(STORE), kernel.services.find("name")))

    plugin = FakePlugin(
        "a",
        provides={STORE: {}},
        services={"name": 1},
        subscriptions=["*", Ticked, CapabilityWithdrawn],
        on_unload=look,
        undo=[lambda: kernel.bus.publish(Ticked(2))],
    )
    kernel.register(plugin)
    kernel.load("a")
    kernel.bus.publish(Ticked(0))
    before = list(plugin.events)
    assert before.count(Ticked(0)) == 2
    kernel.bus.subscribe(CapabilityWithdrawn, lambda event: found.append(kernel.services.find(event.capability)))
    kernel.unload("a")
    kernel.bus.publish(Ticked(3))
    assert plugin.events == before
    assert found == [None, None, None, None]


def test_a_plugin_that_is_unloading_can_take_nothing_new() -> None:
    kernel = Kernel()
    refused: list[str] = []

    def grab(ctx: PluginContext) -> None:
        calls: list[Callable[[], object]] = [
            lambda: ctx.subscribe("*", print),
            lambda: ctx.provide(STORE, {}),
            lambda: ctx.register_service("s", 1),
        ]
        for call in calls:
            try:
                call()
            except PluginStateError as error:
                refused.append(error.verb)

    kernel.register(FakePlugin("a", provides={STORE: {}}, on_unload=grab))
    kernel.load("a")
    kernel.unload("a")
    assert refused == ["subscribe for", "provide for", "provide for"]
    assert_unloaded(kernel, "a")


def test_a_callback_of_an_unload_may_add_another_one() -> None:
    kernel = Kernel()
    order: list[str] = []

    def on_load(ctx: PluginContext) -> None:
        def last() -> None:
            order.append("last")
            ctx.on_unload(lambda: order.append("added"))

        ctx.on_unload(lambda: order.append("first"))
        ctx.on_unload(last)

    kernel.register(FakePlugin("a", on_load=on_load, on_unload=lambda ctx: order.append("hook")))
    kernel.load("a")
    kernel.unload("a")
    assert order == ["hook", "last", "added", "first"]


def test_on_event_hears_its_event_types_with_subclasses_and_topics() -> None:
    kernel = Kernel()
    plugin = Listener(Ticked, "noise")
    kernel.register(plugin)
    kernel.load("listener")
    events = [Ticked(1), LoudlyTicked(2), Event.custom("noise", 3)]
    for event in (*events, Event.custom("silence"), Event.custom("Ticking")):
        kernel.bus.publish(event)
    assert plugin.heard == events
    assert all(heard is event for heard, event in zip(plugin.heard, events, strict=True))
    assert {ctx.plugin_id for ctx in plugin.contexts} == {"listener"}


@pytest.mark.parametrize("types", [("*",), ("*", "Ticked", Ticked), ("Ticked", "*", "*")])
def test_on_event_with_everything_hears_each_event_once(types: tuple[Any, ...]) -> None:
    kernel = Kernel()
    plugin = Listener(*types)
    kernel.register(plugin)
    kernel.load("listener")
    kernel.bus.publish(Ticked(1))
    kernel.unload("listener")
    # Its own PluginLoaded, but neither what it published in its hooks nor its own PluginUnloaded.
    assert plugin.heard == [PluginLoaded("listener", "1.0"), Ticked(1)]


def test_on_event_hears_an_event_once_for_each_type_that_is_named_twice() -> None:
    kernel = Kernel()
    plugin = Listener("noise", "noise")
    kernel.register(plugin)
    kernel.load("listener")
    kernel.bus.publish(Event.custom("noise"))
    assert len(plugin.heard) == 1


def test_on_event_without_types_hears_nothing() -> None:
    kernel = Kernel()
    plugin = Listener()
    kernel.register(plugin)
    kernel.load("listener")
    kernel.bus.publish(Ticked())
    assert plugin.heard == []
    assert kernel.bus.subscriptions == ()


def test_a_plugin_without_on_event_of_its_own_is_not_subscribed() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    kernel.load("a")
    assert kernel.bus.subscriptions == ()


def test_a_failing_on_event_is_reported_by_its_own_name() -> None:
    class Failing(Listener):
        def on_event(self, event: Event, ctx: PluginContext) -> None:
            raise OSError("no device")

    kernel = Kernel()
    kernel.register(Failing("noise"))
    kernel.load("listener")
    with RecordedEvents(kernel.bus) as seen:
        kernel.bus.publish(Event.custom("noise"))
    failed: Any = seen.events[-1] if seen.topics[-1] == "SubscriberFailed" else seen.events[0]
    assert failed.owner == "listener"
    assert failed.subscriber.endswith("Failing.on_event")


def test_a_plugin_hears_its_own_arrival_and_the_departure_of_others_only() -> None:
    kernel = Kernel()
    plugin = FakePlugin("a", provides={STORE: {}}, subscriptions=["*"])
    for one in (plugin, FakePlugin("before"), FakePlugin("after")):
        kernel.register(one)
    kernel.load("before")
    kernel.load("a")
    kernel.load("after")
    kernel.unload("after")
    kernel.unload("before")
    kernel.unload("a")
    assert plugin.events == [
        CapabilityProvided("store", "a"),
        PluginLoaded("a", "1.0.0"),
        PluginLoaded("after", "1.0.0"),
        PluginUnloaded("after", "1.0.0"),
        PluginUnloaded("before", "1.0.0"),
    ]


def test_a_plugin_hears_the_systems_beginning_and_end() -> None:
    kernel = Kernel()
    plugin = FakePlugin("a", subscriptions=[SystemInit, SystemShutdown])
    kernel.register(plugin)
    kernel.load_all()
    kernel.shutdown()
    assert plugin.events == [SystemInit(), SystemShutdown()]


def test_a_need_loaded_by_a_subscriber_between_two_plugins_of_a_plan_is_kept() -> None:
    kernel = Kernel()

    def fail(ctx: PluginContext) -> None:
        raise OSError("no device")

    kernel.register(FakePlugin("a"))
    kernel.register(FakePlugin("broken", dependencies={"a": "*"}, on_load=fail))
    kernel.register(FakePlugin("user", dependencies={"a": "*"}))
    kernel.bus.subscribe(PluginLoaded, lambda event: kernel.load("user"))
    with pytest.raises(PluginLoadError):
        kernel.load("broken")
    assert kernel.list(PluginState.ACTIVE) == ("a", "user")


def test_a_thread_whose_own_change_is_over_waits_for_that_of_another_one() -> None:
    kernel, gate, is_over = Kernel(), Gate(), threading.Event()
    kernel.register(FakePlugin("first"))
    kernel.register(FakePlugin("slow", on_load=gate))
    kernel.load("first")
    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(kernel.load, "slow")
        gate.await_arrival()

        def open_when_somebody_waits() -> None:
            while not (kernel._transitions._waiting or is_over.is_set()):
                pass
            gate.open()

        pool.submit(open_when_somebody_waits)
        try:
            assert kernel.load("slow") == ()
        finally:
            is_over.set()
        assert loading.result(30) == ("slow",)
