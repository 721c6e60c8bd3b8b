"""Converting a dataset into a folder that is kept."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...datasets import ConversionError, DraftFolder
from ...files import sync_folder, write_whole
from .cache import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...datasets import ConverterRegistry, DatasetError
    from ...types import DataType

_ALIASES: Final = {"pascal": "pascal_voc"}
_CONFIG: Final = "dataset.yaml"


def find_type(converters: ConverterRegistry, name: str) -> type[DataType]:
    """Return a data type by its name, the name of its class, or its format.

    Raises:
        TypeNotFoundError: There is none; offers near names.
    """
    return converters.types.get(_ALIASES.get(name, name))


def convert_folder(
    converters: ConverterRegistry,
    source: Path,
    source_type: type[DataType],
    target_type: type[DataType],
    output: Path,
    *,
    on_fault: Callable[[DatasetError], object] | None = None,
    progress: Callable[[int, int | None], object] | None = None,
    image_size: Any = None,
) -> tuple[Mapping[str, Any], bool]:
    """Convert a dataset into a folder, or find that this has been done.

    The folder appears in one step, when all is converted, with a note of what it was made from. Where it is there
    already, made from the same files in the same way, it is used; files are compared by name, size and time. What
    killed conversions to the same place left is removed.

    Returns:
        What was noted of the conversion, and whether it had been done before.

    Raises:
        ConversionError: Something else is at ``output``.
        NoConversionError: No converters lead there.
        DatasetError: A document is wrong, and there is no ``on_fault``.
    """
    made_from = {"source": str(source), "from": source_type.name, "to": target_type.name, "sum": _sum(source)}
    known = _notes(output)
    if known is not None and {key: known.get(key) for key in made_from} == made_from:
        DraftFolder.sweep(output)
        return known, True
    try:
        draft = DraftFolder(output)
    except FileExistsError as error:
        raise ConversionError(source_type.name, target_type.name, str(error)) from error
    try:
        inner = draft.path / "dataset"
        report = converters.convert(
            source,
            source_type,
            target_type,
            output=inner,
            on_fault=on_fault,
            progress=progress,
            image_size=image_size,
        )
        notes = {
            **made_from,
            "count": report.done,
            "skipped": report.skipped,
            "losses": [str(one) for one in report.losses],
        }
        write_whole(inner / MARKER, json.dumps(notes))
        try:
            inner.rename(output)  # the files in it are on the disk, as it was a draft, too
        except OSError:
            first = _notes(output)  # of another process that was ready first
            if first is None or {key: first.get(key) for key in made_from} != made_from:
                raise
            return first, True
        sync_folder(output.parent)
    finally:
        draft.discard()
    return notes, False


def config_of(folder: Path) -> Path | None:
    """Return the file that describes a dataset; None where its format has none."""
    path = folder / _CONFIG
    return path if path.is_file() else None


def _notes(folder: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads((folder / MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _sum(folder: Path) -> str:
    """Return a sum of the names, sizes and times of all files below a folder, but for notes."""
    digest = hashlib.sha256()
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place) / name
            if name == MARKER:
                continue
            state = path.stat()
            digest.update(
                f"{path.relative_to(folder)}\0{state.st_size}\0{state.st_mtime_ns}\n".encode("utf-8", "surrogateescape")
            )
    return digest.hexdigest()
