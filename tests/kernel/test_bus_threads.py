"""The bus under several threads: no lock while a subscriber runs, and changes that hold everywhere at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import Event, EventBus, SubscriberFailed, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class EpochEnded(Event):
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class BatchEnded(Event):
    batch: int = 0


class Gate:
    """A subscriber that says when it was called, and returns when it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.released = threading.Event()

    def __call__(self, _event: Event) -> None:
        self.entered.set()
        self.released.wait()


def note(seen: list[Any], number: int, event: EpochEnded) -> None:
    seen.append((number, event.epoch))


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def seen() -> list[Any]:
    return []


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(9) as threads:
        yield threads


def test_no_lock_is_held_while_a_subscriber_runs(bus: EventBus, seen: list[Any], pool: ThreadPoolExecutor) -> None:
    gate = Gate()
    bus.subscribe(EpochEnded, gate)
    publishing = pool.submit(bus.publish, EpochEnded())
    gate.entered.wait()

    # Were a lock held, none of these would return.
    token = pool.submit(bus.subscribe, "*", seen.append).result()
    other = pool.submit(bus.subscribe, BatchEnded, seen.append).result()
    pool.submit(bus.publish, BatchEnded()).result()
    pool.submit(bus.publish, Event.custom("loss")).result()
    assert pool.submit(bus.has_subscribers, EpochEnded).result()
    assert len(pool.submit(lambda: bus.subscriptions).result()) == 3
    pool.submit(bus.exchange, [token], [bus.prepare("*", print)]).result()
    assert pool.submit(other.cancel).result()
    assert not publishing.done()

    gate.released.set()
    publishing.result()
    assert seen == [BatchEnded(), BatchEnded(), Event.custom("loss")]


def test_no_lock_is_held_while_a_failure_is_reported(bus: EventBus, pool: ThreadPoolExecutor) -> None:
    def fail(_event: Event) -> None:
        raise ValueError

    gate = Gate()
    bus.subscribe(EpochEnded, fail)
    bus.subscribe(SubscriberFailed, gate)
    publishing = pool.submit(bus.publish, EpochEnded())
    gate.entered.wait()

    pool.submit(lambda: bus.subscribe("*", print).cancel()).result()
    pool.submit(bus.publish, BatchEnded()).result()

    gate.released.set()
    publishing.result()


def test_cancelling_holds_in_the_running_delivery_of_another_thread(
    bus: EventBus, seen: list[Any], pool: ThreadPoolExecutor
) -> None:
    gate = Gate()
    bus.subscribe(EpochEnded, gate)
    token = bus.subscribe(EpochEnded, seen.append)
    publishing = pool.submit(bus.publish, EpochEnded())
    gate.entered.wait()

    token.cancel()
    gate.released.set()
    publishing.result()

    assert seen == []


def test_cancelling_holds_in_every_running_delivery_also_when_the_route_was_rebuilt_meanwhile(
    bus: EventBus, seen: list[Any], pool: ThreadPoolExecutor
) -> None:
    gates: dict[int, Gate] = {number: Gate() for number in range(4)}
    bus.subscribe(EpochEnded, lambda event: gates[event.epoch](event))
    token = bus.subscribe("*", seen.append)
    publishing = []
    for number, gate in gates.items():
        publishing.append(pool.submit(bus.publish, EpochEnded(number)))
        gate.entered.wait()
        bus.subscribe(EpochEnded, partial(note, seen, number))

    token.cancel()
    for gate in gates.values():
        gate.released.set()
    for one in publishing:
        one.result()

    # Each event reaches those who had subscribed when its delivery began; the one that was cancelled gets none.
    assert sorted(seen) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def test_subscribing_in_another_thread_takes_effect_from_the_next_event(
    bus: EventBus, seen: list[Any], pool: ThreadPoolExecutor
) -> None:
    gate = Gate()
    bus.subscribe(EpochEnded, gate)
    publishing = pool.submit(bus.publish, EpochEnded(1))
    gate.entered.wait()

    bus.subscribe(EpochEnded, seen.append)
    gate.released.set()
    publishing.result()
    bus.publish(EpochEnded(2))

    assert seen == [EpochEnded(2)]


@pytest.mark.parametrize("limit", [1, 2])
def test_publishing_in_many_threads_at_once_does_not_trip_the_depth_limit(
    seen: list[Any], pool: ThreadPoolExecutor, limit: int
) -> None:
    bus = EventBus(depth_limit=limit)
    together = threading.Barrier(8)

    def descend(event: EpochEnded) -> None:
        together.wait()
        if event.epoch < limit:
            bus.publish(EpochEnded(event.epoch + 1))
        seen.append(event.epoch)
        together.wait()

    bus.subscribe(EpochEnded, descend)
    bus.subscribe(SubscriberFailed, seen.append)

    for one in [pool.submit(bus.publish, EpochEnded(1)) for _ in range(8)]:
        one.result()

    assert sorted(seen) == sorted([*range(1, limit + 1)] * 8)


def test_the_depth_limit_holds_for_a_thread_while_others_publish(pool: ThreadPoolExecutor, seen: list[Any]) -> None:
    bus = EventBus(depth_limit=3)
    gate = Gate()

    def descend(event: EpochEnded) -> None:
        seen.append(event.epoch)
        bus.publish(EpochEnded(event.epoch + 1))

    bus.subscribe(BatchEnded, gate)
    bus.subscribe(EpochEnded, descend)
    publishing = pool.submit(bus.publish, BatchEnded())
    gate.entered.wait()

    bus.publish(EpochEnded(1))

    gate.released.set()
    publishing.result()
    assert seen == [1, 2, 3]


