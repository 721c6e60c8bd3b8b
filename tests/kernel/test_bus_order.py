"""The order of delivery: subscriptions that ask to come before or after those of certain plugins."""

from __future__ import annotations

import gc
import threading
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    CustomEvent,
    Event,
    EventBus,
    Kernel,
    PluginContext,
    PluginLoadError,
    Subscription,
    SubscriptionError,
    SubscriptionOrderError,
)
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Saved(Event):
    number: int = 0


@dataclass(frozen=True, slots=True)
class SavedTwice(Saved):
    pass


class Opened(Event):
    __slots__ = ()


class Closed(Event):
    __slots__ = ()


class Heard:
    """Subscribers that note whom an event reached."""

    def __init__(self, bus: EventBus) -> None:
        self.bus = bus
        self.names: list[str] = []

    def by(self, owner: str, selector: Any = Saved, **sides: Any) -> Subscription:
        return self.bus.subscribe(selector, self.noting(owner), owner=owner, **sides)

    def noting(self, name: str) -> Callable[[Event], None]:
        return lambda _event: self.names.append(name)

    def of(self, event: Event | None = None) -> str:
        """Publish an event and tell who heard it, in order."""
        self.names.clear()
        self.bus.publish(Saved() if event is None else event)
        return " ".join(self.names)


@pytest.fixture
def heard() -> Heard:
    return Heard(EventBus())


def test_one_that_asks_to_come_before_is_moved_up_to_just_before(heard: Heard) -> None:
    for owner in "abc":
        heard.by(owner)
    heard.by("d", before="b")

    assert heard.of() == "a d b c"


def test_one_that_asks_to_come_after_is_moved_down_to_just_behind(heard: Heard) -> None:
    heard.by("a", after="c")
    for owner in "bcd":
        heard.by(owner)

    assert heard.of() == "b c a d"


def test_a_request_that_is_met_already_changes_nothing(heard: Heard) -> None:
    heard.by("a", before="c")
    heard.by("b")
    heard.by("c")
    heard.by("d", after="a")

    assert heard.of() == "a b c d"


def test_several_can_be_named(heard: Heard) -> None:
    for owner in "abcd":
        heard.by(owner)
    heard.by("e", before=("d", "b"))
    heard.by("f", after=("b", "a"), before=("d", "d"))

    assert heard.of() == "a e b c f d"


def test_all_subscriptions_of_the_named_plugin_are_meant(heard: Heard) -> None:
    heard.by("a", after="c")
    for owner in "cbcdb":
        heard.by(owner)
    heard.by("e", before="b")

    assert heard.of() == "c e b c a d b"


def test_what_one_needs_comes_with_it(heard: Heard) -> None:
    for owner in "abc":
        heard.by(owner)
    heard.by("d", before="a", after="c")

    assert heard.of() == "c d a b"


def test_a_chain_of_requests_is_kept(heard: Heard) -> None:
    heard.by("a", after="b")
    heard.by("b", after="c")
    heard.by("c", after="d")
    heard.by("d")
    heard.by("x")

    assert heard.of() == "d c b a x"


def test_several_that_wait_for_one_follow_it_in_their_order(heard: Heard) -> None:
    heard.by("a", after="c")
    heard.by("b", after="c")
    heard.by("c")
    heard.by("d")

    assert heard.of() == "c a b d"


def test_a_chain_may_be_as_long_as_there_are_subscriptions(heard: Heard) -> None:
    count = 1500
    for number in range(count):
        heard.bus.subscribe(Saved, heard.noting(str(number)), owner=f"p{number}", before=f"p{number - 1}")

    assert heard.of().split() == [str(number) for number in reversed(range(count))]


def test_the_selector_makes_no_difference(heard: Heard) -> None:
    heard.by("a", "*")
    heard.by("b", "SavedTwice", before="a")
    heard.by("c", Event, after="d")
    heard.by("d", SavedTwice, before="b")

    assert heard.of(SavedTwice()) == "d b a c"
    assert heard.of(Saved()) == "a c"


