"""Reload: the same plugins come up again from sources read anew, with their state; or nothing is touched."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    DependentsError,
    Kernel,
    KernelClosedError,
    KernelEvent,
    Plugin,
    PluginContext,
    PluginExistsError,
    PluginLoadError,
    PluginMetadata,
    PluginNotFoundError,
    PluginState,
    PluginStateError,
    PluginUnloaded,
    ReloadError,
    ReloadReport,
    Requirement,
    ResolutionError,
    SavedState,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, Gate, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STORE: Capability[dict[str, str]] = Capability("store", contract=dict)


class Folder:
    """A place whose contents change: each source that is read from it is of what it holds then."""

    origin = "a folder"

    def __init__(self, make: Callable[[], Plugin]) -> None:
        self.make = make
        self.log: list[str] = []

    def source(self) -> FolderSource:
        return FolderSource(self)


class FolderSource(FakeSource):
    """What a folder held when it was read."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        super().__init__(
            folder.make(), on_open=lambda: folder.log.append("open"), on_close=lambda: folder.log.append("close")
        )

    def renew(self) -> FolderSource:
        self.folder.log.append("renew")
        return FolderSource(self.folder)


class Counter(FakePlugin):
    """Counts on where the last one stopped."""

    def __init__(self, plugin_id: str = "counter", version: str = "1.0.0", form: str = "1.0", **facts: Any) -> None:
        super().__init__(plugin_id, version, **facts)
        self.state_version = form
        self.count = 0
        self.fault: BaseException | None = None

    def save_state(self) -> Mapping[str, Any]:
        return {"count": self.count}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        if self.fault is not None:
            raise self.fault
        self.count = state["count"]


def refuse(ctx: PluginContext) -> None:
    raise OSError("no device")


def test_a_plugin_comes_up_again_from_its_source() -> None:
    kernel = Kernel()
    plugin = FakePlugin("a", provides={STORE: {}})
    source = FakeSource(plugin)
    kernel.register(source)
    kernel.load("a")
    with RecordedEvents(kernel.bus, KernelEvent) as seen:
        report = kernel.reload("a")
    assert report == ReloadReport(("a",), ("a",))
    assert plugin.calls == ["on_load", "on_unload", "on_load"]
    assert (source.opened, source.closed, source.breaches) == (2, 1, [])
    assert seen.topics == ("CapabilityWithdrawn", "PluginUnloaded", "CapabilityProvided", "PluginLoaded")
    assert str(kernel.report().plugin("a").cause) == "reloaded"


def test_a_folder_that_has_changed_is_read_anew() -> None:
    plugins = [FakePlugin("a", "1.0.0"), FakePlugin("a", "1.1.0", dependencies={"base": "^1.0"})]
    folder = Folder(lambda: plugins[0])
    kernel = Kernel()
    kernel.register(folder.source())
    kernel.register(FakePlugin("base"))
    kernel.load("a")
    del plugins[0]
    report = kernel.reload("a")
    assert report == ReloadReport(("a",), ("base", "a"))
    record = kernel.registry.record("a")
    assert (record.metadata.version, len(record.candidates)) == ("1.1.0", 1)
    assert folder.log == ["open", "renew", "close", "open"]
    kernel.unload("a")
    assert kernel.load("a") == ("a",)


def test_what_needs_a_plugin_is_reloaded_with_it_or_nothing_is() -> None:
    kernel = Kernel()
    for plugin in (
        FakePlugin("a"),
        FakePlugin("b", dependencies={"a": "*"}),
        FakePlugin("c", dependencies={"b": "*"}),
        FakePlugin("free"),
    ):
        kernel.register(plugin)
    kernel.load_all()
    with RecordedEvents(kernel.bus) as seen, pytest.raises(DependentsError, match="cannot reload plugin 'a'"):
        kernel.reload("a")
    assert list(seen) == []
    with RecordedEvents(kernel.bus, PluginUnloaded) as unloaded:
        report = kernel.reload("a", cascade=True)
    assert report == ReloadReport(("c", "b", "a"), ("a", "b", "c"))
    assert [one.plugin_id for one in unloaded.of(PluginUnloaded)] == ["c", "b", "a"]
    assert kernel.list(PluginState.ACTIVE) == ("a", "b", "c", "free")


def test_the_version_that_was_loaded_comes_up_again() -> None:
    kernel = Kernel(preferences={"a": "<2"})
    kernel.register(FakePlugin("a", "1.0.0"))
    kernel.load("a")
    kernel.register(FakePlugin("a", "1.5.0"))
    kernel.reload("a")
    assert kernel.registry.record("a").metadata.version == "1.0.0"
    assert len(kernel.registry.record("a").candidates) == 2


