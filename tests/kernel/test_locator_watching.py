"""Who uses something is told when it comes, goes or is replaced; and every change is published once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    CapabilityProvided,
    CapabilityWithdrawn,
    ChangeKind,
    Event,
    EventBus,
    Kernel,
    PluginContext,
    PluginMetadata,
    PluginStateError,
    Provision,
    ServiceChange,
    ServiceLocator,
    SubscriberFailed,
)
from plugbus.kernel.testing import FakePlugin, Gate, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLOCK = Capability[Any]("clock", contract=object)


@pytest.fixture
def locator() -> ServiceLocator:
    return ServiceLocator()


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as made:
        yield made


def told(seen: RecordedEvents) -> list[tuple[str, str, str]]:
    return [
        (type(one).__name__.removeprefix("Capability"), one.capability, one.plugin_id)
        for one in seen.events
        if isinstance(one, CapabilityProvided | CapabilityWithdrawn)
    ]


def clock(plugin_id: str = "quartz", version: str = "1.0.0") -> FakePlugin:
    return FakePlugin(plugin_id, version, provides={CLOCK: version})


def test_a_change_tells_its_kind() -> None:
    assert ServiceChange("a", "p").kind is ChangeKind.PROVIDED
    assert ServiceChange("a", None, "p").kind is ChangeKind.WITHDRAWN
    assert ServiceChange("a", "p", "q").kind is ChangeKind.REPLACED


def test_a_watcher_is_told_of_its_key_alone_until_its_undo(locator: ServiceLocator) -> None:
    changes: list[ServiceChange] = []
    undo = locator.watch(CLOCK, changes.append)
    locator.provide("name", 1)
    withdrawal = locator.provide(CLOCK, 1, owner="a")
    locator.provide(CLOCK, 2, owner="b")
    withdrawal()
    withdrawal()
    undo()
    undo()
    locator.provide(CLOCK, 3, owner="c")
    assert changes == [ServiceChange("clock", "a"), ServiceChange("clock", "b"), ServiceChange("clock", None, "a")]


def test_a_handle_watches_what_it_is_a_handle_on(locator: ServiceLocator) -> None:
    changes: list[ServiceChange] = []
    undo = locator.ref(CLOCK).watch(changes.append)
    locator.provide(CLOCK, 1)
    undo()
    locator.provide(CLOCK, 1, owner="b")
    assert changes == [ServiceChange("clock", "host")]


def test_what_changes_place_in_one_step_is_replaced(locator: ServiceLocator) -> None:
    changes: list[ServiceChange] = []
    old = [locator.provide(CLOCK, owner, owner=owner).provisions[0] for owner in "abc"]
    locator.watch("clock", changes.append)
    new = [Provision(CLOCK, 1, "d"), Provision("other", 1, "d"), Provision(CLOCK, 2, "e")]
    locator.exchange(old, new)
    assert changes == [
        ServiceChange("clock", "d", "a"),
        ServiceChange("clock", "e", "b"),
        ServiceChange("clock", None, "c"),
    ]


def test_when_a_watcher_is_told_the_change_is_done(locator: ServiceLocator) -> None:
    found: list[object] = []
    locator.watch(CLOCK, lambda _: found.append(locator.find(CLOCK)))
    locator.provide(CLOCK, 12)()
    assert found == [12, None]


def test_a_watcher_that_raises_is_reported_with_its_event_and_stops_nobody(
    kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    changes: list[ServiceChange] = []
    fault = ValueError("no")

    def fail(_change: ServiceChange) -> None:
        raise fault

    user = FakePlugin("user", on_load=lambda ctx: (ctx.watch(CLOCK, fail), ctx.watch(CLOCK, changes.append)))
    kernel.register(user)
    kernel.load("user")
    with RecordedEvents(kernel.bus, SubscriberFailed) as seen:
        kernel.services.provide(CLOCK, 1)()
    assert len(changes) == 2
    assert seen.of(SubscriberFailed) == (
        SubscriberFailed(fail.__qualname__, "user", CapabilityProvided("clock", "host"), fault),
        SubscriberFailed(fail.__qualname__, "user", CapabilityWithdrawn("clock", "host"), fault),
    )
    assert caplog.messages == [f"watcher {fail.__qualname__} failed on service clock: no"] * 2


def test_a_watcher_that_raises_is_logged_where_there_is_no_bus(
    locator: ServiceLocator, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        def __call__(self, change: ServiceChange) -> None:
            raise ValueError("no")

    locator.watch(CLOCK, Failing())
    locator.provide(CLOCK, 1)
    assert caplog.messages == [f"watcher {Failing.__qualname__} failed on service clock: no"]


def test_an_interrupt_is_raised_when_all_were_told(kernel: Kernel) -> None:
    changes: list[ServiceChange] = []

    def interrupt(_change: object) -> None:
        raise KeyboardInterrupt

    kernel.services.watch(CLOCK, interrupt)
    kernel.services.watch(CLOCK, changes.append)
    with RecordedEvents(kernel.bus) as seen, pytest.raises(KeyboardInterrupt):
        kernel.services.provide(CLOCK, 1)
    assert changes == [ServiceChange("clock", "host")]
    assert told(seen) == [("Provided", "clock", "host")]
    assert kernel.services.get(CLOCK) == 1


def test_an_interrupted_subscriber_is_raised_when_all_is_published(kernel: Kernel) -> None:
    def interrupt(_event: object) -> None:
        raise KeyboardInterrupt

    old = kernel.services.provide(CLOCK, 1)
    with (
        RecordedEvents(kernel.bus) as seen,
        kernel.bus.subscribe(CapabilityProvided, interrupt),
        pytest.raises(KeyboardInterrupt),
    ):
        kernel.services.exchange(old.provisions, (Provision(CLOCK, 2, "b"),))
    assert told(seen) == [("Provided", "clock", "b"), ("Withdrawn", "clock", "host")]


def test_no_lock_is_held_while_a_watcher_or_subscriber_is_told(kernel: Kernel) -> None:
    found: list[object] = []

    def elsewhere(_told: object) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: kernel.services.provide("x", 1).withdraw()).result()
            found.append(pool.submit(kernel.services.all, "clock").result())

    user = FakePlugin("user", on_load=lambda ctx: ctx.watch(CLOCK, elsewhere))
    kernel.register(user)
    kernel.register(clock())
    kernel.load_all()

    def on_clock(event: CapabilityProvided) -> None:
        if event.capability == "clock":
            elsewhere(event)

    with kernel.bus.subscribe(CapabilityProvided, on_clock):
        assert user.ctx is not None
        withdraw = user.ctx.provide(CLOCK, 2)
        withdraw()
    kernel.swap("quartz", clock(version="2.0.0"))
    kernel.unload("quartz")
    assert len(found) == 6


def test_a_plugin_is_told_while_it_is_loaded_and_by_nobody_else(kernel: Kernel) -> None:
    changes: list[ServiceChange] = []

    def on_load(ctx: PluginContext) -> None:
        ctx.watch(CLOCK, changes.append)
        kernel.services.provide(CLOCK, 1, owner="early").withdraw()

    user = FakePlugin("user", on_load=on_load)
    kernel.register(user)
    kernel.load("user")
    assert changes == []
    kernel.services.provide(CLOCK, 1, owner="a")
    kernel.unload("user")
    kernel.services.provide(CLOCK, 1, owner="b")
    assert changes == [ServiceChange("clock", "a")]
    assert kernel.services._watches._watches == {}


def test_a_plugin_stops_watching_before_its_unload(kernel: Kernel) -> None:
    changes: list[ServiceChange] = []
    user = FakePlugin("user")
    kernel.register(user)
    kernel.load("user")
    assert user.ctx is not None
    ref = user.ctx.ref(CLOCK)
    undo = ref.watch(changes.append)
    kernel.services.provide(CLOCK, 1)
    undo()
    undo()
    kernel.services.provide(CLOCK, 1)
    assert changes == [ServiceChange("clock", "host")]
    undo = user.ctx.watch("clock", changes.append)
    kernel.unload("user")
    undo()
    kernel.services.provide(CLOCK, 1)
    assert len(changes) == 1


def test_a_plugin_watches_nothing_once_its_unload_has_begun(kernel: Kernel) -> None:
    refused: list[PluginStateError] = []

    def on_unload(ctx: PluginContext) -> None:
        with pytest.raises(PluginStateError) as caught:
            ctx.watch(CLOCK, print)
        refused.append(caught.value)

    kernel.register(FakePlugin("user", on_unload=on_unload))
    kernel.load("user")
    kernel.unload("user")
    assert [one.verb for one in refused] == ["watch for"]
    assert kernel.services._watches._watches == {}


def test_a_load_an_unload_and_a_swap_are_told_once(kernel: Kernel) -> None:
    changes: list[ServiceChange] = []
    kernel.services.watch(CLOCK, changes.append)
    kernel.register(clock())
    with RecordedEvents(kernel.bus) as seen:
        kernel.load("quartz")
        kernel.swap("quartz", clock(version="2.0.0"))
        kernel.swap("quartz", clock("sun"))
        kernel.unload("sun")
    assert changes == [
        ServiceChange("clock", "quartz"),
        ServiceChange("clock", "quartz", "quartz"),
        ServiceChange("clock", "sun", "quartz"),
        ServiceChange("clock", None, "sun"),
    ]
    assert told(seen) == [
        ("Provided", "clock", "quartz"),
        ("Provided", "clock", "quartz"),
        ("Withdrawn", "clock", "quartz"),
        ("Provided", "clock", "sun"),
        ("Withdrawn", "clock", "quartz"),
        ("Withdrawn", "clock", "sun"),
    ]


def test_what_a_plugin_and_the_host_do_later_is_told_once(kernel: Kernel) -> None:
    user = FakePlugin("user")
    kernel.register(user)
    kernel.load("user")
    assert user.ctx is not None
    with RecordedEvents(kernel.bus) as seen:
        withdraw = user.ctx.register_service("name", 1)
        withdraw()
        withdraw()
        user.ctx.provide_lazy(CLOCK, object)
        withdrawal = kernel.services.provide("host's", 1)
        kernel.services.get(CLOCK)
        withdrawal()
        withdrawal()
        kernel.unload("user")
    assert told(seen) == [
        ("Provided", "name", "user"),
        ("Withdrawn", "name", "user"),
        ("Provided", "clock", "user"),
        ("Provided", "host's", "host"),
        ("Withdrawn", "host's", "host"),
        ("Withdrawn", "clock", "user"),
    ]


def test_what_is_withdrawn_before_it_was_visible_is_not_told(kernel: Kernel) -> None:
    user = FakePlugin("user", on_load=lambda ctx: (ctx.provide(CLOCK, 1)(), ctx.register_service("name", 1)))
    kernel.register(user)
    with RecordedEvents(kernel.bus) as seen:
        kernel.load("user")
    assert told(seen) == [("Provided", "name", "user")]


def test_what_fails_to_load_is_not_told(kernel: Kernel) -> None:
    def fail(ctx: PluginContext) -> None:
        raise ValueError("no")

    kernel.register(FakePlugin("quartz", provides={CLOCK: 1}, on_load=fail))
    with RecordedEvents(kernel.bus) as seen:
        kernel.load_all()
    assert told(seen) == []


def test_what_a_plugin_provides_before_its_load_is_announced_is_told_with_it_once() -> None:
    bus = EventBus()
    locator = ServiceLocator(announce=bus.publish_kernel_event)
    context = PluginContext(PluginMetadata("user", "1.0.0"), bus, locator, None)
    context.provide(CLOCK, 1)
    with RecordedEvents(bus) as seen:
        context.open_up()
        context.register_service("name", 1)()
        assert told(seen) == []
        context.announce()
        context.announce()
        assert told(seen) == [
            ("Provided", "clock", "user"),
            ("Provided", "name", "user"),
            ("Withdrawn", "name", "user"),
        ]


def test_changes_of_one_plugin_are_told_once_wherever_another_thread_comes_in(
    interleavings: Callable[..., Iterator[Any]],
) -> None:
    class Case:
        def __init__(self) -> None:
            self.bus = EventBus()
            self.locator = ServiceLocator(announce=self.bus.publish_kernel_event)
            self.context = PluginContext(PluginMetadata("user", "1.0.0"), self.bus, self.locator, None)
            self.context.provide(CLOCK, 1)
            self.context.open_up()
            self.events: list[Event] = []
            self.bus.subscribe("*", self.events.append)

    def provide(case: Case) -> None:
        case.context.register_service("name", 1)

    for calls in ((provide, lambda case: case.context.announce()), (lambda case: case.context.announce(), provide)):
        for case in interleavings(Case, *calls):
            found = sorted(str(getattr(one, "capability", "")) for one in case.events)
            assert found == ["clock", "name"]


def test_a_watcher_that_changes_something_is_told_of_that_too(locator: ServiceLocator) -> None:
    changes: list[ServiceChange] = []

    def replace(change: ServiceChange) -> None:
        changes.append(change)
        if change.provided_by == "a":
            locator.exchange(locator.providers(CLOCK), (Provision(CLOCK, 2, "b"),))

    locator.watch(CLOCK, replace)
    locator.provide(CLOCK, 1, owner="a")
    assert changes == [ServiceChange("clock", "a"), ServiceChange("clock", "b", "a")]


def test_a_subscriber_that_is_told_of_a_new_service_can_use_it(kernel: Kernel) -> None:
    found: list[object] = []
    kernel.bus.subscribe(CapabilityProvided, lambda event: found.append(kernel.services.get(event.capability)))
    kernel.register(clock())
    kernel.load("quartz")
    assert found == ["1.0.0"]


def test_an_unload_that_waits_in_a_watcher_stops_no_reader(kernel: Kernel) -> None:
    middle = Gate()
    kernel.register(clock())
    kernel.load("quartz")
    kernel.services.watch(CLOCK, middle)
    with ThreadPoolExecutor(1) as pool:
        unloading = pool.submit(kernel.unload, "quartz")
        middle.await_arrival()
        assert kernel.services.find(CLOCK) is None
        middle.open()
        assert unloading.result() == ("quartz",)


def test_an_interrupt_in_a_report_is_raised_when_all_were_told(kernel: Kernel) -> None:
    changes: list[ServiceChange] = []

    def fail(_change: ServiceChange) -> None:
        raise ValueError("no")

    def interrupt(_event: object) -> None:
        raise KeyboardInterrupt

    kernel.services.watch(CLOCK, fail)
    kernel.services.watch(CLOCK, changes.append)
    with kernel.bus.subscribe(SubscriberFailed, interrupt), pytest.raises(KeyboardInterrupt):
        kernel.services.provide(CLOCK, 1)
    assert changes == [ServiceChange("clock", "host")]


def test_an_interrupt_while_a_plugin_tells_leaves_what_it_has_provided(kernel: Kernel) -> None:
    def interrupt(_event: object) -> None:
        raise KeyboardInterrupt

    user = FakePlugin("user")
    kernel.register(user)
    kernel.load("user")
    assert user.ctx is not None
    with kernel.bus.subscribe(CapabilityProvided, interrupt), pytest.raises(KeyboardInterrupt):
        user.ctx.provide(CLOCK, 1)
    assert kernel.services.get(CLOCK) == 1
    kernel.unload("user")
    assert kernel.services.keys == ()


def test_taking_away_what_is_not_there_is_not_told(kernel: Kernel) -> None:
    changes: list[ServiceChange] = []
    kernel.services.watch(CLOCK, changes.append)
    kernel.services.provide(CLOCK, 1, owner="a")
    with RecordedEvents(kernel.bus) as seen:
        kernel.services.exchange((Provision(CLOCK, 2, "b"),), ())
        kernel.services.exchange((Provision(CLOCK, 2, "b"),), (Provision(CLOCK, 3, "c"),))
    assert told(seen) == [("Provided", "clock", "c")]
    assert changes == [ServiceChange("clock", "a"), ServiceChange("clock", "c")]
