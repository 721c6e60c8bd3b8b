"""The file of the backend: versions, faults, processes, queries, copies, and its plugin."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugbus.capabilities import (
    BACKEND,
    BACKEND_UPKEEP,
    BackendFailedError,
    DatasetDraft,
    DataUnitDraft,
    GroundTruthDraft,
    JobDraft,
    JobLogEntry,
    JobStatus,
    LogLevel,
    ModelDraft,
    PluginConfigError,
    ProjectDraft,
    TaskDraft,
    TaskStatus,
)
from plugbus.kernel import Kernel, PluginLoadError, ServiceNotFoundError
from plugbus.loaders import DirectoryLoader
from plugbus.plugins.local_backend import DatabaseFileError, DatabaseVersionError, LocalBackend
from plugbus.plugins.local_backend.migrations import APPLICATION_ID, MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[2] / "plugins" / "plugbus" / "plugins" / "local_backend"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "backend.db"


@pytest.fixture
def backend(file: Path) -> Iterator[LocalBackend]:
    with LocalBackend(file, is_synced=False) as backend:
        yield backend


def connect(file: Path) -> Any:
    return closing(sqlite3.connect(file, isolation_level=None))


# Versions


def build(file: Path, version: int) -> None:
    """Make a file as the version that was current then made it."""
    with connect(file) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for step in MIGRATIONS[:version]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {version}")
        if version:
            connection.execute("INSERT INTO datasets (id, name, format, metadata) VALUES (7, 'old', '', '{\"a\":1}')")


def schema(file: Path) -> list[tuple[str, ...]]:
    with connect(file) as connection:
        return list(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"))


@pytest.mark.parametrize("version", range(len(MIGRATIONS) + 1))
def test_every_older_version_becomes_the_newest(tmp_path: Path, version: int) -> None:
    build(tmp_path / "old.db", version)
    with LocalBackend(tmp_path / "old.db") as backend, LocalBackend(tmp_path / "new.db"):
        assert [(one.id, one.metadata) for one in backend.datasets()] == ([(7, {"a": 1})] if version else [])
        backend.create_model(ModelDraft(name="net", version="1"))
        backend.create_job(JobDraft(action="a"))
    assert schema(tmp_path / "old.db") == schema(tmp_path / "new.db")
    with connect(tmp_path / "old.db") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


@pytest.mark.parametrize("step", range(len(MIGRATIONS)))
def test_a_step_that_fails_leaves_the_version_before_it(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "old.db"
    build(file, step)
    before = schema(file)
    broken = (*MIGRATIONS[:step], (*MIGRATIONS[step], "CREATE TABLE broken ("), *MIGRATIONS[step + 1 :])
    monkeypatch.setattr("plugbus.plugins.local_backend.migrations.MIGRATIONS", broken)
    with pytest.raises(BackendFailedError, match="incomplete input"):
        LocalBackend(file)
    assert schema(file) == before
    monkeypatch.undo()
    LocalBackend(file).close()


def test_a_newer_database_is_refused_and_left_alone(file: Path) -> None:
    LocalBackend(file).close()
    with connect(file) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = file.read_bytes()
    with pytest.raises(DatabaseVersionError, match=rf"backend\.db.*99.*{len(MIGRATIONS)}.*update plugbus"):
        LocalBackend(file)
    assert file.read_bytes() == before


def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    with connect(tmp_path / "other.db") as connection:
        connection.execute("CREATE TABLE mine (a)")
    with pytest.raises(DatabaseFileError, match="another program"):
        LocalBackend(tmp_path / "other.db")
    assert [name for _, name, *_ in schema(tmp_path / "other.db")] == ["mine"]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database, " * 1000)
    with pytest.raises(DatabaseFileError, match=r"text\.db.*no database"):
        LocalBackend(tmp_path / "text.db")


def test_a_place_without_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackendFailedError, match="open database"):
        LocalBackend(tmp_path / "file" / "backend.db")


# Faults

KILLED = """
import os, signal, sys
from plugbus.capabilities import DatasetDraft, DataUnitDraft
from plugbus.plugins.local_backend import LocalBackend

