"""Configuration and discovery of the Synapse SDK: every example of its description, in its order."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities.enums import (
    AnnotationCategory,
    AnnotationType,
    DataType,
    PackageManager,
    PluginCategory,
    RunMethod,
    SmartToolType,
)
from plugbus.capabilities.types import ModelWeights, ONNXModel, YOLODataset
from plugbus.loaders.config import ActionConfig, PluginConfig
from plugbus.loaders.discovery import PluginDiscovery
from plugbus.loaders.runner import run_plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pydantic.fields import FieldInfo

CONFIG = """\
name: YOLO Training Plugin
code: yolo_train
version: 1.0.0
category: neural_net
data_type: image
package_manager: uv

env:
  DEFAULT_MODEL: yolov8n.pt
  MAX_EPOCHS: 300

runtime_env:
  pip:
    - ultralytics>=8.0.0
    - torch>=2.0.0

actions:
  train:
    name: Train YOLO Model
    description: Train a YOLO model on a labeled dataset
    entrypoint: yolo_plugin.actions:TrainAction
    method: job
    input_type: YOLODataset
    output_type: ModelWeights

  export:
    name: Export Model
    description: Export trained model to ONNX format
    entrypoint: yolo_plugin.actions:ExportAction
    method: task
    input_type: ModelWeights
    output_type: ONNXModel
