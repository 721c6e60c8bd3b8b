"""Swaps amid threads that use, publish and swap themselves: nothing fails, is half switched, or gets lost."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    Event,
    Kernel,
    KernelClosedError,
    Plugin,
    PluginContext,
    PluginMetadata,
    PluginState,
    PluginStateError,
)
from plugbus.kernel.testing import FakePlugin, Gate, LeakCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS = 8


class Served:
    """What a plugin provides: it knows its version and whether it may be used."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.is_alive = True


FIRST: Capability[Served] = Capability("first", contract=Served)
SECOND: Capability[Served] = Capability("second", contract=Served)


class Serving(Plugin):
    """Provide two capabilities and a service, and count the events of each publisher."""

    def __init__(self, number: int, heard: Counter[Any], plugin_id: str = "serving") -> None:
        self.metadata = PluginMetadata(plugin_id, f"1.{number}.0", provides=(FIRST, SECOND))
        self.first, self.second = Served(number), Served(number)
        self.heard = heard

    def on_load(self, ctx: PluginContext) -> None:
        ctx.provide(FIRST, self.first)
        ctx.provide(SECOND, self.second)
        ctx.register_service("number", self.first)
        ctx.subscribe("numbered", self.count)
        ctx.subscribe("*", self.count_all)

    def count(self, event: Any) -> None:
        self.heard[event.data] += 1

    def count_all(self, event: Any) -> None:
        if event.topic == "numbered":
            self.heard["all", event.data] += 1

    def on_unload(self, ctx: PluginContext) -> None:
        self.first.is_alive = self.second.is_alive = False


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@contextmanager
def storm(*works: Callable[[int], None]) -> Iterator[list[BaseException]]:
    """Let each work run again and again, in a thread of its own, with the number of its turn."""
    over = threading.Event()
    failures: list[BaseException] = []

    def run(work: Callable[[int], None]) -> None:
        turn = 0
        try:
            while not over.is_set():
                work(turn)
                turn += 1
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield failures
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


@pytest.mark.parametrize("ids", [("serving", "serving"), ("odd", "even")])
def test_all_that_a_plugin_provides_changes_hands_in_one_step(ids: tuple[str, str]) -> None:
    kernel = Kernel()
    heard: Counter[Any] = Counter()
    kernel.register(Serving(0, heard, ids[0]))
    kernel.load(ids[0])
    services, published = kernel.services, [0] * 2
    handle = services.ref(FIRST)

    def ask_in_order(turn: int) -> None:
        earlier = services.get(FIRST).number
        later = services.get(SECOND).number
        assert later >= earlier

    def ask_in_the_other_order(turn: int) -> None:
        found = services.find(SECOND)
        assert found is not None
        named = services.get("number", Served)
        assert handle.get().number >= named.number >= found.number

    def ask_for_all(turn: int) -> None:
        (one,) = services.all(FIRST)
        (other,) = services.all(SECOND)
        assert other.number >= one.number

    def lease(turn: int) -> None:
        with services.lease(FIRST) as first, handle.lease() as again:
            assert first.is_alive
            assert again.is_alive
            assert again.number >= first.number

    def publish(place: int) -> Callable[[int], None]:
        def work(turn: int) -> None:
            kernel.bus.publish(Event.custom("numbered", (place, turn)))
            published[place] = turn + 1

        return work

    with storm(
        ask_in_order, ask_in_order, ask_in_the_other_order, ask_for_all, lease, lease, publish(0), publish(1)
    ) as failures:
        for number in range(1, 151):
            old_id, new_id = ids[(number - 1) % 2], ids[number % 2]
            new = Serving(number, heard, new_id)
            if old_id != new_id and new_id in kernel.registry:
                kernel.unregister(new_id)
            assert kernel.swap(old_id, new).is_drained
            if failures:
                break
    assert failures == []
    for place, count in enumerate(published):
        assert [heard[place, turn] for turn in range(count)] == [1] * count
        assert [heard["all", (place, turn)] for turn in range(count)] == [1] * count


