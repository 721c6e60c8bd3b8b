"""Checkpoints of pipelines in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ..steps.errors import CheckpointError
from ..steps.plain_file import held, read_plain, write_plain
from .checkpoint import Checkpoint, PipelineCheckpoint

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import datetime

SCHEMA: Final = 1


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Done(_Strict):
    action: str
    skipped: bool
    result: Any
    created_at: Annotated[AwareDatetime, Field(strict=False)]


class _Document(_Strict):
    schema_version: Literal[1]
    pipeline: str
    run_id: str
    nodes: dict[str, dict[str, Any]]
    params: dict[str, Any]
    done: list[_Done]


class JsonPipelineCheckpoints:
    """Keep the checkpoint of one run of a pipeline in a JSON file.

    It is written whole or not at all, also when the process or the machine ends meanwhile. All of it is written after
    each action, so that results should be small: paths of files rather than what is in them.

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

    def load(self) -> PipelineCheckpoint | None:
        """Return the checkpoint, None where there is no file.

        Raises:
            CheckpointError: The file is no checkpoint of a pipeline, or one of a later version.
            OSError: It can't be read.
        """
        found = read_plain(self._path)
        if found is None:
            return None
        version = found.get("schema_version") if isinstance(found, dict) else None
        if isinstance(version, int) and version != SCHEMA:
            raise self._unread(f"it has schema {version!r}; this version reads {SCHEMA}")
        try:
            document = _Document.model_validate(found)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in error.errors())
            raise self._unread(f"it is no checkpoint of a pipeline: {'; '.join(faults)}") from error
        names = [one.action for one in document.done]
        strange = sorted({name for name in names if name not in document.nodes or names.count(name) > 1})
        if strange:
            raise self._unread(f"it has results of actions that it does not name, or several of one: {strange}")
        done = tuple(
            Checkpoint(document.run_id, one.action, one.result, one.created_at, one.skipped) for one in document.done
        )
        return PipelineCheckpoint(document.pipeline, document.run_id, document.nodes, document.params, done)

    def save(self, checkpoint: PipelineCheckpoint) -> None:
        """Put a checkpoint in the place of the last one.

        Raises:
            CheckpointError: It holds what is no plain data.
            OSError: The file can't be written; the last checkpoint is as it was.
        """
        document = {
            "schema_version": SCHEMA,
            "pipeline": checkpoint.pipeline,
            "run_id": checkpoint.run_id,
            "nodes": {name: dict(one) for name, one in checkpoint.nodes.items()},
            "params": dict(checkpoint.params),
            "done": [_encoded(one) for one in checkpoint.done],
        }
        write_plain(self._path, document)

    def clear(self) -> None:
        """Remove the file; does nothing where there is none."""
        self._path.unlink(missing_ok=True)

    def hold(self) -> AbstractContextManager[None]:
        """Return a block that keeps others from the file, by one beside it (``.lock``); see ``sole_use``.

        Raises:
            CheckpointError: A run is using it.
        """
        return held(self._path)

    def _unread(self, cause: str) -> CheckpointError:
        return CheckpointError(str(self), "read", cause)


def _encoded(one: Checkpoint) -> dict[str, Any]:
    moment: datetime = one.created_at
    return {
        "action": one.action_name,
        "skipped": one.is_skipped,
        "result": one.result,
        "created_at": moment.isoformat(),
    }
