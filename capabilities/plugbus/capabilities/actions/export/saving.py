"""The steps of an export that write."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ...steps import StepResult
from ..journal import ItemJournal
from ..naming import TakenNames, safe_path, suffix_of
from ..parallel import in_parallel
from ..workflow import WorkflowStep
from .collecting import UNFINISHED, open_converted, storage_of
from .context import ExportContext
from .errors import NothingExportedError
from .params import ExportProgressCategories

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .items import ConvertedItem

_TOLD: Final = 3
ERROR_LIST: Final = "error_file_list.json"
COLLISIONS: Final = "filename_collisions.json"


class SaveFilesStep(WorkflowStep[ExportContext]):
    """Save the items, some at a time.

    Each item that is done is written down, in order, so that a job that is started again goes on after it.
    """

    label = "save_files"
    weight = 0.35

    def can_skip(self, context: ExportContext) -> bool:
        """Skip it where there is nothing."""
        return context.total_count == 0

    def execute(self, context: ExportContext) -> StepResult:
        """Convert and save all items.

        Raises:
            NothingExportedError: Every item failed.
        """
        journal = ItemJournal(_journal_path(context))
        try:
            done, folder = journal.load(), context.unique_export_path
            if done and done[0].get("folder") != folder:
                journal.clear()  # of an export to another folder, which nobody goes on with
                done = []
            for entry in done:
                _count(context, entry)
            if context.results is None:  # the step that finds them was done by a process that has ended
                context.set_progress(1, 1, ExportProgressCategories.FETCH.value)
            taken = TakenNames(entry["saved_as"] for entry in done if entry["saved_as"])
            after = done[-1]["id"] if done else 0
            fresh = context.converted_items if not done else None
            items = open_converted(context, after, len(done)) if fresh is None else fresh
            work = partial(_save, context)
            workers = int(context.param("max_workers", 8))
            named = _named(items, taken)
            for number, outcome in enumerate(
                in_parallel(work, named, workers=workers, check=context.raise_if_cancelled), len(done) + 1
            ):
                converted, stem = outcome.item
                known = {"folder": folder, "id": converted.item.id, "name": converted.item.name}
                entry = {**known, "saved_as": stem, "errors": {}}
                if outcome.error is not None:
                    entry["errors"] = {"json": _told(outcome.error)}
                elif outcome.value is not None:
                    entry.update(outcome.value)
                journal.append(entry)
                _count(context, entry)
                if context.param("save_original_file", True):
                    context.tell_progress(number, ExportProgressCategories.ORIGINAL_FILE.value)
                context.tell_progress(number, ExportProgressCategories.DATA_FILE.value)
        except BaseException:
            journal.clear()  # the folder is removed, too
            raise
        finally:
            journal.close()
        counts = {"exported": context.exported_count, "failed": context.failed_count, "skipped": context.skipped_count}
        context.set_metrics(counts, "export")
        if context.failed_count and not context.exported_count:
            journal.clear()
            failures = [f"{one['name']}: {one['error']}" for one in (*context.errors_json, *context.errors_original)]
            name = str(context.param("name", "export"))
            raise NothingExportedError(name, tuple(failures[:_TOLD]), context.failed_count)
        return StepResult(data={f"{name}_count": value for name, value in counts.items()})

    def rollback(self, context: ExportContext, result: StepResult) -> None:
        """Forget what was written down; the files go with their folder."""
        ItemJournal(_journal_path(context)).clear()


class FinalizeStep(WorkflowStep[ExportContext]):
    """Save what belongs to the whole export, list what went wrong, and say that it is done."""

    label = "finalize"
    weight = 0.10

    def execute(self, context: ExportContext) -> StepResult:
        """Finish the export; one of nothing leaves nothing behind."""
        storage, path = storage_of(context), context.unique_export_path
        if context.total_count == 0:
            storage.remove_tree(path)
            context.log_message("there is nothing to export", "warning")
            return StepResult(data={"output_path": None})
        context.exporter.additional_file_saving(context)
        if context.errors_json or context.errors_original:
            _write(context, ERROR_LIST, {"json": context.errors_json, "original": context.errors_original})
        if context.collisions:
            _write(context, COLLISIONS, context.collisions)
        context.output_path = storage.uri(path)
        storage.remove(f"{path}/{UNFINISHED}")
        ItemJournal(_journal_path(context)).clear()
        return StepResult(data={"output_path": context.output_path})


def _named(items: Any, taken: TakenNames) -> Iterator[tuple[ConvertedItem, str]]:
    """Yield items with the names of their files; those that are not saved have none."""
    for one in items:
        is_saved = one.error is None and one.data is not None
        name = safe_path(one.item.name)
        main = next(iter(one.item.files.values()), None)
        stem = name.removesuffix(suffix_of(main.uri) if main else "") or name
        yield one, taken.take("", stem, one.item.id) if is_saved else ""


def _save(context: ExportContext, named: tuple[ConvertedItem, str]) -> dict[str, Any]:
    """Save one item and return what went wrong, by what it went wrong with."""
    converted, stem = named
    if converted.error is not None:
        return {"errors": {"json": _told(converted.error)}}
    if converted.data is None:
        return {"is_left_out": True}
    storage, exporter, errors = storage_of(context), context.exporter, dict[str, str]()
    if context.param("save_original_file", True):
        for place, (role, file) in enumerate(converted.item.files.items()):
            folder = context.output_paths["original"] if place == 0 else f"{context.output_paths['original']}/{role}"
            try:
                exporter.save_original_file(storage, file, f"{folder}/{stem}{suffix_of(file.uri)}")
            except Exception as error:  # noqa: BLE001 - a storage may raise anything, and the other items go on
                errors["original"] = _told(error)
    try:
        exporter.save_as_json(storage, converted.data, f"{context.output_paths['label']}/{stem}.json")
    except Exception as error:  # noqa: BLE001 - see above
        errors["json"] = _told(error)
    return {"errors": errors}


def _count(context: ExportContext, entry: dict[str, Any]) -> None:
    """Count what came of an item, now or before the job was started again."""
    known = {"id": entry["id"], "name": entry["name"]}
    if entry.get("is_left_out"):
        context.skipped_count += 1
        return
    errors = entry["errors"]
    if "json" in errors:
        context.errors_json.append({**known, "error": errors["json"]})
    if "original" in errors:
        context.errors_original.append({**known, "error": errors["original"]})
    if errors:
        context.failed_count += 1
    else:
        context.exported_count += 1
    saved_as = entry["saved_as"]
    if saved_as.endswith(f"__{entry['id']}") and not entry["name"].endswith(f"__{entry['id']}"):
        context.collisions.append({**known, "saved_as": saved_as})


def _write(context: ExportContext, name: str, content: Any) -> None:
    with storage_of(context).open(f"{context.unique_export_path}/{name}", "wb") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1).encode())


def _journal_path(context: ExportContext) -> Path | None:
    work_file = getattr(context.action, "work_file", None)
    return None if work_file is None else work_file("items.jsonl")


def _told(error: Exception) -> str:
    return str(error) or type(error).__qualname__
