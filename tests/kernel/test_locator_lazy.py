"""Lazy services: built once, by whoever wants them first, and closed if they were built."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    AmbiguousServiceError,
    Capability,
    ContractError,
    Kernel,
    PluginLoadError,
    PluginStateError,
    PluginUnloadError,
    ServiceBuildError,
    ServiceCircleError,
    ServiceCloseError,
    ServiceExistsError,
    ServiceLocator,
    ServiceNotFoundError,
    ServiceWithdrawnError,
    UndeclaredCapabilityError,
)
from plugbus.kernel.testing import FakePlugin, Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugbus.kernel import PluginContext


class Store:
    """Something that is costly to make, and has to be closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Workshop:
    """A factory that remembers what it made, and can be told to do something first."""

    def __init__(self, first: Callable[[], object] | None = None) -> None:
        self.made: list[Store] = []
        self.calls = 0
        self.first = first

    def __call__(self) -> Store:
        self.calls += 1
        if self.first is not None:
            self.first()
        self.made.append(Store())
        return self.made[-1]


STORE = Capability[Store]("store", contract=Store)
OTHER = Capability[Store]("other", contract=Store)


@pytest.fixture
def locator() -> ServiceLocator:
    return ServiceLocator()


@pytest.fixture
def workshop() -> Workshop:
    return Workshop()


def of_plugin(workshop: Workshop, plugin_id: str = "disk", **given: Any) -> FakePlugin:
    return FakePlugin(
        plugin_id,
        declares=[STORE],
        on_load=lambda ctx: ctx.provide_lazy(STORE, workshop, close=Store.close),
        **given,
    )


