"""Ctrl-C while branches of a pipeline run side by side: once and twice, in a process of its own."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

MANIFEST = """
    id: fork
    version: "1.0.0"
    name: Fork
    description: Two branches.
    author: Somebody
    entrypoint: plugin:Fork
    provides: [action(fork.start), action(fork.polite), action(fork.deaf), action(fork.join)]
"""
CODE = """
    from pathlib import Path

    from pydantic import BaseModel

    from plugbus.capabilities import Action, BaseAction
    from plugbus.kernel import Plugin


    class Params(BaseModel):
        number: int = 1
        name: str = ""


    class Number(BaseModel):
        number: int


    class Start(BaseAction[Params]):
        def execute(self):
            with Path("log").open("a") as file:
                file.write("start\\n")
            return Number(number=self.params.number)


    class Join(BaseAction[Params]):
        def execute(self):
            return Number(number=self.params.number)


    class Polite(BaseAction[Params]):
        def execute(self):
            if Path("go").exists():
                return Number(number=self.params.number + 1)
            Path(f"begun-{self.params.name}").write_text("begun")
            self.ctx.cancellation.wait(60)
            Path(f"told-{self.params.name}").write_text("told")
            self.ctx.raise_if_cancelled()


    class Deaf(BaseAction[Params]):
        def execute(self):
            if Path("go").exists():
                return Number(number=self.params.number + 1)
            Path(f"begun-{self.params.name}").write_text("begun")
            self.ctx.cancellation.wait(60)
            Path(f"told-{self.params.name}").write_text("told")
            Path("never").read_text()


    class Fork(Plugin):
        def on_load(self, ctx):
            for name, action in {"start": Start, "polite": Polite, "deaf": Deaf, "join": Join}.items():
                ctx.provide(Action(f"fork.{name}"), action)
"""
PIPELINE = """\
name: forked
order: graph
params: {number: 4}
actions:
  - {action: fork.start}
  - {action: fork.polite, name: left, inputs: {number: start.number}, params: {name: left}}
  - {action: fork.KIND, name: right, inputs: {number: start.number}, params: {name: right}}
  - {action: fork.join, inputs: {number: left.number}, after: [right]}
"""


@pytest.mark.parametrize(("kind", "interrupts"), [("polite", 1), ("deaf", 2)])
def test_what_was_interrupted_is_cancelled_and_can_be_taken_up(
    place: Path,
    add_plugin: Callable[[str, str, str], Path],
    plugbus: Any,
    spawn: Callable[..., subprocess.Popen[str]],
    fifo: Callable[[str], Path],
    kind: str,
    interrupts: int,
) -> None:
    add_plugin("fork", MANIFEST, CODE)
    (place / "forked.yaml").write_text(PIPELINE.replace("KIND", kind))
    begun, told = ([fifo(f"{what}-{name}") for name in ("left", "right")] for what in ("begun", "told"))
    fifo("never")
    process = spawn("pipeline", "run", "forked.yaml")
    for one in begun:
        assert one.read_text() == "begun"
    process.send_signal(signal.SIGINT)
    # Both were asked to stop: the first interrupt has arrived.
    for one in told:
        assert one.read_text() == "told"
    if interrupts == 2:
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    changes = [
        line.partition(": ")[2].replace(":", "").split(" ") for line in err.splitlines() if line.startswith("forked: ")
    ]
    last = {name: status for name, status, *_ in changes}
    assert last == {"start": "completed", "left": "cancelled", "right": "cancelled", "join": "cancelled"}, err
    assert ("it did not stop in time" in err) == (interrupts == 2)
    (run,) = (place / "artifacts" / "runs").iterdir()
    assert json.loads((run / "summary" / "run_summary.json").read_text())["status"] == "cancelled"
    (place / "go").touch()
    code, out, err = plugbus("pipeline", "run", "forked.yaml", "--json", "--resume", run.name)
    assert code == 0, err
    outputs = json.loads(out)["outputs"]
    assert (outputs["resumed"], outputs["result"]) == (["start"], {"number": 5})
    assert (place / "log").read_text() == "start\n"