backend = LocalBackend(sys.argv[1])
dataset = backend.create_dataset(DatasetDraft(name="kept"))
backend.create_data_units(dataset.id, [DataUnitDraft(name=str(n), key=str(n)) for n in range(10)])

from plugbus.plugins.local_backend.table import Table
insert, seen = Table.insert, []
def dying(self, connection, row):
    seen.append(row)
    if len(seen) == 500:
        os.kill(os.getpid(), signal.SIGKILL)
    return insert(self, connection, row)
Table.insert = dying
backend.create_data_units(dataset.id, [DataUnitDraft(name="x" * 5000, key=f"new {n}") for n in range(1000)])
"""


def test_a_process_that_is_killed_in_a_batch_leaves_nothing_of_it(file: Path) -> None:
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", KILLED, str(file)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    with LocalBackend(file) as backend:
        (dataset,) = backend.datasets()
        assert [one.name for one in backend.data_units(dataset.id)] == [str(n) for n in range(10)]
        assert backend.check() == ()
        # The work that is done again goes on where it was.
        drafts = [DataUnitDraft(name=str(n), key=str(n)) for n in range(12)]
        assert len(backend.create_data_units(dataset.id, drafts)) == 12
        assert len(list(backend.data_units(dataset.id))) == 12


def test_a_full_disk_leaves_what_was_there(file: Path) -> None:
    with LocalBackend(file, max_size=1_000_000) as backend:
        dataset = backend.create_dataset(DatasetDraft(name="cats"))
        kept = backend.create_data_units(dataset.id, [DataUnitDraft(name="kept")])
        with pytest.raises(BackendFailedError, match="no room left") as caught:
            backend.create_data_units(dataset.id, [DataUnitDraft(name="x", metadata={"a": "x" * 10_000})] * 200)
        assert not caught.value.is_unsure
        assert tuple(backend.data_units(dataset.id)) == kept
        assert backend.check() == ()
        assert backend.create_data_units(dataset.id, [DataUnitDraft(name="small")])


def test_a_database_that_another_process_holds_is_named(file: Path) -> None:
    with LocalBackend(file, busy_timeout=0.05) as backend, connect(file) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackendFailedError, match="another process holds the database"):
            backend.create_dataset(DatasetDraft(name="cats"))
        assert list(backend.datasets()) == [], "readers wait for nobody"
        other.execute("ROLLBACK")
        backend.create_dataset(DatasetDraft(name="cats"))


def test_a_damaged_database_is_told(file: Path) -> None:
    with LocalBackend(file) as backend:
        dataset = backend.create_dataset(DatasetDraft(name="cats"))
        backend.create_data_units(dataset.id, [DataUnitDraft(name="x", metadata={"a": "x" * 3_000})] * 100)
    with connect(file) as connection:
        # Sound pages, wrong content.
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("INSERT INTO tasks (project, status, metadata) VALUES (99, 'open', '{}')")
    with LocalBackend(file) as backend:
        assert backend.check() == ("row 1 of tasks belongs to a row of projects that is not there",)
    content = bytearray(file.read_bytes())
    content[4096 * 60 : 4096 * 70] = os.urandom(4096 * 10)
    file.write_bytes(content)
    with LocalBackend(file) as backend:
        assert faults(backend) != ()


def faults(backend: LocalBackend) -> tuple[str, ...]:
    """Return what is wrong with a file; what is too damaged to be looked at raises."""
    try:
        return backend.check()
    except BackendFailedError as error:
        return (str(error),)


def test_an_interrupt_within_a_batch_leaves_nothing_of_it(
    backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plugbus.plugins.local_backend.table import Table

    insert = Table.insert
    seen: list[object] = []

    def interrupted(self: Any, connection: Any, row: Any) -> int:
        seen.append(row)
        if len(seen) == 3:
            raise KeyboardInterrupt
        return insert(self, connection, row)

    dataset = backend.create_dataset(DatasetDraft(name="cats"))
    monkeypatch.setattr(Table, "insert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backend.create_data_units(dataset.id, [DataUnitDraft(name=str(n)) for n in range(5)])
    monkeypatch.undo()
    assert list(backend.data_units(dataset.id)) == []
    assert len(backend.create_data_units(dataset.id, [DataUnitDraft(name="x")])) == 1


# Processes and threads


def write(path: str, name: str, count: int) -> None:
    with LocalBackend(path, is_synced=False) as backend:
        backend.create_dataset(DatasetDraft(name="shared", key="shared"))
        (dataset,) = backend.datasets(name="shared")
        for n in range(count):
            backend.create_data_units(dataset.id, [DataUnitDraft(name=name, key=f"{name} {n} {at}") for at in range(5)])
            backend.append_logs("job", [JobLogEntry(event=f"{name} {n}")])


def test_processes_may_write_together(file: Path) -> None:
    """They also make the file together: none of them finds it before."""
    spawn = multiprocessing.get_context("spawn")
    with LocalBackend(file) as backend:
        backend.create_job(JobDraft(action="a", id="job"))
        workers = [spawn.Process(target=write, args=(str(file), name, 20)) for name in ("one", "two")]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(100)
        assert [worker.exitcode for worker in workers] == [0, 0]
        (dataset,) = backend.datasets()
        assert len(list(backend.data_units(dataset.id))) == 200
        assert [one.id for one in backend.logs("job")] == list(range(1, 41))
        assert backend.check() == ()


def test_processes_may_make_the_file_together(file: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=make, args=(str(file), str(n))) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(100)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with LocalBackend(file) as backend:
        assert {one.name for one in backend.datasets()} == {"0", "1", "2"}


def make(path: str, name: str) -> None:
    with LocalBackend(path) as backend:
        backend.create_dataset(DatasetDraft(name=name))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_opens_connections_of_its_own(backend: LocalBackend) -> None:
    backend.create_dataset(DatasetDraft(name="parent"))
    child = os.fork()
    if child == 0:
        try:
            backend.create_dataset(DatasetDraft(name="child"))
            os._exit(0 if len(backend._database._forked) == 1 else 2)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [one.name for one in backend.datasets()] == ["parent", "child"]


def test_threads_that_end_leave_no_connection(backend: LocalBackend) -> None:
    for n in range(20):
        thread = threading.Thread(target=backend.create_dataset, args=(DatasetDraft(name=str(n)),))
        thread.start()
        thread.join()
    assert len(backend._database._idle) == 1


def test_what_is_closed_is_refused(file: Path) -> None:
    backend = LocalBackend(file)
    dataset = backend.create_dataset(DatasetDraft(name="cats"))
    backend.create_data_units(dataset.id, [DataUnitDraft(name=str(n)) for n in range(5)])
    left = backend.data_units(dataset.id, page_size=2)
    next(left)
    next(left)
    backend.close()
    backend.close()
    for call in (lambda: next(left), lambda: backend.create_dataset(DatasetDraft(name="dogs")), backend.check):
        with pytest.raises(BackendFailedError, match="is closed"):
            call()
    assert [one.name for one in file.parent.iterdir()] == ["backend.db"], "the log is written into the file"


def test_a_connection_that_is_lent_is_closed_when_it_comes_back(file: Path) -> None:
    backend = LocalBackend(file)
    with backend._database.reading("look") as connection:
        backend.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


# Queries


def test_no_list_goes_through_a_whole_table(backend: LocalBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite tells how it finds the rows: by an index or the id, and without sorting them."""
    project = backend.create_project(ProjectDraft(name="p")).id
    dataset = backend.create_dataset(DatasetDraft(name="d")).id
    (unit,) = backend.create_data_units(dataset, [DataUnitDraft(name="u")])
    backend.create_tasks(project, [TaskDraft(data_unit=unit.id)])
    backend.create_ground_truths(dataset, [GroundTruthDraft(data_unit=unit.id, annotations={})])
    backend.create_job(JobDraft(action="a", id="j"))
    statements: list[str] = []
    with backend._database.reading("trace") as connection:
        connection.set_trace_callback(statements.append)
    lists: list[Iterator[object]] = [
        backend.projects(),
        backend.projects(name="p"),
        backend.datasets(),
        backend.datasets(name="d"),
        backend.data_units(dataset),
        backend.data_units(dataset, name="u"),
        backend.data_units(dataset, where={"a": 1}),
        backend.ground_truths(dataset),
        backend.ground_truths(dataset, data_unit=unit.id),
        backend.tasks(project),
        backend.tasks(project, status=TaskStatus.OPEN),
        backend.models(),
        backend.models(name="m"),
        backend.jobs(),
        backend.jobs(status=JobStatus.PENDING),
        backend.logs("j"),
    ]
    for one in lists:
        list(one)
    with backend._database.reading("trace") as connection:
        connection.set_trace_callback(None)
        asked = [one for one in statements if one.startswith("SELECT") and "LIMIT" in one]
        assert len(asked) == len(lists)
        for query in asked:
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
            assert not [step for step in plan if "TEMP B-TREE" in step], (query, plan)
            assert not [step for step in plan if step.startswith("SCAN") and "entry" not in step], (query, plan)
        plans = " ".join(row[3] for query in asked for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
        for index in (
            "data_units_by_name",
            "ground_truths_by_data_unit",
            "tasks_by_status",
            "models_by_name",
            "jobs_by_status",
        ):
            assert index in plans
        # What deleting looks for by foreign keys has indices too.
        for table, column in (("tasks", "data_unit"), ("ground_truths", "data_unit"), ("data_units", "dataset")):
            (found,) = connection.execute(f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = 1")  # noqa: S608 - names of this test
            assert found[3].startswith("SEARCH")


KEYS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), KEYS)
NESTED = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBackend]:
    with LocalBackend(tmp_path_factory.mktemp("shared") / "backend.db", is_synced=False) as backend:
        yield backend


