"""Exports: six steps, hooks, failures of single items, collisions, and an export that was killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    BackendFailedError,
    BaseExportAction,
    CancellationToken,
    DataUnitDraft,
    ExportContext,
    ExportFilterError,
    ExportParams,
    ExportTargetError,
    ExportTargetExistsError,
    NothingExportedError,
    ParamsError,
    ProjectDraft,
    StepFailedError,
    StepRegistry,
    StepResult,
    TaskDraft,
    WorkCancelledError,
    WorkflowStep,
)
from plugbus.capabilities.actions.export import (
    ConvertDataStep,
    ExportItem,
    FetchResultsStep,
    FinalizeStep,
    InitializeStep,
    PrepareExportStep,
    SaveFilesStep,
    TargetHandlers,
)

from .world import World, dm_document, png

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from plugbus.capabilities import BackendClient, NoResult, Storage


class PictureExport(BaseExportAction[ExportParams]):
    action_name = "pictures.export"


def export(world: World, project: int, action_cls: type[BaseExportAction[Any]] = PictureExport, **params: Any) -> Any:
    return world.run(action_cls, **{"name": "out", "filter": {"project": project}, **params})


def read(world: World, path: str) -> Any:
    with world.real_storage.open(path) as file:
        return json.loads(file.read())


def test_tasks_are_exported_with_their_files(world: World) -> None:
    project, tasks = world.tasks(3)
    found = export(world, project, path="exports")
    assert found == {
        "success": True,
        "steps_executed": 6,
        "steps_total": 6,
        "exported_count": 3,
        "failed_count": 0,
        "total_count": 3,
        "output_path": world.storage.uri("exports/out"),
    }
    assert list(world.storage.list("exports")) == [
        *(f"exports/out/labels/cat_000{number}.json" for number in range(3)),
        *(f"exports/out/origin_files/cat_000{number}.png" for number in range(3)),
    ]
    saved = read(world, "exports/out/labels/cat_0001.json")
    assert saved["annotations"] == dm_document("label1")
    assert (saved["id"], saved["status"], saved["name"]) == (tasks[1].id, "confirmed", "cat_0001")
    with world.real_storage.open("exports/out/origin_files/cat_0001.png") as file:
        assert file.read() == png(9, 9, 1)


def test_the_steps_have_the_names_and_weights_of_an_export() -> None:
    registry: StepRegistry[ExportContext] = StepRegistry()
    PictureExport.setup_steps(PictureExport.__new__(PictureExport), registry)
    assert [(one.name, one.progress_weight) for one in registry] == [
        ("initialize", 0.05),
        ("fetch_results", 0.10),
        ("prepare_export", 0.10),
        ("convert_data", 0.30),
        ("save_files", 0.35),
        ("finalize", 0.10),
    ]


def test_progress_has_four_categories(world: World) -> None:
    project, _ = world.tasks(4)
    export(world, project)
    assert world.progress("fetch")[-1] == (1, 1)
    for category in ("dataset_conversion", "original_file", "data_file"):
        assert world.progress(category) == [(number, 4) for number in range(1, 5)]
    assert [current for current, _ in world.progress(None)] == [5, 15, 25, 55, 90, 100]


def test_the_whole_follows_what_is_saved_and_not_the_steps_that_only_prepare(world: World) -> None:
    project, _ = world.tasks(4)
    export(world, project)
    assert world.whole("fetch") == pytest.approx([0.05, 0.1])
    assert world.whole("dataset_conversion")[0] == pytest.approx(0.1 + 0.35 / 4)
    assert world.whole("data_file")[-1] == 1


def test_original_files_are_no_part_of_the_whole_where_none_are_saved(world: World) -> None:
    project, _ = world.tasks(4)
    export(world, project, save_original_file=False)
    assert world.whole("fetch")[-1] == pytest.approx(10 / 75)
    assert world.whole("data_file")[-1] == 1


@pytest.mark.parametrize(
    ("target", "extra", "expected"),
    [
        ("task", {}, 6),
        ("task", {"status": "confirmed"}, 3),
        ("task", {"metadata": {"assignee": "ada"}}, 2),
        ("assignment", {}, 2),
        ("assignment", {"assignee": "ada"}, 2),
        ("assignment", {"assignee": "eve"}, 0),
    ],
)
def test_a_filter_says_which_tasks(world: World, target: str, extra: dict[str, Any], expected: int) -> None:
    project, _ = world.tasks(6)
    found = export(world, project, target=target, filter={"project": project, **extra})
    assert (found["exported_count"], found["total_count"]) == (expected, expected)


def test_ground_truths_are_exported(world: World) -> None:
    dataset, _ = world.dataset(3)
    found = world.run(PictureExport, name="truths", target="ground_truth", filter={"dataset": dataset})
    assert found["exported_count"] == 3
    assert read(world, "truths/labels/cat_0002.json")["annotations"] == dm_document("label0")


def test_nothing_to_export_leaves_nothing_behind(world: World) -> None:
    project = world.backend.create_project(ProjectDraft(name="empty"))
    found = export(world, project.id)
    assert found["steps_executed"] == 3
    assert (found["exported_count"], found["output_path"]) == (0, None)
    assert list(world.storage.list("")) == []


def test_a_name_that_is_taken_is_numbered(world: World) -> None:
    project, _ = world.tasks(1)
    paths = [export(world, project)["output_path"] for _ in range(3)]
    assert [one.rsplit("/", 1)[-1].replace("%28", "(").replace("%29", ")") for one in paths] == [
        "out",
        "out(1)",
        "out(2)",
    ]


def test_hooks_are_called_in_order_for_each_item_and_one_that_is_left_out_is_not_saved(world: World) -> None:
    class Hooked(PictureExport):
        def before_convert(self, data: dict[str, Any]) -> dict[str, Any] | None:
            return None if data["name"] == "cat_0001" else {**data, "trail": ["before"]}

        def convert_data(self, data: dict[str, Any]) -> Any:
            return {"trail": [*data["trail"], "convert"], "name": data["name"]}

        def after_convert(self, data: Any) -> Any:
            return {**data, "trail": [*data["trail"], "after"]}

        def additional_file_saving(self, context: ExportContext) -> None:
            assert context.storage is not None
            with context.storage.open(f"{context.unique_export_path}/names.txt", "wb") as file:
                file.write(f"{context.export_params['count']} {context.configuration['classes']}".encode())

    project, _ = world.tasks(3, configuration={"classes": ["cat"]})
    found = export(world, project, Hooked, save_original_file=False)
    assert (found["exported_count"], found["failed_count"], found["total_count"]) == (2, 0, 3)
    assert list(world.storage.list("out")) == ["out/labels/cat_0000.json", "out/labels/cat_0002.json", "out/names.txt"]
    assert read(world, "out/labels/cat_0002.json") == {"trail": ["before", "convert", "after"], "name": "cat_0002"}
    with world.real_storage.open("out/names.txt") as file:
        assert file.read() == b"3 ['cat']"


class Grumpy(PictureExport):
    def convert_data(self, data: dict[str, Any]) -> Any:
        if data["name"] == "cat_0001":
            raise ValueError("no cat")
        if data["name"] == "cat_0003":
            return {"not": {1, 2}}
        return data


def test_failures_of_single_items_are_recorded_and_the_others_saved(world: World) -> None:
    project, tasks = world.tasks(5)
    world.storage.refused = {"data/cat_0004.png"}
    found = export(world, project, Grumpy)
    assert (found["exported_count"], found["failed_count"], found["total_count"]) == (2, 3, 5)
    errors = read(world, "out/error_file_list.json")
    assert [one["name"] for one in errors["json"]] == ["cat_0001", "cat_0003"]
    assert errors["json"][0] == {"id": tasks[1].id, "name": "cat_0001", "error": "no cat"}
    assert "not JSON serializable" in errors["json"][1]["error"]
    assert errors["original"] == [{"id": tasks[4].id, "name": "cat_0004", "error": "cat_0004.png is refused"}]


def test_an_original_file_that_is_not_the_one_that_is_known_is_not_exported(world: World) -> None:
    project, _ = world.tasks(2)
    with world.real_storage.open("labelling-data/cat_0001.png", "wb") as file:
        file.write(b"somebody else's")
    found = export(world, project)
    assert (found["exported_count"], found["failed_count"]) == (1, 1)
    assert not world.storage.exists("out/origin_files/cat_0001.png")
    assert "SHA-256" in read(world, "out/error_file_list.json")["original"][0]["error"]


def test_when_every_item_fails_the_export_fails_and_its_folder_is_removed(world: World) -> None:
    class Never(PictureExport):
        def convert_data(self, data: dict[str, Any]) -> Any:
            raise ValueError("never")

    project, _ = world.tasks(5)
    with pytest.raises(StepFailedError, match=r"all 5 items failed: cat_0000: never; .*; and 2 more") as failed:
        export(world, project, Never)
    assert isinstance(failed.value.__cause__, NothingExportedError)
    assert list(world.storage.list("out")) == []


def test_a_failure_at_the_end_removes_what_was_saved_and_nothing_else(world: World) -> None:
    class Late(PictureExport):
        def additional_file_saving(self, context: ExportContext) -> None:
            raise ConnectionError("late")

    project, _ = world.tasks(2)
    export(world, project, path="here")
    with pytest.raises(StepFailedError, match="late"):
        export(world, project, Late, path="here")
    assert {one.split("/")[1] for one in world.storage.list("here")} == {"out"}
    assert not list((world.folder / "work").glob("*"))


def test_collisions_are_renamed_and_listed(world: World) -> None:
    project = world.backend.create_project(ProjectDraft(name="p")).id
    dataset, _ = world.dataset(0)
    names = ["a", "A", "b", "../up"]
    units = world.backend.create_data_units(dataset, [DataUnitDraft(name=name) for name in names])
    tasks = world.backend.create_tasks(project, [TaskDraft(data_unit=one.id, annotations={}) for one in units])
    assert export(world, project)["exported_count"] == 4
    assert list(world.storage.list("out/labels")) == [
        f"out/labels/A__{tasks[1].id}.json",
        "out/labels/_../up.json",
        "out/labels/a.json",
        "out/labels/b.json",
    ]
    assert read(world, "out/filename_collisions.json") == [
        {"id": tasks[1].id, "name": "A", "saved_as": f"A__{tasks[1].id}"}
    ]


def test_items_are_converted_when_they_are_about_to_be_saved(world: World) -> None:
    order: list[str] = []

    class Watching(PictureExport):
        def convert_data(self, data: dict[str, Any]) -> Any:
            order.append("convert")
            return data

        def save_as_json(self, storage: Storage, data: Any, path: str) -> None:
            order.append("save")
            super().save_as_json(storage, data, path)

    project, _ = world.tasks(60)
    export(world, project, Watching, max_workers=1, save_original_file=False)
    waiting = [order[:place].count("convert") - order[:place].count("save") for place in range(len(order))]
    assert max(waiting) <= 4
    assert order.count("save") == 60


def test_items_are_saved_some_at_a_time(world: World) -> None:
    import threading

    together = threading.Barrier(3)

    class Together(PictureExport):
        def save_as_json(self, storage: Storage, data: Any, path: str) -> None:
            together.wait(60)

    project, _ = world.tasks(6)
    assert export(world, project, Together, max_workers=3)["exported_count"] == 6


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"target": "tsk"}, "did you mean 'task'"),
        ({"filter": {}}, "project: it is missing"),
        ({"filter": {"project": "7", "colour": 1}}, "project: it is '7'; give an id; colour: it is not known"),
        ({"filter": {"project": 1, "status": "done"}}, "there are open, annotated, confirmed, rejected"),
        ({"target": "ground_truth", "filter": {"project": 1}}, "dataset: it is missing"),
        ({"filter": {"project": 1, "metadata": 5}}, "metadata: it is 5"),
    ],
)
def test_what_can_not_be_exported_is_refused_with_every_fault(
    world: World, params: dict[str, Any], message: str
) -> None:
    with pytest.raises(StepFailedError, match=message) as failed:
        export(world, 1, **params)
    assert isinstance(failed.value.__cause__, ExportTargetError | ExportFilterError)
    assert list(world.storage.list("")) == []


def test_a_blank_name_is_refused(world: World) -> None:
    with pytest.raises(ParamsError, match="name"):
        export(world, 1, name="  ")


def test_an_author_adds_a_target(world: World) -> None:
    class Numbers:
        def check(self, filter: Mapping[str, Any]) -> None: ...  # noqa: A002

        def count(self, client: BackendClient, filter: Mapping[str, Any]) -> int:  # noqa: A002
            return int(filter["upto"])

        def items(
            self,
            client: BackendClient,
            filter: Mapping[str, Any],  # noqa: A002
            *,
            after: int = 0,
        ) -> Iterator[ExportItem]:
            for number in range(after + 1, int(filter["upto"]) + 1):
                yield ExportItem(id=number, name=f"n{number}", annotations={"number": number})

        def configuration(self, client: BackendClient, filter: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: A002
            return {}

    class NumberExport(PictureExport):
        def make_handlers(self) -> TargetHandlers:
            handlers = super().make_handlers()
            handlers.register("number", Numbers())
            return handlers

    found = world.run(NumberExport, name="numbers", target="number", filter={"upto": 5})
    assert found["exported_count"] == 5
    assert read(world, "numbers/labels/n5.json")["annotations"] == {"number": 5}


def test_a_target_has_one_handler() -> None:
    handlers = TargetHandlers()
    with pytest.raises(ExportTargetExistsError, match="'task'"):
        handlers.register("task", handlers.get("task"))
    undo = handlers.register("other", handlers.get("task"))
    assert "other" in handlers.targets
    undo()
    undo()
    assert handlers.targets == ("assignment", "ground_truth", "task")


class Flaky(PictureExport):
    """Its backend fails once after each third task."""

    failures: ClassVar[int] = 1

    def make_handlers(self) -> TargetHandlers:
        handlers = super().make_handlers()
        inner = handlers.get("task")
        left = [self.failures]

        class FlakyTasks:
            check, count, configuration = inner.check, inner.count, inner.configuration

            def items(
                self,
                client: BackendClient,
                filter: Mapping[str, Any],  # noqa: A002
                *,
                after: int = 0,
            ) -> Iterator[ExportItem]:
                for number, item in enumerate(inner.items(client, filter, after=after)):
                    if number == 3 and left[0]:
                        left[0] -= 1
                        raise BackendFailedError("list tasks", "it is busy")
                    yield item

        handlers.register("flaky", FlakyTasks())
        return handlers

    def make_context(self) -> ExportContext:
        context = super().make_context()
        context.retry_delay_s = 0
        return context


def test_a_backend_that_fails_is_asked_again_from_where_it_failed(world: World) -> None:
    project, _ = world.tasks(10)

    class Thrice(Flaky):
        failures = 2

    assert export(world, project, Thrice, target="flaky")["exported_count"] == 10
    assert sum("asking again" in one for one in world.messages()) == 2


def test_a_backend_that_fails_for_good_fails_the_export(world: World) -> None:
    project, _ = world.tasks(3)

    class Always(Flaky):
        def make_handlers(self) -> TargetHandlers:
            handlers = super().make_handlers()

            class Dead:
                check, count = handlers.get("task").check, handlers.get("task").count
                configuration = handlers.get("task").configuration

                def items(self, *args: Any, **known: Any) -> Iterator[ExportItem]:
                    raise BackendFailedError("list tasks", "it is gone")

            handlers.register("dead", Dead())
            return handlers

    with pytest.raises(StepFailedError, match="it is gone"):
        export(world, project, Always, target="dead")
    assert sum("asking again" in one for one in world.messages()) == 4
    assert list(world.storage.list("out")) == []


def test_cancelling_removes_the_folder(world: World) -> None:
    project, _ = world.tasks(40)
    token = CancellationToken()

    class Stopping(PictureExport):
        def convert_data(self, data: dict[str, Any]) -> Any:
            if data["name"] == "cat_0007":
                token.cancel("enough")
            return data

    with pytest.raises(WorkCancelledError, match="enough"):
        world.run(Stopping, name="out", filter={"project": project}, cancellation=token)
    assert list(world.storage.list("out")) == []
    assert not list((world.folder / "work").glob("*"))


class ExportSummary(BaseModel):
    output_path: str
    exported_count: int


def test_a_result_model_is_filled_from_the_facts(world: World) -> None:
    class Typed(PictureExport):
        result_model: ClassVar[type[BaseModel] | type[NoResult]] = ExportSummary

    project, _ = world.tasks(1)
    found = export(world, project, Typed)
    assert found == ExportSummary(output_path=world.storage.uri("out"), exported_count=1)


def test_steps_of_ones_own_stand_among_those_that_ship(world: World) -> None:
    class CheckStep(WorkflowStep[ExportContext]):
        label = "check"
        weight = 0.1

        def execute(self, context: ExportContext) -> StepResult:
            assert context.results is not None
            return StepResult(data={"first": next(iter(context.results)).name})

    class Checked(BaseExportAction[ExportParams]):
        def setup_steps(self, registry: StepRegistry[ExportContext]) -> None:
            registry.register(InitializeStep())
            registry.register(FetchResultsStep())
            registry.register(PrepareExportStep())
            registry.register(ConvertDataStep())
            registry.register(SaveFilesStep())
            registry.register(FinalizeStep())
            registry.insert_after("prepare_export", CheckStep())

    project, _ = world.tasks(3)
    found = export(world, project, Checked)
    assert found["steps_executed"] == 7


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from tests.capabilities.specialised.world import World
from tests.capabilities.specialised.test_export_action import PictureExport
world = World(Path({folder!r}))
class Slow(PictureExport):
    def save_as_json(self, storage, data, path):
        time.sleep(0.05)
        super().save_as_json(storage, data, path)
world.run(Slow, name="out", filter={{"project": {project}}}, max_workers=2)
"""


