"""What a host sees of the kernel: register, load, unload, find, shut down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from plugbus.kernel import (
    AmbiguousServiceError,
    Capability,
    CapabilityProvided,
    CapabilityWithdrawn,
    CycleError,
    DependentsError,
    Event,
    Kernel,
    KernelClosedError,
    Plugin,
    PluginContext,
    PluginExistsError,
    PluginLoaded,
    PluginLoadError,
    PluginMetadata,
    PluginNotFoundError,
    PluginRegistered,
    PluginState,
    PluginStateError,
    PluginTypeError,
    PluginUnloaded,
    PluginUnregistered,
    Requirement,
    ResolutionError,
    SystemInit,
    SystemShutdown,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, RecordedEvents, assert_unloaded

STORE: Capability[dict[str, int]] = Capability("store", contract=dict)
VISION: Capability[object] = Capability("Vision")


def ids_of(kernel: Kernel, *plugins: Plugin | FakeSource) -> tuple[str, ...]:
    return tuple(kernel.register(plugin) for plugin in plugins)


def test_register_keeps_metadata_and_runs_nothing() -> None:
    kernel = Kernel()
    plugin = FakePlugin("a", "1.2.0")
    source = FakeSource(FakePlugin("b"))
    with RecordedEvents(kernel.bus) as seen:
        assert ids_of(kernel, plugin, source) == ("a", "b")
    assert kernel.list() == ("a", "b")
    assert kernel.registry.record("a").state is PluginState.REGISTERED
    assert plugin.calls == []
    assert source.opened == 0
    assert seen.events == [PluginRegistered("a", "1.2.0"), PluginRegistered("b", "1.0.0")]


def test_register_refuses_the_same_version_and_takes_another_one_as_a_candidate() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a", "1.0"))
    kernel.register(FakePlugin("a", "2.0"))
    with pytest.raises(PluginExistsError, match=r"version 1\.0\.0"):
        kernel.register(FakePlugin("a", "1.0.0"))
    assert kernel.list() == ("a",)
    kernel.load("a")
    assert kernel.registry.record("a").metadata.version == "2.0"


def test_register_refuses_what_has_no_metadata() -> None:
    with pytest.raises(TypeError, match="cannot register plugin 'object'"):
        Kernel().register(object())  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_a_plugin_with_a_method_named_open_is_a_plugin() -> None:
    class Door(FakePlugin):
        def open(self) -> None:
            raise AssertionError("this is not the kernel's business")

    kernel = Kernel()
    kernel.register(Door("door"))
    assert kernel.load("door") == ("door",)


def test_load_brings_up_what_is_needed_before_and_says_so() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("c", dependencies={"b": "*"}), FakePlugin("b", dependencies={"a": "^1.0"}))
    ids_of(kernel, FakePlugin("a"), FakePlugin("idle"))
    with RecordedEvents(kernel.bus, PluginLoaded) as seen:
        assert kernel.load("c") == ("a", "b", "c")
    assert [event.plugin_id for event in seen.of(PluginLoaded)] == ["a", "b", "c"]
    assert kernel.list(PluginState.ACTIVE) == ("a", "b", "c")
    assert kernel.list(PluginState.REGISTERED) == ("idle",)


def test_load_of_what_is_active_does_nothing() -> None:
    kernel = Kernel()
    plugin = FakePlugin("a")
    kernel.register(plugin)
    assert kernel.load("a", "a") == ("a",)
    assert kernel.load("a") == ()
    assert kernel.load() == ()
    assert plugin.calls == ["on_load"]


def test_a_capability_becomes_visible_with_its_plugin_and_goes_with_it() -> None:
    kernel = Kernel()
    held: dict[str, int] = {}
    kernel.register(FakePlugin("a", provides={STORE: held}, services={"my_store": held}))
    with RecordedEvents(kernel.bus) as seen:
        kernel.load("a")
        assert kernel.services.get(STORE) is held
        assert kernel.services.get("my_store", dict) is held
        kernel.unload("a")
    assert kernel.services.keys == ()
    assert seen.events == [
        CapabilityProvided("store", "a"),
        CapabilityProvided("my_store", "a"),
        PluginLoaded("a", "1.0.0"),
        CapabilityWithdrawn("store", "a"),
        CapabilityWithdrawn("my_store", "a"),
        PluginUnloaded("a", "1.0.0"),
    ]


def test_what_on_load_provides_becomes_visible_in_one_step_when_it_has_returned() -> None:
    kernel = Kernel()
    seen: list[object] = []

    @dataclass(frozen=True, slots=True)
    class Asked(Event):
        pass

    def look(ctx: PluginContext) -> None:
        seen.append((kernel.services.find(STORE), kernel.services.find("name"), ctx.get_service("name")))
        ctx.publish(Asked())

    plugin = FakePlugin("a", provides={STORE: {}}, services={"name": "object"}, subscriptions=[Asked], on_load=look)
    kernel.register(plugin)
    kernel.load("a")
    assert seen == [(None, None, "object")]
    assert plugin.events == []
    kernel.bus.publish(Asked())
    assert plugin.events == [Asked()]
    assert kernel.services.find("name") == "object"


@pytest.mark.parametrize("missing", ["dependency", "capability", "range"])
def test_needs_that_nothing_meets_are_refused_before_anything_runs(missing: str) -> None:
    kernel = Kernel()
    needs: dict[str, Any] = {
        "dependency": {"dependencies": {"nobody": "*"}},
        "capability": {"requires": [Requirement(STORE)]},
        "range": {"dependencies": {"a": ">=99"}},
    }
    fine, picky = FakePlugin("a"), FakePlugin("b", **needs[missing])
    ids_of(kernel, fine, picky)
    before = kernel.registry.snapshot()
    with pytest.raises(ResolutionError, match=r"'b' 1\.0\.0 requires"):
        kernel.load("a", "b")
    assert kernel.registry.snapshot() == before
    assert fine.calls == picky.calls == []


def test_a_circle_is_named() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a", dependencies={"b": "*"}), FakePlugin("b", dependencies={"a": "*"}))
    with pytest.raises(CycleError, match="a -> b -> a"):
        kernel.load("a")


def test_load_of_an_unknown_plugin_offers_near_names() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("tracker"))
    with pytest.raises(PluginNotFoundError, match="did you mean 'tracker'"):
        kernel.load("traker")


def test_resolve_says_what_load_would_do_and_does_nothing() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a"), FakePlugin("b", dependencies={"a": "*"}))
    before = kernel.registry.snapshot()
    plan = kernel.resolve("b")
    assert [metadata.id for metadata in plan.order] == ["a", "b"]
    assert plan.providers["b"] == {"a": "a"}
    assert kernel.registry.snapshot() == before
    assert kernel.load("b") == ("a", "b")
    assert kernel.resolve("b").order == ()


def test_only_the_asked_for_part_of_the_registry_is_resolved() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a"), FakePlugin("broken", dependencies={"nobody": "not a range!"}))
    assert kernel.load("a") == ("a",)


def test_the_version_is_chosen_that_a_whole_plan_allows() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a", "1.5"), FakePlugin("a", "2.0"), FakePlugin("b", dependencies={"a": "^1.0"}))
    kernel.load("b")
    assert kernel.registry.record("a").metadata.version == "1.5"
    kernel.unload("a", cascade=True)
    assert kernel.registry.record("a").metadata.version == "2.0"


def test_preferences_pick_the_provider_and_the_version() -> None:
    kernel = Kernel(preferences={"store": "second", "first": "<2"})
    one: dict[str, int] = {}
    other: dict[str, int] = {}
    ids_of(kernel, FakePlugin("first", "1.0", provides={STORE: one}), FakePlugin("first", "2.0"))
    ids_of(kernel, FakePlugin("second", provides={STORE: other}), FakePlugin("user", requires=[Requirement(STORE)]))
    assert kernel.load("user") == ("second", "user")
    kernel.load("first")
    assert kernel.registry.record("first").metadata.version == "1.0"
    assert kernel.services.get(STORE) is other


def test_several_providers_without_a_preference_are_ambiguous() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a", provides={STORE: {}}), FakePlugin("b", provides={STORE: {}}))
    kernel.load("a", "b")
    with pytest.raises(AmbiguousServiceError, match="'a', 'b' provide it"):
        kernel.services.get(STORE)


def test_config_reaches_its_plugin_and_no_other() -> None:
    kernel = Kernel(config={"a": {"size": 3}})
    got: dict[str, object] = {}
    for plugin_id in ("a", "b"):
        kernel.register(FakePlugin(plugin_id, on_load=lambda ctx: got.update({ctx.plugin_id: ctx.config})))
    kernel.load("a", "b")
    assert got == {"a": {"size": 3}, "b": {}}


def test_configure_takes_the_place_of_config() -> None:
    def configure(metadata: PluginMetadata, plugin: Plugin) -> object:
        assert isinstance(plugin, FakePlugin)
        return f"{metadata.id} with {plugin.calls}"

    kernel = Kernel(config={"a": "unused"}, configure=configure)
    got: list[object] = []
    kernel.register(FakePlugin("a", on_load=lambda ctx: got.append(ctx.config)))
    kernel.load("a")
    assert got == ["a with []"]


def test_load_all_lets_the_rest_work_and_reports_every_failure() -> None:
    kernel = Kernel()

    def fail(ctx: PluginContext) -> None:
        raise OSError("no device")

    ids_of(kernel, FakePlugin("user", dependencies={"broken": "*"}), FakePlugin("broken", on_load=fail))
    ids_of(kernel, FakePlugin("far", dependencies={"user": "*"}), FakePlugin("lost", dependencies={"nobody": "*"}))
    ids_of(kernel, FakePlugin("fine"), FakePlugin("finer", dependencies={"fine": "*"}))
    with RecordedEvents(kernel.bus) as seen:
        report = kernel.load_all()
    assert set(report.loaded) == {"fine", "finer"}
    assert not report.is_complete
    assert {plugin_id: failure.step for plugin_id, failure in report.failed.items()} == {
        "broken": "on_load",
        "user": "dependency",
        "far": "dependency",
        "lost": "resolve",
    }
    assert report.failed["broken"].error_type == "builtins.OSError"
    assert report.failed["broken"].message == "OSError: no device"
    assert "'broken', which failed: OSError: no device" in report.failed["user"].message
    assert "'nobody'" in report.failed["lost"].message
    assert kernel.list(PluginState.FAILED) == ("broken", "far", "lost", "user")
    failed = {event.plugin_id: event.step for event in seen if event.topic == "PluginFailed"}  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
    assert failed == {plugin_id: failure.step for plugin_id, failure in report.failed.items()}
    for plugin_id in report.failed:
        assert kernel.registry.record(plugin_id).failure == report.failed[plugin_id]


def test_load_all_tries_again_what_failed() -> None:
    kernel = Kernel()
    is_broken = True

    def fail(ctx: PluginContext) -> None:
        if is_broken:
            raise OSError("no device")

    # The user comes first: that its provider had failed must not keep it from being in the plan.
    ids_of(kernel, FakePlugin("user", requires=[Requirement(STORE)]))
    ids_of(kernel, FakePlugin("store", provides={STORE: {}}, on_load=fail), FakePlugin("x", dependencies={"y": "*"}))
    assert set(kernel.load_all().failed) == {"store", "user", "x"}
    is_broken = False
    report = kernel.load_all()
    assert report.loaded == ("store", "user")
    assert set(report.failed) == {"x"}
    assert kernel.registry.record("store").failure is None


def test_load_all_loads_what_has_an_optional_need_without_it() -> None:
    kernel = Kernel()

    def fail(ctx: PluginContext) -> None:
        raise OSError("no device")

    ids_of(kernel, FakePlugin("extra", on_load=fail))
    ids_of(kernel, FakePlugin("user", requires=[Requirement("extra", optional=True)]))
    report = kernel.load_all()
    assert report.loaded == ("user",)
    assert set(report.failed) == {"extra"}


def test_load_all_takes_a_version_that_only_another_ones_need_allows() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a", "1.0", dependencies={"nobody": "*"}), FakePlugin("a", "2.0rc1"))
    # The one that is lost makes the others be tried one by one, 'a' by itself first.
    ids_of(kernel, FakePlugin("b", dependencies={"a": ">=2.0rc1"}), FakePlugin("lost", dependencies={"nobody": "*"}))
    report = kernel.load_all()
    assert set(report.failed) == {"lost"}
    assert report.loaded == ("a", "b")


def test_load_all_publishes_system_init_once_after_all_are_loaded() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    with RecordedEvents(kernel.bus) as seen:
        assert kernel.initialize_all().is_complete
        kernel.register(FakePlugin("late"))
        assert kernel.load_all().loaded == ("late",)
        assert kernel.load_all().loaded == ()
    assert seen.topics == ("PluginLoaded", "SystemInit", "PluginRegistered", "PluginLoaded")
    assert seen.of(SystemInit) == (SystemInit(),)


def test_unload_releases_everything_and_the_plugin_can_be_loaded_again() -> None:
    kernel = Kernel()
    plugin = FakePlugin("a", provides={STORE: {}}, services={"s": 1}, subscriptions=["*"])
    kernel.register(plugin)
    kernel.load("a")
    assert kernel.unload("a") == ("a",)
    assert_unloaded(kernel, "a")
    assert kernel.list(PluginState.REGISTERED) == ("a",)
    kernel.load("a")
    assert plugin.calls == ["on_load", "on_unload", "on_load"]


def test_unload_is_refused_while_others_need_the_plugin() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a"), FakePlugin("b", dependencies={"a": "*"}), FakePlugin("c", dependencies={"b": "*"}))
    kernel.load("c")
    with pytest.raises(DependentsError) as caught:
        kernel.unload("a")
    assert caught.value.dependents == ("c", "b")
    assert kernel.list(PluginState.ACTIVE) == ("a", "b", "c")
    assert kernel.unload("a", cascade=True) == ("c", "b", "a")
    assert kernel.list(PluginState.ACTIVE) == ()


def test_unload_of_one_provider_is_allowed_while_another_one_serves_in_range() -> None:
    kernel = Kernel()
    old: Capability[dict[str, int]] = Capability("store", version="1.0.0", contract=dict)
    new: Capability[dict[str, int]] = Capability("store", version="2.0.0", contract=dict)
    ids_of(kernel, FakePlugin("old", provides={old: {}}), FakePlugin("new", provides={new: {}}))
    ids_of(kernel, FakePlugin("twin", provides={new: {}}), FakePlugin("user", requires=[Requirement(new, "^2.0")]))
    kernel.load("old", "new", "twin", "user")
    assert kernel.unload("new") == ("new",)
    # The one that is left in range may not go, although it was not what the user had been resolved with.
    with pytest.raises(DependentsError, match="'user' need it"):
        kernel.unload("twin")
    assert kernel.unload("old") == ("old",)


def test_a_plugin_does_not_serve_its_own_need() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("giver", provides={STORE: {}}))
    ids_of(kernel, FakePlugin("layer", provides={STORE: {}}, requires=[Requirement(STORE), Requirement(STORE)]))
    assert kernel.load("layer") == ("giver", "layer")
    with pytest.raises(DependentsError, match="'layer' need it"):
        kernel.unload("giver")


def test_what_is_required_twice_and_once_as_optional_is_required() -> None:
    kernel = Kernel()
    wishes = [Requirement("a", optional=True), Requirement(STORE, optional=True), Requirement(STORE)]
    ids_of(kernel, FakePlugin("a", provides={STORE: {}}), FakePlugin("b", requires=wishes))
    kernel.load("b")
    with pytest.raises(DependentsError, match="'b' need it"):
        kernel.unload("a")


def test_cascade_takes_along_whoever_loses_its_last_provider() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("first", provides={STORE: {}}))
    ids_of(kernel, FakePlugin("second", provides={STORE: {}}, dependencies={"first": "*"}))
    ids_of(kernel, FakePlugin("user", requires=[Requirement(STORE)]))
    kernel.load("first", "second", "user")
    with pytest.raises(DependentsError) as caught:
        kernel.unload("first")
    assert set(caught.value.dependents) == {"user", "second"}
    assert kernel.unload("first", cascade=True) == ("user", "second", "first")


def test_unload_does_not_wait_for_who_needs_the_plugin_only_optionally() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("extra"), FakePlugin("user", requires=[Requirement("extra", optional=True)]))
    assert kernel.load("extra", "user") == ("extra", "user")
    assert kernel.unload("extra") == ("extra",)
    assert kernel.list(PluginState.ACTIVE) == ("user",)


def test_a_need_ends_with_the_plugin_that_had_it() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a"), FakePlugin("b", dependencies={"a": "*"}), FakePlugin("c", dependencies={"a": "*"}))
    kernel.load("b", "c")
    kernel.unload("b")
    with pytest.raises(DependentsError, match="'c' need it"):
        kernel.unload("a")
    kernel.unload("c")
    assert kernel.unload("a") == ("a",)


def test_unload_of_what_is_not_active_is_refused() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    with pytest.raises(PluginStateError, match="cannot unload plugin 'a': it is registered"):
        kernel.unload("a")
    with pytest.raises(PluginNotFoundError):
        kernel.unload("b")


def test_unregister_forgets_what_is_not_loaded() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("a", "1.0"), FakePlugin("a", "2.0"))
    kernel.load("a")
    with pytest.raises(PluginStateError, match="unload it first"):
        kernel.unregister("a")
    with RecordedEvents(kernel.bus) as seen:
        kernel.unregister("a", "1.0")
        kernel.unload("a")
        kernel.unregister("a")
    assert seen.of(PluginUnregistered) == (PluginUnregistered("a", "1.0"), PluginUnregistered("a", ""))
    assert kernel.list() == ()
    with pytest.raises(PluginNotFoundError):
        kernel.load("a")


def test_get_returns_the_active_plugin_as_its_type() -> None:
    kernel = Kernel()
    plugin = FakePlugin("a")
    kernel.register(plugin)
    with pytest.raises(PluginStateError, match="load it first"):
        kernel.get("a")
    kernel.load("a")
    assert kernel.get("a") is plugin
    assert kernel.get("a", FakePlugin) is plugin
    with pytest.raises(PluginTypeError, match="as Special: it is a FakePlugin"):
        kernel.get("a", type("Special", (FakePlugin,), {}))


def test_find_by_capability_answers_in_order_of_registration_whatever_the_state() -> None:
    kernel = Kernel()
    ids_of(kernel, FakePlugin("b", declares=[VISION]), FakePlugin("a", declares=[VISION]), FakePlugin("c"))
    kernel.load("a")
    assert [one.id for one in kernel.find_by_capability("Vision")] == ["b", "a"]
    assert [one.id for one in kernel.find_by_capability(VISION)] == ["b", "a"]
    assert kernel.find_by_capability("Language") == ()


def test_shutdown_unloads_in_reverse_order_after_its_event() -> None:
    kernel = Kernel()
    order: list[str] = []
    for plugin_id in ("a", "b", "c"):
        kernel.register(FakePlugin(plugin_id, on_unload=lambda ctx: order.append(ctx.plugin_id)))
    kernel.load("b")
    kernel.load("a", "c")
    with RecordedEvents(kernel.bus) as seen:
        kernel.shutdown()
        kernel.shutdown()
    assert order == ["c", "a", "b"]
    assert seen.topics == ("SystemShutdown", "PluginUnloaded", "PluginUnloaded", "PluginUnloaded")
    assert seen.of(PluginUnloaded)[0].plugin_id == "c"
    assert kernel.is_closed


def test_a_closed_kernel_refuses_to_register_and_to_load_and_can_still_be_asked() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    kernel.shutdown()
    with pytest.raises(KernelClosedError, match="cannot register a plugin: the kernel is shut down"):
        kernel.register(FakePlugin("b"))
    for call in (lambda: kernel.load("a"), kernel.load_all, kernel.load):
        with pytest.raises(KernelClosedError, match="cannot load plugins"):
            call()
    assert kernel.list() == ("a",)


def test_the_with_block_shuts_down_also_when_it_raises() -> None:
    plugin = FakePlugin("a")
    kernel = Kernel()
    kernel.register(plugin)
    kernel.load("a")
    with pytest.raises(LookupError, match="nothing provides it"), kernel as entered:
        entered.services.get("nothing")
    assert kernel.is_closed
    assert plugin.calls == ["on_load", "on_unload"]


def test_several_kernels_share_nothing() -> None:
    one, other = Kernel(), Kernel()
    held: dict[str, int] = {}
    with RecordedEvents(other.bus) as seen:
        one.register(FakePlugin("a", provides={STORE: held}, subscriptions=["ping"]))
        one.load_all()
        one.bus.publish(Event.custom("ping"))
        other.register(FakePlugin("a", "9.0"))
        with pytest.raises(LookupError):
            other.services.get(STORE)
        one.shutdown()
    assert seen.topics == ("PluginRegistered",)
    assert other.load("a") == ("a",)
    assert not other.is_closed


def test_the_depth_limit_is_the_hosts() -> None:
    kernel = Kernel(depth_limit=1)
    kernel.register(FakePlugin("a", on_load=lambda ctx: None))
    depth: list[object] = []

    def load(event: Event) -> None:
        try:
            kernel.load("a")
        except RecursionError as error:
            depth.append(error)

    kernel.bus.subscribe("go", load)
    kernel.bus.subscribe(PluginLoaded, lambda event: None)
    kernel.bus.publish(Event.custom("go"))
    # The load could not be announced, so it is undone: nobody is to hold as loaded what nobody was told of.
    assert len(depth) == 1
    assert kernel.list(PluginState.ACTIVE) == ()
    assert kernel.load("a") == ("a",)


def test_the_first_failure_to_load_is_told_apart_from_needs() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a", declares=[STORE]))
    with pytest.raises(PluginLoadError, match="cannot load plugin 'a': provide failed: UndeclaredCapabilityError"):
        kernel.load("a")


def test_system_shutdown_subscribers_may_use_everything_still() -> None:
    kernel = Kernel()
    held: dict[str, int] = {"x": 1}
    kernel.register(FakePlugin("a", provides={STORE: held}))
    kernel.load("a")
    found: list[object] = []
    kernel.bus.subscribe(SystemShutdown, lambda event: found.append(kernel.services.get(STORE)))
    kernel.shutdown()
    assert found == [held]
