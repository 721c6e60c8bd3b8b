"""A program that gives work to processes: ``executor_program.py FOLDER leave``, or ``exit``, or ``wait``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from pydantic import BaseModel

from plugbus.capabilities import ActionCall, BaseAction
from plugbus.plugins.local_executor import ProcessExecutor


class Params(BaseModel):
    folder: Path


class Deaf(BaseAction[Params]):
    """Say which process this is, and hear nothing."""

    def execute(self) -> None:
        path = self.params.folder / "pid"
        path.with_suffix(".part").write_text(str(os.getpid()), "utf-8")
        path.with_suffix(".part").rename(path)
        time.sleep(600)


if __name__ == "__main__":
    folder, how = Path(sys.argv[1]), sys.argv[2]
    executor = ProcessExecutor(1)
    future = executor.submit(ActionCall(Deaf, Params(folder=folder)))
    while not (folder / "pid").exists():
        time.sleep(0.01)
    if how == "exit":
        os._exit(3)
    if how == "wait":
        future.result()
