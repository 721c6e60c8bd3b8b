"""The plugin system of SpiralTorch: every example of its description in Python, in its order, and what it promises.

``init_plugin_system()`` and ``global_registry()`` are ``Kernel()``: there is no global instance, on purpose.
"""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import (
    OPERATORS,
    Backend,
    BackendChanged,
    Custom,
    EpochEnd,
    EpochStart,
    PluginCapability,
    PluginEvent,
    Telemetry,
    TensorOp,
)
from plugbus.kernel import (
    Capability,
    CapabilityNameError,
    CapabilityProvided,
    CapabilityWithdrawn,
    CustomEvent,
    CycleError,
    DependentsError,
    Event,
    ForgedEventError,
    Kernel,
    PayloadTypeError,
    Plugin,
    PluginFailed,
    PluginLoadError,
    PluginMetadata,
    PluginNotFoundError,
    PluginState,
    PluginTypeError,
    PluginUnloadError,
    PublishDepthError,
    ResolutionError,
    ServiceExistsError,
    ServiceTypeError,
    SubscriberFailed,
    SystemInit,
    SystemShutdown,
)
from plugbus.loaders import (
    DiscoveryError,
    DynamicPluginLoader,
    PluginFolderError,
    StaticPluginLoader,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugbus.kernel import PluginContext, Subscription


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as made:
        yield made


@pytest.fixture
def said() -> list[str]:
    """Take what the examples print."""
    return []


class Named(Plugin):
    """Be a plugin of any id, whose hooks are told to a list."""

    def __init__(self, metadata: PluginMetadata, told: list[str] | None = None) -> None:
        self.metadata = metadata
        self.told = told if told is not None else []

    def on_load(self, ctx: PluginContext) -> None:
        self.told.append(f"load {ctx.plugin_id}")

    def on_unload(self, ctx: PluginContext) -> None:
        self.told.append(f"unload {ctx.plugin_id}")


def named(plugin_id: str, version: str = "1.0.0", **needs: str) -> PluginMetadata:
    return PluginMetadata(plugin_id, version, dependencies=needs)


def heard(kernel: Kernel, selector: type[Event] | str = "*") -> list[Event]:
    events: list[Event] = []
    kernel.bus.subscribe(selector, events.append)
    return events


def topics(events: list[Event]) -> list[str]:
    return [event.topic for event in events]


# 1. The plugin trait


class EveryHook(Plugin):
    """Write down what is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def metadata(self) -> PluginMetadata:
        return PluginMetadata("every_hook", "1.0.0")

    def on_load(self, ctx: PluginContext) -> None:
        self.calls.append(("on_load", ctx.plugin_id))

    def on_unload(self, ctx: PluginContext) -> None:
        self.calls.append(("on_unload", ctx.plugin_id))

    def on_event(self, event: Event, ctx: PluginContext) -> None:
        self.calls.append((event.topic, ctx.plugin_id))


def test_every_member_of_the_plugin_trait_is_called_with_its_context(kernel: Kernel) -> None:
    plugin = EveryHook()
    kernel.load(kernel.register(plugin))
    kernel.bus.publish(PluginEvent.EpochStart(epoch=1))
    kernel.unload("every_hook")
    kernel.bus.publish(PluginEvent.EpochStart(epoch=2))
    assert plugin.calls == [
        ("on_load", "every_hook"),
        ("PluginLoaded", "every_hook"),
        ("EpochStart", "every_hook"),
        ("on_unload", "every_hook"),
    ]


def test_on_event_hears_the_declared_kinds_alone(kernel: Kernel) -> None:
    class Picky(EveryHook):
        event_types = ("EpochStart", TensorOp)

    plugin = Picky()
    kernel.load(kernel.register(plugin))
    kernel.bus.publish(EpochEnd(epoch=1, loss=0.5))
    kernel.bus.publish(TensorOp("add"))
    kernel.bus.publish(EpochStart(epoch=1))
    assert [topic for topic, _ in plugin.calls] == ["on_load", "TensorOp", "EpochStart"]


def test_as_any_is_get_with_a_type_and_names_both_types_when_wrong(kernel: Kernel) -> None:
    plugin = EveryHook()
    kernel.load(kernel.register(plugin))
    assert kernel.get("every_hook", EveryHook) is plugin
    with pytest.raises(PluginTypeError, match="cannot get plugin 'every_hook' as Named: it is a EveryHook"):
        kernel.get("every_hook", Named)


# 2. The plugin registry


def test_registry_registers_gets_lists_sorted_and_unregisters(kernel: Kernel) -> None:
    kernel.register(Named(named("zeta")))
    kernel.register(Named(named("alpha")))
    assert kernel.registry.list() == ("alpha", "zeta")
    assert kernel.registry.record("alpha").state is PluginState.REGISTERED
    kernel.unregister("alpha")
    assert kernel.registry.list() == ("zeta",)
    with pytest.raises(PluginNotFoundError, match="did you mean 'zeta'"):
        kernel.get("zetta")


def test_two_kernels_share_nothing() -> None:
    with Kernel() as one, Kernel() as other:
        events = heard(other)
        one.load(one.register(MyOperatorPlugin("my_op", [])))
        one.bus.publish(EpochStart(epoch=1))
        assert events == []
        assert other.list() == ()
        assert other.services.find("my_operator") is None


# 3. The event system


def test_every_kind_of_event_is_made_by_its_own_type_and_reaches_who_subscribed_to_everything(kernel: Kernel) -> None:
    published: list[Event] = [
        PluginEvent.TensorOp(op_name="matmul", input_shape=(2, 3), output_shape=(2, 2)),
        PluginEvent.EpochStart(epoch=0),
        PluginEvent.EpochEnd(epoch=0, loss=0.25),
        PluginEvent.BackendChanged(backend="WGPU"),
        PluginEvent.Telemetry(data={"throughput": 3.5}),
        PluginEvent.custom("MyEvent", {"a": 1}),
        PluginEvent.Custom("Other"),
    ]
    events = heard(kernel)
    for event in published:
        kernel.bus.publish(event)
    assert all(one is other for one, other in zip(events, published, strict=True))
    assert topics(events) == [
        "TensorOp", "EpochStart", "EpochEnd", "BackendChanged", "Telemetry", "MyEvent", "Other",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: PluginEvent.EpochStart(epoch=-1), "epoch is -1"),
        (lambda: PluginEvent.EpochEnd(epoch=0, loss="low"), "loss is 'low'"),  # type: ignore[arg-type] # what is refused
        (lambda: PluginEvent.TensorOp("add", (1, -2)), "input_shape is"),
        (lambda: PluginEvent.Telemetry({"a": "b"}), "data is"),  # type: ignore[dict-item] # what is refused
    ],
)
def test_an_event_with_a_wrong_field_can_not_be_made(make: Callable[[], Event], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        make()


@pytest.mark.parametrize(
    "forged",
    [
        PluginEvent.SystemInit(),
        PluginEvent.SystemShutdown(),
        PluginEvent.PluginLoaded("victim"),
        PluginEvent.PluginUnloaded("victim"),
        PluginEvent.custom("PluginLoaded", "victim"),
    ],
)
def test_what_the_kernel_alone_says_can_not_be_forged(kernel: Kernel, forged: Event) -> None:
    events = heard(kernel)
    with pytest.raises(ForgedEventError, match="the kernel alone publishes it"):
        kernel.bus.publish(forged)
    assert events == []


# 4. The plugin context


def test_the_context_gives_bus_configuration_and_services() -> None:
    seen: dict[str, Any] = {}

    class Reader(Named):
        def on_load(self, ctx: PluginContext) -> None:
            seen["config"] = ctx.config
            seen["service"] = ctx.get_service("absent")
            ctx.event_bus.publish(PluginEvent.custom("FromLoad", ctx.plugin_id))

    with Kernel(config={"reader": {"level": "3"}}) as kernel:
        events = heard(kernel, "FromLoad")
        kernel.load(kernel.register(Reader(named("reader"))))
        assert seen == {"config": {"level": "3"}, "service": None}
        assert [event.read(str) for event in events if isinstance(event, CustomEvent)] == ["reader"]


# 5. Creating a plugin: the basic example


class MyOperatorService:
    """Be what the example registers."""


class MyOperatorPlugin(Plugin):
    def __init__(self, name: str, said: list[str]) -> None:
        self.name = name
        self.said = said

    def metadata(self) -> PluginMetadata:
        return (
            PluginMetadata("my_operator_plugin", "1.0.0")
            .with_name("My Operator Plugin")
            .with_description("Adds custom tensor operators")
            .with_author("Your Name")
            .with_capability(PluginCapability.Operators)
        )

    def on_load(self, ctx: PluginContext) -> None:
        self.said.append(f"Loading operator plugin: {self.name}")
        # Register a service that other plugins can use
        ctx.register_service("my_operator", MyOperatorService())
        # Subscribe to tensor operation events
        ctx.subscribe("TensorOp", lambda event: self.said.append(f"Tensor op event: {event.op_name}"))

    def on_unload(self, ctx: PluginContext) -> None:
        self.said.append("Unloading operator plugin")


def test_the_basic_example_says_who_it_is() -> None:
    metadata = MyOperatorPlugin("my_op", []).metadata()
    assert (metadata.id, metadata.version) == ("my_operator_plugin", "1.0.0")
    assert (metadata.name, metadata.author) == ("My Operator Plugin", "Your Name")
    assert metadata.description == "Adds custom tensor operators"
    assert metadata.provides == (OPERATORS,)


def test_the_basic_example_serves_and_hears_from_load_to_unload(kernel: Kernel, said: list[str]) -> None:
    kernel.register(MyOperatorPlugin("my_op", said))
    assert said == [], "registering runs none of its code"
    kernel.load("my_operator_plugin")
    assert isinstance(kernel.services.get("my_operator"), MyOperatorService)
    kernel.bus.publish(PluginEvent.TensorOp("relu", (4,), (4,)))
    kernel.unload("my_operator_plugin")
    kernel.bus.publish(PluginEvent.TensorOp("after", (4,), (4,)))
    assert kernel.services.find("my_operator") is None
    assert said == ["Loading operator plugin: my_op", "Tensor op event: relu", "Unloading operator plugin"]


# 6. Registering plugins


def test_registering_plugins_and_initialising_all(kernel: Kernel, said: list[str]) -> None:
    events = heard(kernel, "SystemInit")
    kernel.register(MyOperatorPlugin("my_op", said))
    report = kernel.initialize_all()
    assert report.loaded == ("my_operator_plugin",)
    assert report.is_complete
    assert topics(events) == ["SystemInit"]


def test_system_init_comes_once_after_all_loads_and_a_late_plugin_does_not_repeat_it(kernel: Kernel) -> None:
    events = heard(kernel)
    kernel.register(Named(named("early")))
    kernel.initialize_all()
    kernel.register(Named(named("late")))
    assert kernel.initialize_all().loaded == ("late",)
    wanted = {"PluginLoaded", "SystemInit"}
    assert [one for one in topics(events) if one in wanted] == ["PluginLoaded", "SystemInit", "PluginLoaded"]


# 7. Plugin capabilities


ALL_CAPABILITIES = (
    PluginCapability.Backend("CUDA"),
    PluginCapability.Operators,
    PluginCapability.LossFunctions,
    PluginCapability.Optimizers,
    PluginCapability.DataLoaders,
    PluginCapability.Visualization,
    PluginCapability.Telemetry,
    PluginCapability.Language,
    PluginCapability.Vision,
    PluginCapability.ReinforcementLearning,
    PluginCapability.GraphNeuralNetworks,
    PluginCapability.Recommender,
    PluginCapability.Custom("ZSpaceSequencer"),
)


def test_the_thirteen_capabilities_differ_hash_and_read_back_from_their_text() -> None:
    assert len(set(ALL_CAPABILITIES)) == 13
    for one in ALL_CAPABILITIES:
        assert PluginCapability.parse(str(one)) == one
        assert Capability.parse(str(one)) == one
    assert str(Backend("CUDA")) == "Backend(CUDA)"
    assert Backend("CUDA") != Backend("WGPU")
    assert PluginCapability.parse("backend:CUDA") == Backend("CUDA")
    assert PluginCapability.parse("loss functions") == PluginCapability.LossFunctions
    assert PluginCapability.parse("SomethingElse") == Custom("SomethingElse")


def test_a_backend_without_its_device_is_refused() -> None:
    with pytest.raises(CapabilityNameError, match="a backend names its device"):
        PluginCapability.parse("Backend")


def test_plugins_are_found_by_capability_in_the_order_of_registration(kernel: Kernel) -> None:
    for plugin_id in ("zeta", "alpha", "mid"):
        kernel.register(Named(named(plugin_id).with_capability(PluginCapability.Vision)))
    kernel.register(Named(named("other").with_capability(PluginCapability.Backend("CUDA"))))
    assert [one.id for one in kernel.find_by_capability(PluginCapability.Vision)] == ["zeta", "alpha", "mid"]
    assert kernel.find_by_capability(PluginCapability.Backend("cuda")) == (), "case counts"


# 8. Plugin discovery: static registration


class MyPlugin1(Named):
    def __init__(self) -> None:
        super().__init__(named("my_plugin_1", my_plugin_2="^1.0"))


class MyPlugin2(Named):
    def __init__(self) -> None:
        super().__init__(named("my_plugin_2", my_plugin_3="^1.0"))


class MyPlugin3(Named):
    def __init__(self) -> None:
        super().__init__(named("my_plugin_3"))


def create_plugins() -> list[Plugin]:
    return [MyPlugin1(), MyPlugin2(), MyPlugin3()]


def test_static_registration_loads_dependents_that_come_before_what_they_need(kernel: Kernel) -> None:
    loader = StaticPluginLoader(create_plugins)
    assert loader.load_into(Path(), kernel) == ("my_plugin_3", "my_plugin_2", "my_plugin_1")
    assert kernel.list(PluginState.ACTIVE) == ("my_plugin_1", "my_plugin_2", "my_plugin_3")


# 9. Plugin discovery: dynamic loading


def write_plugin(folder: Path, plugin_id: str, manifest: str = "", code: str | None = None) -> Path:
    place = folder / plugin_id
    place.mkdir(parents=True)
    (place / "plugin.yaml").write_text(f'id: {plugin_id}\nversion: "1.0.0"\nentrypoint: plugin:Made\n{manifest}')
    (place / "plugin.py").write_text(code or "from plugbus.kernel import Plugin\nclass Made(Plugin): pass\n")
    return place


def test_dynamic_loading_loads_what_is_there_and_ignores_foreign_files(kernel: Kernel, tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "second", 'dependencies: {first: ">=1.0.0"}\n')
    write_plugin(tmp_path / "plugins", "first")
    (tmp_path / "plugins" / "README.txt").write_text("no plugin")
    (tmp_path / "plugins" / "notes").mkdir()
    path_before = list(sys.path)
    loader = DynamicPluginLoader()
    assert loader.load_into(tmp_path / "plugins", kernel) == ("first", "second")
    assert loader.load_into(str(tmp_path / "plugins" / "notes"), kernel) == (), "a folder may hold no plugin"
    assert sys.path == path_before


def test_dynamic_loading_of_a_missing_folder_says_so(kernel: Kernel, tmp_path: Path) -> None:
    with pytest.raises(PluginFolderError, match=r"cannot search plugin folder .*nowhere.*: No such file"):
        DynamicPluginLoader().load_into(tmp_path / "nowhere", kernel)


def test_dynamic_loading_refuses_a_manifest_of_another_form_and_names_both(kernel: Kernel, tmp_path: Path) -> None:
    place = write_plugin(tmp_path, "future", "manifest: 2\n") / "plugin.yaml"
    with pytest.raises(DiscoveryError) as refused:
        DynamicPluginLoader().load_into(tmp_path, kernel)
    assert f"{place}:4:11: manifest: should be 1" in str(refused.value)


def test_static_and_dynamic_loading_give_the_same_result(tmp_path: Path) -> None:
    write_plugin(tmp_path, "base", "labels: [Vision]\n")
    write_plugin(tmp_path, "user", 'dependencies: {base: "^1.0"}\n')

    def made() -> list[Plugin]:
        return [
            Named(named("user", base="^1.0")),
            Named(named("base").with_capability(PluginCapability.Vision)),
        ]

    results = []
    with Kernel() as static, Kernel() as dynamic:
        for kernel, loader in ((static, StaticPluginLoader(made)), (dynamic, DynamicPluginLoader())):
            events = heard(kernel)
            loaded = loader.load_into(tmp_path, kernel)
            vision = [one.id for one in kernel.find_by_capability(PluginCapability.Vision)]
            results.append((loaded, sorted(topics(events)), kernel.list(PluginState.ACTIVE), vision))
    assert results[0] == results[1]
    assert results[0][0] == ("base", "user")


# 10. Publishing events


@dataclass
class MyCustomData:
    value: int


def test_publishing_events_from_a_context_delivers_the_very_object(kernel: Kernel) -> None:
    data = MyCustomData(value=42)

    class Publisher(Named):
        def on_load(self, ctx: PluginContext) -> None:
            # Publish a built-in event
            ctx.event_bus.publish(PluginEvent.EpochStart(epoch=1))
            # Publish a custom event
            ctx.event_bus.publish(PluginEvent.custom("MyEvent", data))

    epochs, customs = heard(kernel, EpochStart), heard(kernel, "MyEvent")
    kernel.load(kernel.register(Publisher(named("publisher"))))
    assert epochs == [EpochStart(epoch=1)]
    (custom,) = customs
    assert isinstance(custom, CustomEvent)
    assert custom.read(MyCustomData) is data
    with pytest.raises(PayloadTypeError, match="cannot read event 'MyEvent' as str: it carries a MyCustomData"):
        custom.read(str)


# 11. Subscribing to events


def test_subscribing_to_one_kind_and_to_all(kernel: Kernel, said: list[str]) -> None:
    class Subscriber(Named):
        def on_load(self, ctx: PluginContext) -> None:
            # Subscribe to specific events
            ctx.subscribe("EpochStart", lambda event: said.append(f"Epoch {event.epoch} started"))
            # Subscribe to all events
            ctx.subscribe("*", lambda event: said.append(f"Event: {event.topic}"))

    kernel.load(kernel.register(Subscriber(named("subscriber"))))
    kernel.bus.publish(PluginEvent.EpochStart(epoch=3))
    kernel.bus.publish(PluginEvent.custom("MyEvent"))
    assert said == ["Event: PluginLoaded", "Epoch 3 started", "Event: EpochStart", "Event: MyEvent"]


def test_delivery_is_in_the_order_of_subscription_whatever_was_subscribed_to(kernel: Kernel, said: list[str]) -> None:
    selectors: tuple[type[Event] | str, ...] = ("*", "EpochStart", EpochStart, "*", Event)
    for place, selector in enumerate(selectors):
        kernel.bus.subscribe(selector, lambda _, place=place: said.append(str(place)))
    kernel.bus.publish(EpochStart(epoch=1))
    assert said == ["0", "1", "2", "3", "4"]


def test_a_raising_subscriber_stops_nobody_and_is_reported(kernel: Kernel) -> None:
    boom = ValueError("boom")

    def failing(event: Event) -> None:
        raise boom

    kernel.bus.subscribe("EpochStart", failing)
    after, failures = heard(kernel, "EpochStart"), heard(kernel, SubscriberFailed)
    event = EpochStart(epoch=1)
    kernel.bus.publish(event)
    assert after == [event]
    (failure,) = failures
    assert isinstance(failure, SubscriberFailed)
    assert failure.event is event
    assert failure.exception is boom
    assert "failing" in failure.subscriber


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_in_a_subscriber_passes_on_after_the_rest_was_served(
    kernel: Kernel, interrupt: type[BaseException]
) -> None:
    def failing(event: Event) -> None:
        raise interrupt

    kernel.bus.subscribe("EpochStart", failing)
    after = heard(kernel, "EpochStart")
    with pytest.raises(interrupt):
        kernel.bus.publish(EpochStart(epoch=1))
    assert topics(after) == ["EpochStart"]


def test_publishing_from_a_subscriber_works_to_a_depth_and_then_names_the_limit() -> None:
    kernel = Kernel(depth_limit=5)
    epochs: list[int] = []

    def again(event: EpochStart) -> None:
        epochs.append(event.epoch)
        kernel.bus.publish(EpochStart(epoch=event.epoch + 1))

    kernel.bus.subscribe(EpochStart, again)
    failures = heard(kernel, SubscriberFailed)
    kernel.bus.publish(EpochStart(epoch=0))
    assert epochs == [0, 1, 2, 3, 4]
    errors = [one.exception for one in failures if isinstance(one, SubscriberFailed)]
    assert [type(one) for one in errors] == [PublishDepthError]
    assert "depth_limit" in str(errors[0])


def test_cancelling_during_delivery_takes_effect_at_once(kernel: Kernel, said: list[str]) -> None:
    later: Subscription
    kernel.bus.subscribe("EpochStart", lambda _: later.cancel())
    later = kernel.bus.subscribe("EpochStart", lambda _: said.append("too late"))
    kernel.bus.publish(EpochStart(epoch=1))
    assert said == []


def test_nothing_is_delivered_to_a_plugin_once_its_unload_began(kernel: Kernel) -> None:
    class LastWords(EveryHook):
        def on_unload(self, ctx: PluginContext) -> None:
            super().on_unload(ctx)
            ctx.publish(PluginEvent.custom("LastWords"))

    plugin = LastWords()
    kernel.bus.subscribe("EpochStart", lambda _: kernel.unload("every_hook"))
    kernel.load(kernel.register(plugin))
    others = heard(kernel, "LastWords")
    # The one that unloads the plugin is served before the plugin, which must not hear of this very event any more.
    kernel.bus.publish(EpochStart(epoch=1))
    assert [one for one, _ in plugin.calls] == ["on_load", "PluginLoaded", "on_unload"]
    assert topics(others) == ["LastWords"]


def test_one_subscriber_serves_many_publishing_threads(kernel: Kernel) -> None:
    seen: list[int] = []
    inside = threading.Barrier(4)

    def together(event: EpochStart) -> None:
        inside.wait()  # passes only if four deliveries run at the same time: no lock is held meanwhile
        seen.append(event.epoch)

    kernel.bus.subscribe(EpochStart, together)
    threads = [threading.Thread(target=kernel.bus.publish, args=(EpochStart(epoch=one),)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [0, 1, 2, 3]


# 12. The service registry


class MyService(ABC):
    @abstractmethod
    def do_something(self) -> str: ...


class MyServiceImpl(MyService):
    def do_something(self) -> str:
        return "Hello from service!"


class ServicePlugin(Named):
    def on_load(self, ctx: PluginContext) -> None:
        ctx.register_service("my_service", MyServiceImpl())


def use_service(ctx: PluginContext, said: list[str]) -> None:
    service = ctx.get_service("my_service", MyService)  # type: ignore[type-abstract] # mypy takes no abstract class here; a Capability needs none
    if service is not None:
        said.append(f"Service says: {service.do_something()}")


class UserPlugin(Named):
    ctx: PluginContext

    def on_load(self, ctx: PluginContext) -> None:
        self.ctx = ctx


def test_a_service_is_registered_used_and_gone_with_its_plugin(kernel: Kernel, said: list[str]) -> None:
    user = UserPlugin(named("user"))
    kernel.register(user)
    kernel.register(ServicePlugin(named("provider")))
    kernel.load("user")
    use_service(user.ctx, said)
    assert said == [], "absent is None"
    events = heard(kernel)
    kernel.load("provider")
    use_service(user.ctx, said)
    assert said == ["Service says: Hello from service!"]
    kernel.unload("provider")
    assert user.ctx.get_service("my_service") is None
    assert CapabilityProvided("my_service", "provider") in events
    assert CapabilityWithdrawn("my_service", "provider") in events, "who holds a service is told when it goes"


def test_a_service_of_the_wrong_type_is_refused_with_both_types(kernel: Kernel) -> None:
    user = UserPlugin(named("user"))
    kernel.register(user)
    kernel.register(ServicePlugin(named("provider")))
    kernel.load("user", "provider")
    with pytest.raises(ServiceTypeError, match="cannot get service 'my_service' as Kernel: it is a MyServiceImpl"):
        user.ctx.get_service("my_service", Kernel)


MY_SERVICE: Capability[MyService] = Capability("my_service", contract=MyService)


def test_a_service_as_a_typed_capability_is_checked_when_it_is_provided(kernel: Kernel) -> None:
    class Typed(Named):
        def on_load(self, ctx: PluginContext) -> None:
            ctx.provide(MY_SERVICE, MyServiceImpl())

    class Wrong(Named):
        def on_load(self, ctx: PluginContext) -> None:
            ctx.provide(MY_SERVICE, WgpuDevice())  # type: ignore[misc] # what is refused

    kernel.load(kernel.register(Typed(named("typed"))))
    assert kernel.services.get(MY_SERVICE).do_something() == "Hello from service!"
    kernel.register(Wrong(named("wrong")))
    with pytest.raises(PluginLoadError, match="WgpuDevice does not satisfy MyService"):
        kernel.load("wrong")


def test_a_service_of_another_plugin_is_not_replaced_silently(kernel: Kernel) -> None:
    kernel.register(ServicePlugin(named("provider")))
    kernel.register(ServicePlugin(named("rival")))
    kernel.load("provider")
    first = kernel.services.get("my_service")
    with pytest.raises(PluginLoadError, match="'provider' provides it already") as refused:
        kernel.load("rival")
    assert isinstance(refused.value.__cause__, ServiceExistsError)
    assert kernel.services.get("my_service") is first


# 13. Plugin dependencies


class DependentPlugin(Named):
    def __init__(self, told: list[str]) -> None:
        super().__init__(
            PluginMetadata("my_plugin", "1.0.0")
            .with_dependency("base_plugin", ">=1.0.0")
            .with_dependency("utils_plugin", "^2.0.0"),
            told,
        )


@pytest.mark.parametrize(
    ("base", "utils", "why"),
    [
        ("0.9.0", "2.1.0", ["'my_plugin' 1.0.0", "'base_plugin' 0.9.0", ">=1.0.0"]),
        ("1.0.0", "3.0.0", ["'my_plugin' 1.0.0", "'utils_plugin' 3.0.0", "^2.0.0"]),
        ("1.0.0", None, ["'my_plugin' 1.0.0", "'utils_plugin'"]),
    ],
)
def test_unmet_dependencies_are_told_before_anything_is_loaded(
    kernel: Kernel, said: list[str], base: str, utils: str | None, why: list[str]
) -> None:
    kernel.register(DependentPlugin(said))
    kernel.register(Named(named("base_plugin", base), said))
    if utils is not None:
        kernel.register(Named(named("utils_plugin", utils), said))
    events = heard(kernel)
    with pytest.raises(ResolutionError) as refused:
        kernel.load("my_plugin")
    assert all(part in str(refused.value) for part in why), str(refused.value)
    assert said == []
    assert events == []
    assert set(kernel.list(PluginState.REGISTERED)) == set(kernel.list())


def test_met_dependencies_are_loaded_before_their_dependent(kernel: Kernel, said: list[str]) -> None:
    kernel.register(DependentPlugin(said))
    kernel.register(Named(named("utils_plugin", "2.4.0"), said))
    kernel.register(Named(named("base_plugin", "7.0.0"), said))
    kernel.load("my_plugin")
    assert said == ["load base_plugin", "load utils_plugin", "load my_plugin"]


def test_a_cycle_is_named(kernel: Kernel) -> None:
    kernel.register(Named(named("a", b="*")))
    kernel.register(Named(named("b", a="*")))
    with pytest.raises(CycleError, match=r"they need each other: (a -> b -> a|b -> a -> b)"):
        kernel.load("a")


def test_unloading_a_needed_plugin_is_refused_or_cascades_on_request(kernel: Kernel, said: list[str]) -> None:
    kernel.register(DependentPlugin(said))
    kernel.register(Named(named("utils_plugin", "2.4.0"), said))
    kernel.register(Named(named("base_plugin", "7.0.0"), said))
    kernel.load("my_plugin")
    said.clear()
    with pytest.raises(DependentsError, match="cannot unload plugin 'base_plugin': 'my_plugin' need it"):
        kernel.unload("base_plugin")
    assert said == []
    assert kernel.unload("base_plugin", cascade=True) == ("my_plugin", "base_plugin")
    assert said == ["unload my_plugin", "unload base_plugin"]


# 14. The complete backend plugin


class WgpuDevice:
    """Be what the example makes."""


def create_wgpu_device() -> WgpuDevice:
    return WgpuDevice()


class WgpuBackendPlugin(Plugin):
    def __init__(self, said: list[str], create_device: Callable[[], WgpuDevice] = create_wgpu_device) -> None:
        self.initialized = False
        self.said = said
        self.create_device = create_device

    def metadata(self) -> PluginMetadata:
        return (
            PluginMetadata("wgpu_backend", "1.0.0")
            .with_name("WGPU Backend")
            .with_description("WebGPU backend for portable GPU compute")
            .with_author("SpiralTorch Team")
            .with_capability(PluginCapability.Backend("WGPU"))
            .with_metadata("gpu_api", "WebGPU")
            .with_metadata("platforms", "Windows,Linux,macOS")
        )

    def on_load(self, ctx: PluginContext) -> None:
        self.said.append("Initializing WGPU backend...")
        # Subscribe to backend change events
        ctx.subscribe("BackendChanged", lambda event: self.said.append(f"Backend changed to: {event.backend}"))
        # Register backend service
        ctx.register_service("wgpu_device", self.create_device())
        # Initialize WGPU
        self.initialized = True
        self.said.append("WGPU backend ready")

    def on_unload(self, ctx: PluginContext) -> None:
        self.said.append("Shutting down WGPU backend")
        self.initialized = False


def test_the_complete_backend_plugin_lives_as_described(kernel: Kernel, said: list[str]) -> None:
    plugin = WgpuBackendPlugin(said)
    kernel.load(kernel.register(plugin))
    (found,) = kernel.find_by_capability(Backend("WGPU"))
    assert found.id == "wgpu_backend"
    assert dict(found.metadata.metadata) == {"gpu_api": "WebGPU", "platforms": "Windows,Linux,macOS"}
    assert isinstance(kernel.services.get("wgpu_device"), WgpuDevice)
    assert kernel.get("wgpu_backend", WgpuBackendPlugin).initialized
    kernel.bus.publish(BackendChanged("WGPU"))
    kernel.unload("wgpu_backend")
    kernel.bus.publish(BackendChanged("CPU"))
    assert not plugin.initialized
    assert kernel.services.find("wgpu_device") is None
    assert said == [
        "Initializing WGPU backend...",
        "WGPU backend ready",
        "Backend changed to: WGPU",
        "Shutting down WGPU backend",
    ]


def test_a_failing_device_leaves_no_trace_of_the_backend(kernel: Kernel, said: list[str]) -> None:
    def no_adapter() -> WgpuDevice:
        raise RuntimeError("no adapter")

    kernel.register(WgpuBackendPlugin(said, no_adapter))
    failures = heard(kernel, PluginFailed)
    subscriptions = kernel.bus.subscriptions
    with pytest.raises(
        PluginLoadError, match=r"cannot load plugin 'wgpu_backend': on_load failed: .*no adapter"
    ) as lost:
        kernel.load("wgpu_backend")
    assert isinstance(lost.value.__cause__, RuntimeError), "the cause is kept"
    assert kernel.services.keys == ()
    assert kernel.bus.subscriptions == subscriptions
    kernel.bus.publish(BackendChanged("WGPU"))
    assert said == ["Initializing WGPU backend..."]
    (failure,) = failures
    assert isinstance(failure, PluginFailed)
    assert (failure.plugin_id, failure.step) == ("wgpu_backend", "on_load")
    record = kernel.registry.record("wgpu_backend")
    assert record.state is PluginState.FAILED
    assert record.failure is not None
    assert "no adapter" in record.failure.traceback


# 15. What the description promises as a whole


def test_plugins_discover_each_other_and_learn_of_late_arrivals(kernel: Kernel) -> None:
    found: list[str] = []

    class Organic(Named):
        def on_load(self, ctx: PluginContext) -> None:
            ctx.subscribe("PluginLoaded", lambda event: found.append(event.plugin_id))

    kernel.load(kernel.register(Organic(named("first"))))
    kernel.load(kernel.register(Named(named("late"))))
    assert found == ["first", "late"]


def test_after_unload_nothing_of_a_plugin_is_reachable(kernel: Kernel, tmp_path: Path) -> None:
    code = """
        import threading
        from plugbus.kernel import Plugin
        class Made(Plugin):
            def on_load(self, ctx):
                self.stop = threading.Event()
                thread = threading.Thread(target=self.stop.wait, name="of-leaver")
                thread.start()
                ctx.on_unload(thread.join)
                ctx.on_unload(self.stop.set)
                ctx.register_service("leaver_service", self)
                ctx.subscribe("*", self.hear)
            def hear(self, event): pass
    """
    write_plugin(tmp_path, "leaver", code=dedent(code))
    loader = DynamicPluginLoader()
    modules, finders = set(sys.modules), list(sys.meta_path)
    loader.load_into(tmp_path, kernel)
    plugin = weakref.ref(kernel.get("leaver"))
    kind = weakref.ref(type(kernel.get("leaver")))
    assert any(one.name == "of-leaver" for one in threading.enumerate())
    kernel.unload("leaver")
    gc.collect()
    assert plugin() is None
    assert kind() is None
    assert kernel.services.keys == ()
    assert kernel.bus.subscriptions == ()
    assert not any(one.name == "of-leaver" for one in threading.enumerate())
    assert set(sys.modules) - modules == set()
    assert list(sys.meta_path) == finders


def test_shutdown_tells_everybody_first_then_unloads_in_reverse_whatever_fails(said: list[str]) -> None:
    class Failing(Named):
        def on_unload(self, ctx: PluginContext) -> None:
            super().on_unload(ctx)
            raise ValueError(f"{ctx.plugin_id} will not go")

    kernel = Kernel()
    kernel.bus.subscribe(
        SystemShutdown, lambda _: said.append(f"shutdown of {', '.join(kernel.list(PluginState.ACTIVE))}")
    )
    kernel.register(Failing(named("base"), said))
    kernel.register(Failing(named("middle", base="*"), said))
    kernel.register(Named(named("top", middle="*"), said))
    kernel.load_all()
    said.clear()
    with pytest.raises(PluginUnloadError) as failed:
        kernel.shutdown()
    assert said == ["shutdown of base, middle, top", "unload top", "unload middle", "unload base"]
    assert [str(one) for one in failed.value.exceptions] == ["middle will not go", "base will not go"]
    assert kernel.list(PluginState.ACTIVE) == ()
    kernel.shutdown()
    assert len(said) == 4, "the second shutdown does nothing"


def test_a_batch_that_fails_midway_leaves_the_registry_as_it_was(kernel: Kernel, said: list[str]) -> None:
    class Broken(Named):
        def on_load(self, ctx: PluginContext) -> None:
            raise ValueError("broken")

    kernel.load(kernel.register(Named(named("before"), said)))
    loader = StaticPluginLoader(lambda: [Named(named("good"), said), Broken(named("bad", good="*"))])
    with pytest.raises(PluginLoadError, match="cannot load plugin 'bad'"):
        loader.load_into(".", kernel)
    assert said == ["load before", "load good", "unload good"]
    assert kernel.list() == ("before",)
    assert kernel.list(PluginState.ACTIVE) == ("before",)


def test_system_init_is_a_fact_of_the_kernel_and_not_of_import() -> None:
    with Kernel() as kernel:
        events = heard(kernel, SystemInit)
        assert events == []
        kernel.initialize_all()
        assert topics(events) == ["SystemInit"]


def test_telemetry_is_a_mapping_that_nobody_can_change() -> None:
    data = {"loss": 0.5}
    event = Telemetry(data)
    data["loss"] = 9.0
    assert event.data == {"loss": 0.5}
    with pytest.raises(TypeError):
        event.data["loss"] = 1.0  # type: ignore[index] # what is refused
