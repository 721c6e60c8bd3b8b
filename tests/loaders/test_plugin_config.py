"""Configurations of plugins of actions: what they hold, and how they are told wrong."""

from __future__ import annotations

import pickle
import platform
from contextlib import suppress
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from plugbus.capabilities import (
    AnnotationCategory,
    AnnotationType,
    MediaType,
    PackageManager,
    PluginCategory,
    RunMethod,
    SmartToolType,
    YOLODataset,
)
from plugbus.loaders import DocumentError, parse_document, validate
from plugbus.loaders.config import (
    ActionConfig,
    ConfigNotFoundError,
    PluginConfig,
    PluginRequires,
    RequirementsError,
    check_requirements,
    default_method,
    installed_cuda,
    read_config,
)

if TYPE_CHECKING:
    from pathlib import Path

LEAST = "name: Train\ncode: train\ncategory: custom\n"


def read(text: str) -> PluginConfig:
    return validate(PluginConfig, parse_document(dedent(text), "config.yaml"))


def faults(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read(text)
    return [str(one) for one in caught.value.faults]


def plugin(**others: object) -> PluginConfig:
    return PluginConfig.model_validate({"name": "Train", "code": "train", "category": "custom", **others})


def test_a_configuration_needs_a_name_a_code_and_a_category_alone() -> None:
    config = read(LEAST)
    assert config == PluginConfig(name="Train", code="train", category=PluginCategory.CUSTOM)
    assert config.version == "0.1.0"
    assert config.package_manager is PackageManager.PIP
    assert config.wheels_dir == "wheels"
    assert (config.env, config.runtime_env, config.tasks, config.actions) == ({}, {}, [], {})
    assert (config.data_type, config.annotation_category, config.annotation_type, config.smart_tool) == (None,) * 4
    assert faults("{}") == [f"config.yaml:1:1: missing key '{key}'" for key in ("name", "code", "category")]


def test_every_key_is_read() -> None:
    config = read("""
        name: Everything
        code: everything
        version: "1.2.0"
        variant: lig
        category: smart_tool
        description: All of it.
        readme: docs/README.md
        tags: [a, b]
        package_manager: uv
        package_manager_options: [--no-cache]
        wheels_dir: deps
        requires: {sdk: ">=0.1", python: ">=3.11", cuda: true}
        dependencies: {other: ^1.2}
        env: {MAX_EPOCHS: 300, NESTED: {a: [1, 2]}}
        runtime_env: {pip: [torch]}
        data_type: image
        supported_data_types: [image, video]
        tasks: [image.object_detection]
        annotation_category: image
        annotation_type: bbox
        supported_annotation_tools: [bounding_box]
        smart_tool: semi_automatic
        actions:
          infer: {name: Infer, entrypoint: a.b:C, method: serve, serve_options: {num_replicas: 2}}
    """)
    assert config.variant == "lig"
    assert config.requires == PluginRequires(sdk=">=0.1", python=">=3.11", cuda="*")
    assert config.dependencies == {"other": "^1.2"}
    assert config.env == {"MAX_EPOCHS": 300, "NESTED": {"a": [1, 2]}}
    assert config.data_type is MediaType.IMAGE
    assert config.supported_data_types == [MediaType.IMAGE, MediaType.VIDEO]
    assert config.annotation_category is AnnotationCategory.IMAGE
    assert config.annotation_type is AnnotationType.BBOX
    assert config.smart_tool is SmartToolType.SEMI_AUTOMATIC
    assert config.actions["infer"].method is RunMethod.SERVE
    assert config.actions["infer"].serve_options == {"num_replicas": 2}


def test_upstream_spellings_mean_the_same() -> None:
    config = read(LEAST + "smart_tool_type: interactive\nsupported_data_type: image\n")
    assert config.smart_tool is SmartToolType.INTERACTIVE
    assert config.supported_data_types == [MediaType.IMAGE]
    assert plugin(smart_tool="automatic").smart_tool is SmartToolType.AUTOMATIC


def test_an_entry_that_is_only_text_is_an_entrypoint() -> None:
    action = read(LEAST + "actions: {train: plugin.train.TrainAction}\n").actions["train"]
    assert action == ActionConfig(name="train", entrypoint="plugin.train.TrainAction")
    assert action.target == "plugin.train:TrainAction"
    assert action.method is RunMethod.TASK


def test_the_key_is_the_name_where_none_is_given_and_an_entrypoint_may_be_left_out() -> None:
    action = read(LEAST + "actions: {train: {method: job}}\n").actions["train"]
    assert (action.name, action.entrypoint, action.target) == ("train", "", "")


@pytest.mark.parametrize("entrypoint", ["a.b:C", "a.b.C", "a:C.D", "paket.trän:Aktion"])
def test_both_forms_of_entrypoints_are_taken(entrypoint: str) -> None:
    assert ":" in ActionConfig(name="x", entrypoint=entrypoint).target


@pytest.mark.parametrize("entrypoint", ["train", "a b:C", ":C", "a:", "a..b:C", "a:b:c", "1a:C", "a/b:C"])
def test_other_entrypoints_are_refused(entrypoint: str) -> None:
    with pytest.raises(ValidationError, match="write module:Class"):
        ActionConfig(name="x", entrypoint=entrypoint)


def test_a_type_of_data_may_be_given_as_a_class_and_a_schema_is_a_class() -> None:
    class Params(BaseModel):
        epochs: int = 1

    made = ActionConfig.model_validate(
        {"name": "x", "entrypoint": "a:B", "input_type": YOLODataset, "params_schema": Params}
    )
    assert made.input_type == "YOLODataset"
    assert made.params_schema is Params
    assert faults(LEAST + "actions: {train: {params_schema: 'a:Params'}}\n") == [
        (
            "config.yaml:4:34: actions.train.params_schema: a file cannot hold a class; leave it out, "
            "the action's own class names its parameters"
        )
    ]


def test_all_faults_are_told_at_once_with_their_places_and_near_names() -> None:
    found = faults("""
        name: X
        code: yolo train
        version: 1.0
        categori: neural_net
        data_type: picture
        actions:
          b: {entrypoint: "a b", metod: job}
          c: {method: local}
        requires: {python: 3.11}
    """)
    assert found == [
        "config.yaml:2:1: missing key 'category'",
        "config.yaml:3:7: code: an id is a letter, then up to 127 letters, digits, '_', '.' or '-'",
        'config.yaml:4:10: version: expected text, not the number 1.0; quote it: "1.0"',
        "config.yaml:5:1: categori: unknown key 'categori'; did you mean 'category'?",
        "config.yaml:6:12: data_type: should be 'image', 'text', 'video', 'pcd', 'audio' or 'data'",
        "config.yaml:8:19: actions.b.entrypoint: write module:Class, such as plugin.train:TrainAction, or module.Class",
        "config.yaml:8:26: actions.b.metod: unknown key 'metod'; did you mean 'method'?",
        "config.yaml:9:15: actions.c.method: should be 'job', 'task', 'serve' or 'restapi'",
        'config.yaml:10:20: requires.python: expected text, not the number 3.11; quote it: "3.11"',
    ]


@pytest.mark.parametrize("text", ["", "[]", "text", "actions: []", "actions: {a: []}", "actions: {a: 1}", "actions: 1"])
def test_other_shapes_are_refused_as_documents(text: str) -> None:
    assert faults(text if text.startswith(("[", "t")) or not text else LEAST + text)


def test_values_are_frozen_and_travel() -> None:
    config = plugin(actions={"train": "a:B"})
    with pytest.raises(ValidationError, match="frozen"):
        config.code = "other"
    assert pickle.loads(pickle.dumps(config)) == config  # noqa: S301 - our own
    assert PluginConfig.model_validate(config.model_dump()) == config


def test_usual_names_have_usual_methods() -> None:
    assert default_method("train") is RunMethod.JOB
    assert default_method("inference") is RunMethod.SERVE
    assert default_method("anything") is RunMethod.TASK


def test_a_configuration_is_read_from_its_file_or_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(LEAST)
    found = read_config(tmp_path)
    assert found == read_config(str(tmp_path / "config.yaml"))
    assert found.folder == tmp_path
    assert str(found.fault(("actions", "train"), "wrong")).endswith("config.yaml:1:1: actions.train: wrong")


def test_a_place_without_a_configuration_says_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigNotFoundError, match=r"the folder has no config\.yaml; write one") as caught:
        read_config(tmp_path)
    assert isinstance(caught.value, FileNotFoundError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own
    (tmp_path / "synapse.yaml").touch()
    with pytest.raises(ConfigNotFoundError, match=r"rename synapse\.yaml"):
        read_config(tmp_path)
    with pytest.raises(ConfigNotFoundError, match="no such file or folder"):
        read_config(tmp_path / "nowhere")


def test_what_an_environment_lacks_is_told_all_at_once() -> None:
    config = plugin(
        requires={"sdk": ">=99", "python": "<3", "cuda": ">=12.4"},
        dependencies={"digit": "^1", "data": "^2", "ok": "*"},
    )
    with pytest.raises(RequirementsError) as caught:
        check_requirements(config, {"digits": "1.0.0", "data": "1.5.0", "ok": "1.0.0"}, find_cuda=lambda: "12.2.0")
    assert len(caught.value.faults) == 5
    text = str(caught.value)
    assert text.startswith("cannot run plugin 'train': it needs plugbus >=99, and this is ")
    assert f"it needs Python <3, and this is {platform.python_version()}" in text
    assert "it needs CUDA >=12.4, and the driver of this machine can run 12.2.0" in text
    assert "it depends on plugin 'digit' ^1, which is not there (did you mean 'digits'?)" in text
    assert "it depends on plugin 'data' ^2, and there is 1.5.0" in text
    assert str(pickle.loads(pickle.dumps(caught.value))) == text  # noqa: S301 - our own


def test_an_environment_that_has_everything_passes_and_cuda_is_asked_for_only_if_needed() -> None:
    asked: list[str] = []

    def find() -> str:
        asked.append("asked")
        return "12.4.0"

    check_requirements(plugin(requires={"sdk": ">=0.1", "python": ">=3.11"}), find_cuda=find)
    assert not asked
    check_requirements(plugin(requires={"cuda": True}, dependencies={"a": "^1"}), {"a": "1.1.0"}, find_cuda=find)
    assert asked == ["asked"]
    with pytest.raises(RequirementsError, match="has no CUDA driver"):
        check_requirements(plugin(requires={"cuda": ">=11"}), find_cuda=lambda: None)


def test_the_cuda_of_this_machine_is_a_version_or_nothing() -> None:
    found = installed_cuda()
    assert found is None or found.count(".") == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from([*PluginConfig.model_fields, "smart_tool_type", "x"])


@settings(deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=5))
def test_any_document_is_read_or_refused_with_places(data: dict[str, object]) -> None:
    text = yaml.safe_dump(data, allow_unicode=True)
    with suppress(DocumentError):
        config = validate(PluginConfig, parse_document(text, "config.yaml"))
        assert PluginConfig.model_validate(config.model_dump()) == config
