"""The steps of an upload after the files are sent: data units, a look at what arrived, and tidying up."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import WorkCancelledError
from ...steps import StepResult
from ...storage import StorageError, StoredFile
from ..batches import windows
from ..journal import ItemJournal
from ..parallel import in_parallel
from ..workflow import WorkflowStep
from .context import UploadContext
from .data_units import UPLOAD_ID, BatchDataUnitStrategy, SingleDataUnitStrategy, data_unit_draft
from .errors import NothingUploadedError, UploadVerificationError
from .leftovers import journal_path, remove_files
from .params import UploadProgressCategories
from .preparing import TOLD
from .sending import send

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...backend import DataUnitDraft
    from .files import UploadedFile
    from .strategies import DataUnitStrategy


class GenerateDataUnitsStep(WorkflowStep[UploadContext]):
    """Make a data unit of the files that belong together. One of the same name and content is there once."""

    label = "generate_data_units"
    weight = 0.15

    def can_skip(self, context: UploadContext) -> bool:
        """Skip it where no dataset is named."""
        return context.dataset is None

    def execute(self, context: UploadContext) -> StepResult:
        """Make them, some at a time.

        Raises:
            NothingUploadedError: The backend refused them all.
            BackendFailedError: The backend failed for good; those that were made are deleted.
        """
        try:
            self._create_all(context)
        except BaseException as error:
            try:
                _delete_made(context)
            except Exception as second:  # noqa: BLE001 - what made the step fail says more
                error.add_note(f"data units that had been made are still there: {second}")
            raise
        if not context.data_units:
            told = [f"{one.path}: {one.cause}" for one in context.lost_files]
            raise NothingUploadedError(tuple(told[:TOLD]), len(told))
        if context.kept_units:
            context.log_message(f"{context.kept_units} data units were there already", "info")
        return StepResult(data={"data_unit_count": len(context.data_units), "kept_count": context.kept_units})

    def rollback(self, context: UploadContext, result: StepResult) -> None:
        """Delete those that this upload has made."""
        _delete_made(context)

    def _create_all(self, context: UploadContext) -> None:
        drafts = _drafts(context)
        size = int(context.param("data_unit_batch_size", 200))
        make = getattr(context.action, "make_data_units", None)
        strategy: DataUnitStrategy = (
            make() if make is not None else SingleDataUnitStrategy() if size == 1 else BatchDataUnitStrategy(size)
        )
        client, dataset, refused = context.client, context.dataset, set[str]()
        context.data_units, context.kept_units, done = [], 0, 0
        assert dataset is not None  # noqa: S101 - for checkers: can_skip has looked
        for window in windows(drafts, size):
            context.raise_if_cancelled()
            for outcome in context.retried(lambda part=window: list(strategy.create(client, dataset, part))):  # type: ignore[misc] # checkers do not infer the default of a lambda
                if outcome.value is None:
                    context.lose(outcome.item.name, outcome.error)
                    refused.add(outcome.item.name)
                else:
                    context.data_units.append(outcome.value.id)
                    context.kept_units += outcome.value.metadata.get(UPLOAD_ID) != context.upload_id
            done += len(window)
            context.set_progress(done, 2 * len(drafts), UploadProgressCategories.FINALIZATION.value)
        context.uploaded_files = [one for one in context.uploaded_files if one.name not in refused]


class VerifyUploadStep(WorkflowStep[UploadContext]):
    """Look whether the files are in the storage as they were sent; send those again that are not."""

    label = "verify_upload"
    weight = 0.10

    def execute(self, context: UploadContext) -> StepResult:
        """Look at all of them, some at a time.

        Raises:
            UploadVerificationError: Some are not, also when they were sent again.
        """
        files, faults, again = context.uploaded_files, [], 0
        category = UploadProgressCategories.FINALIZATION.value
        workers = int(context.param("upload_max_workers", 8))
        has_units = context.dataset is not None
        for number, outcome in enumerate(
            in_parallel(partial(_verify, context), files, workers=workers, check=context.raise_if_cancelled), 1
        ):
            if isinstance(outcome.error, WorkCancelledError):
                raise outcome.error
            if outcome.error is not None:
                faults.append((outcome.item.file.uri, str(outcome.error)))
            again += bool(outcome.value)
            context.set_progress(number + has_units * len(files), (1 + has_units) * len(files), category)
        if faults:
            raise UploadVerificationError(tuple(faults))
        return StepResult(data={"verified_count": len(files), "sent_again_count": again})


class CleanupStep(WorkflowStep[UploadContext]):
    """Remove files of which no data unit was made, and what was noted on the way."""

    label = "cleanup"
    weight = 0.05

    def execute(self, context: UploadContext) -> StepResult:
        """Tidy up."""
        storage = context.current_storage
        used = {storage.path(one.file.uri) for one in context.uploaded_files}
        unused = [one for one in context.new_files if one not in used]
        remove_files(context, unused)
        context.new_files = [one for one in context.new_files if one in used]
        ItemJournal(journal_path(context)).clear()
        if context.lost_files:
            context.log("lost_files", {"lost_files": [one.to_dict() for one in context.lost_files]})
            context.log_message(f"{len(context.lost_files)} files were not uploaded", "warning")
        return StepResult(data={"removed_count": len(unused)})


def _drafts(context: UploadContext) -> list[DataUnitDraft]:
    """Return a draft for each data unit, in the order in which they were organised."""
    files: dict[str, dict[str, StoredFile]] = {}
    for one in context.uploaded_files:
        files.setdefault(one.name, {})[one.role] = one.file
    known = {one.name: one.metadata for one in context.organized_files}
    return [data_unit_draft(name, mine, known.get(name, {}), context.upload_id) for name, mine in files.items()]


def _delete_made(context: UploadContext) -> None:
    """Delete the data units that this upload has made, also those that it does not know of any more."""
    if context.dataset is not None:
        client = context.client
        made = [one.id for one in client.data_units(context.dataset, where={UPLOAD_ID: context.upload_id})]
        for window in windows(made, 500):
            client.delete_data_units(window)
    context.data_units, context.kept_units = [], 0


def _verify(context: UploadContext, one: UploadedFile) -> bool:
    """Raise unless a file is in the storage as it was sent; return whether it had to be sent again."""
    fault = _fault(context, one.file)
    if fault is None:
        return False
    path = Path(one.path)
    if one.path and path.is_file():
        send(context, path, context.current_storage.path(one.file.uri), one.file.sha256)
        fault = _fault(context, one.file)
    if fault is not None:
        raise fault
    return True


def _fault(context: UploadContext, file: StoredFile) -> Exception | None:
    """Return what is wrong with a file in the storage."""
    return next(_faults(context, file), None)


def _faults(context: UploadContext, file: StoredFile) -> Iterator[Exception]:
    storage = context.current_storage
    try:
        size = context.retried(lambda: storage.size(file.uri))
        if size != file.size:
            yield ValueError(f"it has {size} bytes; {file.size} were sent")
        elif context.param("verification", "checksum") == "checksum":
            sha256 = context.retried(lambda: storage.checksum(file.uri))
            if sha256 != file.sha256:
                yield ValueError(f"its SHA-256 is {sha256}; {file.sha256} was sent")
    except StorageError as error:
        yield error
