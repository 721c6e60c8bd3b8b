"""Upload, inference and task data of the Synapse SDK: every example of its description, in its order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import ActionCall, ProgressReported, ProjectDraft, TaskDraft, TaskStatus
from plugbus.capabilities.actions.add_task_data import (
    AddTaskDataAction,
    AddTaskDataContext,
    AddTaskDataMethod,
    AddTaskDataParams,
)
from plugbus.capabilities.actions.inference import (
    BaseDeploymentAction,
    BaseInferenceAction,
    InferenceContext,
)
from plugbus.capabilities.actions.upload import (
    BaseUploadAction,
    UploadContext,
    UploadedFile,
    UploadParams,
    ValidateFilesStep,
    VerifyUploadStep,
)
from plugbus.capabilities.steps import BaseStep, StepRegistry, StepResult

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugbus.kernel import Event
    from plugbus.plugins.fs_storage import FsStorage
    from plugbus.plugins.local_backend import LocalBackend


class UploadToS3Step(BaseStep[UploadContext]):
    """Sends to the storage of the host; in the description that is S3."""

    @property
    def name(self) -> str:
        return "upload_to_s3"

    @property
    def progress_weight(self) -> float:
        return 0.8

    def execute(self, context: UploadContext) -> StepResult:
        from pathlib import Path

        for group in context.organized_files:
            for role, file in group.files.items():
                path = Path(file.path)
                stored = context.current_storage.put(path, f"bucket/{path.name}")
                context.uploaded_files.append(UploadedFile(name=group.name, role=role, path=file.path, file=stored))
        return StepResult(data={"uploaded": len(context.uploaded_files)})


class S3UploadAction(BaseUploadAction[UploadParams]):
    def setup_steps(self, registry: StepRegistry[UploadContext]) -> None:
        registry.register(ValidateFilesStep())
        registry.register(UploadToS3Step())
        registry.register(VerifyUploadStep())


class InferenceParams(BaseModel):
    model_config = {"protected_namespaces": ()}

    model_path: str
    images: list[str]


class Model:
    def predict(self, image: str) -> str:
        return f"a cat in {image}"


def load_model(path: str) -> Model:
    return Model()


class YOLOInferenceAction(BaseInferenceAction[InferenceParams]):
    def execute(self) -> dict[str, Any]:
        # Load model
        self.set_progress(0, 100, category="model_download")
        model = load_model(self.params.model_path)
        self.set_progress(100, 100, category="model_download")

        # Run inference
        results = []
        images = self.params.images
        for i, image in enumerate(images):
            self.set_progress(i, len(images), category="inference")
            result = model.predict(image)
            results.append(result)

        return {"predictions": results}


class MyAddTaskDataAction(AddTaskDataAction[AddTaskDataParams]):
    # Built-in step workflows for FILE and INFERENCE methods
    # Automatically configured based on params.method
    pass


class Platform:
    """A backend and a storage, and what was published."""

    def __init__(self, backend: LocalBackend, storage: FsStorage) -> None:
        self.backend = backend
        self.storage = storage
        self.heard: list[Event] = []

    def run(self, action_cls: type[Any], **params: Any) -> Any:
        call = ActionCall(action_cls, params, client=self.backend, storage=self.storage)
        return call.run_here(self.heard.append)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    """Return a platform of the test's own."""
    pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')
    from plugbus.plugins.fs_storage import FsStorage
    from plugbus.plugins.local_backend import LocalBackend

    backend = LocalBackend(tmp_path / "backend.db", is_synced=False)
    yield Platform(backend, FsStorage((tmp_path / "storage").as_uri()))
    backend.close()


def test_upload_with_the_steps_of_the_example(platform: Platform, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "cat.png").write_bytes(b"cat")
    found = platform.run(S3UploadAction, path=str(folder))
    assert (found["success"], found["steps_executed"], found["uploaded_files"]) == (True, 3, 1)
    assert list(platform.storage.list("bucket")) == ["bucket/cat.png"]
    categories = {one.category for one in platform.heard if isinstance(one, ProgressReported)}
    assert {"validation", "finalization"} <= categories


def test_the_upload_context_has_the_fields_of_the_description() -> None:
    context = UploadContext()
    assert (context.organized_files, context.uploaded_files, context.data_units) == ([], [], [])
    assert [one.name for one in S3UploadAction.progress] == ["VALIDATION", "UPLOAD", "FINALIZATION"]


def test_inference_that_overrides_execute(platform: Platform) -> None:
    found = platform.run(YOLOInferenceAction, model_path="best.pt", images=["a.jpg", "b.jpg"])
    assert found == {"predictions": ["a cat in a.jpg", "a cat in b.jpg"]}
    told = [(one.category, one.current, one.total) for one in platform.heard if isinstance(one, ProgressReported)]
    assert told == [
        ("model_download", 0, 100),
        ("model_download", 100, 100),
        ("inference", 0, 2),
        ("inference", 1, 2),
    ]
    assert InferenceContext().results == []
    assert BaseDeploymentAction.context_class.__name__ == "DeploymentContext"


def test_task_data_from_a_file(platform: Platform, tmp_path: Path) -> None:
    project = platform.backend.create_project(ProjectDraft(name="cats"))
    (task,) = platform.backend.create_tasks(project.id, [TaskDraft()])
    (tmp_path / "known.json").write_text(json.dumps({str(task.id): {"label": "cat"}}))
    found = platform.run(
        MyAddTaskDataAction, project=project.id, method=AddTaskDataMethod.FILE, path=str(tmp_path / "known.json")
    )
    assert (found["success_count"], found["failed_count"]) == (1, 0)
    assert platform.backend.task(task.id).status is TaskStatus.ANNOTATED
    assert MyAddTaskDataAction.progress.ANNOTATE_TASK_DATA.value == "annotate_task_data"
    assert AddTaskDataContext().success_count == 0
    assert [one.name for one in AddTaskDataMethod] == ["FILE", "INFERENCE"]
