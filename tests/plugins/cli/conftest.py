"""A place to run the command in: a folder of small plugins, and the command in this process or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from plugbus.plugins.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _needs_the_extra() -> None:
    pytest.importorskip("rich_click", reason='needs rich-click: pip install "plugbus[cli]"')


DEMO_MANIFEST = """
    id: demo
    version: "1.2.0"
    name: Demonstration
    description: Shows what actions can do.
    author: Somebody
    entrypoint: plugin:Demo
    provides:
      - {capability: action(demo.greet), description: Greet somebody.}
      - {capability: action(demo.shapes), description: Take every shape of parameter.}
      - action(demo.fail)
      - action(demo.wait)
    labels: [Vision]
    requires: [{capability: executor, range: "^1"}]
    metadata: {purpose: tests}
"""
DEMO_CODE = '''
    from enum import StrEnum
    from pathlib import Path
    from typing import Literal

    from pydantic import BaseModel, ConfigDict, Field

    from plugbus.capabilities import Action, BaseAction
    from plugbus.kernel import Plugin


    class Params(BaseModel):
        model_config = ConfigDict(extra="forbid")


    class GreetParams(Params):
        name: str = Field(description="Who is greeted.")
        times: int = Field(default=1, ge=1, le=5, description="How often, 1 to 5.")
        loud: bool = False


    class GreetResult(BaseModel):
        greeting: str
        seconds: float = 0.125


    class Greet(BaseAction[GreetParams]):
        """Greet somebody."""

        result_model = GreetResult

        def execute(self):
            self.set_progress(1, 1, "greet")
            self.set_metrics({"words": 2.0}, "greet", step=0)
            self.log("greeted", {"name": self.params.name})
            greeting = ", ".join([f"hello {self.params.name}"] * self.params.times)
            return GreetResult(greeting=greeting.upper() if self.params.loud else greeting)


    class Colour(StrEnum):
        RED = "red"
        GREEN = "green"


    class Optimiser(Params):
        lr: float = Field(default=0.1, gt=0, description="Step size.")
        momentum: float | None = None
        steps: list[int] = []


    class Source(Params):
        path: Path
        rows: int = 10


    class ShapesParams(Params):
        source: Source
        colour: Colour = Colour.RED
        maybe_colour: Colour | None = None
        mode: Literal["fast", "slow"] = "fast"
        level: Literal[1, 2] = 1
        names: list[str] = []
        sizes: list[float] = []
        row: list[int] | None = None
        limit: int | None = 7
        flag: bool | None = None
        ratio: float = 0.5
        table: dict[str, int] = {}
        mixed: int | str = 0
        optimiser: Optimiser = Optimiser(lr=0.5, momentum=0.9)
        json_: str = Field(default="plain", alias="json")
        help: str = "none"


    class Shapes(BaseAction[ShapesParams]):
        """Take every shape of parameter and give it back."""

        def execute(self):
            return self.params.model_dump(mode="json", by_alias=True)


    class Fail(BaseAction[Params]):
        """Fail."""

        def execute(self):
            raise ValueError("no luck today")


    class WaitParams(Params):
        started: Path
        release: Path


    class Wait(BaseAction[WaitParams]):
        """Say that it runs, and wait for a word."""

        def execute(self):
            self.set_progress(1, 2, "wait")
            self.params.started.write_text("running")
            return {"word": self.params.release.read_text()}


    class Demo(Plugin):
        def on_load(self, ctx):
            for name, action in {"greet": Greet, "shapes": Shapes, "fail": Fail, "wait": Wait}.items():
                ctx.provide(Action(f"demo.{name}"), action)
'''


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working directory of the command, with the plugin ``demo`` in ``plugs``."""
    monkeypatch.chdir(tmp_path)
    for name in ("PLUGBUS_ARTIFACT_ROOT", "CORE_ARTIFACT_ROOT", "FORCE_COLOR", "GITHUB_ACTIONS", "_PLUGBUS_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "plugs").mkdir()
    _write(tmp_path / "plugs", "demo", DEMO_MANIFEST, DEMO_CODE)
    return tmp_path


def _write(folder: Path, name: str, manifest: str, code: str) -> Path:
    plugin = folder / name
    plugin.mkdir(parents=True)
    (plugin / "plugin.yaml").write_text(dedent(manifest).lstrip(), encoding="utf-8")
    (plugin / "plugin.py").write_text(dedent(code), encoding="utf-8")
    return plugin


@pytest.fixture
def add_plugin(place: Path) -> Callable[[str, str, str], Path]:
    """Return a function that writes one more plugin: folder, manifest, code."""
    return lambda name, manifest, code: _write(place / "plugs", name, manifest, code)


@pytest.fixture
def plugbus(place: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return the command in this process: exit code, stdout, stderr."""

    def run(*argv: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["--plugins", "plugs", *argv])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


@pytest.fixture
def spawn(place: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return the command as a process of its own, in a process group of its own; what is left of it is ended."""
    with ExitStack() as stack:

        def start(*argv: str) -> subprocess.Popen[str]:
            command = [sys.executable, "-m", "plugbus.plugins.cli", "--plugins", "plugs", *argv]
            process = stack.enter_context(
                subprocess.Popen(  # noqa: S603 - this interpreter, with the arguments of a test
                    command,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    cwd=place,
                    start_new_session=True,
                )
            )
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def fifo(place: Path) -> Callable[[str], Path]:
    """Return a function that makes a named pipe: who opens it waits for the other end."""

    def make(name: str) -> Path:
        os.mkfifo(place / name)
        return place / name

    return make