"""
ACTIONS = '''
from pydantic import BaseModel, Field

from plugbus.capabilities import BaseAction
from plugbus.capabilities.types import ModelWeights, ONNXModel, YOLODataset


class TrainParams(BaseModel):
    epochs: int = Field(default=10, ge=1, le=1000)


class TrainResult(BaseModel):
    weights_path: str


class TrainAction(BaseAction[TrainParams]):
    """Train a YOLO model."""

    input_type = YOLODataset
    output_type = ModelWeights
    result_model = TrainResult

    def execute(self) -> TrainResult:
        return TrainResult(weights_path=f"{self.ctx.env['DEFAULT_MODEL']}-{self.params.epochs}")


class ExportParams(BaseModel):
    pass


class ExportAction(BaseAction[ExportParams]):
    input_type = ModelWeights
    output_type = ONNXModel

    def execute(self) -> str:
        return "model.onnx"
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    (tmp_path / "plugin" / "yolo_plugin").mkdir(parents=True)
    (tmp_path / "plugin" / "config.yaml").write_text(CONFIG)
    (tmp_path / "plugin" / "yolo_plugin" / "actions.py").write_text(ACTIONS)
    return tmp_path / "plugin"


@pytest.fixture
def discovery(plugin: Path) -> Iterator[PluginDiscovery]:
    with PluginDiscovery.from_path(str(plugin)) as found:
        yield found


def facts(field: FieldInfo) -> tuple[Any, Any]:
    return field.annotation, field.get_default()


def test_action_config_has_the_fields_of_the_description() -> None:
    fields = ActionConfig.model_fields
    assert fields["name"].is_required()
    assert facts(fields["description"]) == (str, "")
    assert fields["entrypoint"].annotation is str
    assert facts(fields["method"]) == (RunMethod, RunMethod.TASK)
    assert [fields[one].get_default() for one in ("params_schema", "input_type", "output_type")] == [None] * 3


def test_plugin_config_has_the_fields_of_the_description() -> None:
    fields = PluginConfig.model_fields
    assert [fields[one].is_required() for one in ("name", "code", "category")] == [True] * 3
    assert facts(fields["version"]) == (str, "0.1.0")
    assert fields["category"].annotation is PluginCategory
    assert facts(fields["package_manager"]) == (PackageManager, PackageManager.PIP)
    assert facts(fields["package_manager_options"]) == (list[str], [])
    assert facts(fields["wheels_dir"]) == (str, "wheels")
    assert facts(fields["env"]) == (dict[str, Any], {})
    assert facts(fields["runtime_env"]) == (dict[str, Any], {})
    assert facts(fields["data_type"]) == (DataType | None, None)
    assert facts(fields["tasks"]) == (list[str], [])
    assert facts(fields["annotation_category"]) == (AnnotationCategory | None, None)
    assert facts(fields["annotation_type"]) == (AnnotationType | None, None)
    assert facts(fields["smart_tool"]) == (SmartToolType | None, None)
    assert facts(fields["actions"]) == (dict[str, ActionConfig], {})


def test_the_example_of_a_configuration_is_read(discovery: PluginDiscovery) -> None:
    config = discovery.config
    assert (config.name, config.code, config.version) == ("YOLO Training Plugin", "yolo_train", "1.0.0")
    assert config.data_type is DataType.IMAGE
    assert config.package_manager is PackageManager.UV
    assert config.env == {"DEFAULT_MODEL": "yolov8n.pt", "MAX_EPOCHS": 300}
    assert config.runtime_env == {"pip": ["ultralytics>=8.0.0", "torch>=2.0.0"]}
    assert config.actions["train"].method is RunMethod.JOB


def test_the_discovery_class(discovery: PluginDiscovery) -> None:
    actions = discovery.list_actions()
    assert actions == ["train", "export"]

    action_cls = discovery.get_action_class("train")
    assert action_cls.action_name == "train"
    assert action_cls.category == PluginCategory.NEURAL_NET

    params_model = discovery.get_action_params_model("train")
    assert params_model is not None
    assert params_model.__name__ == "TrainParams"

    result_model = discovery.get_action_result_model("train")
    assert result_model is not None
    assert result_model.__name__ == "TrainResult"

    assert discovery.get_action_input_type("train") is YOLODataset
    assert discovery.get_action_output_type("train") is ModelWeights
    assert discovery.get_action_output_type("export") is ONNXModel


def test_ui_schema_generation(discovery: PluginDiscovery) -> None:
    ui_schema = discovery.get_action_ui_schema("train")
    assert ui_schema["$formkit"] == "group"
    (epochs,) = ui_schema["children"]
    wanted = {
        "$formkit": "number",
        "name": "epochs",
        "label": "Epochs",
        "value": 10,
        "validation": "required|min:1|max:1000",
    }
    assert wanted.items() <= epochs.items()


def test_a_module_by_its_name(plugin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (plugin / "yolo_plugin").rename(plugin / "seed_yolo_plugin")
    monkeypatch.syspath_prepend(plugin)
    try:
        assert sorted(PluginDiscovery.from_module("seed_yolo_plugin").list_actions()) == ["export", "train"]
    finally:
        for name in [one for one in sys.modules if one.startswith("seed_yolo_plugin")]:
            del sys.modules[name]


def test_config_synchronisation_on_the_class(plugin: Path) -> None:
    pytest.importorskip("ruamel.yaml", reason='needs ruamel.yaml: pip install "plugbus[config]"')
    path = plugin / "config.yaml"
    assert PluginDiscovery.sync_config_file(str(path)).is_in_sync
    start = path.read_text().index("  export:")
    path.write_text(path.read_text()[:start].replace("yolo_plugin.actions:TrainAction", "old_plugin:TrainAction"))
    PluginDiscovery.sync_config_file(str(path))
    with PluginDiscovery.from_path(path) as again:
        assert again.list_actions() == ["train", "export"]
        assert again.get_action_config("train").entrypoint == "yolo_plugin.actions:TrainAction"
        assert again.get_action_config("export").output_type == "ONNXModel"


def test_static_discovery(plugin: Path) -> None:
    (plugin / "yolo_plugin" / "broken.py").write_text("import nothing_of_this_name\nclass (")
    actions = PluginDiscovery.discover_actions(str(plugin))
    assert [one["name"] for one in actions] == ["export", "train"]
    wanted = {
        "name": "train",
        "entrypoint": "yolo_plugin.actions:TrainAction",
        "input_type": "YOLODataset",
        "output_type": "ModelWeights",
    }
    assert wanted.items() <= actions[1].items()
    assert "yolo_plugin" not in sys.modules


def test_the_flow_of_a_run(plugin: Path) -> None:
    result = run_plugin(str(plugin), "train", {"epochs": 3}, mode="local")
    assert result.weights_path == "yolov8n.pt-3"
    assert not [name for name in sys.modules if name.startswith("plugbus_plugin_yolo_train")]
