"""Plugins that are kept out: disabled by the host, or quarantined after repeated failures."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from plugbus.kernel import (
    Capability,
    DependentsError,
    Exclusion,
    ExclusionKind,
    Kernel,
    KernelEvent,
    PluginContext,
    PluginDisabled,
    PluginEnabled,
    PluginExcludedError,
    PluginFailed,
    PluginLoadError,
    PluginNotFoundError,
    PluginQuarantined,
    PluginState,
    PluginStateError,
    PluginUnloaded,
    PluginUnloadError,
    Requirement,
    ResolutionError,
    resolve,
)
from plugbus.kernel.testing import FakePlugin, Gate, RecordedEvents

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE: Capability[dict[str, str]] = Capability("store", contract=dict)


class Faulty(FakePlugin):
    """Fails to load until it is repaired."""

    fault: BaseException | None = OSError("no device")

    def on_load(self, ctx: PluginContext) -> None:
        super().on_load(ctx)
        if self.fault is not None:
            raise self.fault


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel(quarantine_after=3) as kernel:
        yield kernel


def fail(kernel: Kernel, plugin_id: str, times: int) -> None:
    for _ in range(times):
        with pytest.raises(PluginLoadError):
            kernel.load(plugin_id)


def test_a_disabled_plugin_is_refused_until_it_is_enabled(kernel: Kernel) -> None:
    kernel.register(FakePlugin("a"))
    with RecordedEvents(kernel.bus, KernelEvent) as seen:
        assert kernel.disable("a", reason="too loud") == ()
        record = kernel.registry.record("a")
        assert record.exclusion == Exclusion(ExclusionKind.DISABLED, "too loud")
        assert str(record.exclusion) == "disabled: too loud"
        for refused in (kernel.load, kernel.resolve):
            with pytest.raises(PluginExcludedError) as caught:
                refused("a")
            assert (caught.value.plugin_id, caught.value.kind) == ("a", "disabled")
        assert kernel.enable("a")
        assert kernel.registry.record("a").exclusion is None
        assert not kernel.enable("a")
    assert list(seen) == [PluginDisabled("a", "too loud"), PluginEnabled("a")]
    assert kernel.load("a") == ("a",)


def test_disabling_unloads_what_is_active(kernel: Kernel) -> None:
    plugin = FakePlugin("a", provides={STORE: {}})
    kernel.register(plugin)
    kernel.load("a")
    with RecordedEvents(kernel.bus, KernelEvent) as seen:
        assert kernel.disable("a") == ("a",)
    assert plugin.calls == ["on_load", "on_unload"]
    assert kernel.registry.record("a").state is PluginState.REGISTERED
    assert seen.topics == ("CapabilityWithdrawn", "PluginUnloaded", "PluginDisabled")
    assert str(kernel.registry.record("a").exclusion) == "disabled"


def test_what_others_need_is_disabled_with_them_or_not_at_all(kernel: Kernel) -> None:
    kernel.register(FakePlugin("a"))
    kernel.register(FakePlugin("b", dependencies={"a": "^1.0"}))
    kernel.load("b")
    with RecordedEvents(kernel.bus, KernelEvent) as seen, pytest.raises(DependentsError, match="cannot disable"):
        kernel.disable("a")
    assert list(seen) == []
    assert kernel.registry.record("a").exclusion is None
    assert kernel.disable("a", cascade=True) == ("b", "a")
    assert kernel.registry.record("b").exclusion is None


def test_a_new_reason_is_told_and_the_same_is_not(kernel: Kernel) -> None:
    kernel.register(FakePlugin("a"))
    with RecordedEvents(kernel.bus, PluginDisabled) as seen:
        for reason in ("one", "one", "two"):
            kernel.disable("a", reason=reason)
    assert list(seen) == [PluginDisabled("a", "one"), PluginDisabled("a", "two")]


def test_a_plugin_whose_unload_fails_is_disabled_all_the_same(kernel: Kernel) -> None:
    def on_unload(ctx: PluginContext) -> None:
        raise OSError("stuck")

    kernel.register(FakePlugin("a", on_unload=on_unload))
    kernel.load("a")
    with RecordedEvents(kernel.bus, KernelEvent) as seen, pytest.raises(PluginUnloadError):
        kernel.disable("a")
    assert seen.topics == ("PluginFailed", "PluginUnloaded", "PluginDisabled")
    assert kernel.registry.record("a").exclusion is not None


def test_needs_of_others_are_not_met_by_what_is_disabled(kernel: Kernel) -> None:
    kernel.register(FakePlugin("a", provides={STORE: {}}))
    kernel.register(FakePlugin("by_id", dependencies={"a": "^1.0"}))
    kernel.register(FakePlugin("by_capability", requires=[Requirement(STORE, "^1.0")]))
    kernel.disable("a", reason="too loud")
    for wanted in ("by_id", "by_capability"):
        with pytest.raises(ResolutionError) as caught:
            kernel.load(wanted)
        assert "plugin 'a' is disabled: too loud" in caught.value.causes
    kernel.register(FakePlugin("spare", provides={STORE: {}}))
    assert kernel.load("by_capability") == ("spare", "by_capability")


def test_what_is_optional_and_disabled_is_done_without(kernel: Kernel) -> None:
    kernel.register(FakePlugin("a"))
    kernel.register(FakePlugin("b", requires=[Requirement("a", optional=True)]))
    kernel.disable("a")
    assert kernel.load("b") == ("b",)


def test_load_all_skips_what_is_disabled_and_says_so(kernel: Kernel) -> None:
    for plugin in (FakePlugin("a"), FakePlugin("b", dependencies={"a": "*"}), FakePlugin("c")):
        kernel.register(plugin)
    kernel.disable("a", reason="too loud")
    report = kernel.load_all()
    assert report.loaded == ("c",)
    assert dict(report.excluded) == {"a": Exclusion(ExclusionKind.DISABLED, "too loud")}
    assert list(report.failed) == ["b"]
    assert "plugin 'a' is disabled: too loud" in report.failed["b"].message
    assert kernel.registry.record("a").state is PluginState.REGISTERED
    kernel.enable("a")
    again = kernel.load_all()
    assert (again.loaded, again.excluded, again.is_complete) == (("a", "b"), {}, True)


def test_a_disabled_plugin_takes_nobodys_place(kernel: Kernel) -> None:
    kernel.register(FakePlugin("a"))
    kernel.register(FakePlugin("b"))
    kernel.load("a")
    kernel.disable("b", reason="too loud")
    for successor in ("b", FakePlugin("b", "2.0.0")):
        with pytest.raises(PluginExcludedError, match="cannot swap in plugin 'b': it is disabled: too loud"):
            kernel.swap("a", successor)
    assert kernel.list(PluginState.ACTIVE) == ("a",)
    assert len(kernel.registry.record("b").candidates) == 1


def test_only_what_is_registered_is_disabled_or_enabled(kernel: Kernel) -> None:
    for call in (kernel.disable, kernel.enable):
        with pytest.raises(PluginNotFoundError):
            call("a")


def test_an_exclusion_stays_with_further_versions_and_goes_with_the_registration(kernel: Kernel) -> None:
    kernel.register(FakePlugin("a"))
    kernel.disable("a")
    kernel.register(FakePlugin("a", "2.0.0"))
    with pytest.raises(PluginExcludedError):
        kernel.load("a")
    kernel.unregister("a")
    kernel.register(FakePlugin("a"))
    assert kernel.load("a") == ("a",)


def test_a_hook_may_disable_others_and_not_itself(kernel: Kernel) -> None:
    def on_load(ctx: PluginContext) -> None:
        kernel.disable("other")
        with pytest.raises(PluginStateError, match="cannot disable plugin 'a': it is loading"):
            kernel.disable("a")

    kernel.register(FakePlugin("other"))
    kernel.register(FakePlugin("a", on_load=on_load))
    kernel.load("other")
    kernel.load("a")
    assert kernel.list(PluginState.ACTIVE) == ("a",)


def test_disabling_waits_for_a_plugin_on_its_way(kernel: Kernel) -> None:
    gate = Gate()
    kernel.register(FakePlugin("a", on_load=gate))
    with ThreadPoolExecutor(2) as pool:
        load = pool.submit(kernel.load, "a")
        gate.await_arrival()
        disable = pool.submit(kernel.disable, "a")
        gate.open()
        assert (load.result(60), disable.result(60)) == (("a",), ("a",))
    assert kernel.registry.record("a").exclusion is not None


def test_disabling_waits_for_dependents_on_their_way(kernel: Kernel) -> None:
    gate = Gate()
    kernel.register(FakePlugin("a"))
    kernel.register(FakePlugin("b", dependencies={"a": "*"}, on_load=gate))
    kernel.load("a")
    with ThreadPoolExecutor(2) as pool:
        load = pool.submit(kernel.load, "b")
        gate.await_arrival()
        disable = pool.submit(kernel.disable, "a", cascade=True)
        gate.open()
        assert (load.result(60), disable.result(60)) == (("b",), ("b", "a"))


def test_so_many_failures_in_a_row_put_a_plugin_into_quarantine(kernel: Kernel) -> None:
    plugin = Faulty("a")
    kernel.register(plugin)
    with RecordedEvents(kernel.bus, KernelEvent) as seen:
        fail(kernel, "a", 2)
        record = kernel.registry.record("a")
        assert (record.failed_loads, record.exclusion) == (2, None)
        fail(kernel, "a", 1)
    assert seen.topics == ("PluginFailed",) * 3 + ("PluginQuarantined",)
    assert seen.of(PluginQuarantined) == (PluginQuarantined("a", 3, "OSError: no device"),)
    record = kernel.registry.record("a")
    reason = "3 loads in a row failed, the last in on_load: OSError: no device"
    assert record.exclusion == Exclusion(ExclusionKind.QUARANTINED, reason)
    assert (record.state, record.failed_loads) == (PluginState.FAILED, 3)
    with pytest.raises(PluginExcludedError, match=f"cannot load plugin 'a': it is quarantined: {reason}; enable it"):
        kernel.load("a")
    assert plugin.calls == ["on_load"] * 3
    plugin.fault = None
    assert kernel.enable("a")
    record = kernel.registry.record("a")
    assert (record.state, record.failed_loads, record.failure) == (PluginState.REGISTERED, 0, None)
    assert kernel.load("a") == ("a",)


def test_a_load_that_succeeds_begins_the_count_anew(kernel: Kernel) -> None:
    plugin = Faulty("a")
    kernel.register(plugin)
    fail(kernel, "a", 2)
    plugin.fault = None
    kernel.load("a")
    assert kernel.registry.record("a").failed_loads == 0
    kernel.unload("a")
    plugin.fault = OSError("no device")
    fail(kernel, "a", 2)
    assert kernel.registry.record("a").exclusion is None


def test_interrupts_and_failures_of_others_are_not_counted(kernel: Kernel) -> None:
    faulty, dependent = Faulty("a"), FakePlugin("b", dependencies={"a": "*"})
    kernel.register(faulty)
    kernel.register(dependent)
    kernel.register(FakePlugin("c", dependencies={"missing": "*"}))
    faulty.fault = KeyboardInterrupt()
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            kernel.load("a")
    assert kernel.registry.record("a").failed_loads == 0
    faulty.fault = OSError("no device")
    for _ in range(4):
        kernel.load_all()
    counts = {one.id: one.failed_loads for one in kernel.registry}
    assert counts == {"a": 3, "b": 0, "c": 0}


def test_load_all_passes_over_what_is_in_quarantine(kernel: Kernel) -> None:
    kernel.register(Faulty("a"))
    kernel.register(FakePlugin("b", dependencies={"a": "*"}))
    for _ in range(3):
        assert list(kernel.load_all().failed) == ["a", "b"]
    report = kernel.load_all()
    assert list(report.excluded) == ["a"]
    assert "plugin 'a' is quarantined: 3 loads in a row failed" in report.failed["b"].message


def test_one_failure_may_be_one_too_many() -> None:
    kernel = Kernel(quarantine_after=1)
    kernel.register(Faulty("a"))
    fail(kernel, "a", 1)
    reason = "quarantined: 1 load failed, the last in on_load: OSError: no device"
    assert str(kernel.registry.record("a").exclusion) == reason


def test_without_a_limit_nothing_is_put_into_quarantine() -> None:
    kernel = Kernel()
    kernel.register(Faulty("a"))
    fail(kernel, "a", 50)
    assert (kernel.registry.record("a").failed_loads, kernel.registry.record("a").exclusion) == (50, None)


def test_a_limit_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="cannot make kernel: quarantine_after is 0; give at least 1"):
        Kernel(quarantine_after=0)


def test_a_subscriber_that_is_interrupted_by_a_quarantine_leaves_it_in_place(kernel: Kernel) -> None:
    def interrupt(event: PluginQuarantined) -> None:
        raise KeyboardInterrupt

    kernel.register(Faulty("a"))
    fail(kernel, "a", 2)
    with kernel.bus.subscribe(PluginQuarantined, interrupt), pytest.raises(KeyboardInterrupt):
        kernel.load("a")
    assert kernel.registry.record("a").exclusion is not None


def test_a_host_may_disable_what_is_in_quarantine(kernel: Kernel) -> None:
    kernel.register(Faulty("a"))
    fail(kernel, "a", 3)
    kernel.disable("a", reason="given up")
    assert str(kernel.registry.record("a").exclusion) == "disabled: given up"


def test_a_resolution_says_what_is_excluded_also_where_it_was_asked_for() -> None:
    plugins = [FakePlugin("a").metadata, FakePlugin("b", dependencies={"a": "*"}).metadata]
    with pytest.raises(ResolutionError) as caught:
        resolve([one for one in plugins if not callable(one)], ["a"], excluded={"a": "asleep"})
    assert caught.value.causes == ("plugin 'a' is asleep",)


def test_events_of_a_failure_come_before_those_of_its_quarantine() -> None:
    kernel = Kernel(quarantine_after=1)
    kernel.register(FakePlugin("base"))
    kernel.register(Faulty("a", dependencies={"base": "*"}))
    with RecordedEvents(kernel.bus, KernelEvent) as seen:
        fail(kernel, "a", 1)
    assert seen.topics == ("PluginLoaded", "PluginFailed", "PluginQuarantined", "PluginUnloaded")
    assert [one.plugin_id for one in seen.of(PluginFailed)] == ["a"]
    assert [one.plugin_id for one in seen.of(PluginUnloaded)] == ["base"]
