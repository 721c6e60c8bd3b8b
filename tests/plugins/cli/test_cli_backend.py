"""``plugbus backend``: records, imports, upkeep."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')

from plugbus.capabilities import (
    JobDraft,
    JobLogEntry,
    ModelDraft,
    ProjectDraft,
    TaskAnnotation,
    TaskDraft,
)
from plugbus.plugins.local_backend import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def backend(place: Path) -> Iterator[LocalBackend]:
    """Return the backend of the place; the command opens its file too."""
    with LocalBackend(place / "artifacts" / "backend" / "backend.db") as backend:
        yield backend


@pytest.fixture
def folder(place: Path) -> Path:
    """Return a folder with two data units, of which one has two files."""
    for name in ("train/cat.jpg", "train/cat.json", "dog.jpg", ".hidden", ".git/x"):
        path = place / "cats" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return place / "cats"


def test_records_and_files_are_where_the_runs_are(plugbus: Cli, folder: Path, place: Path) -> None:
    args = ("backend", "import", "cats", "--name", "cats", "--format", "images", "--json")
    (place / "plugbus.yaml").write_text("artifacts: of_file\n")
    for options, root in (((), "of_file"), (("--artifacts", "of_option"), "of_option")):
        code, _, err = plugbus(*options, *args)
        assert (code, err) == (0, "")
        assert (place / root / "backend" / "backend.db").is_file()
        assert (place / root / "storage/datasets/1/train/cat.json").is_file()
    assert not (place / "artifacts").exists()


def test_a_folder_is_imported_once(plugbus: Cli, folder: Path, backend: LocalBackend, place: Path) -> None:
    code, out, err = plugbus("backend", "import", "cats", "--name", "cats", "--format", "images", "--json")
    assert (code, err) == (0, "")
    done = json.loads(out)
    assert done == {"dataset": 1, "created": 2, "found": 0, "files": 3}
    assert backend.dataset(1).format == "images"
    units = list(backend.data_units(1))
    assert [(one.name, sorted(one.files)) for one in units] == [("dog", ["jpg"]), ("train/cat", ["jpg", "json"])]
    file = units[1].files["json"]
    assert file.uri == f"file://{place}/artifacts/storage/datasets/1/train/cat.json"
    assert (place / "artifacts/storage/datasets/1/train/cat.json").read_bytes() == b"train/cat.json"
    (folder / "new.jpg").write_bytes(b"new")
    code, _, err = plugbus("backend", "import", "cats", "--name", "cats")
    assert (code, err) == (0, "dataset 1: 1 data units created, 2 there already, 1 files\n")
    assert len(list(backend.data_units(1))) == 3


def test_an_import_that_failed_is_taken_up(plugbus: Cli, folder: Path, backend: LocalBackend) -> None:
    (folder / "train" / "zebra.jpg").symlink_to(folder / "absent")
    code, _, err = plugbus("backend", "import", "cats", "--name", "cats")
    assert code == 1
    assert "zebra.jpg" in err
    assert list(backend.data_units(1)) == [], "the batch is whole or not at all"
    (folder / "train" / "zebra.jpg").unlink()
    assert plugbus("backend", "import", "cats", "--name", "cats")[0] == 0
    assert [one.name for one in backend.data_units(1)] == ["dog", "train/cat"]


def test_records_are_listed(plugbus: Cli, backend: LocalBackend) -> None:
    assert plugbus("backend", "list", "models") == (0, "", "no models\n")
    assert plugbus("backend", "list", "models", "--json") == (0, "[]\n", "")
    for n in range(3):
        backend.create_model(ModelDraft(name="net", version=str(n), metrics={"map": 0.5}))
    code, out, _ = plugbus("backend", "list", "models")
    assert code == 0
    assert out.splitlines()[0].split() == ["id", "name", "version", "metrics"]
    assert len(out.splitlines()) == 4
    found = json.loads(plugbus("backend", "list", "models", "--limit", "2", "--json")[1])
    assert [one["version"] for one in found] == ["0", "1"]
    project = backend.create_project(ProjectDraft(name="p"))
    (task,) = backend.create_tasks(project.id, [TaskDraft()])
    backend.annotate_tasks([TaskAnnotation(task=task.id, annotations={"a": 1})])
    backend.create_job(JobDraft(action="a", id="job"))
    backend.append_logs("job", [JobLogEntry(event="message", data={"text": "hello"})])
    (told,) = json.loads(plugbus("backend", "list", "tasks", str(project.id), "--json")[1])
    assert (told["status"], told["annotations"]) == ("annotated", {"a": 1})
    (entry,) = json.loads(plugbus("backend", "list", "logs", "job", "--json")[1])
    assert (entry["id"], entry["data"]) == (1, {"text": "hello"})
    assert "hello" in plugbus("backend", "list", "logs", "job")[1]


def test_one_record_is_shown(plugbus: Cli, backend: LocalBackend) -> None:
    job = backend.create_job(JobDraft(action="cats.train", params={"epochs": 3}))
    shown = json.loads(plugbus("backend", "show", "job", job.id, "--json")[1])
    assert (shown["action"], shown["params"], shown["created"]) == (
        "cats.train",
        {"epochs": 3},
        job.created.isoformat(),
    )
    project = backend.create_project(ProjectDraft(name="label cats"))
    assert "label cats" in plugbus("backend", "show", "project", str(project.id))[1]


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("show", "dataset", "7"), "cannot find dataset '7'"),
        (("show", "dataset", "cats"), "'cats' is no id of a dataset"),
        (("list", "tasks"), "name the project"),
        (("list", "models", "7"), "models are of nothing"),
        (("list", "data-units", "7"), "cannot find dataset '7'"),
    ],
)
def test_what_is_wrong_is_told(plugbus: Cli, argv: tuple[str, ...], told: str) -> None:
    code, out, err = plugbus("backend", *argv)
    assert (code, out) == (2, "")
    assert told in err


def test_the_file_is_checked_and_copied(plugbus: Cli, backend: LocalBackend, place: Path) -> None:
    backend.create_project(ProjectDraft(name="label cats"))
    assert plugbus("backend", "check") == (0, "", "sound\n")
    assert plugbus("backend", "backup", "copy.db") == (0, "", "wrote copy.db\n")
    with LocalBackend(place / "copy.db") as copy:
        assert [one.name for one in copy.projects()] == ["label cats"]
    with closing(sqlite3.connect(backend.path)) as connection:
        connection.execute("INSERT INTO tasks (project, status, metadata) VALUES (99, 'open', '{}')")
        connection.commit()
    code, out, err = plugbus("backend", "check")
    assert (code, err) == (1, "1 faults\n")
    assert "row 1 of tasks" in out
    assert json.loads(plugbus("backend", "check", "--json")[1])["faults"] == out.splitlines()