def test_what_a_plugin_saves_is_carried_over() -> None:
    kernel = Kernel()
    made: list[Counter] = []

    def make() -> Counter:
        made.append(Counter())
        return made[-1]

    user = Counter("user", dependencies={"counter": "*"})
    kernel.register(Folder(make).source())
    kernel.register(user)
    kernel.load("user")
    made[-1].count, user.count = 7, 3
    report = kernel.reload("counter", cascade=True)
    assert (report.restored, report.refused) == (("counter", "user"), {})
    assert [one.count for one in made] == [7, 7]
    assert user.count == 3
    kernel.unload("counter", cascade=True)
    user.count = 0
    kernel.load("user")
    assert (made[-1].count, user.count) == (7, 0), "only a reload carries over"


def test_a_state_of_another_major_version_is_not_carried_over() -> None:
    plugins = [Counter(form="1.4"), Counter("counter", "2.0.0", form="2.0")]
    kernel = Kernel()
    kernel.register(Folder(lambda: plugins[0]).source())
    kernel.load("counter")
    plugins.pop(0).count = 7
    report = kernel.reload("counter")
    assert report.restored == ()
    assert report.refused == {"counter": "it has version 1.4, and version 2.0 is what the successor reads"}
    assert plugins[0].count == 0


def test_a_plugin_without_state_is_reloaded_as_well() -> None:
    class Silent(Counter):
        def save_state(self) -> Mapping[str, Any]:
            return {}

    kernel = Kernel()
    kernel.register(Silent())
    kernel.load("counter")
    report = kernel.reload("counter")
    assert (report.restored, report.refused, report.failures) == ((), {}, ())


def test_with_a_store_the_state_is_stored_too_and_carried_over_by_the_reload() -> None:
    class Shelf:
        def __init__(self) -> None:
            self.calls: list[str] = []

        def read(self, plugin_id: str) -> SavedState | None:
            self.calls.append("read")
            return None

        def write(self, plugin_id: str, saved: SavedState) -> None:
            self.calls.append(f"write {saved.state['count']}")

        def discard(self, plugin_id: str) -> None:
            self.calls.append("discard")

    shelf, plugin = Shelf(), Counter()
    kernel = Kernel(state_store=shelf)
    kernel.register(plugin)
    kernel.load("counter")
    plugin.count = 7
    assert kernel.reload("counter").restored == ("counter",)
    assert shelf.calls == ["read", "write 7"]


def test_what_fails_in_the_unload_is_reported_and_the_plugin_comes_up_again() -> None:
    error = OSError("stuck")

    def on_unload(ctx: PluginContext) -> None:
        raise error

    kernel = Kernel()
    kernel.register(FakePlugin("a", on_unload=on_unload))
    kernel.load("a")
    report = kernel.reload("a")
    assert (report.failures, report.loaded) == ((error,), ("a",))


@pytest.mark.parametrize("fault", ["needs", "id", "version", "unreadable", "cycle"])
def test_where_no_plan_can_be_made_nothing_is_touched(fault: str) -> None:
    good = FakePlugin("a", "1.0.0")
    bad = {
        "needs": FakePlugin("a", "1.1.0", dependencies={"missing": "*"}),
        "id": FakePlugin("b"),
        "version": FakePlugin("a", "3.0.0"),
        "cycle": FakePlugin("a", "1.1.0", dependencies={"user": "*"}),
    }
    expected = {"id": ReloadError, "version": PluginExistsError, "unreadable": OSError}.get(fault, ResolutionError)

    def make() -> Plugin:
        if not is_changed:
            return good
        if fault == "unreadable":
            raise OSError("no disk")
        return bad[fault]

    is_changed = False
    kernel = Kernel(preferences={"a": "<3"})
    source = Folder(make).source()
    kernel.register(source)
    kernel.register(FakePlugin("a", "3.0.0"))
    kernel.register(FakePlugin("user", dependencies={"a": "^1.0"}))
    kernel.load("user")
    is_changed = True
    before = kernel.registry.snapshot(), kernel.bus.subscriptions, kernel.services.keys
    with RecordedEvents(kernel.bus) as seen, pytest.raises(expected):
        kernel.reload("a", cascade=True)
    assert list(seen) == []
    assert (kernel.registry.snapshot(), kernel.bus.subscriptions, kernel.services.keys) == before
    assert good.calls == ["on_load"]
    is_changed = False
    assert kernel.reload("a", cascade=True).loaded == ("a", "user")


