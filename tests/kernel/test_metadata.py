"""Metadata: its builder, what it refuses, and that it is a value."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from plugbus.kernel import Capability, MetadataError, PluginMetadata, Requirement

EXECUTOR = Capability[Any]("executor", version="1.2.0", contract=object)
VISION = Capability[Any]("vision")


def full() -> PluginMetadata:
    return PluginMetadata(
        "trainer",
        "1.2.3",
        name="Trainer",
        description="Trains.",
        author="Ada",
        dependencies={"base": ">=1.0.0", "tools": "^2.0.0"},
        provides=(EXECUTOR, VISION),
        requires=(Requirement(VISION, "^1"), Requirement("display", optional=True)),
        metadata={"gpu_api": "WebGPU"},
    )


def test_metadata_needs_an_id_and_a_version_alone() -> None:
    metadata = PluginMetadata("trainer", "1.0.0")

    assert (metadata.id, metadata.version) == ("trainer", "1.0.0")
    assert (metadata.name, metadata.description, metadata.author) == ("", "", "")
    assert (metadata.dependencies, metadata.provides, metadata.requires, metadata.metadata) == ({}, (), (), {})


def test_each_builder_method_returns_a_new_value_with_one_fact_more() -> None:
    plain = PluginMetadata("trainer", "1.2.3")

    built = (
        plain.with_name("Trainer")
        .with_description("Trains.")
        .with_author("Ada")
        .with_dependency("base", ">=1.0.0")
        .with_dependency("tools", "^2.0.0")
        .with_capability(EXECUTOR)
        .with_capability(VISION)
        .with_requirement(VISION, "^1")
        .with_requirement("display", optional=True)
        .with_metadata("gpu_api", "WebGPU")
    )

    assert built == full()
    assert plain == PluginMetadata("trainer", "1.2.3")


def test_the_last_range_given_for_a_dependency_counts() -> None:
    metadata = full().with_dependency("base", "^2").with_dependency("any")

    assert metadata.dependencies == {"base": "^2", "tools": "^2.0.0", "any": "*"}


def test_the_last_value_given_for_a_free_fact_counts() -> None:
    assert full().with_metadata("gpu_api", "CUDA").metadata == {"gpu_api": "CUDA"}


def test_requirements_are_the_dependencies_and_what_is_required_in_order() -> None:
    assert list(full().requirements) == [
        Requirement("base", ">=1.0.0"),
        Requirement("tools", "^2.0.0"),
        Requirement(VISION, "^1"),
        Requirement("display", optional=True),
    ]


def test_metadata_is_immutable_through_and_through() -> None:
    dependencies, facts, provides = {"base": "*"}, {"a": "1"}, [EXECUTOR]
    metadata: Any = PluginMetadata(
        "trainer", "1.0.0", dependencies=dependencies, metadata=facts, provides=tuple(provides)
    )
    dependencies["other"], facts["b"] = "*", "2"

    assert metadata.dependencies == {"base": "*"}
    assert metadata.metadata == {"a": "1"}
    assert not hasattr(metadata, "__dict__")
    with pytest.raises(FrozenInstanceError):
        metadata.version = "2.0.0"
    with pytest.raises(TypeError):
        metadata.dependencies["other"] = "*"
    with pytest.raises(TypeError):
        metadata.metadata["b"] = "2"


def test_sequences_are_kept_as_tuples() -> None:
    listed: Any = ([EXECUTOR], [Requirement("base")])

    metadata = PluginMetadata("trainer", "1.0.0", provides=listed[0], requires=listed[1])
    listed[0].clear()

    assert metadata.provides == (EXECUTOR,)
    assert metadata.requires == (Requirement("base"),)


@pytest.mark.parametrize("metadata", [full(), PluginMetadata("trainer", "1.0.0")])
def test_metadata_survives_pickling_and_copying(metadata: PluginMetadata) -> None:
    for other in (pickle.loads(pickle.dumps(metadata)), copy.deepcopy(metadata), copy.copy(metadata)):  # noqa: S301
        assert other == metadata
        assert hash(other) == hash(metadata)


def test_metadata_can_be_a_key() -> None:
    assert {full(): 1}[full()] == 1
    assert len({full(), full().with_name("Other"), PluginMetadata("trainer", "2.0.0")}) == 3


@pytest.mark.parametrize("plugin_id", ["a", "A1", "a" * 128, "data.store-v2_b"])
def test_an_id_is_a_word(plugin_id: str) -> None:
    assert PluginMetadata(plugin_id, "1.0.0").id == plugin_id


@pytest.mark.parametrize(
    "plugin_id", ["", " ", "1a", "_a", " a", "a ", "a b", "a\n", "a/b", "../a", "é", "a" * 129, None, 7]
)
def test_an_id_that_is_no_word_is_refused(plugin_id: Any) -> None:
    with pytest.raises(MetadataError) as caught:
        PluginMetadata(plugin_id, "1.0.0")

    assert caught.value.plugin_id == str(plugin_id)
    assert caught.value.faults == ("an id is a letter, then up to 127 letters, digits, '_', '.' or '-'",)


@pytest.mark.parametrize("version", ["", "banana", "1.0.0 beta", "1.0.0 <"])
def test_a_version_that_is_none_is_refused_with_the_reason(version: str) -> None:
    with pytest.raises(MetadataError, match=f"cannot read version '{version}'") as caught:
        PluginMetadata("trainer", version)

    assert caught.value.plugin_id == "trainer"


@pytest.mark.parametrize(("version", "text"), [(1, "int 1"), (1.5, "float 1.5"), (None, "NoneType None")])
def test_a_version_that_is_no_text_is_refused_with_its_type(version: Any, text: str) -> None:
    with pytest.raises(MetadataError) as caught:
        PluginMetadata("trainer", version)

    assert caught.value.faults == (f"a version is text, not {text}",)


def test_a_plugin_that_depends_on_itself_is_refused() -> None:
    plain = PluginMetadata("trainer", "1.0.0")

    with pytest.raises(MetadataError) as as_dependency:
        plain.with_dependency("trainer")
    with pytest.raises(MetadataError) as as_requirement:
        plain.with_requirement("trainer", optional=True)

    assert as_dependency.value.faults == as_requirement.value.faults == ("it depends on itself",)


def test_a_plugin_may_require_a_capability_of_its_own_name() -> None:
    metadata = PluginMetadata("executor", "1.0.0").with_requirement(EXECUTOR)

    assert metadata.requires == (Requirement(EXECUTOR),)


def test_a_capability_that_could_be_no_plugin_id_may_be_required() -> None:
    backend = Capability[Any]("Backend", qualifier="two words")

    assert PluginMetadata("trainer", "1.0.0").with_requirement(backend).requires == (Requirement(backend),)


def test_a_dependency_on_what_could_be_no_plugin_is_refused() -> None:
    with pytest.raises(MetadataError) as caught:
        PluginMetadata("trainer", "1.0.0", dependencies={"": "*", "a b": "^1"})

    assert caught.value.faults == ("'' is no plugin id", "'a b' is no plugin id")


def test_what_is_provided_twice_is_refused() -> None:
    with pytest.raises(MetadataError) as caught:
        full().with_capability(Capability[Any]("executor", version="2.0.0"))

    assert caught.value.faults == ("it provides 'executor' twice",)


def test_variants_of_one_capability_may_be_provided_together() -> None:
    backends = tuple(Capability[Any]("Backend", qualifier=one) for one in ("CUDA", "WGPU"))

    assert PluginMetadata("gpu", "1.0.0", provides=backends).provides == backends


def test_what_is_no_capability_is_refused() -> None:
    provides: Any = ("executor",)

    with pytest.raises(MetadataError) as caught:
        PluginMetadata("trainer", "1.0.0", provides=provides)

    assert caught.value.faults == ("''executor'' in provides is no Capability",)


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(MetadataError) as caught:
        PluginMetadata("1a", "banana", dependencies={"1a": "*", "b c": "*"}, provides=(VISION, VISION))

    assert len(caught.value.faults) == 5
    assert str(caught.value) == f"cannot describe plugin '1a': {'; '.join(caught.value.faults)}"
