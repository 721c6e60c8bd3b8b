"""Datasets of the backend: downloaded once, whole or told, kept by their content, and converted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    IMAGE_SIZE,
    BackendUnavailableError,
    CancellationToken,
    ConversionError,
    DatasetAction,
    DatasetDownloadError,
    DatasetOperation,
    DatasetParams,
    DatasetParamsError,
    DatasetResult,
    DataUnitDraft,
    GroundTruthDraft,
    HostServices,
    NoConversionError,
    RecordNotFoundError,
    RuntimeContext,
    TypeNotFoundError,
    WorkCancelledError,
)
from plugbus.capabilities.actions.dataset import DatasetCache
from plugbus.kernel import ServiceLocator

from .world import World, dm_document, files_of, png


class PictureAction(DatasetAction[DatasetParams]):
    action_name = "pictures"


def measured() -> HostServices:
    """Return services with a measure of PNG files, which reads the head of the file (ISO/IEC 15948, 11.2.2)."""

    def size(path: Path) -> tuple[int, int]:
        head = path.read_bytes()[16:24]
        return int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")

    locator = ServiceLocator()
    locator.provide(IMAGE_SIZE, size, owner="test")
    return HostServices(locator)


def download(world: World, dataset: int, **params: Any) -> DatasetResult:
    found = world.run(PictureAction, dataset=dataset, **params)
    assert isinstance(found, DatasetResult)
    return found


def test_a_dataset_is_downloaded_in_the_layout_of_its_format(world: World) -> None:
    dataset, _ = world.dataset(3, splits=("train", "valid"))
    found = download(world, dataset)
    assert files_of(found.path) == [
        ".complete",
        "train/json/cat_0000.json",
        "train/json/cat_0002.json",
        "train/original_files/cat_0000.png",
        "train/original_files/cat_0002.png",
        "val/json/cat_0001.json",
        "val/original_files/cat_0001.png",
    ]
    assert (found.path / "val/original_files/cat_0001.png").read_bytes() == png(9, 9, 1)
    assert json.loads((found.path / "val/json/cat_0001.json").read_text()) == dm_document("label2")
    assert (found.count, found.failed_count, found.format, found.is_cached) == (3, 0, "dm_v2", False)


def test_only_the_splits_that_are_wanted_are_downloaded(world: World) -> None:
    dataset, _ = world.dataset(4, splits=("train", "validation"))
    found = download(world, dataset, splits=["val"])
    assert [one for one in files_of(found.path) if one.endswith(".png")] == [
        "val/original_files/cat_0001.png",
        "val/original_files/cat_0003.png",
    ]


def test_nothing_is_downloaded_twice(world: World) -> None:
    dataset, _ = world.dataset(3)
    first = download(world, dataset)
    world.storage.got.clear()
    again = download(world, dataset)
    assert (again.path, again.is_cached, again.count) == (first.path, True, 3)
    assert world.storage.got == []


def test_a_dataset_that_was_changed_is_another_folder_and_only_what_is_new_is_downloaded(world: World) -> None:
    dataset, units = world.dataset(3)
    first = download(world, dataset)
    world.storage.got.clear()
    drafts = [DataUnitDraft(name="new", files={"image": world.put("new.png", b"new")})]
    world.backend.create_data_units(dataset, drafts)
    world.backend.create_ground_truths(
        dataset, [GroundTruthDraft(data_unit=units[0].id, annotations=dm_document("other"))]
    )
    second = download(world, dataset)
    assert second.path != first.path
    assert [one.rsplit("/", 1)[-1] for one in world.storage.got] == ["new.png"]
    assert json.loads((second.path / "json/cat_0000.json").read_text()) == dm_document("other")
    assert json.loads((first.path / "json/cat_0000.json").read_text()) == dm_document("label1")


def test_a_data_unit_that_can_not_be_had_is_left_out_told_and_tried_again(world: World) -> None:
    dataset, units = world.dataset(5)
    world.storage.refused = {"cat_0002"}
    found = download(world, dataset)
    assert (found.count, found.failed_count) == (4, 1)
    assert found.failures == [f"data unit {units[2].id} ('cat_0002'): cat_0002.png is refused"]
    assert any("cat_0002.png is refused" in one for one in world.messages())
    assert not any("cat_0002" in one for one in files_of(found.path))
    world.storage.refused = set()
    world.storage.got.clear()
    again = download(world, dataset)
    assert (again.count, again.failed_count, again.is_cached) == (5, 0, False)
    assert len(world.storage.got) == 1
    assert download(world, dataset).is_cached


def test_a_file_that_is_not_the_one_that_the_backend_knows_is_refused(world: World) -> None:
    dataset, units = world.dataset(2)
    place = world.real_storage.path(units[1].files["image"].uri)
    with world.real_storage.open(place, "wb") as file:
        file.write(b"somebody else's")
    found = download(world, dataset)
    assert found.failed_count == 1
    assert "SHA-256" in found.failures[0]
    assert len([one for one in files_of(found.path) if one.endswith(".png")]) == 1


def test_nothing_at_all_is_an_error_and_leaves_nothing(world: World) -> None:
    dataset, _ = world.dataset(5)
    world.storage.refused = {"cat_"}
    with pytest.raises(DatasetDownloadError, match=r"no data unit could be had: data unit 1 .*; and 2 more"):
        download(world, dataset)
    assert files_of(world.cache) == []
    assert list((world.cache / "datasets/folders").iterdir()) == []


def test_an_empty_dataset_is_an_error(world: World) -> None:
    dataset, _ = world.dataset(1, splits=("train",))
    with pytest.raises(DatasetDownloadError, match="no data unit of the splits"):
        download(world, dataset, splits=["test"])


def test_a_dataset_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(RecordNotFoundError, match="'77'"):
        download(world, 77)


def test_progress_is_that_of_data_units(world: World) -> None:
    dataset, _ = world.dataset(3)
    download(world, dataset)
    assert world.progress("dataset_download") == [(1, 3), (2, 3), (3, 3)]
    assert world.whole("dataset_download") == pytest.approx([1 / 3, 2 / 3, 1])


def test_names_that_lead_elsewhere_or_are_taken_do_no_harm(world: World) -> None:
    dataset = world.dataset(0)[0]
    names = ["../../out", "a", "A", "deep/b.png", ".hidden"]
    world.backend.create_data_units(
        dataset,
        [
            DataUnitDraft(name=name, files={"image": world.put(f"x/{number}.png", bytes([number])), "mask": world.put(
                f"x/{number}.bin", b"m"
            )})
            for number, name in enumerate(names)
        ],
    )  # fmt: skip
    found = download(world, dataset)
    assert files_of(found.path) == [
        ".complete",
        "mask/A__3.bin",
        "mask/_../_../out.bin",
        "mask/_.hidden.bin",
        "mask/a.bin",
        "mask/deep/b.bin",
        "original_files/A__3.png",
        "original_files/_../_../out.png",
        "original_files/_.hidden.png",
        "original_files/a.png",
        "original_files/deep/b.png",
    ]


def test_cancelling_leaves_no_folder(world: World) -> None:
    dataset, _ = world.dataset(30)
    token = CancellationToken()

    class Stopping(PictureAction):
        def set_progress(self, *args: Any, **known: Any) -> None:
            token.cancel("enough")

    with pytest.raises(WorkCancelledError, match="enough"):
        world.run(Stopping, dataset=dataset, cancellation=token)
    assert list((world.cache / "datasets/folders").iterdir()) == []
    assert len(world.storage.got) < 30


def test_output_dir_is_a_copy_that_can_be_changed(world: World, tmp_path: Path) -> None:
    dataset, _ = world.dataset(2)
    found = download(world, dataset, output_dir=str(tmp_path / "mine"))
    assert found.path == tmp_path / "mine"
    (found.path / "original_files/cat_0000.png").write_bytes(b"changed")
    assert download(world, dataset).is_cached
    kept = next(one for one in (world.cache / "datasets/folders").iterdir())
    assert (kept / "original_files/cat_0000.png").read_bytes() == png(8, 9, 0)


def test_without_a_backend_it_is_said_what_to_load(tmp_path: Path) -> None:
    action = PictureAction(DatasetParams(dataset=1), RuntimeContext(env={"PLUGBUS_CACHE_FOLDER": str(tmp_path)}))
    with pytest.raises(BackendUnavailableError, match="local_backend"):
        action.execute()


def test_a_download_without_an_id_is_refused(world: World) -> None:
    with pytest.raises(DatasetParamsError, match="give the id"):
        world.run(PictureAction, dataset="folder")
    with pytest.raises(DatasetParamsError, match="neither 'dataset' nor 'path'"):
        world.run(PictureAction, operation="convert")


SLOW = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from tests.capabilities.specialised.world import World
from tests.capabilities.specialised.test_dataset_action import PictureAction
world = World(Path({folder!r}))
real = world.storage.get
def slow(*args, **known):
    time.sleep({pause})
    return real(*args, **known)
world.storage.get = slow
print(world.run(PictureAction, dataset={dataset}, max_workers=2, job_id={job!r}).path, flush=True)
world.close()
"""


