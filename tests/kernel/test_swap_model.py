"""Swaps, leases and loads against a model of them: any sequence, failing hooks included, ends where the model ends."""

# ruff: noqa: PT017 - which error a call may raise is what the model decides

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plugbus.kernel import (
    Capability,
    DependentsError,
    Event,
    Kernel,
    PluginLoadError,
    PluginState,
    PluginStateError,
    PluginUnloadError,
    Requirement,
    ServiceNotFoundError,
    SwapError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, LeakCheck, assert_unloaded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugbus.kernel import PluginContext

GIVEN: Capability[list[str]] = Capability("given", contract=list)
SERVERS = ("a", "b", "c")
USERS = ("u", "v")
BEFORE = ("open", "on_load", "restore_state")
# What is imported with the first swap.
LAZY = tuple(f"plugbus.kernel.{name}" for name in ("swapping", "retiring", "state"))
AFTER = ("on_unload", "undo", "close")


class Stateful(FakePlugin):
    """A plugin whose state says how many swaps led to it."""

    def __init__(self, known: Modelled, **facts: Any) -> None:
        super().__init__(known.plugin_id, f"1.{known.number}.0", **facts)
        self.known = known
        self.age = 0

    def save_state(self) -> Mapping[str, Any]:
        self.known.fail("save_state")
        return {"age": self.age}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        self.known.fail("restore_state")
        self.age = state["age"] + 1


@dataclass(eq=False)
class Modelled:
    """What the model knows of one version of a plugin."""

    plugin_id: str
    number: int
    faults: set[str]
    age: int = 0
    heard: int = 0
    is_blocking: bool = False
    leases: list[ExitStack] = field(default_factory=list)
    plugin: Stateful | None = None
    source: FakeSource | None = None

    def fail(self, step: str) -> None:
        if step in self.faults:
            raise OSError(step)


class SwapMachine(RuleBasedStateMachine):
    """One server of a capability at a time, users of it, and leases on it; what is loaded, found and heard agrees."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Kernel()
        self.kernel.bus.subscribe("first", print).cancel()  # imports what the bus needs
        self.leaks = LeakCheck(self.kernel, allow=LAZY)
        self.leaks.__enter__()
        self.numbers = count()
        self.server: Modelled | None = None
        self.users: list[str] = []
        # What was replaced while leases on it were open, and is still up.
        self.late: list[Modelled] = []
        self.order: list[str] = []
        for user in USERS:
            self.kernel.register(FakePlugin(user, requires=[Requirement(GIVEN)], subscriptions=["tick"]))

    def make(self, plugin_id: str, faults: set[str]) -> Modelled:
        known = Modelled(plugin_id, next(self.numbers), faults)

        def on_load(ctx: PluginContext) -> None:
            known.fail("on_load")

        known.plugin = Stateful(
            known,
            provides={GIVEN: [f"{plugin_id} {known.number}"]},
            subscriptions=["tick"],
            on_load=on_load,
            on_unload=lambda ctx: known.fail("on_unload"),
            undo=[lambda: known.fail("undo")],
        )
        known.source = FakeSource(
            known.plugin, on_open=lambda: known.fail("open"), on_close=lambda: known.fail("close")
        )
        return known

    @property
    def busy(self) -> set[str]:
        """Return the ids that nobody can have until leases are over."""
        return {one.plugin_id for one in self.late if one.is_blocking}

    @precondition(lambda self: self.server is None)
    @rule(plugin_id=st.sampled_from(SERVERS), faults=st.sets(st.sampled_from((*BEFORE, *AFTER)), max_size=2))
    def load(self, plugin_id: str, faults: set[str]) -> None:
        known = self.make(plugin_id, faults)
        assert known.source is not None
        if plugin_id in self.kernel.registry:
            try:
                self.kernel.unregister(plugin_id)
            except PluginStateError:
                assert plugin_id in self.busy
                return
        self.kernel.register(known.source)
        try:
            assert self.kernel.load(plugin_id) == (plugin_id,)
        except PluginLoadError as error:
            assert error.step in faults
        else:
            assert not faults & {"open", "on_load"}
            self.server = known
            self.order = [plugin_id]

    @precondition(lambda self: self.server is not None)
    @rule(
        new_id=st.sampled_from(SERVERS),
        faults=st.sets(st.sampled_from((*BEFORE, *AFTER, "save_state")), max_size=2),
        is_registered=st.booleans(),
    )
    def swap(self, new_id: str, faults: set[str], is_registered: bool) -> None:
        old, new = self.server, self.make(new_id, faults - {"save_state"})
        assert old is not None
        assert new.source is not None
        by_id = is_registered and new_id != old.plugin_id and new_id not in self.busy
        if new_id != old.plugin_id and new_id in self.kernel.registry and new_id not in self.busy:
            self.kernel.unregister(new_id)
        if by_id:
            self.kernel.register(new.source)
        saved_faults = set(old.faults)
        old.faults |= faults & {"save_state"}
        before = self.facts()
        try:
            report = self.kernel.swap(old.plugin_id, new_id if by_id else new.source, drain_s=0.0)
        except PluginStateError as error:
            assert new_id in self.busy, error
            assert self.facts() == before
        except SwapError as error:
            step = next(one for one in ("open", "on_load", "save_state", "restore_state") if one in faults)
            assert error.step == (step if step in {"open", "on_load"} else "hand_over")
            assert self.facts() == before
            assert new.source.is_open is False
        else:
            assert not faults & {*BEFORE, "save_state"}
            assert report.is_drained is not bool(old.leases)
            assert {one.step for one in report.failures} <= set(saved_faults & set(AFTER))
            new.age = old.age + 1
            self.order[self.order.index(old.plugin_id)] = new_id
            self.server = new
            if old.leases:
                old.is_blocking = new_id != old.plugin_id
                self.late.append(old)
            else:
                self.assert_gone(old)
        old.faults = saved_faults

    @precondition(lambda self: self.server is not None)
    @rule()
    def open_a_lease(self) -> None:
        assert self.server is not None
        held = ExitStack()
        found = held.enter_context(self.kernel.services.lease(GIVEN))
        assert found == [f"{self.server.plugin_id} {self.server.number}"]
        self.server.leases.append(held)

    @precondition(lambda self: self.late or (self.server and self.server.leases))
    @rule(data=st.data())
    def close_a_lease(self, data: st.DataObject) -> None:
        here = [self.server] if self.server and self.server.leases else []
        known = data.draw(st.sampled_from([*self.late, *here]))
        known.leases.pop().close()
        if known in self.late and not known.leases:
            self.late.remove(known)
            self.assert_gone(known)

    @rule(user=st.sampled_from(USERS))
    def load_a_user(self, user: str) -> None:
        if self.server is None or user in self.users:
            return
        assert self.kernel.load(user) == (user,)
        self.users.append(user)
        self.order.append(user)

    @precondition(lambda self: self.server is not None)
    @rule(cascade=st.booleans())
    def unload(self, cascade: bool) -> None:
        known = self.server
        assert known is not None
        try:
            gone = self.kernel.unload(known.plugin_id, cascade=cascade)
            assert gone == tuple(reversed(self.order))
        except DependentsError as error:
            assert set(error.dependents) == set(self.users) != set()
            assert not cascade
            return
        except PluginUnloadError as error:
            assert {str(one) for one in error.exceptions} == known.faults & set(AFTER)
        assert cascade or not self.users
        # An unload waits for no leases.
        for held in known.leases:
            held.close()
        known.leases.clear()
        self.assert_gone(known)
        self.server, self.users, self.order = None, [], []

    @rule()
    def publish(self) -> None:
        self.kernel.bus.publish(Event.custom("tick"))
        if self.server:
            self.server.heard += 1

    def facts(self) -> dict[str, object]:
        kernel = self.kernel
        return {
            "states": {one.id: (one.state, one.plugin, one.source) for one in kernel.registry if one.plugin},
            "services": {key: kernel.services.providers(key) for key in kernel.services.keys},
            "subscriptions": kernel.bus.subscriptions,
            "order": tuple(kernel._transitions.loaded),
        }

    def assert_gone(self, known: Modelled) -> None:
        assert known.plugin is not None
        assert known.source is not None
        assert known.plugin.calls == ["on_load", "on_unload"]
        assert (known.source.opened, known.source.closed, known.source.breaches) == (1, 1, [])

    @invariant()
    def states_agree(self) -> None:
        kernel, here = self.kernel, self.server
        active = {here.plugin_id, *self.users} if here else set()
        assert set(kernel.list(PluginState.ACTIVE)) == active
        assert set(kernel.list(PluginState.UNLOADING)) == self.busy
        assert kernel.list(PluginState.LOADING) == ()
        assert list(kernel._transitions.loaded) == self.order
        assert not kernel._transitions._claimed
        for plugin_id in SERVERS:
            if plugin_id not in active | self.busy:
                assert_unloaded(kernel, plugin_id)
        for one in self.late:
            assert one.plugin is not None
            assert one.plugin.calls == ["on_load"]
        if here:
            assert kernel.get(here.plugin_id) is here.plugin

    @invariant()
    def services_and_ears_agree(self) -> None:
        kernel, here = self.kernel, self.server
        owners = [one.owner for one in kernel.services.providers(GIVEN)]
        assert owners == ([here.plugin_id] if here else [])
        assert sorted(one.owner for one in kernel.bus.subscriptions) == sorted(self.order)
        if here:
            assert here.plugin is not None
            assert kernel.services.get(GIVEN) == [f"{here.plugin_id} {here.number}"]
            assert len(here.plugin.events) == here.heard
            assert here.plugin.age == here.age
        else:
            try:
                kernel.services.get(GIVEN)
            except ServiceNotFoundError:
                return
            raise AssertionError("found what nobody provides")

    def teardown(self) -> None:
        with suppress(PluginUnloadError):
            self.kernel.shutdown()
        for one in (*self.late, *([self.server] if self.server else [])):
            self.assert_gone(one)
            for held in one.leases:
                held.close()
            self.assert_gone(one)
        self.leaks.check()


SwapMachine.TestCase.settings = settings(stateful_step_count=30, deadline=None)
TestSwapAgainstItsModel = SwapMachine.TestCase
