"""The service locator: who provides what, to whom, and what readers see while that changes."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from inspect import getfile
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from plugbus.kernel import (
    AmbiguousServiceError,
    Capability,
    ContractError,
    Provision,
    ServiceExistsError,
    ServiceLocator,
    ServiceNotFoundError,
    ServiceTypeError,
    Withdrawal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType


class Runner(Protocol):
    def run(self) -> str: ...


class Local:
    def run(self) -> str:
        return "local"


class Remote:
    def run(self) -> str:
        return "remote"


class WatchedKey(str):
    """A key that calls back when it is looked up for the n-th time, as another thread would come in between."""

    __slots__ = ("callback", "lookups")

    callback: Callable[[], object]
    lookups: int

    def __hash__(self) -> int:
        self.lookups -= 1
        if self.lookups == 0:
            self.callback()
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)


RUNNER = Capability[Any]("runner", contract=Runner)
LABEL = Capability[Any]("label")


@pytest.fixture
def locator() -> ServiceLocator:
    return ServiceLocator()


def watched(name: str, lookups: int, callback: Callable[[], object]) -> WatchedKey:
    key = WatchedKey(name)
    key.callback, key.lookups = callback, lookups
    return key


def seen_while(change: Callable[[], object], look: Callable[[], object]) -> list[object]:
    """Return what a reader sees before each line of the locator, and of the table it is, that a change runs."""
    found: list[object] = []
    sources = {getfile(kind) for kind in ServiceLocator.__mro__ if kind is not object}

    def on_line(frame: FrameType, kind: str, _argument: object) -> Any:
        if frame.f_code.co_filename in sources:
            found.append(look())
            return on_line
        return None

    def traced() -> None:
        sys.settrace(on_line)
        try:
            change()
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=traced)
    thread.start()
    thread.join()
    assert len(found) > 10
    return found


def test_get_returns_the_very_object_of_a_capability(locator: ServiceLocator) -> None:
    local = Local()
    locator.provide(RUNNER, local, owner="a")

    assert locator.get(RUNNER) is local
    assert locator.get("runner") is local
    assert locator.find(RUNNER) is local
    assert locator.all(RUNNER) == (local,)


def test_get_returns_the_very_object_of_a_name(locator: ServiceLocator) -> None:
    local = Local()
    locator.provide("my_service", local)

    assert locator.get("my_service") is local
    assert locator.get("my_service", Local) is local
    assert locator.find("my_service") is local
    assert locator.find("my_service", Local) is local


def test_none_can_be_provided(locator: ServiceLocator) -> None:
    locator.provide("nothing", None)

    assert locator.get("nothing") is None
    assert locator.all("nothing") == (None,)


def test_variants_of_a_capability_are_found_apart(locator: ServiceLocator) -> None:
    cuda, wgpu = (Capability[Any]("Backend", qualifier=one) for one in ("CUDA", "WGPU"))
    locator.provide(cuda, 1)
    locator.provide(wgpu, 2)

    assert (locator.get(cuda), locator.get(wgpu)) == (1, 2)
    assert locator.find(Capability[Any]("Backend")) is None


def test_get_of_nothing_names_what_is_there_and_what_is_near(locator: ServiceLocator) -> None:
    locator.provide("tracker", 1)
    locator.provide("tracking", 2)
    locator.provide("console", 3)

    with pytest.raises(ServiceNotFoundError) as caught:
        locator.get("trackers")

    assert caught.value.key == "trackers"
    assert caught.value.near == ("tracker", "tracking")
    assert caught.value.known == ("console", "tracker", "tracking")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_find_of_nothing_is_none_and_all_of_nothing_is_empty(locator: ServiceLocator) -> None:
    assert locator.find(RUNNER) is None
    assert locator.find("my_service", Local) is None
    assert locator.all(RUNNER) == ()
    assert locator.providers(RUNNER) == ()
    assert locator.keys == ()


def test_a_service_of_another_type_than_expected_is_refused_naming_both(locator: ServiceLocator) -> None:
    locator.provide("my_service", Local())

    for read in (locator.get, locator.find):
        with pytest.raises(ServiceTypeError) as caught:
            read("my_service", Remote)
        assert (caught.value.key, caught.value.expected, caught.value.found) == ("my_service", "Remote", "Local")


def test_what_does_not_satisfy_the_contract_is_refused_and_changes_nothing(locator: ServiceLocator) -> None:
    with pytest.raises(ContractError, match="'run' is missing"):
        locator.provide(RUNNER, object(), owner="a")

    assert locator.keys == ()


def test_check_tells_beforehand_what_could_never_be_provided(locator: ServiceLocator) -> None:
    locator.check(Provision(RUNNER, Local(), "a"))
    locator.check(Provision("any_name", object(), "a"))
    with pytest.raises(ContractError):
        locator.check(Provision(RUNNER, object(), "a"))

    assert locator.keys == ()


def test_among_several_providers_get_and_find_refuse_to_choose(locator: ServiceLocator) -> None:
    locator.provide(RUNNER, Local(), owner="a")
    locator.provide(RUNNER, Remote(), owner="b")

    for read in (locator.get, locator.find):
        with pytest.raises(AmbiguousServiceError) as caught:
            read(RUNNER)
        assert (caught.value.key, caught.value.owners) == ("runner", ("a", "b"))


def test_all_and_providers_keep_the_order_in_which_things_were_provided(locator: ServiceLocator) -> None:
    objects = [Local(), Remote(), Local()]
    for owner, provided in zip("cab", objects, strict=True):
        locator.provide(RUNNER, provided, owner=owner)

    assert locator.all(RUNNER) == tuple(objects)
    assert [(one.key, one.provided, one.owner) for one in locator.providers(RUNNER)] == [
        (RUNNER, provided, owner) for owner, provided in zip("cab", objects, strict=True)
    ]


def test_the_preference_of_the_host_wins_among_several() -> None:
    locator = ServiceLocator({"runner": "b"})
    local, remote = Local(), Remote()

    locator.provide(RUNNER, local, owner="a")
    assert locator.get(RUNNER) is local

    withdraw = locator.provide(RUNNER, remote, owner="b")
    assert locator.get(RUNNER) is remote

    withdraw()
    assert locator.get(RUNNER) is local


def test_preferences_are_copied() -> None:
    preferences = {"runner": "b"}
    locator = ServiceLocator(preferences)
    preferences["runner"] = "a"
    locator.provide(RUNNER, Local(), owner="a")
    locator.provide(RUNNER, remote := Remote(), owner="b")

    assert locator.get(RUNNER) is remote


def test_prefer_chooses_and_unchooses_from_now_on(locator: ServiceLocator) -> None:
    locator.provide(RUNNER, local := Local(), owner="a")
    locator.provide(RUNNER, remote := Remote(), owner="b")

    for key, owner, chosen in ((RUNNER, "a", local), ("runner", "b", remote), (RUNNER, "a", local)):
        locator.prefer(key, owner)
        assert locator.get(RUNNER) is chosen

    locator.provide(RUNNER, Remote(), owner="c")
    assert locator.get(RUNNER) is local
    locator.prefer(RUNNER, "b")
    assert locator.get(RUNNER) is remote

    locator.prefer(RUNNER, None)
    locator.prefer(RUNNER, None)
    with pytest.raises(AmbiguousServiceError):
        locator.get(RUNNER)


def test_prefer_before_anything_is_provided_counts_later(locator: ServiceLocator) -> None:
    locator.prefer(RUNNER, "b")
    assert locator.find(RUNNER) is None

    locator.provide(RUNNER, Local(), owner="a")
    locator.provide(RUNNER, remote := Remote(), owner="b")

    assert locator.get(RUNNER) is remote


def test_a_preference_for_an_owner_that_provides_nothing_leaves_the_choice_open(locator: ServiceLocator) -> None:
    locator.prefer(RUNNER, "elsewhere")
    locator.provide(RUNNER, local := Local(), owner="a")
    assert locator.get(RUNNER) is local

    locator.provide(RUNNER, Remote(), owner="b")
    with pytest.raises(AmbiguousServiceError):
        locator.get(RUNNER)


@pytest.mark.parametrize(
    ("first", "second"), [("runner", "runner"), (LABEL, "label"), ("label", LABEL)], ids=["names", "name", "capability"]
)
def test_a_name_has_one_provider(locator: ServiceLocator, first: str, second: str) -> None:
    locator.provide(first, 1, owner="a")

    with pytest.raises(ServiceExistsError) as caught:
        locator.provide(second, 2, owner="b")

    assert (caught.value.key, caught.value.owner, caught.value.other_owner) == (str(first), "b", "a")
    assert locator.get(first) == 1


def test_a_name_is_free_again_once_it_was_withdrawn(locator: ServiceLocator) -> None:
    locator.provide("my_service", 1).withdraw()
    locator.provide("my_service", 2)

    assert locator.get("my_service") == 2


def test_the_host_owns_what_nobody_else_does(locator: ServiceLocator) -> None:
    locator.provide("my_service", 1)

    assert [one.owner for one in locator.providers("my_service")] == ["host"]


def test_keys_are_sorted(locator: ServiceLocator) -> None:
    for key in ("b", RUNNER, "a", LABEL):
        locator.provide(key, Local())

    assert locator.keys == ("a", "b", "label", "runner")


def test_a_withdrawal_is_called_or_used_as_a_context_manager_and_is_idempotent(locator: ServiceLocator) -> None:
    with locator.provide("first", 1) as first:
        assert locator.get("first") == 1
    second = locator.provide("second", 2)
    second()
    third = locator.provide("third", 3)
    third.withdraw()
    assert locator.keys == ()

    locator.provide("first", 4)
    for withdrawal in (first, second, third):
        assert isinstance(withdrawal, Withdrawal)
        withdrawal.withdraw()
        assert withdrawal.provisions == ()
    assert locator.get("first") == 4


def test_a_withdrawal_happens_also_when_its_block_raises(locator: ServiceLocator) -> None:
    with pytest.raises(ValueError, match="no"), locator.provide("first", 1):
        raise ValueError("no")

    assert locator.keys == ()


def test_withdrawing_one_of_two_equal_provisions_leaves_the_other(locator: ServiceLocator) -> None:
    local = Local()
    first, second = (locator.provide(RUNNER, local, owner="a") for _ in range(2))
    kept = second.provisions

    first.withdraw()

    assert locator.providers(RUNNER) == kept
    assert locator.providers(RUNNER)[0] is kept[0]
    assert locator.get(RUNNER) is local


def test_exchange_puts_one_provider_in_the_place_of_another(locator: ServiceLocator) -> None:
    old = locator.provide("my_service", 1, owner="a").provisions
    new = Provision("my_service", 2, "b")

    withdrawal = locator.exchange(old, (new,))

    assert locator.get("my_service") == 2
    assert withdrawal.provisions == (new,)
    withdrawal()
    assert locator.keys == ()


def test_an_exchange_that_cannot_be_done_changes_nothing(locator: ServiceLocator) -> None:
    runner = locator.provide(RUNNER, Local(), owner="a").provisions
    locator.provide("taken", 1, owner="a")
    before = {key: locator.providers(key) for key in locator.keys}

    with pytest.raises(ServiceExistsError) as caught:
        locator.exchange(runner, (Provision(RUNNER, Remote(), "b"), Provision("taken", 2, "b")))

    assert caught.value.key == "taken"
    assert {key: locator.providers(key) for key in locator.keys} == before
    assert locator.get(RUNNER) is runner[0].provided


def test_a_name_cannot_arrive_twice(locator: ServiceLocator) -> None:
    with pytest.raises(ServiceExistsError):
        locator.exchange((), (Provision("name", 1, "a"), Provision("name", 2, "a")))

    assert locator.keys == ()


def test_exchange_takes_several_entries_of_one_key(locator: ServiceLocator) -> None:
    old = [locator.provide(RUNNER, Local(), owner=owner).provisions[0] for owner in "ab"]
    new = [Provision(RUNNER, Remote(), owner) for owner in "cd"]

    withdrawal = locator.exchange(iter(old), iter(new))

    assert locator.providers(RUNNER) == tuple(new)
    withdrawal()
    assert locator.providers(RUNNER) == ()


def test_withdrawing_what_is_not_there_does_nothing(locator: ServiceLocator) -> None:
    locator.provide(RUNNER, Local(), owner="a")

    locator.exchange((Provision(RUNNER, Remote(), "b"), Provision("other", 1, "b")), ())

    assert locator.keys == ("runner",)


def test_no_reader_sees_an_exchange_half_done(locator: ServiceLocator) -> None:
    old = tuple(locator.provide(key, 1, owner="a").provisions[0] for key in ("one", LABEL))
    new = (Provision(LABEL, 2, "b"), Provision("one", 2, "b"))

    seen = seen_while(lambda: locator.exchange(old, new), lambda: (locator.get("one"), locator.get(LABEL)))

    assert set(seen) == {(1, 1), (2, 2)}


def test_no_reader_sees_a_part_of_what_arrives(locator: ServiceLocator) -> None:
    arriving = [Provision(f"service_{number}", number, "a") for number in range(5)]

    def look() -> tuple[int, int, int]:
        names = [one.key for one in arriving]
        return (
            len(locator.keys),
            sum(locator.find(name) is not None for name in names),
            sum(len(locator.all(name)) for name in names),
        )

    seen = seen_while(lambda: locator.exchange((), arriving), look)

    assert set(seen) == {(0, 0, 0), (5, 5, 5)}


def test_a_reader_that_comes_while_something_arrives_gets_it_or_nothing(locator: ServiceLocator) -> None:
    def look() -> str:
        try:
            return str(locator.get("my_service"))
        except ServiceNotFoundError:
            return "nothing"

    assert set(seen_while(lambda: locator.provide("my_service", 1), look)) == {"nothing", "1"}


def test_get_takes_one_lookup(locator: ServiceLocator) -> None:
    locator.provide("my_service", 1)
    locator.provide("preferred", 2)
    locator.exchange(locator.providers("preferred"), (Provision("preferred", 3, "a"),))

    for name in ("my_service", "preferred"):
        key = watched(name, 2, lambda: pytest.fail("looked up twice"))
        assert locator.get(key) == locator.all(name)[0]


def test_a_provision_is_an_immutable_entry_of_its_own(locator: ServiceLocator) -> None:
    one: Any = Provision("name", 1, "a")

    assert one != Provision("name", 1, "a")
    assert not hasattr(one, "__dict__")
    with pytest.raises(FrozenInstanceError):
        one.owner = "b"


def test_a_service_that_arrives_while_get_looks_for_it_is_found(locator: ServiceLocator) -> None:
    key = watched("my_service", 2, lambda: locator.provide("my_service", 1))

    assert locator.get(key) == 1


def test_a_service_that_goes_while_find_looks_for_it_is_not_found(locator: ServiceLocator) -> None:
    withdrawal = locator.provide("my_service", 1)
    key = watched("my_service", 2, withdrawal)

    assert locator.find(key) is None


def test_of_two_threads_one_gets_a_name(interleavings: Callable[..., Iterator[ServiceLocator]]) -> None:
    refused: list[str] = []

    def provide(locator: ServiceLocator) -> None:
        try:
            locator.provide("my_service", object())
        except ServiceExistsError as error:
            refused.append(error.key)

    for times, locator in enumerate(interleavings(ServiceLocator, provide, provide), 1):
        [one] = locator.providers("my_service")
        assert locator.get("my_service") is one.provided
        assert len(refused) == times


def prefer_b(locator: ServiceLocator) -> None:
    locator.prefer(LABEL, "b")


def prefer_nobody(locator: ServiceLocator) -> None:
    locator.prefer(LABEL, None)


def provide_of_c(locator: ServiceLocator) -> None:
    locator.provide(LABEL, "c", owner="c")


def withdraw_of_a(locator: ServiceLocator) -> None:
    locator.exchange(locator.providers(LABEL)[:1], ())


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("prefer", "change", "entries", "chosen"),
    [
        (prefer_b, provide_of_c, "abc", "b"),
        (prefer_b, withdraw_of_a, "b", "b"),
        (prefer_nobody, provide_of_c, "abc", None),
        (prefer_nobody, withdraw_of_a, "b", "b"),
        (prefer_b, prefer_nobody, "ab", ...),
    ],
)
def test_a_preference_and_the_entries_it_chooses_among_stay_together(
    interleavings: Callable[..., Iterator[ServiceLocator]],
    prefer: Callable[[ServiceLocator], object],
    change: Callable[[ServiceLocator], object],
    entries: str,
    chosen: Any,
    is_first: bool,
) -> None:
    def make() -> ServiceLocator:
        locator = ServiceLocator({"label": "a"})
        for owner in "ab":
            locator.provide(LABEL, owner, owner=owner)
        return locator

    calls = (prefer, change) if is_first else (change, prefer)
    for locator in interleavings(make, *calls):
        assert locator.all(LABEL) == tuple(entries)
        try:
            found = locator.get(LABEL)
        except AmbiguousServiceError:
            found = None
        # Of two preferences the one that came last counts, and which one that was is open.
        assert found == chosen or (chosen is ... and found in {None, "b"})


def test_many_threads_provide_and_withdraw_without_losing_anything(locator: ServiceLocator) -> None:
    together = threading.Barrier(4)

    def come_and_go(owner: str) -> None:
        together.wait()
        for step in range(200):
            with locator.provide(LABEL, (owner, step), owner=owner), locator.provide(f"name {owner}", step):
                assert (owner, step) in locator.all(LABEL)
                assert locator.get(f"name {owner}") == step
        locator.provide(LABEL, owner, owner=owner)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, "abcd"))

    assert sorted(one.provided for one in locator.providers(LABEL)) == list("abcd")
    assert locator.keys == ("label",)


def test_what_is_missing_can_be_seen_to_before_the_lookup_fails() -> None:
    asked: list[str] = []

    def bring(key: str) -> bool:
        asked.append(key)
        if key == "clock":
            services.provide("clock", 12)
        return key == "clock"

    services = ServiceLocator(on_missing=bring)
    assert services.find("calendar") is None
    with pytest.raises(ServiceNotFoundError):
        services.get("calendar")
    assert services.get("clock") == 12
    with services.lease("clock") as clock:
        assert clock == 12
    assert asked == ["calendar", "calendar", "clock"]


def test_a_handle_follows_whoever_provides(locator: ServiceLocator) -> None:
    ref = locator.ref(RUNNER)
    assert ref.capability is RUNNER
    assert ref.find() is None
    assert repr(ref) == "Ref(Capability('runner', version='1.0.0'))"
    with pytest.raises(ServiceNotFoundError):
        ref.get()
    for runner in (Local(), Remote()):
        with locator.provide(RUNNER, runner) as withdrawal, ref.lease() as leased:
            assert leased is ref.get() is ref.find() is runner
            assert withdrawal.provisions[0].leases.count == 1


def test_a_use_that_comes_too_late_for_one_provider_is_one_of_its_successor(locator: ServiceLocator) -> None:
    [old] = locator.provide("my_service", 1, owner="a").provisions
    locator.prefer("another_service", "a")  # with a preference the key is looked up twice: for the entries, and in it

    def replace() -> None:
        locator.exchange((old,), (Provision("my_service", 2, "b"),))
        old.leases.retire()

    with locator.lease(watched("my_service", 2, replace)) as leased:
        assert leased == 2