def test_a_name_that_is_not_there_constrains_nothing_until_it_comes(heard: Heard) -> None:
    heard.by("a", after="later")
    heard.by("b")
    assert heard.of() == "a b"

    later = heard.by("later")
    assert heard.of() == "b later a"

    later.cancel()
    assert heard.of() == "a b"


def test_the_host_can_ask_too(heard: Heard) -> None:
    heard.by("a")
    heard.bus.subscribe(Saved, heard.noting("host"), before="a")

    assert heard.of() == "host a"


def test_a_plugin_can_ask_to_come_before_its_own_others(heard: Heard) -> None:
    heard.bus.subscribe(Saved, heard.noting("first"), owner="a")
    heard.bus.subscribe(Saved, heard.noting("second"), owner="a", before="a")

    assert heard.of() == "second first"


def test_receivers_of_blinker_code_stay_last(heard: Heard) -> None:
    heard.bus.signal(Saved).connect(heard.noting("receiver"), weak=False)
    heard.by("a")
    heard.by("b", before="a")

    assert heard.of() == "b a receiver"


def test_a_subscription_tells_what_it_asked_for(heard: Heard) -> None:
    token = heard.by("a", before="b", after=("c", "d", "c"))

    assert (token.before, token.after) == (("b",), ("c", "d"))
    plain = heard.by("a")
    assert (plain.before, plain.after) == ((), ())


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("ids", ["", " ", ("a", ""), ["a"], 7, None, ("a", 7)])
def test_what_is_no_plugin_id_is_refused(heard: Heard, side: str, ids: Any) -> None:
    with pytest.raises(SubscriptionError) as caught:
        heard.by("a", **{side: ids})

    assert caught.value.cause == f"{side} is {ids!r}; give the id of a plugin, or a tuple of ids"
    assert heard.bus.subscriptions == ()


def test_coming_both_before_and_after_one_plugin_is_refused_even_if_it_is_not_there(heard: Heard) -> None:
    with pytest.raises(SubscriptionError) as caught:
        heard.by("a", before=("b", "c", "d"), after=("d", "b"))

    assert caught.value.cause == "it can't come both before and after 'b', 'd'; drop one of the two"


def test_a_circle_is_refused_and_nothing_has_changed(heard: Heard) -> None:
    heard.by("a", before="b")
    heard.by("b", SavedTwice, before="c")
    before = heard.bus.subscriptions

    with pytest.raises(SubscriptionOrderError) as caught:
        heard.by("c", "*", before="a")

    assert caught.value.path == ("c (*)", "a (Saved)", "b (SavedTwice)", "c (*)")
    assert caught.value.selector == "*"
    assert heard.bus.subscriptions == before
    assert heard.of(SavedTwice()) == "a b"

    heard.by("c", "*")
    assert heard.of(SavedTwice()) == "a b c"


@pytest.mark.parametrize("order", list(permutations("abc")))
def test_whoever_closes_a_circle_is_refused(heard: Heard, order: tuple[str, ...]) -> None:
    sides: dict[str, dict[str, Any]] = {"a": {"before": "b"}, "b": {"before": "c"}, "c": {"before": "a"}}
    for owner in order[:2]:
        heard.by(owner, **sides[owner])

    with pytest.raises(SubscriptionOrderError) as caught:
        heard.by(order[2], **sides[order[2]])

    assert caught.value.path[0] == caught.value.path[-1] == f"{order[2]} (Saved)"
    assert len(caught.value.path) == 4


def test_a_circle_can_be_closed_by_one_that_asks_for_nothing(heard: Heard) -> None:
    heard.by("a", before="b", after="c")
    heard.by("d", before="a", after="b")

    with pytest.raises(SubscriptionOrderError) as caught:
        heard.by("b")

    assert caught.value.path == ("b (Saved)", "d (Saved)", "a (Saved)", "b (Saved)")
    heard.by("c")
    assert heard.of() == "d c a"


def test_the_shortest_of_several_circles_is_told(heard: Heard) -> None:
    heard.by("b", before=("c", "d"))
    heard.by("c", before="e")
    heard.by("d", before=("e", "a"))
    heard.by("e", before="a")

    with pytest.raises(SubscriptionOrderError) as caught:
        heard.by("a", before="b")

    assert caught.value.path == ("a (Saved)", "b (Saved)", "d (Saved)", "a (Saved)")


