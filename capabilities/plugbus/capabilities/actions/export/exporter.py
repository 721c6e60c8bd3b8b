"""What authors of exports override."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from ...storage import ChecksumMismatchError

if TYPE_CHECKING:
    from ...storage import Storage, StoredFile
    from .context import ExportContext

_CHUNK: Final = 1 << 20


class BaseExporter:
    """The hooks of an export. An export action is one itself; each hook does something sensible as it is.

    For each item, in the order of the ids and in one thread: ``before_convert``, ``convert_data``, ``after_convert``.
    What these raise is recorded as the failure of that item. Then, in several threads, ``save_original_file`` and
    ``save_as_json``; at the end, once, ``additional_file_saving``.
    """

    label_output_dirname: str = "labels"
    original_output_dirname: str = "origin_files"

    def before_convert(self, data: dict[str, Any]) -> dict[str, Any] | None:
        """Return what is converted; None to leave the item out.

        Args:
            data: ``id``, ``name``, ``annotations``, ``files``, ``metadata``, ``data_unit`` and ``status`` of the item.
        """
        return data

    def convert_data(self, data: dict[str, Any]) -> Any:
        """Return what is saved, as JSON has it."""
        return data

    def after_convert(self, data: Any) -> Any:
        """Return what is saved in place of what ``convert_data`` returned."""
        return data

    def save_original_file(self, storage: Storage, file: StoredFile, path: str) -> None:
        """Copy a file of a data unit to its place in the export, whole or not at all.

        Raises:
            ChecksumMismatchError: It is not the file that the backend knows.
        """
        digest = hashlib.sha256()
        with storage.open(file.uri, "rb") as source, storage.open(path, "wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
            if digest.hexdigest() != file.sha256:
                raise ChecksumMismatchError(file.uri, file.sha256, digest.hexdigest())

    def save_as_json(self, storage: Storage, data: Any, path: str) -> None:
        """Write what was converted to its place in the export."""
        text = json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False)
        with storage.open(path, "wb") as target:
            target.write(text.encode())

    def additional_file_saving(self, context: ExportContext) -> None:
        """Save what belongs to the whole export, such as a list of names, with ``context.storage``."""
