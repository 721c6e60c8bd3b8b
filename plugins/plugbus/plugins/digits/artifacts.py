"""The files a run leaves behind: where they go, how they are written, and the format of a model file."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

from .array_file import ArrayFileError, ArrayFormat, digest_of, opened, packed
from .data import CELLS, CLASSES

if TYPE_CHECKING:
    from .data import FloatArray, IntArray

MODEL_FORMAT = "plugbus-digits-mlp"
MODEL_VERSION = 1
MAX_MODEL_BYTES = 16 * 2**20  # unpacked; the widest network of this plugin has 0.6 MiB


class ArtifactPathError(ValueError):
    """Refuse a name that leads out of its folder of artifacts.

    Args:
        folder: The folder the file was meant for.
        name: The name as it was given.
        cause: Why it was refused.
    """

    def __init__(self, folder: str, name: str, cause: str) -> None:
        super().__init__(folder, name, cause)
        self.folder = folder
        self.name = name
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot write artifact '{self.name}': {self.cause}; give a relative path that stays in '{self.folder}'"


class ModelFileError(ArrayFileError):
    """Refuse a file that is not a whole, unchanged model file of a known version."""

    kind = "model file"
    remedy_by_default = "export the model again, or choose another file"
    remedy_for_version = "export the model again with this version of the plugin"


MODEL = ArrayFormat(MODEL_FORMAT, MODEL_VERSION, MAX_MODEL_BYTES, ModelFileError)


class Folder(StrEnum):
    """The standard folders of a run's artifacts."""

    DATA = "data"
    MODELS = "models"
    METRICS = "metrics"
    PLOTS = "plots"
    REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class Artifacts:
    """Write the files of one run, and none outside its directory.

    Args:
        root: Directory of the run; created with its folders when the first file is written.
    """

    root: Path

    def path_for(self, folder: Folder, name: str | PurePath) -> Path:
        """Return the absolute path of a file in a standard folder; nothing is created.

        Raises:
            ArtifactPathError: If the name is absolute, holds ``..`` or passes a symbolic link to elsewhere.
        """
        parts = PurePath(name)
        if parts.is_absolute() or parts.drive:
            raise ArtifactPathError(folder, str(name), "the path is absolute")
        if ".." in parts.parts:
            raise ArtifactPathError(folder, str(name), "the path holds '..'")
        if not parts.parts:
            raise ArtifactPathError(folder, str(name), "the name is empty")
        # The root itself may be reached through a link: that is the host's choice.
        home = self.root.resolve() / folder
        path = home / parts
        if not path.resolve().is_relative_to(home):
            raise ArtifactPathError(folder, str(name), f"a symbolic link leads to '{path.resolve()}'")
        return path

    def write_bytes(self, folder: Folder, name: str | PurePath, data: bytes) -> Path:
        """Write a file at once, replacing an older one, and return its path."""
        return write_bytes(self.path_for(folder, name), data)

    def write_text(self, folder: Folder, name: str | PurePath, text: str) -> Path:
        """Write a text file in UTF-8 at once, replacing an older one, and return its path."""
        return self.write_bytes(folder, name, text.encode())

    def write_json(self, folder: Folder, name: str | PurePath, value: object) -> Path:
        """Write a value as JSON, keys sorted, indented by 2, and return its path.

        Raises:
            TypeError: If JSON can't hold the value.
            ValueError: If a number is NaN or infinite, which JSON has no word for.
        """
        text = json.dumps(value, sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
        return self.write_text(folder, name, text + "\n")


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a file at once: a reader sees the old content or the new, whatever interrupts the writer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.parent / f".{uuid.uuid4().hex}.part"  # beside it: a rename is atomic within one file system only
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    if hasattr(os, "O_DIRECTORY"):  # where a folder can be opened: the rename is kept, too, when the machine stops
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return path


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Network(Protocol):
    """What a model file holds: the layers of a perceptron, and the digit of each output."""

    @property
    def weights(self) -> tuple[FloatArray, ...]:
        """One array a layer, shape ``(inputs, outputs)``."""
        ...

    @property
    def biases(self) -> tuple[FloatArray, ...]:
        """One array a layer, shape ``(outputs,)``."""
        ...

    @property
    def classes(self) -> IntArray:
        """The digit of each output, shape ``(10,)``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictor:
    """A network read from a model file; it needs numpy alone.

    Args:
        weights: One array a layer, shape ``(inputs, outputs)``.
        biases: One array a layer, shape ``(outputs,)``.
        classes: The digit of each output.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    classes: IntArray

    def predict_proba(self, x: FloatArray) -> FloatArray:
        """Return the probability of each class, shape ``(n, 10)``, for cells of shape ``(n, 64)``, 0..1.

        The forward pass of a perceptron: ``h = max(0, x W + b)`` in hidden layers, ``z = h W + b`` in the last and
        ``p_i = exp(z_i) / sum_j exp(z_j)``, with ``max(z)`` subtracted from ``z`` first, which changes no ``p`` and
        keeps ``exp`` finite (Goodfellow, Bengio, Courville, Deep Learning, 2016, sections 6.3.1 and 6.2.2.3).

        Raises:
            ValueError: If the shape of ``x`` is another.
        """
        import numpy as np

        cells = len(self.weights[0])
        if x.ndim != 2 or x.shape[1] != cells:
            raise ValueError(f"cannot predict for cells of shape {x.shape}: the model takes (n, {cells})")
        hidden = x
        for weights, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weights + bias, 0.0)
        logits = hidden @ self.weights[-1] + self.biases[-1]
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        probabilities: FloatArray = powers / powers.sum(axis=1, keepdims=True)
        return probabilities


