"""Uploads: eight steps, strategies, failures of single files, rollback, and an upload that was killed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    BaseUploadAction,
    CancellationToken,
    DatasetDraft,
    NothingUploadedError,
    ParamsError,
    RecordNotFoundError,
    StepFailedError,
    StepRegistry,
    StepResult,
    UploadContext,
    UploadMetadataError,
    UploadParams,
    UploadPathError,
    UploadVerificationError,
    WorkCancelledError,
    WorkflowStep,
)
from plugbus.capabilities.actions.upload import (
    CsvMetadata,
    DefaultValidation,
    FlatFileDiscovery,
    LocalFile,
    OrganizedFile,
    RecursiveFileDiscovery,
    UploadedFile,
    ValidateFilesStep,
    VerifyUploadStep,
)
from plugbus.capabilities.schemas import UploadResult
from plugbus.plugins.local_backend import LocalBackend

from .world import World, files_of, png

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from plugbus.capabilities import BackendClient, DataUnit, NoResult


class NoWait:
    """A clock that lets no time pass."""

    def __init__(self) -> None:
        self.waited: list[float] = []

    def now_s(self) -> float:
        return 0.0

    def chance(self) -> float:
        return 0.0

    def wait(self, seconds: float, token: CancellationToken | None) -> None:
        self.waited.append(seconds)


class PictureUpload(BaseUploadAction[UploadParams]):
    action_name = "pictures.upload"
    clock: ClassVar[NoWait] = NoWait()

    def make_context(self) -> UploadContext:
        context = super().make_context()
        context.clock = self.clock
        return context


def pictures(folder: Path, count: int) -> Path:
    """Make images with a text beside each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"cat_{number:03d}.png").write_bytes(png(8 + number, 7, number % 251))
        (folder / f"cat_{number:03d}.txt").write_text(f"cat number {number}")
    return folder


def upload(world: World, folder: Path, action_cls: type[BaseUploadAction[Any]] = PictureUpload, **params: Any) -> Any:
    return world.run(action_cls, **{"path": str(folder), "dataset_name": "cats", "max_retries": 0, **params})


def units_of(client: BackendClient, name: str = "cats") -> list[DataUnit]:
    dataset = next(client.datasets(name=name), None)
    return [] if dataset is None else list(client.data_units(dataset.id))


def test_files_of_one_stem_become_one_data_unit(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 3)
    found = upload(world, folder)
    units = units_of(world.client)
    assert found == {
        "success": True,
        "steps_executed": 7,
        "steps_total": 8,
        "dataset": units[0].dataset,
        "uploaded_files": 6,
        "data_units": 3,
        "partial_failure": False,
        "lost_files_count": 0,
        "lost_files": [],
    }
    assert [(one.name, sorted(one.files)) for one in units] == [
        (f"cat_00{number}", ["image", "text"]) for number in range(3)
    ]
    for number, unit in enumerate(units):
        image = unit.files["image"]
        assert image.media_type == "image/png"
        with world.real_storage.open(image.uri) as file:
            assert file.read() == png(8 + number, 7, number)
    assert not list((world.folder / "work").glob("*"))


def test_the_steps_have_names_and_weights_that_add_up() -> None:
    registry: StepRegistry[UploadContext] = StepRegistry()
    PictureUpload.setup_steps(PictureUpload.__new__(PictureUpload), registry)
    assert [one.name for one in registry] == [
        "initialize",
        "process_metadata",
        "organize_files",
        "validate_files",
        "upload_files",
        "generate_data_units",
        "verify_upload",
        "cleanup",
    ]
    assert sum(one.progress_weight for one in registry) == pytest.approx(1)


def test_progress_has_three_categories_that_come_to_their_ends(world: World, tmp_path: Path) -> None:
    upload(world, pictures(tmp_path / "in", 4))
    assert world.progress("validation") == [(4, 4)]
    assert world.progress("upload") == [(number, 8) for number in range(1, 9)]
    final = [current / (total or 1) for current, total in world.progress("finalization")]
    assert final[-1] == 1
    assert final == sorted(final)


