"""The specialised actions of the Synapse SDK: train, export, dataset; every example of its description in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')

from pydantic import BaseModel

from plugbus.capabilities import ActionCall, DatasetDraft, DataUnitDraft, GroundTruthDraft, ProgressReported
from plugbus.capabilities.actions.dataset import (
    DatasetAction,
    DatasetOperation,
    DatasetParams,
)
from plugbus.capabilities.actions.export import (
    BaseExportAction,
    ConvertDataStep,
    ExportContext,
    ExportParams,
    FetchResultsStep,
    FinalizeStep,
    InitializeStep,
    PrepareExportStep,
    SaveFilesStep,
)
from plugbus.capabilities.actions.train import BaseTrainAction, TrainContext
from plugbus.capabilities.schemas import ExportResult, TrainResult
from plugbus.capabilities.steps import BaseStep, StepRegistry, StepResult
from plugbus.plugins.fs_storage import FsStorage
from plugbus.plugins.local_backend import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugbus.capabilities import BaseAction, StoredFile
    from plugbus.kernel import Event


class Platform:
    """A backend and a storage of the test's own, and what jobs told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.backend = LocalBackend(folder / "backend.db", is_synced=False)
        self.storage = FsStorage((folder / "storage").as_uri())
        self.heard: list[Event] = []

    def run(self, action_cls: type[BaseAction[Any]], **params: Any) -> Any:
        env = {"PLUGBUS_CACHE_FOLDER": str(self.folder / "cache")}
        call = ActionCall(action_cls, params, job_id="job", env=env, client=self.backend, storage=self.storage)
        return call.run_here(self.heard.append)

    def put(self, name: str, content: bytes) -> StoredFile:
        local = self.folder / "local"
        local.write_bytes(content)
        return self.storage.put(local, name)

    def dataset(self) -> int:
        record = self.backend.create_dataset(DatasetDraft(name="cats"))
        drafts = [DataUnitDraft(name=f"cat{n}", files={"image": self.put(f"cat{n}.jpg", b"jpg%d" % n)}) for n in (1, 2)]
        for unit in self.backend.create_data_units(record.id, drafts):
            box = {"id": "b", "classification": "cat", "attrs": [], "data": [1, 2, 3, 4]}
            document = {"classification": {"bounding_box": ["cat"]}, "images": [{"bounding_box": [box]}]}
            draft = GroundTruthDraft(data_unit=unit.id, annotations=document)
            self.backend.create_ground_truths(record.id, [draft])
        return record.id

    def categories(self) -> set[str]:
        return {one.category for one in self.heard if isinstance(one, ProgressReported) and one.category}


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    made = Platform(tmp_path)
    yield made
    made.backend.close()


# BaseTrainAction


class TrainParams(BaseModel):
    epochs: int = 10
    folder: str


def step(label: str, work: Callable[[TrainContext], object]) -> BaseStep[TrainContext]:
    class TheStep(BaseStep[TrainContext]):
        @property
        def name(self) -> str:
            return label

        @property
        def progress_weight(self) -> float:
            return 0.25

        def execute(self, context: TrainContext) -> StepResult:
            work(context)
            return StepResult()

    return TheStep()


def prepare(context: TrainContext) -> None:
    context.dataset = [1.0, 2.0, 3.0]
    context.set_progress(1, 1, context.action.progress.DATASET)


def initialise(context: TrainContext) -> None:
    context.model = {"mean": 0.0}


def fit(context: TrainContext) -> None:
    for epoch in range(context.params.epochs):
        context.model["mean"] += (sum(context.dataset) / len(context.dataset) - context.model["mean"]) / 2
        context.set_progress(epoch + 1, context.params.epochs, context.action.progress.TRAIN)


def save(context: TrainContext) -> None:
    context.model_path = Path(context.params.folder) / "model.json"
    context.model_path.write_text(json.dumps(context.model))
    context.model_id = context.action.create_model(context.model_path, name="mean").id
    context.set_progress(1, 1, context.action.progress.MODEL_UPLOAD)


class MyTrainAction(BaseTrainAction[TrainParams]):
    def setup_steps(self, registry: StepRegistry[TrainContext]) -> None:
        """Override to register training steps."""
        registry.register(step("prepare_dataset", prepare))
        registry.register(step("init_model", initialise))
        registry.register(step("train", fit))
        registry.register(step("save_model", save))

    def execute(self) -> dict[str, Any]:
        # Base class handles step orchestration
        found: dict[str, Any] = super().execute()
        return found


