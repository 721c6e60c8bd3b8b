"""An interrupt at a chosen step of a change: what the step leaves undone is done again, or taken back."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pytest

from plugbus.kernel import Kernel, PluginLoadError, PluginState, PluginSwapped, PluginUnloaded, SwapError
from plugbus.kernel.testing import FakePlugin, FakeSource, Gate

from .interrupted import LEFT, World, faults_at_the_end, loaded
from .interrupts import interrupt_in

if TYPE_CHECKING:
    from collections.abc import Callable

NONE: tuple[str, ...] = ()
OLD = ("base", "old")


class Step(NamedTuple):
    """Where an interrupt comes, and what is active after it."""

    function: str
    active: tuple[str, ...]
    after: str = ""
    turn: int = 1

    def __str__(self) -> str:
        return "-".join(filter(None, (self.function, self.after, str(self.turn))))


def check(world: World, step: Step, call: Callable[[], object]) -> None:
    """Interrupt a call at a step, and see that it was met and has left nothing half done."""
    assert interrupt_in(step.function, call, after=step.after, turn=step.turn), "the call does not come by the place"
    assert world.active == step.active
    # Each that went was undone, and once.
    assert world.undone == {
        f"{one.metadata.id} {one.metadata.version}": 1 for one in world.sources if one.opened and one.closed
    }
    assert faults_at_the_end(world) == []


@pytest.mark.parametrize(
    "step",
    [
        Step("Claims.claim_for_loading", NONE),
        Step("Uses.bind", NONE),
        Step("Uses.bind", NONE, turn=2),
        Step("Loading._bring_up", NONE, turn=2),
        Step("Loading._settle_loaded", NONE, turn=2),
        Step("Loading._announce", NONE, turn=2),
        Step("Transitions.changing", NONE, after="get"),
    ],
    ids=str,
)
def test_a_load_that_is_interrupted_at_a_step_leaves_nothing(step: Step) -> None:
    world = World()
    check(world, step, lambda: world.kernel.load("old"))


@pytest.mark.parametrize(
    "step",
    [
        Step("Claims.let_go", NONE),
        Step("Unloading.give_back", NONE),
        Step("Unloading._take_down", NONE),
        Step("PluginBringUp.undo", NONE),
        Step("Departure.run", NONE),
    ],
    ids=str,
)
def test_a_load_that_fails_and_is_interrupted_on_its_way_back_leaves_nothing(step: Step) -> None:
    world = World()
    world.add("broken", "1.0.0", {"old": "*"}, is_broken=True)

    def load() -> None:
        with pytest.raises((PluginLoadError, KeyboardInterrupt)):
            world.kernel.load("broken")

    check(world, step, load)


@pytest.mark.parametrize(
    "step",
    [
        # Before the first one has begun to go, nothing goes; from then on, all.
        Step("Claims.claim_for_unloading", OLD),
        Step("PluginRegistry.change_to", OLD, turn=2),
        Step("Unloading._take_down", OLD),
        Step("Transitions.changing", NONE, after="get"),
        Step("Departure.run", NONE),
        Step("Departure.run", NONE, turn=2),
        Step("TakeDown._withdraw", NONE),
        Step("ServiceTable.switch", NONE),
        Step("News.add_offers", NONE),
        Step("Hooks.call_for", NONE),
        Step("TakeDown._save", NONE),
        Step("TakeDown._undo", NONE),
        Step("TakeDown._close", NONE),
        Step("Holdings.close", NONE, after="__exit__"),
        Step("Departure._forget", NONE),
        Step("Departure._forget", NONE, after="__exit__"),
        Step("Departure._write_news", NONE, turn=2),
    ],
    ids=str,
)
def test_an_unload_that_is_interrupted_at_a_step_is_carried_through_once_it_has_begun(step: Step) -> None:
    world = loaded()
    check(world, step, lambda: world.kernel.unload("base", cascade=True))


@pytest.mark.parametrize("new_id", ["old", "new"])
@pytest.mark.parametrize(
    ("function", "after"),
    [
        ("Swap._claim", ""),
        ("Transitions.claim", ""),
        ("Swap._bring_in", ""),
        ("PluginBringUp.prepare", ""),
        ("Swap._switch", ""),
    ],
)
def test_a_swap_that_is_interrupted_before_the_switch_leaves_the_old_one(
    new_id: str, function: str, after: str
) -> None:
    world = loaded()
    source = world.make(new_id, "2.0.0")
    check(world, Step(function, OLD, after), lambda: world.kernel.swap("old", source))


@pytest.mark.parametrize("new_id", ["old", "new"])
@pytest.mark.parametrize("function", ["Swap._let_go", "Swap._take_back", "PluginBringUp.undo", "Unloading.give_back"])
def test_a_swap_that_fails_and_is_interrupted_on_its_way_back_leaves_the_old_one(new_id: str, function: str) -> None:
    world = loaded()
    source = world.make(new_id, "2.0.0", is_broken=True)

    def swap() -> None:
        with pytest.raises((SwapError, KeyboardInterrupt)):
            world.kernel.swap("old", source)

    check(world, Step(function, OLD), swap)
    assert source.opened == source.closed


@pytest.mark.parametrize("new_id", ["old", "new"])
@pytest.mark.parametrize(
    ("function", "after"),
    [
        ("PluginBringUp.reveal", ""),
        ("Transitions.replace", ""),
        ("Swap._record", ""),
        ("Swap._switch", "__exit__"),
        ("Swap._see_off", ""),
        ("News.tell", ""),
        ("Retirement.wait", ""),
        ("Retirement.finish", ""),
        ("Retirement._unload", ""),
        ("Departure.run", ""),
        ("Retirement._release", ""),
        ("Transitions.release", ""),
    ],
)
def test_a_swap_that_is_interrupted_from_the_switch_on_is_carried_through(
    new_id: str, function: str, after: str
) -> None:
    world = loaded()
    source = world.make(new_id, "2.0.0")
    check(world, Step(function, ("base", new_id), after), lambda: world.kernel.swap("old", source))


def test_what_was_replaced_is_put_back_where_it_was_once() -> None:
    world = loaded()
    source = world.make("new", "2.0.0")
    step = Step("Transitions.vacate", ("base", "new"), after="__exit__")
    check(world, step, lambda: world.kernel.swap("old", source))


def test_a_swap_that_is_interrupted_after_a_shutdown_has_ended_its_wait_leaves_nothing() -> None:
    world = loaded()
    source = world.make("new", "2.0.0")
    swapped = Gate()
    swapped.open()
    swap = partial(world.kernel.swap, "old", source, drain_s=math.inf)
    with (
        ThreadPoolExecutor(1) as pool,
        world.kernel.bus.subscribe(PluginSwapped, swapped),
        world.kernel.services.lease(LEFT),
    ):
        met = pool.submit(interrupt_in, "Retirement.finish", swap, after="__exit__")
        swapped.await_arrival()
        world.kernel.shutdown()
        assert met.result(30)
    assert world.faults() == []
    assert world.active == ()
    assert world.undone["old 1.0.0"] == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt("ctrl-c"), SystemExit(3)], ids=repr)
def test_a_hook_whose_runner_is_interrupted_before_it_began_is_called_all_the_same(error: BaseException) -> None:
    errors = [error]

    def run_hook(plugin_id: str, hook: str, call: Callable[[], object]) -> object:
        if hook == "on_unload" and errors:
            raise errors.pop()
        return call()

    kernel = Kernel(run_hook=run_hook)  # type: ignore[arg-type] # what a hook returns is of no matter here
    undone: list[str] = []
    plugin = FakePlugin("a", undo=[lambda: undone.append("a")])
    source = FakeSource(plugin)
    kernel.register(source)
    kernel.load("a")
    with pytest.raises(type(error)) as caught:
        kernel.unload("a")
    assert caught.value is error
    assert plugin.calls == ["on_load", "on_unload"]
    assert undone == ["a"]
    assert (source.opened, source.closed) == (1, 1)
    assert kernel.list(PluginState.REGISTERED) == ("a",)


@pytest.mark.parametrize("function", ["TakeDown._withdraw", "Departure._forget", "News.write", "Departure.run"])
def test_an_ordinary_error_of_the_kernel_itself_leaves_an_unload_at_once(function: str) -> None:
    # Where memory or the stack is at its end it would come again with each new try, without end.
    world = loaded()
    world.kernel.bus.subscribe(PluginUnloaded, print)

    def unload() -> None:
        with pytest.raises(MemoryError, match=function):
            world.kernel.unload("old")

    assert interrupt_in(function, unload, kind=MemoryError)


@pytest.mark.parametrize("function", ["Swap._see_off", "Retirement.wait", "Retirement._unload"])
def test_an_ordinary_error_of_the_kernel_itself_leaves_a_swap_at_once(function: str) -> None:
    world = loaded()
    source = world.make("new", "2.0.0")

    def swap() -> None:
        with pytest.raises(MemoryError, match=function):
            world.kernel.swap("old", source)

    assert interrupt_in(function, swap, kind=MemoryError)
    assert world.active == ("base", "new")


def test_a_close_that_fails_and_is_interrupted_when_that_is_noted_is_not_done_twice() -> None:
    class Stuck(FakeSource):
        def close(self) -> None:
            super().close()
            raise OSError("stuck")

    kernel = Kernel()
    source = Stuck(FakePlugin("a"))
    kernel.register(source)
    kernel.load("a")
    assert interrupt_in("TakeDown._close", lambda: kernel.unload("a"), after="append")
    assert (source.opened, source.closed) == (1, 1)
    assert kernel.list(PluginState.REGISTERED) == ("a",)
