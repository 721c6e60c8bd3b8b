"""``plugbus list`` and ``plugbus inspect``: what is known of plugins without importing them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]
    AddPlugin = Callable[[str, str, str], Path]

PLUGIN = "from plugbus.kernel import Plugin\nclass P(Plugin): pass\n"
NEEDY = """
    id: needy
    version: "1.0.0"
    entrypoint: plugin:P
    provides: [action(needy.go)]
    needs: {modules: [json, no_such_module], install: "plugbus[sklearn]"}
"""
BROKEN = "id: broken\nversion: 1.10\nentrypoint: plugin:P\ncolour: red\n"


def test_list_shows_every_plugin_with_its_state_and_what_it_offers(plugbus: Cli, add_plugin: AddPlugin) -> None:
    add_plugin("needy", NEEDY, PLUGIN)
    code, out, err = plugbus("list")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["id", "version", "state", "offers", "description"]
    (demo,) = [line for line in lines if line.startswith("demo ")]
    assert demo.split(maxsplit=4) == ["demo", "1.2.0", "available", "demo.greet", "Shows what actions can do."]
    assert "demo.fail" in out
    (needy,) = [line for line in lines if line.startswith("needy ")]
    assert "needs modules" in needy
    (executor,) = [line for line in lines if line.startswith("local_executor ")]
    assert " executor " in executor


def test_list_as_json_has_every_fact(plugbus: Cli, add_plugin: AddPlugin, place: Path) -> None:
    add_plugin("needy", NEEDY, PLUGIN)
    _, out, _ = plugbus("list", "--json")
    found = {one["id"]: one for one in json.loads(out)}
    assert list(found) == sorted(found)
    assert found["demo"] == {
        "id": "demo",
        "version": "1.2.0",
        "state": "available",
        "actions": ["demo.greet", "demo.shapes", "demo.fail", "demo.wait"],
        "provides": [],
        "labels": ["Vision"],
        "description": "Shows what actions can do.",
        "origin": str(place / "plugs" / "demo"),
        "missing_modules": [],
    }
    assert (found["needy"]["state"], found["needy"]["missing_modules"]) == ("needs modules", ["no_such_module"])
    assert found["local_executor"]["provides"] == ["executor", "pipeline_executor"]


def test_list_shows_a_broken_plugin_and_tells_on_stderr_what_is_wrong(
    plugbus: Cli, add_plugin: AddPlugin, place: Path
) -> None:
    manifest = add_plugin("broken", BROKEN, PLUGIN) / "plugin.yaml"
    code, out, err = plugbus("list")
    assert code == 0
    (line,) = [line for line in out.splitlines() if line.startswith("broken ")]
    assert line.split() == ["broken", "broken"]
    assert err.startswith(f"broken: cannot read document '{manifest}': 2 faults\n")
    assert f"{manifest}:4:1: colour: unknown key 'colour'" in err
    assert "demo.greet" in out, "the others are shown all the same"
    _, out, err = plugbus("list", "--json")
    (broken,) = [one for one in json.loads(out) if one["id"] == "broken"]
    assert broken["state"] == "broken"
    assert "unknown key 'colour'" in broken["error"]
    assert err == ""


def test_list_shows_what_the_host_file_disables(plugbus: Cli, place: Path) -> None:
    (place / "plugbus.yaml").write_text("plugins: {disabled: [demo]}\n")
    _, out, _ = plugbus("list", "--json")
    assert {one["id"]: one["state"] for one in json.loads(out)}["demo"] == "disabled"
    code, _, err = plugbus("run", "demo.greet", "--name", "Ann")
    assert code == 2
    assert "cannot find action 'demo.greet'" in err


def test_a_folder_of_plugins_that_is_not_there_is_named(plugbus: Cli) -> None:
    code, out, err = plugbus("--plugins", "nowhere", "list")
    assert (code, out) == (2, "")
    assert err == "error: cannot search plugin folder 'nowhere': No such file or directory\n"


def test_inspect_shows_a_plugin_from_its_manifest(plugbus: Cli, place: Path) -> None:
    code, out, err = plugbus("inspect", "demo")
    assert (code, err) == (0, "")
    facts = dict(line.split(None, 1) for line in out.splitlines() if not line.startswith((" ", "entry")))
    assert facts["id"] == "demo"
    assert facts["version"] == "1.2.0"
    assert facts["folder"] == str(place / "plugs" / "demo")
    assert facts["provides"] == "action(demo.greet)"
    assert facts["labels"] == "Vision"
    assert facts["requires"] == "capability 'executor' ^1"
    assert facts["purpose"] == "tests"
    assert "entry point  plugin:Demo" in out


def test_inspect_shows_what_a_plugin_lacks_and_how_to_get_it(plugbus: Cli, add_plugin: AddPlugin) -> None:
    add_plugin("needy", NEEDY, PLUGIN)
    code, out, _ = plugbus("inspect", "needy")
    assert code == 0
    assert "missing modules  no_such_module" in out
    assert 'install          pip install "plugbus[sklearn]"' in out
    _, out, _ = plugbus("inspect", "needy", "--json")
    assert json.loads(out)["missing_modules"] == ["no_such_module"]


def test_inspect_as_json_is_the_manifest_and_where_it_is(plugbus: Cli, place: Path) -> None:
    _, out, _ = plugbus("inspect", "demo", "--json")
    found = json.loads(out)
    assert found["entrypoint"] == "plugin:Demo"
    assert found["provides"][2] == "action(demo.fail)"
    assert found["origin"] == str(place / "plugs" / "demo")


def test_inspect_shows_the_parameters_of_an_action_as_they_are_given(plugbus: Cli) -> None:
    code, out, err = plugbus("inspect", "demo.greet")
    assert (code, err) == (0, "")
    rows = [line.split(maxsplit=3) for line in out.splitlines() if line.startswith("--")]
    assert rows == [
        ["--name", "string", "required", "Who is greeted."],
        ["--times", "integer", "1", "How often, 1 to 5."],
        ["--loud", "boolean", "false"],
    ]
    assert "description  Greet somebody." in out


def test_inspect_spreads_nested_parameters_and_shows_the_default_that_counts(plugbus: Cli) -> None:
    _, out, _ = plugbus("inspect", "demo.shapes")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("--")}
    assert rows["--source.path"] == ["string", "required"]
    assert rows["--optimiser.lr"][:2] == ["number", "0.5"], "the default of the whole counts, not that of the part"
    assert rows["--optimiser.momentum"] == ["number", "0.9"]
    assert rows["--colour"] == ["string", "red"]
    assert rows["--maybe-colour"] == ["string"]
    assert rows["--params.json"] == ["string", "plain"]


def test_inspect_as_json_has_the_schemas_of_an_action(plugbus: Cli) -> None:
    _, out, _ = plugbus("inspect", "demo.greet", "--json")
    found = json.loads(out)
    assert (found["action"], found["plugin"]) == ("demo.greet", "demo")
    assert found["params_schema"]["properties"]["times"]["maximum"] == 5
    assert found["result_schema"]["required"] == ["greeting"]
    _, out, _ = plugbus("inspect", "demo.fail", "--json")
    assert json.loads(out)["result_schema"] is None


def test_inspect_offers_near_names(plugbus: Cli) -> None:
    code, out, err = plugbus("inspect", "demo.gret")
    assert (code, out) == (2, "")
    assert "cannot inspect 'demo.gret': there is no such plugin or action; did you mean 'demo.greet'" in err


def test_inspect_of_a_broken_plugin_tells_what_is_wrong_with_it(plugbus: Cli, add_plugin: AddPlugin) -> None:
    manifest = add_plugin("broken", BROKEN, PLUGIN) / "plugin.yaml"
    code, out, err = plugbus("inspect", "broken")
    assert (code, out) == (2, "")
    assert f"{manifest}:4:1: colour: unknown key 'colour'" in err