@settings(deadline=None, max_examples=60)
@given(metadata=st.dictionaries(KEYS, NESTED, max_size=4))
def test_any_json_comes_back_as_it_was(shared: LocalBackend, metadata: dict[str, Any]) -> None:
    dataset = shared.create_dataset(DatasetDraft(name="cats", metadata=metadata, key=None))
    try:
        assert shared.dataset(dataset.id).metadata == metadata
    finally:
        shared.delete_dataset(dataset.id)


@settings(deadline=None, max_examples=60)
@given(
    units=st.lists(st.dictionaries(st.sampled_from(["a", 'b"', "ü.[0]"]), SCALARS, max_size=3), max_size=8),
    where=st.dictionaries(st.sampled_from(["a", 'b"', "ü.[0]"]), SCALARS, max_size=2),
    page_size=st.integers(1, 4),
)
def test_lists_are_filtered_as_python_would(
    shared: LocalBackend, units: list[dict[str, Any]], where: dict[str, Any], page_size: int
) -> None:
    def is_same(one: object, other: object) -> bool:
        if isinstance(one, int) and not -(2**63) <= one < 2**63:
            one = float(one)
        if isinstance(other, int) and not -(2**63) <= other < 2**63:
            other = float(other)
        return isinstance(one, bool) == isinstance(other, bool) and one == other

    dataset = shared.create_dataset(DatasetDraft(name="dogs"))
    try:
        made = shared.create_data_units(dataset.id, [DataUnitDraft(name="u", metadata=one) for one in units])
        wanted = [
            one
            for one in made
            if all(key in one.metadata and is_same(one.metadata[key], value) for key, value in where.items())
        ]
        assert list(shared.data_units(dataset.id, where=where, page_size=page_size)) == wanted
    finally:
        shared.delete_dataset(dataset.id)


