"""Datasets, their data units, and what is true of these."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from plugbus.capabilities import DatasetRecord, DataUnit, GroundTruth, RecordConflictError, StoredFile

from .content import Content
from .table import Table

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from plugbus.capabilities import DatasetDraft, DataUnitDraft, GroundTruthDraft, Scalar

    from .database import Database


class Datasets:
    """Keep datasets, data units and ground truths."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._datasets = Table(database, "dataset", "datasets", ("id", "name", "format", "metadata"), _dataset)
        columns = ("id", "dataset", "name", "files", "metadata")
        self._data_units = Table(database, "data unit", "data_units", columns, _data_unit, scope="dataset")
        columns = ("id", "dataset", "data_unit", "annotations", "metadata")
        self._truths = Table(database, "ground truth", "ground_truths", columns, _ground_truth, scope="dataset")

    def create_dataset(self, draft: DatasetDraft) -> DatasetRecord:
        """Create a dataset."""
        content = Content("create", "dataset")
        row = {
            "name": content.name("name", draft.name),
            "format": content.text("format", draft.format),
            "metadata": content.mapping("metadata", draft.metadata),
            "key": content.optional_text("key", draft.key),
        }
        content.refuse()
        with self._database.writing("create dataset") as connection:
            found = self._datasets.find_key(connection, row)
            if found is None:
                same = self._datasets.find(connection, name=row["name"])
                if same is not None:
                    raise RecordConflictError("create", "dataset", draft.name, f"dataset {same} has this name")
                found = self._datasets.insert(connection, row)
            return self._datasets.read(connection, (found,))[0]

    def dataset(self, dataset: int) -> DatasetRecord:
        """Return a dataset."""
        return self._datasets.get(dataset)

    def datasets(self, *, name: str | None = None, after: int = 0, page_size: int = 200) -> Iterator[DatasetRecord]:
        """Yield datasets."""
        return self._datasets.list(page_size, after, name=name)

    def delete_dataset(self, dataset: int) -> None:
        """Delete a dataset with its data units and ground truths."""
        self._datasets.delete((dataset,))

    def create_data_units(self, dataset: int, drafts: Sequence[DataUnitDraft]) -> tuple[DataUnit, ...]:
        """Create data units, and return them in the order of their drafts."""
        content = Content("create", "data unit")
        rows = [
            {
                "dataset": dataset,
                "name": content.name(f"{at}.name", draft.name),
                "files": content.files(f"{at}.files", draft.files),
                "metadata": content.mapping(f"{at}.metadata", draft.metadata),
                "key": content.optional_text(f"{at}.key", draft.key),
            }
            for at, draft in enumerate(drafts)
        ]
        content.refuse()
        with self._database.writing("create data units") as connection:
            self._datasets.require(connection, (dataset,))
            return self._data_units.read(connection, [self._data_units.insert(connection, row) for row in rows])

    def data_unit(self, data_unit: int) -> DataUnit:
        """Return a data unit."""
        return self._data_units.get(data_unit)

    def data_units(
        self,
        dataset: int,
        *,
        name: str | None = None,
        where: Mapping[str, Scalar] | None = None,
        after: int = 0,
        page_size: int = 200,
    ) -> Iterator[DataUnit]:
        """Yield data units of a dataset."""
        self._datasets.get(dataset)
        return self._data_units.list(page_size, after, where=where, dataset=dataset, name=name)

    def delete_data_units(self, ids: Collection[int]) -> None:
        """Delete data units with their ground truths."""
        self._data_units.delete(ids)

    def create_ground_truths(self, dataset: int, drafts: Sequence[GroundTruthDraft]) -> tuple[GroundTruth, ...]:
        """Create ground truths, and return them in the order of their drafts."""
        content = Content("create", "ground truth")
        rows = [
            {
                "dataset": dataset,
                "data_unit": draft.data_unit,
                "annotations": content.mapping(f"{at}.annotations", draft.annotations),
                "metadata": content.mapping(f"{at}.metadata", draft.metadata),
                "key": content.optional_text(f"{at}.key", draft.key),
            }
            for at, draft in enumerate(drafts)
        ]
        content.refuse()
        with self._database.writing("create ground truths") as connection:
            self._datasets.require(connection, (dataset,))
            units = self._data_units.read(connection, list(dict.fromkeys(draft.data_unit for draft in drafts)))
            for unit in units:
                if unit.dataset != dataset:
                    cause = f"data unit {unit.id} is part of dataset {unit.dataset}"
                    raise RecordConflictError("create", "ground truth of dataset", str(dataset), cause)
            return self._truths.read(connection, [self._truths.insert(connection, row) for row in rows])

    def ground_truth(self, ground_truth: int) -> GroundTruth:
        """Return a ground truth."""
        return self._truths.get(ground_truth)

    def ground_truths(
        self,
        dataset: int,
        *,
        data_unit: int | None = None,
        where: Mapping[str, Scalar] | None = None,
        after: int = 0,
        page_size: int = 200,
    ) -> Iterator[GroundTruth]:
        """Yield ground truths of a dataset, or of one data unit of it."""
        self._datasets.get(dataset)
        if data_unit is not None:
            self._data_units.get(data_unit)
        return self._truths.list(page_size, after, where=where, dataset=dataset, data_unit=data_unit)

    def delete_ground_truths(self, ids: Collection[int]) -> None:
        """Delete ground truths."""
        self._truths.delete(ids)


def _dataset(dataset: int, name: str, kind: str, metadata: str) -> DatasetRecord:
    return DatasetRecord(id=dataset, name=name, format=kind, metadata=json.loads(metadata))


def _data_unit(data_unit: int, dataset: int, name: str, files: str, metadata: str) -> DataUnit:
    found = {what: StoredFile(**file) for what, file in json.loads(files).items()}
    return DataUnit(id=data_unit, dataset=dataset, name=name, files=found, metadata=json.loads(metadata))


def _ground_truth(truth: int, dataset: int, data_unit: int, annotations: str, metadata: str) -> GroundTruth:
    return GroundTruth(
        id=truth,
        dataset=dataset,
        data_unit=data_unit,
        annotations=json.loads(annotations),
        metadata=json.loads(metadata),
    )