def test_the_same_upload_again_sends_and_makes_nothing(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 3)
    upload(world, folder)
    before, files = units_of(world.client), files_of(world.folder / "storage")
    world.storage.put = None  # type: ignore[method-assign,assignment] # nothing may be sent
    found = upload(world, folder)
    assert (found["uploaded_files"], found["data_units"]) == (6, 3)
    assert units_of(world.client) == before
    assert files_of(world.folder / "storage") == files


def test_the_same_content_is_sent_once(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        (folder / name).write_bytes(png(3, 3, 3))
    assert upload(world, folder)["data_units"] == 3
    assert len(files_of(world.folder / "storage")) == 1
    assert len({one.files["image"].uri for one in units_of(world.client)}) == 1


def test_folders_are_looked_into_where_that_is_said(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 1)
    pictures(folder / "deep", 1)
    (folder / ".hidden.png").write_bytes(b"x")
    assert upload(world, folder)["data_units"] == 1
    found = upload(world, folder, is_recursive=True, dataset_name="deep cats")
    assert found["data_units"] == 2
    assert [one.name for one in units_of(world.client, "deep cats")] == ["cat_000", "deep/cat_000"]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 1)
    (folder / "again").symlink_to(folder, target_is_directory=True)
    assert len(list(RecursiveFileDiscovery().discover(folder))) == 2
    assert len(list(FlatFileDiscovery().discover(folder))) == 2


def test_assets_from_several_folders_come_together(world: World, tmp_path: Path) -> None:
    for role in ("left", "right", "mask"):
        (tmp_path / role).mkdir()
    for number in range(3):
        (tmp_path / "left" / f"{number}.png").write_bytes(png(2, 2, number))
        (tmp_path / "right" / f"{number}.png").write_bytes(png(3, 2, number))
    (tmp_path / "mask" / "0.png").write_bytes(png(4, 2, 0))
    (tmp_path / "right" / "2.png").unlink()
    assets = {
        "left": {"path": str(tmp_path / "left")},
        "right": {"path": str(tmp_path / "right")},
        "mask": {"path": str(tmp_path / "mask"), "is_required": False},
    }
    found = world.run(PictureUpload, use_single_path=False, assets=assets, dataset_name="cats")
    assert [(one.name, sorted(one.files)) for one in units_of(world.client)] == [
        ("0", ["left", "mask", "right"]),
        ("1", ["left", "right"]),
    ]
    assert found["lost_files"] == [{"path": "2", "cause": "it has no file of 'right'", "step": "validate_files"}]
    assert found["partial_failure"] is True


def test_bad_files_are_sorted_out_with_their_data_units(world: World, tmp_path: Path) -> None:
    class Strict(PictureUpload):
        def get_allowed_extensions(self) -> Mapping[str, Collection[str]] | None:
            return {"image": {"png"}, "text": {".txt"}}

    folder = pictures(tmp_path / "in", 2)
    (folder / "empty.png").write_bytes(b"")
    (folder / "large.png").write_bytes(b"x" * (1 << 20) + b"y")
    (folder / "other.jpg").write_bytes(b"x")
    (folder / "other.txt").write_text("good, but of a bad data unit")
    found = upload(world, folder, Strict, max_file_size_mb=1)
    assert found["data_units"] == 2
    assert {Path(one["path"]).name: one["cause"] for one in found["lost_files"]} == {
        "empty.png": "it is empty",
        "large.png": "it has 1048577 bytes; 1048576 are allowed",
        "other.jpg": "its suffix '.jpg' is none of .png",
    }
    assert len(files_of(world.folder / "storage")) == 4