def test_an_export_that_was_killed_goes_on_after_the_last_item(world: World) -> None:
    project, tasks = world.tasks(60)
    root = Path(__file__).parents[3]
    code = KILLED.format(path=[str(root), *sys.path], folder=str(world.folder), project=project)
    journal = world.folder / "work" / "job-1.items.jsonl"
    with subprocess.Popen([sys.executable, "-c", code]) as process:  # noqa: S603
        end = time.monotonic() + 60
        while time.monotonic() < end and not (journal.exists() and journal.read_bytes().count(b"\n") >= 8):
            time.sleep(0.01)
        process.kill()
    done = [json.loads(line) for line in journal.read_bytes().split(b"\n")[:-1]]
    assert 8 <= len(done) < 60
    converted: list[int] = []

    class Again(PictureExport):
        def convert_data(self, data: dict[str, Any]) -> Any:
            converted.append(data["id"])
            return data

    world.heard.clear()
    found = export(world, project, Again)
    assert world.progress("fetch") == [(1, 1)]
    assert world.whole("data_file")[-1] == pytest.approx(1)
    assert converted == [one.id for one in tasks if one.id > done[-1]["id"]]
    assert (found["exported_count"], found["failed_count"], found["total_count"]) == (60, 0, 60)
    assert found["steps_resumed"] == 4
    assert len(list(world.storage.list("out/labels"))) == len(list(world.storage.list("out/origin_files"))) == 60
    assert list(world.storage.list("out(1)")) == []
    assert not world.storage.exists("out/.unfinished")
    assert not list((world.folder / "work").glob("*"))


