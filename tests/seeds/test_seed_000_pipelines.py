"""The pipelines of the Synapse SDK: the examples of its description, in its order, and what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import BaseModel

from plugbus.capabilities import BaseAction, PipelineDefinitionError
from plugbus.capabilities.models.logger import ActionProgress, LogLevel, PipelineProgress
from plugbus.capabilities.models.pipeline import ActionStatus, RunStatus
from plugbus.capabilities.pipelines import ActionPipeline, PipelineContext
from plugbus.capabilities.types import DataType, ModelWeights, YOLODataset
from plugbus.plugins.local_executor import LocalPipelineExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator


class DownloadParams(BaseModel):
    dataset: int


class Downloaded(BaseModel):
    path: Path


class DownloadAction(BaseAction[DownloadParams]):
    result_model = Downloaded
    output_type = YOLODataset

    def execute(self) -> Downloaded:
        assert self.ctx.pipeline is not None
        path = self.ctx.pipeline.datasets_dir / str(self.params.dataset)
        path.write_text("images")
        return Downloaded(path=path)


class PathParams(BaseModel):
    path: Path


class PreprocessAction(BaseAction[PathParams]):
    result_model = Downloaded
    input_type = YOLODataset
    output_type = YOLODataset

    def execute(self) -> Downloaded:
        self.params.path.write_text(self.params.path.read_text().upper())
        return Downloaded(path=self.params.path)


class Weights(BaseModel):
    weights_path: Path


class TrainAction(BaseAction[PathParams]):
    result_model = Weights
    input_type = YOLODataset
    output_type = ModelWeights

    def execute(self) -> Weights:
        assert self.ctx.pipeline is not None
        weights = self.ctx.pipeline.models_dir / "best.pt"
        weights.write_text(f"trained on {self.params.path.read_text()}")
        return Weights(weights_path=weights)


class ExportParams(BaseModel):
    weights_path: Path


class ExportAction(BaseAction[ExportParams]):
    input_type = ModelWeights

    def execute(self) -> dict[str, str]:
        return {"exported": self.params.weights_path.read_text()}


@pytest.fixture
def executor(tmp_path: Path) -> Iterator[LocalPipelineExecutor]:
    executor = LocalPipelineExecutor(base_path=tmp_path)
    yield executor
    executor.shutdown()


def test_a_pipeline_is_submitted_watched_and_waited_for(executor: LocalPipelineExecutor) -> None:
    # Define pipeline
    pipeline = ActionPipeline([
        DownloadAction,
        PreprocessAction,
        TrainAction,
        ExportAction,
    ])  # fmt: skip

    # Submit pipeline
    run_id = pipeline.submit({"dataset": 123}, executor)

    # Monitor progress
    progress = executor.get_progress(run_id)
    assert isinstance(progress, PipelineProgress)

    # Wait for result
    result = pipeline.wait(run_id, executor)
    assert result == {"exported": "trained on IMAGES"}
    progress = executor.get_progress(run_id)
    assert progress.status is RunStatus.COMPLETED
    assert {one.status for one in progress.actions.values()} == {ActionStatus.COMPLETED}
    assert all(isinstance(one, ActionProgress) for one in progress.actions.values())


def test_types_enable_automatic_validation() -> None:
    class CustomDataset(DataType):
        name = "custom_dataset"
        format = "custom"
        description = "My custom dataset format"

    class Action1(BaseAction[DownloadParams]):
        result_model = Downloaded
        output_type = CustomDataset

        def execute(self) -> Downloaded:
            return Downloaded(path=Path("custom"))

    with pytest.raises(PipelineDefinitionError, match="it takes yolo_dataset, and no action before it makes that"):
        ActionPipeline([Action1, TrainAction])
    assert repr(ActionPipeline([DownloadAction, TrainAction])) == "ActionPipeline(DownloadAction | TrainAction)"


def test_the_names_of_its_folders_are_there(tmp_path: Path) -> None:
    assert LogLevel.INFO.value == "info"
    context = PipelineContext("pipeline", base_path=tmp_path)
    assert context.work_dir.is_dir()
