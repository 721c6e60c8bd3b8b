"""Lazy and scoped services, scopes, leases, watchers and waiters of a locator against a plain model."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from plugbus.kernel import (
    AmbiguousServiceError,
    Capability,
    Scope,
    ScopeError,
    ServiceBuildError,
    ServiceChange,
    ServiceLocator,
    ServiceNotFoundError,
    ServiceTimeoutError,
    ServiceWithdrawnError,
    Withdrawal,
)

KEYS = (Capability[Any]("one"), Capability[Any]("two"))
OWNERS = ("a", "b")


class Product:
    """What a factory makes."""

    def __init__(self) -> None:
        self.closed = 0


class Offer:
    """What the model knows of one provider."""

    def __init__(self, key: str, owner: str, kind: str) -> None:
        self.key = key
        self.owner = owner
        self.kind = kind
        self.is_failing = False
        self.is_there = True
        self.is_ended = False
        self.uses = 0
        self.made: list[Product] = []
        self.withdrawal: Any = None

    def make(self) -> Product:
        if self.is_failing:
            raise OSError(self.owner)
        self.made.append(Product())
        return self.made[-1]

    def close(self, product: Product) -> None:
        product.closed += 1


class OpenScope:
    """What the model knows of a scope: what it uses, and what it got under which key."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.used: list[Offer] = []
        self.pinned: dict[str, tuple[Offer, object]] = {}


