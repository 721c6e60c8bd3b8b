"""``plugbus run``: parameters from options and files, where each fault was made, and what a run leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Cli = Callable[..., tuple[int, str, str]]
    AddPlugin = Callable[[str, str, str], Path]

SHAPES = ("run", "demo.shapes", "--json")


def outputs(plugbus: Cli, *argv: str) -> dict[str, Any]:
    """Run ``demo.shapes``, which gives its parameters back, and return them."""
    code, out, err = plugbus(*SHAPES, "--source.path", "in.csv", *argv)
    assert (code, err) == (0, "")
    found: dict[str, Any] = json.loads(out)["outputs"]
    return found


def refused(plugbus: Cli, *argv: str) -> list[str]:
    """Return what is told of wrong parameters, without the pointer to the help."""
    code, out, err = plugbus("run", *argv)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    *told, pointer = err.removeprefix("error: ").splitlines()
    assert pointer == f"see: plugbus run {argv[0]} --help"
    return told


# What a run says and leaves


def test_the_result_goes_to_stdout_and_the_talk_to_stderr(plugbus: Cli, place: Path) -> None:
    code, out, err = plugbus("run", "demo.greet", "--name", "Ann", "--times", "2")
    assert (code, err) == (0, "")
    facts = dict(line.split(None, 1) for line in out.splitlines())
    assert list(facts) == ["greeting", "seconds", "run", "artifacts"]
    assert (facts["greeting"], facts["seconds"]) == ("hello Ann, hello Ann", "0.125")
    assert facts["artifacts"] == str(place / "artifacts" / "runs" / facts["run"])


def test_json_has_the_run_and_its_outputs(plugbus: Cli, place: Path) -> None:
    _, out, _ = plugbus("run", "demo.greet", "--name", "Ann", "--json")
    found = json.loads(out)
    assert found["outputs"] == {"greeting": "hello Ann", "seconds": 0.125}
    assert (found["status"], found["message"]) == ("ok", None)
    assert found["artifact_dir"] == str(place / "artifacts" / "runs" / found["run_id"])


def test_a_run_is_written_down_with_its_parameters_tags_and_notes(plugbus: Cli) -> None:
    tags = ("--tag", "purpose=smoke", "--tag", "formula=a=b", "--notes", "a note")
    _, out, _ = plugbus("run", "demo.greet", "--name", "Ann", "--json", *tags)
    summary = json.loads((_directory(out) / "summary" / "run_summary.json").read_text())
    assert summary["status"] == "ok"
    assert summary["spec"]["data_spec"] == {"name": "Ann", "times": 1, "loud": False}
    assert summary["spec"]["tags"] == {"purpose": "smoke", "formula": "a=b"}
    assert summary["spec"]["notes"] == "a note"
    assert summary["plugin"]["version"] == "1.2.0"


def test_a_failed_run_says_why_and_where_the_traceback_is(plugbus: Cli) -> None:
    code, out, err = plugbus("run", "demo.fail")
    assert (code, out) == (1, "")
    told, _, file = err.strip().partition("; see ")
    assert told.startswith("error: run '")
    assert told.endswith("' failed: ValueError: no luck today")
    assert "in execute" in Path(file).read_text()
    assert "Traceback" not in err


def test_artifacts_go_where_the_option_says_before_the_host_file_before_the_environment(
    plugbus: Cli, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    greet = ("run", "demo.greet", "--name", "Ann", "--json")
    monkeypatch.setenv("PLUGBUS_ARTIFACT_ROOT", str(place / "of_environment"))
    assert _directory(plugbus(*greet)[1]).is_relative_to(place / "of_environment")
    (place / "plugbus.yaml").write_text("artifacts: of_file\n")
    assert _directory(plugbus(*greet)[1]).is_relative_to(place / "of_file")
    assert _directory(plugbus("--artifacts", "of_option", *greet)[1]).is_relative_to(place / "of_option")


def _directory(out: str) -> Path:
    return Path(json.loads(out)["artifact_dir"])


# Options of every shape


def test_defaults_are_those_of_the_model(plugbus: Cli) -> None:
    assert outputs(plugbus) == {
        "source": {"path": "in.csv", "rows": 10},
        "colour": "red",
        "maybe_colour": None,
        "mode": "fast",
        "level": 1,
        "names": [],
        "sizes": [],
        "row": None,
        "limit": 7,
        "flag": None,
        "ratio": 0.5,
        "table": {},
        "mixed": 0,
        "optimiser": {"lr": 0.5, "momentum": 0.9, "steps": []},
        "json": "plain",
        "help": "none",
    }


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["--colour", "green"], "colour", "green"),
        (["--maybe-colour", "red"], "maybe_colour", "red"),
        (["--maybe-colour", "null"], "maybe_colour", None),
        (["--mode", "slow"], "mode", "slow"),
        (["--level", "2"], "level", 2),
        (["--names", "a,b , c"], "names", ["a", "b", "c"]),
        (["--names", "1,true"], "names", ["1", "true"]),
        (["--names", "one"], "names", ["one"]),
        (["--names", ""], "names", []),
        (["--names", '["a,b", "c"]'], "names", ["a,b", "c"]),
        (["--sizes", "1,2.5,1e3"], "sizes", [1.0, 2.5, 1000.0]),
        (["--sizes", "4"], "sizes", [4.0]),
        (["--sizes", "[1, 2]"], "sizes", [1.0, 2.0]),
        (["--row", "1,2"], "row", [1, 2]),
        (["--row", "null"], "row", None),
        (["--limit", "3"], "limit", 3),
        (["--limit", "null"], "limit", None),
        (["--flag"], "flag", True),
        (["--no-flag"], "flag", False),
        (["--ratio", "1e-3"], "ratio", 0.001),
        (["--ratio", "-2"], "ratio", -2.0),
        (["--table", '{"a": 1}'], "table", {"a": 1}),
        (["--mixed", "7"], "mixed", 7),
        (["--mixed", "seven"], "mixed", "seven"),
        (["--source.rows", "3"], "source", {"path": "in.csv", "rows": 3}),
        (["--params.json", "7"], "json", "7"),
        (["--params.help", "me"], "help", "me"),
    ],
)
def test_an_option_is_read_as_its_schema_says(plugbus: Cli, argv: list[str], name: str, value: object) -> None:
    assert outputs(plugbus, *argv)[name] == value


def test_an_option_for_a_part_leaves_the_rest_of_a_nested_model_as_it_is_by_default(plugbus: Cli) -> None:
    assert outputs(plugbus, "--optimiser.steps", "1,2")["optimiser"] == {"lr": 0.5, "momentum": 0.9, "steps": [1, 2]}


def test_help_of_an_action_shows_its_options_with_bounds_defaults_and_descriptions(plugbus: Cli) -> None:
    code, out, err = plugbus("run", "demo.greet", "--help")
    assert (code, err) == (0, "")
    plain = " ".join(out.replace("│", " ").split())
    assert "Usage: plugbus run demo.greet [OPTIONS]" in plain
    assert "--name TEXT Who is greeted. [required]" in plain
    assert "--times INTEGER How often, 1 to 5. [>=1, <=5; default: 1]" in plain
    assert "--loud/--no-loud" in plain
    assert "--executor" in plain
    _, out, _ = plugbus("run", "demo.shapes", "--help")
    plain = " ".join(out.replace("│", " ").split())
    assert "--colour [red|green] [default: red]" in plain
    assert "--maybe-colour [red|green|null]" in plain
    assert "--source.path PATH [required]" in plain
    assert "--optimiser.lr NUMBER Step size. [>0; default: 0.5]" in plain
    assert "--params.help TEXT" in plain


# Wrong options


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["demo.greet"], ["--name is missing"]),
        (["demo.shapes"], ["--source.path is missing"]),
        (["demo.shapes", "--source.rows", "2"], ["--source.path is missing"]),
        (["demo.greet", "--name", "A", "--times", "6"], ["--times: should be less than or equal to 5"]),
        (["demo.greet", "--name", "A", "--times", "x"], ["--times: expected a whole number, not text"]),
        (["demo.greet", "--name", "A", "--times", "true"], ["--times: expected a whole number, not text"]),
        (
            ["demo.shapes", "--optimiser.lr", "0", "--sizes", "1,x"],
            ["--source.path is missing", "--optimiser.lr: should be greater than 0", "--sizes[1]: expected a number"],
        ),
        (["demo.greet", "--name", "A", "--tims", "2"], ["no such option '--tims'", "'--times'"]),
        (["demo.greet", "--name", "A", "--tag", "x"], ["--tag 'x': write KEY=VALUE"]),
        (["demo.shapes", "--source.path", "a", "--colour", "blue"], ["'blue' is not one of 'red', 'green'"]),
        (["demo.greet", "more"], ["got unexpected extra argument (more)"]),
        (["demo.greet", "--params", "nofile.yaml"], ["'--params': File 'nofile.yaml' does not exist"]),
    ],
)
def test_wrong_options_are_told_by_their_names_all_at_once(plugbus: Cli, argv: list[str], told: list[str]) -> None:
    found = "\n".join(refused(plugbus, *argv))
    assert [part for part in told if part not in found] == []


def test_nothing_is_run_where_parameters_are_wrong(plugbus: Cli, place: Path) -> None:
    refused(plugbus, "demo.greet", "--name", "Ann", "--times", "9")
    assert not (place / "artifacts").exists()


# Files of parameters


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("params.yaml", "name: Ann\ntimes: 2\nloud: true\n"),
        ("params.json", '{"name": "Ann", "times": 2, "loud": true}'),
    ],
)
def test_parameters_come_from_a_file_and_options_win_over_it(plugbus: Cli, place: Path, name: str, text: str) -> None:
    (place / name).write_text(text)
    _, out, _ = plugbus("run", "demo.greet", "--params", name, "--json")
    assert json.loads(out)["outputs"]["greeting"] == "HELLO ANN, HELLO ANN"
    _, out, _ = plugbus("run", "demo.greet", "--params", name, "--no-loud", "--times", "1", "--json")
    assert json.loads(out)["outputs"]["greeting"] == "hello Ann"


def test_options_win_over_a_part_of_what_a_file_nests(plugbus: Cli, place: Path) -> None:
    (place / "params.yaml").write_text("source: {path: from_file, rows: 3}\noptimiser: {lr: 0.25}\n")
    argv = ("--params", "params.yaml", "--source.rows", "4", "--optimiser.momentum", "0.1")
    code, out, _ = plugbus(*SHAPES, *argv)
    assert code == 0
    found = json.loads(out)["outputs"]
    assert found["source"] == {"path": "from_file", "rows": 4}
    assert found["optimiser"] == {"lr": 0.25, "momentum": 0.1, "steps": []}


def test_faults_of_a_file_are_told_at_their_places_and_those_of_options_by_name(plugbus: Cli, place: Path) -> None:
    (place / "params.yaml").write_text("name: Ann\ntimes: 9\nlowd: true\n")
    assert refused(plugbus, "demo.greet", "--params", "params.yaml") == [
        "params.yaml:2:8: times: should be less than or equal to 5",
        "params.yaml:3:1: lowd: unknown key 'lowd'; did you mean 'loud'?",
    ]
    assert refused(plugbus, "demo.greet", "--params", "params.yaml", "--times", "7") == [
        "--times: should be less than or equal to 5",
        "params.yaml:3:1: lowd: unknown key 'lowd'; did you mean 'loud'?",
    ]


def test_what_a_file_lacks_is_told_and_an_option_may_give_it(plugbus: Cli, place: Path) -> None:
    (place / "params.yaml").write_text("times: 2\n")
    assert refused(plugbus, "demo.greet", "--params", "params.yaml") == ["params.yaml:1:1: missing key 'name'"]
    code, out, _ = plugbus("run", "demo.greet", "--params", "params.yaml", "--name", "Bo", "--json")
    assert (code, json.loads(out)["outputs"]["greeting"]) == (0, "hello Bo, hello Bo")


def test_a_file_that_is_no_mapping_or_no_yaml_is_told(plugbus: Cli, place: Path) -> None:
    (place / "list.yaml").write_text("- a\n")
    assert refused(plugbus, "demo.greet", "--params", "list.yaml") == [
        "list.yaml: parameters are a mapping of names to values"
    ]
    (place / "torn.yaml").write_text("name: [Ann\n")
    code, _, err = plugbus("run", "demo.greet", "--params", "torn.yaml")
    assert code == 2
    assert "torn.yaml:1:7: the [ is never closed; add the closing bracket" in err


# Executors


def test_an_executor_is_chosen_by_its_plugin(plugbus: Cli, add_plugin: AddPlugin) -> None:
    manifest = 'id: shouting\nversion: "1.0.0"\nentrypoint: plugin:P\nprovides: [executor]\n'
    code = """
        from concurrent.futures import Future
        from plugbus.capabilities import EXECUTOR, Executor, ExecutorTraits
        from plugbus.kernel import Plugin
        class Shouting(Executor):
            traits = ExecutorTraits(is_inline=True)
            def submit(self, call, publish=None):
                future = Future()
                future.set_result({"greeting": call.run_here(publish).greeting + "!"})
                return future
            def shutdown(self, *, wait=True): pass
        class P(Plugin):
            def on_load(self, ctx):
                ctx.provide(EXECUTOR, Shouting())
    """
    add_plugin("shouting", manifest, code)
    greet = ("run", "demo.greet", "--name", "Ann", "--json")
    assert json.loads(plugbus(*greet, "--executor", "shouting")[1])["outputs"]["greeting"] == "hello Ann!"
    assert json.loads(plugbus(*greet, "--executor", "local_executor")[1])["outputs"]["greeting"] == "hello Ann"
    assert json.loads(plugbus(*greet)[1])["outputs"]["greeting"] == "hello Ann", "the default is the local one"


@pytest.mark.parametrize(
    ("executor", "told"),
    [
        ("local_executer", "error: cannot find plugin 'local_executer': it is not registered; did you mean"),
        ("console", "error: cannot get service 'executor of console': nothing provides it"),
    ],
)
def test_an_executor_that_is_none_is_told(plugbus: Cli, place: Path, executor: str, told: str) -> None:
    code, out, err = plugbus("run", "demo.greet", "--name", "Ann", "--executor", executor)
    assert (code, out) == (2, "")
    assert err.startswith(told)
    assert "local_executor" in err
    assert not (place / "artifacts").exists()
