"""An interrupt at every place of a load, an unload, a swap and a shutdown: nothing is left half done."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import pytest

from plugbus.kernel import PluginLoadError, SwapError

from .interrupted import LEFT, World, faults_at_the_end, loaded
from .interrupts import interrupt

if TYPE_CHECKING:
    from collections.abc import Callable


def check_everywhere(make: Callable[[], World], call: Callable[[World], object], ends: set[tuple[str, ...]]) -> None:
    """Interrupt a call at each place; each time it has ended in one of some sets of active plugins, with no fault."""
    faults: list[str] = []
    for place in count():
        world = make()
        where = interrupt(place, lambda: call(world))  # noqa: B023 - called at once
        active = world.active
        found = faults_at_the_end(world)
        if active not in ends:
            found.append(f"active were {active}")
        faults += [f"{where}: {one}" for one in found]
        if not where:
            assert place > 50, "the call came by no place"
            break
    assert not faults, "\n".join(faults)


def test_an_interrupt_anywhere_in_a_load_leaves_all_of_it_or_nothing() -> None:
    check_everywhere(World, lambda world: world.kernel.load("old"), {(), ("base", "old")})


def test_an_interrupt_anywhere_in_load_all_leaves_no_plugin_half_loaded() -> None:
    check_everywhere(World, lambda world: world.kernel.load_all(), {(), ("base",), ("base", "old")})


def test_an_interrupt_anywhere_in_a_load_that_fails_leaves_nothing() -> None:
    def make() -> World:
        world = World()
        world.add("broken", "1.0.0", {"old": "*"}, is_broken=True)
        return world

    def load(world: World) -> None:
        with pytest.raises((PluginLoadError, KeyboardInterrupt)):
            world.kernel.load("broken")

    check_everywhere(make, load, {()})


def test_an_interrupt_anywhere_in_an_unload_leaves_no_plugin_half_unloaded() -> None:
    check_everywhere(loaded, lambda world: world.kernel.unload("base", cascade=True), {("base", "old"), ()})


def test_an_interrupt_anywhere_in_a_shutdown_unloads_everything_or_nothing() -> None:
    def shut_down(world: World) -> None:
        try:
            world.kernel.shutdown()
        finally:
            world.kernel._transitions.is_closed = False  # so that the checks can go on with this kernel

    check_everywhere(loaded, shut_down, {("base", "old"), ()})


@pytest.mark.parametrize("new_id", ["old", "new"])
def test_an_interrupt_anywhere_in_a_swap_leaves_one_of_the_two_serving(new_id: str) -> None:
    def make() -> World:
        world = loaded()
        world.add("more", "1.0.0")
        return world

    needs = {"base": "*", "more": "*"}
    before, after = ("base", "old"), tuple(sorted(("base", "more", new_id)))

    def swap(world: World) -> None:
        source = world.make(new_id, "2.0.0", needs)
        world.kernel.swap("old", source)

    check_everywhere(make, swap, {before, after})


@pytest.mark.parametrize("new_id", ["old", "new"])
def test_an_interrupt_anywhere_in_a_swap_that_fails_leaves_the_old_one_serving(new_id: str) -> None:
    def swap(world: World) -> None:
        with pytest.raises((SwapError, KeyboardInterrupt)):
            world.kernel.swap("old", world.make(new_id, "2.0.0", is_broken=True))

    check_everywhere(loaded, swap, {("base", "old")})


@pytest.mark.parametrize("new_id", ["old", "new"])
def test_an_interrupt_anywhere_in_a_swap_that_is_late_leaves_the_old_one_to_the_last_lease(new_id: str) -> None:
    def make() -> World:
        world = loaded()
        # The end of the lease is not interrupted: a release that gets lost leaves the old one to the shutdown.
        world.held.enter_context(world.kernel.services.lease(LEFT))
        return world

    def swap(world: World) -> None:
        world.kernel.swap("old", world.make(new_id, "2.0.0"), drain_s=0.0)

    check_everywhere(make, swap, {("base", "old"), tuple(sorted(("base", new_id)))})
