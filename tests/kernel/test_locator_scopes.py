"""Scopes: objects that are made once in each, and closed at its end."""

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
    PluginUnloadError,
    Scope,
    ScopeCloseError,
    ScopeError,
    ServiceBuildError,
    ServiceCircleError,
    ServiceCloseError,
    ServiceLocator,
    ServiceNotFoundError,
    ServiceTypeError,
    ServiceWithdrawnError,
)
from plugbus.kernel.testing import FakePlugin, Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugbus.kernel import PluginContext


class Session:
    """What belongs to one stretch of work."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Clerk:
    """A factory of sessions that remembers them."""

    def __init__(self) -> None:
        self.made: list[Session] = []
        self.first: Callable[[], object] | None = None

    def __call__(self) -> Session:
        if self.first is not None:
            self.first()
        self.made.append(Session())
        return self.made[-1]

    @property
    def closed(self) -> list[int]:
        return [one.closed for one in self.made]


SESSION = Capability[Session]("session", contract=Session)
CART = Capability[Session]("cart", contract=Session)
CLOCK = Capability[Any]("clock")


@pytest.fixture
def locator() -> ServiceLocator:
    return ServiceLocator()


@pytest.fixture
def clerk(locator: ServiceLocator) -> Clerk:
    made = Clerk()
    locator.provide_scoped(SESSION, made, Session.close, owner="db")
    return made


def of_plugin(clerk: Clerk, version: str = "1.0.0") -> FakePlugin:
    def on_load(ctx: PluginContext) -> None:
        ctx.provide_scoped(SESSION, clerk, close=Session.close)

    return FakePlugin("db", version, declares=[SESSION], on_load=on_load)


def test_a_scope_has_one_object_and_closes_it_at_its_end(locator: ServiceLocator, clerk: Clerk) -> None:
    with locator.scope() as scope:
        assert isinstance(scope, Scope)
        assert not scope.is_closed
        session = scope.get(SESSION)
        assert scope.get(SESSION) is scope.get("session", Session) is scope.find(SESSION) is session
        assert scope.all(SESSION) == (session,)
        assert clerk.made == [session]
        assert session.closed == 0
    assert (session.closed, scope.is_closed) == (1, True)
    scope.close()
    assert session.closed == 1


def test_a_scope_that_wants_nothing_makes_nothing(locator: ServiceLocator, clerk: Clerk) -> None:
    with locator.scope():
        pass
    assert clerk.made == []


def test_each_scope_sees_its_own_also_one_inside_another(locator: ServiceLocator, clerk: Clerk) -> None:
    with locator.scope() as outer:
        first = outer.get(SESSION)
        with locator.scope() as inner:
            second = inner.get(SESSION)
            assert second is not first
        assert (first.closed, second.closed) == (0, 1)
        assert outer.get(SESSION) is first
    assert clerk.closed == [1, 1]


def test_other_keys_are_those_of_the_locator(locator: ServiceLocator) -> None:
    clock, lazy = object(), Session()
    locator.provide(CLOCK, clock)
    locator.provide("name", 7)
    locator.provide_lazy(CART, lambda: lazy, close=Session.close)
    with locator.scope() as scope:
        assert scope.get(CLOCK) is scope.find(CLOCK) is clock
        assert scope.get("name", int) == 7
        assert scope.find("name", int) == 7
        assert scope.get(CART) is locator.get(CART) is lazy
        assert scope.all(CLOCK) == (clock,)
        assert scope.all("absent") == ()
        assert scope.find("absent") is None
        with pytest.raises(ServiceTypeError):
            scope.get("name", str)
    assert lazy.closed == 0


def test_what_is_not_there_names_what_is_near(locator: ServiceLocator, clerk: Clerk) -> None:
    with locator.scope() as scope:
        with pytest.raises(ServiceNotFoundError) as caught:
            scope.get("sessions")
        assert caught.value.near == ("session",)
        locator.provide_scoped(SESSION, Clerk(), owner="other")
        with pytest.raises(AmbiguousServiceError):
            scope.get(SESSION)
        assert len(scope.all(SESSION)) == 2


def test_what_is_missing_can_be_seen_to_when_a_scope_asks() -> None:
    asked: list[str] = []

    def bring(key: str) -> bool:
        asked.append(key)
        services.provide_scoped(SESSION, Session)
        return True

    services = ServiceLocator(on_missing=bring)
    with services.scope() as scope:
        assert isinstance(scope.get(SESSION), Session)
    assert asked == ["session"]


@pytest.mark.parametrize("read", ["get", "find", "all", "lease"])
def test_outside_of_a_scope_the_error_says_to_open_one(locator: ServiceLocator, clerk: Clerk, read: str) -> None:
    def ask() -> None:
        found = getattr(locator, read)(SESSION)
        if read == "lease":
            with found:
                pass

    with pytest.raises(ScopeError) as caught:
        ask()
    assert caught.value.key == "session"
    assert caught.value.cause == "'db' provides one for each scope"
    assert caught.value.remedy == "open one: with services.scope() as scope: scope.get(...)"
    assert locator.providers(SESSION)[0].leases.count == 0
    assert clerk.made == []


def test_a_scope_that_is_closed_gives_nothing(locator: ServiceLocator, clerk: Clerk) -> None:
    locator.provide(CLOCK, object())
    with locator.scope() as scope:
        scope.get(SESSION)
    for key in (SESSION, CLOCK):
        with pytest.raises(ScopeError, match="the scope is closed; open a new one"):
            scope.get(key)
        assert locator.providers(key)[0].leases.count == 0
    assert len(clerk.made) == 1


def test_everything_is_closed_in_reverse_even_if_some_fail(locator: ServiceLocator) -> None:
    order: list[str] = []
    fault = OSError("stuck")

    def close(name: str, _one: object) -> None:
        order.append(name)
        if name != "b":
            raise fault

    for name in "abc":
        locator.provide_scoped(name, object, partial(close, name), owner="db")
    scope = locator.scope()
    for name in "abc":
        scope.get(name)
    with pytest.raises(ScopeCloseError, match="cannot close a scope without failures; all is closed") as caught:
        scope.close()
    assert order == ["c", "b", "a"]
    errors = caught.value.exceptions
    assert [(type(one), getattr(one, "key", ""), one.__cause__) for one in errors] == [
        (ServiceCloseError, "c", fault),
        (ServiceCloseError, "a", fault),
    ]
    assert [one.leases.count for name in "abc" for one in locator.providers(name)] == [0, 0, 0]


def test_an_interrupt_at_the_end_is_raised_when_everything_is_closed(locator: ServiceLocator, clerk: Clerk) -> None:
    def interrupt(_one: object) -> None:
        raise KeyboardInterrupt

    locator.provide_scoped("last", object, interrupt)
    scope = locator.scope()
    scope.get(SESSION)
    scope.get("last")
    with pytest.raises(KeyboardInterrupt):
        scope.close()
    assert clerk.closed == [1]


def test_a_scope_is_closed_when_its_block_raises(locator: ServiceLocator, clerk: Clerk) -> None:
    def work() -> None:
        with locator.scope() as scope:
            scope.get(SESSION)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        work()
    assert clerk.closed == [1]


def test_a_factory_that_fails_or_breaks_its_contract_is_asked_again(locator: ServiceLocator, clerk: Clerk) -> None:
    wrong: Any = object
    locator.provide_scoped(CART, wrong)

    def fail() -> None:
        clerk.first = None
        raise OSError("no")

    clerk.first = fail
    with locator.scope() as scope:
        with pytest.raises(ServiceBuildError) as caught:
            scope.get(SESSION)
        assert (caught.value.key, caught.value.owner) == ("session", "db")
        assert scope.get(SESSION) in clerk.made
        with pytest.raises(ServiceBuildError) as caught:
            scope.get(CART)
        assert isinstance(caught.value.__cause__, ContractError)
    assert clerk.closed == [1]


def test_a_factory_that_asks_its_scope_for_itself_is_told_so(locator: ServiceLocator) -> None:
    with locator.scope() as scope:
        locator.provide_scoped(SESSION, lambda: scope.get(CART))
        locator.provide_scoped(CART, lambda: scope.get(SESSION))
        with pytest.raises(ServiceCircleError) as caught:
            scope.get(SESSION)
    assert caught.value.path == ("session", "cart", "session")


def test_eight_threads_of_one_scope_share_an_object(locator: ServiceLocator, clerk: Clerk) -> None:
    middle = Gate()
    clerk.first = middle
    with locator.scope() as scope, ThreadPoolExecutor(8) as pool:
        found = [pool.submit(scope.get, SESSION) for _ in range(8)]
        middle.await_arrival()
        middle.open()
        assert [one.result() for one in found] == clerk.made * 8
    assert clerk.closed == [1]
    assert locator.providers(SESSION)[0].leases.count == 0


def test_a_scope_that_ends_while_something_is_made_closes_it(locator: ServiceLocator, clerk: Clerk) -> None:
    middle = Gate()
    clerk.first = middle
    scope = locator.scope()
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(scope.get, SESSION)
        middle.await_arrival()
        scope.close()
        assert locator.providers(SESSION)[0].leases.count == 1
        middle.open()
        with pytest.raises(ScopeError):
            found.result()
    assert clerk.closed == [1]
    assert locator.providers(SESSION)[0].leases.count == 0


def test_get_and_close_in_two_threads_leave_nothing_open(interleavings: Callable[..., Iterator[Any]]) -> None:
    class Case:
        def __init__(self) -> None:
            self.locator = ServiceLocator()
            self.clerk = Clerk()
            self.locator.provide_scoped(SESSION, self.clerk, Session.close)
            self.locator.provide(CLOCK, 1)
            self.scope = self.locator.scope()

    def get(case: Case) -> None:
        for key in (SESSION, CLOCK):
            with suppress(ScopeError):
                case.scope.get(key)

    for calls in ((get, lambda case: case.scope.close()), (lambda case: case.scope.close(), get)):
        for case in interleavings(Case, *calls):
            assert case.clerk.closed == [1] * len(case.clerk.made)
            assert [case.locator.providers(key)[0].leases.count for key in (SESSION, CLOCK)] == [0, 0]


def test_two_threads_get_one_object_wherever_the_second_comes_in(interleavings: Callable[..., Iterator[Any]]) -> None:
    class Case:
        def __init__(self) -> None:
            self.locator = ServiceLocator()
            self.clerk = Clerk()
            self.locator.provide_scoped(SESSION, self.clerk, Session.close)
            self.scope = self.locator.scope()

    def get(case: Case) -> None:
        case.scope.get(SESSION)

    for case in interleavings(Case, get, get):
        assert len(case.clerk.made) == 1
        assert case.locator.providers(SESSION)[0].leases.count == 1


def test_a_withdrawal_lets_open_scopes_come_to_their_end(locator: ServiceLocator) -> None:
    clerk = Clerk()
    withdrawal = locator.provide_scoped(CART, clerk, Session.close)
    with locator.scope() as scope:
        cart = scope.get(CART)
        withdrawal()
        assert scope.get(CART) is cart
        assert cart.closed == 0
        with locator.scope() as other, pytest.raises(ServiceNotFoundError):
            other.get(CART)
    assert cart.closed == 1


def test_what_is_withdrawn_while_a_scope_makes_it_is_looked_for_again(locator: ServiceLocator, clerk: Clerk) -> None:
    successor = Clerk()

    def replace() -> None:
        [old] = locator.providers(SESSION)
        locator.exchange((old,), (locator.scoped(SESSION, successor, "new", close=Session.close),))
        old.end()

    clerk.first = replace
    with locator.scope() as scope:
        assert scope.get(SESSION) in successor.made
    assert (clerk.closed, successor.closed) == ([1], [1])


def test_what_ends_while_a_scope_looks_for_all_is_left_out(locator: ServiceLocator, clerk: Clerk) -> None:
    def end() -> None:
        for one in locator.providers(SESSION)[:1]:
            locator.exchange((one,), ())
            one.end()

    clerk.first = end
    locator.provide_scoped(SESSION, other := Clerk(), Session.close)
    retired = locator.exchange((), (locator.scoped(SESSION, Clerk(), "c", close=None),)).provisions[0]
    retired.leases.retire()
    with locator.scope() as scope:
        assert scope.all(SESSION) == tuple(other.made)
    assert (clerk.closed, other.closed) == ([1], [1])


def test_an_entry_that_has_ended_makes_nothing_more(locator: ServiceLocator, clerk: Clerk) -> None:
    [entry] = locator.providers(SESSION)
    assert repr(entry) == "ScopedProvision(key=Capability('session', version='1.0.0'), owner='db')"
    entry.end()
    with locator.scope() as scope:
        assert scope.all(SESSION) == ()
    assert (clerk.made, entry.leases.count) == ([], 0)


@pytest.mark.parametrize("role", ["factory", "close"])
def test_what_is_async_is_refused(locator: ServiceLocator, role: str) -> None:
    async def later(*_arguments: object) -> None: ...

    given: dict[str, Any] = {"factory": Session, role: later}
    with pytest.raises(TypeError, match=f"cannot provide service 'cart': its {role} is 'async def'"):
        locator.provide_scoped(CART, **given)


def test_a_swap_waits_for_the_scopes_that_use_the_old_one(clerk: Clerk) -> None:
    old, new = Clerk(), Clerk()
    kernel = Kernel()
    kernel.register(of_plugin(old))
    kernel.load("db")
    with kernel.services.scope() as scope:
        session = scope.get(SESSION)
        report = kernel.swap("db", of_plugin(new, "2.0.0"), drain_s=0.0)
        assert not report.is_drained
        assert scope.get(SESSION) is session
        assert session.closed == 0
        with kernel.services.scope() as later:
            assert later.get(SESSION) in new.made
    assert old.closed == [1]
    assert kernel.services.providers(SESSION)[0].leases.count == 0
    kernel.shutdown()


def test_a_scope_leases_what_it_uses_of_others_too() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("clock", provides={CLOCK: 1}, declares=[]))
    kernel.load("clock")
    first = kernel.services.provide("name", 1)
    with kernel.services.scope() as scope:
        assert scope.get("name") == 1
        [entry] = first.provisions
        assert entry.leases.count == 1
    assert entry.leases.count == 0


def test_an_unload_closes_what_open_scopes_hold_and_says_so_to_who_asks_again() -> None:
    clerk = Clerk()
    kernel = Kernel()
    plugin = of_plugin(clerk)
    kernel.register(plugin)
    kernel.register(FakePlugin("names", services={"name": 7}))
    kernel.load("db", "names")
    with kernel.services.scope() as scope:
        first = scope.get(SESSION)
        assert scope.get("name") == 7
        kernel.unload("db")
        kernel.unload("names")
        assert first.closed == 1
        for key in (SESSION, "name"):
            for read in (scope.get, scope.find):
                with pytest.raises(ServiceWithdrawnError):
                    read(key)
        kernel.load("db")
        with pytest.raises(ServiceWithdrawnError):
            scope.get(SESSION)
    assert clerk.closed == [1]
    kernel.shutdown()


def test_all_that_fails_to_close_at_an_unload_is_reported() -> None:
    def fail(_session: Session) -> None:
        raise OSError("stuck")

    kernel = Kernel()
    kernel.register(FakePlugin("db", on_load=lambda ctx: ctx.provide_scoped(SESSION, Session, fail)))
    kernel.load("db")
    with kernel.services.scope() as one, kernel.services.scope() as two:
        one.get(SESSION)
        two.get(SESSION)
        with pytest.raises(PluginUnloadError) as caught:
            kernel.unload("db")
        [group] = caught.value.exceptions
        assert isinstance(group, ScopeCloseError)
        assert [type(error) for error in group.exceptions] == [ServiceCloseError] * 2


def test_a_plugin_opens_scopes_by_its_context(locator: ServiceLocator) -> None:
    kernel = Kernel()
    plugin = FakePlugin("user")
    clerk = Clerk()
    kernel.register(of_plugin(clerk))
    kernel.register(plugin)
    kernel.load_all()
    assert plugin.ctx is not None
    with plugin.ctx.scope() as scope:
        assert scope.get(SESSION) in clerk.made
    assert clerk.closed == [1]
    kernel.shutdown()


def test_no_lock_is_held_while_something_is_made_or_closed(locator: ServiceLocator) -> None:
    scope = locator.scope()

    def elsewhere(*_arguments: object) -> Session:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: scope.find("clock")).exception()
            pool.submit(lambda: locator.provide("clock", 1).withdraw()).result()
        return Session()

    locator.provide_scoped(SESSION, elsewhere, elsewhere)
    scope.get(SESSION)
    thread = threading.Thread(target=scope.close)
    thread.start()
    thread.join(20)
    assert not thread.is_alive()


def test_a_scope_that_ends_while_it_asks_for_what_all_share_keeps_nothing(locator: ServiceLocator) -> None:
    scope = locator.scope()

    def make() -> Session:
        scope.close()
        return Session()

    locator.provide_lazy(CART, make)
    assert scope.get(CART) is locator.get(CART)
    assert locator.providers(CART)[0].leases.count == 0
    with pytest.raises(ScopeError):
        scope.get(CART)
