"""Activation on demand: which plugin a lookup loads, when, and what it says where it can't."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from plugbus.kernel import (
    ActivationError,
    Capability,
    Kernel,
    PluginContext,
    PluginLoaded,
    PluginLoadError,
    PluginState,
    Requirement,
    ServiceNotFoundError,
    ServiceTimeoutError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, Gate, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Store = dict[str, str]
STORE: Capability[Store] = Capability("store", contract=dict)
STORE_2: Capability[Store] = Capability("store", version="2.0.0", contract=dict)
LABEL: Capability[object] = Capability("label")


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel(activate_on_demand=True) as kernel:
        yield kernel


def refuse(ctx: PluginContext) -> None:
    raise OSError("no device")


def provider(plugin_id: str, version: str = "1.0.0", token: Capability[Store] = STORE) -> FakePlugin:
    return FakePlugin(plugin_id, version, provides={token: {"of": plugin_id}})


def broken(plugin_id: str) -> FakePlugin:
    return FakePlugin(plugin_id, declares=[STORE], on_load=refuse)


def lease(kernel: Kernel) -> object:
    with kernel.services.lease(STORE) as found:
        return found


@pytest.mark.parametrize(
    "ask",
    [
        lambda kernel: kernel.services.get(STORE),
        lambda kernel: kernel.services.get("store"),
        lambda kernel: kernel.services.get("store", dict),
        lambda kernel: kernel.services.find(STORE),
        lambda kernel: kernel.services.find("store", dict),
        lambda kernel: kernel.services.ref(STORE).get(),
        lambda kernel: kernel.services.ref(STORE).find(),
        lease,
    ],
    ids=["get", "by name", "of a type", "find", "find of a type", "ref.get", "ref.find", "lease"],
)
def test_a_lookup_loads_what_declares_the_capability_and_what_that_needs(
    kernel: Kernel, ask: Callable[[Kernel], object]
) -> None:
    kernel.register(FakePlugin("disk"))
    kernel.register(FakePlugin("other"))
    plugin = FakePlugin("files", dependencies={"disk": "^1.0"}, provides={STORE: {"of": "files"}})
    kernel.register(plugin)
    assert kernel.list(PluginState.ACTIVE) == ()
    assert ask(kernel) == {"of": "files"}
    assert ask(kernel) == {"of": "files"}
    assert kernel.list(PluginState.ACTIVE) == ("disk", "files")
    assert plugin.calls == ["on_load"]


def test_a_kernel_loads_nothing_by_itself_unless_it_was_told_to() -> None:
    kernel = Kernel()
    kernel.register(provider("files"))
    assert kernel.services.find(STORE) is None
    assert kernel.list(PluginState.ACTIVE) == ()


def test_what_nobody_declares_is_not_found(kernel: Kernel) -> None:
    kernel.register(provider("files"))
    with pytest.raises(ServiceNotFoundError) as caught:
        kernel.services.get("stone")
    assert not isinstance(caught.value, ActivationError)
    assert kernel.list(PluginState.ACTIVE) == ()


def test_a_lookup_loads_nothing_where_something_is_provided(kernel: Kernel) -> None:
    kernel.register(provider("files"))
    with kernel.services.provide(STORE, {"of": "host"}):
        assert kernel.services.get(STORE) == {"of": "host"}
    assert kernel.list(PluginState.ACTIVE) == ()


def test_among_several_the_newest_contract_is_loaded_then_the_newest_plugin(kernel: Kernel) -> None:
    for plugin in (provider("old", "9.0.0"), provider("a", "1.0.0", STORE_2), provider("b", "1.2.0", STORE_2)):
        kernel.register(plugin)
    assert kernel.services.get(STORE) == {"of": "b"}
    assert kernel.list(PluginState.ACTIVE) == ("b",)


def test_among_several_the_one_that_the_host_prefers_is_loaded() -> None:
    with Kernel(activate_on_demand=True, preferences={"store": "a"}) as kernel:
        kernel.register(provider("a"))
        kernel.register(provider("b", "2.0.0", STORE_2))
        assert kernel.services.get(STORE) == {"of": "a"}
        assert kernel.list(PluginState.ACTIVE) == ("a",)


def test_a_capability_of_a_pre_release_is_found(kernel: Kernel) -> None:
    kernel.register(provider("a", "1.0.0rc1", Capability("store", version="1.0.0rc1", contract=dict)))
    assert kernel.services.get(STORE) == {"of": "a"}


def test_a_plugin_that_fails_is_passed_over_and_not_tried_again(kernel: Kernel) -> None:
    newer = FakePlugin("newer", "2.0.0", declares=[STORE], on_load=refuse)
    kernel.register(newer)
    kernel.register(provider("older"))
    assert kernel.services.get(STORE) == {"of": "older"}
    kernel.unload("older")
    assert kernel.services.get(STORE) == {"of": "older"}
    assert newer.calls == ["on_load"]
    assert kernel.registry.record("newer").state is PluginState.FAILED


def test_a_lookup_says_why_nothing_could_be_loaded_each_time_it_is_made(kernel: Kernel) -> None:
    plugin = broken("a")
    kernel.register(plugin)
    kernel.register(FakePlugin("b", declares=[STORE], dependencies={"missing": "^1.0"}))
    kernel.register(FakePlugin("c", declares=[STORE], dependencies={"a": "^1.0"}))
    kernel.register(broken("d"))
    kernel.disable("d", reason="not today")
    with pytest.raises(ActivationError) as caught:
        kernel.services.get(STORE)
    assert isinstance(caught.value.__cause__, PluginLoadError)
    assert caught.value.__cause__.plugin_id == "a"
    assert caught.value.key == "store"
    assert sorted(caught.value.reasons) == [
        "'a' declares it, but failed: OSError: no device",
        (
            "'b' declares it, but cannot resolve plugins 'b': 'b' 1.0.0 requires plugin 'missing' ^1.0, "
            "which is not registered"
        ),
        (
            "'c' declares it, but cannot load plugin 'c': it needs 'a', which failed: OSError: no device; load 'a' "
            "again once that is repaired"
        ),
        "'d' declares it, but is disabled: not today",
    ]
    with pytest.raises(ActivationError) as again:
        kernel.services.get(STORE)
    assert again.value.reasons == caught.value.reasons
    assert again.value.__cause__ is None
    assert kernel.services.find(STORE) is None
    assert plugin.calls == ["on_load"]


def test_a_dependency_that_fails_is_named(kernel: Kernel) -> None:
    kernel.register(FakePlugin("disk", on_load=refuse))
    kernel.register(FakePlugin("files", dependencies={"disk": "^1.0"}, provides={STORE: {}}))
    with pytest.raises(ActivationError, match="it needs 'disk', which failed: OSError: no device"):
        kernel.services.get(STORE)
    assert kernel.registry.record("files").state is PluginState.REGISTERED


def test_an_interrupt_is_raised_and_the_next_lookup_tries_again(kernel: Kernel) -> None:
    interrupts: list[BaseException] = [KeyboardInterrupt()]

    def on_load(ctx: PluginContext) -> None:
        if interrupts:
            raise interrupts.pop()

    kernel.register(FakePlugin("files", provides={STORE: {"of": "files"}}, on_load=on_load))
    with pytest.raises(KeyboardInterrupt):
        kernel.services.find(STORE)
    assert kernel.services.find(STORE) == {"of": "files"}


def test_after_an_unload_the_next_lookup_loads_anew(kernel: Kernel) -> None:
    plugin = provider("files")
    kernel.register(plugin)
    kernel.services.get(STORE)
    kernel.unload("files")
    kernel.services.get(STORE)
    assert plugin.calls == ["on_load", "on_unload", "on_load"]


def test_what_is_declared_and_not_provided_is_loaded_once_and_not_found(kernel: Kernel) -> None:
    plugin = FakePlugin("files", declares=[LABEL])
    kernel.register(plugin)
    for _ in range(2):
        with pytest.raises(ServiceNotFoundError) as caught:
            kernel.services.get(LABEL)
        assert not isinstance(caught.value, ActivationError)
    assert plugin.calls == ["on_load"]


def test_a_kernel_that_is_shut_down_loads_nothing(kernel: Kernel) -> None:
    found: list[object] = []

    def on_unload(ctx: PluginContext) -> None:
        found.append(ctx.get_service(STORE))

    kernel.register(FakePlugin("reader", on_unload=on_unload))
    kernel.register(provider("files"))
    kernel.load("reader")
    kernel.shutdown()
    assert found == [None]
    with pytest.raises(ServiceNotFoundError):
        kernel.services.get(STORE)


def test_a_hook_may_look_up_what_is_not_loaded_yet(kernel: Kernel) -> None:
    found: list[object] = []
    kernel.register(provider("files"))
    kernel.register(FakePlugin("reader", on_load=lambda ctx: found.append(ctx.get(STORE))))
    kernel.load("reader")
    assert found == [{"of": "files"}]
    assert kernel.list(PluginState.ACTIVE) == ("files", "reader")


def test_a_subscriber_of_a_change_may_look_up_what_is_not_loaded_yet(kernel: Kernel) -> None:
    found: list[object] = []

    def on_loaded(event: PluginLoaded) -> None:
        if event.plugin_id == "other":
            found.append(kernel.services.get(STORE))

    kernel.bus.subscribe(PluginLoaded, on_loaded)
    kernel.register(provider("files"))
    kernel.register(FakePlugin("other"))
    kernel.load("other")
    assert found == [{"of": "files"}]


def test_a_hook_is_not_made_to_wait_for_what_is_on_its_way(kernel: Kernel) -> None:
    told: list[str] = []

    def on_load(ctx: PluginContext) -> None:
        assert ctx.get_service(STORE) is None
        try:
            ctx.get(STORE)
        except ActivationError as error:
            told.extend(error.reasons)
        ctx.provide(STORE, {})

    kernel.register(FakePlugin("files", declares=[STORE], on_load=on_load))
    kernel.register(FakePlugin("cache", declares=[STORE], dependencies={"files": "^1.0"}))
    kernel.load("files")
    moving = "plugin 'files' is loading, and a hook or a subscriber may not wait for that"
    assert sorted(told) == [
        f"'cache' declares it, but cannot resolve plugins 'cache': {moving}",
        f"'files' declares it, but cannot resolve plugins 'files': {moving}",
    ]


def test_a_hook_gets_another_provider_than_the_one_on_its_way(kernel: Kernel) -> None:
    found: list[object] = []
    kernel.register(provider("spare"))
    kernel.register(
        FakePlugin("files", "2.0.0", declares=[STORE], requires=[], on_load=lambda ctx: found.append(ctx.get(STORE)))
    )
    with pytest.raises(PluginLoadError):  # it declares what it does not provide
        kernel.load("files")
    assert found == [{"of": "spare"}]


def test_threads_that_ask_at_once_load_once() -> None:
    gate = Gate()
    with Kernel(activate_on_demand=True) as kernel, ThreadPoolExecutor(8) as pool:
        plugin = provider("files")
        source = FakeSource(plugin, on_open=gate)
        kernel.register(source)
        with RecordedEvents(kernel.bus, PluginLoaded) as seen:
            first = pool.submit(kernel.services.get, STORE)
            gate.await_arrival()
            others = [pool.submit(kernel.services.get, STORE) for _ in range(7)]
            gate.open()
            assert [one.result(60) for one in (first, *others)] == [{"of": "files"}] * 8
        assert (source.opened, source.breaches, len(seen)) == (1, [], 1)


def test_threads_that_ask_at_once_for_what_fails_try_once() -> None:
    gate = Gate()
    with Kernel(activate_on_demand=True) as kernel, ThreadPoolExecutor(8) as pool:
        plugin = broken("files")
        source = FakeSource(plugin, on_open=gate)
        kernel.register(source)
        calls = [pool.submit(kernel.services.get, STORE)]
        gate.await_arrival()
        calls += [pool.submit(kernel.services.get, STORE) for _ in range(7)]
        gate.open()
        assert all(isinstance(one.exception(60), ActivationError) for one in calls)
        assert plugin.calls == ["on_load"]


def test_a_requirement_is_met_by_what_is_active_and_not_by_a_lookup(kernel: Kernel) -> None:
    kernel.register(provider("files"))
    kernel.register(FakePlugin("reader", requires=[Requirement(STORE)]))
    kernel.load("reader")
    assert kernel.list(PluginState.ACTIVE) == ("files", "reader")


def test_waiting_for_a_capability_loads_what_declares_it(kernel: Kernel) -> None:
    kernel.register(provider("files"))
    assert kernel.services.wait_for(STORE, timeout_s=60) == {"of": "files"}


def test_waiting_goes_on_where_what_declares_it_can_not_be_loaded(kernel: Kernel) -> None:
    kernel.register(broken("files"))
    with pytest.raises(ServiceTimeoutError):
        kernel.services.wait_for(STORE, timeout_s=0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(kernel.services.wait_for, STORE, timeout_s=60)
        with kernel.services.provide(STORE, {"of": "host"}):
            assert waiting.result(60) == {"of": "host"}
