"""Faults at every step of a swap: what is left, told and raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    Event,
    Kernel,
    Plugin,
    PluginFailed,
    PluginMetadata,
    PluginState,
    Requirement,
    SwapError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Mapping

GIVEN: Capability[dict[str, str]] = Capability("given", contract=dict)
FAULTS: tuple[BaseException, ...] = (OSError("no device"), KeyboardInterrupt("ctrl-c"))
STEPS = {
    "open": "open",
    "configure": "configure",
    "on_load": "on_load",
    "save_state": "hand_over",
    "restore_state": "hand_over",
}
CAUSES = {"undeclared": "provide", "major": "hand_over", "name_taken": "switch"}


class Keeper(FakePlugin):
    """A plugin with a state, whose steps can be made to fail."""

    def __init__(self, plugin_id: str, version: str, faults: dict[str, BaseException], **facts: Any) -> None:
        super().__init__(plugin_id, version, **facts)
        self.faults = faults
        self.state: dict[str, Any] = {"count": 1}

    def fail(self, step: str) -> None:
        if step in self.faults:
            raise self.faults[step]

    def save_state(self) -> Mapping[str, Any]:
        self.fail("save_state")
        return self.state

    def restore_state(self, state: Mapping[str, Any]) -> None:
        self.fail("restore_state")
        self.state = dict(state)


class World:
    """A kernel with one plugin that serves, and successors of it."""

    def __init__(self) -> None:
        self.faults: dict[str, BaseException] = {}
        self.kernel = Kernel(configure=self._configure)
        self.kernel.services.provide("taken", "by the host")
        self.old = Keeper("old", "1.0.0", self.faults, provides={GIVEN: {"of": "old"}}, subscriptions=["tick"])
        self.kernel.register(self.old)
        self.kernel.load("old")

    def successor(self, plugin_id: str, cause: str = "") -> FakeSource:
        plugin: Keeper = Keeper(
            plugin_id,
            "2.0.0",
            self.faults,
            provides={} if cause == "undeclared" else {GIVEN: {"of": "new"}},
            declares=[GIVEN] if cause == "undeclared" else [],
            services={"taken": 1} if cause == "name_taken" else {},
            subscriptions=["tick"],
            on_load=lambda ctx: plugin.fail("on_load"),
        )
        if cause == "major":
            plugin.state_version = "2.0"
        return FakeSource(plugin, on_open=lambda: plugin.fail("open"))

    def snapshot(self) -> dict[str, object]:
        kernel = self.kernel
        return {
            "records": dict(kernel.registry.snapshot()),
            "services": {key: kernel.services.providers(key) for key in kernel.services.keys},
            "chosen": kernel.services.get(GIVEN),
            "subscriptions": kernel.bus.subscriptions,
        }

    def assert_swappable(self, plugin_id: str) -> None:
        """The old one serves on, nobody has a claim on it, and a later swap works."""
        self.kernel.bus.publish(Event.custom("tick"))
        assert [event.topic for event in self.old.events] == ["tick"]
        self.faults.clear()
        assert self.kernel.swap("old", self.successor(plugin_id)).is_drained
        assert self.kernel.services.get(GIVEN) == {"of": "new"}
        self.kernel.shutdown()
        assert self.kernel.list(PluginState.ACTIVE) == ()

    def _configure(self, metadata: PluginMetadata, plugin: Plugin) -> object:
        if metadata.version == "2.0.0" and "configure" in self.faults:
            raise self.faults["configure"]
        return {}


@pytest.mark.parametrize("new_id", ["old", "new"])
@pytest.mark.parametrize("place", STEPS)
@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_before_the_switch_leaves_everything_as_before(new_id: str, place: str, fault: BaseException) -> None:
    world = World()
    before = world.snapshot()
    world.faults[place] = fault
    source = world.successor(new_id)
    with RecordedEvents(world.kernel.bus) as seen, pytest.raises((SwapError, KeyboardInterrupt)) as caught:
        world.kernel.swap("old", source)
    if isinstance(fault, Exception):
        assert isinstance(caught.value, SwapError)
        assert (caught.value.old_id, caught.value.new_id, caught.value.step) == ("old", new_id, STEPS[place])
        assert caught.value.__cause__ is fault
    else:
        assert caught.value is fault
    assert world.snapshot() == before
    assert seen.events == []
    assert (source.opened, source.closed, source.breaches) == (1, 1, [])
    world.assert_swappable(new_id)


@pytest.mark.parametrize("new_id", ["old", "new"])
@pytest.mark.parametrize("cause", CAUSES)
def test_a_successor_that_can_not_take_the_place_leaves_everything_as_before(new_id: str, cause: str) -> None:
    world = World()
    before = world.snapshot()
    with pytest.raises(SwapError) as caught:
        world.kernel.swap("old", world.successor(new_id, cause))
    assert caught.value.step == CAUSES[cause]
    assert world.snapshot() == before
    world.assert_swappable(new_id)


@pytest.mark.parametrize("new_id", ["old", "new"])
@pytest.mark.parametrize("step", ["on_unload", "undo", "close"])
def test_a_fault_after_the_switch_is_reported_and_the_swap_is_done(new_id: str, step: str) -> None:
    fault = OSError("stuck")

    def fail(*args: object) -> None:
        raise fault

    kernel = Kernel()
    old = FakePlugin(
        "old",
        provides={GIVEN: {"of": "old"}},
        on_unload=fail if step == "on_unload" else None,
        undo=[fail] if step == "undo" else [],
    )
    kernel.register(FakeSource(old, on_close=fail if step == "close" else None))
    kernel.load("old")
    with RecordedEvents(kernel.bus, PluginFailed) as seen:
        report = kernel.swap("old", FakePlugin(new_id, "2.0.0", provides={GIVEN: {"of": "new"}}))
    assert [(one.plugin_id, one.step, one.error) for one in report.failures] == [("old", step, fault)]
    assert seen.of(PluginFailed) == (PluginFailed("old", step, fault, "1.0.0"),)
    assert report.is_drained
    assert kernel.services.get(GIVEN) == {"of": "new"}
    assert kernel.list(PluginState.ACTIVE) == (new_id,)
    kernel.shutdown()


def test_needs_of_others_that_would_not_be_met_are_found_before_anything_has_run() -> None:
    world = World()
    world.kernel.register(FakePlugin("user", dependencies={"old": "^1.0"}))
    world.kernel.load("user")
    source = world.successor("old")
    with pytest.raises(SwapError) as caught:
        world.kernel.swap("old", source)
    assert caught.value.step == "plan"
    assert source.opened == 0


@pytest.mark.parametrize("new_id", ["old", "new"])
def test_a_swap_fails_when_what_the_new_one_needs_was_unloaded_while_it_was_set_up(new_id: str) -> None:
    world = World()
    kernel = world.kernel
    kernel.register(FakePlugin("needed"))
    kernel.load("needed")
    before = world.snapshot()

    def unload(ctx: object) -> None:
        kernel.unload("needed")

    new = FakePlugin(new_id, "2.0.0", dependencies={"needed": "*"}, provides={GIVEN: {"of": "new"}}, on_load=unload)
    with pytest.raises(SwapError, match=f"'{new_id}' needs 'needed', which was unloaded meanwhile") as caught:
        kernel.swap("old", new)
    assert caught.value.step == "switch"
    kernel.load("needed")
    assert world.snapshot() == before
    assert new.calls == ["on_load"]
    world.assert_swappable(new_id)


@pytest.mark.parametrize("new_id", ["old", "new"])
def test_what_the_new_one_can_do_without_may_be_unloaded_while_it_is_set_up(new_id: str) -> None:
    world = World()
    kernel = world.kernel
    kernel.register(FakePlugin("useful"))
    kernel.load("useful")
    new = FakePlugin(
        new_id,
        "2.0.0",
        requires=[Requirement("useful", optional=True)],
        provides={GIVEN: {"of": "new"}},
        on_load=lambda ctx: kernel.unload("useful"),
    )
    assert kernel.swap("old", new).is_drained
    assert kernel.list(PluginState.ACTIVE) == (new_id,)