def test_a_plugin_can_ask_to_come_after_its_own_others(heard: Heard) -> None:
    heard.bus.subscribe(Saved, heard.noting("first"), owner="a", after="a")
    heard.bus.subscribe(Saved, heard.noting("second"), owner="a")

    assert heard.of() == "second first"


def test_two_of_one_plugin_that_both_want_to_be_first_are_refused(heard: Heard) -> None:
    heard.by("a", before="a")

    with pytest.raises(SubscriptionOrderError) as caught:
        heard.by("a", before="a")

    assert caught.value.path == ("a (Saved)",) * 3


def test_a_circle_names_handlers_of_the_host(heard: Heard) -> None:
    def mine(_event: Event) -> None: ...

    heard.bus.subscribe(Saved, mine, before="b", after="a")
    heard.by("a")

    with pytest.raises(SubscriptionOrderError, match=r"mine \(Saved\) -> b \(Saved\)") as caught:
        heard.by("b", before="a")

    assert caught.value.path[:2] == ("b (Saved)", "a (Saved)")


def test_a_circle_over_events_that_never_meet_is_none(heard: Heard) -> None:
    heard.by("a", Opened, before="b")
    heard.by("b", Opened)
    heard.by("a", Closed)
    heard.by("b", Closed, before="a")
    heard.by("a", "one", after="c")
    heard.by("c", "two", after="a")

    assert heard.of(Opened()) == "a b"
    assert heard.of(Closed()) == "b a"


@pytest.mark.parametrize(
    ("selector", "other"),
    [
        ("*", "topic"),
        ("*", Saved),
        (Event, Saved),
        (SavedTwice, Saved),
        ("topic", "topic"),
        ("topic", CustomEvent),
        ("Saved", Saved),
    ],
)
def test_a_circle_over_events_that_may_meet_is_refused(heard: Heard, selector: Any, other: Any) -> None:
    for here, there in ((selector, other), (other, selector)):
        token = heard.by("a", here, before="b")
        with pytest.raises(SubscriptionOrderError):
            heard.by("b", there, before="a")
        token.cancel()


def test_a_class_that_derives_from_two_whose_orders_contradict_is_delivered_in_a_certain_order(heard: Heard) -> None:
    class OpenedAndClosed(Opened, Closed):
        __slots__ = ()

    heard.by("a", Opened, before="b")
    heard.by("b", Closed, before="a")
    heard.by("c", Opened, after="d")
    heard.by("d", Closed, after="c")

    assert heard.of(OpenedAndClosed()) == "b a d c"
    assert heard.of(OpenedAndClosed()) == "b a d c"


def test_a_cancelled_or_dropped_subscription_closes_no_circle(heard: Heard) -> None:
    heard.by("a", before="b").cancel()
    heard.bus.prepare(Saved, heard.noting("a"), owner="a", before="b")
    kept = heard.bus.prepare(Saved, heard.noting("a"), owner="a", before="b")
    kept.cancel()
    gc.collect()

    heard.by("b", before="a")
    assert heard.of() == "b"


def test_a_prepared_subscription_counts_before_it_is_active(heard: Heard) -> None:
    prepared = heard.bus.prepare(Saved, heard.noting("a"), owner="a", before="b")

    with pytest.raises(SubscriptionOrderError):
        heard.by("b", before="a")
    heard.by("b")
    assert heard.of() == "b"

    prepared.activate()
    assert heard.of() == "a b"


