"""The description of the Synapse SDK, block by block: where each is run, and what becomes of each name in it.

The examples are run in the files ``test_seed_000_*.py``, each for a part of the description; what no other file has
is run here. The table says where each block is, so that none is forgotten.
"""

from __future__ import annotations

import ast
import importlib
import re
from abc import ABC
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic

import pytest
from pydantic import BaseModel

from plugbus.capabilities import ActionPipeline, BaseAction, NoResult, TypeRegistry
from plugbus.capabilities.types import (
    COCODataset,
    Dataset,
    DataType,
    Model,
    ModelWeights,
    ONNXModel,
    YOLODataset,
)

HERE = Path(__file__)
COMING_FROM = HERE.parents[2] / "docs" / "reference" / "coming-from.md"

DRAWING = "a drawing: nothing to run"
RAY = "needs Ray"


@dataclass(frozen=True, slots=True)
class Block:
    """One block of code, table or drawing of the description.

    Args:
        line: Where it begins there.
        heading: What it stands under.
        tests: Where it is run: ``part::name of the test``, without what all names of files have in common.
        why_not: Why it is run nowhere.
    """

    line: int
    heading: str
    tests: tuple[str, ...] = ()
    why_not: str = ""


BLOCKS = (
    Block(11, "High-Level Overview", why_not=DRAWING),
    Block(44, "Component Interaction Flow", ("discovery::test_the_flow_of_a_run",)),
    Block(82, "Class Definition", ("synapse::test_the_base_class_has_the_shape_that_is_described",)),
    Block(118, "Generic Parameter Extraction", ("actions::test_the_parameter_model_is_extracted",)),
    Block(131, "Complete Implementation Example", ("actions::test_the_complete_example_trains",)),
    Block(237, "Structure", ("context::test_runtime_context_has_the_structure",)),
    Block(255, "Usage Patterns", ("context::test_usage_patterns",)),
    Block(299, "Loading Methods", ("context::test_loading_methods",)),
    Block(318, "Type-Safe Getters", ("context::test_type_safe_getters",)),
    Block(348, "ActionConfig", ("discovery::test_action_config_has_the_fields_of_the_description",)),
    Block(364, "PluginConfig", ("discovery::test_plugin_config_has_the_fields_of_the_description",)),
    Block(395, "config.yaml Example", ("discovery::test_the_example_of_a_configuration_is_read",)),
    Block(440, "BaseStep", ("steps::test_name_weight_and_execute_have_to_be_written",)),
    Block(474, "StepResult", ("steps::test_has_the_fields_and_defaults_that_are_described",)),
    Block(
        491, "Creating Custom Steps", ("steps::test_a_workflow_is_executed", "steps::test_a_step_is_skipped_and_counts")
    ),
    Block(599, "StepRegistry", ("steps::test_dynamic_insertion_removal_and_access",)),
    Block(626, "Orchestrator", ("steps::test_a_workflow_is_executed",)),
    Block(663, "Orchestrator Execution Flow", ("steps::test_a_failure_is_a_runtime_error_after_the_rollback",)),
    Block(703, "LoggingStep", ("steps::test_logging_step",)),
    Block(716, "TimingStep", ("steps::test_timing_step",)),
    Block(728, "ValidationStep", ("steps::test_validation_step",)),
    Block(754, "BaseTrainAction", ("specialised::test_a_training_with_steps_of_its_own",)),
    Block(783, "BaseExportAction", ("specialised::test_an_export_in_six_steps",)),
    Block(845, "Simple Execute Mode", ("specialised::test_an_export_in_simple_execute_mode",)),
    Block(865, "BaseUploadAction", ("specialised_2::test_upload_with_the_steps_of_the_example",)),
    Block(885, "BaseInferenceAction", ("specialised_2::test_inference_that_overrides_execute",)),
    Block(916, "DatasetAction", ("specialised::test_a_dataset_is_downloaded_and_converted",)),
    Block(951, "AddTaskDataAction", ("specialised_2::test_task_data_from_a_file",)),
    Block(980, "BaseServeDeployment", why_not=RAY),
    Block(1036, "LocalExecutor", ("actions::test_the_executor_returns_the_result_directly",)),
    Block(1059, "RayActorExecutor", why_not=RAY),
    Block(1087, "RayJobExecutor", why_not=RAY),
    Block(1126, "RayJobsApiExecutor", why_not=RAY),
    # With the executor of this process in the place of Ray's.
    Block(1154, "RayPipelineExecutor", ("pipelines::test_a_pipeline_is_submitted_watched_and_waited_for",)),
    Block(
        1191, "PluginDiscovery Class", ("discovery::test_the_discovery_class", "discovery::test_a_module_by_its_name")
    ),
    Block(1224, "UI Schema Generation", ("discovery::test_ui_schema_generation", "forms::test_get_action_ui_schema")),
    Block(1248, "Config Synchronization", ("discovery::test_config_synchronisation_on_the_class",)),
    Block(1263, "Static Discovery", ("discovery::test_static_discovery",)),
    Block(1284, "DataType Hierarchy", ("synapse::test_the_hierarchy_of_types",)),
    Block(1321, "Creating Custom Types", ("synapse::test_types_of_ones_own",)),
    Block(
        1338,
        "Pipeline Compatibility",
        ("pipelines::test_types_enable_automatic_validation", "synapse::test_types_of_ones_own"),
    ),
    Block(1351, "Directory Structure", ("synapse::test_every_name_of_the_description_is_here_or_in_the_docs",)),
)