class ServicesMachine(RuleBasedStateMachine):
    offers = Bundle("offers")
    scopes = Bundle("scopes")
    leases = Bundle("leases")

    @initialize()
    def begin(self) -> None:
        self.locator = ServiceLocator()
        self.present: list[Offer] = []
        self.all_offers: list[Offer] = []
        self.waiting: dict[str, int] = {}
        self.called: list[str] = []
        self.expected: list[str] = []
        self.changes: list[ServiceChange] = []
        self.expected_changes: list[ServiceChange] = []
        for key in KEYS:
            self.locator.watch(key, self.changes.append)

    def chosen(self, key: str) -> list[Offer]:
        return [one for one in self.present if one.key == key]

    @rule(
        target=offers,
        key=st.sampled_from(KEYS),
        owner=st.sampled_from(OWNERS),
        kind=st.sampled_from(["plain", "lazy", "scoped"]),
    )
    def provide(self, key: Capability[Any], owner: str, kind: str) -> Offer:
        offer = Offer(key, owner, kind)
        if kind == "plain":
            offer.withdrawal = self.locator.provide(key, offer.make(), owner=owner)
        elif kind == "lazy":
            offer.withdrawal = self.locator.provide_lazy(key, offer.make, close=offer.close, owner=owner)
        else:
            offer.withdrawal = self.locator.provide_scoped(key, offer.make, offer.close, owner=owner)
        self.present.append(offer)
        self.all_offers.append(offer)
        self.expected += [key] * self.waiting.pop(key, 0)
        self.expected_changes.append(ServiceChange(str(key), owner))
        return offer

    @rule(offer=offers)
    def withdraw(self, offer: Offer) -> None:
        assert isinstance(offer.withdrawal, Withdrawal)
        offer.withdrawal()
        if offer.is_there:
            self.present.remove(offer)
            self.expected_changes.append(ServiceChange(str(offer.key), None, offer.owner))
        offer.is_there = False

    @rule(offer=offers)
    def unload(self, offer: Offer) -> None:
        """End an offer whatever uses there are of it."""
        entries = offer.withdrawal.provisions
        self.withdraw(offer)
        for one in entries:
            one.end()
        offer.is_ended = offer.is_ended or bool(entries)

    @rule(offer=offers, is_failing=st.booleans())
    def fail(self, offer: Offer, is_failing: bool) -> None:
        offer.is_failing = is_failing

    @rule(key=st.sampled_from(KEYS))
    def get(self, key: Capability[Any]) -> None:
        there = self.chosen(key)
        try:
            found = self.locator.get(key)
        except ServiceNotFoundError:
            assert not there
        except AmbiguousServiceError:
            assert len(there) > 1
        except ScopeError:
            assert [one.kind for one in there] == ["scoped"]
        except ServiceBuildError:
            assert [(one.kind, one.is_failing, one.made) for one in there] == [("lazy", True, [])]
        else:
            assert [one.made for one in there] == [[found]]
            assert there[0].kind != "scoped"

    @rule(key=st.sampled_from(KEYS))
    def wait(self, key: Capability[Any]) -> None:
        there = self.chosen(key)
        try:
            self.locator.wait_for(key, timeout_s=0)
        except ServiceTimeoutError:
            assert not there
        except (AmbiguousServiceError, ScopeError, ServiceBuildError):
            assert there

    @rule(key=st.sampled_from(KEYS))
    def call_when_provided(self, key: Capability[Any]) -> None:
        if self.chosen(key):
            self.expected.append(key)
        else:
            self.waiting[key] = self.waiting.get(key, 0) + 1
        self.locator.when_provided(key, lambda: self.called.append(key))

    @rule(target=scopes)
    def open_scope(self) -> OpenScope:
        return OpenScope(self.locator.scope())

    @rule(scope=scopes, key=st.sampled_from(KEYS))
    def get_in_scope(self, scope: OpenScope, key: Capability[Any]) -> None:
        there = self.chosen(key)
        offer, before = scope.pinned.get(key, (None, None))
        if offer is None and len(there) == 1:
            offer = there[0]
        try:
            found: object = scope.scope.get(key)
        except ServiceWithdrawnError:
            assert offer is not None
            assert offer.is_ended
        except ServiceNotFoundError:
            assert not there
            assert offer is None
        except AmbiguousServiceError:
            assert len(there) > 1
        except ServiceBuildError:
            assert offer is not None
            assert offer.is_failing
            self.used(scope, offer)
        else:
            assert offer is not None
            assert found in offer.made
            assert before is None or found is before
            self.used(scope, offer)
            scope.pinned[key] = offer, found

    def used(self, scope: OpenScope, offer: Offer) -> None:
        if offer not in scope.used:
            scope.used.append(offer)
            offer.uses += 1

    @rule(scope=consumes(scopes))
    def close_scope(self, scope: OpenScope) -> None:
        scope.scope.close()
        for offer in scope.used:
            offer.uses -= 1
            found = scope.pinned.get(offer.key, (None, None))[1]
            assert not isinstance(found, Product) or offer.kind != "scoped" or found.closed == 1

    @rule(target=leases, key=st.sampled_from(KEYS))
    def lease(self, key: Capability[Any]) -> Any:
        there = self.chosen(key)
        lease = self.locator.lease(key)
        try:
            found = lease.__enter__()
        except (ServiceNotFoundError, AmbiguousServiceError, ScopeError, ServiceBuildError):
            assert len(there) != 1 or there[0].kind != "plain"
            return None
        [offer] = there
        assert offer.made == [found]
        offer.uses += 1
        return lease, offer

    @rule(lease=consumes(leases))
    def end_lease(self, lease: Any) -> None:
        if lease is not None:
            lease[0].__exit__(None, None, None)
            lease[1].uses -= 1

    @invariant()
    def what_was_made_is_closed_when_the_last_use_of_it_is_over(self) -> None:
        for offer in getattr(self, "all_offers", ()):
            closed = [one.closed for one in offer.made]
            if offer.kind == "plain":
                assert closed == [0]
            elif offer.is_ended or (not offer.is_there and not offer.uses):
                assert closed == [1] * len(closed), offer.kind
            elif offer.kind == "lazy":
                assert closed in ([], [0])

    @invariant()
    def everyone_who_waited_or_watched_was_told_once(self) -> None:
        if hasattr(self, "called"):
            assert self.called == self.expected
            assert self.changes == self.expected_changes


TestServices = ServicesMachine.TestCase
TestServices.settings = settings(stateful_step_count=30, deadline=None)
