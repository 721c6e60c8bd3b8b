"""What a plugin gets for one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ..context import ActionLogger
    from .spec import RunSpec
    from .tracking import RunTracking


@dataclass(frozen=True, slots=True)
class RunContext:
    """The surroundings of one run.

    Args:
        run_id: The run's stable id; safe as a part of a path.
        spec: The very specification that asked for the run.
        tracking: Where parameters, metrics, tags and artifacts are logged. Starting and ending it is not for plugins.
        artifact_dir: A writable directory of this run alone: ``<root>/runs/<run_id>``.
        logger: A logger of this run.
    """

    run_id: str
    spec: RunSpec
    tracking: RunTracking
    artifact_dir: Path
    logger: ActionLogger
