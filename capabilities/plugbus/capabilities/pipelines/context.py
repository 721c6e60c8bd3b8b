"""Where a run of a pipeline keeps its files."""

from __future__ import annotations

import re
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..runs.store import artifact_root

_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def new_run_id() -> str:
    """Return a new id of a run: 12 hexadecimal digits."""
    return secrets.token_hex(6)


@dataclass(frozen=True, slots=True)
class PipelineContext:
    """The surroundings of one run of a pipeline, the same for all its actions: ``ctx.pipeline``.

    A folder is made when it is first asked for; what asks for none leaves nothing behind. It goes to other processes
    as plain data, so that an action there has the same folders.

    Args:
        pipeline_id: The pipeline's name; letters, digits, ``_``, ``-`` and ``.``.
        run_id: The run, likewise; a new one by default.
        base_path: Where runs of pipelines lie; ``pipelines`` in the artifact root by default.
        metadata: What the caller wants the actions to know.

    Raises:
        ValueError: An id could not be the name of a folder.
    """

    pipeline_id: str
    run_id: str = field(default_factory=new_run_id)
    base_path: Path = field(default_factory=lambda: artifact_root() / "pipelines")
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "base_path", Path(self.base_path))
        for name in ("pipeline_id", "run_id"):
            if not _SAFE.fullmatch(getattr(self, name)):
                raise ValueError(
                    f"cannot use {name} {getattr(self, name)!r}: write letters, digits, '_', '-' and '.', not '.' first"
                )

    @property
    def work_dir(self) -> Path:
        """Return the run's own folder: ``<base_path>/<pipeline_id>/<run_id>``."""
        return _made(self._root)

    @property
    def datasets_dir(self) -> Path:
        """Return the folder for datasets."""
        return _made(self._root / "datasets")

    @property
    def models_dir(self) -> Path:
        """Return the folder for models."""
        return _made(self._root / "models")

    @property
    def artifacts_dir(self) -> Path:
        """Return the folder for other files that are to be kept."""
        return _made(self._root / "artifacts")

    @property
    def logs_dir(self) -> Path:
        """Return the folder for logs."""
        return _made(self._root / "logs")

    @property
    def checkpoints_dir(self) -> Path:
        """Return the folder in which actions keep how far they are, for a run that is resumed."""
        return _made(self._root / "checkpoints")

    def get_action_dir(self, action: str) -> Path:
        """Return the folder of one action of the pipeline.

        Args:
            action: Its name in the pipeline.

        Raises:
            ValueError: That could not be the name of a folder.
        """
        if not _SAFE.fullmatch(action):
            raise ValueError(f"cannot make folder of action {action!r}: it is no name of an action in a pipeline")
        return _made(self._root / "actions" / action)

    def cleanup(self) -> None:
        """Remove the run's folder with all that is in it; does nothing where there is none.

        Raises:
            OSError: Something in it can't be removed.
        """
        # A link in the place of the folder is taken away, not followed.
        if self._root.is_symlink():
            self._root.unlink()
        elif self._root.exists():
            shutil.rmtree(self._root)

    @property
    def _root(self) -> Path:
        return self.base_path / self.pipeline_id / self.run_id


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
