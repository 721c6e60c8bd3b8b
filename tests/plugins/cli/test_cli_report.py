"""``plugbus report``: what a kernel holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]
    AddPlugin = Callable[[str, str, str], Path]

MANIFEST = 'id: faulty\nversion: "1.0.0"\nentrypoint: plugin:P\n'
CODE = "raise OSError('no device')\n"


def test_report_shows_the_state_of_each_plugin_without_importing_any(plugbus: Cli, add_plugin: AddPlugin) -> None:
    add_plugin("faulty", MANIFEST, CODE)
    code, out, err = plugbus("report")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["id", "version", "state", "why", "took", "uses", "used", "by", "services"]
    (demo,) = [line for line in lines if line.startswith("demo ")]
    assert demo.split() == ["demo", "1.2.0", "registered", "-", "-", "-", "-", "-"]


def test_report_shows_what_became_of_loading_all(plugbus: Cli, add_plugin: AddPlugin, place: Path) -> None:
    add_plugin("faulty", MANIFEST, CODE)
    (place / "plugbus.yaml").write_text("quarantine_after: 1\nplugins: {enabled: [demo, faulty, local_executor]}\n")
    code, out, err = plugbus("report", "--load")
    assert code == 0
    assert "failed: faulty: open: " in err
    assert "no device" in err
    assert "kept out: faulty: quarantined: 1 load failed, the last in open: " in err
    (demo,) = [line for line in out.splitlines() if line.startswith("demo ")]
    assert demo.split()[2:4] == ["active", "asked"]
    assert "local_executor" in demo


def test_report_as_json_has_every_fact(plugbus: Cli) -> None:
    _, out, err = plugbus("report", "--load", "--json")
    assert err == ""
    found = json.loads(out)
    plugins = {one["id"]: one for one in found["plugins"]}
    assert list(plugins) == sorted(plugins)
    assert plugins["demo"]["uses"] == {"executor": "local_executor"}
    assert plugins["local_executor"]["used_by"][0] == "demo"
    assert found["states"]["active"] == len(plugins)
