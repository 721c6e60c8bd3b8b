"""Where pipelines that are tracked runs keep what they are taken up by: ``<run>/pipelines/<name>.json``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ..errors import RunNotFoundError
from ..files import write_whole
from ..steps.errors import CheckpointError
from .checkpoint_file import JsonPipelineCheckpoints

if TYPE_CHECKING:
    from pathlib import Path

    from ..runs.store import RunStore

FOLDER: Final = "pipelines"
ORIGIN: Final = "resumes"
"""The file, and the tag, that name the run which a run took up first; its directory keeps the checkpoint."""


def home_of(store: RunStore, run_id: str) -> Path:
    """Return the directory of the run that a run takes up, or of the run itself.

    Raises:
        RunNotFoundError: There is no such run, or the one that it took up is gone.
    """
    path = store.get(run_id).path
    try:
        first = (path / FOLDER / ORIGIN).read_text("utf-8")
    except FileNotFoundError:
        return path
    return store.get(first).path


def note_origin(path: Path, home: Path) -> None:
    """Write down in the directory of a run which one it takes up."""
    write_whole(path / FOLDER / ORIGIN, home.name)


def checkpoints_of(home: Path, pipeline: str) -> JsonPipelineCheckpoints:
    """Return what keeps the checkpoint of a run."""
    return JsonPipelineCheckpoints(home / FOLDER / f"{pipeline}.json")


def unfinished_runs(store: RunStore, pipeline: str | None = None) -> tuple[str, ...]:
    """Return the runs that can be taken up, the one that got on last first.

    Those are the ones that failed, were cancelled or killed; not those that are under way. Of several that took up one
    another the last one stands for all.

    Args:
        store: Where runs are kept.
        pipeline: The name of the pipeline; None for whichever.
    """
    found: dict[Path, str] = {}
    for run in store:
        with suppress(RunNotFoundError):  # what it took up was deleted
            home = home_of(store, run.run_id)
            names = [pipeline] if pipeline is not None else [one.stem for one in (home / FOLDER).glob("*.json")]
            for path in (checkpoints_of(home, name).path for name in names):
                # Those of one second are in no order; the one that is taken up is the first all the same.
                found[path] = found.get(path, run.run_id) if run.run_id == home.name else run.run_id
    moments: dict[str, int] = {}
    for path, run_id in found.items():
        with suppress(OSError, CheckpointError):  # it is completed, not ours to write, or under way
            moment = path.stat().st_mtime_ns
            with JsonPipelineCheckpoints(path).hold():
                moments[run_id] = moment
    return tuple(sorted(moments, key=lambda one: moments[one], reverse=True))