def test_nothing_to_upload_is_an_error(world: World, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(StepFailedError, match="there are none; name a folder") as failed:
        upload(world, tmp_path / "in")
    assert isinstance(failed.value.__cause__, NothingUploadedError)
    (tmp_path / "in" / "a.png").write_bytes(b"")
    with pytest.raises(StepFailedError, match=r"a\.png: it is empty"):
        upload(world, tmp_path / "in")
    assert list(world.client.datasets()) == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"path": None}, "path: it is missing"),
        ({"path": "x", "use_single_path": False}, "assets: none is named"),
        ({"path": "x", "dataset": 1}, "say one of them"),
        ({"path": "x", "max_file_size_mb": 0}, "max_file_size_mb"),
    ],
)
def test_parameters_that_say_too_little_are_refused(world: World, params: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        world.run(PictureUpload, **{"dataset_name": "cats", **params})


def test_other_words_for_parameters_are_understood() -> None:
    found = UploadParams.model_validate(
        {"path": "x", "data_collection": 3, "excel_metadata_path": "m.xlsx", "creating_data_unit_batch_size": 7}
    )
    assert (found.dataset, found.metadata_path, found.data_unit_batch_size) == (3, "m.xlsx", 7)


def test_a_folder_that_is_missing_is_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="No such file") as failed:
        upload(world, tmp_path / "nowhere")
    assert isinstance(failed.value.__cause__, UploadPathError)
    with pytest.raises(StepFailedError) as failed:
        world.run(PictureUpload, path=str(tmp_path), dataset=77)
    assert isinstance(failed.value.__cause__, RecordNotFoundError)


def test_metadata_is_read_from_a_table(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 3)
    table = tmp_path / "known.csv"
    table.write_text(
        'name,split,age,zip,note\ncat_000,train,3,01234,\ncat_001.png,test,,,"a, b"\nnobody,train,1,1,1\n', "utf-8"
    )
    upload(world, folder, metadata_path=str(table))
    known = [
        {key: value for key, value in one.metadata.items() if key != "upload_id"} for one in units_of(world.client)
    ]
    assert known == [{"split": "train", "age": 3, "zip": "01234"}, {"split": "test", "note": "a, b"}, {}]
    assert any("no file for 1 rows of the metadata, such as 'nobody'" in one for one in world.messages())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 1: it has no names of columns"),
        ("name,a,a\n", "two columns are called 'a'"),
        (
            "name,a\nx,1\nx,2\n,3\ny,1,2\n",
            "row 3: there is another row of 'x'; row 4: its 'name' is empty; row 5: it has 3",
        ),
        ('name,a\n"x,1\n', "unexpected end of data"),
    ],
)
def test_a_bad_table_is_refused_with_every_fault(tmp_path: Path, text: str, message: str) -> None:
    table = tmp_path / "bad.csv"
    table.write_text(text, "utf-8")
    with pytest.raises(UploadMetadataError, match=message):
        CsvMetadata(table).read()
    with pytest.raises(UploadMetadataError, match="bytes; 1 are allowed" if text else message):
        CsvMetadata(table, max_size=1).read()


def test_numbers_that_json_could_not_keep_stay_texts(tmp_path: Path) -> None:
    table = tmp_path / "odd.csv"
    table.write_text("name,a,b,c,d\nx,1e999,NaN,true,null\n", "utf-8")
    assert CsvMetadata(table).read() == {"x": {"a": "1e999", "b": "NaN", "c": True, "d": None}}


def test_a_table_that_nothing_reads_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match=r"nothing reads '\.xlsx'.*excel_tables"):
        upload(world, pictures(tmp_path / "in", 1), metadata_path=str(tmp_path / "known.xlsx"))


