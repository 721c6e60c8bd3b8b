"""Measuring how long subscribers take: what is counted to whom, and that it changes nothing else."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import Event, EventBus, Kernel, PluginLoaded, SubscriberFailed, Timing, Timings
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Saved(Event):
    number: int = 0


@dataclass(frozen=True, slots=True)
class SavedTwice(Saved):
    pass


@dataclass(frozen=True, slots=True)
class Indexed(Event):
    pass


class Boom(Exception):  # noqa: N818 - a subscriber's own exception
    pass


class Clocks:
    """Clocks that stand still unless a subscriber takes its time."""

    def __init__(self) -> None:
        self.wall_ns = self.cpu_ns = 1_000

    def take(self, wall_s: float, cpu_s: float = 0.0) -> None:
        self.wall_ns += round(wall_s * 1e9)
        self.cpu_ns += round(cpu_s * 1e9)

    def taking(self, wall_s: float, cpu_s: float = 0.0) -> Callable[[Event], None]:
        return lambda _event: self.take(wall_s, cpu_s)


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    found = Clocks()
    monkeypatch.setattr("time.perf_counter_ns", lambda: found.wall_ns)
    monkeypatch.setattr("time.thread_time_ns", lambda: found.cpu_ns)
    return found


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


def timing(calls: int, total_s: float, own_s: float | None = None, **rest: Any) -> Timing:
    facts: dict[str, Any] = {"failures": 0, "longest_s": total_s, "cpu_s": None, "own_cpu_s": None, **rest}
    return Timing(calls=calls, total_s=total_s, own_s=total_s if own_s is None else own_s, **facts)


def test_calls_are_counted_to_the_owner_and_to_the_topic_of_the_event(bus: EventBus, clocks: Clocks) -> None:
    bus.subscribe(Saved, clocks.taking(0.5), owner="a")
    bus.subscribe("*", clocks.taking(0.25), owner="b")
    bus.subscribe("loss", clocks.taking(2.0))
    with bus.measure() as timings:
        for event in (Saved(), SavedTwice(), SavedTwice(), Event.custom("loss")):
            bus.publish(event)

    assert timings.by_topic == {
        ("a", "Saved"): timing(1, 0.5),
        ("b", "Saved"): timing(1, 0.25),
        ("a", "SavedTwice"): timing(2, 1.0, longest_s=0.5),
        ("b", "SavedTwice"): timing(2, 0.5, longest_s=0.25),
        ("b", "loss"): timing(1, 0.25),
        ("", "loss"): timing(1, 2.0),
    }
    assert timings.by_owner == {
        "a": timing(3, 1.5, longest_s=0.5),
        "b": timing(4, 1.0, longest_s=0.25),
        "": timing(1, 2.0),
    }


def test_who_was_not_called_is_not_told_of(bus: EventBus) -> None:
    bus.subscribe(Saved, print, owner="a")
    bus.subscribe(Indexed, lambda _event: None, owner="b")
    late = bus.subscribe(Indexed, print, owner="c")
    bus.subscribe(Indexed, lambda _event: None, owner="d", before="c")
    bus.subscribe(Indexed, lambda _event: late.cancel(), before="d")
    with bus.measure() as timings:
        bus.publish(Indexed())

    assert sorted(timings.by_owner) == ["", "b", "d"]
    assert sorted(timings.by_topic) == [("", "Indexed"), ("b", "Indexed"), ("d", "Indexed")]


def test_a_failure_is_counted_and_contained_as_ever(bus: EventBus, clocks: Clocks) -> None:
    seen: list[Any] = []

    def fail(event: Saved) -> None:
        clocks.take(1.0)
        raise (KeyboardInterrupt if event.number else Boom)

    bus.subscribe(Saved, fail, owner="a")
    bus.subscribe(Saved, seen.append, owner="b")
    bus.subscribe(SubscriberFailed, lambda event: seen.append((event.subscriber, event.owner)))
    with bus.measure() as timings:
        bus.publish(Saved())
        with pytest.raises(KeyboardInterrupt):
            bus.publish(Saved(1))

    assert seen == [(f"{__name__}.{fail.__qualname__}", "a"), Saved(), Saved(1)]
    assert timings.by_topic["a", "Saved"] == timing(2, 2.0, failures=2, longest_s=1.0)
    assert timings.by_topic["b", "Saved"] == timing(2, 0.0)
    assert timings.by_topic["", "SubscriberFailed"].calls == 1


def test_own_time_is_without_what_others_took_within_it(bus: EventBus, clocks: Clocks) -> None:
    def save(_event: Event) -> None:
        clocks.take(1.0, 0.5)
        bus.publish(Indexed())
        clocks.take(1.0, 0.25)
        bus.publish(Indexed())

    def index(_event: Event) -> None:
        clocks.take(0.25, 0.125)
        bus.publish(Event.custom("shown"))

    bus.subscribe(Saved, save, owner="a")
    bus.subscribe(Indexed, index, owner="b")
    bus.subscribe("shown", clocks.taking(4.0, 2.0), owner="a")
    with bus.measure(cpu=True) as timings:
        bus.publish(Saved())

    assert timings.by_topic == {
        ("a", "Saved"): timing(1, 10.5, 2.0, cpu_s=5.0, own_cpu_s=0.75),
        ("b", "Indexed"): timing(2, 8.5, 0.5, longest_s=4.25, cpu_s=4.25, own_cpu_s=0.25),
        ("a", "shown"): timing(2, 8.0, longest_s=4.0, cpu_s=4.0, own_cpu_s=4.0),
    }
    # What happened within calls of its own is in a total twice; own times never overlap.
    assert timings.by_owner["a"] == timing(3, 18.5, 10.0, longest_s=10.5, cpu_s=9.0, own_cpu_s=4.75)
    assert sum(one.own_s for one in timings.by_owner.values()) == 10.5


def test_time_that_another_thread_takes_is_the_own_time_of_who_waits_for_it(bus: EventBus, clocks: Clocks) -> None:
    def save(_event: Event) -> None:
        thread = threading.Thread(target=bus.publish, args=(Indexed(),))
        thread.start()
        thread.join()

    bus.subscribe(Saved, save, owner="a")
    bus.subscribe(Indexed, clocks.taking(3.0), owner="b")
    with bus.measure() as timings:
        bus.publish(Saved())

    assert timings.by_owner == {"a": timing(1, 3.0), "b": timing(1, 3.0)}


def test_cpu_time_is_none_unless_asked_for(bus: EventBus, clocks: Clocks) -> None:
    bus.subscribe(Saved, clocks.taking(1.0, 0.5))
    with bus.measure() as plain, bus.measure(cpu=True) as both:
        bus.publish(Saved())

    assert (plain.by_owner[""].cpu_s, plain.by_owner[""].own_cpu_s) == (None, None)
    assert (both.by_owner[""].cpu_s, both.by_owner[""].own_cpu_s) == (0.5, 0.5)


def test_real_clocks_tell_of_seconds(bus: EventBus) -> None:
    bus.subscribe(Saved, lambda _event: sum(range(1000)))
    with bus.measure(cpu=True) as timings:
        bus.publish(Saved())

    told = timings.by_owner[""]
    assert 0 < told.own_s == told.total_s == told.longest_s < 60
    assert told.cpu_s is not None
    assert 0 <= told.cpu_s < 60


def test_many_subscribers_are_measured_each(bus: EventBus, clocks: Clocks) -> None:
    for number in range(40):
        bus.subscribe(Saved, clocks.taking(float(number)), owner=str(number))
    with bus.measure() as timings:
        bus.publish(Saved())

    assert timings.by_owner == {str(number): timing(1, float(number)) for number in range(40)}


def test_a_handler_that_is_subscribed_twice_is_measured_for_each_owner(bus: EventBus, clocks: Clocks) -> None:
    handler = clocks.taking(1.0)
    for owner in "aab":
        bus.subscribe(Saved, handler, owner=owner)
    with bus.measure() as timings:
        bus.publish(Saved())

    assert timings.by_owner == {"a": timing(2, 2.0, longest_s=1.0), "b": timing(1, 1.0)}


def test_receivers_of_blinker_code_are_measured_as_the_hosts(bus: EventBus, clocks: Clocks) -> None:
    receive = clocks.taking(1.0)
    bus.signal(Saved).connect(receive)
    with bus.measure() as timings:
        bus.publish(Saved())

    assert timings.by_topic == {("", "Saved"): timing(1, 1.0)}


def test_events_of_the_kernel_are_measured(clocks: Clocks) -> None:
    with Kernel() as kernel:
        kernel.register(FakePlugin("a", on_load=lambda ctx: ctx.subscribe(PluginLoaded, clocks.taking(1.0))))
        with kernel.bus.measure() as timings:
            kernel.load("a")

    assert timings.by_topic == {("a", "PluginLoaded"): timing(1, 1.0)}


def test_nothing_is_measured_before_and_after(bus: EventBus, clocks: Clocks) -> None:
    bus.subscribe(Saved, clocks.taking(1.0))
    bus.publish(Saved())
    timings = bus.measure()
    assert timings.is_running
    bus.publish(Saved())
    assert timings.by_owner == {"": timing(1, 1.0)}

    timings.stop()
    timings.stop()
    bus.publish(Saved())

    assert not timings.is_running
    assert timings.by_owner == {"": timing(1, 1.0)}


def test_a_measurement_that_ends_within_a_delivery_tells_of_what_ended_before(bus: EventBus, clocks: Clocks) -> None:
    bus.subscribe(Saved, clocks.taking(1.0), owner="a")
    running: list[Timings] = []
    bus.subscribe(Saved, lambda _event: running[0].stop(), owner="b")
    bus.subscribe(Saved, clocks.taking(1.0), owner="c")
    seen: list[Event] = []
    bus.subscribe(Saved, seen.append, owner="d")
    timings = bus.measure()
    running.append(timings)

    bus.publish(Saved())

    assert timings.by_owner == {"a": timing(1, 1.0)}
    assert seen == [Saved()]


def test_a_measurement_that_begins_within_a_delivery_tells_of_the_next_event(bus: EventBus, clocks: Clocks) -> None:
    bus.subscribe(Saved, lambda event: started.append(bus.measure()) if event.number == 1 else None, owner="a")
    bus.subscribe(Saved, clocks.taking(1.0), owner="b")
    started: list[Any] = []

    bus.publish(Saved(1))
    assert started[0].by_owner == {}
    bus.publish(Saved(2))

    assert started[0].by_owner["b"] == timing(1, 1.0)


def test_several_measurements_run_beside_each_other(bus: EventBus, clocks: Clocks) -> None:
    bus.subscribe(Saved, clocks.taking(1.0))
    first = bus.measure()
    bus.publish(Saved())
    second = bus.measure()
    bus.publish(Saved())
    first.stop()
    bus.publish(Saved())
    second.stop()

    assert (first.by_owner[""].calls, second.by_owner[""].calls) == (2, 2)


def test_measuring_and_tracing_go_together(bus: EventBus, clocks: Clocks) -> None:
    depths: list[int] = []

    def note(_event: Event) -> None:
        clocks.take(1.0)
        assert bus.cause is not None
        depths.append(bus.cause.depth)

    bus.subscribe(Saved, lambda _event: bus.publish(Indexed()), owner="a")
    bus.subscribe("*", note, owner="b")
    with bus.measure() as timings, bus.trace():
        bus.publish(Saved())

    assert depths == [2, 1]
    assert timings.by_owner == {"a": timing(1, 1.0, 0.0), "b": timing(2, 2.0, longest_s=1.0)}


def test_no_lock_is_held_while_a_measured_subscriber_runs(bus: EventBus) -> None:
    def look(_event: Event) -> None:
        def read() -> None:
            bus.publish(Indexed())
            seen.append((timings.by_owner, timings.by_topic))

        thread = threading.Thread(target=read)
        thread.start()
        thread.join(60)

    seen: list[Any] = []
    bus.subscribe(Saved, look)
    bus.subscribe(Indexed, lambda _event: None, owner="a")
    with bus.measure() as timings:
        bus.publish(Saved())

    assert len(seen) == 1
    assert sorted(timings.by_owner) == ["", "a"]


def test_every_call_is_counted_whatever_the_thread(bus: EventBus) -> None:
    for number in range(10):
        bus.subscribe(Saved, lambda _event: None, owner=str(number % 2))
    together = threading.Barrier(4)

    def publish() -> None:
        together.wait()
        for _ in range(500):
            bus.publish(Saved())

    threads = [threading.Thread(target=publish) for _ in range(4)]
    with bus.measure() as timings:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {owner: one.calls for owner, one in timings.by_owner.items()} == {"0": 10_000, "1": 10_000}