def save_model(path: Path, model: Network) -> Path:
    """Write a model file at once and return its path; equal networks give equal bytes.

    The file is a ``.npz`` without pickles: ``weights_<i>`` and ``bias_<i>`` of each layer, ``classes``, and ``header``,
    a JSON text with the format's name and version, the layers' sizes and the SHA-256 of the arrays.
    """
    header = {
        "layers": [len(model.weights[0]), *(len(bias) for bias in model.biases)],
        "sha256": _digest(model),
    }
    arrays: dict[str, Any] = {"classes": model.classes}
    arrays |= {f"weights_{index}": layer for index, layer in enumerate(model.weights)}
    arrays |= {f"bias_{index}": layer for index, layer in enumerate(model.biases)}
    return write_bytes(path, packed(MODEL, header, arrays))


def load_model(path: Path) -> Predictor:
    """Read a model file; nothing in it is run.

    Entries are read in the order in which one vouches for the next: header, layers, hash.

    Raises:
        ModelFileError: If the file can't be read, has another format or version, or was changed.
    """
    import numpy as np

    with opened(path, MODEL) as entries:
        header = entries.read_header(MODEL)
        layers = _layers(str(path), header)
        pairs = list(pairwise(layers))
        predictor = Predictor(
            weights=tuple(entries.read(f"weights_{index}", np.float64, pair) for index, pair in enumerate(pairs)),
            biases=tuple(entries.read(f"bias_{index}", np.float64, pair[1:]) for index, pair in enumerate(pairs)),
            classes=entries.read("classes", np.int64, layers[-1:]),
        )
    if _digest(predictor) != str(header.get("sha256")):
        raise ModelFileError(str(path), "the arrays do not match the header's sha256")
    return predictor


def _layers(path: str, header: dict[str, Any]) -> tuple[int, ...]:
    """Return the sizes of the layers."""
    layers = header.get("layers")
    if not isinstance(layers, list) or len(layers) < 2 or not all(type(size) is int for size in layers):
        raise ModelFileError(path, f"entry 'header' gives the layers as {layers!r}, not as two sizes or more")
    if layers[0] != CELLS or layers[-1] != CLASSES:
        raise ModelFileError(
            path, f"its network maps {layers[0]} cells to {layers[-1]} classes, not {CELLS} to {CLASSES}"
        )
    return tuple(layers)


def _digest(model: Network) -> str:
    return digest_of((*model.weights, *model.biases, model.classes))
