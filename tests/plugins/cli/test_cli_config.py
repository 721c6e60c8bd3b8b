"""``plugbus sync``, ``config``, ``validate``, and ``run`` of plugins that have a ``config.yaml``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]

CONFIG = """\
name: YOLO
code: yolo
version: 1.2.0  # mine
category: neural_net
env: {MODEL: n.pt, API_KEY: hush}
actions:
  train: {entrypoint: "work:TrainAction"}
"""
CODE = """
from pydantic import BaseModel, Field
from plugbus.capabilities import BaseAction

class Params(BaseModel):
    epochs: int = Field(default=10, ge=1, description="How often.")

class TrainAction(BaseAction[Params]):
    '''Train it.'''
    def execute(self):
        return {"epochs": self.params.epochs, "model": self.ctx.env["MODEL"]}

class CheckAction(BaseAction[Params]):
    '''Check it.'''
    def execute(self): ...
"""


@pytest.fixture
def yolo(place: Path) -> Path:
    folder = place / "yolo"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    (folder / "work.py").write_text(CODE)
    return folder


@pytest.fixture
def _needs_yaml() -> None:
    pytest.importorskip("ruamel.yaml", reason='needs ruamel.yaml: pip install "plugbus[config]"')


@pytest.mark.usefixtures("_needs_yaml")
def test_sync_writes_what_is_missing_and_then_nothing(plugbus: Cli, yolo: Path) -> None:
    code, out, err = plugbus("sync", "yolo")
    assert (code, out, err) == (0, "actions.check: added (work:CheckAction)\n", "")
    text = (yolo / "config.yaml").read_text()
    assert "version: 1.2.0  # mine\n" in text
    code, out, err = plugbus("sync", "yolo/config.yaml")
    assert (code, out) == (0, "")
    assert "up to date" in err
    assert (yolo / "config.yaml").read_text() == text


@pytest.mark.usefixtures("_needs_yaml")
def test_sync_check_and_dry_run_write_nothing(plugbus: Cli, yolo: Path) -> None:
    code, out, err = plugbus("sync", "yolo", "--check")
    assert (code, out) == (1, "actions.check: added (work:CheckAction)\n")
    assert "not up to date" in err
    code, out, err = plugbus("sync", "yolo", "--dry-run", "--json")
    assert (code, json.loads(out)["changes"][0]["action"]) == (0, "check")
    assert (yolo / "config.yaml").read_text() == CONFIG
    plugbus("sync", "yolo")
    assert plugbus("sync", "yolo", "--check")[0] == 0


@pytest.mark.usefixtures("_needs_yaml")
def test_sync_tells_stale_entries_and_prunes_them_if_asked_to(plugbus: Cli, yolo: Path) -> None:
    (yolo / "work.py").write_text("class (")
    assert "work.py:1:7: invalid syntax" in plugbus("sync", "yolo")[2]
    (yolo / "work.py").write_text("")
    assert "actions.train: stale, there is no action at 'work:TrainAction'" in plugbus("sync", "yolo")[2]
    assert plugbus("sync", "yolo", "--prune")[1] == "actions.train: removed\n"


def test_sync_without_a_configuration_says_so(plugbus: Cli, place: Path) -> None:
    code, out, err = plugbus("sync")
    assert (code, out) == (2, "")
    assert err.startswith(f"error: cannot find plugin configuration '{place}': the folder has no config.yaml")


def test_config_show_has_defaults_and_masks_secrets(plugbus: Cli, yolo: Path) -> None:
    code, out, _ = plugbus("config", "show", "yolo", "--json")
    found = json.loads(out)
    assert (code, found["version"], found["package_manager"]) == (0, "1.2.0", "pip")
    assert found["actions"]["train"]["entrypoint"] == "work:TrainAction"
    assert "hush" not in out
    code, out, _ = plugbus("config", "show", "yolo/config.yaml")
    assert code == 0
    assert "neural_net" in out
    assert "work:TrainAction" in out
    assert "hush" not in out


def test_config_validate_tells_every_fault(plugbus: Cli, yolo: Path) -> None:
    assert plugbus("config", "validate", "yolo")[0] == 0
    (yolo / "config.yaml").write_text(CONFIG.replace("category", "categori").replace("1.2.0", "1.0"))
    code, out, err = plugbus("config", "validate", "yolo")
    assert code == 1
    assert "config.yaml:4:1: categori: unknown key 'categori'; did you mean 'category'?" in out
    assert 'config.yaml:3:10: version: expected text, not the number 1.0; quote it: "1.0"' in out
    assert err.endswith("config.yaml: 3 faults\n")
    code, out, err = plugbus("config", "validate", "yolo", "--json")
    found = json.loads(out)
    assert (code, err, found["valid"]) == (1, "", False)
    assert {(one["line"], one["column"]) for one in found["faults"]} >= {(3, 10), (4, 1)}
    assert plugbus("config", "validate", "nowhere")[0] == 2


def test_validate_checks_entry_points_types_and_source_without_importing(plugbus: Cli, yolo: Path) -> None:
    (yolo / "work.py").write_text("raise SystemExit('imported')\n" + CODE)
    assert plugbus("validate", "yolo") == (0, "", f"{yolo}: valid\n")
    (yolo / "broken.py").write_text("x = (\n")
    (yolo / "config.yaml").write_text(
        CONFIG + '  chek: {}\n  other: {entrypoint: "work:TrainActio", input_type: YOLODatset}\n  b: broken:X\n'
    )
    code, out, err = plugbus("validate", "yolo")
    assert code == 1
    assert out.replace(f"{yolo.resolve()}/", "") == (
        "broken.py:1:5: '(' was never closed\n"
        "config.yaml:8:9: actions.chek: it has no entrypoint, and no single class of the folder has its name; "
        "did you mean 'check'?\n"
        "config.yaml:9:23: actions.other.entrypoint: there is no action at 'work:TrainActio'; "
        "did you mean 'work:TrainAction' or 'work:CheckAction'?\n"
        "config.yaml:9:54: actions.other.input_type: there is no data type 'YOLODatset', neither among those that ship "
        "nor in the source of an action; did you mean 'YOLODataset' or 'COCODataset' or 'Dataset'?\n"
    )
    assert err == f"{yolo}: 4 faults\n"
    found = json.loads(plugbus("validate", "yolo", "--json")[1])
    assert (found["valid"], len(found["faults"]), found["faults"][1]["line"]) == (False, 4, 8)


def test_validate_takes_manifests_too(plugbus: Cli, place: Path) -> None:
    assert plugbus("validate", "plugs/demo")[0] == 0
    manifest = place / "plugs" / "demo" / "plugin.yaml"
    manifest.write_text(manifest.read_text().replace("plugin:Demo", "nowhere:Demo"))
    code, out, _ = plugbus("validate", "plugs/demo")
    assert code == 1
    assert "entrypoint: there is no module 'nowhere'" in out
    code, out, err = plugbus("validate", "plugs")
    assert (code, out) == (2, "")
    assert "there is neither a plugin.yaml nor a config.yaml" in err


def test_an_action_of_a_configuration_runs_tracked_with_options_and_settings(
    plugbus: Cli, yolo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = plugbus("run", "yolo:train", "--epochs", "3", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["outputs"] == {"epochs": 3, "model": "n.pt"}
    monkeypatch.setenv("PLUGIN_MODEL", "x.pt")
    assert json.loads(plugbus("run", "yolo/config.yaml:train", "--json")[1])["outputs"]["model"] == "x.pt"
    assert not [name for name in sys.modules if name.startswith("plugbus_plugin_yolo")]
    assert json.loads(plugbus("runs", "--json")[1])[0]["action"] == "yolo.train"
    assert "--epochs" in plugbus("run", "yolo:train", "--help")[1]


def test_what_is_wrong_with_such_a_run_is_told(plugbus: Cli, yolo: Path) -> None:
    assert "did you mean 'train'?" in plugbus("run", "yolo:trian")[2]
    assert "--epochs" in plugbus("run", "yolo:train", "--epochs", "0")[2]
    (yolo / "config.yaml").write_text(CONFIG + "requires: {python: '>=99'}\n")
    code, out, err = plugbus("run", "yolo:train")
    assert (code, out) == (2, "")
    assert "cannot run plugin 'yolo': it needs Python >=99" in err


def test_actions_of_a_configuration_are_described_as_those_of_manifests(plugbus: Cli, yolo: Path) -> None:
    code, out, _ = plugbus("schema", "yolo:train", "--json")
    assert (code, json.loads(out)["properties"]["epochs"]["minimum"]) == (0, 1)
    assert "yolo.train" in plugbus("schema", "yolo/config.yaml:train")[1]
    code, out, _ = plugbus("inspect", "yolo:train", "--json")
    assert (code, json.loads(out)["action"], json.loads(out)["plugin"]) == (0, "yolo.train", "yolo")
    for command in ("schema", "inspect", "run"):
        code, out, err = plugbus(command, "yolo:trian")
        assert (code, out) == (2, "")
        assert "did you mean 'train'?" in err
    assert not [name for name in sys.modules if name.startswith("plugbus_plugin_yolo")]
