"""Faults at every step of loading and unloading, at every place of a plan: what is left, told and raised."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    CapabilityProvided,
    CapabilityWithdrawn,
    ContractError,
    Event,
    FailedDependencyError,
    Kernel,
    KernelEvent,
    Plugin,
    PluginContext,
    PluginFailed,
    PluginLoaded,
    PluginLoadError,
    PluginMetadata,
    PluginState,
    PluginStateError,
    PluginUnloaded,
    PluginUnloadError,
    Requirement,
    ResolutionError,
    ServiceExistsError,
    SystemShutdown,
    UndeclaredCapabilityError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, LeakCheck, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHAIN = ("first", "second", "third")
FAULTS: tuple[BaseException, ...] = (OSError("no device"), KeyboardInterrupt("ctrl-c"), SystemExit(3))
LOAD_STEPS = ("open", "configure", "on_load", "undeclared", "not_the_contract", "name_taken")
UNLOAD_STEPS = ("on_unload", "undo", "close")

GIVEN: Capability[dict[str, str]] = Capability("given", contract=dict)


@dataclass
class World:
    """A chain of plugins that use everything, each from a source with a module of its own."""

    faults: dict[tuple[str, str], BaseException] = field(default_factory=dict)
    plugins: dict[str, FakePlugin] = field(default_factory=dict)
    sources: dict[str, FakeSource] = field(default_factory=dict)
    undone: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.kernel = Kernel(configure=self._configure)
        self.kernel.services.provide("taken", "by the host")
        self.host = FakePlugin("bystander", provides={GIVEN: {"of": "bystander"}}, subscriptions=["*"])
        self.kernel.register(self.host)
        self.kernel.load("bystander")
        for place, plugin_id in enumerate(CHAIN):
            self._add(plugin_id, CHAIN[place - 1] if place else None)

    def fail(self, plugin_id: str, step: str) -> None:
        fault = self.faults.get((plugin_id, step))
        if fault is not None:
            raise fault

    def snapshot(self) -> dict[str, object]:
        kernel = self.kernel
        return {
            "records": {one.id: (one.state, one.source, one.plugin) for one in kernel.registry},
            "services": {key: kernel.services.providers(key) for key in kernel.services.keys},
            "found": {key: kernel.services.all(key) for key in kernel.services.keys},
            "subscriptions": kernel.bus.subscriptions,
            "modules": set(sys.modules),
            "path": list(sys.path),
        }

    def _add(self, plugin_id: str, needed: str | None) -> None:
        token: Capability[dict[str, str]] = Capability(f"cap_{plugin_id}", contract=dict)
        module = f"_module_of_{plugin_id}"

        def on_load(ctx: PluginContext) -> None:
            self.fail(plugin_id, "on_load")
            if (plugin_id, "undeclared") not in self.faults:
                wrong: Any = (plugin_id, "not_the_contract") in self.faults
                ctx.provide(token, wrong or {"of": plugin_id})
            if (plugin_id, "name_taken") in self.faults:
                ctx.register_service("taken", plugin_id)

        def undo() -> None:
            self.undone.append(plugin_id)
            self.fail(plugin_id, "undo")

        def on_open() -> None:
            sys.modules[module] = ModuleType(module)
            self.fail(plugin_id, "open")

        def on_close() -> None:
            sys.modules.pop(module, None)
            self.fail(plugin_id, "close")

        plugin = FakePlugin(
            plugin_id,
            dependencies={} if needed is None else {needed: "^1.0"},
            declares=[token],
            services={f"service_{plugin_id}": object()},
            subscriptions=["*", "tick"],
            on_load=on_load,
            on_unload=lambda ctx: self.fail(plugin_id, "on_unload"),
            undo=[undo],
        )
        self.plugins[plugin_id] = plugin
        self.sources[plugin_id] = FakeSource(plugin, on_open=on_open, on_close=on_close)
        self.kernel.register(self.sources[plugin_id])

    def _configure(self, metadata: PluginMetadata, plugin: Plugin) -> object:
        self.fail(metadata.id, "configure")
        return {}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.faults.clear()
    world.kernel.shutdown()
    assert [breach for source in world.sources.values() for breach in source.breaches] == []


def expected_cause(step: str, fault: BaseException) -> type[BaseException]:
    made: dict[str, type[BaseException]] = {
        "undeclared": UndeclaredCapabilityError,
        "not_the_contract": ContractError,
        "name_taken": ServiceExistsError,
    }
    return made.get(step, type(fault))


@pytest.mark.parametrize("broken", CHAIN)
@pytest.mark.parametrize("step", LOAD_STEPS)
def test_a_load_that_fails_leaves_everything_as_before(world: World, broken: str, step: str) -> None:
    fault = OSError("no device")
    before = world.snapshot()
    world.faults[broken, step] = fault
    with RecordedEvents(world.kernel.bus, KernelEvent) as seen, pytest.raises(PluginLoadError) as caught:
        world.kernel.load("third")
    error = caught.value
    told = {"undeclared": "provide", "name_taken": "provide", "not_the_contract": "on_load"}.get(step, step)
    assert (error.plugin_id, error.step) == (broken, told)
    assert error.__cause__ is not None
    assert type(error.__cause__) is expected_cause(step, fault)
    assert error.cause.startswith(expected_cause(step, fault).__qualname__)
    after = world.snapshot()
    # The one that failed says so; all else is as it was.
    records = after["records"]
    assert isinstance(records, dict)
    assert records[broken] == (PluginState.FAILED, None, None)
    records[broken] = (PluginState.REGISTERED, None, None)
    assert after == before
    failure = world.kernel.registry.record(broken).failure
    assert failure is not None
    assert (failure.step, failure.message) == (told, error.cause)
    assert "Traceback" in failure.traceback
    assert seen.of(PluginFailed) == (PluginFailed(broken, told, error.__cause__, "1.0.0"),)
    # What was up before it was taken down again, in reverse; what came after was never touched.
    earlier = CHAIN[: CHAIN.index(broken)]
    assert [event.plugin_id for event in seen.of(PluginLoaded)] == list(earlier)
    assert [event.plugin_id for event in seen.of(PluginUnloaded)] == list(reversed(earlier))
    provided = [event.capability for event in seen.of(CapabilityProvided)]
    assert sorted(provided) == sorted(event.capability for event in seen.of(CapabilityWithdrawn))
    for plugin_id in earlier:
        assert world.plugins[plugin_id].calls == ["on_load", "on_unload"]
    for plugin_id in CHAIN[CHAIN.index(broken) + 1 :]:
        assert (world.plugins[plugin_id].calls, world.sources[plugin_id].opened) == ([], 0)
    source = world.sources[broken]
    assert (source.opened, source.closed, source.is_open) == (1, 1, False)
    # Once repaired it loads, asked for explicitly.
    world.faults.clear()
    assert world.kernel.load(broken, "third") == CHAIN


@pytest.mark.parametrize("broken", CHAIN)
@pytest.mark.parametrize("step", ["open", "configure", "on_load"])
@pytest.mark.parametrize("fault", FAULTS[1:], ids=repr)
def test_a_load_that_is_interrupted_leaves_everything_as_before(
    world: World, broken: str, step: str, fault: BaseException
) -> None:
    before = world.snapshot()
    world.faults[broken, step] = fault
    with RecordedEvents(world.kernel.bus) as seen, pytest.raises(type(fault)) as caught:
        world.kernel.load("third")
    assert caught.value is fault
    assert world.snapshot() == before
    assert seen.of(PluginFailed) == ()
    world.faults.clear()
    assert world.kernel.load("third") == CHAIN


@pytest.mark.parametrize("broken", CHAIN)
@pytest.mark.parametrize("step", ["undo", "close"])
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_on_the_way_back_of_a_failed_load_stops_nothing(
    world: World, broken: str, step: str, fault: BaseException
) -> None:
    before = world.snapshot()
    world.faults["third", "on_load"] = OSError("no device")
    world.faults[broken, step] = fault
    expected = PluginLoadError if isinstance(fault, Exception) else type(fault)
    with RecordedEvents(world.kernel.bus) as seen, pytest.raises(expected):
        world.kernel.load("third")
    after = world.snapshot()
    assert after["services"] == before["services"]
    assert after["subscriptions"] == before["subscriptions"]
    assert after["modules"] == before["modules"]
    states = [world.kernel.registry.record(plugin_id).state for plugin_id in CHAIN]
    assert states == [PluginState.REGISTERED, PluginState.REGISTERED, PluginState.FAILED]
    assert world.undone == ["third", "second", "first"]
    assert {(event.plugin_id, event.step) for event in seen.of(PluginFailed)} == {("third", "on_load"), (broken, step)}


@pytest.mark.parametrize("step", ["undo", "close"])
def test_an_interrupted_load_reports_what_fails_on_its_way_back(world: World, step: str) -> None:
    world.faults["first", "on_load"] = KeyboardInterrupt()
    world.faults["first", step] = error = OSError("no way back")
    with RecordedEvents(world.kernel.bus) as seen, pytest.raises(KeyboardInterrupt):
        world.kernel.load("first")
    assert seen.of(PluginFailed) == (PluginFailed("first", step, error, "1.0.0"),)
    assert world.kernel.registry.record("first").state is PluginState.REGISTERED


@pytest.mark.parametrize("broken", CHAIN)
@pytest.mark.parametrize("step", UNLOAD_STEPS)
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_an_unload_that_fails_runs_to_its_end_and_raises_what_failed(
    world: World, broken: str, step: str, fault: BaseException
) -> None:
    before = world.snapshot()
    world.kernel.load("third")
    world.faults[broken, step] = fault
    with RecordedEvents(world.kernel.bus) as seen, pytest.raises(BaseException) as caught:  # noqa: PT011 - told apart below
        world.kernel.unload("first", cascade=True)
    assert world.snapshot() == before
    assert [event.plugin_id for event in seen.of(PluginUnloaded)] == ["third", "second", "first"]
    assert seen.of(PluginFailed) == (PluginFailed(broken, step, fault, "1.0.0"),)
    assert world.undone == ["third", "second", "first"]
    assert [source.closed for source in world.sources.values()] == [1, 1, 1]
    if isinstance(fault, Exception):
        assert isinstance(caught.value, PluginUnloadError)
        assert caught.value.exceptions == (fault,)
        assert f"'{broken}' in {step}; they are unloaded" in str(caught.value)
    else:
        assert caught.value is fault


def test_everything_that_fails_while_unloading_is_in_one_group(world: World) -> None:
    world.kernel.load("third")
    errors = {(one, step): OSError(f"{one} {step}") for one in CHAIN for step in UNLOAD_STEPS}
    world.faults.update(errors)
    with RecordedEvents(world.kernel.bus) as seen, pytest.raises(PluginUnloadError) as caught:
        world.kernel.shutdown()
    expected = [errors[one, step] for one in reversed(CHAIN) for step in UNLOAD_STEPS]
    assert list(caught.value.exceptions) == expected
    assert [event.error for event in seen.of(PluginFailed)] == expected
    assert isinstance(caught.value.subgroup(lambda error: "first" in str(error)), PluginUnloadError)


def test_shutdown_unloads_all_in_reverse_order_even_if_some_fail_and_then_does_nothing(world: World) -> None:
    world.kernel.load("third")
    world.faults["second", "on_unload"] = OSError("stuck")
    with RecordedEvents(world.kernel.bus) as seen:
        with pytest.raises(PluginUnloadError):
            world.kernel.shutdown()
        world.kernel.shutdown()
    assert [event.plugin_id for event in seen.of(PluginUnloaded)] == ["third", "second", "first", "bystander"]
    assert seen.of(SystemShutdown) == (SystemShutdown(),)
    assert world.kernel.list(PluginState.REGISTERED) == ("bystander", "first", "second", "third")
    assert world.kernel.services.keys == ("taken",)
    assert [one.owner for one in world.kernel.bus.subscriptions] == []


@pytest.mark.parametrize("is_also_failing", [False, True])
def test_shutdown_unloads_all_when_a_subscriber_of_its_event_is_interrupted(
    world: World, is_also_failing: bool
) -> None:
    def interrupt(event: Event) -> None:
        raise KeyboardInterrupt

    world.kernel.load("third")
    if is_also_failing:
        world.faults["second", "on_unload"] = OSError("stuck")
    world.kernel.bus.subscribe(SystemShutdown, interrupt)
    with pytest.raises(KeyboardInterrupt):
        world.kernel.shutdown()
    assert world.kernel.list(PluginState.ACTIVE) == ()
    assert world.kernel.is_closed


@pytest.mark.parametrize("kind", [PluginLoaded, CapabilityProvided])
@pytest.mark.parametrize("place", CHAIN)
def test_a_subscriber_that_is_interrupted_while_a_load_is_announced_undoes_it(
    world: World, kind: type[KernelEvent], place: str
) -> None:
    def interrupt(event: Any) -> None:
        if event.plugin_id == place:
            raise KeyboardInterrupt

    before = world.snapshot()
    with world.kernel.bus.subscribe(kind, interrupt), pytest.raises(KeyboardInterrupt):
        world.kernel.load("third")
    assert world.snapshot() == before
    assert world.kernel.load("third") == CHAIN


@pytest.mark.parametrize("kind", [CapabilityWithdrawn, PluginUnloaded])
@pytest.mark.parametrize("place", CHAIN)
def test_a_subscriber_that_is_interrupted_while_an_unload_is_announced_stops_nothing(
    world: World, kind: type[KernelEvent], place: str
) -> None:
    def interrupt(event: Any) -> None:
        if event.plugin_id == place:
            raise KeyboardInterrupt

    before = world.snapshot()
    world.kernel.load("third")
    with world.kernel.bus.subscribe(kind, interrupt), pytest.raises(KeyboardInterrupt):
        world.kernel.unload("first", cascade=True)
    assert world.snapshot() == before
    assert [plugin.calls for plugin in world.plugins.values()] == [["on_load", "on_unload"]] * 3


def test_a_subscriber_that_is_interrupted_by_a_failure_leaves_the_failure_in_place(world: World) -> None:
    def interrupt(event: PluginFailed) -> None:
        raise KeyboardInterrupt

    world.faults["second", "on_load"] = OSError("no device")
    with world.kernel.bus.subscribe(PluginFailed, interrupt), pytest.raises(KeyboardInterrupt) as caught:
        world.kernel.load("third")
    assert isinstance(caught.value.__context__, PluginLoadError)
    states = [world.kernel.registry.record(plugin_id).state for plugin_id in CHAIN]
    assert states == [PluginState.REGISTERED, PluginState.FAILED, PluginState.REGISTERED]


@pytest.mark.parametrize("broken", ["second", "lost"])
def test_load_all_that_is_interrupted_keeps_what_is_up_and_lets_the_rest_go(world: World, broken: str) -> None:
    def interrupt(event: PluginFailed) -> None:
        if event.plugin_id == broken:
            raise KeyboardInterrupt

    world.kernel.register(FakePlugin("lost", dependencies={"nobody": "*"}))
    world.faults["first", "on_load"] = OSError("no device")
    with world.kernel.bus.subscribe(PluginFailed, interrupt), pytest.raises(KeyboardInterrupt):
        world.kernel.load_all()
    assert world.kernel.list(PluginState.LOADING) == ()
    assert world.kernel.registry.record("third").state is PluginState.REGISTERED
    assert world.kernel.registry.record("lost").state is PluginState.FAILED
    world.faults.clear()
    assert world.kernel.load_all().loaded == CHAIN


def test_load_all_that_is_interrupted_in_a_hook_keeps_what_is_up(world: World) -> None:
    world.faults["second", "on_load"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        world.kernel.load_all()
    states = [world.kernel.registry.record(plugin_id).state for plugin_id in CHAIN]
    assert states == [PluginState.ACTIVE, PluginState.REGISTERED, PluginState.REGISTERED]


def test_dependents_of_a_failed_plugin_are_refused_naming_it_until_it_is_loaded_again(world: World) -> None:
    world.faults["first", "on_load"] = OSError("no device")
    with pytest.raises(PluginLoadError):
        world.kernel.load("first")
    opened = world.sources["first"].opened
    for call in (world.kernel.load, world.kernel.resolve):
        with pytest.raises(FailedDependencyError) as caught:
            call("third")
        assert (caught.value.plugin_id, caught.value.dependency) == ("second", "first")
        assert caught.value.failure == "OSError: no device"
    assert world.sources["first"].opened == opened
    assert world.kernel.registry.record("second").state is PluginState.REGISTERED
    world.faults.clear()
    assert world.kernel.load("first") == ("first",)
    assert world.kernel.registry.record("first").failure is None
    assert world.kernel.load("third") == ("second", "third")


def test_the_one_that_failed_is_named_and_not_what_else_is_needed(world: World) -> None:
    world.faults["second", "on_load"] = OSError("no device")
    world.kernel.register(FakePlugin("both", dependencies={"first": "*", "second": "*"}))
    with pytest.raises(PluginLoadError):
        world.kernel.load("second")
    world.kernel.load("first")
    with pytest.raises(FailedDependencyError) as caught:
        world.kernel.load("both")
    assert (caught.value.plugin_id, caught.value.dependency) == ("both", "second")


def test_whoever_needs_the_capability_of_a_failed_plugin_alone_is_refused_naming_it() -> None:
    kernel = Kernel()

    def fail(ctx: PluginContext) -> None:
        raise OSError("no device")

    # The newest, which would be chosen had it not failed.
    kernel.register(FakePlugin("giver", "2.0.0", provides={GIVEN: {}}, on_load=fail))
    kernel.register(FakePlugin("user", requires=[Requirement(GIVEN)]))
    with pytest.raises(PluginLoadError):
        kernel.load("giver")
    with pytest.raises(FailedDependencyError, match="it needs 'giver', which failed: OSError: no device"):
        kernel.load("user")
    kernel.register(FakePlugin("other", provides={GIVEN: {}}))
    assert kernel.load("user") == ("other", "user")


def test_needs_that_not_even_a_failed_plugin_meets_are_a_matter_of_resolution() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("user", requires=[Requirement(GIVEN)]))
    with pytest.raises(ResolutionError, match="'given'"):
        kernel.load("user")


def test_a_plugin_that_failed_before_and_was_not_tried_now_keeps_its_failure(world: World) -> None:
    world.faults["second", "on_load"] = OSError("no device")
    with pytest.raises(PluginLoadError):
        world.kernel.load("second")
    failed = world.kernel.registry.record("second")
    world.faults["first", "on_load"] = OSError("first of all")
    with pytest.raises(PluginLoadError, match="first of all"):
        world.kernel.load("first", "second")
    assert world.kernel.registry.record("second") == failed


def test_a_source_that_brings_in_another_plugin_is_refused() -> None:
    kernel = Kernel()
    source = FakeSource(FakePlugin("b", "2.0"), metadata=PluginMetadata("a", "1.0"))
    kernel.register(source)
    with pytest.raises(PluginLoadError, match=r"the code says to be 'b' 2\.0, it was registered as 'a' 1\.0"):
        kernel.load("a")
    assert (source.opened, source.closed) == (1, 1)


def test_a_source_that_makes_its_metadata_anew_each_time_is_loaded() -> None:
    class Fresh(FakeSource):
        @property
        def metadata(self) -> PluginMetadata:
            return PluginMetadata("a", "1.0.0")

    kernel = Kernel()
    kernel.register(Fresh(FakePlugin("a")))
    assert kernel.load("a") == ("a",)
    assert kernel.unload("a") == ("a",)


class Duck:
    """A plugin by its shape alone."""

    def __init__(self, **hooks: object) -> None:
        self.__dict__.update({"on_load": lambda ctx: None, "on_unload": lambda ctx: None, **hooks})


async def coroutine(*args: object) -> None:
    raise AssertionError("nothing awaits this")


@pytest.mark.parametrize(
    ("hooks", "text"),
    [
        ({"on_load": None}, "Duck is no plugin: its 'on_load' can't be called"),
        ({"on_unload": 1}, "Duck is no plugin: its 'on_unload' can't be called"),
        ({"on_load": coroutine}, "its 'on_load' is 'async def'"),
        ({"on_unload": coroutine}, "its 'on_unload' is 'async def'"),
        ({"on_event": coroutine}, "the bus is synchronous and the hook is 'async def'"),
        ({"on_event": print, "event_types": "tick"}, "event_types is the single 'tick'"),
        ({"on_event": print, "event_types": Event}, "give a tuple of event classes and topics"),
        ({"metadata": 3}, "its metadata is a int, not PluginMetadata"),
    ],
)
def test_what_is_no_plugin_is_refused_when_it_is_brought_in(hooks: dict[str, object], text: str) -> None:
    kernel = Kernel()
    duck: Any = Duck(**hooks)
    kernel.register(FakeSource(duck, metadata=PluginMetadata("duck", "1.0")))
    with pytest.raises(PluginLoadError) as caught:
        kernel.load("duck")
    assert text in str(caught.value)
    assert kernel.bus.subscriptions == ()


def test_a_plugin_by_its_shape_alone_is_loaded_and_hears_everything() -> None:
    class Hook:
        events: list[Event] = []  # noqa: RUF012 - one object is all there is

        def __call__(self, event: Event, ctx: PluginContext) -> None:
            self.events.append(event)

    kernel = Kernel()
    hook = Hook()
    duck: Any = Duck(on_event=hook)
    kernel.register(FakeSource(duck, metadata=PluginMetadata("duck", "1.0")))
    kernel.load("duck")
    kernel.bus.publish(Event.custom("tick"))
    assert [event.topic for event in hook.events] == ["PluginLoaded", "tick"]


def test_an_exception_without_a_text_is_named_by_its_type_alone(world: World) -> None:
    class BrokenError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    for fault, text in ((ValueError(), "ValueError"), (BrokenError(), f"{BrokenError.__qualname__}: its text can't")):
        world.faults["first", "on_load"] = fault
        with pytest.raises(PluginLoadError) as caught:
            world.kernel.load("first")
        assert caught.value.cause.startswith(text)
        failure = world.kernel.registry.record("first").failure
        assert failure is not None
        assert failure.message == caught.value.cause


def test_a_context_of_a_failed_load_refuses_every_change() -> None:
    kernel = Kernel()
    kept: list[PluginContext] = []

    def fail(ctx: PluginContext) -> None:
        kept.append(ctx)
        raise OSError("no device")

    kernel.register(FakePlugin("a", services={"s": 1}, on_load=fail))
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    calls: list[Callable[[], object]] = [
        lambda: kept[0].subscribe("*", print),
        lambda: kept[0].register_service("s", 1),
        lambda: kept[0].on_unload(print),
    ]
    for call in calls:
        with pytest.raises(PluginStateError, match="plugin 'a': it is unloaded"):
            call()


def test_the_pressure_of_faults_leaves_nothing(world: World) -> None:
    with LeakCheck(world.kernel):
        for step in LOAD_STEPS:
            for broken in CHAIN:
                world.faults = {(broken, step): OSError("no device")}
                assert not world.kernel.load_all().is_complete
                for plugin_id in reversed(world.kernel.list(PluginState.ACTIVE)):
                    if plugin_id in CHAIN and plugin_id in world.kernel.list(PluginState.ACTIVE):
                        world.kernel.unload(plugin_id, cascade=True)
