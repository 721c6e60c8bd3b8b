"""The context of a plugin: what is held back, what becomes visible, and what is undone."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from plugbus.kernel import (
    AmbiguousServiceError,
    Capability,
    ContractError,
    Event,
    EventBus,
    ForgedEventError,
    PluginContext,
    PluginLoaded,
    PluginMetadata,
    PluginStateError,
    ServiceExistsError,
    ServiceLocator,
    ServiceNotFoundError,
    ServiceTypeError,
    SubscriberFailed,
    SubscriptionError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    epoch: int = 0


class Settings:
    rate = 0.1


class Stepping(str):
    """A name that calls back when it is compared, as another thread would come in between."""

    __slots__ = ("callback",)

    callback: Callable[[], object]

    def __eq__(self, other: object) -> bool:
        self.callback()
        return str.__eq__(self, other)

    __hash__ = str.__hash__


NUMBER = Capability[int]("number", contract=int)
ANYTHING = Capability[Any]("anything")


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def services() -> ServiceLocator:
    return ServiceLocator()


@pytest.fixture
def seen() -> list[Any]:
    return []


@pytest.fixture
def context(bus: EventBus, services: ServiceLocator) -> PluginContext:
    return made("trainer", bus, services)


def made(plugin_id: str, bus: EventBus, services: ServiceLocator, config: object = None) -> PluginContext:
    return PluginContext(PluginMetadata(plugin_id, "1.0.0"), bus, services, config)


def closed(context: PluginContext) -> list[BaseException]:
    context.withdraw()
    return list(context.close())


def test_a_context_knows_its_plugin(context: PluginContext) -> None:
    assert context.plugin_id == "trainer"
    assert context.metadata == PluginMetadata("trainer", "1.0.0")


def test_the_configuration_is_the_very_object_that_the_host_gave(bus: EventBus, services: ServiceLocator) -> None:
    mapping, settings = {"rate": "0.1"}, Settings()

    assert made("a", bus, services, mapping).config is mapping
    assert made("a", bus, services, mapping).config_as(dict) is mapping
    assert made("a", bus, services, settings).config_as(Settings) is settings


def test_a_configuration_of_another_type_is_refused_naming_both(bus: EventBus, services: ServiceLocator) -> None:
    with pytest.raises(ServiceTypeError) as caught:
        made("a", bus, services, {}).config_as(Settings)

    assert (caught.value.key, caught.value.expected, caught.value.found) == ("configuration of a", "Settings", "dict")


def test_what_is_provided_while_loading_is_held_back(context: PluginContext, services: ServiceLocator) -> None:
    context.provide(NUMBER, 7)
    context.register_service("my_service", 8)

    assert services.keys == ()
    assert [(one.key, one.provided, one.owner) for one in context.provisions] == [
        (NUMBER, 7, "trainer"),
        ("my_service", 8, "trainer"),
    ]


def test_what_is_subscribed_while_loading_is_held_back(context: PluginContext, bus: EventBus, seen: list[Any]) -> None:
    token = context.subscribe("*", seen.append)

    bus.publish(EpochEnded())

    assert seen == []
    assert not token.is_active


def test_a_plugin_finds_what_it_holds_back_itself(context: PluginContext) -> None:
    context.provide(NUMBER, 7)
    context.register_service("my_service", "text")

    assert context.get(NUMBER) == 7
    assert context.get_service(NUMBER) == 7
    assert context.get_service("my_service") == "text"
    assert context.get_service("my_service", str) == "text"
    with pytest.raises(ServiceTypeError) as caught:
        context.get_service("my_service", int)
    assert (caught.value.key, caught.value.expected, caught.value.found) == ("my_service", "int", "str")


def test_what_does_not_satisfy_its_contract_is_refused_at_once(context: PluginContext) -> None:
    provided: Any = "seven"

    with pytest.raises(ContractError):
        context.provide(NUMBER, provided)

    assert context.provisions == ()


def test_what_is_withdrawn_while_loading_never_becomes_visible(
    context: PluginContext, services: ServiceLocator
) -> None:
    withdraw = context.provide(NUMBER, 7)
    context.provide(ANYTHING, 8)
    withdraw()
    withdraw()
    context.open_up()

    assert services.keys == ("anything",)


def test_a_subscription_cancelled_while_loading_never_hears_anything(
    context: PluginContext, bus: EventBus, seen: list[Any]
) -> None:
    context.subscribe("*", seen.append).cancel()
    context.open_up()

    bus.publish(EpochEnded())

    assert seen == []
    assert bus.subscriptions == ()


def test_a_subscription_that_could_never_work_is_refused_at_once(context: PluginContext) -> None:
    with pytest.raises(SubscriptionError):
        context.subscribe("", print)


def test_opening_up_makes_everything_visible(
    context: PluginContext, bus: EventBus, services: ServiceLocator, seen: list[Any]
) -> None:
    context.provide(NUMBER, 7)
    context.register_service("my_service", 8)
    token = context.subscribe(EpochEnded, seen.append)

    context.open_up()
    bus.publish(EpochEnded())

    assert services.get(NUMBER) == 7
    assert services.get("my_service") == 8
    assert seen == [EpochEnded()]
    assert bus.subscriptions == (token,)
    assert token.owner == "trainer"


def test_opening_up_with_a_name_that_is_taken_makes_nothing_visible(
    context: PluginContext, bus: EventBus, services: ServiceLocator, seen: list[Any]
) -> None:
    services.provide("taken", 1, owner="other")
    context.provide(NUMBER, 7)
    context.register_service("taken", 2)
    context.subscribe("*", seen.append)

    with pytest.raises(ServiceExistsError) as caught:
        context.open_up()
    bus.publish(EpochEnded())

    assert (caught.value.owner, caught.value.other_owner) == ("trainer", "other")
    assert services.keys == ("taken",)
    assert services.get("taken") == 1
    assert seen == []
    assert closed(context) == []
    assert services.get("taken") == 1


def test_after_opening_up_each_call_takes_effect_at_once(
    context: PluginContext, bus: EventBus, services: ServiceLocator, seen: list[Any]
) -> None:
    context.open_up()

    withdraw = context.provide(NUMBER, 7)
    withdraw_service = context.register_service("my_service", 8)
    token = context.subscribe(EpochEnded, seen.append)
    bus.publish(EpochEnded())

    assert (services.get(NUMBER), services.get("my_service"), len(context.provisions)) == (7, 8, 2)
    assert (token.is_active, seen) == (True, [EpochEnded()])

    withdraw()
    withdraw()
    withdraw_service()
    assert services.keys == ()
    assert context.provisions == ()


def test_a_name_that_is_taken_is_refused_at_once_after_opening_up(
    context: PluginContext, services: ServiceLocator
) -> None:
    services.provide("taken", 1, owner="other")
    context.open_up()

    with pytest.raises(ServiceExistsError):
        context.register_service("taken", 2)

    assert context.provisions == ()
    closed(context)
    assert services.get("taken") == 1


def test_after_opening_up_a_plugin_sees_what_all_others_see(context: PluginContext, services: ServiceLocator) -> None:
    context.provide(ANYTHING, 1)
    context.open_up()
    services.provide(ANYTHING, 2, owner="other")

    assert context.all(ANYTHING) == (1, 2)
    for read in (context.get, context.get_service):
        with pytest.raises(AmbiguousServiceError):
            read(ANYTHING)


def test_services_of_others_are_found(context: PluginContext, services: ServiceLocator) -> None:
    services.provide(NUMBER, 7, owner="other")
    services.provide("my_service", "text", owner="other")

    assert context.get(NUMBER) == 7
    assert context.get_service(NUMBER) == 7
    assert context.get_service("my_service") == "text"
    assert context.get_service("my_service", str) == "text"
    assert context.all(NUMBER) == (7,)
    with pytest.raises(ServiceTypeError):
        context.get_service("my_service", int)


def test_what_is_absent_is_none_or_an_error(context: PluginContext) -> None:
    assert context.get_service(NUMBER) is None
    assert context.get_service("my_service") is None
    assert context.get_service("my_service", str) is None
    assert context.all(NUMBER) == ()
    with pytest.raises(ServiceNotFoundError):
        context.get(NUMBER)


def test_what_arrives_while_a_plugin_looks_through_its_own_disturbs_nothing(context: PluginContext) -> None:
    name = Stepping("first")
    name.callback = lambda: context.register_service("second", 2)
    context.register_service(name, 1)

    assert context.get_service("absent") is None
    assert [one.key for one in context.provisions] == ["first", "second"]


def test_events_are_published_to_everyone(context: PluginContext, bus: EventBus, seen: list[Any]) -> None:
    bus.subscribe("*", seen.append)
    event = Event.custom("loss", object())

    context.publish(event)

    assert seen == [event]


def test_a_plugin_cannot_publish_the_kernels_events(context: PluginContext) -> None:
    with pytest.raises(ForgedEventError):
        context.publish(PluginLoaded("other"))


def test_the_event_port_is_owned_like_the_rest(context: PluginContext, bus: EventBus, seen: list[Any]) -> None:
    port = context.event_bus
    port.subscribe("loss", seen.append)
    context.open_up()

    port.publish(Event.custom("loss", 1))
    closed(context)
    bus.publish(Event.custom("loss", 2))

    assert [one.data for one in seen] == [1]


def test_a_failing_subscriber_is_reported_with_its_plugin(
    context: PluginContext, bus: EventBus, seen: list[Any]
) -> None:
    def fail(_event: Event) -> None:
        raise ValueError("no")

    context.subscribe(EpochEnded, fail)
    context.open_up()
    bus.subscribe(SubscriberFailed, seen.append)

    bus.publish(EpochEnded())

    assert [one.owner for one in seen] == ["trainer"]


def test_withdrawing_takes_back_everything_and_tells_what_it_was(
    context: PluginContext, bus: EventBus, services: ServiceLocator, seen: list[Any]
) -> None:
    context.provide(NUMBER, 7)
    context.subscribe("*", seen.append)
    context.open_up()
    context.register_service("my_service", 8)
    context.subscribe(EpochEnded, seen.append)
    provisions = context.provisions

    assert context.withdraw() == provisions
    bus.publish(EpochEnded())

    assert context.provisions == ()
    assert services.keys == ()
    assert bus.subscriptions == ()
    assert seen == []
    assert context.withdraw() == ()


def test_nothing_reaches_a_plugin_once_its_unload_has_begun(
    context: PluginContext, bus: EventBus, seen: list[Any]
) -> None:
    bus.subscribe(EpochEnded, lambda _: context.withdraw())
    context.subscribe(EpochEnded, seen.append)
    context.open_up()

    bus.publish(EpochEnded())

    assert seen == []


def test_withdrawing_before_opening_up_drops_what_was_held_back(
    context: PluginContext, bus: EventBus, services: ServiceLocator, seen: list[Any]
) -> None:
    services.provide(ANYTHING, 1, owner="other")
    context.provide(ANYTHING, 2)
    token = context.subscribe("*", seen.append)

    assert [one.provided for one in context.withdraw()] == [2]
    token.activate()
    bus.publish(EpochEnded())

    assert services.all(ANYTHING) == (1,)
    assert bus.subscriptions == ()
    dropped = weakref.ref(token)
    del token
    assert dropped() is None


def test_a_withdrawal_after_the_unload_began_does_nothing(context: PluginContext, services: ServiceLocator) -> None:
    context.open_up()
    withdraw = context.register_service("my_service", 1)
    context.withdraw()
    services.provide("my_service", 2, owner="other")

    withdraw()

    assert services.get("my_service") == 2


@pytest.mark.parametrize(("is_closed", "state"), [(False, "unloading"), (True, "unloaded")])
def test_changes_are_refused_once_the_unload_has_begun(
    context: PluginContext, bus: EventBus, services: ServiceLocator, is_closed: bool, state: str
) -> None:
    context.open_up()
    context.withdraw()
    if is_closed:
        assert list(context.close()) == []

    changes: list[tuple[str, Callable[[], object]]] = [
        ("provide for", lambda: context.provide(NUMBER, 7)),
        ("provide for", lambda: context.register_service("my_service", 8)),
        ("subscribe for", lambda: context.subscribe("*", print)),
    ]
    for verb, change in changes:
        with pytest.raises(PluginStateError) as caught:
            change()
        assert (caught.value.verb, caught.value.plugin_id, caught.value.state) == (verb, "trainer", state)

    assert services.keys == ()
    assert bus.subscriptions == ()


def test_callbacks_run_in_reverse_order_at_the_close_alone(context: PluginContext, seen: list[Any]) -> None:
    for number in range(3):
        context.on_unload(partial(seen.append, number))
    context.open_up()
    context.on_unload(lambda: seen.append("last"))
    context.withdraw()
    assert seen == []

    assert list(context.close()) == []
    assert seen == ["last", 2, 1, 0]

    assert list(context.close()) == []
    assert len(seen) == 4


def test_what_callbacks_raise_is_yielded_and_keeps_none_from_running(context: PluginContext, seen: list[Any]) -> None:
    errors = [ValueError("first"), KeyboardInterrupt(), SystemExit(1)]

    def raising(error: BaseException) -> Callable[[], None]:
        def callback() -> None:
            seen.append(type(error))
            raise error

        return callback

    for error in errors:
        context.on_unload(raising(error))
        context.on_unload(lambda: seen.append("between"))

    assert closed(context) == errors[::-1]
    assert seen == ["between", SystemExit, "between", KeyboardInterrupt, "between", ValueError]


def test_a_callback_registered_by_a_callback_runs_next(context: PluginContext, seen: list[Any]) -> None:
    def register() -> None:
        seen.append("registering")
        context.on_unload(lambda: seen.append("registered"))

    context.on_unload(lambda: seen.append("first"))
    context.on_unload(register)

    assert closed(context) == []
    assert seen == ["registering", "registered", "first"]


def test_a_callback_after_the_close_is_refused(context: PluginContext) -> None:
    closed(context)

    with pytest.raises(PluginStateError, match="cannot register a callback for plugin 'trainer': it is unloaded"):
        context.on_unload(print)


def test_no_lock_is_held_while_a_callback_runs(context: PluginContext, seen: list[Any]) -> None:
    with ThreadPoolExecutor(1) as pool:
        context.on_unload(lambda: seen.append(pool.submit(lambda: context.provisions).result()))
        assert closed(context) == []

    assert seen == [()]


def test_a_context_does_not_keep_subscriptions_that_were_cancelled_and_dropped(context: PluginContext) -> None:
    context.open_up()
    alive = weakref.ref(context.subscribe("*", print))
    kept = context.subscribe("*", print)
    gc.collect()
    cancelling = alive()
    assert cancelling is not None

    cancelling.cancel()
    del cancelling
    gc.collect()

    assert alive() is None
    assert kept.is_active


def test_opening_up_in_place_of_another_puts_one_in_the_place_of_the_other(
    context: PluginContext, bus: EventBus, services: ServiceLocator, seen: list[Any]
) -> None:
    context.register_service("my_service", "old")
    context.subscribe("*", lambda event: seen.append(("old", event.epoch)))
    context.open_up()
    bus.publish(EpochEnded(1))
    new = made("successor", bus, services)
    new.register_service("my_service", "new")
    new.subscribe("*", lambda event: seen.append(("new", event.epoch)))

    new.open_up(context)
    bus.publish(EpochEnded(2))

    assert services.get("my_service") == "new"
    assert [one.owner for one in services.providers("my_service")] == ["successor"]
    assert seen == [("old", 1), ("new", 2)]
    assert context.provisions == ()
    assert closed(context) == []
    assert services.get("my_service") == "new"


def test_opening_up_in_place_of_another_that_fails_leaves_the_other_as_it_was(
    context: PluginContext, bus: EventBus, services: ServiceLocator, seen: list[Any]
) -> None:
    services.provide("taken", 1, owner="other")
    withdraw = context.register_service("my_service", "old")
    context.subscribe("*", lambda event: seen.append(("old", event.epoch)))
    context.open_up()
    provisions = context.provisions
    new = made("successor", bus, services)
    new.register_service("my_service", "new")
    new.register_service("taken", 2)
    new.subscribe("*", lambda event: seen.append(("new", event.epoch)))

    with pytest.raises(ServiceExistsError):
        new.open_up(context)
    bus.publish(EpochEnded())

    assert services.get("my_service") == "old"
    assert context.provisions == provisions
    assert seen == [("old", 0)]
    withdraw()
    assert services.keys == ("taken",)


Change: TypeAlias = "Callable[[PluginContext], object]"


def subscribe(context: PluginContext) -> None:
    context.subscribe("*", print)


def provide(context: PluginContext) -> None:
    context.provide(ANYTHING, 1)


def provide_and_withdraw(context: PluginContext) -> None:
    context.provide(ANYTHING, 2)()


def unless_refused(change: Change) -> Change:
    def try_to(context: PluginContext) -> None:
        with suppress(PluginStateError):
            change(context)

    return try_to


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("change", [subscribe, provide, provide_and_withdraw])
def test_nothing_that_another_thread_does_stays_after_the_unload(
    interleavings: Callable[..., Iterator[PluginContext]],
    bus: EventBus,
    services: ServiceLocator,
    change: Change,
    is_first: bool,
    is_open: bool,
) -> None:
    def make() -> PluginContext:
        context = made("trainer", bus, services)
        for _ in range(2):
            subscribe(context)
            provide(context)
        if is_open:
            context.open_up()
        return context

    calls = (unless_refused(change), PluginContext.withdraw)
    for context in interleavings(make, *(calls if is_first else calls[::-1])):
        assert (context.provisions, bus.subscriptions, services.keys) == ((), (), ())
        assert list(context.close()) == []


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("change", [subscribe, provide, provide_and_withdraw])
def test_what_another_thread_does_while_a_context_opens_up_becomes_visible(
    interleavings: Callable[..., Iterator[PluginContext]],
    bus: EventBus,
    services: ServiceLocator,
    change: Change,
    is_first: bool,
) -> None:
    def make() -> PluginContext:
        context = made("trainer", bus, services)
        subscribe(context)
        provide(context)
        return context

    calls = (change, PluginContext.open_up)
    for context in interleavings(make, *(calls if is_first else calls[::-1])):
        assert len(bus.subscriptions) == (2 if change is subscribe else 1)
        assert len(services.all(ANYTHING)) == (2 if change is provide else 1)
        assert services.providers(ANYTHING) == context.provisions
        assert closed(context) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_a_callback_that_another_thread_registers_is_run_or_refused(
    interleavings: Callable[..., Iterator[PluginContext]], bus: EventBus, services: ServiceLocator, is_first: bool
) -> None:
    registered: list[str] = []
    run: list[str] = []

    def register(context: PluginContext) -> None:
        with suppress(PluginStateError):
            context.on_unload(lambda: run.append("late"))
            registered.append("late")

    def make() -> PluginContext:
        context = made("trainer", bus, services)
        registered[:], run[:] = ["early"], []
        context.on_unload(lambda: run.append("early"))
        return context

    calls = (register, closed)
    for _ in interleavings(make, *(calls if is_first else calls[::-1])):
        assert sorted(run) == sorted(registered)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("change", [subscribe, provide, provide_and_withdraw])
def test_nothing_of_a_context_that_is_replaced_stays_whatever_another_thread_does(
    interleavings: Callable[..., Iterator[tuple[PluginContext, PluginContext]]],
    bus: EventBus,
    services: ServiceLocator,
    change: Change,
    is_first: bool,
) -> None:
    def make() -> tuple[PluginContext, PluginContext]:
        old, new = made("old", bus, services), made("new", bus, services)
        for context in (old, new):
            subscribe(context)
            context.register_service("my_service", context.plugin_id)
            if context is old:
                context.open_up()
        return old, new

    def offer(pair: tuple[PluginContext, PluginContext]) -> None:
        with suppress(PluginStateError):  # refused once its place is taken
            change(pair[0])

    calls = (offer, lambda pair: pair[1].open_up(pair[0]))
    for old, new in interleavings(make, *(calls if is_first else calls[::-1])):
        assert services.get("my_service") == "new"
        assert closed(old) == []
        assert services.keys == ("my_service",)
        assert [one.owner for one in bus.subscriptions] == ["new"]
        assert closed(new) == []