def in_process(world: World, dataset: int, pause: float, job: str = "other") -> subprocess.Popen[str]:
    root = Path(__file__).parents[3]
    code = SLOW.format(path=[str(root), *sys.path], folder=str(world.folder), pause=pause, dataset=dataset, job=job)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)  # noqa: S603


def kept_files(world: World) -> int:
    return len(list((world.cache / "datasets/files").glob("??/*[!p]")))


def test_a_download_that_was_killed_is_gone_on_with(world: World) -> None:
    dataset, _ = world.dataset(60)
    with in_process(world, dataset, 0.05) as process:
        end = time.monotonic() + 60
        while kept_files(world) < 8 and time.monotonic() < end:
            time.sleep(0.01)
        process.kill()
    before = kept_files(world)
    assert 8 <= before < 60
    assert not [one for one in (world.cache / "datasets/folders").iterdir() if not one.name.startswith(".")]
    found = download(world, dataset)
    assert (found.count, found.failed_count) == (60, 0)
    assert len(world.storage.got) <= 60 - before + 2
    assert len([one for one in files_of(found.path) if one.endswith(".png")]) == 60


def test_two_processes_at_once_come_to_one_folder(world: World) -> None:
    dataset, _ = world.dataset(20)
    with in_process(world, dataset, 0.01, "a") as one, in_process(world, dataset, 0.01, "b") as two:
        paths = {process.communicate(timeout=100)[0].strip() for process in (one, two)}
    assert (one.returncode, two.returncode) == (0, 0)
    (path,) = paths
    assert len([name for name in files_of(Path(path)) if name.endswith(".png")]) == 20
    assert [name.name for name in (world.cache / "datasets/folders").iterdir()] == [Path(path).name]


