"""What can be exported, and how it is found in the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ...backend import TaskStatus
from ..parallel import in_parallel
from .errors import ExportFilterError
from .items import ExportItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ...backend import BackendClient, GroundTruth, TaskRecord

_READERS = 4


class TargetHandler(Protocol):
    """Find what one kind of export is about. It is asked by one export at a time, and has no state."""

    def check(self, filter: Mapping[str, Any]) -> None:  # noqa: A002 - the parameter's name in every export
        """Raise unless a filter says all that is needed, and nothing that is not known.

        Raises:
            ExportFilterError: It does not; holds every fault.
        """
        ...

    def count(self, client: BackendClient, filter: Mapping[str, Any]) -> int:  # noqa: A002
        """Return how many items there are."""
        ...

    def items(self, client: BackendClient, filter: Mapping[str, Any], *, after: int = 0) -> Iterator[ExportItem]:  # noqa: A002
        """Yield the items in the order of their ids, from the first id above ``after``, reading them as it goes."""
        ...

    def configuration(self, client: BackendClient, filter: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: A002
        """Return how the project or dataset is set up; empty where nothing is known."""
        ...


class TaskHandler:
    """Tasks of a project: ``{"project": 7, "status": "confirmed", "metadata": {"city": "Bonn"}}``."""

    target: ClassVar[str] = "task"
    keys: ClassVar[frozenset[str]] = frozenset({"project", "status", "metadata"})

    def check(self, filter: Mapping[str, Any]) -> None:  # noqa: A002
        """Ask for a project, and for a status that there is."""
        faults = _faults(filter, "project", self.keys)
        status = filter.get("status")
        if status is not None and status not in set(TaskStatus):
            faults.append(("status", f"it is {status!r}; there are {', '.join(TaskStatus)}"))
        if faults:
            raise ExportFilterError(self.target, tuple(faults))

    def count(self, client: BackendClient, filter: Mapping[str, Any]) -> int:  # noqa: A002
        """Go through the tasks once."""
        return sum(1 for _ in self.records(client, filter, 0))

    def items(self, client: BackendClient, filter: Mapping[str, Any], *, after: int = 0) -> Iterator[ExportItem]:  # noqa: A002
        """Yield tasks with their data units, which are read some at a time."""

        def read(task: TaskRecord) -> ExportItem:
            unit = None if task.data_unit is None else client.data_unit(task.data_unit)
            return ExportItem(
                id=task.id,
                name=unit.name if unit is not None else f"{self.target}_{task.id}",
                annotations=task.annotations,
                files={} if unit is None else unit.files,
                metadata=task.metadata,
                data_unit=task.data_unit,
                status=task.status.value,
            )

        yield from _read(read, self.records(client, filter, after))

    def configuration(self, client: BackendClient, filter: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: A002
        """Return the configuration of the project."""
        return client.project(filter["project"]).configuration

    def records(self, client: BackendClient, filter: Mapping[str, Any], after: int) -> Iterator[TaskRecord]:  # noqa: A002
        """Yield the tasks."""
        status = filter.get("status")
        return client.tasks(
            filter["project"],
            status=None if status is None else TaskStatus(status),
            where=filter.get("metadata"),
            after=after,
        )


class AssignmentHandler(TaskHandler):
    """Tasks that are assigned to somebody: their metadata has an ``assignee``, the one of the filter if it has one."""

    target = "assignment"
    keys = TaskHandler.keys | {"assignee"}

    def records(self, client: BackendClient, filter: Mapping[str, Any], after: int) -> Iterator[TaskRecord]:  # noqa: A002
        """Yield the tasks."""
        wanted = filter.get("assignee")
        for task in super().records(client, filter, after):
            assignee = task.metadata.get("assignee")
            if assignee is not None and wanted in {None, assignee}:
                yield task


class GroundTruthHandler:
    """Ground truths of a dataset: ``{"dataset": 7, "metadata": {"split": "train"}}``."""

    target: ClassVar[str] = "ground_truth"

    def check(self, filter: Mapping[str, Any]) -> None:  # noqa: A002
        """Ask for a dataset."""
        faults = _faults(filter, "dataset", frozenset({"dataset", "metadata"}))
        if faults:
            raise ExportFilterError(self.target, tuple(faults))

    def count(self, client: BackendClient, filter: Mapping[str, Any]) -> int:  # noqa: A002
        """Go through the ground truths once."""
        return sum(1 for _ in client.ground_truths(filter["dataset"], where=filter.get("metadata")))

    def items(self, client: BackendClient, filter: Mapping[str, Any], *, after: int = 0) -> Iterator[ExportItem]:  # noqa: A002
        """Yield ground truths with their data units, which are read some at a time."""

        def read(truth: GroundTruth) -> ExportItem:
            unit = client.data_unit(truth.data_unit)
            return ExportItem(
                id=truth.id,
                name=unit.name,
                annotations=truth.annotations,
                files=unit.files,
                metadata=truth.metadata,
                data_unit=unit.id,
            )

        yield from _read(read, client.ground_truths(filter["dataset"], where=filter.get("metadata"), after=after))

    def configuration(self, client: BackendClient, filter: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: A002
        """Return the metadata of the dataset."""
        return client.dataset(filter["dataset"]).metadata


def _faults(given: Mapping[str, Any], needed: str, keys: frozenset[str]) -> list[tuple[str, str]]:
    faults: list[tuple[str, str]] = []
    value = given.get(needed)
    if not isinstance(value, int) or isinstance(value, bool):
        faults.append((needed, "it is missing; give its id" if value is None else f"it is {value!r}; give an id"))
    for key in sorted(set(given) - keys):
        faults.append((key, f"it is not known; there are {', '.join(sorted(keys))}"))
    if not isinstance(given.get("metadata", {}), dict):
        faults.append(("metadata", f"it is {given['metadata']!r}; give names and values"))
    return faults


def _read(read: Callable[[Any], ExportItem], records: Iterator[Any]) -> Iterator[ExportItem]:
    for outcome in in_parallel(read, records, workers=_READERS):
        if outcome.value is None:
            raise outcome.error or AssertionError("either a value or an error")
        yield outcome.value