def test_a_file_that_can_not_be_sent_is_lost_with_its_data_unit_and_the_others_are_there(
    world: World, tmp_path: Path
) -> None:
    class Refusing(PictureUpload):
        pass

    folder = pictures(tmp_path / "in", 4)
    put = world.storage.put

    def refuse(local_path: Path, path: str) -> Any:
        if local_path.name == "cat_002.png":
            raise ConnectionError("cat_002.png is refused")
        return put(local_path, path)

    world.storage.put = refuse  # type: ignore[method-assign]
    found = upload(world, folder, Refusing)
    assert [one.name for one in units_of(world.client)] == ["cat_000", "cat_001", "cat_003"]
    assert [(Path(one["path"]).name, one["cause"], one["step"]) for one in found["lost_files"]] == [
        ("cat_002.png", "cat_002.png is refused", "upload_files")
    ]
    assert len(files_of(world.folder / "storage")) == 6, "the text of the lost data unit is removed"


def test_a_file_is_sent_again_as_often_as_is_said(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 2)
    put, left, lock = world.storage.put, [3], threading.Lock()

    def flaky(local_path: Path, path: str) -> Any:
        with lock:
            if local_path.name == "cat_001.txt" and left[0]:
                left[0] -= 1
                raise ConnectionError("try later")
        return put(local_path, path)

    world.storage.put = flaky  # type: ignore[method-assign]
    clock = NoWait()

    class Patient(PictureUpload):
        pass

    Patient.clock = clock
    assert upload(world, folder, Patient, max_retries=3)["lost_files"] == []
    assert clock.waited == [0.2, 0.4, 0.8]
    assert left == [0]


class ExplodingStep(WorkflowStep[UploadContext]):
    label = "explode"
    weight = 0.1

    def execute(self, context: UploadContext) -> StepResult:
        raise RuntimeError("too late")


class Exploding(PictureUpload):
    def setup_steps(self, registry: StepRegistry[UploadContext]) -> None:
        super().setup_steps(registry)
        registry.insert_before("cleanup", ExplodingStep())


def test_what_fails_later_removes_files_data_units_and_dataset(world: World, tmp_path: Path) -> None:
    with pytest.raises(StepFailedError, match="too late"):
        upload(world, pictures(tmp_path / "in", 3), Exploding)
    assert files_of(world.folder / "storage") == []
    assert list(world.client.datasets()) == []
    assert not list((world.folder / "work").glob("*"))


def test_a_rollback_leaves_what_was_there_before(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 2)
    upload(world, folder)
    units, files = units_of(world.client), files_of(world.folder / "storage")
    pictures(folder, 4)
    with pytest.raises(StepFailedError, match="too late"):
        upload(world, folder, Exploding)
    assert units_of(world.client) == units
    assert files_of(world.folder / "storage") == files


def test_a_rollback_leaves_files_that_others_have_made_data_units_of(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 2)
    world.client.create_dataset(DatasetDraft(name="cats"))

    class MeanwhileStep(WorkflowStep[UploadContext]):
        label = "meanwhile"
        weight = 0.1

        def execute(self, context: UploadContext) -> StepResult:
            world.run(PictureUpload, path=str(folder / "cat_000.png"), dataset_name="cats", job_id="job-2")
            return StepResult()

    class Overtaken(PictureUpload):
        def setup_steps(self, registry: StepRegistry[UploadContext]) -> None:
            super().setup_steps(registry)
            registry.insert_after("upload_files", MeanwhileStep())
            registry.insert_after("meanwhile", ExplodingStep())

    with pytest.raises(StepFailedError, match="too late"):
        upload(world, folder, Overtaken)
    (unit,) = units_of(world.client)
    assert world.real_storage.checksum(unit.files["image"].uri) == unit.files["image"].sha256
    assert len(files_of(world.folder / "storage")) == 1


def test_cancelling_removes_what_was_sent(world: World, tmp_path: Path) -> None:
    token = CancellationToken()
    put = world.storage.put

    def stopping(local_path: Path, path: str) -> Any:
        if local_path.name == "cat_010.png":
            token.cancel("enough")
        return put(local_path, path)

    world.storage.put = stopping  # type: ignore[method-assign]
    with pytest.raises(WorkCancelledError, match="enough"):
        world.run(PictureUpload, path=str(pictures(tmp_path / "in", 40)), dataset_name="cats", cancellation=token)
    assert files_of(world.folder / "storage") == []
    assert list(world.client.datasets()) == []
    assert not list((world.folder / "work").glob("*"))