# The cache.


def filled(cache: DatasetCache, name: str, size: int = 10, **known: Any) -> Path:
    draft = cache.draft()
    (draft / "data").write_bytes(b"x" * size)
    return cache.keep(draft, name, {"name": name}, **known)


def test_the_cache_returns_what_is_complete(tmp_path: Path) -> None:
    cache = DatasetCache(tmp_path)
    assert cache.find("a") is None
    path = filled(cache, "a")
    assert cache.find("a") == (path, {"name": "a"})
    assert files_of(path) == [".complete", "data"]


def test_a_folder_that_is_not_complete_is_not_found_and_is_replaced(tmp_path: Path) -> None:
    cache = DatasetCache(tmp_path)
    filled(cache, "a", 1, is_complete=False)
    assert cache.find("a") is None
    path = filled(cache, "a", 2)
    assert files_of(path) == [".complete", "data"]
    assert (path / "data").stat().st_size == 2


def test_the_first_of_two_that_made_the_same_is_kept(tmp_path: Path) -> None:
    cache = DatasetCache(tmp_path)
    first = filled(cache, "a", 1)
    assert filled(cache, "a", 2) == first
    assert (first / "data").stat().st_size == 1
    assert len(list(cache.folders.iterdir())) == 1


def test_what_was_not_used_for_longest_goes_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    now = [1_000_000.0]
    cache = DatasetCache(tmp_path, max_bytes=350, idle_s=100, clock=lambda: now[0])
    for name in "abc":
        filled(cache, name, 100)
        now[0] += 50
    assert cache.find("a") is not None  # a is used again
    now[0] += 95
    filled(cache, "d", 100)
    # b and c were not used for more than 100 s; b for longer.
    assert {one.name for one in cache.folders.iterdir()} == {"a", "c", "d"}


