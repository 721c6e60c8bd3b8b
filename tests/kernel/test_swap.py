"""Hot swap as its users see it: who may take whose place, what changes hands, and that nobody notices."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet

import pytest

from plugbus.kernel import (
    Capability,
    CapabilityProvided,
    CapabilityWithdrawn,
    Event,
    Kernel,
    Plugin,
    PluginContext,
    PluginExistsError,
    PluginLoaded,
    PluginMetadata,
    PluginNotFoundError,
    PluginRegistered,
    PluginState,
    PluginStateError,
    PluginSwapped,
    PluginUnloaded,
    Requirement,
    ResolutionError,
    SwapError,
)
from plugbus.kernel.testing import FakePlugin, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Counter(Protocol):
    def count(self) -> int: ...


COUNTER = Capability[Counter]("counter", version="1.2.0", contract=Counter)
OTHER = Capability[Counter]("counter", version="2.0.0", contract=Counter)
LABEL: Capability[object] = Capability("Labelled")


class Serving:
    """A provider that notices when it is used after its plugin was unloaded."""

    def __init__(self, version: str) -> None:
        self.version = version
        self.is_alive = True

    def count(self) -> int:
        assert self.is_alive, "used after the unload"
        return 1


class Service(Plugin):
    """Provide a counter, count ticks, and hand the count over."""

    def __init__(
        self,
        version: str,
        plugin_id: str = "service",
        capability: Capability[Counter] = COUNTER,
        dependencies: Mapping[str, str] | None = None,
    ) -> None:
        self.metadata = PluginMetadata(
            plugin_id, version, provides=(capability, LABEL), dependencies=dependencies or {}
        )
        self.version = version
        self.capability = capability
        self.serving = Serving(version)
        self.ticks = 0
        self.is_unloaded = False

    def on_load(self, ctx: PluginContext) -> None:
        ctx.provide(self.capability, self.serving)
        ctx.subscribe("tick", self.tick)

    def tick(self, event: Event) -> None:
        assert not self.is_unloaded
        self.ticks += 1

    def on_unload(self, ctx: PluginContext) -> None:
        self.is_unloaded = True
        self.serving.is_alive = False

    def save_state(self) -> Mapping[str, Any]:
        return {"ticks": self.ticks}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        self.ticks = state["ticks"]


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as kernel:
        kernel.register(Service("1.0.0"))
        kernel.load("service")
        yield kernel


def version_of(kernel: Kernel) -> str:
    serving = kernel.services.get(COUNTER)
    assert isinstance(serving, Serving)
    return serving.version


def test_a_swap_puts_the_new_version_in_the_old_ones_place(kernel: Kernel) -> None:
    old = kernel.get("service", Service)
    report = kernel.swap("service", Service("1.1.0"))
    assert (report.old_id, report.new_id) == ("service", "service")
    assert (report.old_version, report.new_version) == ("1.0.0", "1.1.0")
    assert report.is_drained
    assert report.failures == ()
    assert version_of(kernel) == "1.1.0"
    assert old.is_unloaded
    record = kernel.registry.record("service")
    assert (record.state, record.metadata.version) == (PluginState.ACTIVE, "1.1.0")
    assert [one.metadata.version for one in record.candidates] == ["1.1.0"]


def test_the_state_goes_over_to_the_successor(kernel: Kernel) -> None:
    kernel.bus.publish(Event.custom("tick"))
    kernel.swap("service", Service("1.1.0"))
    kernel.bus.publish(Event.custom("tick"))
    assert kernel.get("service", Service).ticks == 2


def test_a_plugin_of_another_id_may_take_the_place(kernel: Kernel) -> None:
    kernel.swap("service", Service("3.0.0", "successor"))
    assert version_of(kernel) == "3.0.0"
    assert kernel.list(PluginState.ACTIVE) == ("successor",)
    assert kernel.registry.record("service").state is PluginState.REGISTERED
    kernel.unload("successor")
    kernel.load("service")
    assert version_of(kernel) == "1.0.0"


def test_a_registered_plugin_is_swapped_in_by_its_id(kernel: Kernel) -> None:
    kernel.register(Service("3.0.0", "successor"))
    kernel.swap("service", "successor")
    assert version_of(kernel) == "3.0.0"
    with pytest.raises(PluginNotFoundError):
        kernel.swap("successor", "succesor")


def test_the_same_version_may_take_its_own_place(kernel: Kernel) -> None:
    old, new = kernel.get("service"), Service("1.0.0")
    kernel.swap("service", new)
    assert kernel.get("service") is new is not old
    assert len(kernel.registry.record("service").candidates) == 1


def test_a_plugin_is_not_its_own_successor(kernel: Kernel) -> None:
    with pytest.raises(SwapError, match="plugin that is loaded"):
        kernel.swap("service", kernel.get("service"))
    assert version_of(kernel) == "1.0.0"


def test_another_object_of_a_registered_version_is_refused(kernel: Kernel) -> None:
    kernel.register(Service("3.0.0", "successor"))
    with pytest.raises(PluginExistsError):
        kernel.swap("service", Service("3.0.0", "successor"))
    assert kernel.registry.record("successor").state is PluginState.REGISTERED
    kernel.swap("service", "successor")


def test_only_what_is_active_is_swapped(kernel: Kernel) -> None:
    kernel.unload("service")
    with pytest.raises(PluginStateError, match="cannot swap plugin 'service': it is registered"):
        kernel.swap("service", Service("1.1.0"))
    with pytest.raises(PluginNotFoundError):
        kernel.swap("servise", Service("1.1.0"))


def test_an_active_plugin_takes_no_second_place(kernel: Kernel) -> None:
    kernel.register(FakePlugin("busy"))
    kernel.load("busy")
    with pytest.raises(PluginStateError, match="active"):
        kernel.swap("service", "busy")
    assert kernel.list(PluginState.ACTIVE) == ("busy", "service")


def test_dependents_by_id_keep_the_old_plugin_where_the_new_one_does_not_meet_them(kernel: Kernel) -> None:
    kernel.register(FakePlugin("user", dependencies={"service": "^1.0"}))
    kernel.load("user")
    with pytest.raises(SwapError, match=r"'user' requires plugin 'service' \^1.0, which 'service' 2\.0\.0 is not"):
        kernel.swap("service", Service("2.0.0"))
    with pytest.raises(SwapError, match=r"which 'successor' 1\.5\.0 is not"):
        kernel.swap("service", Service("1.5.0", "successor"))
    kernel.swap("service", Service("1.9.0"))
    assert version_of(kernel) == "1.9.0"


def test_dependents_by_capability_accept_any_plugin_that_offers_it_in_range(kernel: Kernel) -> None:
    user = PluginMetadata("user", "1.0.0").with_requirement(COUNTER, "^1.0")

    class User(Plugin):
        metadata = user

    kernel.register(User())
    kernel.load("user")
    with pytest.raises(SwapError, match=r"'user' requires capability 'counter' \^1.0"):
        kernel.swap("service", Service("3.0.0", "successor", OTHER))
    with pytest.raises(SwapError, match="does not offer"):
        kernel.swap("service", FakePlugin("empty"))
    kernel.swap("service", Service("3.0.0", "successor"))
    with pytest.raises(Exception, match="'user'"):
        kernel.unload("successor")
    assert kernel.unload("successor", cascade=True) == ("user", "successor")


def test_what_the_new_plugin_needs_is_loaded_with_it_and_unloaded_after_it(kernel: Kernel) -> None:
    kernel.register(FakePlugin("base", "1.5.0"))
    kernel.register(FakePlugin("base", "2.0.0"))
    kernel.swap("service", Service("1.1.0", dependencies={"base": "^1.0"}))
    assert kernel.registry.record("base").metadata.version == "1.5.0"
    with RecordedEvents(kernel.bus, PluginUnloaded) as unloaded:
        kernel.shutdown()
    assert [one.plugin_id for one in unloaded.of(PluginUnloaded)] == ["service", "base"]


def test_what_is_not_met_is_told_with_the_version_that_is_offered_of_it(kernel: Kernel) -> None:
    kernel.register(FakePlugin("user", requires=[Requirement(COUNTER, "^1.0")]))
    kernel.load("user")
    zone: Capability[object] = Capability("zone", version="7.0.0")
    new = FakePlugin("service", "3.0.0", declares=[zone, OTHER])
    with pytest.raises(SwapError, match=r"capability 'counter' \^1.0, which 'service' 3.0.0 offers at 2.0.0$"):
        kernel.swap("service", new)


def test_those_who_used_the_old_plugin_use_the_new_one(kernel: Kernel) -> None:
    kernel.register(FakePlugin("user", requires=[Requirement(COUNTER, "^1.0")]))
    kernel.register(FakePlugin("idle"))
    kernel.load("user", "idle")
    kernel.swap("service", Service("1.4.0", "successor"))
    report = kernel.report()
    assert dict(report.plugin("user").uses) == {"counter": "successor"}
    assert report.plugin("successor").used_by == ("user",)
    assert report.plugin("service").used_by == ()


def test_everything_that_the_new_plugin_needs_is_loaded_before_it(kernel: Kernel) -> None:
    kernel.register(FakePlugin("able"))
    kernel.register(FakePlugin("zone"))
    kernel.swap("service", Service("1.3.0", dependencies={"able": "*", "zone": "*"}))
    assert kernel.list(PluginState.ACTIVE) == ("able", "service", "zone")
    assert kernel.unload("able", cascade=True) == ("service", "able")


def test_the_other_versions_that_are_registered_may_still_be_chosen_after_a_swap(kernel: Kernel) -> None:
    for version in ("0.9.0", "3.0.0"):
        kernel.register(Service(version))
    kernel.swap("service", Service("2.0.0"))
    versions = [one.metadata.version for one in kernel.registry.record("service").candidates]
    assert versions == ["3.0.0", "2.0.0", "0.9.0"]


def test_needs_that_only_the_old_plugin_met_are_not_met(kernel: Kernel) -> None:
    with pytest.raises(ResolutionError):
        kernel.swap("service", Service("3.0.0", "successor", dependencies={"service": "*"}))
    assert "successor" not in kernel.registry
    assert version_of(kernel) == "1.0.0"


def test_a_swap_is_told_as_events(kernel: Kernel) -> None:
    with RecordedEvents(kernel.bus) as events:
        kernel.swap("service", Service("1.1.0"))
    assert [type(one) for one in events.events] == [CapabilityProvided, CapabilityWithdrawn, PluginSwapped]
    with RecordedEvents(kernel.bus) as events:
        kernel.swap("service", Service("3.0.0", "successor"))
    assert [type(one) for one in events.events] == [
        PluginRegistered,
        CapabilityProvided,
        CapabilityWithdrawn,
        PluginLoaded,
        PluginSwapped,
        PluginUnloaded,
    ]


def test_a_handle_follows_the_swap(kernel: Kernel) -> None:
    handle = kernel.services.ref(COUNTER)
    before = handle.get()
    kernel.swap("service", Service("1.1.0"))
    assert handle.get() is not before
    assert handle.get() is kernel.services.get(COUNTER)


def test_eight_threads_under_load_notice_nothing_of_fifty_swaps(kernel: Kernel) -> None:
    failures: list[BaseException] = []
    over = threading.Event()
    published = [0] * 2

    def use(place: int) -> None:
        try:
            while not over.is_set():
                with kernel.services.lease(COUNTER) as counter:
                    assert counter.count() == 1
                assert isinstance(kernel.services.get(COUNTER), Serving)
                if place < len(published):
                    kernel.bus.publish(Event.custom("tock"))
                    published[place] += 1
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=use, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    try:
        for place in range(50):
            assert kernel.swap("service", Service(f"1.{place + 1}.0")).is_drained
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert version_of(kernel) == "1.50.0"


def test_every_event_goes_to_the_old_one_or_to_the_new_one(kernel: Kernel) -> None:
    heard: list[str] = []
    over = threading.Event()
    published = [0]

    class Listener(Plugin):
        def __init__(self, version: str) -> None:
            self.metadata = PluginMetadata("listener", version)
            self.version = version

        def on_load(self, ctx: PluginContext) -> None:
            ctx.subscribe("tock", lambda event: heard.append(self.version))

    kernel.register(Listener("1.0.0"))
    kernel.load("listener")

    def publish() -> None:
        while not over.is_set():
            kernel.bus.publish(Event.custom("tock"))
            published[0] += 1

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        for place in range(200):
            kernel.swap("listener", Listener(f"1.{place + 1}.0"))
    finally:
        over.set()
        thread.join()
    assert len(heard) == published[0]


def test_swaps_of_one_plugin_in_many_threads_come_one_after_the_other(kernel: Kernel) -> None:
    failures: list[BaseException] = []

    def swap(place: int) -> None:
        try:
            for step in range(5):
                kernel.swap("service", Service(f"1.{place}.{step}"))
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=swap, args=(place,)) for place in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(kernel.services.all(COUNTER)) == 1
    assert len(kernel.registry.record("service").candidates) == 1
    assert len(kernel.bus.subscriptions) == 1


def test_a_hook_may_not_swap_what_its_own_thread_is_swapping(kernel: Kernel) -> None:
    refused: list[BaseException] = []

    def swap_again(ctx: PluginContext) -> None:
        try:
            kernel.swap("service", Service("9.0.0"))
        except PluginStateError as error:
            refused.append(error)

    kernel.swap("service", FakePlugin("service", "1.1.0", on_load=swap_again))
    assert len(refused) == 1
    assert "being swapped" in str(refused[0])


def test_a_subscriber_may_swap_the_plugin_that_it_belongs_to(kernel: Kernel) -> None:
    class Renewing(Service):
        def tick(self, event: Event) -> None:
            kernel.swap("service", Service("1.2.0"))

    kernel.swap("service", Renewing("1.1.0"))
    kernel.bus.publish(Event.custom("tick"))
    assert version_of(kernel) == "1.2.0"


def test_nothing_of_a_hundred_predecessors_is_left(kernel: Kernel) -> None:
    made: WeakSet[object] = WeakSet()

    def swap(version: str) -> None:
        new = Service(version)
        made.update((new, new.serving))
        kernel.swap("service", new)

    for place in range(100):
        swap(f"1.{place + 1}.0")
    gc.collect()
    assert len(made) == 2
    assert len(kernel.bus.subscriptions) == 1
    assert len(kernel.services.all(COUNTER)) == 1


@pytest.mark.parametrize("side", ["old", "new"])
def test_a_plugin_by_its_shape_alone_hands_nothing_over_and_takes_nothing(side: str) -> None:
    class Shape:
        def __init__(self, version: str) -> None:
            self.metadata = PluginMetadata("a", version)

        def on_load(self, ctx: PluginContext) -> None: ...
        def on_unload(self, ctx: PluginContext) -> None: ...

    class Full(Plugin):
        def __init__(self, version: str) -> None:
            self.metadata = PluginMetadata("a", version)

        def save_state(self) -> Mapping[str, Any]:
            raise AssertionError("nobody takes it")

        def restore_state(self, state: Mapping[str, Any]) -> None:
            raise AssertionError("nobody gave it")

    old: Any = Shape("1.0.0") if side == "old" else Full("1.0.0")
    new: Any = Full("2.0.0") if side == "old" else Shape("2.0.0")
    kernel = Kernel()
    kernel.register(old)
    kernel.load("a")
    assert kernel.swap("a", new).new_version == "2.0.0"
