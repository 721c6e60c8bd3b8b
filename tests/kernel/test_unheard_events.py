"""Events of the kernel that nobody hears are not made; whoever hears them in any way still does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    CapabilityProvided,
    CapabilityWithdrawn,
    Event,
    EventBus,
    Kernel,
    KernelEvent,
    PluginFailed,
    PluginLoaded,
    PluginUnloaded,
    PluginUnloadError,
    ServiceLocator,
)
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext

MODEL: Capability[dict[str, str]] = Capability("model", contract=dict)
KINDS = (PluginLoaded, PluginUnloaded, CapabilityProvided, CapabilityWithdrawn)


def make_kernel() -> Kernel:
    kernel = Kernel()
    kernel.register(FakePlugin("a", provides={MODEL: {}}))
    return kernel


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["class", "topic", "root", "all"])
def test_an_event_of_a_load_or_unload_is_heard_in_each_way_of_subscribing(kind: type[KernelEvent], how: str) -> None:
    kernel = make_kernel()
    heard: list[Event] = []
    selectors: dict[str, Any] = {"class": kind, "topic": kind.__name__, "root": KernelEvent, "all": "*"}
    kernel.bus.subscribe(selectors[how], heard.append)
    kernel.load("a")
    kernel.unload("a")
    assert [type(one) for one in heard if isinstance(one, kind)] == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_is_heard_by_one_who_began_to_listen_after_it_was_unheard_once(kind: type[KernelEvent]) -> None:
    kernel = make_kernel()
    heard: list[Event] = []
    kernel.bus.subscribe("tick", heard.append)
    kernel.load("a")
    kernel.unload("a")
    assert not kernel.bus.hears(kind)
    with kernel.bus.subscribe(kind.__name__, heard.append):
        assert kernel.bus.hears(kind)
        kernel.load("a")
        kernel.unload("a")
    assert [type(one) for one in heard] == [kind]
    assert not kernel.bus.hears(kind)


def test_a_bus_without_subscriptions_hears_nothing() -> None:
    bus = EventBus()
    assert not any(bus.hears(kind) for kind in KINDS)


def test_the_end_of_a_plugin_is_heard_by_one_who_began_to_listen_when_it_failed() -> None:
    def fail(ctx: PluginContext) -> None:
        raise OSError("no device")

    kernel = Kernel()
    kernel.register(FakePlugin("a", on_unload=fail))
    heard: list[Event] = []

    def listen(event: PluginFailed) -> None:
        kernel.bus.subscribe(PluginUnloaded, heard.append)

    kernel.bus.subscribe(PluginFailed, listen)
    kernel.load("a")
    with pytest.raises(PluginUnloadError):
        kernel.unload("a")
    assert heard == [PluginUnloaded("a", "1.0.0")]


def test_a_locator_announces_only_what_is_heard() -> None:
    announced: list[KernelEvent] = []
    asked: list[type[KernelEvent]] = []

    def is_heard(kind: type[KernelEvent]) -> bool:
        asked.append(kind)
        return kind is CapabilityWithdrawn

    services = ServiceLocator(announce=announced.append, is_heard=is_heard)
    services.provide(MODEL, {}, owner="a")()
    assert asked == [CapabilityProvided, CapabilityWithdrawn]
    assert announced == [CapabilityWithdrawn("model", "a")]


def test_a_locator_that_does_not_know_who_hears_announces_everything() -> None:
    announced: list[KernelEvent] = []
    services = ServiceLocator(announce=announced.append)
    services.provide(MODEL, {}, owner="a")()
    assert announced == [CapabilityProvided("model", "a"), CapabilityWithdrawn("model", "a")]
