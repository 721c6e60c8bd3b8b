"""Waiting for a service: by blocking a thread, and by a callback."""

from __future__ import annotations

import asyncio
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    AmbiguousServiceError,
    Capability,
    Kernel,
    ServiceBuildError,
    ServiceLocator,
    ServiceTimeoutError,
    ServiceTypeError,
    SubscriberFailed,
)
from plugbus.kernel.testing import FakePlugin, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLOCK = Capability[Any]("clock")
LONG = 30.0


@pytest.fixture
def locator() -> ServiceLocator:
    return ServiceLocator()


def until_someone_waits(locator: ServiceLocator) -> None:
    while not locator._watches._watches:
        pass


def nobody_waits(locator: ServiceLocator) -> bool:
    return locator._watches._watches == {}


@pytest.mark.parametrize("key", [CLOCK, "clock"])
def test_what_is_there_is_returned_at_once(locator: ServiceLocator, key: str) -> None:
    locator.provide(key, 12)
    assert locator.wait_for(key, timeout_s=0) == 12
    assert locator.wait_for("clock", int, timeout_s=0) == 12
    assert nobody_waits(locator)


@pytest.mark.parametrize("timeout_s", [LONG, math.inf])
def test_a_thread_waits_until_it_is_provided(locator: ServiceLocator, timeout_s: float) -> None:
    def wait() -> object:
        return locator.wait_for(CLOCK, timeout_s=timeout_s)

    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(wait) for _ in range(3)]
        while len(locator._watches._watches.get("clock", ())) < 3:
            pass
        locator.provide("calendar", 1)
        locator.provide(CLOCK, 12)
        assert [one.result() for one in waiting] == [12] * 3
    assert nobody_waits(locator)


def test_a_plugin_that_is_loaded_ends_the_waiting(locator: ServiceLocator) -> None:
    with Kernel() as kernel, ThreadPoolExecutor(1) as pool:
        kernel.register(FakePlugin("clock", provides={CLOCK: 12}, services={"name": 1}))
        waiting = pool.submit(lambda: kernel.services.wait_for("name", int, timeout_s=LONG))
        until_someone_waits(kernel.services)
        kernel.load("clock")
        assert waiting.result() == 1


def test_a_timeout_names_what_is_there_and_what_is_near(locator: ServiceLocator) -> None:
    locator.provide("clocks", 1)
    locator.provide("calendar", 1)
    for timeout_s in (0, 0.001):
        with pytest.raises(ServiceTimeoutError) as caught:
            locator.wait_for(CLOCK, timeout_s=timeout_s)
        assert isinstance(caught.value, TimeoutError)
        error = caught.value
        assert (error.key, error.timeout_s, error.near, error.known) == (
            "clock",
            timeout_s,
            ("clocks",),
            ("calendar", "clocks"),
        )
    assert nobody_waits(locator)


@pytest.mark.parametrize("timeout_s", [-1, math.nan])
def test_a_time_that_is_none_is_refused(locator: ServiceLocator, timeout_s: float) -> None:
    with pytest.raises(ValueError, match="cannot wait for service 'clock': timeout_s is"):
        locator.wait_for(CLOCK, timeout_s=timeout_s)


def test_several_providers_are_ambiguous_for_who_waits_too(locator: ServiceLocator) -> None:
    for owner in "ab":
        locator.provide(CLOCK, owner, owner=owner)
    with pytest.raises(AmbiguousServiceError):
        locator.wait_for(CLOCK, timeout_s=LONG)


def test_two_that_arrive_together_are_ambiguous_for_who_waits(locator: ServiceLocator) -> None:
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(locator.wait_for, CLOCK, timeout_s=LONG)
        until_someone_waits(locator)
        locator.exchange((), [locator.lazy(CLOCK, object, owner, close=None, health=None) for owner in "ab"])
        assert isinstance(waiting.exception(), AmbiguousServiceError)


def test_what_arrives_is_checked_and_built_for_who_waits(locator: ServiceLocator) -> None:
    def fail() -> object:
        raise OSError("no")

    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(locator.wait_for, "clock", int, timeout_s=LONG)
        until_someone_waits(locator)
        withdrawal = locator.provide("clock", "noon")
        assert isinstance(waiting.exception(), ServiceTypeError)
        withdrawal()
        other = pool.submit(locator.wait_for, CLOCK, timeout_s=LONG)
        until_someone_waits(locator)
        locator.provide_lazy(CLOCK, fail)
        assert isinstance(other.exception(), ServiceBuildError)