def test_a_new_version_out_of_the_range_of_its_users_is_refused_before_anything_is_touched() -> None:
    plugins = [FakePlugin("a", "1.0.0"), FakePlugin("a", "2.0.0")]
    kernel = Kernel()
    kernel.register(Folder(lambda: plugins[0]).source())
    kernel.register(FakePlugin("user", dependencies={"a": "^1.0"}))
    kernel.load("user")
    del plugins[0]
    with pytest.raises(ResolutionError, match=r"plugin 'a' 2.0.0: 'user' 1.0.0 requires \^1.0"):
        kernel.reload("a", cascade=True)
    assert kernel.list(PluginState.ACTIVE) == ("a", "user")


@pytest.mark.parametrize("kind", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("broken", ["a", "b", "c"])
def test_a_load_that_fails_is_raised_and_names_what_stays_unloaded(broken: str, kind: type[BaseException]) -> None:
    error = kind("no device")
    faults: dict[str, BaseException] = {}
    kernel = Kernel()
    users: dict[str, Counter] = {}

    def on_load(ctx: PluginContext) -> None:
        if ctx.plugin_id in faults:
            raise faults[ctx.plugin_id]

    for plugin_id, needed in (("a", ()), ("b", ("a",)), ("c", ("b",))):
        users[plugin_id] = Counter(plugin_id, dependencies=dict.fromkeys(needed, "*"), on_load=on_load)
        kernel.register(users[plugin_id])
    kernel.load("c")
    for count, plugin in enumerate(users.values(), 1):
        plugin.count = count
    faults[broken] = error
    with pytest.raises((PluginLoadError, KeyboardInterrupt)) as caught:
        kernel.reload("a", cascade=True)
    assert error in (caught.value, caught.value.__cause__)
    assert caught.value.__notes__ == ["unloaded for a reload, and not loaded again: 'c', 'b', 'a'"]
    assert kernel.list(PluginState.ACTIVE) == ()
    assert kernel.bus.subscriptions == ()
    # What they saved waits for them.
    for plugin in users.values():
        plugin.count = 0
    faults.clear()
    kernel.load(broken, "c")
    assert [one.count for one in users.values()] == [1, 2, 3]


def test_a_state_that_fails_to_be_restored_fails_the_reload_once() -> None:
    plugin = Counter()
    kernel = Kernel()
    kernel.register(plugin)
    kernel.load("counter")
    plugin.fault = OSError("no idea")
    with pytest.raises(PluginLoadError) as caught:
        kernel.reload("counter")
    assert caught.value.step == "restore_state"
    assert kernel.load("counter") == ("counter",)


def test_an_interrupt_in_the_unload_leaves_all_of_them_unloaded() -> None:
    def on_unload(ctx: PluginContext) -> None:
        raise KeyboardInterrupt

    kernel = Kernel()
    kernel.register(FakePlugin("a", on_unload=on_unload))
    kernel.load("a")
    with pytest.raises(KeyboardInterrupt) as caught:
        kernel.reload("a")
    assert caught.value.__notes__ == ["unloaded for a reload, and not loaded again: 'a'"]
    assert kernel.registry.record("a").state is PluginState.REGISTERED


def test_only_what_is_active_is_reloaded() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    with pytest.raises(PluginStateError, match="cannot reload plugin 'a': it is registered; only what is active"):
        kernel.reload("a")
    with pytest.raises(PluginNotFoundError):
        kernel.reload("b")
    kernel.shutdown()
    with pytest.raises(KernelClosedError):
        kernel.reload("a")


def test_a_hook_may_reload_others_and_not_itself() -> None:
    kernel = Kernel()
    other = FakePlugin("other")

    def on_load(ctx: PluginContext) -> None:
        kernel.reload("other")
        with pytest.raises(PluginStateError, match="cannot reload plugin 'a': it is loading"):
            kernel.reload("a")

    kernel.register(other)
    kernel.register(FakePlugin("a", on_load=on_load))
    kernel.load("other")
    kernel.load("a")
    assert other.calls == ["on_load", "on_unload", "on_load"]


def test_a_reload_waits_for_those_that_are_on_their_way() -> None:
    gate = Gate()
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    kernel.register(FakePlugin("b", dependencies={"a": "*"}, on_load=gate))
    kernel.load("a")
    with ThreadPoolExecutor(2) as pool:
        load = pool.submit(kernel.load, "b")
        gate.await_arrival()
        reload = pool.submit(kernel.reload, "a", cascade=True)
        gate.open()
        assert load.result(60) == ("b",)
        assert reload.result(60) == ReloadReport(("b", "a"), ("a", "b"))


def test_a_reload_waits_for_what_it_comes_to_need() -> None:
    gate = Gate()
    plugins = [FakePlugin("a", "1.0.0"), FakePlugin("a", "1.1.0", dependencies={"slow": "*"})]
    kernel = Kernel()
    kernel.register(Folder(lambda: plugins[0]).source())
    kernel.register(FakePlugin("slow", on_load=gate))
    kernel.load("a")
    del plugins[0]
    with ThreadPoolExecutor(2) as pool:
        load = pool.submit(kernel.load, "slow")
        gate.await_arrival()
        reload = pool.submit(kernel.reload, "a")
        gate.open()
        assert load.result(60) == ("slow",)
        assert reload.result(60) == ReloadReport(("a",), ("a",))


def test_threads_that_reload_at_once_take_turns() -> None:
    source = FakeSource(FakePlugin("a"))
    kernel = Kernel()
    kernel.register(source)
    kernel.load("a")
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(kernel.reload, "a") for _ in range(24)]
        errors = [one.exception(60) for one in calls]
    # A second one may meet the plugin between the unload and the load of the first.
    assert {type(one) for one in errors} <= {type(None), PluginStateError}
    assert kernel.list(PluginState.ACTIVE) == ("a",)
    assert source.breaches == []


