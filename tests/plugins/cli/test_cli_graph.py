"""``plugbus graph``: who provides and who needs what, in every format."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]
    AddPlugin = Callable[[str, str, str], Path]

PLUGIN = "from plugbus.kernel import Plugin\nclass P(Plugin): pass\n"
NEEDY = """
    id: needy
    version: "1.0.0"
    entrypoint: plugin:P
    provides: ['action(the "go")']
    dependencies: {demo: "^1.0", local_executor: ">=2,<3", absent: "*"}
    requires:
      - {capability: executor, range: "^1"}
      - {capability: tracking, range: ">=9"}
      - {capability: telemetry, optional: true}
"""


@pytest.fixture
def needy(add_plugin: AddPlugin) -> None:
    """Add a plugin some of whose needs are met."""
    add_plugin("needy", NEEDY, PLUGIN)


@pytest.mark.usefixtures("needy")
def test_json_has_every_need_with_who_meets_it_in_the_wanted_version(plugbus: Cli) -> None:
    code, out, err = plugbus("graph", "--format", "json")
    assert (code, err) == (0, "")
    graph = json.loads(out)
    assert {"id": "demo", "version": "1.2.0"} in graph["plugins"]
    assert {"name": "executor", "label": False, "providers": ["local_executor"]} in graph["capabilities"]
    vision = [one for one in graph["capabilities"] if one["name"] == "Vision"]
    assert vision[0]["label"]
    needs = {one["target"]: one for one in graph["needs"] if one["plugin"] == "needy"}
    assert {target: one["met_by"] for target, one in needs.items()} == {
        "demo": ["demo"],
        "local_executor": [],
        "absent": [],
        "executor": ["local_executor"],
        "tracking": [],
        "telemetry": [],
    }
    assert (needs["demo"]["kind"], needs["executor"]["kind"]) == ("plugin", "capability")
    assert needs["telemetry"]["optional"]
    assert plugbus("graph", "--json")[1] == out


@pytest.mark.usefixtures("needy")
def test_the_tree_marks_what_nobody_meets(plugbus: Cli) -> None:
    code, out, err = plugbus("graph")
    assert (code, err) == (0, "")
    lines = [re.sub(r"^[│├└─ ]+", "", line) for line in out.splitlines()]
    assert lines[0] == "plugins"
    start = lines.index("needy 1.0.0")
    assert lines[start : start + 8] == [
        "needy 1.0.0",
        'provides action(the "go")',
        "needs demo ^1.0 <- demo",
        "needs local_executor >=2,<3 <- nobody!",
        "needs absent * <- nobody!",
        "needs executor ^1 <- local_executor",
        "needs tracking >=9 <- nobody!",
        "needs telemetry * <- nobody",
    ]
    assert "label Vision" in lines


@pytest.mark.usefixtures("needy")
def test_mermaid_names_only_nodes_that_it_has_and_marks_what_is_missing(plugbus: Cli) -> None:
    _, out, _ = plugbus("graph", "--format", "mermaid")
    lines = [line.strip() for line in out.splitlines()]
    assert lines[0] == "flowchart LR"
    nodes = {match[1]: match[2] for line in lines if (match := re.match(r'(\w+)[(\[]+"(.*?)"[)\]]+', line))}
    edges = [match.groups() for line in lines if (match := re.match(r"(\w+) (?:-->|-\.->\|.*\|) (\w+)$", line))]
    assert {end for edge in edges for end in edge} <= set(nodes)
    named = {(nodes[start], nodes[end]) for start, end in edges}
    assert ("local_executor 1.0.0", "executor") in named
    assert ("executor", "needy 1.0.0") in named
    assert ("demo 1.2.0", "needy 1.0.0") in named
    assert ("local_executor >=2,<3 is missing", "needy 1.0.0") in named
    assert ("absent is missing", "needy 1.0.0") in named
    assert ("tracking >=9 is missing", "needy 1.0.0") in named
    assert "action(the #quot;go#quot;)" in nodes.values(), "a quote would end the label"
    edge_count = sum("-->" in line or "-.->" in line for line in lines)
    assert len(edges) == edge_count


@pytest.mark.usefixtures("needy")
def test_dot_is_a_graph_with_quoted_names(plugbus: Cli) -> None:
    _, out, _ = plugbus("graph", "--format", "dot")
    assert out.startswith("digraph plugbus {\n")
    assert out.endswith("}\n")
    assert '"local_executor" -> "cap:executor";' in out
    assert '"cap:executor" -> "needy" [style=dashed, label="^1"];' in out
    assert '"missing:absent" [label="absent is missing", style=dashed];' in out
    assert r'"cap:action(the \"go\")"' in out
    if (dot := shutil.which("dot")) is not None:
        subprocess.run([dot, "-Tsvg"], input=out, text=True, capture_output=True, check=True)  # noqa: S603 - what was found on the path