def test_what_came_and_went_is_waited_for_again(locator: ServiceLocator) -> None:
    with ThreadPoolExecutor(1) as pool:
        # The first to be told takes it away before the waiting thread can look.
        locator.watch(CLOCK, lambda change: first.withdraw() if change.withdrawn_by is None else None)
        waiting = pool.submit(locator.wait_for, CLOCK, timeout_s=LONG)
        while len(locator._watches._watches["clock"]) < 2:
            pass
        [entry] = [locator.lazy(CLOCK, object, "a", close=None, health=None)]
        exchange = locator.switch((), (entry,))
        first = type(locator.exchange((), ()))(locator, (entry,))
        locator.tell(exchange)
        assert not waiting.done() or waiting.exception() is None
        kept = object()
        locator.provide(CLOCK, kept, owner="b")
        assert waiting.result() is kept


def test_what_is_missing_is_seen_to_before_anyone_waits() -> None:
    asked: list[str] = []

    def bring(key: str) -> bool:
        asked.append(key)
        services.provide(key, 12)
        return True

    services = ServiceLocator(on_missing=bring)
    assert services.wait_for(CLOCK, timeout_s=0) == 12
    assert asked == ["clock"]


def test_an_interrupt_ends_the_waiting_and_leaves_nothing(
    locator: ServiceLocator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_event: threading.Event, _timeout: float | None = None) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Event, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        locator.wait_for(CLOCK, timeout_s=LONG)
    assert nobody_waits(locator)


@pytest.mark.parametrize("is_first", [True, False])
def test_no_wake_up_is_lost(interleavings: Callable[..., Iterator[Any]], is_first: bool) -> None:
    class Case:
        def __init__(self) -> None:
            self.locator = ServiceLocator()
            self.calls: list[int] = []

    def ask(case: Case) -> None:
        case.locator.when_provided(CLOCK, lambda: case.calls.append(1))

    def provide(case: Case) -> None:
        case.locator.provide(CLOCK, 12)

    for case in interleavings(Case, *((ask, provide) if is_first else (provide, ask))):
        assert case.calls == [1]
        assert nobody_waits(case.locator)


def test_no_wake_up_of_a_thread_is_lost(interleavings: Callable[..., Iterator[Any]]) -> None:
    class Case:
        def __init__(self) -> None:
            self.locator = ServiceLocator()
            self.found: list[object] = []

    def wait(case: Case) -> None:
        case.found.append(case.locator.wait_for(CLOCK, timeout_s=LONG))

    def provide(case: Case) -> None:
        case.locator.provide(CLOCK, 12)

    for case in interleavings(Case, provide, wait):
        assert case.found == [12]
        assert nobody_waits(case.locator)


def test_a_callback_is_called_once_and_an_undo_keeps_it_from_that(locator: ServiceLocator) -> None:
    calls: list[str] = []
    undo = locator.when_provided(CLOCK, lambda: calls.append("undone"))
    locator.when_provided(CLOCK, lambda: calls.append("later"))
    undo()
    undo()
    locator.provide("calendar", 1)
    assert calls == []
    with locator.provide(CLOCK, 12):
        locator.when_provided("clock", lambda: calls.append("now"))()
        assert calls == ["later", "now"]
    locator.provide(CLOCK, 13)
    assert calls == ["later", "now"]


def test_a_callback_that_raises_is_reported_and_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    def fail() -> None:
        raise ValueError("no")

    with Kernel() as kernel, RecordedEvents(kernel.bus, SubscriberFailed) as seen:
        kernel.services.when_provided(CLOCK, fail)
        kernel.services.when_provided(CLOCK, lambda: calls.append(1))
        kernel.services.provide(CLOCK, 12)
        kernel.services.when_provided(CLOCK, fail)
        assert calls == [1]
        assert [(one.subscriber, one.owner) for one in seen.of(SubscriberFailed)] == [(fail.__qualname__, "")] * 2
    assert caplog.messages == [f"watcher {fail.__qualname__} failed on service clock: no"] * 2


def test_a_callback_that_is_interrupted_at_once_says_so(locator: ServiceLocator) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    locator.provide(CLOCK, 12)
    with pytest.raises(KeyboardInterrupt):
        locator.when_provided(CLOCK, interrupt)


def test_an_event_loop_waits_without_a_thread(locator: ServiceLocator) -> None:
    async def provided() -> object:
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()
        undo = locator.when_provided(CLOCK, lambda: loop.call_soon_threadsafe(arrived.set))
        threading.Thread(target=locator.provide, args=(CLOCK, 12)).start()
        try:
            await asyncio.wait_for(arrived.wait(), LONG)
        finally:
            undo()
        return locator.get(CLOCK)

    assert asyncio.run(provided()) == 12


def test_a_withdrawal_that_is_told_late_does_not_end_the_waiting(locator: ServiceLocator) -> None:
    calls: list[int] = []
    old = locator.provide(CLOCK, 11).provisions
    exchange = locator.switch(old, ())
    locator.when_provided(CLOCK, lambda: calls.append(1))
    locator.tell(exchange)
    assert calls == []
    locator.provide(CLOCK, 12)
    assert calls == [1]
