"""A program that is killed in the middle of a pipeline: ``killed_pipeline.py FOLDER PLACE`` kills itself at a place.

Each action adds a line to ``FOLDER/log``. A place is ``before:ACTION``, ``after:ACTION``, ``write:N`` (the Nth writing
of the checkpoint, before the rename), or ``none``. What the pipeline returns is printed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from plugbus.capabilities import ActionNode, ActionPipeline, BaseAction, PipelineContext

FOLDER, PLACE = Path(sys.argv[1]), sys.argv[2]


def is_place(name: str) -> bool:
    return name == PLACE


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Params(BaseModel):
    label: str
    total: int = 0
    start: int = 0


class Count(BaseModel):
    total: int
    path: Path


class Step(BaseAction[Params]):
    """Add one to a number, and say so in the log."""

    result_model = Count

    def execute(self) -> Count:
        label = self.params.label
        if is_place(f"before:{label}"):
            die()
        with (FOLDER / "log").open("a") as file:
            file.write(f"{label}\n")
        if is_place(f"after:{label}"):
            die()
        return Count(total=self.params.total + 1 + self.params.start, path=FOLDER / label)


def dying(replace: Any) -> Any:
    writes = [0]

    def counted(source: Path, target: Any) -> Any:
        writes[0] += 1
        if is_place(f"write:{writes[0]}"):
            die()
        return replace(source, target)

    return counted


if __name__ == "__main__":
    Path.replace = dying(Path.replace)  # type: ignore[method-assign] # the only way to die between write and rename
    pipeline = ActionPipeline(
        [ActionNode(Step, name=name, params={"label": name}) for name in ("a", "b", "c")], name="killed"
    )
    given = None if (FOLDER / "pipeline.json").exists() else {"start": 10}
    done = pipeline.run(given, checkpoints=FOLDER / "pipeline.json", context=PipelineContext("killed", "r", FOLDER))
    done.raise_if_failed()
    print(done.run_id, ",".join(done.resumed), done.result.total, done.result.path.name)  # noqa: T201 - what it is for
