"""The kernel against a model of it: any sequence of calls, failing plugins included, ends where the model ends."""

# ruff: noqa: PT017 - which error a call may raise is what the model decides

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from plugbus.kernel import (
    AmbiguousServiceError,
    Capability,
    DependentsError,
    Event,
    FailedDependencyError,
    Kernel,
    PluginContext,
    PluginExistsError,
    PluginLoadError,
    PluginNotFoundError,
    PluginState,
    PluginStateError,
    PluginUnloadError,
    Requirement,
    ResolutionError,
    ServiceNotFoundError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, LeakCheck, assert_unloaded

IDS = ("a", "b", "c", "d", "e", "f")
CAPS = ("x", "y")
TOKENS: dict[str, Capability[list[str]]] = {name: Capability(name, contract=list) for name in CAPS}
STEPS = ("open", "on_load", "name_taken", "undo", "on_unload", "close")
LOAD_FAULTS = {"open", "on_load", "name_taken"}


@dataclass
class Modelled:
    """What the model knows of one plugin."""

    needs: frozenset[str]
    requires: frozenset[str]
    provides: frozenset[str]
    faults: set[str] = field(default_factory=set)
    has_failed: bool = False
    heard: int = 0


class KernelMachine(RuleBasedStateMachine):
    """Drive both; what is loaded, provided, heard and failed must agree after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Kernel()
        self.leaks = LeakCheck(self.kernel)
        self.leaks.__enter__()
        self.taken = self.kernel.services.provide("taken", "by the host")
        self.model: dict[str, Modelled] = {}
        self.loaded: list[str] = []
        self.plugins: dict[str, FakePlugin] = {}
        self.sources: dict[str, FakeSource] = {}

    # The model's own answers.

    def providers(self, cap: str, among: list[str]) -> list[str]:
        return [one for one in among if cap in self.model[one].provides]

    def bereft(self, plugin_id: str) -> set[str]:
        """Work out, by trying, what can't stay when a plugin goes."""
        staying = [one for one in self.loaded if one != plugin_id]
        while True:
            stuck = [one for one in staying if not self.is_met(one, staying)]
            if not stuck:
                return set(self.loaded) - set(staying) - {plugin_id}
            staying = [one for one in staying if one not in stuck]

    def is_met(self, plugin_id: str, among: list[str]) -> bool:
        known = self.model[plugin_id]
        others = [one for one in among if one != plugin_id]
        return known.needs <= set(others) and all(self.providers(cap, others) for cap in known.requires)

    # What is done to both.

    @rule(
        plugin_id=st.sampled_from(IDS),
        needs=st.frozensets(st.sampled_from(IDS), max_size=2),
        requires=st.frozensets(st.sampled_from(CAPS), max_size=1),
        provides=st.frozensets(st.sampled_from(CAPS), max_size=1),
    )
    def register(
        self, plugin_id: str, needs: frozenset[str], requires: frozenset[str], provides: frozenset[str]
    ) -> None:
        if plugin_id in self.model:
            try:
                self.kernel.register(FakePlugin(plugin_id))
            except PluginExistsError:
                return
            raise AssertionError("the same version was taken twice")
        known = Modelled(needs - {plugin_id}, requires, provides)

        def fail(step: str) -> None:
            if step in known.faults:
                raise OSError(step)

        def on_load(ctx: PluginContext) -> None:
            fail("on_load")
            if "name_taken" in known.faults:
                ctx.register_service("taken", plugin_id)

        plugin = FakePlugin(
            plugin_id,
            dependencies=dict.fromkeys(sorted(known.needs), "^1.0"),
            requires=[Requirement(TOKENS[cap]) for cap in sorted(requires)],
            provides={TOKENS[cap]: [plugin_id] for cap in sorted(provides)},
            services={f"service_{plugin_id}": plugin_id},
            subscriptions=["tick"],
            on_load=on_load,
            on_unload=lambda ctx: fail("on_unload"),
            undo=[lambda: fail("undo")],
        )
        self.sources[plugin_id] = FakeSource(plugin, on_open=lambda: fail("open"), on_close=lambda: fail("close"))
        self.kernel.register(self.sources[plugin_id])
        self.plugins[plugin_id] = plugin
        self.model[plugin_id] = known

    @precondition(lambda self: self.model)
    @rule(data=st.data(), faults=st.sets(st.sampled_from(STEPS), max_size=2))
    def break_or_repair(self, data: st.DataObject, faults: set[str]) -> None:
        known = self.model[data.draw(st.sampled_from(sorted(self.model)))]
        known.faults.clear()
        known.faults.update(faults)

    @rule(wanted=st.lists(st.sampled_from(IDS), min_size=1, max_size=3))
    def load(self, wanted: list[str]) -> None:
        before = list(self.loaded)
        try:
            order = self.kernel.load(*wanted)
        except PluginNotFoundError:
            assert any(one not in self.model for one in wanted)
        except FailedDependencyError as error:
            assert self.model[error.dependency].has_failed
            assert error.dependency not in wanted
        except ResolutionError:
            assert not self.is_possible(wanted)
        except PluginLoadError as error:
            assert self.model[error.plugin_id].faults & LOAD_FAULTS
            self.model[error.plugin_id].has_failed = True
            assert error.plugin_id not in before
        else:
            for plugin_id in order:
                assert not self.model[plugin_id].faults & LOAD_FAULTS
                assert plugin_id in wanted or not self.model[plugin_id].has_failed
                assert self.is_met(plugin_id, self.loaded)
                self.loaded.append(plugin_id)
                self.model[plugin_id].has_failed = False
                self.model[plugin_id].heard = len(self.plugins[plugin_id].events)
            assert set(wanted) <= set(self.loaded)

    def is_possible(self, wanted: list[str]) -> bool:
        """Tell whether everything that is registered, less what can never be met, holds what is wanted in an order."""
        up = list(self.loaded)
        while True:
            more = [one for one in self.model if one not in up and self.is_met(one, up)]
            if not more:
                return set(wanted) <= set(up)
            up += more

    @rule()
    def load_all(self) -> None:
        report = self.kernel.load_all()
        assert not set(report.loaded) & set(report.failed)
        assert set(report.loaded) | set(report.failed) | set(self.loaded) == set(self.model)
        for plugin_id in report.loaded:
            assert self.is_met(plugin_id, self.loaded)
            self.loaded.append(plugin_id)
            self.model[plugin_id].has_failed = False
            self.model[plugin_id].heard = len(self.plugins[plugin_id].events)
        for plugin_id, failure in report.failed.items():
            self.model[plugin_id].has_failed = True
            if failure.step == "resolve":
                assert not self.is_possible([plugin_id])
            elif failure.step == "dependency":
                assert any(repr(other) in failure.message for other in report.failed if other != plugin_id)
            else:
                assert self.model[plugin_id].faults & LOAD_FAULTS

    @rule(plugin_id=st.sampled_from(IDS), cascade=st.booleans())
    def unload(self, plugin_id: str, cascade: bool) -> None:
        leaving = self.bereft(plugin_id) if plugin_id in self.loaded else set[str]()
        try:
            order = self.kernel.unload(plugin_id, cascade=cascade)
        except PluginNotFoundError:
            assert plugin_id not in self.model
            return
        except PluginStateError:
            assert plugin_id not in self.loaded
            return
        except DependentsError as error:
            assert not cascade
            assert set(error.dependents) == leaving != set()
            return
        except PluginUnloadError as error:
            faults = [self.model[one].faults - LOAD_FAULTS for one in (*leaving, plugin_id)]
            assert len(error.exceptions) == sum(map(len, faults)) > 0
        else:
            assert set(order) == leaving | {plugin_id}
            assert order[-1] == plugin_id
            assert not any(self.model[one].faults - LOAD_FAULTS for one in order)
        assert cascade or not leaving
        self.loaded = [one for one in self.loaded if one not in leaving and one != plugin_id]

    @rule(plugin_id=st.sampled_from(IDS))
    def unregister(self, plugin_id: str) -> None:
        try:
            self.kernel.unregister(plugin_id)
        except PluginNotFoundError:
            assert plugin_id not in self.model
        except PluginStateError:
            assert plugin_id in self.loaded
        else:
            assert plugin_id not in self.loaded
            assert self.sources.pop(plugin_id).breaches == []
            del self.model[plugin_id], self.plugins[plugin_id]

    @rule()
    def publish(self) -> None:
        self.kernel.bus.publish(Event.custom("tick"))
        for plugin_id in self.loaded:
            self.model[plugin_id].heard += 1

    # What must be so after every step.

    @invariant()
    def states_agree(self) -> None:
        for plugin_id, known in self.model.items():
            record = self.kernel.registry.record(plugin_id)
            if plugin_id in self.loaded:
                expected = PluginState.ACTIVE
            else:
                expected = PluginState.FAILED if known.has_failed else PluginState.REGISTERED
                assert_unloaded(self.kernel, plugin_id)
            assert record.state is expected
            assert (record.failure is not None) is (expected is PluginState.FAILED)
            assert (record.plugin is self.plugins[plugin_id]) is (plugin_id in self.loaded)
            assert self.sources[plugin_id].is_open is (plugin_id in self.loaded)
        assert self.kernel.list() == tuple(sorted(self.model))
        for plugin_id in self.loaded:
            assert self.is_met(plugin_id, self.loaded)

    @invariant()
    def services_agree(self) -> None:
        services = self.kernel.services
        names = {f"service_{one}" for one in self.loaded} | {cap for cap in CAPS if self.providers(cap, self.loaded)}
        assert set(services.keys) == names | {"taken"}
        for cap in CAPS:
            found = self.providers(cap, self.loaded)
            assert [one.owner for one in services.providers(cap)] == found
            try:
                assert services.get(TOKENS[cap]) == found
            except AmbiguousServiceError:
                assert len(found) > 1
            except ServiceNotFoundError:
                assert not found
            registered = [one for one in self.model if cap in self.model[one].provides]
            assert [one.id for one in self.kernel.find_by_capability(cap)] == registered

    @invariant()
    def ears_agree(self) -> None:
        assert sorted(one.owner for one in self.kernel.bus.subscriptions) == sorted(self.loaded)
        for plugin_id in self.loaded:
            assert len(self.plugins[plugin_id].events) == self.model[plugin_id].heard

    def teardown(self) -> None:
        order: list[str] = []
        with self.kernel.bus.subscribe("PluginUnloaded", lambda event: order.append(event.plugin_id)):
            try:
                self.kernel.shutdown()
            except PluginUnloadError:
                assert any(self.model[one].faults - LOAD_FAULTS for one in self.loaded)
        assert order == list(reversed(self.loaded))
        self.taken.withdraw()
        self.leaks.check()


KernelMachine.TestCase.settings = settings(stateful_step_count=30, deadline=None)
TestKernelAgainstItsModel = KernelMachine.TestCase