@pytest.mark.parametrize("change", ["load", "replace", "unregister", "disable"])
def test_what_others_do_between_the_unload_and_the_load_is_respected(change: str) -> None:
    kernel = Kernel()
    plugin = FakePlugin("a")
    source = Folder(lambda: plugin).source()

    def meanwhile(event: PluginUnloaded) -> None:
        subscription.cancel()
        if change == "load":
            kernel.load("a")
        elif change == "disable":
            kernel.disable("a", reason="too loud")
        else:
            kernel.unregister("a")
        if change == "replace":
            kernel.register(FakePlugin("a", "5.0.0"))

    kernel.register(source)
    kernel.load("a")
    subscription = kernel.bus.subscribe(PluginUnloaded, meanwhile)
    if change == "unregister":
        with pytest.raises(PluginNotFoundError):
            kernel.reload("a")
    elif change == "disable":
        with pytest.raises(ResolutionError, match="plugin 'a' is disabled: too loud"):
            kernel.reload("a")
    elif change == "load":
        assert kernel.reload("a") == ReloadReport(("a",), ())
        assert kernel.registry.record("a").source is source
    else:
        assert kernel.reload("a").loaded == ("a",)
        assert kernel.registry.record("a").metadata.version == "5.0.0"


def test_another_provider_keeps_what_needs_a_capability() -> None:
    kernel = Kernel()
    for plugin in (
        FakePlugin("one", provides={STORE: {}}),
        FakePlugin("two", provides={STORE: {}}),
        FakePlugin("user", requires=[Requirement(STORE)]),
    ):
        kernel.register(plugin)
    kernel.load_all()
    assert kernel.reload("one") == ReloadReport(("one",), ("one",))


def test_a_plugin_that_no_longer_restores_is_reloaded_without() -> None:
    class Forgetful(Plugin):
        metadata = PluginMetadata("counter", "1.1.0")

    plugins: list[Plugin] = [Counter(), Forgetful()]
    kernel = Kernel()
    kernel.register(Folder(lambda: plugins[0]).source())
    kernel.load("counter")
    del plugins[0]
    report = kernel.reload("counter")
    assert (report.restored, report.refused) == ((), {})


def test_a_hook_may_not_reload_what_comes_to_need_what_is_on_its_way_and_nothing_is_touched() -> None:
    plugins = [FakePlugin("a", "1.0.0"), FakePlugin("a", "1.1.0", dependencies={"slow": "*"})]
    first = plugins[0]
    kernel = Kernel()

    def on_load(ctx: PluginContext) -> None:
        with pytest.raises(PluginStateError, match="cannot reload with plugin 'slow': it is loading"):
            kernel.reload("a")

    kernel.register(Folder(lambda: plugins[0]).source())
    kernel.register(FakePlugin("slow", on_load=on_load))
    kernel.load("a")
    del plugins[0]
    kernel.load("slow")
    assert first.calls == ["on_load"]
    assert kernel.list(PluginState.ACTIVE) == ("a", "slow")
