"""The manifest of a plugin folder: what it may say, and how every fault in it is told."""

from __future__ import annotations

from textwrap import dedent

import pytest

from plugbus.kernel import Capability, PluginMetadata, Requirement
from plugbus.loaders import MANIFEST_NAME, DocumentError, Manifest, parse_document, validate

MINIMAL = """\
id: demo
version: "1.0.0"
entrypoint: plugin:Demo
"""

FULL = """\
manifest: 1
id: demo
version: "1.2.3"
entrypoint: package.module:Outer.Demo
name: Demo
description: Shows.
author: Somebody
dependencies:
  base: ">=1.0, <2"
  other.plugin-2: "^2.1"
provides:
  - action(demo.run)
  - {capability: executor, version: "1.4.0", description: Runs things.}
labels: [Vision, Backend(CUDA)]
requires:
  - {capability: tracking, range: "^1.0"}
  - {capability: telemetry, optional: true}
needs:
  modules: [numpy, PIL]
  install: plugbus[sklearn]
metadata: {dataset: none}
"""

NO_RANGE = "cannot read version range '>>1': '>>' is no operator; use one of ^ ~ >= > < <= == = !="


def read(text: str) -> Manifest:
    return validate(Manifest, parse_document(dedent(text), MANIFEST_NAME))


def faults(text: str) -> list[str]:
    with pytest.raises(DocumentError) as refused:
        read(text)
    return [str(fault) for fault in refused.value.faults]


def test_a_minimal_manifest_leaves_the_rest_empty() -> None:
    assert read(MINIMAL).plugin_metadata == PluginMetadata("demo", "1.0.0")


def test_a_full_manifest_says_all_that_metadata_can() -> None:
    manifest = read(FULL)
    assert manifest.plugin_metadata == PluginMetadata(
        "demo",
        "1.2.3",
        "Demo",
        "Shows.",
        "Somebody",
        {"base": ">=1.0, <2", "other.plugin-2": "^2.1"},
        (
            Capability("action", qualifier="demo.run"),
            Capability("executor", version="1.4.0"),
            Capability("Vision"),
            Capability("Backend", qualifier="CUDA"),
        ),
        (Requirement(Capability("tracking"), "^1.0"), Requirement(Capability("telemetry"), "*", True)),
        {"dataset": "none"},
    )
    assert manifest.needs is not None
    assert (manifest.needs.modules, manifest.needs.install) == (["numpy", "PIL"], "plugbus[sklearn]")


def test_what_is_provided_has_to_be_provided_and_a_label_has_not() -> None:
    provides = read(FULL).plugin_metadata.provides
    assert [(str(one), one.is_label) for one in provides] == [
        ("action(demo.run)", False),
        ("executor", False),
        ("Vision", True),
        ("Backend(CUDA)", True),
    ]
    assert provides[1].version == "1.4.0"


def test_a_manifest_may_be_json() -> None:
    assert read('{"id": "demo", "version": "1.0.0", "entrypoint": "plugin:Demo"}') == read(MINIMAL)


def test_every_fault_is_told_at_once_in_the_order_of_the_text() -> None:
    text = """\
        id: 7up
        version: 1.10
        entrypont: plugin:Demo
        dependencies: {base: ">>1"}
        provides: ["executor(", {capability: tracking, versoin: "1.0"}]
        requires: executor
    """
    assert faults(text) == [
        "plugin.yaml:1:1: missing key 'entrypoint'",
        "plugin.yaml:1:5: id: an id is a letter, then up to 127 letters, digits, '_', '.' or '-'",
        'plugin.yaml:2:10: version: expected text, not the number 1.10; quote it: "1.10"',
        "plugin.yaml:3:1: entrypont: unknown key 'entrypont'; did you mean 'entrypoint'?",
        f"plugin.yaml:4:22: dependencies.base: {NO_RANGE}",
        "plugin.yaml:5:12: provides[0]: cannot name capability 'executor(': expected name or name(qualifier)",
        "plugin.yaml:5:48: provides[1].versoin: unknown key 'versoin'; did you mean 'version'?",
        "plugin.yaml:6:11: requires: expected a list, not text",
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("manifest: 2", "4:11: manifest: should be 1"),
        ("needs: {modules: []}", "4:18: needs.modules: list should have at least 1 item after validation, not 0"),
        ("needs: {modules: [a.b]}", "4:19: needs.modules[0]: a top-level module is named, without dots"),
        ("needs: {install: x}", "4:8: needs: missing key 'modules'"),
        ("labels: [1]", '4:10: labels[0]: expected text, not the number 1; quote it: "1"'),
        ("labels: ['Backend()']", "4:10: labels[0]: cannot name capability 'Backend()': a qualifier is not blank"),
        ("provides: [1]", "4:12: provides[0]: expected text or a mapping, not the number 1"),
        ("metadata: {a: 1}", '4:15: metadata.a: expected text, not the number 1; quote it: "1"'),
        (
            "dependencies: {7a: '*'}",
            "4:16: dependencies.7a: an id is a letter, then up to 127 letters, digits, '_', '.' or '-'",
        ),
        ("colour: red", "4:1: colour: unknown key 'colour'"),
    ],
)
def test_a_fault_is_told_at_its_line_and_column(line: str, fault: str) -> None:
    (told,) = faults(f"{MINIMAL}{line}\n")
    assert told.startswith(f"plugin.yaml:{fault}")


@pytest.mark.parametrize("text", ["Demo", "plugin:", ":Demo", "plugin/x:Demo", "plugin:Demo()", "../plugin:Demo"])
def test_an_entry_point_that_names_no_class_is_refused(text: str) -> None:
    (told,) = faults(f'id: demo\nversion: "1"\nentrypoint: "{text}"\n')
    assert told == "plugin.yaml:3:13: entrypoint: write module:Class, such as plugin:MyPlugin"


@pytest.mark.parametrize("version", ["banana", "", "1.0.0.x"])
def test_a_text_that_is_no_version_is_refused_with_the_text(version: str) -> None:
    (told,) = faults(f'id: demo\nversion: "{version}"\nentrypoint: plugin:Demo\n')
    assert told.startswith(f"plugin.yaml:2:10: version: cannot read version '{version}'")


def test_a_manifest_can_not_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read(MINIMAL).id = "other"
