"""Ending a run from outside: Ctrl-C and SIGTERM leave a summary that says so, and no process."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]
    Spawn = Callable[..., subprocess.Popen[str]]
    Fifo = Callable[[str], Path]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_cancelled_and_nothing_of_it_stays(
    spawn: Spawn, fifo: Fifo, place: Path, plugbus: Cli, number: signal.Signals
) -> None:
    started = fifo("started")
    run = spawn("run", "demo.wait", "--started", str(started), "--release", str(fifo("release")), "--json")
    assert started.read_text() == "running"
    os.killpg(run.pid, number)  # as a terminal does: to the whole group
    out, err = run.communicate()
    assert (run.returncode, out) == (1, "")
    assert err.splitlines() == ["cancelled"]
    with pytest.raises(ProcessLookupError):
        os.killpg(run.pid, 0)
    (directory,) = (place / "artifacts" / "runs").iterdir()
    summary = json.loads((directory / "summary" / "run_summary.json").read_text())
    assert (summary["status"], summary["outputs"]) == ("cancelled", {})
    _, out, _ = plugbus("runs", "--json")
    assert [one["status"] for one in json.loads(out)] == ["cancelled"]
    _, out, _ = plugbus("events", "--json")
    topics = [json.loads(line)["type"] for line in out.splitlines()]
    assert topics[-2:] == ["ActionCancelled", "RunEnded"]


def test_a_follower_that_is_interrupted_ends_quietly(spawn: Spawn, fifo: Fifo) -> None:
    started, release = fifo("started"), fifo("release")
    run = spawn("run", "demo.wait", "--started", str(started), "--release", str(release))
    assert started.read_text() == "running"
    follower = spawn("events", "--follow")
    assert follower.stdout is not None
    assert "RunStarted" in follower.stdout.readline()
    os.killpg(follower.pid, signal.SIGINT)
    _, err = follower.communicate()
    assert (follower.returncode, err.splitlines()) == (1, ["cancelled"])
    release.write_text("go")
    run.communicate()
    assert run.returncode == 0, "the run does not mind who looks on"
