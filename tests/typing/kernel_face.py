"""What static checkers see of the kernel's face. Checked, never run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, assert_type

from plugbus.kernel import (
    Capability,
    CustomEvent,
    Event,
    EventBus,
    HealthReport,
    InstanceSource,
    Kernel,
    LoadReport,
    Plan,
    Plugin,
    PluginContext,
    PluginFailure,
    PluginLoaded,
    PluginMetadata,
    PluginRecord,
    PluginSource,
    PluginState,
    Provision,
    Requirement,
    Scope,
    ServiceChange,
    ServiceLocator,
    SubscriberFailed,
    Subscription,
    Version,
    VersionRange,
    Withdrawal,
    parse_range,
    parse_version,
)


class Store(ABC):
    @abstractmethod
    def read(self) -> bytes: ...


class DiskStore(Store):
    def read(self) -> bytes:
        return b""


class Clock(Protocol):
    def now(self) -> float: ...


class WallClock:
    def now(self) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class Saved(Event):
    path: str


class KeptSaved(Saved):
    pass


# An abstract class and a protocol are contracts as good as any.
STORE: Capability[Store] = Capability("store", contract=Store)
CLOCK: Capability[Clock] = Capability("clock", contract=Clock)
LABEL: Capability[object] = Capability("Vision")


def capabilities() -> None:
    assert_type(STORE.contract, type[Store] | None)
    assert_type(STORE.qualifier, str | None)
    assert_type(STORE.is_label, bool)
    assert_type(Capability("a", contract=DiskStore), Capability[DiskStore])
    text: str = STORE
    assert_type(Requirement(STORE, "^1.0").target, Capability[Any] | str)
    STORE.check(text)


def services(locator: ServiceLocator) -> None:
    assert_type(locator.get(STORE), Store)
    assert_type(locator.get(CLOCK), Clock)
    assert_type(locator.get("store"), object)
    assert_type(locator.get("store", DiskStore), DiskStore)
    assert_type(locator.find(STORE), Store | None)
    assert_type(locator.find("store"), object | None)
    assert_type(locator.find("store", DiskStore), DiskStore | None)
    assert_type(locator.all(CLOCK), tuple[Clock, ...])
    assert_type(locator.all("store"), tuple[object, ...])
    assert_type(locator.providers(STORE), tuple[Provision, ...])
    assert_type(locator.keys, tuple[str, ...])
    assert_type(locator.provide(STORE, DiskStore()), Withdrawal)
    with locator.provide("name", DiskStore()) as withdrawal:
        assert_type(withdrawal, Withdrawal)
    assert_type(locator.provide_lazy(STORE, DiskStore, close=lambda store: store.read()), Withdrawal)
    assert_type(locator.provide_scoped(STORE, DiskStore, lambda store: store.read()), Withdrawal)
    assert_type(locator.wait_for(STORE, timeout_s=1), Store)
    assert_type(locator.wait_for("store", DiskStore, timeout_s=1), DiskStore)
    assert_type(locator.wait_for("store", timeout_s=1), object)
    assert_type(locator.check_health(STORE), tuple[HealthReport, ...])
    locator.when_provided(STORE, lambda: None)()
    locator.ref(STORE).watch(lambda change: assert_type(change, ServiceChange))()
    with locator.scope() as scope:
        assert_type(scope, Scope)
        assert_type(scope.get(STORE), Store)
        assert_type(scope.get("store", DiskStore), DiskStore)
        assert_type(scope.get("store"), object)
        assert_type(scope.find(STORE), Store | None)
        assert_type(scope.find("store", DiskStore), DiskStore | None)
        assert_type(scope.all(CLOCK), tuple[Clock, ...])


def offers(ctx: PluginContext, action: Capability[type[Store]]) -> None:
    ctx.provide(action, DiskStore)  # a class is offered as a class
    ctx.provide(STORE, DiskStore(), health=lambda: True)
    ctx.provide_lazy(STORE, DiskStore, close=lambda store: store.read(), health=lambda store: store.read() == b"")()
    ctx.provide_scoped(STORE, DiskStore, close=lambda store: store.read())()
    assert_type(ctx.ref(STORE).get(), Store)


def on_saved(event: Saved) -> None: ...


def on_any(event: Event) -> int:
    return 0


def bus(bus: EventBus) -> None:
    assert_type(bus.subscribe(Saved, on_saved), Subscription)
    # A handler of more than is published is a handler of it too.
    bus.subscribe(KeptSaved, on_saved)
    bus.subscribe(Saved, on_any)
    bus.subscribe(Saved, lambda event: event.path.upper())
    bus.subscribe(PluginLoaded, lambda event: event.plugin_id.upper())
    bus.subscribe(SubscriberFailed, lambda event: event.exception.with_traceback(None))
    # What a topic's events look like is known to whoever subscribes to it.
    bus.subscribe("Saved", on_saved)
    bus.subscribe("*", on_any)
    assert_type(bus.publish(Saved("a")), None)
    assert_type(bus.subscriptions, tuple[Subscription, ...])
    with bus.subscribe("*", on_any) as subscription:
        assert_type(subscription, Subscription)
        assert_type(subscription.cancel(), bool)


def events() -> None:
    custom = Event.custom("mine", {"a": 1})
    assert_type(custom, CustomEvent)
    assert_type(custom.data, object)
    assert_type(custom.read(Saved), Saved)
    assert_type(Saved("a").topic, str)


def context(ctx: PluginContext) -> None:
    assert_type(ctx.get_service(STORE), Store | None)
    assert_type(ctx.get_service("store"), object | None)
    assert_type(ctx.get_service("store", DiskStore), DiskStore | None)
    assert_type(ctx.get(CLOCK), Clock)
    assert_type(ctx.all(STORE), tuple[Store, ...])
    assert_type(ctx.provide(STORE, DiskStore()), Callable[[], None])
    assert_type(ctx.provide(CLOCK, WallClock()), Callable[[], None])
    assert_type(ctx.register_service("name", 3), Callable[[], None])
    assert_type(ctx.subscribe(Saved, on_saved), Subscription)
    ctx.subscribe(Saved, lambda event: event.path.upper())
    ctx.subscribe("Saved", on_saved)
    ctx.event_bus.subscribe(Saved, on_saved)
    assert_type(ctx.config_as(DiskStore), DiskStore)
    assert_type(ctx.metadata, PluginMetadata)
    assert_type(ctx.plugin_id, str)
    ctx.on_unload(DiskStore().read)


class Storing(Plugin):
    metadata = PluginMetadata("storing", "1.0.0", provides=(STORE, CLOCK, LABEL))
    event_types = (Saved, "Other")

    def on_load(self, ctx: PluginContext) -> None:
        ctx.provide(STORE, DiskStore())

    def on_event(self, event: Event, ctx: PluginContext) -> None: ...


class Described(Plugin):
    def metadata(self) -> PluginMetadata:
        return PluginMetadata("described", "1.0.0")


def kernel() -> None:
    with Kernel(preferences={STORE: "storing"}, config={"storing": {"a": 1}}) as kernel:
        assert_type(kernel, Kernel)
        assert_type(kernel.register(Storing()), str)
        source: PluginSource = InstanceSource(Described())
        kernel.register(source)
        assert_type(kernel.load("storing", "described"), tuple[str, ...])
        assert_type(kernel.load_all(), LoadReport)
        assert_type(kernel.load_all().failed["storing"], PluginFailure)
        assert_type(kernel.get("storing"), Plugin)
        assert_type(kernel.get("storing", Storing), Storing)
        assert_type(kernel.list(PluginState.ACTIVE), tuple[str, ...])
        assert_type(kernel.resolve("storing"), Plan)
        assert_type(kernel.registry.record("storing"), PluginRecord)
        assert_type(kernel.find_by_capability(STORE), tuple[PluginRecord, ...])
        assert_type(kernel.unload("storing", cascade=True), tuple[str, ...])
        assert_type(kernel.services.get(STORE).read(), bytes)


def versions() -> None:
    assert_type(parse_version("1.2.3"), Version)
    assert_type(parse_range("^1.2"), VersionRange)
