"""``plugbus new``."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from plugbus.loaders import TEMPLATES
from plugbus.plugins.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]

NAMES = [one.name for one in TEMPLATES]


def test_a_plugin_is_made_listed_and_run(plugbus: Cli, place: Path) -> None:
    code, out, err = plugbus("new", "sample", "--template", "action", "--path", "plugs", "--author", "Ann")
    assert code == 0
    written = sorted(str(one.relative_to(place)) for one in (place / "plugs" / "sample").rglob("*") if one.is_file())
    assert out.splitlines() == written
    assert err == "plugs/sample: made; see plugs/sample/README.md, or run its tests: pytest plugs/sample\n"
    assert json.loads(plugbus("inspect", "sample", "--json")[1])["author"] == "Ann"
    code, out, _ = plugbus("run", "sample.describe", "--numbers", "1,2,6", "--json")
    assert (code, json.loads(out)["outputs"]["mean"]) == (0, 3)


def test_json_says_what_was_made(plugbus: Cli, place: Path) -> None:
    code, out, err = plugbus("new", "sample", "-t", "action", "--json")
    found = json.loads(out)
    assert (code, err, found["name"], found["template"]) == (0, "", "sample", "action")
    assert (found["folder"], found["written"]) == (str(place / "sample"), True)
    assert all((place / "sample" / one).is_file() for one in found["files"])


def test_a_dry_run_writes_nothing_and_checks_all_the_same(plugbus: Cli, place: Path) -> None:
    before = sorted(place.iterdir())
    code, out, err = plugbus("new", "sample", "-t", "action", "--dry-run")
    assert (code, err) == (0, "sample: not written\n")
    assert "sample/plugin.yaml" in out.splitlines()
    assert json.loads(plugbus("new", "sample", "-t", "action", "--dry-run", "--json")[1])["written"] is False
    assert plugbus("new", "Sample", "-t", "action", "--dry-run")[0] == 2
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("Sample", "-t", "action"), "error: cannot name plugin 'Sample': a name is"),
        (("sample", "-t", "actoin"), "error: cannot find template 'actoin': there is none of this name; did you mean"),
        (("plugs", "-t", "action"), "error: cannot make plugin 'plugs': "),
        (("sample", "-t", "action", "--author", "a\nb"), "error: cannot write author 'a\\nb': "),
        (("sample",), "error: missing option --template; there are action"),
        (("--template", "action"), "error: missing argument NAME"),
        ((), "error: missing argument NAME"),
    ],
)
def test_what_will_not_do_is_told_and_nothing_is_written(
    plugbus: Cli, place: Path, argv: tuple[str, ...], told: str
) -> None:
    before = sorted(place.iterdir())
    code, out, err = plugbus("new", *argv)
    assert (code, out) == (2, "")
    assert err.startswith(told)
    assert sorted(place.iterdir()) == before


def test_a_place_that_can_not_be_written_is_a_failure(plugbus: Cli, place: Path) -> None:
    (place / "file").touch()
    code, out, err = plugbus("new", "sample", "-t", "action", "--path", "file/inner")
    assert (code, out) == (1, "")
    assert err.startswith("error: cannot use '")


def test_the_templates_are_listed(plugbus: Cli) -> None:
    code, out, _ = plugbus("new", "--list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == NAMES
    assert [one["name"] for one in json.loads(plugbus("new", "--list", "--json")[1])] == NAMES


def test_a_shell_completes_templates(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_PLUGBUS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "plugbus new sample --template ")
    monkeypatch.setenv("COMP_CWORD", "4")
    assert main([]) == 0
    assert [one.partition(",")[2] for one in capsys.readouterr().out.split()] == NAMES


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_person_at_a_terminal_is_asked_for_what_is_missing(place: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "plugbus.plugins.cli", "new"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=place,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, b"sample\nwrong\naction\n")
        output = process.communicate(timeout=60)[0].decode()
    os.close(ours)
    assert process.returncode == 0
    assert "sample/plugin.yaml" in output.splitlines()
    assert (place / "sample" / "plugin.yaml").is_file()
