"""The steps of an export up to what is to be saved: its place, what there is, and how it is converted.

Items are read and converted when they are asked for, by the step that saves them. What a checkpoint can't keep of that
is opened anew by the functions of this module.
"""

from __future__ import annotations

import json
from itertools import count
from time import sleep
from typing import TYPE_CHECKING, Any, Final

from ...backend import BackendFailedError
from ...steps import StepResult
from ..naming import safe_path
from ..workflow import WorkflowStep
from .context import ExportContext
from .errors import ExportFilterError
from .items import ConvertedItem
from .params import ExportProgressCategories
from .registry import TargetHandlers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backend import BackendClient
    from ...context import RuntimeContext
    from ...storage import Storage
    from .handlers import TargetHandler
    from .items import ExportItem

UNFINISHED: Final = ".unfinished"
"""The file that is in the folder of an export until it is done."""
_TRIES: Final = 5


def storage_of(context: ExportContext) -> Storage:
    """Return where the export is written to, the job's storage if no step says otherwise."""
    if context.storage is None:
        context.storage = _runtime(context).current_storage
    return context.storage


def open_items(context: ExportContext, after: int) -> Iterator[ExportItem]:
    """Yield what is exported, from the first id above ``after``; a backend that fails is asked again where it failed.

    Raises:
        BackendFailedError: It failed several times in a row.
    """
    handler, client, wanted = _handler(context), _client(context), context.param("filter", {})
    tries = 0
    while True:
        try:
            for item in handler.items(client, wanted, after=after):
                yield item
                after, tries = item.id, 0
        except BackendFailedError as error:
            tries += 1
            if tries == _TRIES:
                raise
            context.log_message(f"asking again after item {after}: {error}", "warning")
            sleep(context.retry_delay_s * 2**tries)
            context.raise_if_cancelled()
        else:
            return


def open_converted(context: ExportContext, after: int, done: int = 0) -> Iterator[ConvertedItem]:
    """Yield what the hooks make of each item, from the first id above ``after``."""
    exporter = context.exporter
    # What a step of the author has put there comes first; it knows of no id to begin after.
    given = context.export_items if after == 0 else None
    for number, item in enumerate(open_items(context, after) if given is None else given, done + 1):
        try:
            data: Any = exporter.before_convert(item.to_dict())
            if data is not None:
                data = exporter.after_convert(exporter.convert_data(data))
            converted = ConvertedItem(item, data)
        except Exception as error:  # noqa: BLE001 - a hook may raise anything, and the other items go on
            converted = ConvertedItem(item, None, error)
        context.tell_progress(number, ExportProgressCategories.DATASET_CONVERSION.value)
        yield converted


class InitializeStep(WorkflowStep[ExportContext]):
    """Make the folder of the export; another name is chosen where there is one."""

    label = "initialize"
    weight = 0.05

    def execute(self, context: ExportContext) -> StepResult:
        """Choose the folder and mark it as unfinished."""
        storage = storage_of(context)
        context.path_root = str(context.param("path", "")).strip("/")
        name = safe_path(str(context.param("name", "export")).replace("/", "_"))
        below = f"{context.path_root}/" if context.path_root else ""
        numbered = (f"{below}{name}" if not number else f"{below}{name}({number})" for number in count())
        path = next(one for one in numbered if next(storage.list(one), None) is None)
        job_id = None if context.runtime_ctx is None else context.runtime_ctx.job_id
        with storage.open(f"{path}/{UNFINISHED}", "wb") as marker:
            marker.write(json.dumps({"job": job_id, "name": name}).encode())
        exporter = context.exporter
        context.unique_export_path = path
        context.output_paths = {
            "label": f"{path}/{exporter.label_output_dirname}",
            "original": f"{path}/{exporter.original_output_dirname}",
        }
        return StepResult(data={"path": path}, rollback_data={"path": path})

    def rollback(self, context: ExportContext, result: StepResult) -> None:
        """Remove the folder with all that was saved."""
        storage_of(context).remove_tree(result.rollback_data["path"])
        context.unique_export_path, context.output_paths, context.output_path = "", {}, None


class FetchResultsStep(WorkflowStep[ExportContext]):
    """Find what is exported."""

    label = "fetch_results"
    weight = 0.10

    def execute(self, context: ExportContext) -> StepResult:
        """Check the target and the filter, and count."""
        category = ExportProgressCategories.FETCH.value
        context.set_progress(0, 1, category)
        context.handler = _handler(context)
        wanted = context.param("filter", {})
        context.handler.check(wanted)
        context.total_count = context.handler.count(_client(context), wanted)
        context.results = open_items(context, 0)
        context.set_progress(1, 1, category)
        return StepResult(data={"total_count": context.total_count})


class PrepareExportStep(WorkflowStep[ExportContext]):
    """Tell the hooks what they may want to know."""

    label = "prepare_export"
    weight = 0.10

    def can_skip(self, context: ExportContext) -> bool:
        """Skip it where there is nothing."""
        return context.total_count == 0

    def execute(self, context: ExportContext) -> StepResult:
        """Gather the parameters and the configuration of the project or dataset."""
        try:
            context.configuration = dict(_handler(context).configuration(_client(context), context.param("filter", {})))
        except BackendFailedError as error:
            context.log_message(f"going on without configuration: {error}", "warning")
        context.export_params = {
            "name": context.param("name", "export"),
            "count": context.total_count,
            "save_original_file": context.param("save_original_file", True),
            **context.param("extra_params", {}),
        }
        context.export_items = context.results
        return StepResult(data={"count": context.total_count})


class ConvertDataStep(WorkflowStep[ExportContext]):
    """Set up the conversion: an item is converted when it is about to be saved, so that one is in memory at a time."""

    label = "convert_data"
    weight = 0.30

    def can_skip(self, context: ExportContext) -> bool:
        """Skip it where there is nothing."""
        return context.total_count == 0

    def execute(self, context: ExportContext) -> StepResult:
        """Set up the conversion."""
        context.converted_items = open_converted(context, 0)
        return StepResult()


def _handler(context: ExportContext) -> TargetHandler:
    if context.handler is None:
        make = getattr(context.action, "make_handlers", TargetHandlers)
        context.handler = make().get(str(context.param("target", "task")))
    assert context.handler is not None  # noqa: S101 - for checkers: it has just been set
    return context.handler


def _client(context: ExportContext) -> BackendClient:
    return _runtime(context).current_backend


def _runtime(context: ExportContext) -> RuntimeContext:
    if context.runtime_ctx is None:
        raise ExportFilterError(str(context.param("target", "task")), (("", "its context has no runtime_ctx"),))
    return context.runtime_ctx
