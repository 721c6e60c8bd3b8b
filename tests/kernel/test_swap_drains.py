"""Leases that last longer than a swap, and shutdowns that do not wait for them."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from plugbus.kernel import (
    Capability,
    Event,
    Kernel,
    PluginState,
    PluginStateError,
    PluginSwapped,
    PluginUnloadError,
    SwapReport,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, Gate, LeakCheck

if TYPE_CHECKING:
    from collections.abc import Iterator

GIVEN: Capability[dict[str, str]] = Capability("given", contract=dict)
IDS = ["old", "new"]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


class World:
    """A kernel with an old plugin that is up, and a successor of it."""

    def __init__(self, new_id: str) -> None:
        self.kernel = Kernel()
        self.old = FakePlugin("old", provides={GIVEN: {"of": "old"}})
        self.source = FakeSource(self.old)
        self.new = FakePlugin(new_id, "2.0.0", provides={GIVEN: {"of": "new"}})
        self.kernel.register(self.source)
        self.kernel.load("old")

    def swap(self, drain_s: float = 0.0) -> SwapReport:
        return self.kernel.swap("old", self.new, drain_s=drain_s)


@pytest.mark.parametrize("new_id", IDS)
def test_a_shutdown_inside_the_lease_that_a_swap_was_late_for_unloads_the_old_one(new_id: str) -> None:
    world = World(new_id)
    with world.kernel.services.lease(GIVEN):
        assert not world.swap().is_drained
        assert world.old.calls == ["on_load"]
        world.kernel.shutdown()
        assert world.old.calls == ["on_load", "on_unload"]
        assert world.source.closed == 1
        assert world.kernel.list(PluginState.ACTIVE) == world.kernel.list(PluginState.UNLOADING) == ()
    # The end of the lease finds nothing to do.
    assert world.old.calls == ["on_load", "on_unload"]
    assert world.source.breaches == []


@pytest.mark.parametrize("new_id", IDS)
def test_a_shutdown_ends_the_wait_of_a_swap(new_id: str, pool: ThreadPoolExecutor) -> None:
    world = World(new_id)
    swapped = Gate()
    swapped.open()
    world.kernel.bus.subscribe(PluginSwapped, swapped)
    with world.kernel.services.lease(GIVEN):
        swap = pool.submit(world.swap, math.inf)
        swapped.await_arrival()
        world.kernel.shutdown()
        report = swap.result(30)
        assert not report.is_drained
        assert world.old.calls == ["on_load", "on_unload"]
    assert world.kernel.list(PluginState.REGISTERED) == tuple(sorted({"old", new_id}))


def test_what_fails_when_a_shutdown_unloads_a_late_one_is_raised() -> None:
    world = World("new")

    def fail(ctx: object) -> None:
        raise OSError("stuck")

    world.new = FakePlugin("newer", "3.0.0", provides={GIVEN: {"of": "newer"}})
    world.kernel.swap("old", FakePlugin("new", "2.0.0", provides={GIVEN: {"of": "new"}}, on_unload=fail))
    with world.kernel.services.lease(GIVEN):
        world.kernel.swap("new", world.new, drain_s=0.0)
        with pytest.raises(PluginUnloadError, match="'new' in on_unload"):
            world.kernel.shutdown()


def test_calls_that_need_the_id_of_a_late_one_are_refused_and_work_after_its_last_lease() -> None:
    world = World("new")
    kernel = world.kernel
    with kernel.services.lease(GIVEN):
        world.swap()
        for call in (
            lambda: kernel.load("old"),
            lambda: kernel.unload("old"),
            lambda: kernel.swap("new", "old"),
        ):
            with pytest.raises(
                PluginStateError, match="it is unloading; its place is taken, and uses of it are not over"
            ):
                call()
        assert kernel.load_all().failed == {}
        assert kernel.list(PluginState.ACTIVE) == ("new",)
    assert kernel.swap("new", "old").is_drained
    assert kernel.services.get(GIVEN) == {"of": "old"}


def test_a_late_one_of_the_same_id_keeps_nobody_from_swapping_again() -> None:
    world = World("old")
    kernel = world.kernel
    with LeakCheck(kernel, allow=["plugin old"]), ExitStack() as held:
        for version in ("2.0.0", "3.0.0", "4.0.0"):
            held.enter_context(kernel.services.lease(GIVEN))
            report = kernel.swap("old", FakePlugin("old", version, provides={GIVEN: {"of": version}}), drain_s=0.0)
            assert not report.is_drained
        assert kernel.unload("old") == ("old",)
        assert world.old.calls == ["on_load"]
    assert world.old.calls == ["on_load", "on_unload"]


def test_the_end_of_a_late_one_does_not_give_back_the_claim_of_another_swap(pool: ThreadPoolExecutor) -> None:
    world = World("old")
    kernel = world.kernel
    gate = Gate()
    with kernel.services.lease(GIVEN):
        world.swap()
        slow = FakePlugin("old", "3.0.0", provides={GIVEN: {"of": "slow"}}, on_load=gate)
        second = pool.submit(kernel.swap, "old", slow)
        gate.await_arrival()
    assert world.old.calls == ["on_load", "on_unload"]
    third = pool.submit(kernel.swap, "old", FakePlugin("old", "4.0.0", provides={GIVEN: {"of": "third"}}))
    with pytest.raises(TimeoutError):
        third.result(0.05)
    gate.open()
    assert second.result(30).new_version == "3.0.0"
    assert third.result(30).old_version == "3.0.0"


@pytest.mark.parametrize("new_id", IDS)
def test_a_lease_may_be_released_by_another_thread(new_id: str, pool: ThreadPoolExecutor) -> None:
    world = World(new_id)
    lease = world.kernel.services.lease(GIVEN)
    lease.__enter__()
    swapped = Gate()
    swapped.open()
    world.kernel.bus.subscribe(PluginSwapped, swapped)
    swap = pool.submit(world.swap, 30.0)
    swapped.await_arrival()
    pool.submit(lease.__exit__, None, None, None).result(30)
    assert swap.result(30).is_drained
    assert world.old.calls == ["on_load", "on_unload"]


@pytest.mark.parametrize("new_id", IDS)
def test_a_lease_may_be_released_by_a_subscriber_of_the_swap_itself(new_id: str) -> None:
    world = World(new_id)
    lease = world.kernel.services.lease(GIVEN)
    lease.__enter__()
    world.kernel.bus.subscribe(PluginSwapped, lambda event: lease.__exit__(None, None, None))
    assert world.swap(0.0).is_drained
    assert world.old.calls == ["on_load", "on_unload"]


def test_the_thread_that_ends_the_last_of_several_leases_unloads_what_was_late(pool: ThreadPoolExecutor) -> None:
    world = World("new")
    threads: list[int] = []
    world.old._on_unload = lambda ctx: threads.append(threading.get_ident())
    leases = [world.kernel.services.lease(GIVEN) for _ in range(3)]
    for lease in leases:
        lease.__enter__()
    world.swap()
    ends = [pool.submit(lambda one: (one.__exit__(None, None, None), threading.get_ident())[1], one) for one in leases]
    idents = [one.result(30) for one in ends]
    assert len(threads) == 1
    assert threads[0] in idents


@pytest.mark.parametrize("drain_s", [-1.0, -0.001, math.nan])
def test_a_drain_of_no_length_is_refused_before_anything_has_changed(drain_s: float) -> None:
    world = World("new")
    with pytest.raises(ValueError, match=r"cannot swap plugin 'old': drain_s is .*; give 0 or more seconds"):
        world.swap(drain_s)
    assert world.kernel.services.get(GIVEN) == {"of": "old"}
    assert "new" not in world.kernel.registry


def test_a_drain_may_be_without_end() -> None:
    world = World("new")
    assert world.swap(math.inf).is_drained


def test_a_subscriber_may_unload_and_shut_down_when_the_swap_is_told() -> None:
    world = World("new")
    refused: list[PluginStateError] = []

    def meddle(event: PluginSwapped) -> None:
        world.kernel.unload("new")
        try:
            world.kernel.shutdown()
        except PluginStateError as error:
            refused.append(error)

    world.kernel.bus.subscribe(PluginSwapped, meddle)
    assert world.swap().is_drained
    assert len(refused) == 1
    assert world.kernel.list(PluginState.REGISTERED) == ("new", "old")
    world.kernel.bus.publish(Event.custom("tick"))
    world.kernel.shutdown()
