"""A world of plugins whose changes are interrupted, and what is to be so after each of these."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from plugbus.kernel import Capability, Kernel, PluginState, PluginUnloadError
from plugbus.kernel.testing import FakePlugin, FakeSource

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        faults += ["this thread is inside a change"] if kernel._transitions.is_inside else []
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


def loaded() -> World:
    world = World()
    world.kernel.load("old")
    return world


def faults_at_the_end(world: World) -> list[str]:
    """Say what is not as it is after every call that has ended, now and after another load and a shutdown."""
    world.held.close()
    found = world.faults()
    if any(one.state in MOVING for one in world.kernel.registry):
        return found  # whoever waits for that waits for ever
    world.kernel.load("base", "old" if "new" not in world.active else "new")
    try:
        world.kernel.shutdown()
    except PluginUnloadError:
        found.append("shutdown failed")
    found += world.faults()
    if world.active:
        found.append("not shut down")
    return found