def parsed(part: str) -> ast.Module:
    return ast.parse((HERE.parent / f"test_seed_000_{part}.py").read_text("utf-8"))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"{block.line}-{block.heading}")
def test_every_block_is_run_somewhere_or_has_a_reason(block: Block) -> None:
    assert bool(block.tests) + bool(block.why_not) == 1
    for place in block.tests:
        part, _, name = place.partition("::")
        nodes = ast.walk(parsed(part))
        assert name in {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}, place


def test_the_blocks_stand_in_the_order_of_the_description() -> None:
    lines = [block.line for block in BLOCKS]
    assert lines == sorted(set(lines))
    assert len(lines) == 42


# What there is to find under the name that it has in the description: module there to names.
IMPORTED = {
    "synapse_sdk.plugins": "BaseAction",
    "synapse_sdk.plugins.actions.add_task_data": "AddTaskDataAction AddTaskDataContext AddTaskDataMethod",
    "synapse_sdk.plugins.actions.dataset": "DatasetAction DatasetOperation DatasetParams",
    "synapse_sdk.plugins.actions.export": (
        "BaseExportAction ConvertDataStep ExportContext FetchResultsStep FinalizeStep InitializeStep PrepareExportStep "
        "SaveFilesStep"
    ),
    "synapse_sdk.plugins.actions.inference": (
        "BaseDeploymentAction BaseInferenceAction BaseServeDeployment InferenceContext"
    ),
    "synapse_sdk.plugins.actions.train": "BaseTrainAction TrainContext",
    "synapse_sdk.plugins.actions.upload": "BaseUploadAction UploadContext",
    "synapse_sdk.plugins.config": "ActionConfig PluginConfig",
    "synapse_sdk.plugins.context": "RuntimeContext",
    "synapse_sdk.plugins.context.env": "PluginEnvironment",
    "synapse_sdk.plugins.discovery": "PluginDiscovery",
    "synapse_sdk.plugins.enums": (
        "AnnotationCategory AnnotationType DataType PackageManager PluginCategory RunMethod SmartToolType"
    ),
    "synapse_sdk.plugins.executors": "LocalExecutor",
    "synapse_sdk.plugins.executors.ray": "RayActorExecutor RayJobExecutor RayJobsApiExecutor RayPipelineExecutor",
    "synapse_sdk.plugins.models.logger": "ActionProgress LogLevel PipelineProgress",
    "synapse_sdk.plugins.models.pipeline": "ActionStatus RunStatus",
    "synapse_sdk.plugins.pipelines": "ActionPipeline PipelineContext",
    "synapse_sdk.plugins.pipelines.action_pipeline": "ActionPipeline",
    "synapse_sdk.plugins.pipelines.context": "PipelineContext",
    "synapse_sdk.plugins.runner": "run_plugin",
    "synapse_sdk.plugins.schemas.results": "TrainResult WeightsResult",
    "synapse_sdk.plugins.steps": "BaseStep BaseStepContext Orchestrator StepRegistry StepResult",
    "synapse_sdk.plugins.steps.context": "BaseStepContext",
    "synapse_sdk.plugins.steps.orchestrator": "Orchestrator",
    "synapse_sdk.plugins.steps.registry": "StepRegistry",
    "synapse_sdk.plugins.steps.utils": "LoggingStep TimingStep ValidationStep",
    "synapse_sdk.plugins.types": "COCODataset DataType Dataset Model ModelWeights ONNXModel YOLODataset",
}
# What the description names without saying where it is imported from, or in a place that is another one here.
NAMED = (
    "BaseLogger", "BackendClient", "AgentClient", "BaseRayExecutor", "ExecutorProtocol", "NoResult",
    "RayTaskExecutor", "action", "action.py", "config.yaml", "datasets/converters", "datasets/formats",
    "decorators.py", "errors.py", "executors/local.py", "executors/ray/packaging.py", "pipelines/display.py",
    "steps/base.py", "steps/utils/logging.py", "templates/", "testing/sample_actions.py", "utils.py", "validate_result",
)  # fmt: skip


