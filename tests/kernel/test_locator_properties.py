"""The service locator against a list of entries and a preference for each key."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from plugbus.kernel import (
    AmbiguousServiceError,
    Capability,
    Provision,
    ServiceExistsError,
    ServiceLocator,
    ServiceNotFoundError,
    Withdrawal,
)

# The last two are a capability and a name of the same text.
KEYS = (
    Capability[Any]("runner"),
    Capability[Any]("Backend", qualifier="CUDA"),
    "name",
    Capability[Any]("same"),
    "same",
)
OWNERS = ("a", "b", "host")

ENTRIES = st.builds(Provision, st.sampled_from(KEYS), st.builds(object), st.sampled_from(OWNERS))


class LocatorMachine(RuleBasedStateMachine):
    provided = Bundle("provided")

    def __init__(self) -> None:
        super().__init__()
        self.preferences = {"runner": "b"}
        self.locator = ServiceLocator(self.preferences)
        self.entries: list[Provision] = []

    def refused(self, staying: list[Provision], arriving: list[Provision]) -> bool:
        """Say whether a name would have two providers."""
        entries = list(staying)
        for one in arriving:
            others = [other for other in entries if other.key == one.key]
            if others and not all(isinstance(each.key, Capability) for each in (one, *others)):
                return True
            entries.append(one)
        return False

    @rule(target=provided, key=st.sampled_from(KEYS), owner=st.sampled_from(OWNERS))
    def provide(self, key: str, owner: str) -> Any:
        is_refused = self.refused(self.entries, [Provision(key, None, owner)])
        try:
            withdrawal = self.locator.provide(key, object(), owner=owner)
        except ServiceExistsError:
            assert is_refused
            return multiple()
        assert not is_refused
        self.entries += withdrawal.provisions
        return withdrawal

    @rule(withdrawal=provided)
    def withdraw(self, withdrawal: Withdrawal) -> None:
        gone = withdrawal.provisions
        withdrawal.withdraw()
        self.entries = [one for one in self.entries if all(one is not other for other in gone)]
        assert withdrawal.provisions == ()

    @rule(target=provided, leaving=st.lists(provided, max_size=3), arriving=st.lists(ENTRIES, max_size=3))
    def exchange(self, leaving: list[Withdrawal], arriving: list[Provision]) -> Any:
        going = [one for withdrawal in leaving for one in withdrawal.provisions]
        staying = [one for one in self.entries if all(one is not other for other in going)]
        is_refused = self.refused(staying, arriving)
        try:
            withdrawal = self.locator.exchange(going, arriving)
        except ServiceExistsError:
            assert is_refused
            return multiple()
        assert not is_refused
        self.entries = staying + arriving
        return withdrawal

    @rule(key=st.sampled_from(KEYS), owner=st.none() | st.sampled_from(OWNERS))
    def prefer(self, key: str, owner: str | None) -> None:
        self.locator.prefer(key, owner)
        self.preferences = {other: one for other, one in self.preferences.items() if other != key}
        if owner is not None:
            self.preferences[str(key)] = owner

    @invariant()
    def every_key_reads_as_the_entries_say(self) -> None:
        for key in KEYS:
            entries = [one for one in self.entries if one.key == key]
            found: Any = self.locator.providers(key)
            assert len(found) == len(entries)
            assert all(one is other for one, other in zip(found, entries, strict=True))
            assert self.locator.all(key) == tuple(one.provided for one in entries)
            self.reads_as_chosen(key, entries)
        assert self.locator.keys == tuple(sorted({str(one.key) for one in self.entries}))

    def reads_as_chosen(self, key: str, entries: list[Provision]) -> None:
        preferred = [one for one in entries if one.owner == self.preferences.get(key)]
        try:
            found = self.locator.get(key)
        except ServiceNotFoundError:
            assert not entries
            assert self.locator.find(key) is None
        except AmbiguousServiceError as error:
            assert not preferred
            assert len(entries) > 1
            assert error.owners == tuple(one.owner for one in entries)  # noqa: PT017 - the other outcomes are checked too
        else:
            assert found is (preferred or entries)[0].provided
            assert preferred or len(entries) == 1
            assert self.locator.find(key) is found


TestLocator = LocatorMachine.TestCase
TestLocator.settings = settings(stateful_step_count=30, deadline=None)
