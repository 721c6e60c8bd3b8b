"""How far a training is: all that its rest depends on, and the file that keeps it when the process ends."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .array_file import ArrayFileError, ArrayFormat, digest_of, opened, packed
from .artifacts import write_bytes
from .data import CELLS, CLASSES
from .train import EpochReport, TrainingState

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from .data import Splits

MAX_BYTES = 48 * 2**20  # three times a model: weights, and both moments of their gradients
_GROUPS = ("weights", "biases", "first", "second")


class TrainingStateError(ArrayFileError):
    """Refuse a file that is not a whole, unchanged state of a training."""

    kind = "state of training"
    remedy_by_default = "remove it to train from the beginning"
    remedy_for_version = remedy_by_default


STATE = ArrayFormat("plugbus-digits-training", 1, MAX_BYTES, TrainingStateError)


def mark_of(splits: Splits, settings: Mapping[str, Any]) -> str:
    """Return a mark of all that decides what a training gives: data, settings and the libraries' versions.

    How many epochs there are to be is left out: a longer training begins as a shorter one.

    Args:
        splits: The data.
        settings: Name to value.
    """
    import numpy as np
    import sklearn

    parts = (splits.train, splits.validation)
    known = {
        "data": digest_of(array for part in parts for array in (part.x, part.y)),
        "settings": dict(settings),
        "libraries": [np.__version__, sklearn.__version__],
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def state_path(folder: Path, mark: str) -> Path:
    """Return where the state of a training is kept: trainings that differ have files of their own."""
    return folder / f"training-{mark[:16]}.npz"


def save_state(folder: Path, mark: str, state: TrainingState) -> Path:
    """Write how far a training is, at once, and return the file.

    Args:
        folder: Where states are kept.
        mark: What it is a training of.
        state: How far it is.
    """
    header = {
        "mark": mark,
        "layers": [len(state.weights[0]), *(len(bias) for bias in state.biases)],
        "updates": state.updates,
        "generator": dict(state.generator),
        "reports": [asdict(one) for one in state.reports],
    }
    arrays = _arrays(state)
    header["sha256"] = _digest(header, arrays)
    return write_bytes(state_path(folder, mark), packed(STATE, header, arrays))


def load_state(folder: Path, mark: str, epochs: int) -> TrainingState | None:
    """Return how far a training is, None where it has not begun, or is further than it is to go.

    Args:
        folder: Where states are kept.
        mark: What it is a training of.
        epochs: Epochs that there are to be; reports are given with this number.

    Raises:
        TrainingStateError: The file is damaged, or of something else.
    """
    import numpy as np

    path = state_path(folder, mark)
    if not path.exists():
        return None
    with opened(path, STATE) as entries:
        header = entries.read_header(STATE)
        if header.get("mark") != mark:
            raise TrainingStateError(str(path), "it is of another training")
        shapes = _shapes(str(path), header)
        names = {group: [name for name in shapes if name.startswith(group)] for group in _GROUPS}
        arrays = {name: entries.read(name, np.float64, shape) for name, shape in shapes.items()}
    found = header.pop("sha256", None)
    if _digest(header, arrays) != found:
        raise TrainingStateError(str(path), "header and arrays do not match the header's sha256")
    # From here on the file holds what save_state wrote.
    reports = tuple(replace(_report(str(path), one), epochs=epochs) for one in header["reports"])
    if len(reports) > epochs:
        return None
    return TrainingState(
        weights=tuple(arrays[name] for name in names["weights"]),
        biases=tuple(arrays[name] for name in names["biases"]),
        first_moments=tuple(arrays[name] for name in names["first"]),
        second_moments=tuple(arrays[name] for name in names["second"]),
        updates=header["updates"],
        generator=header["generator"],
        reports=reports,
    )


def _arrays(state: TrainingState) -> dict[str, NDArray[Any]]:
    groups = zip(_GROUPS, (state.weights, state.biases, state.first_moments, state.second_moments), strict=True)
    return {f"{group}_{index}": array for group, arrays in groups for index, array in enumerate(arrays)}


def _shapes(path: str, header: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array, by its name."""
    layers = header.get("layers")
    if not isinstance(layers, list) or len(layers) < 2 or not all(type(size) is int for size in layers):
        raise TrainingStateError(path, f"entry 'header' gives the layers as {layers!r}, not as two sizes or more")
    if (layers[0], layers[-1]) != (CELLS, CLASSES):
        raise TrainingStateError(path, f"its network maps {layers[0]} cells to {layers[-1]} classes")
    weights: list[tuple[int, ...]] = [*pairwise(layers)]
    biases: list[tuple[int, ...]] = [(size,) for size in layers[1:]]
    groups = zip(_GROUPS, (weights, biases, weights + biases, weights + biases), strict=True)
    return {f"{group}_{index}": shape for group, shapes in groups for index, shape in enumerate(shapes)}


def _report(path: str, found: Mapping[str, Any]) -> EpochReport:
    if found.keys() != {one.name for one in fields(EpochReport)}:
        raise TrainingStateError(path, "it has reports of another form")
    return EpochReport(**found)


def _digest(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    facts = {key: value for key, value in header.items() if key not in {"format", "version", "sha256"}}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(digest_of(arrays.values()).encode())
    return digest.hexdigest()