# Copies


def test_a_backup_is_of_one_moment_and_can_be_opened(backend: LocalBackend, tmp_path: Path) -> None:
    dataset = backend.create_dataset(DatasetDraft(name="cats"))
    backend.create_data_units(dataset.id, [DataUnitDraft(name=str(n)) for n in range(1000)])
    target = tmp_path / "new" / "copy.db"
    backend.backup(target)
    backend.create_dataset(DatasetDraft(name="later"))
    assert [one.name for one in target.parent.iterdir()] == ["copy.db"]
    with LocalBackend(target) as copy:
        assert list(copy.datasets()) == [dataset]
        assert len(list(copy.data_units(dataset.id))) == 1000
        assert copy.check() == ()
    before = target.read_bytes()
    with target.open("rb") as held:
        backend.backup(target)
        assert held.read() == before, "it is renamed: who reads the old one goes on"
    with LocalBackend(target) as copy:
        assert len(list(copy.datasets())) == 2


def test_a_backup_that_fails_leaves_the_last_one(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "copies" / "copy.db"
    backend.backup(target)
    before = target.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    backend.create_dataset(DatasetDraft(name="cats"))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BackendFailedError, match="No space left"):
        backend.backup(target)
    assert target.read_bytes() == before
    assert [one.name for one in target.parent.iterdir()] == ["copy.db"]