def test_two_threads_that_swap_one_plugin_do_it_one_after_the_other() -> None:
    kernel = Kernel()
    heard: Counter[Any] = Counter()
    numbers = iter(range(1, 10**9))
    kernel.register(Serving(0, heard))
    kernel.load("serving")
    done: list[tuple[str, str]] = []

    class Slow(Serving):
        def on_load(self, ctx: PluginContext) -> None:
            super().on_load(ctx)
            time.sleep(0.001)  # so that others come by while it is on its way

    def swap(turn: int) -> None:
        report = kernel.swap("serving", Slow(next(numbers), heard))
        done.append((report.old_version, report.new_version))

    swapped = threading.Event()
    with storm(swap, swap, lambda turn: swapped.set() if len(done) > 60 else None) as failures:
        assert swapped.wait(60)
    assert failures == []
    # Each took the place of another one: as a chain, from the first to the one that is there.
    successors = dict(done)
    place, count = "1.0.0", 0
    while place in successors:
        place, count = successors[place], count + 1
    assert count == len(done)
    assert place == kernel.registry.record("serving").metadata.version
    assert len(kernel.services.all(FIRST)) == len(kernel.services.all(SECOND)) == 1
    assert len(kernel.bus.subscriptions) == 2


def test_a_shutdown_in_a_storm_of_swaps_leaves_nothing() -> None:
    kernel = Kernel()
    heard: Counter[Any] = Counter()
    numbers = iter(range(1, 10**9))
    made: list[Serving] = []
    begun = threading.Event()
    with LeakCheck(kernel):
        kernel.register(Serving(0, heard))
        kernel.load("serving")

        def swap(turn: int) -> None:
            new = Serving(next(numbers), heard)
            made.append(new)
            try:
                kernel.swap("serving", new)
            except (KernelClosedError, PluginStateError):
                assert kernel.is_closed
            if turn > 10:
                begun.set()

        with storm(swap, swap, swap) as failures:
            assert begun.wait(60)
            kernel.shutdown()
        assert failures == []
        assert kernel.list(PluginState.REGISTERED) == ("serving",)
    # What was refused was never loaded, and so its objects were never used.
    assert all(one.first.is_alive is one.second.is_alive for one in made)


def test_a_hook_that_hangs_in_a_swap_keeps_nobody_from_working() -> None:
    kernel = Kernel()
    heard: Counter[Any] = Counter()
    kernel.register(Serving(0, heard))
    kernel.register(FakePlugin("other"))
    kernel.load("serving")
    for step in ("on_load", "save_state", "restore_state", "PluginSwapped", "on_unload"):
        gate = Gate()
        number = kernel.get("serving", Serving).first.number
        old: Any = kernel.get("serving", Serving)
        new: Any = Serving(number + 1, heard)
        if step in {"save_state", "on_unload"}:
            setattr(old, step, lambda *args, gate=gate: gate() or {})
        elif step == "restore_state":
            old.save_state = lambda: {"number": 1}
            new.restore_state = gate
        elif step == "on_load":
            load = new.on_load
            new.on_load = lambda ctx, load=load, gate=gate: (load(ctx), gate())
        subscription = kernel.bus.subscribe("PluginSwapped", gate) if step == "PluginSwapped" else None
        thread = threading.Thread(target=kernel.swap, args=("serving", new))
        thread.start()
        gate.await_arrival()
        is_before = step in {"on_load", "save_state", "restore_state"}
        serving = old if is_before else new
        assert kernel.services.get(FIRST) is serving.first
        with kernel.services.lease(SECOND) as second:
            assert second is serving.second
        kernel.bus.publish(Event.custom("numbered", step))
        assert heard[step] == 1
        assert kernel.load("other") == ("other",)
        assert kernel.unload("other") == ("other",)
        gate.open()
        thread.join(30)
        assert not thread.is_alive()
        if subscription is not None:
            subscription.cancel()
        assert kernel.services.get(FIRST) is new.first
    kernel.shutdown()
