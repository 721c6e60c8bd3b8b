"""A part of a document against a model of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from .faults import DocumentError, Position
from .validation import validate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .documents import Document, JsonValue
    from .faults import DocumentPath

M = TypeVar("M", bound=BaseModel)
V = TypeVar("V", "Position", str)


def validate_section(model: type[M], document: Document, path: DocumentPath) -> M:
    """Return what stands at ``path`` as an instance of the model; what is not there counts as an empty mapping.

    Raises:
        DocumentError: It is no such model; has every fault, with its place in the whole document.
    """
    data: JsonValue = document.data
    for part in path:
        data = data.get(part) if isinstance(data, dict) and isinstance(part, str) else None
    section = replace(
        document,
        data={} if data is None else data,
        # Where nothing stands, faults are told at the beginning of what holds it.
        positions={(): _nearest(path, document), **_below(path, document.positions)},
        key_positions=_below(path, document.key_positions),
        spellings=_below(path, document.spellings),
    )
    try:
        return validate(model, section)
    except DocumentError as error:
        faults = tuple(replace(fault, path=(*path, *fault.path)) for fault in error.faults)
        raise DocumentError(error.source, faults) from error


def _nearest(path: DocumentPath, document: Document) -> Position:
    for length in range(len(path), -1, -1):
        if path[:length] in document.positions:
            return document.positions[path[:length]]
    return Position(1, 1)


def _below(path: DocumentPath, table: Mapping[DocumentPath, V]) -> dict[DocumentPath, V]:
    return {key[len(path) :]: value for key, value in table.items() if key[: len(path)] == path}