def home(module: str) -> str:
    """Return where a module of the description is here: its import root changed."""
    rest = module.removeprefix("synapse_sdk.plugins").lstrip(".")
    if rest in {"config", "discovery", "runner"}:
        return f"plugbus.loaders.{rest}"
    if rest == "executors":
        return "plugbus.plugins.local_executor"
    return f"plugbus.capabilities.{rest}".rstrip(".")


def is_there(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):  # something else is missing
            raise
        return False
    return True


def told() -> dict[str, str]:
    """Return what the docs say of names of the Synapse SDK: each word in code of the first column to the second."""
    text = COMING_FROM.read_text("utf-8").partition("## From the Synapse SDK")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", text, flags=re.MULTILINE)
    return {
        word: there
        for names, there in rows
        for code in re.findall(r"`([^`]+)`", names)
        for word in (code, *re.findall(r"[A-Za-z_]\w*", code))
    }


@pytest.mark.parametrize("module", IMPORTED)
def test_every_name_of_the_description_is_here_or_in_the_docs(module: str) -> None:
    here, known = home(module), told()
    found = importlib.import_module(here) if is_there(here) else None
    for name in IMPORTED[module].split():
        if not hasattr(found, name):
            assert name in known, f"{module}.{name} is neither in {here} nor in {COMING_FROM.name}"
            assert "the same" not in known[name], f"{name} is to be in {here}"


@pytest.mark.parametrize("name", NAMED)
def test_what_has_another_place_here_is_in_the_docs(name: str) -> None:
    assert name in told()


# Class Definition


def test_the_base_class_has_the_shape_that_is_described() -> None:
    assert issubclass(BaseAction, ABC)
    assert BaseAction.__abstractmethods__ == {"execute"}
    assert (BaseAction.action_name, BaseAction.category) == (None, None)
    assert (BaseAction.input_type, BaseAction.output_type) == (None, None)
    assert BaseAction.result_model is NoResult
    assert issubclass(BaseAction, Generic)  # a special form, which has subclasses all the same
    with pytest.raises(TypeError, match="abstract"):
        BaseAction()  # type: ignore[abstract,call-arg] # pyright: ignore[reportAbstractUsage, reportCallIssue] # that is tested


# Type System


def test_the_hierarchy_of_types() -> None:
    assert [one.name for one in (Dataset, YOLODataset, COCODataset)] == ["dataset", "yolo_dataset", "coco_dataset"]
    assert [one.name for one in (Model, ModelWeights, ONNXModel)] == ["model", "model_weights", "onnx_model"]
    assert [one.format for one in (Dataset, YOLODataset, COCODataset)] == [None, "yolo", "coco"]
    assert [one.format for one in (Model, ONNXModel)] == [None, "onnx"]
    types = (DataType, Dataset, YOLODataset, COCODataset, Model, ModelWeights, ONNXModel)
    assert [one.__bases__ for one in types[1:]] == [
        (DataType,), (Dataset,), (Dataset,), (DataType,), (Model,), (Model,)
    ]  # fmt: skip
    for one in types:
        assert issubclass(one, DataType)
        for other in types:
            assert one.is_compatible_with(other) is (issubclass(one, other) or issubclass(other, one))
    assert DataType.description == ""


class CustomDataset(DataType):
    name = "custom_dataset"
    format = "custom"
    description = "My custom dataset format"


class CustomModel(DataType):
    name = "custom_model"
    format = "custom"


class NoParams(BaseModel):
    pass


class MakeDataset(BaseAction[NoParams]):
    output_type = CustomDataset

    def execute(self) -> dict[str, str]:
        return {"made": "dataset"}


class TakeDataset(BaseAction[NoParams]):
    input_type = CustomDataset
    output_type = CustomModel

    def execute(self) -> str:
        return "model"


class TakeYolo(BaseAction[NoParams]):
    input_type: ClassVar[type[DataType] | None] = YOLODataset

    def execute(self) -> str:
        return "never"


def test_types_of_ones_own() -> None:
    registry = TypeRegistry()
    for one in (CustomDataset, CustomModel):
        registry.register(one)
        assert registry.get(one.name) is one
        assert not one.is_compatible_with(YOLODataset)
    assert CustomModel.description == ""
    assert ActionPipeline([MakeDataset, TakeDataset]).execute() == "model"
    with pytest.raises(ValueError, match=r"YOLODataset|yolo_dataset"):
        ActionPipeline([MakeDataset, TakeYolo])
