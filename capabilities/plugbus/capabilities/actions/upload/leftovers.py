"""Removing what an upload has sent that is not to stay."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ...storage import StoredFileNotFoundError
from ..journal import ItemJournal

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from .context import UploadContext


def journal_path(context: UploadContext) -> Path | None:
    """Return where it is noted which files are being sent; None where nothing is noted."""
    work_file = getattr(context.action, "work_file", None)
    return None if work_file is None else work_file("upload.jsonl")


def remove_leftovers(context: UploadContext) -> None:
    """Remove all files that this upload has brought, also those that a process of it noted that was killed."""
    journal = ItemJournal(journal_path(context))
    remove_files(context, {*context.new_files, *(entry["place"] for entry in journal.load())})
    journal.clear()
    context.new_files = []


def remove_files(context: UploadContext, places: Collection[str]) -> None:
    """Remove files of the storage, but for what data units are made of by now: another upload may have found them."""
    storage, left = context.current_storage, set(places)
    if left and context.dataset is not None:
        root = f"{storage.root}/"
        for unit in context.client.data_units(context.dataset):
            left.difference_update(storage.path(one.uri) for one in unit.files.values() if one.uri.startswith(root))
    for place in sorted(left):
        with suppress(StoredFileNotFoundError):
            storage.remove(place)