def test_what_was_used_just_now_stays_whatever_the_size(tmp_path: Path) -> None:
    now = [1_000_000.0]
    cache = DatasetCache(tmp_path, max_bytes=10, idle_s=100, clock=lambda: now[0])
    filled(cache, "a", 100)
    filled(cache, "b", 100)
    assert {one.name for one in cache.folders.iterdir()} == {"a", "b"}
    now[0] += 101
    assert cache.trim() == ("a", "b")


def test_drafts_and_files_that_nobody_has_are_removed_when_they_are_old(tmp_path: Path) -> None:
    cache = DatasetCache(tmp_path, idle_s=0)
    left, kept = cache.draft(), cache.file("ab" * 32)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"x")
    cache.trim()
    assert left.exists()
    later = DatasetCache(tmp_path, idle_s=0, clock=lambda: time.time() + 100_000)
    later.trim()
    assert not left.exists()
    assert not kept.exists()


def test_a_kept_file_that_was_damaged_is_downloaded_again(world: World) -> None:
    dataset, units = world.dataset(2)
    found = download(world, dataset)
    kept = DatasetCache(world.cache / "datasets").file(units[0].files["image"].sha256)
    assert kept.stat().st_nlink == 2
    shutil.rmtree(found.path)
    kept.chmod(0o644)
    kept.write_bytes(bytes(kept.stat().st_size))
    world.storage.got.clear()
    again = download(world, dataset)
    assert (again.path / "original_files/cat_0000.png").read_bytes() == png(8, 9, 0)
    assert len(world.storage.got) == 1


# Conversion.


def convert(world: World, dataset: int | str, **params: Any) -> DatasetResult:
    found = world.run(PictureAction, operation="convert", dataset=dataset, services=measured(), **params)
    assert isinstance(found, DatasetResult)
    return found


def test_a_dataset_of_the_backend_is_converted(world: World) -> None:
    dataset, _ = world.dataset(4, splits=("train", "val"))
    found = convert(world, dataset, target_format="yolo")
    assert (found.format, found.count, found.failed_count) == ("yolo", 4, 0)
    assert found.config_path == found.data_path == found.path / "dataset.yaml"
    assert [one for one in files_of(found.path) if one.endswith(".txt")] == [
        "train/labels/cat_0000.txt",
        "train/labels/cat_0002.txt",
        "val/labels/cat_0001.txt",
        "val/labels/cat_0003.txt",
    ]
    assert world.progress("dataset_conversion")[-1] == (4, 4)
    assert world.whole("dataset_conversion")[-1] == 1


def test_a_conversion_is_not_done_twice_and_follows_changes(world: World, tmp_path: Path) -> None:
    dataset, _ = world.dataset(3)
    source = download(world, dataset, output_dir=str(tmp_path / "mine")).path
    first = convert(world, str(source), target_format="coco")
    again = convert(world, str(source), target_format="coco")
    assert (first.is_cached, again.is_cached, again.count) == (False, True, 3)
    (source / "json/cat_0000.json").write_text(json.dumps(dm_document("changed")))
    with pytest.raises(ConversionError, match="is there already"):
        convert(world, str(source), target_format="coco")


def test_a_conversion_that_another_process_was_ready_with_first_is_used(world: World) -> None:
    dataset, _ = world.dataset(2)
    found: list[DatasetResult] = []

    class Overtaken(PictureAction):
        def set_progress(self, *args: Any, **known: Any) -> None:
            if not found and known.get("category", args[-1]) == "dataset_conversion":
                found.append(convert(world, dataset))

    last = world.run(Overtaken, operation="convert", dataset=dataset, services=measured())
    assert (last.path, last.count, last.is_cached) == (found[0].path, 2, True)
    assert not [one for one in last.path.parent.iterdir() if one.name.endswith(".draft")]


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from tests.capabilities.specialised.world import World
from tests.capabilities.specialised.test_dataset_action import PictureAction, measured
world = World(Path({folder!r}))
class Slow(PictureAction):
    def set_progress(self, *args, **known):
        time.sleep(0.05)