def test_a_file_that_was_spoiled_in_the_storage_is_sent_again(world: World, tmp_path: Path) -> None:
    class SpoilStep(WorkflowStep[UploadContext]):
        label = "spoil"
        weight = 0.1

        def execute(self, context: UploadContext) -> StepResult:
            first, second = context.uploaded_files[:2]
            for one, content in ((first, b"x" * first.file.size), (second, b"short")):
                with world.real_storage.open(one.file.uri, "wb") as file:
                    file.write(content)
            world.real_storage.remove(context.uploaded_files[2].file.uri)
            return StepResult()

    class Spoiled(PictureUpload):
        def setup_steps(self, registry: StepRegistry[UploadContext]) -> None:
            super().setup_steps(registry)
            registry.insert_before("verify_upload", SpoilStep())

    found = upload(world, pictures(tmp_path / "in", 2), Spoiled)
    assert found["data_units"] == 2
    for unit in units_of(world.client):
        for file in unit.files.values():
            assert world.real_storage.checksum(file.uri) == file.sha256


def test_a_file_that_stays_spoiled_fails_the_upload(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 2)

    class LoseStep(WorkflowStep[UploadContext]):
        label = "lose"
        weight = 0.1

        def execute(self, context: UploadContext) -> StepResult:
            world.real_storage.remove(context.uploaded_files[0].file.uri)
            Path(context.uploaded_files[0].path).unlink()
            return StepResult()

    class Lost(PictureUpload):
        def setup_steps(self, registry: StepRegistry[UploadContext]) -> None:
            super().setup_steps(registry)
            registry.insert_before("verify_upload", LoseStep())

    with pytest.raises(StepFailedError, match="cannot confirm upload") as failed:
        upload(world, folder, Lost)
    cause = failed.value.__cause__
    assert isinstance(cause, UploadVerificationError)
    assert len(cause.faults) == 1
    assert files_of(world.folder / "storage") == []
    assert list(world.client.datasets()) == []


def test_a_file_that_changes_meanwhile_is_lost(world: World, tmp_path: Path) -> None:
    folder = pictures(tmp_path / "in", 2)
    put = world.storage.put

    def change(local_path: Path, path: str) -> Any:
        if local_path.name == "cat_001.png":
            local_path.write_bytes(b"another content")
        return put(local_path, path)

    world.storage.put = change  # type: ignore[method-assign]
    found = upload(world, folder)
    assert [one.name for one in units_of(world.client)] == ["cat_000"]
    assert "it changed meanwhile" in found["lost_files"][0]["cause"]
    assert len(files_of(world.folder / "storage")) == 2


def test_a_backend_that_is_locked_is_asked_again(world: World, tmp_path: Path) -> None:
    impatient = LocalBackend(world.folder / "backend.db", busy_timeout=0.05, is_synced=False)
    world.backend.close()
    world.backend = impatient
    dataset = impatient.create_dataset(DatasetDraft(name="cats"))
    other = sqlite3.connect(world.folder / "backend.db", isolation_level=None)

    class Unlocking(NoWait):
        def wait(self, seconds: float, token: CancellationToken | None) -> None:
            super().wait(seconds, token)
            if len(self.waited) == 2:
                other.execute("ROLLBACK")

    class LockStep(WorkflowStep[UploadContext]):
        label = "lock"
        weight = 0.1

        def execute(self, context: UploadContext) -> StepResult:
            other.execute("BEGIN IMMEDIATE")
            return StepResult()

    class Locked(PictureUpload):
        clock = Unlocking()

        def setup_steps(self, registry: StepRegistry[UploadContext]) -> None:
            super().setup_steps(registry)
            registry.insert_before("generate_data_units", LockStep())

    folder = pictures(tmp_path / "in", 2)
    found = world.run(Locked, path=str(folder), dataset=dataset.id, max_retries=3)
    assert found["data_units"] == 2
    assert Locked.clock.waited == [0.2, 0.4]
    Locked.clock.waited.clear()
    Locked.clock.wait = NoWait.wait.__get__(Locked.clock)  # type: ignore[method-assign] # it stays locked
    pictures(folder, 5)
    with pytest.raises(StepFailedError, match="holds the database"):
        world.run(Locked, path=str(folder), dataset=dataset.id, max_retries=1)
    other.execute("ROLLBACK")
    other.close()
    assert len(list(impatient.data_units(dataset.id))) == 2
    assert len(files_of(world.folder / "storage")) == 4