def test_a_training_with_steps_of_its_own(platform: Platform) -> None:
    found = platform.run(MyTrainAction, folder=str(platform.folder))
    assert (found["steps_executed"], found["steps_total"]) == (4, 4)
    record = platform.backend.model(found["model_id"])
    assert record.file is not None
    with platform.storage.open(record.file.uri) as file:
        assert json.loads(file.read())["mean"] == pytest.approx(2, abs=0.01)
    assert {"dataset", "train", "model_upload"} <= platform.categories()


def test_a_training_that_says_how_to_train_and_nothing_else(platform: Platform) -> None:
    class Short(BaseTrainAction[TrainParams]):
        result_model = TrainResult

        def train(self, context: TrainContext) -> TrainResult:
            path = Path(self.params.folder) / "short.json"
            path.write_text("{}")
            return TrainResult(weights_path=str(path), final_epoch=self.params.epochs - 1)

    found = platform.run(Short, folder=str(platform.folder))
    assert found == TrainResult(weights_path=str(platform.folder / "short.json"), final_epoch=9)
    assert [one.name for one in platform.backend.models()] == [Short.__qualname__]


def test_a_training_that_overrides_execute_alone(platform: Platform) -> None:
    class Own(BaseTrainAction[TrainParams]):
        def execute(self) -> dict[str, Any]:
            return {"epochs": self.params.epochs}

    assert platform.run(Own, folder="") == {"epochs": 10}


# BaseExportAction


class MyExportAction(BaseExportAction[ExportParams]):
    def setup_steps(self, registry: StepRegistry[ExportContext]) -> None:
        registry.register(InitializeStep())
        registry.register(FetchResultsStep())
        registry.register(PrepareExportStep())
        registry.register(ConvertDataStep())
        registry.register(SaveFilesStep())
        registry.register(FinalizeStep())


def test_an_export_in_six_steps(platform: Platform) -> None:
    dataset = platform.dataset()
    found = platform.run(MyExportAction, name="out", target="ground_truth", filter={"dataset": dataset})
    assert (found["exported_count"], found["failed_count"], found["steps_executed"]) == (2, 0, 6)
    assert list(platform.storage.list("out")) == [
        "out/labels/cat1.json",
        "out/labels/cat2.json",
        "out/origin_files/cat1.jpg",
        "out/origin_files/cat2.jpg",
    ]
    assert {"fetch", "dataset_conversion", "original_file", "data_file"} <= platform.categories()


def test_an_export_with_a_declared_result(platform: Platform) -> None:
    class Declared(MyExportAction):
        result_model = ExportResult

    dataset = platform.dataset()
    found = platform.run(Declared, name="out", target="ground_truth", filter={"dataset": dataset})
    assert found == ExportResult(output_path=platform.storage.uri("out"), exported_count=2)


class ONNXParams(BaseModel):
    model_path: str
    output_path: str


class ONNXExportAction(BaseExportAction[ONNXParams]):
    def execute(self) -> dict[str, Any]:
        # Load model
        model = Path(self.params.model_path).read_bytes()

        # Export to ONNX
        self.set_progress(0, 100, category="export")
        output_path = Path(self.params.output_path)
        output_path.write_bytes(b"onnx:" + model)
        self.set_progress(100, 100, category="export")

        return {"output_path": str(output_path)}


def test_an_export_in_simple_execute_mode(platform: Platform) -> None:
    (platform.folder / "model.pt").write_bytes(b"weights")
    target = platform.folder / "model.onnx"
    found = platform.run(ONNXExportAction, model_path=str(platform.folder / "model.pt"), output_path=str(target))
    assert found == {"output_path": str(target)}
    assert target.read_bytes() == b"onnx:weights"
    assert "export" in platform.categories()


# DatasetAction


class MyDatasetAction(DatasetAction[DatasetParams]):
    def execute(self) -> dict[str, Any]:
        assert self.params.dataset is not None
        if self.params.operation == DatasetOperation.DOWNLOAD:
            # Download dataset from backend
            assert isinstance(self.params.dataset, int)
            dataset_path = self.download_dataset(self.params.dataset)
            return {"dataset_path": dataset_path}

        # Convert dataset to target format
        output_path = self.convert_dataset(self.params.dataset, self.params.target_format)
        return {"output_path": output_path, "format": self.params.target_format}


def test_a_dataset_is_downloaded_and_converted(platform: Platform) -> None:
    dataset = platform.dataset()
    path = platform.run(MyDatasetAction, operation="download", dataset=dataset)["dataset_path"]
    assert (path / "original_files" / "cat1.jpg").read_bytes() == b"jpg1"
    found = platform.run(MyDatasetAction, operation="convert", dataset=dataset, target_format="dm_v1")
    assert found["format"] == "dm_v1"
    assert (found["output_path"] / "json" / "cat2.json").is_file()
    assert {"dataset_download", "dataset_conversion"} <= platform.categories()