world.run(Slow, operation="convert", dataset={source!r}, services=measured(), job_id="other")
"""


def drafts_in(folder: Path) -> list[Path]:
    return [one for one in folder.iterdir() if one.name.endswith(".draft")]


@pytest.mark.parametrize("is_done_elsewhere", [False, True])
def test_a_conversion_that_was_killed_leaves_nothing_half_done(world: World, *, is_done_elsewhere: bool) -> None:
    dataset, _ = world.dataset(60)
    source = download(world, dataset).path
    output, before = source.with_name(f"{source.name}_yolo"), sorted(source.parent.iterdir())
    code = KILLED.format(path=[str(Path(__file__).parents[3]), *sys.path], folder=str(world.folder), source=str(source))
    with subprocess.Popen([sys.executable, "-c", code]) as process:  # noqa: S603
        end = time.monotonic() + 60
        written = list[Path]()
        while time.monotonic() < end and len(written) < 8:
            time.sleep(0.01)
            written = list(source.parent.glob(".*.draft/.*.draft/**/*.txt"))
        if is_done_elsewhere:
            convert(world, str(source))
            assert all(one.exists() for one in written)  # the draft is in use
        process.kill()
    assert drafts_in(source.parent)
    assert sorted(one for one in source.parent.iterdir() if not one.name.startswith(".")) == (
        sorted([*before, output]) if is_done_elsewhere else before
    )
    found = convert(world, str(source))
    assert (found.path, found.count, found.is_cached) == (output, 60, is_done_elsewhere)
    assert len([one for one in files_of(found.path) if one.endswith(".txt")]) == 60
    assert sorted(source.parent.iterdir()) == sorted([*before, output])


def test_all_is_on_the_disk_before_a_folder_is_said_to_be_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, inodes, real = list[int](), dict[str, set[int]](), os.fsync

    def fsync(handle: int) -> None:
        real(handle)
        synced.append(os.fstat(handle).st_ino)

    def rename(self: Path, target: Path) -> Path:
        if (self / ".complete").exists():
            inodes[target.name] = {one.stat().st_ino for one in (self, *self.rglob("*"))} - {*synced}
        return real_rename(self, target)

    real_rename = Path.rename
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    dataset, _ = world.dataset(3, splits=("train", "val"))
    found = convert(world, dataset)
    assert found.source_path is not None
    assert inodes == {found.path.name: set(), found.source_path.name: set()}
    assert synced[-1] == found.path.parent.stat().st_ino


def test_upstream_words_for_formats_are_understood(world: World) -> None:
    dataset, _ = world.dataset(2)
    assert convert(world, dataset, target_format="pascal").format == "pascal_voc"


def test_a_format_that_is_not_known_or_not_reached_is_named(world: World) -> None:
    dataset, _ = world.dataset(1)
    with pytest.raises(TypeNotFoundError, match="yolo_dataset"):
        convert(world, dataset, target_format="yolo_datast")
    with pytest.raises(NoConversionError):
        convert(world, dataset, target_format="onnx")


def test_documents_with_faults_are_left_out_and_told(world: World) -> None:
    dataset, units = world.dataset(3)
    world.backend.create_ground_truths(dataset, [GroundTruthDraft(data_unit=units[1].id, annotations={"images": 5})])
    found = convert(world, dataset, target_format="yolo")
    assert (found.count, found.failed_count) == (2, 1)
    assert "cat_0001.json" in found.failures[0]


def test_cancelling_a_conversion_leaves_nothing(world: World) -> None:
    dataset, _ = world.dataset(5)
    path = download(world, dataset).path
    token = CancellationToken()

    class Stopping(PictureAction):
        def set_progress(self, *args: Any, **known: Any) -> None:
            token.cancel("enough")

    with pytest.raises(WorkCancelledError):
        world.run(
            Stopping,
            services=measured(),
            cancellation=token,
            operation=DatasetOperation.CONVERT,
            dataset=str(path),
        )
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_an_author_may_use_parameters_of_their_own(world: World) -> None:
    class Own(BaseModel):
        which: int

    class OwnAction(DatasetAction[Own]):
        def execute(self) -> dict[str, Any]:
            path = self.download_dataset(self.params.which)
            return {"path": path, "converted": self.convert_dataset(path, "yolo")}

    dataset, _ = world.dataset(2)
    found = world.run(OwnAction, which=dataset, services=measured())
    assert found["converted"] == found["path"].with_name(f"{found['path'].name}_yolo")
    assert (found["converted"] / "dataset.yaml").is_file()
