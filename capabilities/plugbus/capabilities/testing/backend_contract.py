"""What every backend has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from ..backend import (
    BACKEND,
    DatasetDraft,
    DataUnitDraft,
    GroundTruthDraft,
    JobDraft,
    JobLogEntry,
    JobStatus,
    JobUpdate,
    ModelDraft,
    ProjectDraft,
    RecordConflictError,
    RecordContentError,
    RecordNotFoundError,
    TaskAnnotation,
    TaskDraft,
    TaskStatus,
)
from ..events import LogLevel
from ..storage import StoredFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..backend import BackendClient, DatasetRecord, DataUnit, ProjectRecord

FILE = StoredFile(uri="file:///data/größe 1.jpg", size=3, sha256="ab" * 32, media_type="image/jpeg")
JSON = {"größe": 1, "b": [1, 2.5, True, None, "x", {"deep": []}], "large": 2**70, "": "blank key", 'q"': "\n"}
NOWHERE = 2**62


class BackendContract(ABC):
    """Inherit it in a class named ``Test…`` and give it the fixture ``backend``: one that is empty, for each test."""

    @pytest.fixture
    @abstractmethod
    def backend(self) -> BackendClient | Iterator[BackendClient]:
        """Return the backend that is to be tested."""

    @pytest.fixture
    def dataset(self, backend: BackendClient) -> DatasetRecord:
        """Return a dataset that is empty."""
        return backend.create_dataset(DatasetDraft(name="cats", format="yolo_dataset", metadata=JSON))

    @pytest.fixture
    def units(self, backend: BackendClient, dataset: DatasetRecord) -> tuple[DataUnit, ...]:
        """Return ten data units of the dataset."""
        return backend.create_data_units(
            dataset.id,
            [
                DataUnitDraft(
                    name=f"unit {n % 4}",
                    files={"image": FILE},
                    metadata={"n": n, "split": "train" if n % 2 else "val", "even": n % 2 == 0},
                )
                for n in range(10)
            ],
        )

    @pytest.fixture
    def project(self, backend: BackendClient) -> ProjectRecord:
        """Return a project without tasks."""
        return backend.create_project(ProjectDraft(name="label cats", configuration=JSON))

    def test_it_is_a_backend(self, backend: BackendClient) -> None:
        """It can be provided under the capability."""
        BACKEND.check(backend)

    def test_what_is_created_is_there(
        self, backend: BackendClient, dataset: DatasetRecord, units: tuple[DataUnit, ...], project: ProjectRecord
    ) -> None:
        """Records keep all that their drafts have, and are the same whenever they are read."""
        assert (dataset.name, dataset.format, dataset.metadata) == ("cats", "yolo_dataset", JSON)
        assert (project.name, project.configuration) == ("label cats", JSON)
        assert backend.dataset(dataset.id) == dataset
        assert backend.project(project.id) == project
        assert list(backend.datasets()) == [dataset]
        assert list(backend.projects(name="label cats")) == [project]
        assert list(backend.projects(name="other")) == []
        assert units[3].files == {"image": FILE}
        assert units[3].metadata == {"n": 3, "split": "train", "even": False}
        assert [backend.data_unit(one.id) for one in units] == list(units)

    def test_models_are_kept(self, backend: BackendClient) -> None:
        """A model has a file or none, and a version of its own."""
        one = backend.create_model(ModelDraft(name="net", version="1", file=FILE, metrics={"map": 0.5}, metadata=JSON))
        two = backend.create_model(ModelDraft(name="net", version="2"))
        other = backend.create_model(ModelDraft(name="other", version="1"))
        assert (one.file, one.metrics, one.metadata) == (FILE, {"map": 0.5}, JSON)
        assert two.file is None
        assert backend.model(one.id) == one
        assert list(backend.models(name="net")) == [one, two]
        assert list(backend.models()) == [one, two, other]
        backend.delete_model(one.id)
        assert list(backend.models()) == [two, other]

    def test_names_are_given_once(self, backend: BackendClient, dataset: DatasetRecord, project: ProjectRecord) -> None:
        """A second record of the same name is refused, and the refusal names the first."""
        model = backend.create_model(ModelDraft(name="net", version="1"))
        backend.create_job(JobDraft(id="job-1", action="a"))
        with pytest.raises(RecordConflictError, match=rf"dataset 'cats'.*{dataset.id}"):
            backend.create_dataset(DatasetDraft(name="cats"))
        with pytest.raises(RecordConflictError, match=rf"project 'label cats'.*{project.id}"):
            backend.create_project(ProjectDraft(name="label cats"))
        with pytest.raises(RecordConflictError, match=rf"model 'net 1'.*{model.id}"):
            backend.create_model(ModelDraft(name="net", version="1"))
        with pytest.raises(RecordConflictError, match="job-1"):
            backend.create_job(JobDraft(id="job-1", action="b"))
        assert len(list(backend.datasets())) == len(list(backend.projects())) == len(list(backend.models())) == 1

    @pytest.mark.parametrize("page_size", [1, 3, 10, 1000])
    def test_lists_go_through_pages(
        self, backend: BackendClient, dataset: DatasetRecord, units: tuple[DataUnit, ...], page_size: int
    ) -> None:
        """A list has every record once, in the order of the ids, whatever the size of its pages; ``after`` cuts it."""
        assert sorted(units, key=lambda one: one.id) == list(units)
        assert list(backend.data_units(dataset.id, page_size=page_size)) == list(units)
        after = units[4].id
        assert list(backend.data_units(dataset.id, page_size=page_size, after=after)) == list(units[5:])
        assert list(backend.data_units(dataset.id, page_size=page_size, after=NOWHERE)) == []

    def test_a_list_that_is_read_while_records_go_skips_none_of_the_others(
        self, backend: BackendClient, dataset: DatasetRecord, units: tuple[DataUnit, ...]
    ) -> None:
        """What is deleted meanwhile moves no page, and what is created meanwhile comes at the end."""
        found: list[DataUnit] = []
        created: list[DataUnit] = []
        for unit in backend.data_units(dataset.id, page_size=2):
            found.append(unit)
            if unit == units[0]:
                backend.delete_data_units([units[0].id, units[1].id, units[2].id])
                created += backend.create_data_units(dataset.id, [DataUnitDraft(name="new")])
        # The page that was read already still has the second.
        assert found == [units[0], units[1], *units[3:], *created]

    def test_lists_are_filtered(
        self, backend: BackendClient, dataset: DatasetRecord, units: tuple[DataUnit, ...]
    ) -> None:
        """Names and top-level metadata are compared exactly; a truth value is no number, a null is not nothing."""
        backend.create_data_units(
            dataset.id, [DataUnitDraft(name="odd", metadata={"n": None, 'q"$.': "ä", "even": 1, "large": 2**70})]
        )

        def names(**where: Any) -> list[Any]:
            return [one.metadata.get("n") for one in backend.data_units(dataset.id, where=where, page_size=2)]

        assert names(split="val") == [0, 2, 4, 6, 8]
        assert names(split="val", n=4) == [4]
        assert names(even=False) == [1, 3, 5, 7, 9]
        assert names(even=1) == [None]
        assert names(n=3.0) == [3]
        assert names(n="3") == []
        assert names(n=None) == [None]
        assert names(absent=None) == []
        assert names(**{'q"$.': "ä"}) == [None]
        assert names(large=2**70) == [None]
        assert [one.metadata["n"] for one in backend.data_units(dataset.id, name="unit 1")] == [1, 5, 9]

    def test_keys_create_once(
        self, backend: BackendClient, dataset: DatasetRecord, project: ProjectRecord, units: tuple[DataUnit, ...]
    ) -> None:
        """Work that is done again finds what it created, in the order of its drafts, and creates what is missing."""
        drafts = [DataUnitDraft(name=str(n), key=f"key {n}") for n in range(4)]
        first = backend.create_data_units(dataset.id, drafts[:2])
        again = backend.create_data_units(dataset.id, [drafts[2], drafts[0], drafts[3], drafts[1], drafts[2]])
        assert [one.name for one in again] == ["2", "0", "3", "1", "2"]
        assert (again[1], again[3]) == first
        assert again[0] == again[4]
        assert len(list(backend.data_units(dataset.id))) == len(units) + 4
        other = backend.create_dataset(DatasetDraft(name="dogs", key="d"))
        assert backend.create_data_units(other.id, drafts[:1])[0] not in again, "keys hold within one dataset"
        assert backend.create_dataset(DatasetDraft(name="dogs", key="d")) == other
        made = backend.create_project(ProjectDraft(name="p", key="p"))
        assert backend.create_project(ProjectDraft(name="p", key="p")) == made
        task = TaskDraft(key="t")
        assert backend.create_tasks(project.id, [task, task])[0] == backend.create_tasks(project.id, [task])[0]
        assert len(list(backend.tasks(project.id))) == 1
        truth = GroundTruthDraft(data_unit=units[0].id, annotations={}, key="g")
        assert backend.create_ground_truths(dataset.id, [truth]) == backend.create_ground_truths(dataset.id, [truth])
        model = ModelDraft(name="net", version="1", key="m")
        assert backend.create_model(model) == backend.create_model(model)

    def test_tasks_are_annotated(
        self, backend: BackendClient, project: ProjectRecord, units: tuple[DataUnit, ...]
    ) -> None:
        """Annotations replace what a task held, and move its status."""
        tasks = backend.create_tasks(
            project.id, [TaskDraft(data_unit=one.id, metadata={"n": at}) for at, one in enumerate(units)]
        )
        assert {(one.status, one.annotations) for one in tasks} == {(TaskStatus.OPEN, None)}
        changed = backend.annotate_tasks(
            [
                TaskAnnotation(task=tasks[3].id, annotations=JSON),
                TaskAnnotation(task=tasks[1].id, annotations={}, status=TaskStatus.REJECTED),
            ]
        )
        assert changed == (
            replace(tasks[3], annotations=JSON, status=TaskStatus.ANNOTATED),
            replace(tasks[1], annotations={}, status=TaskStatus.REJECTED),
        )
        assert backend.task(tasks[3].id) == changed[0]
        assert list(backend.tasks(project.id, status=TaskStatus.ANNOTATED)) == [changed[0]]
        assert [one.id for one in backend.tasks(project.id, status=TaskStatus.OPEN, page_size=3)] == [
            one.id for at, one in enumerate(tasks) if at not in {1, 3}
        ]
        assert list(backend.tasks(project.id, where={"n": 3})) == [changed[0]]
        backend.delete_tasks([one.id for one in tasks[1:]])
        assert list(backend.tasks(project.id)) == [tasks[0]]

    def test_ground_truths_are_of_data_units(
        self, backend: BackendClient, dataset: DatasetRecord, units: tuple[DataUnit, ...]
    ) -> None:
        """They are found by their dataset and by their data unit, and are of no other dataset."""
        truths = backend.create_ground_truths(
            dataset.id,
            [GroundTruthDraft(data_unit=units[n].id, annotations=JSON, metadata={"by": str(n)}) for n in (1, 1, 2)],
        )
        assert [one.annotations for one in truths] == [JSON] * 3
        assert backend.ground_truth(truths[0].id) == truths[0]
        assert list(backend.ground_truths(dataset.id, page_size=2)) == list(truths)
        assert list(backend.ground_truths(dataset.id, data_unit=units[1].id)) == list(truths[:2])
        assert list(backend.ground_truths(dataset.id, where={"by": "2"})) == [truths[2]]
        other = backend.create_dataset(DatasetDraft(name="dogs"))
        with pytest.raises(RecordConflictError, match=str(units[0].id)):
            backend.create_ground_truths(other.id, [GroundTruthDraft(data_unit=units[0].id, annotations={})])
        backend.delete_ground_truths([truths[0].id])
        assert list(backend.ground_truths(dataset.id)) == list(truths[1:])

    def test_deleting_takes_along_what_belongs_to_it(
        self, backend: BackendClient, dataset: DatasetRecord, project: ProjectRecord, units: tuple[DataUnit, ...]
    ) -> None:
        """Data units take their ground truths, datasets their data units, projects their tasks; tasks outlive data."""
        backend.create_ground_truths(dataset.id, [GroundTruthDraft(data_unit=one.id, annotations={}) for one in units])
        (task,) = backend.create_tasks(project.id, [TaskDraft(data_unit=units[0].id, annotations={"a": 1})])
        backend.delete_data_units([units[0].id, NOWHERE, units[0].id])
        assert len(list(backend.ground_truths(dataset.id))) == 9
        assert backend.task(task.id) == replace(task, data_unit=None)
        backend.delete_dataset(dataset.id)
        backend.delete_dataset(dataset.id)
        for ask in (backend.dataset, backend.data_units, backend.ground_truths):
            with pytest.raises(RecordNotFoundError):
                ask(dataset.id)
        with pytest.raises(RecordNotFoundError):
            backend.data_unit(units[5].id)
        backend.delete_project(project.id)
        with pytest.raises(RecordNotFoundError):
            backend.task(task.id)

    def test_what_is_not_there_is_named(self, backend: BackendClient, dataset: DatasetRecord) -> None:
        """Every call that names something says what is missing, lists when they are called."""
        calls: list[tuple[str, Callable[[], object]]] = [
            ("project", lambda: backend.project(NOWHERE)),
            ("dataset", lambda: backend.dataset(NOWHERE)),
            ("data unit", lambda: backend.data_unit(NOWHERE)),
            ("ground truth", lambda: backend.ground_truth(NOWHERE)),
            ("task", lambda: backend.task(NOWHERE)),
            ("model", lambda: backend.model(NOWHERE)),
            ("model", lambda: backend.model(0)),
            ("model", lambda: backend.model(2**63)),
            ("model", lambda: backend.model(-1)),
            ("dataset", lambda: backend.data_units(NOWHERE)),
            ("dataset", lambda: backend.ground_truths(NOWHERE)),
            ("data unit", lambda: backend.ground_truths(dataset.id, data_unit=NOWHERE)),
            ("project", lambda: backend.tasks(NOWHERE)),
            ("dataset", lambda: backend.create_data_units(NOWHERE, [DataUnitDraft(name="a")])),
            ("project", lambda: backend.create_tasks(NOWHERE, [TaskDraft()])),
            ("job", lambda: backend.job("none")),
            ("job", lambda: backend.logs("none")),
            ("job", lambda: backend.jobs(after="none")),
            ("job", lambda: backend.update_job("none", JobUpdate())),
            ("job", lambda: backend.append_logs("none", [JobLogEntry(event="e")])),
        ]
        for kind, call in calls:
            with pytest.raises(RecordNotFoundError) as caught:
                call()
            assert caught.value.kind == kind

    def test_batches_are_whole_or_not_at_all(
        self, backend: BackendClient, dataset: DatasetRecord, project: ProjectRecord, units: tuple[DataUnit, ...]
    ) -> None:
        """One record that can't be created or changed leaves all of them as they were; every such one is named."""
        (task,) = backend.create_tasks(project.id, [TaskDraft()])
        with pytest.raises(RecordNotFoundError) as caught:
            backend.annotate_tasks(
                [TaskAnnotation(task=one, annotations={"a": 1}) for one in (task.id, NOWHERE, NOWHERE + 1)]
            )
        assert caught.value.ids == (NOWHERE, NOWHERE + 1)
        assert backend.task(task.id) == task
        with pytest.raises(RecordNotFoundError, match="data unit"):
            backend.create_tasks(project.id, [TaskDraft(), TaskDraft(data_unit=NOWHERE)])
        drafts = [GroundTruthDraft(data_unit=one, annotations={}) for one in (units[0].id, NOWHERE)]
        with pytest.raises(RecordNotFoundError, match="data unit"):
            backend.create_ground_truths(dataset.id, drafts)
        with pytest.raises(RecordContentError) as refused:
            backend.create_data_units(
                dataset.id,
                [
                    DataUnitDraft(name="fine"),
                    DataUnitDraft(name=" ", metadata={"a": [1, object()]}),
                    DataUnitDraft(name="x", files={"image": replace(FILE, sha256="short")}),
                ],
            )
        assert [path for path, _ in refused.value.faults] == ["1.name", "1.metadata.a.1", "2.files.image.sha256"]
        assert list(backend.tasks(project.id)) == [task]
        assert list(backend.ground_truths(dataset.id)) == []
        assert list(backend.data_units(dataset.id)) == list(units)

    @pytest.mark.parametrize(
        "value",
        [float("nan"), float("inf"), object(), {1: "a"}, {"a": b"x"}, "\ud800", "a\0b", {"\0": 1}, datetime.now(UTC)],
        ids=lambda value: ascii(value)[:20],
    )
    def test_what_is_no_json_is_refused(self, backend: BackendClient, value: object) -> None:
        """Nothing is stored that could not be read back as it was."""
        with pytest.raises(RecordContentError, match=r"metadata\.x"):
            backend.create_dataset(DatasetDraft(name="cats", metadata={"x": value}))
        assert list(backend.datasets()) == []

    def test_pages_have_a_size(self, backend: BackendClient) -> None:
        """A page has 1 to 1,000 records."""
        for size in (0, -1, 1001):
            with pytest.raises(RecordContentError, match="page_size"):
                backend.models(page_size=size)

    def test_nothing_to_do_is_no_error(
        self, backend: BackendClient, dataset: DatasetRecord, project: ProjectRecord
    ) -> None:
        """Batches may be empty."""
        assert backend.create_data_units(dataset.id, []) == ()
        assert backend.create_ground_truths(dataset.id, []) == ()
        assert backend.create_tasks(project.id, []) == ()
        assert backend.annotate_tasks([]) == ()
        backend.delete_data_units([])
        backend.delete_tasks([])

    def test_jobs_run_and_end(self, backend: BackendClient) -> None:
        """A job has times as it moves, keeps the last of each report, and is over once."""
        before = datetime.now(UTC)
        job = backend.create_job(JobDraft(action="cats.train", plugin="cats", params=JSON))
        assert (job.status, job.params, job.error, job.result) == (JobStatus.PENDING, JSON, "", None)
        assert (job.started, job.ended) == (None, None)
        assert before - timedelta(seconds=1) <= job.created <= datetime.now(UTC) + timedelta(seconds=1)
        assert job.created.utcoffset() == timedelta(0)
        running = backend.update_job(job.id, JobUpdate(status=JobStatus.RUNNING, progress={"overall": 0.5}))
        assert running.started is not None
        assert (running.progress, running.ended) == ({"overall": 0.5}, None)
        backend.update_job(job.id, JobUpdate(metrics={"loss": 1}))
        backend.update_job(job.id, JobUpdate(metrics={"loss": 0.5}, status=JobStatus.RUNNING))
        over = backend.update_job(job.id, JobUpdate(status=JobStatus.SUCCEEDED, result=[1, {"a": None}]))
        assert (over.result, over.metrics, over.progress) == ([1, {"a": None}], {"loss": 0.5}, {"overall": 0.5})
        assert over.started == running.started
        assert over.ended is not None
        assert backend.job(job.id) == over
        with pytest.raises(RecordConflictError, match="SUCCEEDED"):
            backend.update_job(job.id, JobUpdate(status=JobStatus.RUNNING, metrics={}))
        assert backend.job(job.id) == over
        assert backend.update_job(job.id, JobUpdate(status=JobStatus.SUCCEEDED)) == over

    def test_jobs_are_listed_as_they_were_created(self, backend: BackendClient) -> None:
        """Their order is that of their creation, whatever their ids are."""
        jobs = [backend.create_job(JobDraft(action="a", id=one)) for one in ("z", "a", "m", "b")]
        failed = backend.update_job("a", JobUpdate(status=JobStatus.FAILED, error="it broke"))
        assert [one.id for one in backend.jobs(page_size=2)] == ["z", "a", "m", "b"]
        assert list(backend.jobs(after="a")) == jobs[2:]
        assert list(backend.jobs(status=JobStatus.FAILED)) == [failed]
        assert failed.error == "it broke"

    def test_logs_are_appended(self, backend: BackendClient) -> None:
        """Entries count from 1 within their job, keep what they say, and are not added twice under one key."""
        for one in ("one", "two"):
            backend.create_job(JobDraft(action="a", id=one))
        at = datetime(2026, 1, 2, 3, 4, 5, 678901, timezone(timedelta(hours=2)))
        entries = [
            JobLogEntry(event="message", data=JSON, level=LogLevel.WARNING, at=at, step="train"),
            JobLogEntry(event="metric", key="m 1"),
        ]
        backend.append_logs("one", entries)
        backend.append_logs("two", [JobLogEntry(event="other", key="m 1")])
        backend.update_job("one", JobUpdate(status=JobStatus.STOPPED))
        backend.append_logs("one", [entries[1], JobLogEntry(event="late")])
        found = list(backend.logs("one", page_size=1))
        assert [(one.id, one.event) for one in found] == [(1, "message"), (2, "metric"), (3, "late")]
        assert found[0] == replace(entries[0], id=1)
        assert found[0].at.utcoffset() == timedelta(0)
        assert [one.id for one in backend.logs("one", after=1)] == [2, 3]
        assert [one.id for one in backend.logs("two")] == [1]
        naive = JobLogEntry(event="e", at=datetime(2026, 1, 1))
        with pytest.raises(RecordContentError, match=r"1\.at"):
            backend.append_logs("one", [JobLogEntry(event="fine"), naive])
        loud = JobLogEntry(event="e", level="loud")  # type: ignore[arg-type] # what callers without checkers write
        with pytest.raises(RecordContentError, match=r"1\.level: 'loud' is none of"):
            backend.append_logs("one", [JobLogEntry(event="fine"), loud])
        assert len(list(backend.logs("one"))) == 3

    def test_threads_may_write_together(self, backend: BackendClient, dataset: DatasetRecord) -> None:
        """Eight threads that write and read lose nothing, and mix up no batch."""
        backend.create_job(JobDraft(action="a", id="job"))

        def work(thread: int) -> None:
            for turn in range(5):
                drafts = [DataUnitDraft(name=f"{thread}", metadata={"turn": turn}, key=f"{turn}-{n}") for n in range(4)]
                made = backend.create_data_units(
                    dataset.id, [replace(one, key=f"{thread}-{one.key}") for one in drafts]
                )
                assert [one.name for one in made] == [str(thread)] * 4
                backend.append_logs("job", [JobLogEntry(event=f"{thread}-{turn}-{n}") for n in range(3)])
                assert len(list(backend.data_units(dataset.id, name=str(thread), page_size=3))) == 4 * (turn + 1)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert len(list(backend.data_units(dataset.id))) == 8 * 5 * 4
        logs = list(backend.logs("job"))
        assert [one.id for one in logs] == list(range(1, 8 * 5 * 3 + 1))
        batches = [tuple(one.event.rpartition("-")[0] for one in logs[at : at + 3]) for at in range(0, len(logs), 3)]
        assert all(len(set(batch)) == 1 for batch in batches), "entries of one call stand together"
