"""Checkpoints in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .checkpoint import RecordedFailure, StepCheckpoint
from .errors import CheckpointError
from .plain_file import held, read_plain, write_plain
from .result import StepResult

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

SCHEMA: Final = 1
_RESULT_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "success": (bool,),
    "data": (dict,),
    "error": (str, type(None)),
    "rollback_data": (dict,),
    "skipped": (bool,),
    "timestamp": (str,),
}


class JsonCheckpointStore:
    """Keep the checkpoint of one workflow in a JSON file.

    It is written beside its place, flushed to the disk, and renamed: a reader sees the whole last checkpoint or the
    whole one before it, also after a crash. All of it is written each time, so that it suits workflows of up to some
    hundred steps with small results. Only plain data is kept; what JSON would give back as something else is refused.

    Args:
        path: The file; its folder is made when it is written first.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)

    def __str__(self) -> str:
        return str(self._path)

    @property
    def path(self) -> Path:
        """Return the file."""
        return self._path

    def load(self) -> StepCheckpoint | None:
        """Return the checkpoint, None where there is no file.

        Raises:
            CheckpointError: The file is no checkpoint, or one of a later version.
            OSError: It can't be read.
        """
        document = read_plain(self._path)
        return None if document is None else self._decoded(document)

    def save(self, checkpoint: StepCheckpoint) -> None:
        """Put a checkpoint in the place of the last one.

        Raises:
            CheckpointError: It holds what is no plain data.
            OSError: The file can't be written; the last checkpoint is as it was.
        """
        failure = checkpoint.failure
        document = {
            "schema": SCHEMA,
            "steps": list(checkpoint.steps),
            "results": [_encoded(one) for one in checkpoint.results],
            "state": dict(checkpoint.state),
            "failure": failure and {"step": failure.step, "cause": failure.cause, "phase": failure.phase},
        }
        write_plain(self._path, document)

    def clear(self) -> None:
        """Remove the file; does nothing where there is none."""
        self._path.unlink(missing_ok=True)

    def hold(self) -> AbstractContextManager[None]:
        """Return a block that keeps others from the file, by one beside it (``.lock``); see ``sole_use``.

        Raises:
            CheckpointError: An execution is using it.
        """
        return held(self._path)

    def _decoded(self, document: Any) -> StepCheckpoint:
        if not isinstance(document, dict) or "schema" not in document:
            raise self._unread("it is no checkpoint")
        if document["schema"] != SCHEMA:
            raise self._unread(f"it has schema {document['schema']!r}; this version reads {SCHEMA}")
        steps, results = document.get("steps"), document.get("results")
        state, failure = document.get("state"), document.get("failure")
        if not isinstance(steps, list) or not all(isinstance(one, str) for one in steps):
            raise self._unread("'steps' is no list of texts")
        if not isinstance(results, list) or len(results) > len(steps):
            raise self._unread("'results' is no list, or a longer one than 'steps'")
        if not isinstance(state, dict):
            raise self._unread("'state' is no mapping")
        found = tuple(self._decoded_result(one, f"results[{place}]") for place, one in enumerate(results))
        return StepCheckpoint(tuple(steps), found, state, self._decoded_failure(failure))

    def _decoded_result(self, found: Any, place: str) -> StepResult:
        if not isinstance(found, dict) or found.keys() != _RESULT_KINDS.keys():
            raise self._unread(f"'{place}' is no result of a step")
        for name, kinds in _RESULT_KINDS.items():
            if not isinstance(found[name], kinds):
                raise self._unread(f"'{place}.{name}' is a {type(found[name]).__qualname__}")
        try:
            moment = datetime.fromisoformat(found["timestamp"])
        except ValueError as error:
            raise self._unread(f"'{place}.timestamp': {error}") from error
        return StepResult(**{**found, "timestamp": moment})

    def _decoded_failure(self, found: Any) -> RecordedFailure | None:
        if found is None:
            return None
        names = [one.name for one in fields(RecordedFailure)]
        if not isinstance(found, Mapping) or sorted(found) != sorted(names):
            raise self._unread("'failure' is no failure of a step")
        return RecordedFailure(**{name: str(found[name]) for name in names})

    def _unread(self, cause: str) -> CheckpointError:
        return CheckpointError(str(self), "read", cause)


def _encoded(result: StepResult) -> dict[str, Any]:
    return {
        "success": result.success,
        "data": result.data,
        "error": result.error,
        "rollback_data": result.rollback_data,
        "skipped": result.skipped,
        "timestamp": result.timestamp.isoformat(),
    }
