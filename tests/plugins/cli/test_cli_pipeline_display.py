"""``plugbus pipeline run`` as somebody sees it: on a terminal, in a file, and where JSON is wanted."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

fcntl = pytest.importorskip("fcntl", reason="needs pseudo terminals")
termios = pytest.importorskip("termios", reason="needs pseudo terminals")

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MANIFEST = """
    id: fork
    version: "1.0.0"
    name: Fork
    description: Two branches.
    author: Somebody
    entrypoint: plugin:Fork
    provides: [action(fork.start), action(fork.branch), action(fork.join)]
"""
CODE = """
    from pathlib import Path

    from pydantic import BaseModel

    from plugbus.capabilities import Action, BaseAction
    from plugbus.kernel import Plugin


    class Params(BaseModel):
        number: int = 1
        gate: Path | None = None
        is_broken: bool = False


    class Number(BaseModel):
        number: int


    class Start(BaseAction[Params]):
        def execute(self):
            return Number(number=self.params.number)


    class Branch(BaseAction[Params]):
        def execute(self):
            self.set_progress(1, 2, "epoch")
            self.set_metrics({"loss": 0.25}, "epoch", step=0)
            if self.params.gate is not None:
                self.params.gate.read_text()
            if self.params.is_broken:
                raise ConnectionError("no luck today")
            return Number(number=self.params.number + 1)


    class Fork(Plugin):
        def on_load(self, ctx):
            for name, action in {"start": Start, "branch": Branch, "join": Start}.items():
                ctx.provide(Action(f"fork.{name}"), action)
"""
PIPELINE = """\
name: forked
order: graph
continue_on_failure: true
params: {number: 4}
actions:
  - {action: fork.start}
  - {action: fork.branch, name: left, inputs: {number: start.number}GATE_LEFT}
  - {action: fork.branch, name: right, inputs: {number: start.number}GATE_RIGHT}
  - {action: fork.join, inputs: {number: left.number}, after: [right]}
"""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def fork(place: Path, add_plugin: Callable[[str, str, str], Path]) -> Path:
    add_plugin("fork", MANIFEST, CODE)
    text = PIPELINE.replace("GATE_LEFT", "").replace("GATE_RIGHT", "")
    (place / "forked.yaml").write_text(text)
    gated = PIPELINE.replace("GATE_LEFT", ", params: {gate: gate-left}")
    (place / "gated.yaml").write_text(gated.replace("GATE_RIGHT", ", params: {gate: gate-right, is_broken: true}"))
    return place


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Return both ends of a pseudo terminal of 20 lines and 90 columns: that of the test, and that of a process."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 20, 90, 0, 0))
    yield ours, theirs
    for end in (ours, theirs):
        try:
            os.close(end)
        except OSError:
            continue


def read_until(end: int, text: str, found: Callable[[str], object]) -> str:
    """Read what is written to a terminal until it is what is looked for, or there is no more."""
    while not found(text):
        try:
            more = os.read(end, 65536)
        except OSError:  # the other end is closed
            break
        if not more:
            break
        text += ESCAPES.sub("", more.decode())
    return text


@pytest.mark.parametrize("has_colours", [True, False])
def test_a_terminal_shows_branches_side_by_side(
    fork: Path, terminal: tuple[int, int], fifo: Callable[[str], Path], has_colours: bool
) -> None:
    ours, theirs = terminal
    gates = [fifo("gate-left"), fifo("gate-right")]
    env = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES", "NO_COLOR"}}
    env |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", **({} if has_colours else {"NO_COLOR": "1"})}
    command = [sys.executable, "-m", "plugbus.plugins.cli", "--plugins", "plugs", "pipeline", "run", "gated.yaml"]
    with subprocess.Popen(  # noqa: S603 - this interpreter, with the arguments of a test
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, cwd=fork, env=env, start_new_session=True
    ) as process:
        try:
            os.close(theirs)
            both = re.compile(r". left +running [^\n]* 50% [^\n]*loss 0.25[^\n]*\n. right +running [^\n]* 50% ")
            shown = read_until(ours, "", lambda text: both.search(text.replace("\r", "")))
            for gate in gates:
                gate.write_text("go")
            shown = read_until(ours, shown, lambda text: False).replace("\r", "")
            assert process.stdout is not None
            out = process.stdout.read()
            assert process.wait(60) == 1
        finally:
            process.kill()
    assert both.search(shown), shown
    assert "right failed: no luck today\n" in shown
    last = shown[shown.rindex("✓ start") :]
    assert re.search(r"✓ left +completed [^\n]* 100% ", last)
    assert re.search(r"✗ right +failed [^\n]* 50% [^\n]*no luck today", last)
    assert re.search(r"- join +skipped [^\n]*action 'right' failed", last)
    assert re.search(r"  forked +failed ", last)
    assert out == b""


def test_a_file_gets_a_line_for_each_change(fork: Path, plugbus: Any) -> None:
    code, out, err = plugbus("pipeline", "run", "forked.yaml")
    assert code == 0
    assert "left" not in out.partition("actions")[0]
    lines = re.sub(r"\d+\.\d s", "0 s", err).splitlines()
    assert sorted(lines) == sorted(
        [
            *(f"forked: {name} running" for name in ("start", "left", "right", "join")),
            "forked: start completed in 0 s (1 of 4)",
            *(line for line in lines if re.fullmatch(r"forked: (left|right) completed in 0 s \([23] of 4\)", line)),
            "forked: join completed in 0 s (4 of 4)",
        ]
    )
    assert len(lines) == 8


@pytest.mark.parametrize(
    ("host_file", "argv", "is_shown"),
    [
        ("", ["--json"], False),
        ("config: {console: {level: debug}}\n", ["--json"], False),
        ("config: {console: {show: auto}}\n", ["--json"], True),
        ("", [], True),
    ],
)
def test_a_single_action_is_quiet_with_json_unless_the_host_file_says_otherwise(
    fork: Path, terminal: tuple[int, int], host_file: str, argv: list[str], is_shown: bool
) -> None:
    (fork / "plugbus.yaml").write_text(host_file or "{}\n")
    ours, theirs = terminal
    command = [sys.executable, "-m", "plugbus.plugins.cli", "--plugins", "plugs", "run", "fork.branch", *argv]
    with subprocess.Popen(  # noqa: S603 - this interpreter, with the arguments of a test
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, cwd=fork, start_new_session=True
    ) as process:
        try:
            os.close(theirs)
            shown = read_until(ours, "", lambda text: False)
            assert process.stdout is not None
            out = process.stdout.read().decode()
            assert process.wait(60) == 0
        finally:
            process.kill()
    assert ("epoch" in shown) is is_shown, shown
    assert is_shown or shown == ""
    if argv:
        assert json.loads(out)["outputs"] == {"number": 2}


def test_json_is_alone_unless_the_host_file_says_otherwise(fork: Path, plugbus: Any) -> None:
    code, out, err = plugbus("pipeline", "run", "forked.yaml", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["outputs"]["result"] == {"number": 5}
    (fork / "plugbus.yaml").write_text("config: {console: {show: auto}}\n")
    code, out, err = plugbus("pipeline", "run", "forked.yaml", "--json")
    assert code == 0
    assert "forked: join completed" in err
    assert json.loads(out)["status"] == "ok"