# The plugin


@contextmanager
def loaded(config: dict[str, Any]) -> Iterator[Kernel]:
    with Kernel(config={"local_backend": config}) as kernel:
        kernel.register(DirectoryLoader().read(FOLDER))
        kernel.load("local_backend")
        yield kernel


def test_the_plugin_offers_the_backend_while_it_is_loaded(file: Path) -> None:
    with loaded({"path": str(file), "busy_timeout": 5}) as kernel:
        client = kernel.services.get(BACKEND)
        client.create_dataset(DatasetDraft(name="cats"))
        assert kernel.services.get(BACKEND_UPKEEP).check() == ()
        kernel.unload("local_backend")
        with pytest.raises(ServiceNotFoundError):
            kernel.services.get(BACKEND)
        with pytest.raises(BackendFailedError, match="is closed"):
            client.datasets().__next__()
        assert [one.name for one in file.parent.iterdir()] == ["backend.db"]
        kernel.load("local_backend")
        assert [one.name for one in kernel.services.get(BACKEND).datasets()] == ["cats"]


def test_the_file_is_in_the_artifact_root_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLUGBUS_ARTIFACT_ROOT", str(tmp_path / "root"))
    with loaded({}):
        assert (tmp_path / "root" / "backend" / "backend.db").is_file()


def test_a_level_that_was_written_before_levels_were_checked_is_read_as_a_warning(file: Path) -> None:
    with LocalBackend(file) as backend:
        backend.create_job(JobDraft(action="a", id="job"))
        backend.append_logs("job", [JobLogEntry(event="old"), JobLogEntry(event="new", level=LogLevel.ERROR)])
        with connect(file) as connection:
            connection.execute("UPDATE job_logs SET level = 'loud' WHERE event = 'old'")
        found = [(one.event, one.level) for one in backend.logs("job")]
    assert found == [("old", LogLevel.WARNING), ("new", LogLevel.ERROR)]


@pytest.mark.parametrize("config", [{"path": 3}, {"pth": "x"}, {"busy_timeout": 0}, {"max_size": 10}])
def test_wrong_settings_are_refused(config: dict[str, Any]) -> None:
    with pytest.raises(PluginLoadError) as caught, loaded(config):
        pass
    assert next(iter(config)) in str(caught.value.__cause__ or caught.value)
    assert isinstance(caught.value.__cause__, PluginConfigError)
