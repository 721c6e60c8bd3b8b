"""The report: what it says of a kernel and its plugins, as a value, as plain data, and as a table."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError
from datetime import UTC, datetime, timedelta

import pytest

from plugbus.kernel import (
    Capability,
    ExclusionKind,
    Kernel,
    KernelReport,
    LoadCause,
    LoadCauseKind,
    PluginContext,
    PluginLoadError,
    PluginReport,
    PluginState,
    Requirement,
)
from plugbus.kernel.testing import FakePlugin

STORE: Capability[dict[str, str]] = Capability("store", contract=dict)


def refuse(ctx: PluginContext) -> None:
    raise OSError("no device")


def cause_of(kernel: Kernel, plugin_id: str) -> str:
    return str(kernel.report().plugin(plugin_id).cause)


def test_an_empty_kernel_has_an_empty_report() -> None:
    report = Kernel().report()
    assert report == KernelReport(is_closed=False, plugins=())
    assert str(report) == "kernel: open; no plugins"
    assert report.as_dict() == {
        "is_closed": False,
        "states": {},
        "failures": 0,
        "hung": [],
        "plugins": [],
        "host_services": [],
        "host_subscriptions": {},
    }


def test_a_report_says_what_is_registered() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("b", "1.0.0", provides={STORE: {}}))
    kernel.register(FakePlugin("b", "2.0.0"))
    kernel.register(FakePlugin("a"))
    first, second = kernel.report().plugins
    origin = "plugbus.kernel.testing.fakes.FakePlugin"
    assert first == PluginReport(id="a", version="1.0.0", state=PluginState.REGISTERED, origin=origin)
    assert (second.id, second.version, second.provides) == ("b", "2.0.0", ())
    with pytest.raises(KeyError):
        kernel.report().plugin("c")


def test_a_report_says_who_uses_whom_and_what_is_there() -> None:
    with Kernel() as kernel:
        kernel.register(FakePlugin("base"))
        kernel.register(
            FakePlugin(
                "files",
                dependencies={"base": "^1.0"},
                provides={STORE: {}},
                services={"extra": 1},
                subscriptions=["tick", "*", "tick"],
            )
        )
        kernel.register(FakePlugin("reader", requires=[Requirement(STORE)]))
        kernel.services.provide("console", object())
        kernel.bus.subscribe("tick", print)
        kernel.load("reader")
        with kernel.services.lease(STORE), kernel.services.lease(STORE), kernel.services.lease("extra"):
            report = kernel.report()
        files = report.plugin("files")
        assert (files.state, files.provides) == (PluginState.ACTIVE, ("store",))
        assert (dict(files.uses), files.used_by) == ({"base": "base"}, ("reader",))
        assert (files.services, files.leases) == (("extra", "store"), 3)
        assert files.subscriptions == {"*": 1, "tick": 2}
        assert report.plugin("reader").uses == {"store": "files"}
        assert report.plugin("base").used_by == ("files",)
        assert (report.host_services, report.host_subscriptions) == (("console",), {"tick": 1})
        assert kernel.report().plugin("files").leases == 0
        assert report.states == {"active": 3}
        kernel.unload("reader")
        assert kernel.report().plugin("files").used_by == ()
    after = kernel.report()
    assert after.is_closed
    assert after.plugin("files").cause is None


def test_a_report_does_not_change() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    report = kernel.report()
    kernel.load("a")
    assert report.plugin("a").state is PluginState.REGISTERED
    for target, name in ((report, "plugins"), (report.plugin("a"), "state")):
        with pytest.raises(FrozenInstanceError):
            setattr(target, name, None)
    for mapping in (report.plugin("a").uses, report.plugin("a").subscriptions, report.host_subscriptions):
        with pytest.raises(TypeError):
            mapping["x"] = "y"  # type: ignore[index] # it is what the test is about


def test_a_report_says_when_a_load_began_and_how_long_it_took() -> None:
    kernel = Kernel()
    before = datetime.now(UTC)
    kernel.register(FakePlugin("a"))
    kernel.load("a")
    found = kernel.report().plugin("a")
    began = datetime.fromisoformat(found.loaded_at)
    assert began.utcoffset() == timedelta(0)
    assert abs(began - before) < timedelta(minutes=1)
    assert 0.0 < found.load_s < 60.0
    kernel.unload("a")
    found = kernel.report().plugin("a")
    assert (found.loaded_at, found.load_s, found.cause) == ("", 0.0, None)


def test_a_report_says_why_each_was_loaded() -> None:
    with Kernel(activate_on_demand=True) as kernel:
        for plugin in (
            FakePlugin("a"),
            FakePlugin("b", dependencies={"a": "*"}, provides={STORE: {}}),
            FakePlugin("c", dependencies={"a": "*", "b": "*"}),
        ):
            kernel.register(plugin)
        kernel.load("c")
        assert [cause_of(kernel, one) for one in "abc"] == ["needed by b", "needed by c", "asked"]
        kernel.unload("a", cascade=True)
        kernel.services.get(STORE)
        assert [cause_of(kernel, one) for one in "abc"] == ["needed by b", "on demand of store", "None"]
        assert kernel.report().plugin("b").cause == LoadCause(LoadCauseKind.DEMANDED, "store")
        kernel.load("c")
        assert cause_of(kernel, "b") == "on demand of store"
        kernel.unload("a", cascade=True)
        kernel.load("a", "c")
        assert [cause_of(kernel, one) for one in "abc"] == ["asked", "needed by c", "asked"]
        kernel.swap("c", FakePlugin("c", "2.0.0"))
        assert cause_of(kernel, "c") == "swapped for c"
        kernel.register(FakePlugin("d"))
        kernel.load_all()
        assert cause_of(kernel, "d") == "asked"


def test_what_a_successor_needs_is_loaded_for_it() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("old"))
    kernel.register(FakePlugin("base"))
    kernel.load("old")
    kernel.swap("old", FakePlugin("new", dependencies={"base": "*"}))
    assert cause_of(kernel, "base") == "needed by new"
    assert cause_of(kernel, "new") == "swapped for old"


def test_a_cause_is_forgotten_where_the_load_was_not_carried_through() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a", on_load=refuse))
    kernel.register(FakePlugin("b", dependencies={"a": "*"}))
    with pytest.raises(PluginLoadError):
        kernel.load("b")
    assert [one.cause for one in kernel.report().plugins] == [None, None]


def test_a_report_says_what_failed_and_what_is_kept_out() -> None:
    kernel = Kernel(quarantine_after=1)
    kernel.register(FakePlugin("a", on_load=refuse))
    kernel.register(FakePlugin("b"))
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    kernel.disable("b", reason="too loud")
    report = kernel.report()
    assert (report.states, report.failures) == ({"failed": 1, "registered": 1, "excluded": 2}, 1)
    found = report.plugin("a")
    assert found.failure is not None
    assert found.exclusion is not None
    assert (found.failure.step, found.failed_loads, found.exclusion.kind) == ("on_load", 1, ExclusionKind.QUARANTINED)
    quarantined = "quarantined: 1 load failed, the last in on_load: OSError: no device"
    lines = str(report).splitlines()
    assert lines[0] == "kernel: open; 1 failed, 1 registered, 2 excluded plugins"
    assert lines[-3:] == [
        "'a' failed in on_load: OSError: no device",
        f"'a' is {quarantined}",
        "'b' is disabled: too loud",
    ]


def test_a_report_is_a_table_as_text() -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("files", provides={STORE: {}}, subscriptions=["*"]))
    kernel.register(FakePlugin("reader", requires=[Requirement(STORE)], dependencies={"files": "*"}))
    kernel.register(FakePlugin("idle"))
    kernel.services.provide("console", object())
    kernel.load("reader")
    head, columns, files, idle, reader, host = str(kernel.report()).splitlines()
    assert head == "kernel: open; 2 active, 1 registered plugins"
    names = ["id", "version", "state", "why", "took", "uses", "used by", "services", "leases", "subscriptions"]
    assert [one.strip() for one in columns.split("  ") if one] == names
    cells = [one.strip() for one in files.split("  ") if one.strip()]
    assert cells[:4] == ["files", "1.0.0", "active", "needed by reader"]
    assert cells[4].endswith(" ms")
    assert cells[5:] == ["-", "reader", "store", "0", "1"]
    assert [one.strip() for one in reader.split("  ") if one.strip()][5] == "files, store by files"
    assert idle.split() == ["idle", "1.0.0", "registered", "-", "-", "-", "-", "-", "0", "0"]
    assert host == "the host provides console"
    kernel.shutdown()
    assert str(kernel.report()).startswith("kernel: shut down; 3 registered plugins\n")


def test_a_report_is_plain_data_for_json() -> None:
    kernel = Kernel(quarantine_after=1)
    kernel.register(FakePlugin("a", on_load=refuse))
    kernel.register(FakePlugin("b", provides={STORE: {}}, subscriptions=["tick"]))
    kernel.load_all()
    read = json.loads(json.dumps(kernel.report().as_dict()))
    failed, active = read["plugins"]
    assert failed["failure"] == {"step": "on_load", "type": "builtins.OSError", "message": "OSError: no device"}
    assert failed["exclusion"]["kind"] == "quarantined"
    assert (failed["cause"], failed["loaded_at"], failed["load_s"]) == (None, None, None)
    assert active["cause"] == {"kind": "asked", "by": ""}
    assert active["load_s"] > 0.0
    assert (active["services"], active["subscriptions"], active["leases"]) == (["store"], {"tick": 1}, 0)
