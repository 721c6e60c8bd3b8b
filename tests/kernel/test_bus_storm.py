"""The bus in a storm: eight threads publish, subscribe, swap and cancel while measuring and tracing begin and end."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from plugbus.kernel import Event, EventBus, SubscriberFailed, SubscriptionOrderError

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 300


@dataclass(frozen=True, slots=True)
class Outer(Event):
    thread: int
    number: int


@dataclass(frozen=True, slots=True)
class Inner(Event):
    thread: int
    number: int


class Rude(Exception):  # noqa: N818 - a subscriber's own exception
    pass


class Storm:
    """Subscribers that stay, and check what they hear; others come and go around them."""

    def __init__(self) -> None:
        self.bus = EventBus()
        self.heard: dict[str, list[tuple[int, int]]] = {name: [] for name in ("first", "second", "inner", "all")}
        self.reports = 0
        self.faults: list[object] = []
        self.is_over = threading.Event()
        self._here = threading.local()
        bus = self.bus
        bus.subscribe(Outer, self.second, owner="second", after="first")
        for number in range(20):
            bus.subscribe(Outer, self.nothing, owner=f"filler {number}")
        bus.subscribe(Outer, self.first, owner="first", before="second")
        bus.subscribe(Outer, self.rude, owner="rude")
        bus.subscribe(Inner, self.inner)
        bus.subscribe("*", self.all)
        bus.subscribe(SubscriberFailed, self.report)

    def nothing(self, _event: Event) -> None: ...

    def first(self, event: Outer) -> None:
        self.heard["first"].append((event.thread, event.number))
        self._here.first = event
        cause = self.bus.cause
        self.bus.publish(Inner(event.thread, event.number))
        if cause is not None and cause.topic != "Outer":
            self.faults.append(cause)

    def second(self, event: Outer) -> None:
        self.heard["second"].append((event.thread, event.number))
        if self._here.first is not event:
            self.faults.append(("out of order", event))

    def rude(self, _event: Event) -> None:
        raise Rude

    def inner(self, event: Inner) -> None:
        self.heard["inner"].append((event.thread, event.number))

    def all(self, event: Event) -> None:
        if isinstance(event, Outer):
            self.heard["all"].append((event.thread, event.number))

    def report(self, event: SubscriberFailed) -> None:
        if not isinstance(event.exception, Rude):
            self.faults.append(event.exception)
        elif isinstance(event.event, Outer):
            self.reports += 1

    def publish(self, thread: int) -> None:
        for number in range(ROUNDS):
            self.bus.publish(Outer(thread, number))

    def come_and_go(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self.is_over.is_set():
            selector: Any = chance.choice([Outer, Inner, Event, "*", "Outer"])
            name = f"guest {chance.randrange(4)}"
            sides = {chance.choice(["before", "after"]): chance.choice(["first", "second", "guest 1", "guest 2"])}
            try:
                token = self.bus.subscribe(selector, self.nothing, owner=name, **sides)
            except SubscriptionOrderError:
                continue
            heir = self.bus.prepare(selector, self.nothing, owner=name)
            self.bus.hand_over([token], [heir])
            heir.cancel()
            token.cancel()

    def switch(self, seed: int) -> None:
        chance = random.Random(seed)
        while not self.is_over.is_set():
            with self.bus.measure(cpu=chance.random() < 0.3) as timings:
                if chance.random() < 0.5:
                    with self.bus.trace():
                        self.bus.publish(Inner(-1, 0))
                self.bus.publish(Inner(-1, 0))
            for one in timings.by_topic.values():
                if not 0 <= one.own_s <= one.total_s or one.failures > one.calls:
                    self.faults.append(one)


def test_every_event_reaches_those_who_stay_once_and_in_order() -> None:
    storm = Storm()
    with ThreadPoolExecutor(8) as pool:
        publishing = [pool.submit(storm.publish, thread) for thread in range(4)]
        others: list[Callable[[int], None]] = [storm.come_and_go, storm.come_and_go, storm.switch, storm.switch]
        running = [pool.submit(one, seed) for seed, one in enumerate(others)]
        for one in publishing:
            one.result()
        storm.is_over.set()
        for one in running:
            one.result()

    assert storm.faults == []
    everything = [(thread, number) for thread in range(4) for number in range(ROUNDS)]
    for name in ("first", "second", "all"):
        assert sorted(storm.heard[name]) == everything
    assert sorted(one for one in storm.heard["inner"] if one[0] >= 0) == everything
    for thread in range(4):
        assert [number for one, number in storm.heard["first"] if one == thread] == list(range(ROUNDS))
    assert storm.bus._running == 0
    assert len(storm.bus.subscriptions) == 26
    assert storm.bus.cause is None
