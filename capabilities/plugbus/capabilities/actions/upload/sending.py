"""The step of an upload that sends files.

A file's place in the storage is made from its content, so that what is there already is not sent again: not after a
crash, not by another upload to the same folder, and not where two files are the same.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from mimetypes import MimeTypes
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import WorkCancelledError
from ...steps import StepResult
from ...storage import StoredFile, StoredFileNotFoundError
from ..journal import ItemJournal
from ..parallel import in_parallel
from ..workflow import WorkflowStep
from .context import UploadContext
from .errors import FileChangedError, NothingUploadedError
from .files import UploadedFile
from .leftovers import journal_path, remove_leftovers
from .params import UploadProgressCategories
from .preparing import TOLD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .files import LocalFile

_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,16}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of a data unit that is to be in the storage."""

    name: str
    role: str
    file: LocalFile


class SendingKind(Enum):
    """What is done about a file."""

    SEND = "send"
    IS_THERE = "is_there"
    IS_TWIN = "is_twin"
    """The same content is sent as another file."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A file that was read, and what is to be done about it.

    Args:
        wanted: The file.
        kind: What is to be done; None where it could not be read.
        sha256: Of its content.
        size: Bytes.
        place: Its path in the storage.
        error: Why it could not be read.
    """

    wanted: Wanted
    kind: SendingKind | None = None
    sha256: str = ""
    size: int = 0
    place: str = ""
    error: Exception | None = None


class UploadFilesStep(WorkflowStep[UploadContext]):
    """Send the files, some at a time.

    Before a file is sent that is noted, so that what a process left behind that was killed can be removed if the upload
    is rolled back later. What could not be sent is recorded; its data unit is not made.
    """

    label = "upload_files"
    weight = 0.40

    def execute(self, context: UploadContext) -> StepResult:
        """Send them.

        Raises:
            NothingUploadedError: None could be sent.
        """
        journal = ItemJournal(journal_path(context))
        begun = {entry["place"] for entry in journal.load()}
        try:
            self._send_all(context, journal, begun)
            if not context.uploaded_files:
                told = [f"{one.path}: {one.cause}" for one in context.lost_files]
                raise NothingUploadedError(tuple(told[:TOLD]), len(told))
        except BaseException as error:
            context.new_files = sorted(begun)
            try:
                remove_leftovers(context)
            except Exception as second:  # noqa: BLE001 - what made the step fail says more
                error.add_note(f"what had been sent is still there: {second}")
            raise
        finally:
            journal.close()
        context.new_files = sorted(begun)
        counts = {"uploaded": len(context.uploaded_files), "lost": len(context.lost_files), "new": len(begun)}
        context.set_metrics(counts, "upload")
        return StepResult(data={f"{name}_count": value for name, value in counts.items()})

    def rollback(self, context: UploadContext, result: StepResult) -> None:
        """Remove what was sent, but for what data units of others are made of by now."""
        remove_leftovers(context)
        context.uploaded_files = []

    def _send_all(self, context: UploadContext, journal: ItemJournal, begun: set[str]) -> None:
        workers = int(context.param("upload_max_workers", 8))
        wanted = [
            Wanted(group.name, role, file) for group in context.organized_files for role, file in group.files.items()
        ]
        if not wanted:
            return
        category = UploadProgressCategories.UPLOAD.value
        lost: set[str] = set()
        sent: dict[str, StoredFile] = {}
        uploaded: list[UploadedFile] = []
        sendings = _sendings(context, wanted, journal, begun, workers)
        for number, outcome in enumerate(
            in_parallel(partial(_send, context), sendings, workers=workers, check=context.raise_if_cancelled), 1
        ):
            sending, error = outcome.item, outcome.item.error or outcome.error
            if isinstance(error, WorkCancelledError):
                raise error
            stored = outcome.value or sent.get(sending.place)
            if error is None and stored is None:
                error = RuntimeError("the same content could not be sent as another file")
            if error is not None or stored is None:
                context.lose(sending.wanted.file.path, error)
                lost.add(sending.wanted.name)
            else:
                sent[sending.place] = stored
                one = sending.wanted
                uploaded.append(UploadedFile(name=one.name, role=one.role, path=one.file.path, file=stored))
            context.set_progress(number, len(wanted), category)
        context.uploaded_files = [one for one in uploaded if one.name not in lost]


def send(context: UploadContext, path: Path, place: str, sha256: str) -> StoredFile:
    """Send a file, again as often as the parameters say.

    Raises:
        FileChangedError: It is not the content that was to be sent any more.
    """
    storage = context.current_storage
    stored = context.retried(lambda: storage.put(path, place))
    if stored.sha256 != sha256:
        with suppress(StoredFileNotFoundError):
            storage.remove(place)
        raise FileChangedError(str(path))
    return stored


def _sendings(
    context: UploadContext, wanted: list[Wanted], journal: ItemJournal, begun: set[str], workers: int
) -> Iterator[Sending]:
    """Read the files and decide, in order and in one thread, what is done about them: each content is sent once."""
    decided: set[str] = set()
    for outcome in in_parallel(partial(_look, context), wanted, workers=workers, check=context.raise_if_cancelled):
        if outcome.value is None:
            yield Sending(outcome.item, error=outcome.error)
            continue
        sha256, size, place, is_there = outcome.value
        kind = SendingKind.IS_THERE if is_there else SendingKind.IS_TWIN if place in decided else SendingKind.SEND
        decided.add(place)
        if kind is SendingKind.SEND and place not in begun:
            journal.append({"place": place})
            begun.add(place)
        yield Sending(outcome.item, kind, sha256, size, place)


def _look(context: UploadContext, wanted: Wanted) -> tuple[str, int, str, bool]:
    """Return a file's SHA-256, size and place, and whether it is there."""
    path = Path(wanted.file.path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    suffix = path.suffix.lower()
    place = f"{context.storage_path}/{sha256[:2]}/{sha256}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
    storage = context.current_storage
    return sha256, size, place, context.retried(lambda: storage.exists(place) and storage.size(place) == size)


def _send(context: UploadContext, sending: Sending) -> StoredFile | None:
    """Send a file unless it is there; None where it is sent as another file, or could not be read."""
    if sending.kind is SendingKind.IS_THERE:
        return StoredFile(
            uri=context.current_storage.uri(sending.place),
            size=sending.size,
            sha256=sending.sha256,
            media_type=MimeTypes().guess_type(sending.place)[0],
        )
    if sending.kind is SendingKind.SEND:
        return send(context, Path(sending.wanted.file.path), sending.place, sending.sha256)
    return None
