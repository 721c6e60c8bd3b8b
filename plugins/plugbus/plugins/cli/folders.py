"""A local folder as a dataset."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.capabilities import BackendClient, Storage

_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import.

    Args:
        dataset: Id of the dataset.
        created: How many data units were created.
        found: How many were there already.
        files: How many files were copied.
    """

    dataset: int
    created: int
    found: int
    files: int


def import_dataset(
    backend: BackendClient, storage: Storage, folder: Path, name: str, data_format: str = ""
) -> Imported:
    """Copy a folder into the storage, and create its data units batch by batch.

    Files of one folder whose names differ in their ending alone are one data unit; each is named by that ending. Hidden
    files are left out. What was imported before is found by its path and not copied again.

    Raises:
        BackendError: A record can't be created.
        StorageError: A file can't be stored.
        OSError: A file can't be read.
    """
    from plugbus.capabilities import DatasetDraft, DataUnitDraft

    known = next(backend.datasets(name=name), None)
    dataset = known or backend.create_dataset(DatasetDraft(name=name, format=data_format))
    created = found = files = 0
    groups = _groups(folder)
    while batch := list(islice(groups, _BATCH)):
        drafts = []
        for path, members in batch:
            if next(backend.data_units(dataset.id, name=path, page_size=1), None) is not None:
                found += 1
                continue
            stored = {what: storage.put(file, f"datasets/{dataset.id}/{file.relative_to(folder).as_posix()}")
                      for what, file in members.items()}  # fmt: skip
            files += len(stored)
            drafts.append(DataUnitDraft(name=path, files=stored, key=path))
        created += len(backend.create_data_units(dataset.id, drafts))
    return Imported(dataset.id, created, found, files)


def _groups(folder: Path) -> Iterator[tuple[str, dict[str, Path]]]:
    """Yield the path without ending of each data unit with its files, sorted."""
    for path, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(one for one in folders if not one.startswith("."))
        visible = sorted((Path(path, one) for one in names if not one.startswith(".")), key=lambda one: (one.stem, one))
        for stem, members in groupby(visible, key=lambda one: one.stem):
            yield (
                (Path(path, stem).relative_to(folder)).as_posix(),
                {one.suffix.removeprefix(".") or "file": one for one in members},
            )


def _raise(error: OSError) -> None:
    raise error
