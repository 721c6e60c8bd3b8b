"""What holds for every command: version, help, wrong use, missing extras, completion, and what is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from plugbus.plugins.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]

COMMANDS = (
    "backend",
    "completion",
    "config",
    "doctor",
    "events",
    "graph",
    "inspect",
    "list",
    "new",
    "pipeline",
    "report",
    "run",
    "runs",
    "schema",
    "sync",
    "validate",
)


def run_code(code: str, place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=place, check=False)  # noqa: S603 - this interpreter, code of a test


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == (f"plugbus {version('plugbus')}\n", "")


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_every_command(plugbus: Cli, flag: str) -> None:
    code, out, err = plugbus(flag)
    assert (code, err) == (0, "")
    assert all(f" {command} " in out for command in COMMANDS)
    assert "--artifacts" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_on_stdout(plugbus: Cli, command: str) -> None:
    code, out, err = plugbus(command, "--help")
    assert (code, err) == (0, "")
    assert f"Usage: plugbus {command}" in out
    assert "--help" in out


def test_no_command_at_all_shows_the_help_on_stderr_and_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert all(f" {command} " in shown.err for command in COMMANDS)


def test_run_without_an_action_shows_the_actions_on_stderr_and_is_wrong_use(plugbus: Cli) -> None:
    code, out, err = plugbus("run")
    assert (code, out) == (2, "")
    assert "Usage: plugbus run" in err
    assert "demo.greet" in err
    assert "Greet somebody." in err


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (("lst",), "error: there is no command 'lst'; did you mean 'list'?\nsee: plugbus --help\n"),
        (("xyz",), "error: there is no command 'xyz'\nsee: plugbus --help\n"),
        ((), "error: missing command\nsee: plugbus --help\n"),
        (("--hots", "x"), "error: no such option '--hots'"),
        (("list", "--jsn"), "error: no such option '--jsn'. Did you mean '--json'?\nsee: plugbus list --help\n"),
        (("inspect",), "error: missing argument 'ID'\nsee: plugbus inspect --help\n"),
        (("list", "more"), "error: got unexpected extra argument (more)\nsee: plugbus list --help\n"),
        (("graph", "--format", "png"), "'png' is not one of 'tree', 'mermaid', 'dot', 'json'"),
        (("completion", "tcsh"), "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
    ],
)
def test_wrong_use_is_told_on_stderr_with_exit_code_2(plugbus: Cli, argv: tuple[str, ...], told: str) -> None:
    code, out, err = plugbus(*argv)
    assert (code, out) == (2, "")
    assert told in err
    assert err.startswith("error: ")


@pytest.mark.parametrize(
    "argv",
    [
        ("list", "--json"),
        ("inspect", "demo", "--json"),
        ("inspect", "demo.greet", "--json"),
        ("run", "demo.greet", "--name", "Ann", "--json"),
        ("graph", "--json"),
        ("graph", "--format", "json"),
        ("runs", "--json"),
        ("doctor", "--json"),
    ],
)
def test_json_is_one_document_on_stdout_and_nothing_else(plugbus: Cli, argv: tuple[str, ...]) -> None:
    code, out, err = plugbus(*argv)
    assert (code, err) == (0, "")
    assert json.loads(out) is not None
    assert out.endswith(("}\n", "]\n"))


def test_json_of_a_failed_run_is_still_one_document_and_the_talk_is_on_stderr(plugbus: Cli) -> None:
    code, out, err = plugbus("run", "demo.fail", "--json")
    assert code == 1
    assert json.loads(out)["status"] == "failed"
    assert "no luck today" in err


def test_json_of_a_wrong_use_is_nothing(plugbus: Cli) -> None:
    code, out, err = plugbus("run", "demo.greet", "--json")
    assert (code, out) == (2, "")
    assert "--name is missing" in err


def test_tables_that_are_not_on_a_terminal_are_neither_folded_nor_padded(
    plugbus: Cli, add_plugin: Callable[[str, str, str], Path]
) -> None:
    long = "word " * 100 + "end"
    manifest = f'id: long\nversion: "1"\nentrypoint: plugin:P\ndescription: {long}\n'
    add_plugin("long", manifest, "from plugbus.kernel import Plugin\nclass P(Plugin): pass\n")
    _, out, _ = plugbus("list")
    assert long in out
    assert not any(line.endswith(" ") for line in out.splitlines())


# Missing extras


BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"click", "rich", "rich_click"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
"""


