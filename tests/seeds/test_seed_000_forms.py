"""The UI schema generation of the Synapse SDK: its example, and what it promises."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

from plugbus.loaders.discovery import PluginDiscovery

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
    name: YOLOv8 Object Detection
    code: yolov8
    version: 1.0.0
    category: neural_net
    actions:
      train:
        entrypoint: train:TrainAction
        method: job
"""
CODE = """
    from pydantic import BaseModel, Field

    from plugbus.capabilities import BaseAction


    class TrainParams(BaseModel):
        epochs: int = Field(default=10, ge=1, le=1000)
        batch_size: int = 8


    class TrainAction(BaseAction[TrainParams]):
        def execute(self):
            return {}
"""


def test_get_action_ui_schema(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(dedent(CONFIG), encoding="utf-8")
    (tmp_path / "train.py").write_text(dedent(CODE), encoding="utf-8")
    with PluginDiscovery.from_path(tmp_path) as discovery:
        # Get UI schema for action params
        ui_schema = discovery.get_action_ui_schema("train")

    assert ui_schema["$formkit"] == "group"
    told = {
        "$formkit": "number",
        "name": "epochs",
        "label": "Epochs",
        "value": 10,
        "validation": "required|min:1|max:1000",
    }
    first, second = ui_schema["children"]
    assert {key: first[key] for key in told} == told
    assert (second["label"], second["value"], second["validation"]) == ("Batch Size", 8, "required")


def test_the_group_has_a_name_so_that_its_values_are_found(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(dedent(CONFIG), encoding="utf-8")
    (tmp_path / "train.py").write_text(dedent(CODE), encoding="utf-8")
    with PluginDiscovery.from_path(tmp_path) as discovery:
        assert discovery.get_action_ui_schema("train")["name"] == "params"