@pytest.mark.parametrize("size", [1, 2, 200])
def test_a_data_unit_that_the_backend_refuses_does_not_take_the_others_with_it(
    world: World, tmp_path: Path, size: int
) -> None:
    class Odd(PictureUpload):
        def make_metadata(self) -> Any:
            class OddMetadata:
                def read(self) -> Mapping[str, Mapping[str, Any]]:
                    return {"cat_001": {"age": float("nan")}}

            return OddMetadata()

    found = upload(world, pictures(tmp_path / "in", 5), Odd, data_unit_batch_size=size)
    assert [one.name for one in units_of(world.client)] == ["cat_000", "cat_002", "cat_003", "cat_004"]
    assert [(one["path"], one["step"]) for one in found["lost_files"]] == [("cat_001", "generate_data_units")]
    assert len(files_of(world.folder / "storage")) == 8, "files of the refused data unit are removed"


def test_files_alone_are_uploaded_where_no_dataset_is_named(world: World, tmp_path: Path) -> None:
    found = world.run(PictureUpload, path=str(pictures(tmp_path / "in", 2)), storage_path="raw/../in")
    assert (found["uploaded_files"], found["data_units"], found["dataset"]) == (4, 0, None)
    assert all(one.startswith("raw/_../in/") for one in files_of(world.folder / "storage"))


def test_an_author_chooses_the_strategies(world: World, tmp_path: Path) -> None:
    class OnlyOdd:
        def discover(self, folder: Path) -> Any:
            return (one for one in sorted(folder.iterdir()) if int(one.stem[-1]) % 2)

    class Chosen(PictureUpload):
        def make_discovery(self, *, is_recursive: bool) -> Any:
            return OnlyOdd()

        def make_validation(self) -> Any:
            return DefaultValidation(required=["image"])

    assert upload(world, pictures(tmp_path / "in", 4), Chosen)["data_units"] == 2
    assert [one.name for one in units_of(world.client)] == ["cat_001", "cat_003"]


class SendStep(WorkflowStep[UploadContext]):
    """An author's own upload."""

    label = "send"
    weight = 0.8

    def execute(self, context: UploadContext) -> StepResult:
        for group in context.organized_files:
            for role, file in group.files.items():
                stored = context.current_storage.put(Path(file.path), f"mine/{group.name}/{Path(file.path).name}")
                context.uploaded_files.append(UploadedFile(name=group.name, role=role, path=file.path, file=stored))
        return StepResult()


def test_three_steps_of_which_one_is_the_authors_are_an_upload(world: World, tmp_path: Path) -> None:
    class Own(BaseUploadAction[UploadParams]):
        def setup_steps(self, registry: StepRegistry[UploadContext]) -> None:
            registry.register(ValidateFilesStep())
            registry.register(SendStep())
            registry.register(VerifyUploadStep())

    found = upload(world, pictures(tmp_path / "in", 1), Own)
    assert (found["uploaded_files"], found["steps_executed"]) == (2, 3)
    assert files_of(world.folder / "storage") == ["mine/cat_000/cat_000.png", "mine/cat_000/cat_000.txt"]