def test_many_threads_get_one_signal_for_a_selector(bus: EventBus, pool: ThreadPoolExecutor) -> None:
    together = threading.Barrier(8)

    def subscribe() -> Subscription:
        together.wait()
        return bus.subscribe("loss", print)

    tokens = [one.result() for one in [pool.submit(subscribe) for _ in range(8)]]

    assert set(bus.subscriptions) == set(tokens)
    assert len({one.order for one in tokens}) == 8


class World:
    """A bus with a published event, a live and a prepared subscription."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.seen: list[tuple[str, int]] = []
        self.live = self.bus.subscribe(EpochEnded, self.noting("live"))
        self.bus.publish(EpochEnded(0))
        self.prepared = self.bus.prepare("*", self.noting("prepared"))
        self.seen.clear()

    def noting(self, name: str) -> Callable[[EpochEnded], None]:
        return lambda event: self.seen.append((name, event.epoch))

    def publish(self) -> None:
        self.bus.publish(EpochEnded(1))

    def activate(self) -> None:
        self.prepared.activate()

    def cancel(self) -> None:
        self.live.cancel()

    def cancel_prepared(self) -> None:
        self.prepared.cancel()

    def exchange(self) -> None:
        self.bus.exchange([self.live], [self.prepared])

    def subscribe(self) -> None:
        self.bus.subscribe("EpochEnded", self.noting("new"))

    def look(self) -> None:
        assert len(self.bus.subscriptions) <= 3

    def heard(self) -> list[str]:
        """Publish one more event and tell who hears it."""
        before = len(self.seen)
        self.bus.publish(EpochEnded(2))
        return [name for name, _ in self.seen[before:]]


@pytest.mark.parametrize(
    ("first", "second", "hearing"),
    [
        (World.publish, World.subscribe, ["live", "new"]),
        (World.publish, World.cancel, []),
        (World.publish, World.activate, ["live", "prepared"]),
        (World.publish, World.exchange, ["prepared"]),
        (World.subscribe, World.subscribe, ["live", "new", "new"]),
        (World.subscribe, World.cancel, ["new"]),
        (World.subscribe, World.activate, ["live", "prepared", "new"]),
        (World.subscribe, World.exchange, ["prepared", "new"]),
        (World.subscribe, World.look, ["live", "new"]),
        (World.activate, World.cancel_prepared, ["live"]),
        (World.activate, World.cancel, ["prepared"]),
        (World.activate, World.activate, ["live", "prepared"]),
        (World.cancel, World.cancel, []),
        (World.cancel, World.look, []),
        (World.exchange, World.cancel_prepared, []),
    ],
)
def test_no_change_is_lost_that_another_thread_makes_meanwhile(
    interleavings: Callable[..., Iterator[World]],
    first: Callable[[World], None],
    second: Callable[[World], None],
    hearing: list[str],
) -> None:
    for one, other in ((first, second), (second, first)):
        for world in interleavings(World, one, other):
            assert sorted(world.heard()) == sorted(hearing)


def test_an_event_published_in_the_midst_of_an_exchange_reaches_one_of_the_two(
    interleavings: Callable[..., Iterator[World]],
) -> None:
    for world in interleavings(World, World.exchange, World.publish):
        assert world.seen in ([("live", 1)], [("prepared", 1)])


def test_one_of_two_threads_cancels_a_subscription(interleavings: Callable[..., Iterator[World]]) -> None:
    answers: list[bool] = []

    def cancel(world: World) -> None:
        answers.append(world.live.cancel())

    for _ in interleavings(World, cancel, cancel):
        assert sorted(answers) == [False, True]
        answers.clear()


class Hearing:
    """A subscriber that keeps what its own thread delivers to it after it was cancelled there."""

    def __init__(self, late: list[Event]) -> None:
        self.late = late
        self.thread = threading.get_ident()
        self.is_over = False

    def __call__(self, event: Event) -> None:
        if self.is_over and threading.get_ident() == self.thread:
            self.late.append(event)


def test_subscribers_that_stay_get_every_event_once_while_others_come_and_go(
    bus: EventBus, seen: list[Any], pool: ThreadPoolExecutor
) -> None:
    epochs: dict[str, list[int]] = {"class": [], "topic": [], "all": []}
    late: list[Event] = []
    together = threading.Barrier(8)

    def hear_all(event: Event) -> None:
        if isinstance(event, EpochEnded):
            epochs["all"].append(event.epoch)

    def publish(start: int) -> None:
        together.wait()
        for number in range(start, start + 500):
            bus.publish(EpochEnded(number))

    def come_and_go(selector: Any) -> None:
        together.wait()
        for _ in range(500):
            hearing = Hearing(late)
            token = bus.subscribe(selector, hearing)
            bus.publish(BatchEnded())
            token.cancel()
            hearing.is_over = True
            bus.publish(BatchEnded())

    staying = (
        bus.subscribe(EpochEnded, lambda event: epochs["class"].append(event.epoch)),
        bus.subscribe("EpochEnded", lambda event: epochs["topic"].append(event.epoch)),
        bus.subscribe("*", hear_all),
        bus.subscribe(SubscriberFailed, seen.append),
    )
    jobs = [pool.submit(publish, start) for start in (0, 500, 1000, 1500)]
    jobs += [pool.submit(come_and_go, selector) for selector in (Event, "*", BatchEnded, "BatchEnded")]
    for one in jobs:
        one.result()

    assert seen == []
    assert late == []
    assert {kind: sorted(numbers) for kind, numbers in epochs.items()} == {kind: list(range(2000)) for kind in epochs}
    assert bus.subscriptions == staying
