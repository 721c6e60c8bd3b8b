"""The registry: candidates, states, snapshots, and the index by capability."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from itertools import permutations
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest

from plugbus.kernel import (
    Capability,
    Exclusion,
    ExclusionKind,
    InstanceSource,
    Plugin,
    PluginExistsError,
    PluginFailure,
    PluginMetadata,
    PluginNotFoundError,
    PluginRecord,
    PluginRegistry,
    PluginState,
    PluginStateError,
    PluginTypeError,
    VersionError,
)
from plugbus.kernel.testing import FakePlugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNNER = Capability[Any]("runner", contract=object)
VISION = Capability[Any]("vision")
DISPLAY = Capability[Any]("display")


class Trainer(Plugin):
    def __init__(self, plugin_id: str, version: str = "1.0.0", *provides: Capability[Any]) -> None:
        self.metadata = PluginMetadata(plugin_id, version, provides=provides)


class Viewer(Plugin):
    metadata = PluginMetadata("viewer", "1.0.0")


def source(plugin_id: str, version: str = "1.0.0", *provides: Capability[Any]) -> InstanceSource:
    return InstanceSource(Trainer(plugin_id, version, *provides))


def versions(record: PluginRecord) -> list[str]:
    return [one.metadata.version for one in record.candidates]


def offering(registry: PluginRegistry, capability: str) -> list[str]:
    return [record.id for record in registry.find_by_capability(capability)]


@pytest.fixture
def registry() -> PluginRegistry:
    return PluginRegistry()


def activate(registry: PluginRegistry, found: InstanceSource) -> Plugin:
    plugin = found.open()
    registry.change(found.metadata.id, source=found, plugin=plugin, state=PluginState.ACTIVE)
    return plugin


def test_a_registered_plugin_is_known_and_not_active(registry: PluginRegistry) -> None:
    found = source("trainer")

    record = registry.register(found)

    assert record is registry.record("trainer")
    assert (record.id, record.state, record.candidates) == ("trainer", PluginState.REGISTERED, (found,))
    assert (record.source, record.plugin, record.failure) == (None, None, None)
    assert record.metadata is found.metadata
    assert record.origin == f"{__name__}.Trainer"
    assert "trainer" in registry
    assert len(registry) == 1


def test_two_registries_share_nothing(registry: PluginRegistry) -> None:
    registry.register(source("trainer", "1.0.0", VISION))
    other = PluginRegistry()

    assert len(other) == 0
    assert "trainer" not in other
    assert other.find_by_capability(VISION) == ()


def test_a_further_version_is_one_more_candidate_newest_first(registry: PluginRegistry) -> None:
    for version in ("1.9.0", "1.10.0", "1.2.0", "2.0.0rc1"):
        registry.register(source("trainer", version))

    record = registry.record("trainer")
    assert versions(record) == ["2.0.0rc1", "1.10.0", "1.9.0", "1.2.0"]
    assert record.metadata.version == "2.0.0rc1"
    assert len(registry) == 1


@pytest.mark.parametrize("version", ["1.0.0", "1.0", "1.0.0.0"])
def test_the_very_version_that_is_registered_is_refused_naming_both_origins(
    registry: PluginRegistry, version: str
) -> None:
    class Other(Plugin):
        metadata = PluginMetadata("trainer", version)

    registry.register(source("trainer", "2.0.0"))
    registry.register(source("trainer", "1.0.0"))
    before = registry.record("trainer")

    with pytest.raises(PluginExistsError) as caught:
        registry.register(InstanceSource(Other()))

    error = caught.value
    assert (error.plugin_id, error.version) == ("trainer", version)
    assert error.other_origin == f"{__name__}.Trainer"
    assert error.origin.endswith("<locals>.Other")
    assert registry.record("trainer") is before


def test_the_origin_is_that_of_the_newest_version_until_one_is_loaded(registry: PluginRegistry) -> None:
    class Newer(Trainer):
        pass

    older = source("trainer", "1.0.0")
    registry.register(older)
    registry.register(InstanceSource(Newer("trainer", "2.0.0")))
    assert registry.record("trainer").origin.endswith("Newer")
    assert registry.change("trainer", source=older).origin.endswith("Trainer")


def test_unregister_forgets_every_version(registry: PluginRegistry) -> None:
    for version in ("1.0.0", "2.0.0"):
        registry.register(source("trainer", version, VISION))

    registry.unregister("trainer")

    assert "trainer" not in registry
    assert registry.find_by_capability(VISION) == ()
    assert registry.register(source("trainer", "1.0.0")).candidates


def test_unregister_of_one_version_keeps_the_others(registry: PluginRegistry) -> None:
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        registry.register(source("trainer", version))

    registry.unregister("trainer", "3.0")
    assert versions(registry.record("trainer")) == ["2.0.0", "1.0.0"]
    assert registry.record("trainer").metadata.version == "2.0.0"

    registry.unregister("trainer", "1.0.0")
    registry.unregister("trainer", "2.0.0")
    assert "trainer" not in registry


def test_unregister_of_what_is_not_known_offers_near_names(registry: PluginRegistry) -> None:
    registry.register(source("trainer"))

    with pytest.raises(PluginNotFoundError) as caught:
        registry.unregister("trainr")

    assert (caught.value.plugin_id, caught.value.near) == ("trainr", ("trainer",))


def test_unregister_of_a_version_that_is_not_known_names_it(registry: PluginRegistry) -> None:
    registry.register(source("trainer"))

    with pytest.raises(PluginNotFoundError, match=r"'trainer 2\.0\.0'"):
        registry.unregister("trainer", "2.0.0")
    with pytest.raises(VersionError):
        registry.unregister("trainer", "banana")

    assert versions(registry.record("trainer")) == ["1.0.0"]


@pytest.mark.parametrize("state", [PluginState.LOADING, PluginState.ACTIVE, PluginState.UNLOADING])
@pytest.mark.parametrize("version", [None, "1.0.0"])
def test_unregister_of_the_version_in_use_is_refused(
    registry: PluginRegistry, state: PluginState, version: str | None
) -> None:
    used = source("trainer")
    registry.register(used)
    registry.register(source("trainer", "2.0.0"))
    registry.change("trainer", source=used, state=state)

    with pytest.raises(PluginStateError) as caught:
        registry.unregister("trainer", version)

    error = caught.value
    assert (error.verb, error.plugin_id, error.state) == ("unregister", "trainer", str(state))
    assert versions(registry.record("trainer")) == ["2.0.0", "1.0.0"]


def test_unregister_of_a_version_beside_the_one_in_use_works(registry: PluginRegistry) -> None:
    used = source("trainer")
    registry.register(used)
    registry.register(source("trainer", "2.0.0"))
    activate(registry, used)

    registry.unregister("trainer", "2.0.0")

    assert versions(registry.record("trainer")) == ["1.0.0"]
    assert registry.record("trainer").state is PluginState.ACTIVE


def test_a_record_describes_what_is_loaded_or_else_the_newest(registry: PluginRegistry) -> None:
    old = source("trainer", "1.0.0", RUNNER)
    registry.register(old)
    registry.register(source("trainer", "2.0.0", VISION))
    assert registry.record("trainer").metadata.version == "2.0.0"
    assert (offering(registry, RUNNER), offering(registry, VISION)) == ([], ["trainer"])

    activate(registry, old)
    registry.register(source("trainer", "3.0.0", DISPLAY))
    assert registry.record("trainer").metadata.version == "1.0.0"
    assert registry.record("trainer").origin == old.origin
    assert (offering(registry, RUNNER), offering(registry, VISION)) == (["trainer"], [])

    registry.change("trainer", source=None, plugin=None, state=PluginState.REGISTERED)
    assert registry.record("trainer").metadata.version == "3.0.0"
    assert (offering(registry, RUNNER), offering(registry, DISPLAY)) == ([], ["trainer"])


def test_get_returns_an_active_plugin(registry: PluginRegistry) -> None:
    found = source("trainer")
    registry.register(found)
    plugin = activate(registry, found)

    assert registry.get("trainer") is plugin
    assert registry.get("trainer", Trainer) is plugin
    assert registry.get("trainer", Plugin) is plugin


def test_get_of_another_type_names_both(registry: PluginRegistry) -> None:
    found = source("trainer")
    registry.register(found)
    activate(registry, found)

    with pytest.raises(PluginTypeError) as caught:
        registry.get("trainer", Viewer)

    assert (caught.value.plugin_id, caught.value.expected, caught.value.found) == ("trainer", "Viewer", "Trainer")


@pytest.mark.parametrize("state", [state for state in PluginState if state is not PluginState.ACTIVE])
def test_get_of_a_plugin_that_is_not_active_names_its_state(registry: PluginRegistry, state: PluginState) -> None:
    registry.register(source("trainer"))
    registry.change("trainer", state=state)

    with pytest.raises(PluginStateError, match=f"it is {state.value}; load it first"):
        registry.get("trainer")


def test_what_is_not_registered_is_named_with_near_names(registry: PluginRegistry) -> None:
    for plugin_id in ("trainer", "trainer2", "viewer"):
        registry.register(source(plugin_id))

    for read in (registry.record, registry.get):
        with pytest.raises(PluginNotFoundError) as caught:
            read("trainr")
        assert caught.value.plugin_id == "trainr"
        assert caught.value.near == ("trainer", "trainer2")
        assert caught.value.__suppress_context__
    with pytest.raises(PluginNotFoundError):
        registry.change("elsewhere", state=PluginState.ACTIVE)


def test_a_failure_is_kept_as_text(registry: PluginRegistry) -> None:
    registry.register(source("trainer"))
    failure = PluginFailure("on_load", "ValueError", "no", "Traceback ...")

    record = registry.change("trainer", state=PluginState.FAILED, failure=failure)

    assert (record.state, record.failure) == (PluginState.FAILED, failure)
    assert registry.list(PluginState.FAILED) == ("trainer",)


def test_a_changed_record_is_as_frozen_as_a_new_one(registry: PluginRegistry) -> None:
    trainer = source("trainer")
    before = registry.register(trainer)

    record = registry.change("trainer", state=PluginState.LOADING, source=trainer, failed_loads=2)

    assert type(record) is PluginRecord
    assert record == PluginRecord(trainer.metadata, PluginState.LOADING, (trainer,), trainer, failed_loads=2)
    with pytest.raises(FrozenInstanceError):
        record.failed_loads = 3  # type: ignore[misc] # refused, which is what is tested
    assert (before.state, before.source, before.failed_loads) == (PluginState.REGISTERED, None, 0)


def test_a_change_leaves_all_other_facts_as_they_were(registry: PluginRegistry) -> None:
    plugin = Trainer("trainer")
    trainer = InstanceSource(plugin)
    registry.register(trainer)
    facts: dict[str, Any] = {
        "source": trainer,
        "plugin": plugin,
        "failure": PluginFailure("on_load", "ValueError", "no"),
        "failed_loads": 2,
        "exclusion": Exclusion(ExclusionKind.DISABLED, "not now"),
    }
    registry.change("trainer", **facts)

    record = registry.change("trainer", state=PluginState.ACTIVE)

    assert record == PluginRecord(trainer.metadata, PluginState.ACTIVE, (trainer,), **facts)


def test_a_state_reads_as_its_name() -> None:
    assert [str(state) for state in PluginState] == ["registered", "loading", "active", "unloading", "failed"]


def test_snapshots_and_records_do_not_change(registry: PluginRegistry) -> None:
    registry.register(source("b"))
    registry.register(source("a"))
    snapshot: Any = registry.snapshot()
    record: Any = snapshot["a"]

    registry.change("a", state=PluginState.LOADING)
    registry.unregister("b")

    assert list(snapshot) == ["b", "a"]
    assert snapshot["a"].state is PluginState.REGISTERED
    with pytest.raises(TypeError):
        snapshot["c"] = record
    with pytest.raises(FrozenInstanceError):
        record.state = PluginState.ACTIVE


def test_iterating_gives_the_records_as_they_were_at_its_beginning(registry: PluginRegistry) -> None:
    for plugin_id in ("b", "a", "c"):
        registry.register(source(plugin_id))

    seen: list[str] = []
    for record in registry:
        seen.append(record.id)
        registry.unregister(record.id)

    assert seen == ["b", "a", "c"]
    assert len(registry) == 0


def test_list_is_sorted_and_may_ask_for_one_state(registry: PluginRegistry) -> None:
    for plugin_id in ("b", "a", "c"):
        registry.register(source(plugin_id))
    registry.change("c", state=PluginState.ACTIVE)
    registry.change("a", state=PluginState.ACTIVE)

    assert registry.list() == ("a", "b", "c")
    assert registry.list(PluginState.ACTIVE) == ("a", "c")
    assert registry.list(PluginState.LOADING) == ()


def test_find_by_capability_gives_the_records_in_order_of_registration(registry: PluginRegistry) -> None:
    for plugin_id in ("z", "b", "m", "a"):
        registry.register(source(plugin_id, "1.0.0", VISION))
    registry.register(source("other", "1.0.0", DISPLAY))

    assert offering(registry, VISION) == ["z", "b", "m", "a"]
    assert offering(registry, "vision") == ["z", "b", "m", "a"]
    assert registry.find_by_capability(VISION)[0] is registry.record("z")
    assert registry.find_by_capability("elsewhere") == ()


def test_the_order_of_registration_survives_a_change_of_the_metadata(registry: PluginRegistry) -> None:
    first = source("first", "1.0.0", VISION)
    registry.register(first)
    registry.register(source("second", "1.0.0", VISION))

    registry.register(source("first", "2.0.0", VISION, DISPLAY))
    assert offering(registry, VISION) == ["first", "second"]

    registry.register(source("second", "2.0.0", DISPLAY))
    activate(registry, first)
    assert offering(registry, VISION) == ["first"]
    assert offering(registry, DISPLAY) == ["second"]


def test_a_plugin_that_is_registered_anew_comes_last(registry: PluginRegistry) -> None:
    for plugin_id in ("a", "b"):
        registry.register(source(plugin_id, "1.0.0", VISION))
    registry.unregister("a")
    registry.register(source("a", "1.0.0", VISION))

    assert offering(registry, VISION) == ["b", "a"]
    assert [record.id for record in registry] == ["b", "a"]


def test_records_and_failures_are_immutable_values() -> None:
    record: Any = PluginRecord(PluginMetadata("a", "1.0.0"), PluginState.REGISTERED, ())
    failure: Any = PluginFailure("on_load", "ValueError", "no")

    assert failure == PluginFailure("on_load", "ValueError", "no", "")
    for value, fact in ((record, "state"), (failure, "message")):
        assert not hasattr(value, "__dict__")
        with pytest.raises(FrozenInstanceError):
            setattr(value, fact, None)


def test_plugins_that_come_and_go_leave_nothing_behind(registry: PluginRegistry) -> None:
    def churn(start: int, times: int) -> int:
        for number in range(start, start + times):
            registry.register(source(f"plugin-{number}", "1.0.0", Capability[Any](f"capability-{number}")))
            registry.unregister(f"plugin-{number}")
        gc.collect()
        return len(gc.get_objects())

    before = churn(0, 10)

    assert churn(10, 300) - before < 100


Change: TypeAlias = "Callable[[PluginRegistry], object]"


def add_version(registry: PluginRegistry) -> None:
    registry.register(source("trainer", "3.0.0", DISPLAY))


def drop_version(registry: PluginRegistry) -> None:
    registry.unregister("trainer", "1.0.0")


def drop_newest(registry: PluginRegistry) -> None:
    registry.unregister("trainer", "2.0.0")


def mark_as_failed(registry: PluginRegistry) -> None:
    registry.change("trainer", state=PluginState.FAILED)


def look_around(registry: PluginRegistry) -> None:
    registry.find_by_capability(VISION)
    registry.find_by_capability(RUNNER)
    registry.snapshot()


CHANGES = (add_version, drop_version, drop_newest, mark_as_failed, look_around)


@pytest.mark.parametrize(("first", "second"), list(permutations(CHANGES, 2)))
def test_no_change_is_lost_that_another_thread_makes_meanwhile(
    interleavings: Callable[..., Iterator[PluginRegistry]], first: Change, second: Change
) -> None:
    def make() -> PluginRegistry:
        registry = PluginRegistry()
        registry.register(source("trainer", "1.0.0", RUNNER, VISION))
        registry.register(source("trainer", "2.0.0", VISION))
        registry.register(source("other", "1.0.0", VISION))
        return registry

    done = {first, second}
    expected = [
        *(["3.0.0"] if add_version in done else []),
        *([] if drop_newest in done else ["2.0.0"]),
        *([] if drop_version in done else ["1.0.0"]),
    ]
    for registry in interleavings(make, first, second):
        if not expected:
            assert registry.list() == ("other",)
            assert offering(registry, RUNNER) == offering(registry, DISPLAY) == []
            assert offering(registry, VISION) == ["other"]
            continue
        record = registry.record("trainer")
        assert versions(record) == expected
        assert record.metadata.version == expected[0]
        assert record.state is (PluginState.FAILED if mark_as_failed in done else PluginState.REGISTERED)
        for capability in (RUNNER, VISION, DISPLAY):
            assert ("trainer" in offering(registry, capability)) is (capability in record.metadata.provides)


def test_of_two_threads_one_registers_a_version(interleavings: Callable[..., Iterator[PluginRegistry]]) -> None:
    refused: list[int] = []

    def register(registry: PluginRegistry) -> None:
        try:
            registry.register(source("trainer"))
        except PluginExistsError:
            refused.append(1)

    for times, registry in enumerate(interleavings(PluginRegistry, register, register), 1):
        assert versions(registry.record("trainer")) == ["1.0.0"]
        assert len(refused) == times


def test_what_goes_while_another_thread_looks_for_it_is_found_or_not(
    interleavings: Callable[..., Iterator[PluginRegistry]],
) -> None:
    found: list[list[str]] = []

    def make() -> PluginRegistry:
        registry = PluginRegistry()
        registry.register(source("a", "1.0.0", VISION))
        registry.register(source("b", "1.0.0", VISION))
        return registry

    calls = (lambda registry: registry.unregister("a"), lambda registry: found.append(offering(registry, VISION)))
    for first, second in (calls, calls[::-1]):
        for registry in interleavings(make, first, second):
            assert found.pop() in (["a", "b"], ["b"])
            assert offering(registry, VISION) == ["b"]


def test_many_threads_register_change_and_unregister_without_losing_anything(registry: PluginRegistry) -> None:
    together = threading.Barrier(4)
    registry.register(source("shared", "1.0", VISION))

    def come_and_go(number: int) -> None:
        together.wait()
        for step in range(1, 51):
            registry.register(source(f"plugin-{number}-{step}", "1.0", VISION))
            registry.register(source("shared", f"{step}.{number + 1}", VISION))
            assert f"plugin-{number}-{step}" in offering(registry, VISION)
            assert all(plugin_id == record.id for plugin_id, record in registry.snapshot().items())
            registry.change("shared", state=PluginState.FAILED)
            if step % 2:
                registry.unregister(f"plugin-{number}-{step}")
                registry.unregister("shared", f"{step}.{number + 1}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(4)))

    staying = {f"plugin-{number}-{step}" for number in range(4) for step in range(2, 51, 2)}
    assert set(registry.list()) == {"shared", *staying}
    assert set(offering(registry, VISION)) == {"shared", *staying}
    assert len(registry.record("shared").candidates) == 101


@pytest.mark.parametrize("state", [PluginState.FAILED, PluginState.REGISTERED])
@pytest.mark.parametrize("kind", [None, *ExclusionKind])
def test_a_failure_goes_with_the_version_that_failed(state: PluginState, kind: ExclusionKind | None) -> None:
    registry = PluginRegistry()
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        registry.register(InstanceSource(FakePlugin("a", version)))
    failure = PluginFailure("on_load", "ValueError", "no", version="2.0")
    exclusion = None if kind is None else Exclusion(kind)
    registry.change("a", state=state, failure=failure, failed_loads=2, exclusion=exclusion)
    registry.unregister("a", "3.0.0")
    record = registry.record("a")
    assert (record.state, record.failure, record.failed_loads, record.exclusion) == (state, failure, 2, exclusion)
    registry.unregister("a", "2.0.0")
    record = registry.record("a")
    assert (record.state, record.failure, record.failed_loads) == (PluginState.REGISTERED, None, 0)
    assert record.exclusion == (exclusion if kind is ExclusionKind.DISABLED else None)


def test_a_failure_of_no_certain_version_stays() -> None:
    registry = PluginRegistry()
    for version in ("1.0.0", "2.0.0"):
        registry.register(InstanceSource(FakePlugin("a", version)))
    failure = PluginFailure("resolve", "ResolutionError", "no")
    registry.change("a", state=PluginState.FAILED, failure=failure)
    registry.unregister("a", "2.0.0")
    assert (registry.record("a").state, registry.record("a").failure) == (PluginState.FAILED, failure)
