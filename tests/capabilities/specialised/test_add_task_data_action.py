"""Annotating tasks: from files, by inference, failures of single tasks, what goes on after a kill."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from plugbus.capabilities import (
    AddTaskDataAction,
    AddTaskDataContext,
    AddTaskDataMethod,
    AddTaskDataParams,
    AnnotationFileError,
    DatasetDraft,
    DataUnitDraft,
    NothingAnnotatedError,
    ParamsError,
    ProjectDraft,
    StepFailedError,
    StepRegistry,
    TaskDraft,
    TaskFilterError,
    TaskStatus,
    ToTaskAction,
)
from plugbus.plugins.local_backend import LocalBackend

from .test_upload_action import NoWait

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from plugbus.capabilities import CancellationToken, TaskRecord

    from .world import World


class Annotate(AddTaskDataAction[AddTaskDataParams]):
    action_name = "annotate"
    clock: ClassVar[NoWait] = NoWait()

    def make_context(self) -> AddTaskDataContext:
        context = super().make_context()
        context.clock = self.clock
        return context


class Measure(Annotate):
    """Its model is a number in a file; it adds."""

    asked: ClassVar[list[list[int]]] = []

    def load_model(self, path: Path | None) -> Any:
        return 100

    def make_input(self, task_data: Mapping[str, Any]) -> Any:
        return task_data["files"]["image"]["size"]

    def infer(self, model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
        self.asked.append(list(inputs))
        return [model + one for one in inputs]

    def convert_data_from_inference(self, inference_data: Any, task_data: Mapping[str, Any]) -> Any:
        return {"size": inference_data, "of": task_data["name"]}


def open_tasks(world: World, count: int) -> int:
    """Make a project with an open task for each data unit, whose files are an image and its labels."""
    dataset = world.client.create_dataset(DatasetDraft(name="data"))
    drafts = [
        DataUnitDraft(
            name=f"cat_{number:02d}",
            files={
                "image": world.put(f"data/cat_{number:02d}.png", b"x" * (number + 1)),
                "labels": world.put(f"data/cat_{number:02d}.json", json.dumps({"label": number}).encode()),
            },
        )
        for number in range(count)
    ]
    units = world.client.create_data_units(dataset.id, drafts)
    project = world.client.create_project(ProjectDraft(name="project"))
    world.client.create_tasks(project.id, [TaskDraft(data_unit=one.id) for one in units])
    return project.id


def tasks_of(world: World, project: int) -> list[TaskRecord]:
    return list(world.client.tasks(project))


def test_tasks_are_annotated_from_one_file(world: World, tmp_path: Path) -> None:
    project = open_tasks(world, 3)
    first = tasks_of(world, project)[0]
    path = tmp_path / "known.json"
    path.write_text(json.dumps({str(first.id): {"a": 1}, "cat_01": {"a": 2}}))
    found = world.run(Annotate, project=project, path=str(path))
    assert (found["status"], found["total_tasks"], found["success_count"], found["failed_count"]) == (
        "partial",
        3,
        2,
        1,
    )
    assert [(one.annotations, one.status.value) for one in tasks_of(world, project)] == [
        ({"a": 1}, "annotated"),
        ({"a": 2}, "annotated"),
        (None, "open"),
    ]
    assert found["failures"][0]["error"] == "the file has nothing for 'cat_02'"
    assert found["steps_executed"] == 4


@pytest.mark.parametrize("name", ["known.json", "known.jsonl"])
def test_a_list_names_its_tasks(world: World, tmp_path: Path, name: str) -> None:
    project = open_tasks(world, 2)
    task = tasks_of(world, project)[0].id
    entries = [{"task": task, "annotations": {"a": 1}}, {"name": "cat_01", "annotations": {"a": 2}}]
    text = "\n".join(map(json.dumps, entries)) if name.endswith("l") else json.dumps(entries)
    (tmp_path / name).write_text(text)
    found = world.run(Annotate, project=project, path=str(tmp_path / name))
    assert (found["status"], found["success_count"]) == ("completed", 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting"),
        ("5", "it is a int"),
        ("[1, {}]", "entry 1: it needs 'annotations'.*entry 2"),
        ('[{"name": "a", "annotations": {}}, {"name": "a", "annotations": {}}]', "another one of 'a'"),
    ],
)
def test_a_bad_file_is_refused(world: World, tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(StepFailedError, match=message) as failed:
        world.run(Annotate, project=open_tasks(world, 1), path=str(path))
    assert isinstance(failed.value.__cause__, AnnotationFileError)


def test_a_file_that_is_missing_and_a_bad_filter_are_named(world: World, tmp_path: Path) -> None:
    project = open_tasks(world, 1)
    with pytest.raises(StepFailedError, match="there is no such file"):
        world.run(Annotate, project=project, path=str(tmp_path / "no.json"))
    with pytest.raises(StepFailedError, match=r"status: it is 'opn'.*colour|colour.*status") as failed:
        world.run(
            Annotate,
            project=project,
            target_specification_name="labels",
            task_filters={"status": "opn", "colour": 1},
        )
    assert isinstance(failed.value.__cause__, TaskFilterError)
    with pytest.raises(ParamsError, match="say either path or target_specification_name"):
        world.run(Annotate, project=project)


def test_tasks_are_annotated_from_the_files_of_their_data_units(world: World) -> None:
    project = open_tasks(world, 3)
    given: list[tuple[str, str]] = []

    class Shown(Annotate):
        def convert_data_from_file(
            self,
            primary_file_url: str,
            primary_file_original_name: str,
            data_file_url: str,
            data_file_original_name: str,
            task_data: Mapping[str, Any],
        ) -> Any:
            given.append((primary_file_original_name, data_file_original_name))
            return super().convert_data_from_file(
                primary_file_url, primary_file_original_name, data_file_url, data_file_original_name, task_data
            )

    found = world.run(Shown, project=project, target_specification_name="labels")
    assert found["success_count"] == 3
    assert given[1] == ("cat_01.png", "cat_01.json")
    assert [one.annotations for one in tasks_of(world, project)] == [{"label": number} for number in range(3)]
    again = world.run(Shown, project=project, target_specification_name="labels")
    assert again["total_tasks"] == 0, "no task is open any more"
    everything = world.run(Shown, project=project, target_specification_name="labels", task_filters={})
    assert everything["total_tasks"] == 3


def test_tasks_are_annotated_by_inference_in_batches(world: World) -> None:
    Measure.asked.clear()
    project = open_tasks(world, 5)
    found = world.run(Measure, project=project, method="inference", batch_size=2)
    assert (found["success_count"], found["steps_executed"]) == (5, 4)
    assert Measure.asked == [[1, 2], [3, 4], [5]]
    assert [one.annotations for one in tasks_of(world, project)] == [
        {"size": 101 + number, "of": f"cat_{number:02d}"} for number in range(5)
    ]
    assert world.progress("annotate_task_data") == [(0, 5), (2, 5), (4, 5), (5, 5)]


def test_tasks_that_fail_are_counted_and_the_others_annotated(world: World) -> None:
    class Choosy(Measure):
        def make_input(self, task_data: Mapping[str, Any]) -> Any:
            if task_data["name"] == "cat_00":
                raise LookupError("no picture")
            return super().make_input(task_data)

        def infer(self, model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
            if 2 in inputs:
                raise ValueError("two is bad")
            return super().infer(model, inputs)

        def convert_data_from_inference(self, inference_data: Any, task_data: Mapping[str, Any]) -> Any:
            bad = {"cat_02": 5, "cat_03": {"size": float("nan")}}
            return bad.get(task_data["name"], {"size": inference_data})

    project = open_tasks(world, 6)
    found = world.run(Choosy, project=project, method=AddTaskDataMethod.INFERENCE, batch_size=6)
    assert (found["success_count"], found["failed_count"]) == (2, 4)
    told = [one["error"] for one in found["failures"]]
    assert told[:3] == ["no picture", "two is bad", "its annotations are a int; return a mapping"]
    assert "nan" in told[3]
    assert [one.status is TaskStatus.ANNOTATED for one in tasks_of(world, project)] == [False] * 4 + [True] * 2


def test_a_job_of_which_every_task_fails_is_an_error(world: World) -> None:
    project = open_tasks(world, 2)
    with pytest.raises(
        StepFailedError, match=r"all 2 failed: task .*has no file 'masks'; there are image, labels"
    ) as failed:
        world.run(Annotate, project=project, target_specification_name="masks")
    assert isinstance(failed.value.__cause__, NothingAnnotatedError)


def test_a_backend_that_is_locked_is_asked_again(world: World) -> None:
    project = open_tasks(world, 2)
    world.backend.close()
    world.backend = LocalBackend(world.folder / "backend.db", busy_timeout=0.05, is_synced=False)
    other = sqlite3.connect(world.folder / "backend.db", isolation_level=None)

    class Unlocking(NoWait):
        def wait(self, seconds: float, token: CancellationToken | None) -> None:
            super().wait(seconds, token)
            if len(self.waited) == 2:
                other.execute("ROLLBACK")

    class Locking(Measure):
        clock = Unlocking()

        def close_model(self, model: Any) -> None: ...

        def infer(self, model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
            other.execute("BEGIN IMMEDIATE")
            return super().infer(model, inputs)

    assert world.run(Locking, project=project, method="inference")["success_count"] == 2
    assert Locking.clock.waited == [0.2, 0.4]
    other.close()


def test_the_steps_are_those_of_the_method() -> None:
    def names(method: str) -> list[tuple[str, str]]:
        action = Annotate.__new__(Annotate)
        action.params = AddTaskDataParams.model_validate({"project": 1, "method": method, "path": "x"})
        registry: StepRegistry[AddTaskDataContext] = StepRegistry()
        action.setup_steps(registry)
        assert sum(one.progress_weight for one in registry) == pytest.approx(1)
        return [(type(one).__name__, one.name) for one in registry]

    assert names("file") == [
        ("ValidateFileStep", "validate_file"),
        ("LoadAnnotationsStep", "load_annotations"),
        ("ProcessTasksStep", "process_tasks"),
        ("UploadAnnotationsStep", "upload_annotations"),
    ]
    assert names("inference") == [
        ("LoadModelStep", "load_model"),
        ("RunInferenceStep", "run_inference"),
        ("FormatResultsStep", "format_results"),
        ("UploadAnnotationsStep", "upload_annotations"),
    ]
    assert ToTaskAction is AddTaskDataAction


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from tests.capabilities.specialised.world import World
from tests.capabilities.specialised.test_add_task_data_action import Measure
class Slow(Measure):
    def infer(self, model, inputs):
        time.sleep(0.05)
        return super().infer(model, inputs)
World(Path({folder!r})).run(Slow, project={project}, method="inference", batch_size=2)
"""


def test_a_job_that_was_killed_goes_on_after_the_last_task(world: World) -> None:
    project = open_tasks(world, 40)
    root = Path(__file__).parents[3]
    code = KILLED.format(path=[str(root), *sys.path], folder=str(world.folder), project=project)
    journal = world.folder / "work" / "job-1.tasks.jsonl"
    with subprocess.Popen([sys.executable, "-c", code]) as process:  # noqa: S603
        end = time.monotonic() + 60
        while time.monotonic() < end and not (journal.exists() and journal.read_bytes().count(b"\n") >= 4):
            time.sleep(0.01)
        process.kill()
    done = journal.read_bytes().count(b"\n")
    assert 4 <= done < 40
    Measure.asked.clear()
    found = world.run(Measure, project=project, method="inference", batch_size=2)
    asked = [one for batch in Measure.asked for one in batch]
    # What was annotated is not open any more, and what was being annotated is asked for again.
    assert asked == list(range(40 - len(asked) + 1, 41))
    assert done <= 40 - len(asked) <= done + 2
    assert (found["failed_count"], found["steps_resumed"]) == (0, 3)
    assert all(one.status is TaskStatus.ANNOTATED for one in tasks_of(world, project))
    assert not list((world.folder / "work").glob("*"))