def test_the_command_without_its_extra_names_the_pip_line(place: Path) -> None:
    done = run_code(f"{BLOCKED}\nfrom plugbus.plugins.cli import main\nsys.exit(main(['list']))", place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: the plugbus command needs 'click'; pip install \"plugbus[cli]\"\n"


def test_plugins_load_and_run_without_the_extra_of_the_command(place: Path) -> None:
    code = """
import plugbus.plugins
from pathlib import Path
from plugbus.capabilities import ActionRunner, RunStore
from plugbus.loaders import Host
with Host(builtin=[*map(Path, plugbus.plugins.__path__), Path("plugs")]) as host:
    host.kernel.load("demo", "local_executor", "jsonl_tracking")
    result = ActionRunner(host.kernel, RunStore("out")).run("demo.greet", {"name": "Ann"})
    print(result.outputs["greeting"])
"""
    done = run_code(BLOCKED + code, place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello Ann\n", "")


# What is imported


@pytest.mark.parametrize("argv", [["--version"], ["--help"]])
def test_version_and_help_import_neither_models_nor_plugins(place: Path, argv: list[str]) -> None:
    code = f"""
import sys
from plugbus.plugins.cli import main
main({argv!r})
heavy = {{"pydantic", "yaml", "plugbus.kernel", "plugbus.loaders", "plugbus.capabilities"}} & set(sys.modules)
print(sorted(heavy), file=sys.stderr)
"""
    done = run_code(code, place)
    assert (done.returncode, done.stderr) == (0, "[]\n")


def test_list_imports_no_plugin(place: Path, plugbus: Cli) -> None:
    (place / "plugs" / "demo" / "plugin.py").write_text("raise SystemExit('imported')")
    for argv in (("list",), ("inspect", "demo"), ("graph",), ("doctor",), ("run", "--help")):
        code, out, _ = plugbus(*argv)
        assert code == 0
        assert "demo" in out


def test_the_process_is_left_as_it_was(plugbus: Cli) -> None:
    before = set(sys.modules), list(sys.path)
    plugbus("run", "demo.greet", "--name", "Ann")
    assert not {name for name in set(sys.modules) - before[0] if name.startswith("plugbus_plugin_")}
    assert sys.path == before[1]


# Shells


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(plugbus: Cli, shell: str) -> None:
    code, out, err = plugbus("completion", shell)
    assert (code, err) == (0, "")
    assert f"_PLUGBUS_COMPLETE={shell}_complete" in out


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plugbus li", {"list"}),
        ("plugbus run demo.g", {"demo.greet"}),
        ("plugbus run demo.greet --t", {"--times", "--tag"}),
        ("plugbus run demo.shapes --colour r", {"red"}),
        ("plugbus graph --format m", {"mermaid"}),
    ],
)
def test_a_shell_is_told_how_a_line_could_go_on(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, expected: set[str]
) -> None:
    words = line.replace("plugbus", "plugbus --plugins plugs", 1)
    monkeypatch.setenv("_PLUGBUS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert main([]) == 0
    shown = capsys.readouterr()
    assert {one.partition(",")[2] for one in shown.out.split()} == expected
    assert shown.err == ""


@pytest.mark.parametrize(
    ("line", "code"),
    [("plugbus run nosuch --", 0), ("plugbus nosuch --", 0), ("plugbus --plugins nowhere run x", 1)],
)
def test_a_line_that_is_wrong_completes_to_nothing_and_says_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, code: int
) -> None:
    monkeypatch.setenv("_PLUGBUS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    assert main([]) == code
    shown = capsys.readouterr()
    assert "run" not in shown.out
    assert shown.err == ""


def test_a_reader_that_has_seen_enough_is_no_error(place: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "plugbus.plugins.cli", "list", "--json"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        cwd=place,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