def test_of_two_threads_that_close_a_circle_one_is_refused() -> None:
    for _ in range(50):
        heard = Heard(EventBus())
        together = threading.Barrier(2)
        refused: list[str] = []

        def subscribe(owner: str, other: str) -> None:
            together.wait()  # noqa: B023 - joined within the round
            try:
                heard.by(owner, before=other)  # noqa: B023 - see above
            except SubscriptionOrderError:
                refused.append(owner)  # noqa: B023 - see above

        threads = [threading.Thread(target=subscribe, args=names) for names in (("a", "b"), ("b", "a"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(refused) == 1
        assert heard.of() == ({"a", "b"} - {*refused}).pop()


def test_an_order_that_changes_during_delivery_holds_from_the_next_event(heard: Heard) -> None:
    def subscribe(event: Saved) -> None:
        if event.number == 1:
            heard.by("c", before="a")

    heard.bus.subscribe(Saved, subscribe)
    heard.by("a")
    heard.by("b")

    assert heard.of(Saved(1)) == "a b"
    assert heard.of(Saved(2)) == "c a b"


def test_what_takes_the_place_of_another_stands_where_that_stood(heard: Heard) -> None:
    old = [heard.by("old"), heard.by("old", "*")]
    heard.by("a")
    old += [heard.by("old")]
    new = [
        heard.bus.prepare(selector, heard.noting(name), owner="new")
        for selector, name in ((Saved, "1"), (Saved, "2"), (Saved, "3"), ("Saved", "4"))
    ]

    heard.bus.hand_over(old, new)

    assert heard.of() == "1 a 2 3 4"
    assert [one.is_active for one in (*old, *new)] == [False] * 3 + [True] * 4
    assert heard.bus.subscriptions[0] is new[0]


def test_no_place_is_taken_of_what_was_cancelled_before(heard: Heard) -> None:
    old = [heard.by("old"), heard.by("old")]
    heard.by("a")
    old[0].cancel()
    heir = heard.bus.prepare(Saved, heard.noting("new"), owner="new")
    heard.bus.hand_over(old, [heir])

    assert heard.of() == "new a"
    assert heir.order == old[1].order


def test_a_successor_that_asks_for_a_place_gets_that(heard: Heard) -> None:
    old = heard.by("p")
    heard.by("a")
    heard.by("b")
    new = heard.bus.prepare(Saved, heard.noting("p2"), owner="p", after="a")

    heard.bus.hand_over([old], [new])

    assert heard.of() == "a p2 b"


def subscribing(heard: list[str], name: str, **sides: Any) -> Callable[[PluginContext], object]:
    return lambda ctx: ctx.subscribe(Saved, lambda _event: heard.append(name), **sides)


def test_plugins_ask_through_their_context() -> None:
    names: list[str] = []
    with Kernel() as kernel:
        kernel.register(FakePlugin("a", on_load=subscribing(names, "a", after="c")))
        kernel.register(FakePlugin("b", on_load=subscribing(names, "b")))
        kernel.register(FakePlugin("c", on_load=subscribing(names, "c", before="b")))
        kernel.load_all()
        kernel.bus.publish(Saved())
        assert names == ["c", "a", "b"]

        names.clear()
        kernel.unload("c")
        kernel.bus.publish(Saved())
        assert names == ["a", "b"]


def test_a_plugin_that_closes_a_circle_fails_to_load_and_leaves_nothing() -> None:
    names: list[str] = []
    with Kernel() as kernel:
        kernel.register(FakePlugin("a", on_load=subscribing(names, "a", before="b")))
        kernel.register(FakePlugin("b", on_load=subscribing(names, "b", before="a")))
        kernel.load("a")
        with pytest.raises(PluginLoadError, match=r"b \(Saved\) -> a \(Saved\) -> b \(Saved\)") as caught:
            kernel.load("b")

        assert (caught.value.plugin_id, caught.value.step) == ("b", "on_load")
        assert isinstance(caught.value.__cause__, SubscriptionOrderError)
        kernel.bus.publish(Saved())
        assert names == ["a"]

        kernel.unload("a")
        kernel.load("b")
        kernel.bus.publish(Saved())
        assert names == ["a", "b"]


def test_a_swapped_in_plugin_hears_events_where_the_old_one_did() -> None:
    names: list[str] = []
    with Kernel() as kernel:
        for plugin_id in "abc":
            kernel.register(FakePlugin(plugin_id, on_load=subscribing(names, plugin_id)))
        kernel.load_all()

        kernel.swap("b", FakePlugin("b", "1.1.0", on_load=subscribing(names, "b2")))
        kernel.bus.publish(Saved())
        assert names == ["a", "b2", "c"]

        names.clear()
        kernel.swap("a", FakePlugin("d", on_load=subscribing(names, "d", after="b")))
        kernel.bus.publish(Saved())
        assert names == ["b2", "d", "c"]