def noted(world: World, folder: str, task: int) -> None:
    """Leave behind what an export notes of its first item."""
    path = world.folder / "work" / "job-1.items.jsonl"
    path.parent.mkdir()
    entry = {"folder": folder, "id": task, "name": "a", "saved_as": "a", "errors": {}}
    path.write_text(json.dumps(entry) + "\n")


def project_of_two(world: World) -> tuple[int, list[int]]:
    project = world.backend.create_project(ProjectDraft(name="p")).id
    dataset, _ = world.dataset(0)
    units = world.backend.create_data_units(dataset, [DataUnitDraft(name=name) for name in ("a", "A")])
    tasks = world.backend.create_tasks(project, [TaskDraft(data_unit=one.id, annotations={}) for one in units])
    return project, [one.id for one in tasks]


def test_names_that_were_given_before_the_end_of_the_process_stay_taken(world: World) -> None:
    project, tasks = project_of_two(world)
    noted(world, "out", tasks[0])
    assert export(world, project)["exported_count"] == 2
    assert list(world.storage.list("out/labels")) == [f"out/labels/A__{tasks[1]}.json"]


def test_notes_of_an_export_to_another_folder_are_not_gone_on_with(world: World) -> None:
    project, tasks = project_of_two(world)
    noted(world, "elsewhere", tasks[0])
    assert export(world, project)["exported_count"] == 2
    assert list(world.storage.list("out/labels")) == [f"out/labels/A__{tasks[1]}.json", "out/labels/a.json"]