class UploadSummary(BaseModel):
    data_units: int
    partial_failure: bool


def test_a_result_model_is_filled_from_the_facts(world: World, tmp_path: Path) -> None:
    class Typed(PictureUpload):
        result_model: ClassVar[type[BaseModel] | type[NoResult]] = UploadSummary

    found = upload(world, pictures(tmp_path / "in", 1), Typed)
    assert found == UploadSummary(data_units=1, partial_failure=False)


def test_what_a_checkpoint_keeps_comes_back_as_it_was() -> None:
    before = UploadContext()
    before.organized_files = [OrganizedFile(name="a", files={"image": LocalFile(path="/a.png", size=3)})]
    before.lose("/b.png", ValueError("bad"))
    before.uploaded_files = [{"an author's": "own"}]  # type: ignore[list-item]
    after = UploadContext()
    after.restore_state(json.loads(json.dumps(before.save_state())))
    assert after.organized_files == before.organized_files
    assert after.lost_files == before.lost_files
    assert after.uploaded_files == before.uploaded_files


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from tests.capabilities.specialised.world import World
from tests.capabilities.specialised.test_upload_action import PictureUpload
world = World(Path({folder!r}))
put = world.storage.put
def slow(local_path, path):
    time.sleep(0.05)
    return put(local_path, path)
world.storage.put = slow
world.run(PictureUpload, path={source!r}, dataset_name="cats", upload_max_workers=2)
"""


def killed_upload(world: World, source: Path) -> None:
    """Begin an upload in another process, and kill that in the middle."""
    root = Path(__file__).parents[3]
    code = KILLED.format(path=[str(root), *sys.path], folder=str(world.folder), source=str(source))
    journal = world.folder / "work" / "job-1.upload.jsonl"
    with subprocess.Popen([sys.executable, "-c", code]) as process:  # noqa: S603
        end = time.monotonic() + 60
        while time.monotonic() < end and not (journal.exists() and journal.read_bytes().count(b"\n") >= 12):
            time.sleep(0.01)
        process.kill()


def test_an_upload_that_was_killed_goes_on_and_sends_nothing_twice(world: World, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 30)
    killed_upload(world, source)
    there = [one for one in files_of(world.folder / "storage") if not Path(one).name.startswith(".")]
    assert 4 <= len(there) < 60
    sent: list[str] = []
    put = world.storage.put

    def counting(local_path: Path, path: str) -> Any:
        sent.append(path)
        return put(local_path, path)

    world.storage.put = counting  # type: ignore[method-assign]
    found = upload(world, source)
    assert len(sent) == len(set(sent)) == 60 - len(there)
    assert not set(sent) & set(there)
    assert (found["uploaded_files"], found["data_units"], found["steps_resumed"]) == (60, 30, 4)
    assert len(units_of(world.client)) == 30
    assert not list((world.folder / "work").glob("*"))


def test_an_upload_that_was_killed_and_then_fails_removes_what_both_have_sent(world: World, tmp_path: Path) -> None:
    source = pictures(tmp_path / "in", 30)
    killed_upload(world, source)
    assert files_of(world.folder / "storage")
    token = CancellationToken()
    token.cancel("never mind")
    with pytest.raises(WorkCancelledError):
        world.run(PictureUpload, path=str(source), dataset_name="cats", cancellation=token)
    left = [one for one in files_of(world.folder / "storage") if not Path(one).name.startswith(".")]
    assert left == []
    assert list(world.client.datasets()) == []


def test_the_result_model_that_ships_is_filled(world: World, tmp_path: Path) -> None:
    class Typed(PictureUpload):
        result_model: ClassVar[type[BaseModel] | type[NoResult]] = UploadResult

    found = upload(world, pictures(tmp_path / "in", 1), Typed)
    assert (found.uploaded_count, found.status) == (2, "completed")
    assert found.remote_path == world.real_storage.uri("datasets/1")
