"""An interrupt at every place of a load, an unload, a swap and a shutdown: nothing is left half done."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import Capability, Kernel, PluginLoadError, PluginState, PluginUnloadError, SwapError
from plugbus.kernel.testing import FakePlugin, FakeSource

from .interrupts import interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LEFT: Capability[dict[str, str]] = Capability("left", contract=dict)
RIGHT: Capability[dict[str, str]] = Capability("right", contract=dict)
SERVING = {"old", "new"}
MOVING = {PluginState.LOADING, PluginState.UNLOADING}


class Keeper(FakePlugin):
    """A plugin with a state."""

    def save_state(self) -> Mapping[str, Any]:
        return {"count": 1}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        assert state == {"count": 1}


class World:
    """A kernel, its sources, and what its plugins did."""

    def __init__(self) -> None:
        self.kernel = Kernel()
        self.sources: list[FakeSource] = []
        self.undone: Counter[str] = Counter()
        self.held = ExitStack()
        self.add("base", "1.0.0")
        self.add("old", "1.0.0", {"base": "*"})

    def make(
        self, plugin_id: str, version: str, needs: Mapping[str, str] | None = None, *, is_broken: bool = False
    ) -> FakeSource:
        def fail(ctx: object) -> None:
            if is_broken:
                raise OSError("no device")

        name = f"{plugin_id} {version}"
        serves = {LEFT: {"of": name}, RIGHT: {"of": name}} if plugin_id in SERVING else {}
        plugin = Keeper(
            plugin_id,
            version,
            dependencies=needs or {},
            provides=serves,
            services={f"service of {name}": name},
            subscriptions=["tick"],
            on_load=fail,
            undo=[lambda: self.undone.update([name])],
        )
        source = FakeSource(plugin)
        self.sources.append(source)
        return source

    def add(
        self, plugin_id: str, version: str, needs: Mapping[str, str] | None = None, *, is_broken: bool = False
    ) -> None:
        self.kernel.register(self.make(plugin_id, version, needs, is_broken=is_broken))

    @property
    def active(self) -> tuple[str, ...]:
        return self.kernel.list(PluginState.ACTIVE)

    def faults(self) -> list[str]:
        """Say what is not as it is after every call that has ended."""
        kernel = self.kernel
        faults = [f"{one.id} is {one.state}" for one in kernel.registry if one.state in MOVING]
        active = set(self.active)
        faults += [f"record of {one.id}" for one in kernel.registry if (one.plugin is None) is (one.id in active)]
        services = Counter(one.owner for key in kernel.services.keys for one in kernel.services.providers(key))
        heard = Counter(one.owner for one in kernel.bus.subscriptions)
        serving = {one: 3 if one in SERVING else 1 for one in active}
        faults += [f"services {dict(services)}"] if services != serving else []
        faults += [f"subscriptions {dict(heard)}"] if heard != dict.fromkeys(active, 1) else []
        for one in self.sources:
            record = kernel.registry.record(one.metadata.id) if one.metadata.id in kernel.registry else None
            is_up = record is not None and record.source is one
            name = f"{one.metadata.id} {one.metadata.version}"
            faults += [f"source of {name}"] if one.is_open is not is_up or one.breaches else []
            faults += [f"{name} was undone {self.undone[name]} times"] if self.undone[name] > one.opened else []
        left, right = kernel.services.find(LEFT), kernel.services.find(RIGHT)
        faults += [f"half a switch: {left}, {right}"] if left != right else []
        for key in (LEFT, RIGHT):
            faults += [f"{key} is retired" for one in kernel.services.providers(key) if not is_open(one)]
        return faults


def is_open(provision: Any) -> bool:
    if not provision.leases.acquire():
        return False
    provision.leases.release()
    return True


def check_everywhere(make: Callable[[], World], call: Callable[[World], object], ends: set[tuple[str, ...]]) -> None:
    """Interrupt a call at each place; each time it has ended in one of some sets of active plugins, with no fault."""
    faults: list[str] = []
    for place in count():
        world = make()
        where = interrupt(place, lambda: call(world))  # noqa: B023 - called at once
        world.held.close()
        found = world.faults()
        if world.active not in ends:
            found.append(f"active are {world.active}")
        if any(one.state in MOVING for one in world.kernel.registry):
            faults += [f"{where}: {one}" for one in found]
            continue  # whoever waits for that waits for ever
        world.kernel.load("base", "old" if "new" not in world.active else "new")
        try:
            world.kernel.shutdown()
        except PluginUnloadError:
            found.append("shutdown failed")
        found += world.faults()
        if world.active:
            found.append("not shut down")
        faults += [f"{where}: {one}" for one in found]
        if not where:
            assert place > 50, "the call came by no place"
            break
    assert not faults, "\n".join(faults)


def loaded() -> World:
    world = World()
    world.kernel.load("old")
    return world


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
