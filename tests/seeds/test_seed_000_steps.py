"""The step system of the Synapse SDK: every example of its description, in its order, and what it promises."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import BaseStepContext as FaceContext
from plugbus.capabilities import EventLogged, ProgressReported, RuntimeContext
from plugbus.capabilities.steps import BaseStep, BaseStepContext, Orchestrator, StepRegistry, StepResult
from plugbus.capabilities.steps.utils import LoggingStep, TimingStep, ValidationStep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from plugbus.kernel import Event

storage: dict[str, bytes] = {}
database: list[list[str]] = []
refused: set[str] = set()


def upload_to_storage(path: str) -> str:
    url = f"s3://bucket/{Path(path).name}"
    if url in refused:
        raise ConnectionError(f"{url} is refused")
    storage[url] = Path(path).read_bytes()
    return url


def delete_from_storage(url: str) -> None:
    del storage[url]


def register_uploads(urls: list[str]) -> None:
    database.append(list(urls))


@pytest.fixture(autouse=True)
def empty_world() -> Iterator[None]:
    yield
    storage.clear()
    database.clear()
    refused.clear()


# 1. Define context with shared state
@dataclass
class UploadContext(BaseStepContext):
    """Context for upload workflow."""

    files: list[str] = field(default_factory=list)
    uploaded_urls: list[str] = field(default_factory=list)
    total_bytes: int = 0


# 2. Implement steps
class ValidateFilesStep(BaseStep[UploadContext]):
    @property
    def name(self) -> str:
        return "validate_files"

    @property
    def progress_weight(self) -> float:
        return 0.1  # 10% of workflow

    def execute(self, context: UploadContext) -> StepResult:
        # Validate each file exists
        missing = []
        for path in context.files:
            if not os.path.exists(path):  # noqa: PTH110 - as it is described
                missing.append(path)

        if missing:
            return StepResult(
                success=False,
                error=f"Missing files: {missing}",
            )

        # Calculate total size
        context.total_bytes = sum(
            os.path.getsize(f)  # noqa: PTH202 - as it is described
            for f in context.files
        )

        return StepResult(
            success=True,
            data={"total_bytes": context.total_bytes},
        )


class UploadFilesStep(BaseStep[UploadContext]):
    @property
    def name(self) -> str:
        return "upload_files"

    @property
    def progress_weight(self) -> float:
        return 0.8  # 80% of workflow

    def execute(self, context: UploadContext) -> StepResult:
        uploaded = []

        for i, path in enumerate(context.files):
            # Report per-file progress
            context.set_progress(i, len(context.files))

            url = upload_to_storage(path)
            uploaded.append(url)
            context.uploaded_urls.append(url)

        return StepResult(
            success=True,
            data={"urls": uploaded},
            rollback_data={"urls": uploaded},  # For cleanup
        )

    def rollback(self, context: UploadContext, result: StepResult) -> None:
        # Clean up uploaded files on failure
        for url in result.rollback_data.get("urls", []):
            try:
                delete_from_storage(url)
            except Exception:  # noqa: BLE001 - as it is described
                context.errors.append(f"Failed to delete: {url}")


class FinalizeStep(BaseStep[UploadContext]):
    @property
    def name(self) -> str:
        return "finalize"

    @property
    def progress_weight(self) -> float:
        return 0.1  # 10% of workflow

    def can_skip(self, context: UploadContext) -> bool:
        # Skip if nothing was uploaded
        return len(context.uploaded_urls) == 0

    def execute(self, context: UploadContext) -> StepResult:
        # Register uploads in database
        register_uploads(context.uploaded_urls)

        return StepResult(
            success=True,
            data={"finalized": True},
        )


class Other(BaseStep[UploadContext]):
    """A step that the description only names."""

    def __init__(self, name: str, execute: Callable[[UploadContext], StepResult] = lambda _: StepResult()) -> None:
        self._name = name
        self._execute = execute

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return 0.5

    def execute(self, context: UploadContext) -> StepResult:
        return self._execute(context)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    for name, size in (("file1.jpg", 10), ("file2.jpg", 32)):
        (tmp_path / name).write_bytes(b"x" * size)
    return [str(tmp_path / name) for name in ("file1.jpg", "file2.jpg")]


@pytest.fixture
def registry() -> StepRegistry[UploadContext]:
    registry = StepRegistry[UploadContext]()
    registry.register(ValidateFilesStep())
    registry.register(UploadFilesStep())
    registry.register(FinalizeStep())
    return registry


def test_the_names_are_those_of_the_face() -> None:
    assert FaceContext is BaseStepContext


class TestBaseStep:
    def test_name_weight_and_execute_have_to_be_written(self) -> None:
        assert BaseStep.__abstractmethods__ == {"name", "progress_weight", "execute"}
        with pytest.raises(TypeError, match="abstract"):
            BaseStep()  # type: ignore[abstract] # that is what is tested

    def test_can_skip_and_rollback_may_be_left_out(self) -> None:
        step = ValidateFilesStep()
        assert step.can_skip(UploadContext()) is False
        assert step.rollback(UploadContext(), StepResult()) is None


class TestStepResult:
    def test_has_the_fields_and_defaults_that_are_described(self) -> None:
        result = StepResult()
        assert (result.success, result.data, result.error, result.rollback_data, result.skipped) == (
            True, {}, None, {}, False
        )  # fmt: skip
        assert [one.name for one in fields(StepResult)] == [
            "success", "data", "error", "rollback_data", "skipped", "timestamp"
        ]  # fmt: skip


class TestStepRegistry:
    def test_dynamic_insertion_removal_and_access(self, registry: StepRegistry[UploadContext]) -> None:
        registry.insert_after("validate_files", Other("compression"))
        registry.insert_before("finalize", Other("verify"))
        steps = registry.get_steps()
        assert [one.name for one in steps] == ["validate_files", "compression", "upload_files", "verify", "finalize"]
        registry.unregister("compression")
        assert [one.name for one in registry.get_steps()] == ["validate_files", "upload_files", "verify", "finalize"]
        steps.clear()
        assert len(registry.get_steps()) == 4, "get_steps returns a copy"
        assert registry.total_weight == pytest.approx(1.5)


class TestOrchestrator:
    def test_a_workflow_is_executed(self, registry: StepRegistry[UploadContext], files: list[str]) -> None:
        lines: list[str] = []
        context = UploadContext(runtime_ctx=RuntimeContext(), files=files)

        def on_progress(current: int, total: int) -> None:
            lines.append(f"Progress: {current}/{total}%")

        orchestrator = Orchestrator(
            registry=registry,
            context=context,
            progress_callback=on_progress,
        )
        result = orchestrator.execute()
        assert result == {"success": True, "steps_executed": 3, "steps_total": 3}
        assert lines == ["Progress: 10/100%", "Progress: 90/100%", "Progress: 100/100%"]
        assert context.uploaded_urls == ["s3://bucket/file1.jpg", "s3://bucket/file2.jpg"]
        assert context.total_bytes == 42
        assert database == [context.uploaded_urls]
        assert [one.data for one in context.step_results] == [
            {"total_bytes": 42}, {"urls": context.uploaded_urls}, {"finalized": True}
        ]  # fmt: skip
        assert context.current_step is None

    def test_a_failure_is_a_runtime_error_after_the_rollback(
        self, registry: StepRegistry[UploadContext], files: list[str]
    ) -> None:
        def fail(context: UploadContext) -> StepResult:
            assert set(storage) == set(context.uploaded_urls)
            raise OSError("the database is down")

        registry.insert_before("finalize", Other("verify", fail))
        context = UploadContext(files=files)
        printed = ""
        try:
            Orchestrator(registry=registry, context=context).execute()
        except RuntimeError as e:
            printed = f"Workflow failed: {e}"
            # Rollback already performed automatically
            assert storage == {}
        assert printed == "Workflow failed: Step 'verify' failed: the database is down"
        assert context.errors == []
        assert database == []

    def test_missing_files_fail_the_first_step(self, registry: StepRegistry[UploadContext]) -> None:
        context = UploadContext(files=["/nowhere/file1.jpg"])
        with pytest.raises(
            RuntimeError, match=r"Step 'validate_files' failed: Missing files: \['/nowhere/file1.jpg'\]"
        ):
            Orchestrator(registry, context).execute()
        assert [one.success for one in context.step_results] == [False]

    def test_a_step_is_skipped_and_counts(self, registry: StepRegistry[UploadContext]) -> None:
        seen: list[int] = []
        context = UploadContext()
        result = Orchestrator(registry, context, lambda current, _: seen.append(current)).execute()
        assert result == {"success": True, "steps_executed": 2, "steps_total": 3}
        assert seen == [10, 90, 100]
        assert context.step_results[-1].skipped

    def test_progress_inside_a_step_is_of_that_step(
        self, registry: StepRegistry[UploadContext], files: list[str]
    ) -> None:
        events: list[Event] = []
        Orchestrator(registry, UploadContext(runtime_ctx=RuntimeContext(publish=events.append), files=files)).execute()
        told = [(one.current, one.category) for one in events if isinstance(one, ProgressReported)]
        assert told == [(10, None), (0, "upload_files"), (1, "upload_files"), (90, None), (100, None)]


class TestUtilitySteps:
    @staticmethod
    def logged(step: BaseStep[UploadContext], files: list[str]) -> tuple[list[tuple[str, dict[str, Any]]], StepResult]:
        events: list[Event] = []
        context = UploadContext(runtime_ctx=RuntimeContext(publish=events.append), files=files)
        registry = StepRegistry[UploadContext]()
        registry.register(step)
        Orchestrator(registry, context).execute()
        logs = [(one.name, dict(one.data)) for one in events if isinstance(one, EventLogged)]
        return logs, context.step_results[0]

    def test_logging_step(self, files: list[str]) -> None:
        logged_upload = LoggingStep(UploadFilesStep())
        (start, end), _ = self.logged(logged_upload, files)
        assert start == ("step_start", {"step": "logged_upload_files"})
        assert end[0] == "step_end"
        assert end[1].pop("elapsed") >= 0
        assert end[1] == {"step": "logged_upload_files", "success": True, "skipped": False}

    def test_timing_step(self, files: list[str]) -> None:
        timed_upload = TimingStep(UploadFilesStep())
        _, result = self.logged(timed_upload, files)
        assert result.data["duration_seconds"] >= 0
        assert len(result.data["urls"]) == 2

    def test_validation_step(self) -> None:
        def validate_files_exist(context: UploadContext) -> tuple[bool, str | None]:
            if not context.files:
                return False, "No files provided"
            return True, None

        validate_step = ValidationStep(
            validator=validate_files_exist,
            name="validate_input",
            progress_weight=0.05,
        )
        assert validate_step.progress_weight == 0.05
        registry = StepRegistry[UploadContext]()
        registry.register(validate_step)
        with pytest.raises(RuntimeError, match="Step 'validate_input' failed: No files provided"):
            Orchestrator(registry, UploadContext()).execute()
        assert Orchestrator(registry, UploadContext(files=["x"])).execute()["success"]


def test_a_step_that_fails_half_way_cleans_up_itself_as_is_documented(
    registry: StepRegistry[UploadContext], files: list[str]
) -> None:
    refused.add("s3://bucket/file2.jpg")
    context = UploadContext(files=files)
    with pytest.raises(RuntimeError, match=r"file2\.jpg is refused"):
        Orchestrator(registry, context).execute()
    # Its rollback is for what it finished: the first file is left for the step itself.
    assert list(storage) == ["s3://bucket/file1.jpg"]