def in_thread(call: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    """Run a call in a thread; return it, and a list that gets what it returns or raises."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001 - handed to the test
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


def read_find(locator: ServiceLocator) -> object:
    return locator.find(STORE)


def read_all(locator: ServiceLocator) -> object:
    [found] = locator.all(STORE)
    return found


def read_lease(locator: ServiceLocator) -> object:
    with locator.lease(STORE) as found:
        return found


def read_ref(locator: ServiceLocator) -> object:
    return locator.ref(STORE).get()


def read_entry(locator: ServiceLocator) -> object:
    return locator.providers(STORE)[0].provided


READS = [lambda locator: locator.get(STORE), read_find, read_all, read_lease, read_ref, read_entry]


def test_nothing_is_built_before_it_is_wanted(locator: ServiceLocator, workshop: Workshop) -> None:
    locator.provide_lazy(STORE, workshop, owner="disk")

    assert workshop.calls == 0
    assert locator.keys == ("store",)
    [entry] = locator.providers(STORE)
    assert (entry.key, entry.owner, entry.is_built) == (STORE, "disk", False)
    assert repr(entry) == "LazyProvision(key=Capability('store', version='1.0.0'), owner='disk', not built)"
    assert workshop.calls == 0
    locator.get(STORE)
    assert entry.is_built
    assert repr(entry).endswith("'disk', built)")


@pytest.mark.parametrize("first", READS)
def test_whatever_asks_first_builds_and_all_others_get_the_same(
    locator: ServiceLocator, workshop: Workshop, first: Callable[[ServiceLocator], object]
) -> None:
    locator.provide_lazy(STORE, workshop)

    found = first(locator)

    assert [found] == workshop.made
    assert all(read(locator) is found for read in READS)
    assert locator.get("store") is found
    assert workshop.calls == 1


def test_a_name_is_lazy_too(locator: ServiceLocator, workshop: Workshop) -> None:
    withdrawal = locator.provide_lazy("my_store", workshop)
    with pytest.raises(ServiceExistsError):
        locator.provide_lazy("my_store", workshop)

    assert locator.get("my_store", Store) is workshop.made[0]
    withdrawal()
    assert locator.find("my_store") is None


def test_once_built_get_is_one_lookup(locator: ServiceLocator, workshop: Workshop) -> None:
    class Counted(str):
        __slots__ = ("lookups",)
        lookups: int

        def __hash__(self) -> int:
            self.lookups += 1
            return str.__hash__(self)

        def __eq__(self, other: object) -> bool:
            return str.__eq__(self, other)

    locator.provide_lazy("store", workshop)
    first = locator.get("store")
    key = Counted("store")
    key.lookups = 0

    assert locator.get(key) is first
    assert key.lookups == 1


def test_eight_threads_that_come_at_once_get_one_object(locator: ServiceLocator) -> None:
    middle = Gate()
    workshop = Workshop(middle)
    locator.provide_lazy(STORE, workshop)

    threads = [in_thread(partial(read, locator)) for read in (*READS, *READS[:2])]
    middle.await_arrival()
    middle.open()
    for thread, _ in threads:
        thread.join()

    assert workshop.calls == 1
    assert [outcome for _, outcome in threads] == [workshop.made] * 8


def test_no_lock_is_held_while_a_factory_or_close_runs(locator: ServiceLocator) -> None:
    def elsewhere(*_arguments: object) -> Store:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: locator.provide(OTHER, Store(), owner="x")).result()()
            pool.submit(lambda: locator.provide_lazy("more", Store).withdraw()).result()
        return Store()

    withdrawal = locator.provide_lazy(STORE, elsewhere, close=elsewhere)

    locator.get(STORE)
    withdrawal()
    assert locator.keys == ()


def test_a_factory_that_raises_is_named_and_asked_again(locator: ServiceLocator, workshop: Workshop) -> None:
    fault = OSError("no disk")

    def fail() -> None:
        if workshop.calls < 3:
            raise fault

    workshop.first = fail
    locator.provide_lazy(STORE, workshop, owner="disk")

    for read in READS[:2]:
        with pytest.raises(ServiceBuildError) as caught:
            read(locator)
        assert (caught.value.key, caught.value.owner, caught.value.cause) == ("store", "disk", "OSError: no disk")
        assert caught.value.__cause__ is fault
    assert locator.get(STORE) is workshop.made[0]
    assert workshop.calls == 3


def test_those_who_waited_for_a_factory_that_raised_get_its_failure_too(locator: ServiceLocator) -> None:
    middle = Gate()
    fault = OSError("no disk")

    def fail() -> None:
        middle()
        raise fault

    workshop = Workshop(fail)
    locator.provide_lazy(STORE, workshop)
    threads = [in_thread(lambda: locator.get(STORE))]
    middle.await_arrival()
    threads.append(in_thread(lambda: locator.get(STORE)))
    while not locator._builds._waits:
        pass
    middle.open()
    for thread, _ in threads:
        thread.join()

    errors = [outcome[0] for _, outcome in threads]
    assert [type(one) for one in errors] == [ServiceBuildError] * 2
    assert errors[0] is not errors[1]
    assert [one.__cause__ for one in errors if isinstance(one, Exception)] == [fault] * 2
    assert workshop.calls == 1


def test_those_who_waited_for_a_factory_that_was_interrupted_build_it_themselves(locator: ServiceLocator) -> None:
    middle = Gate()
    workshop = Workshop()

    def interrupt() -> None:
        if workshop.calls == 1:
            middle()
            raise KeyboardInterrupt

    workshop.first = interrupt
    locator.provide_lazy(STORE, workshop)
    one = in_thread(lambda: locator.get(STORE))
    middle.await_arrival()
    two = in_thread(lambda: locator.get(STORE))
    while not locator._builds._waits:
        pass
    middle.open()
    for thread, _ in (one, two):
        thread.join()

    assert [type(outcome) for outcome in one[1]] == [KeyboardInterrupt]
    assert two[1] == workshop.made


def test_an_exception_without_a_text_is_told_all_the_same(locator: ServiceLocator) -> None:
    class WordlessError(Exception):
        def __str__(self) -> str:
            raise ValueError

    for fault, cause in ((WordlessError(), "WordlessError: its text can't be made"), (ValueError(), "ValueError")):

        def fail(error: Exception = fault) -> Store:
            raise error

        with locator.provide_lazy(STORE, fail), pytest.raises(ServiceBuildError) as caught:
            locator.get(STORE)
        assert caught.value.cause.endswith(cause)


def test_the_contract_is_checked_when_it_is_built_and_what_breaks_it_is_closed(locator: ServiceLocator) -> None:
    made: list[Any] = []
    closed: list[Any] = []

    def wrong() -> Any:
        made.append(object())
        return made[-1]

    withdrawal = locator.provide_lazy(STORE, wrong, close=closed.append, owner="disk")
    assert closed == []

    with pytest.raises(ServiceBuildError) as caught:
        locator.get(STORE)
    assert isinstance(caught.value.__cause__, ContractError)
    assert caught.value.cause.startswith("ContractError: cannot provide capability 'store'")
    assert closed == made
    withdrawal()
    assert len(closed) == 1


def test_a_close_that_fails_after_a_broken_contract_is_noted(locator: ServiceLocator) -> None:
    wrong: Any = object
    locator.provide_lazy(STORE, wrong, close=lambda one: one.close())

    with pytest.raises(ServiceBuildError) as caught:
        locator.get(STORE)
    assert caught.value.__notes__ == [
        "cannot close service 'store' of 'host': AttributeError: 'object' object has no attribute 'close'"
    ]


@pytest.mark.parametrize("role", ["factory", "close", "health"])
def test_what_is_async_is_refused(locator: ServiceLocator, role: str) -> None:
    async def later(*_arguments: object) -> None: ...

    given: dict[str, Any] = {"factory": Store, role: later}
    with pytest.raises(TypeError, match=f"cannot provide service 'store': its {role} is 'async def'"):
        locator.provide_lazy(STORE, **given)
    assert locator.keys == ()


def test_a_factory_that_asks_for_itself_is_told_so(locator: ServiceLocator) -> None:
    locator.provide_lazy(STORE, lambda: locator.get(STORE))

    for _ in range(2):
        with pytest.raises(ServiceCircleError) as caught:
            locator.get(STORE)
        assert caught.value.path == ("store", "store")


def test_factories_that_need_each_other_are_told_the_circle(locator: ServiceLocator) -> None:
    third = Capability[Store]("third", contract=Store)
    locator.provide_lazy(STORE, lambda: locator.get(OTHER))
    locator.provide_lazy(OTHER, lambda: locator.get(third))
    locator.provide_lazy(third, lambda: locator.get(OTHER))

    with pytest.raises(ServiceBuildError) as caught:  # the store is not part of the circle that it needs
        locator.get(STORE)
    assert isinstance(caught.value.__cause__, ServiceCircleError)
    assert caught.value.__cause__.path == ("other", "third", "other")


def test_two_threads_whose_factories_need_each_other_are_told_the_circle(locator: ServiceLocator) -> None:
    both = threading.Barrier(2)

    def needs(other: Capability[Store]) -> Store:
        with suppress(threading.BrokenBarrierError):
            both.wait(10)
        return locator.get(other)

    locator.provide_lazy(STORE, lambda: needs(OTHER))
    locator.provide_lazy(OTHER, lambda: needs(STORE))
    threads = [in_thread(partial(locator.get, key)) for key in (STORE, OTHER)]
    for thread, _ in threads:
        thread.join(20)
        assert not thread.is_alive()

    errors = [outcome[0] for _, outcome in threads]
    for one in errors:
        assert isinstance(one, ServiceCircleError)
        assert (set(one.path), len(one.path)) == ({"store", "other"}, 3)
    assert (locator._builds._stacks, locator._builds._waits) == ({}, {})


def test_close_is_called_once_if_it_was_built_and_not_at_all_if_not(locator: ServiceLocator) -> None:
    workshop = Workshop()
    for is_wanted in (False, True):
        withdrawal = locator.provide_lazy(STORE, workshop, close=Store.close)
        if is_wanted:
            locator.get(STORE)
        withdrawal()
        withdrawal()
        assert locator.find(STORE) is None
    assert [one.closed for one in workshop.made] == [1]


def test_what_was_withdrawn_is_closed_by_who_ends_the_last_use(locator: ServiceLocator, workshop: Workshop) -> None:
    withdrawal = locator.provide_lazy(STORE, workshop, close=Store.close)
    with locator.lease(STORE) as store, locator.lease(STORE):
        withdrawal()
        assert store.closed == 0
        assert locator.find(STORE) is None
    assert store.closed == 1


def test_a_close_that_fails_at_once_is_raised_and_later_is_logged(
    locator: ServiceLocator, caplog: pytest.LogCaptureFixture
) -> None:
    fault = OSError("stuck")

    def fail(_store: Store) -> None:
        raise fault

    withdrawal = locator.provide_lazy(STORE, Store, close=fail, owner="disk")
    locator.get(STORE)
    with pytest.raises(ServiceCloseError) as caught:
        withdrawal()
    assert (caught.value.key, caught.value.owner, caught.value.cause) == ("store", "disk", "OSError: stuck")
    assert caught.value.__cause__ is fault
    assert locator.find(STORE) is None

    withdrawal = locator.provide_lazy(STORE, Store, close=fail)
    with locator.lease(STORE):
        withdrawal()
        assert caplog.messages == []
    assert caplog.messages == ["cannot close service 'store' of 'host': OSError: stuck"]


def test_all_that_is_withdrawn_together_is_closed_the_last_first_even_if_one_fails(locator: ServiceLocator) -> None:
    closed: list[str] = []

    def close(name: str, _one: object) -> None:
        closed.append(name)
        raise OSError(name)

    entries = [locator.lazy(name, object, "a", close=partial(close, name), health=None) for name in "abc"]
    withdrawal = locator.exchange((), entries)
    for name in "abc":
        locator.get(name)
    with pytest.raises(ServiceCloseError) as caught:
        withdrawal()
    assert closed == ["c", "b", "a"]
    assert caught.value.key == "c"


def test_what_is_withdrawn_while_it_is_built_is_closed_and_not_found(locator: ServiceLocator) -> None:
    for read in (*READS[:2], read_ref):
        middle = Gate()
        workshop = Workshop(middle)
        withdrawal = locator.provide_lazy(STORE, workshop, close=Store.close)
        thread, outcome = in_thread(partial(read, locator))
        middle.await_arrival()
        withdrawal()
        middle.open()
        thread.join()

        assert outcome == [None] or isinstance(outcome[0], ServiceNotFoundError)
        assert [one.closed for one in workshop.made] == [1]


def test_a_use_that_was_counted_before_the_withdrawal_gets_what_is_built(locator: ServiceLocator) -> None:
    middle = Gate()
    workshop = Workshop(middle)
    withdrawal = locator.provide_lazy(STORE, workshop, close=Store.close)
    used: list[int] = []

    def use() -> None:
        with locator.lease(STORE) as store:
            used.append(store.closed)

    thread, _ = in_thread(use)
    middle.await_arrival()
    withdrawal()
    middle.open()
    thread.join()
    assert used == [0]
    assert [one.closed for one in workshop.made] == [1]


def test_all_leaves_out_what_is_withdrawn_while_it_is_built(locator: ServiceLocator) -> None:
    middle = Gate()
    workshop = Workshop(middle)
    withdrawal = locator.provide_lazy(STORE, workshop, close=Store.close)
    locator.provide(STORE, kept := Store(), owner="other")
    thread, outcome = in_thread(lambda: locator.all(STORE))
    middle.await_arrival()
    withdrawal()
    middle.open()
    thread.join()

    assert outcome == [(kept,)]


def test_who_waits_for_what_is_withdrawn_gets_the_next_provider(locator: ServiceLocator) -> None:
    middle = Gate()
    withdrawal = locator.provide_lazy(STORE, Workshop(middle), close=Store.close)
    threads = [in_thread(lambda: locator.get(STORE)) for _ in range(3)]
    middle.await_arrival()
    withdrawal()
    locator.provide(STORE, successor := Store(), owner="other")
    middle.open()
    for thread, _ in threads:
        thread.join()

    assert [outcome for _, outcome in threads] == [[successor]] * 3


def test_a_close_that_fails_after_a_withdrawal_in_the_midst_is_raised_by_who_built(locator: ServiceLocator) -> None:
    def fail(_store: Store) -> None:
        raise OSError("stuck")

    withdrawals: list[Callable[[], None]] = []
    withdrawals.append(locator.provide_lazy(STORE, Workshop(lambda: end(locator)), close=fail))

    with pytest.raises(ServiceCloseError):
        locator.get(STORE)


def end(locator: ServiceLocator) -> None:
    """Withdraw and end everything, whatever uses there are, as an unload does."""
    entries = locator.providers(STORE)
    locator.exchange(entries, ())
    for one in entries:
        one.end()


def test_an_entry_that_has_ended_says_so(locator: ServiceLocator, workshop: Workshop) -> None:
    locator.provide_lazy(STORE, workshop)
    [entry] = locator.providers(STORE)
    end(locator)
    with pytest.raises(ServiceWithdrawnError):
        _ = entry.provided
    entry.end()
    assert workshop.calls == 0


def test_several_providers_are_built_apart(locator: ServiceLocator) -> None:
    locator = ServiceLocator({"store": "b"})
    shops = {owner: Workshop() for owner in "ab"}
    for owner, workshop in shops.items():
        locator.provide_lazy(STORE, workshop, owner=owner)

    assert locator.get(STORE) in shops["b"].made
    assert shops["a"].calls == 0
    locator.prefer(STORE, "a")
    assert locator.get(STORE) in shops["a"].made
    assert locator.all(STORE) == (shops["a"].made[0], shops["b"].made[0])
    locator.prefer(STORE, None)
    with pytest.raises(AmbiguousServiceError):
        locator.get(STORE)


def test_a_preference_that_changes_while_something_is_built_counts(locator: ServiceLocator) -> None:
    locator = ServiceLocator({"store": "a"})
    workshop = Workshop(lambda: locator.prefer(STORE, "b"))
    locator.provide_lazy(STORE, workshop, owner="a")
    locator.provide(STORE, other := Store(), owner="b")

    assert locator.get(STORE) in workshop.made  # it was chosen when it was asked for
    assert locator.get(STORE) is other


def test_get_and_a_withdrawal_in_another_thread_leave_nothing_open(
    interleavings: Callable[..., Iterator[Any]],
) -> None:
    class Shop:
        def __init__(self) -> None:
            self.locator = ServiceLocator()
            self.workshop = Workshop()
            self.withdrawal = self.locator.provide_lazy(STORE, self.workshop, close=Store.close)
            self.found: list[Store | None] = []

    def get(shop: Shop) -> None:
        shop.found.append(shop.locator.find(STORE))

    for calls in ((get, lambda shop: shop.withdrawal()), (lambda shop: shop.withdrawal(), get)):
        for shop in interleavings(Shop, *calls):
            assert len(shop.workshop.made) <= 1
            assert [one.closed for one in shop.workshop.made] == [1] * len(shop.workshop.made)
            assert shop.locator.find(STORE) is None
            assert (shop.locator._chosen, shop.locator._builds._stacks) == ({}, {})


def test_two_gets_build_once_wherever_the_second_comes_in(interleavings: Callable[..., Iterator[Any]]) -> None:
    class Shop:
        def __init__(self) -> None:
            self.locator = ServiceLocator()
            self.workshop = Workshop()
            self.locator.provide_lazy(STORE, self.workshop)

    for shop in interleavings(Shop, lambda shop: shop.locator.get(STORE), lambda shop: shop.locator.get(STORE)):
        assert shop.workshop.calls == 1
        assert shop.locator.get(STORE) is shop.workshop.made[0]


def test_a_lazy_service_of_a_plugin_counts_as_provided_and_is_closed_at_its_unload(workshop: Workshop) -> None:
    with Kernel() as kernel:
        kernel.register(of_plugin(workshop))
        for times in (0, 1):
            kernel.load("disk")
            assert workshop.calls == 0
            for _ in range(times):
                kernel.services.get(STORE)
            kernel.unload("disk")
        assert [one.closed for one in workshop.made] == [1]
        assert kernel.services.keys == ()


def test_what_is_not_even_lazily_provided_fails_the_load() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("disk", declares=[STORE]))
    with pytest.raises(PluginLoadError) as caught:
        kernel.load("disk")
    assert isinstance(caught.value.__cause__, UndeclaredCapabilityError)


def test_close_is_called_in_its_place_among_the_callbacks_of_a_plugin() -> None:
    order: list[str] = []

    def on_load(ctx: PluginContext) -> None:
        ctx.on_unload(lambda: order.append("first"))
        ctx.provide_lazy(STORE, Store, close=lambda _: order.append("close"))
        ctx.on_unload(lambda: order.append("last"))

    kernel = Kernel()
    kernel.register(FakePlugin("disk", on_load=on_load, on_unload=lambda _: order.append("on_unload")))
    kernel.load("disk")
    kernel.services.get(STORE)
    kernel.shutdown()
    assert order == ["on_unload", "last", "close", "first"]


def test_a_close_that_fails_at_the_unload_is_reported_and_stops_nothing() -> None:
    def fail(_store: Store) -> None:
        raise OSError("stuck")

    kernel = Kernel()
    kernel.register(FakePlugin("disk", on_load=lambda ctx: ctx.provide_lazy(STORE, Store, close=fail)))
    kernel.load("disk")
    kernel.services.get(STORE)
    with pytest.raises(PluginUnloadError) as caught:
        kernel.unload("disk")
    [error] = caught.value.exceptions
    assert isinstance(error, ServiceCloseError)
    assert (error.key, error.owner) == ("store", "disk")


def test_a_plugin_can_use_its_own_lazy_service_while_it_loads_and_it_is_closed_if_that_fails(
    workshop: Workshop,
) -> None:
    def on_load(ctx: PluginContext) -> None:
        ctx.provide_lazy(STORE, workshop, close=Store.close)
        assert ctx.get(STORE) is ctx.get_service(STORE)
        assert ctx.all(STORE) == tuple(workshop.made)
        raise ValueError("no")

    kernel = Kernel()
    kernel.register(FakePlugin("disk", on_load=on_load))
    with pytest.raises(PluginLoadError):
        kernel.load("disk")
    assert [one.closed for one in workshop.made] == [1]


def test_a_plugin_withdraws_a_lazy_service_before_its_unload(workshop: Workshop) -> None:
    kernel = Kernel()
    plugin = FakePlugin("disk")
    kernel.register(plugin)
    kernel.load("disk")
    assert plugin.ctx is not None
    withdraw = plugin.ctx.provide_lazy(STORE, workshop, close=Store.close)
    with kernel.services.lease(STORE) as store:
        withdraw()
        withdraw()
        assert kernel.services.find(STORE) is None
        assert store.closed == 0
    assert store.closed == 1
    kernel.shutdown()
    assert store.closed == 1


def test_an_unload_does_not_wait_for_uses_and_closes_what_they_hold(workshop: Workshop) -> None:
    kernel = Kernel()
    kernel.register(of_plugin(workshop))
    kernel.load("disk")
    with kernel.services.lease(STORE) as store:
        kernel.unload("disk")
        assert store.closed == 1
    assert store.closed == 1


def test_an_unload_while_the_factory_runs_leaves_nothing(workshop: Workshop) -> None:
    middle = Gate()
    workshop.first = middle
    kernel = Kernel()
    kernel.register(of_plugin(workshop))
    kernel.load("disk")
    threads = [in_thread(lambda: kernel.services.get(STORE)) for _ in range(3)]
    middle.await_arrival()
    kernel.unload("disk")
    assert workshop.made == []
    middle.open()
    for thread, outcome in threads:
        thread.join()
        assert isinstance(outcome[0], ServiceNotFoundError)
    assert workshop.calls == 1
    assert [one.closed for one in workshop.made] == [1]


def test_a_factory_may_unload_its_own_plugin(workshop: Workshop) -> None:
    kernel = Kernel()
    workshop.first = lambda: kernel.unload("disk")
    kernel.register(of_plugin(workshop))
    kernel.load("disk")
    with pytest.raises(ServiceNotFoundError):
        kernel.services.get(STORE)
    assert [one.closed for one in workshop.made] == [1]


def test_a_swap_waits_for_uses_and_then_closes_what_was_built(workshop: Workshop) -> None:
    kernel = Kernel()
    kernel.register(of_plugin(workshop))
    kernel.load("disk")
    new = Workshop()
    with kernel.services.lease(STORE) as store:
        report = kernel.swap("disk", of_plugin(new, version="2.0.0"), drain_s=0.0)
        assert not report.is_drained
        assert store.closed == 0
        assert kernel.services.get(STORE) is new.made[0]
    assert store.closed == 1
    assert new.made[0].closed == 0


def test_a_swap_waits_for_a_factory_that_runs_and_its_caller_gets_the_new_one(workshop: Workshop) -> None:
    middle = Gate()
    workshop.first = middle
    kernel = Kernel()
    kernel.register(of_plugin(workshop))
    kernel.load("disk")
    thread, outcome = in_thread(lambda: kernel.services.get(STORE))
    middle.await_arrival()
    new = Workshop()
    report = kernel.swap("disk", of_plugin(new, version="2.0.0"), drain_s=0.0)
    assert not report.is_drained
    middle.open()
    thread.join()

    assert outcome == new.made
    assert [one.closed for one in workshop.made] == [1]


def test_nothing_lazy_is_offered_once_the_unload_has_begun() -> None:
    refused: list[PluginStateError] = []

    def on_unload(ctx: PluginContext) -> None:
        with pytest.raises(PluginStateError) as caught:
            ctx.provide_lazy(STORE, Store)
        refused.append(caught.value)

    kernel = Kernel()
    kernel.register(FakePlugin("disk", on_unload=on_unload))
    kernel.load("disk")
    kernel.shutdown()
    assert [one.verb for one in refused] == ["provide for"]


def test_a_lease_of_what_ends_while_it_is_built_is_one_of_the_next_provider(locator: ServiceLocator) -> None:
    successor = Store()

    def replace() -> None:
        [old] = locator.providers(STORE)
        end(locator)
        locator.provide(STORE, successor, owner="other")
        assert old.leases.count == 1

    locator.provide_lazy(STORE, workshop := Workshop(replace), close=Store.close)
    with locator.lease(STORE) as store:
        assert store is successor
    assert [one.closed for one in workshop.made] == [1]


def test_what_takes_no_new_uses_is_not_built(locator: ServiceLocator, workshop: Workshop) -> None:
    locator.provide_lazy(STORE, workshop)
    locator.providers(STORE)[0].leases.retire()
    assert locator.all(STORE) == ()
    assert workshop.calls == 0
