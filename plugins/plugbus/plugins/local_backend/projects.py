"""Projects and their tasks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plugbus.capabilities import ProjectRecord, RecordConflictError, TaskRecord, TaskStatus

from .content import Content
from .table import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from plugbus.capabilities import ProjectDraft, Scalar, TaskAnnotation, TaskDraft

    from .database import Database


class Projects:
    """Keep projects and tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._projects = Table(database, "project", "projects", ("id", "name", "configuration"), _project)
        columns = ("id", "project", "data_unit", "status", "annotations", "metadata")
        self._tasks = Table(database, "task", "tasks", columns, _task, scope="project")
        self._task_data_units = Table(database, "data unit", "data_units", ("id",), int)

    def create_project(self, draft: ProjectDraft) -> ProjectRecord:
        """Create a project."""
        content = Content("create", "project")
        row = {
            "name": content.name("name", draft.name),
            "configuration": content.mapping("configuration", draft.configuration),
            "key": content.optional_text("key", draft.key),
        }
        content.refuse()
        with self._database.writing("create project") as connection:
            found = self._projects.find_key(connection, row)
            if found is None:
                same = self._projects.find(connection, name=row["name"])
                if same is not None:
                    raise RecordConflictError("create", "project", draft.name, f"project {same} has this name")
                found = self._projects.insert(connection, row)
            return self._projects.read(connection, (found,))[0]

    def project(self, project: int) -> ProjectRecord:
        """Return a project."""
        return self._projects.get(project)

    def projects(self, *, name: str | None = None, after: int = 0, page_size: int = 200) -> Iterator[ProjectRecord]:
        """Yield projects."""
        return self._projects.list(page_size, after, name=name)

    def delete_project(self, project: int) -> None:
        """Delete a project with its tasks."""
        self._projects.delete((project,))

    def create_tasks(self, project: int, drafts: Sequence[TaskDraft]) -> tuple[TaskRecord, ...]:
        """Create tasks, and return them in the order of their drafts."""
        content = Content("create", "task")
        rows = [
            {
                "project": project,
                "data_unit": draft.data_unit,
                "status": _status(content, f"{at}.status", draft.status),
                "annotations": None
                if draft.annotations is None
                else content.mapping(f"{at}.annotations", draft.annotations),
                "metadata": content.mapping(f"{at}.metadata", draft.metadata),
                "key": content.optional_text(f"{at}.key", draft.key),
            }
            for at, draft in enumerate(drafts)
        ]
        content.refuse()
        with self._database.writing("create tasks") as connection:
            self._projects.require(connection, (project,))
            self._task_data_units.require(connection, [one.data_unit for one in drafts if one.data_unit is not None])
            return self._tasks.read(connection, [self._tasks.insert(connection, row) for row in rows])

    def task(self, task: int) -> TaskRecord:
        """Return a task."""
        return self._tasks.get(task)

    def tasks(
        self,
        project: int,
        *,
        status: TaskStatus | None = None,
        where: Mapping[str, Scalar] | None = None,
        after: int = 0,
        page_size: int = 200,
    ) -> Iterator[TaskRecord]:
        """Yield tasks of a project."""
        self._projects.get(project)
        told = None if status is None else str(status)
        return self._tasks.list(page_size, after, where=where, project=project, status=told)

    def annotate_tasks(self, annotations: Sequence[TaskAnnotation]) -> tuple[TaskRecord, ...]:
        """Write what was found for tasks, and return them as they are now."""
        content = Content("annotate", "task")
        changes = [
            {
                "annotations": content.mapping(f"{at}.annotations", one.annotations),
                "status": _status(content, f"{at}.status", one.status),
            }
            for at, one in enumerate(annotations)
        ]
        content.refuse()
        ids = [one.task for one in annotations]
        with self._database.writing("annotate tasks") as connection:
            for task, change in zip(ids, changes, strict=True):
                self._tasks.update(connection, task, change)
            return self._tasks.read(connection, ids)

    def delete_tasks(self, ids: Collection[int]) -> None:
        """Delete tasks."""
        self._tasks.delete(ids)


def _status(content: Content, path: str, status: TaskStatus) -> str:
    known = [one.value for one in TaskStatus]
    if status not in known:
        content.fault(path, f"{status!r} is none of {', '.join(known)}")
    return str(status)


def _project(project: int, name: str, configuration: str) -> ProjectRecord:
    return ProjectRecord(id=project, name=name, configuration=json.loads(configuration))


def _task(
    task: int, project: int, data_unit: int | None, status: str, annotations: str | None, metadata: str
) -> TaskRecord:
    return TaskRecord(
        id=task,
        project=project,
        data_unit=data_unit,
        status=TaskStatus(status),
        annotations=None if annotations is None else json.loads(annotations),
        metadata=json.loads(metadata),
    )
