"""What belongs into the folder of a dataset: its files and documents, written down before anything is downloaded."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ..naming import TakenNames, safe_path, suffix_of
from ..parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import TextIO

    from ...backend import BackendClient, DataUnit, GroundTruth

_IMAGES: Final = "original_files"
_DOCUMENTS: Final = "json"
_MAIN: Final = "image"
_SPLITS: Final = {"valid": "val", "validation": "val"}


@dataclass(frozen=True, slots=True)
class FilePlan:
    """One file: where it goes, where it is, and how to tell that it is the one."""

    path: str
    uri: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """What belongs to one data unit.

    Args:
        unit: Its id.
        name: Its name.
        files: Its files.
        document: Where its annotations go; empty where it has none.
        annotations: What is true of it.
    """

    unit: int
    name: str
    files: tuple[FilePlan, ...]
    document: str = ""
    annotations: Mapping[str, Any] | None = None


def write_manifest(
    client: BackendClient,
    dataset: int,
    file: TextIO,
    *,
    splits: Sequence[str] = (),
    workers: int = 8,
    check: Callable[[], object] | None = None,
) -> tuple[str, int]:
    """Write down what belongs to a dataset, one line a data unit, in memory that does not grow with their number.

    The layout is that of DM datasets: ``[split/]original_files/*`` and ``[split/]json/*.json``; further files of a data
    unit go to folders that are named as they are. A split is what the data unit's metadata says under ``split``. Of
    several ground truths of a data unit the one that was created last counts.

    Returns:
        SHA-256 of what was written, and the number of data units. Equal datasets have equal sums.

    Raises:
        RecordNotFoundError: There is no such dataset.
    """
    wanted = {_split(one) for one in splits}
    digest, count, taken = hashlib.sha256(), 0, TakenNames()

    def read(unit: DataUnit) -> tuple[DataUnit, GroundTruth | None]:
        truths = deque(client.ground_truths(dataset, data_unit=unit.id), maxlen=1)
        return unit, truths[-1] if truths else None

    units = (one for one in client.data_units(dataset) if not wanted or _split(one.metadata.get("split")) in wanted)
    for outcome in in_parallel(read, units, workers=workers, check=check):
        if outcome.value is None:
            raise outcome.error or AssertionError("either a value or an error")
        plan = _plan(*outcome.value, taken)
        line = json.dumps(_encoded(plan), sort_keys=True, separators=(",", ":")) + "\n"
        digest.update(line.encode())
        file.write(line)
        count += 1
    return digest.hexdigest(), count


def read_manifest(file: TextIO) -> Iterator[UnitPlan]:
    """Yield what was written down."""
    for line in file:
        found = json.loads(line)
        files = tuple(FilePlan(*one) for one in found.pop("files"))
        yield UnitPlan(files=files, **found)


def _plan(unit: DataUnit, truth: GroundTruth | None, taken: TakenNames) -> UnitPlan:
    split = _split(unit.metadata.get("split"))
    folder = f"{safe_path(split)}/" if split else ""
    main = _MAIN if _MAIN in unit.files else next(iter(unit.files), "")
    name = safe_path(unit.name)
    suffix = suffix_of(unit.files[main].uri) if main else ""
    stem = name.removesuffix(suffix) or name
    stem = taken.take(folder, stem, unit.id)
    files = tuple(
        FilePlan(
            f"{folder}{_IMAGES if role == main else safe_path(role)}/{stem}{suffix_of(one.uri)}",
            one.uri,
            one.size,
            one.sha256,
        )
        for role, one in unit.files.items()
    )
    if truth is None:
        return UnitPlan(unit.id, unit.name, files)
    return UnitPlan(unit.id, unit.name, files, f"{folder}{_DOCUMENTS}/{stem}.json", dict(truth.annotations))


def _encoded(plan: UnitPlan) -> dict[str, Any]:
    return {
        "unit": plan.unit,
        "name": plan.name,
        "files": [[one.path, one.uri, one.size, one.sha256] for one in plan.files],
        "document": plan.document,
        "annotations": plan.annotations,
    }


def _split(name: object) -> str:
    text = str(name or "")
    return _SPLITS.get(text, text)
