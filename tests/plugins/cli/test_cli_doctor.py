"""``plugbus doctor``: what is wrong with this environment, the host file and every plugin."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]
    AddPlugin = Callable[[str, str, str], Path]

PLUGIN = "from plugbus.kernel import Plugin\nclass P(Plugin): pass\n"
RAISING = """
    from plugbus.kernel import Plugin
    class P(Plugin):
        def on_load(self, ctx):
            raise ValueError("boom")
"""


def manifest(plugin_id: str, more: str = "") -> str:
    return f'id: {plugin_id}\nversion: "1.0.0"\nentrypoint: plugin:P\n{more}'


def findings(plugbus: Cli, *argv: str) -> tuple[int, dict[str, tuple[str, str]]]:
    code, out, err = plugbus("doctor", *argv, "--json")
    assert err == ""
    return code, {one["check"]: (one["verdict"], one["detail"]) for one in json.loads(out)}


def test_a_sound_environment_passes(plugbus: Cli, place: Path) -> None:
    code, found = findings(plugbus)
    assert code == 0
    assert found["plugbus"] == ("ok", version("plugbus"))
    assert found["host file"] == ("ok", "<defaults>")
    assert found["artifacts"] == ("ok", str(place / "artifacts"))
    assert found["plugin demo"] == ("ok", str(place / "plugs" / "demo"))
    assert "load demo" not in found
    code, out, err = plugbus("doctor")
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["check", "verdict", "detail"]


def test_load_tries_every_plugin_and_leaves_none_loaded(plugbus: Cli, add_plugin: AddPlugin, place: Path) -> None:
    code = """
        from pathlib import Path
        from plugbus.kernel import Plugin
        class P(Plugin):
            def on_load(self, ctx): Path("loaded").touch()
            def on_unload(self, ctx): Path("loaded").rename("unloaded")
    """
    add_plugin("noted", manifest("noted"), code)
    exit_code, found = findings(plugbus, "--load")
    assert exit_code == 0
    assert found["load demo"] == ("ok", "loaded and unloaded")
    assert found["load noted"] == ("ok", "loaded and unloaded")
    assert (place / "unloaded").exists()


def test_load_tries_each_plugin_alone(plugbus: Cli, add_plugin: AddPlugin) -> None:
    code = PLUGIN.replace(" pass\n", "\n    def on_load(self, ctx): ctx.register_service('only_one', self)\n")
    for plugin_id in ("one", "other"):
        add_plugin(plugin_id, manifest(plugin_id), code)
    exit_code, found = findings(plugbus, "--load")
    assert exit_code == 0
    assert found["load one"] == found["load other"] == ("ok", "loaded and unloaded")


def test_a_plugin_that_raises_fails_under_load_alone_and_the_others_pass(plugbus: Cli, add_plugin: AddPlugin) -> None:
    file = add_plugin("crash", manifest("crash"), RAISING) / "plugin.py"
    assert findings(plugbus)[0] == 0
    code, found = findings(plugbus, "--load")
    assert code == 1
    verdict, detail = found["load crash"]
    assert verdict == "fail"
    assert detail.startswith("cannot load plugin 'crash': on_load failed: ValueError: boom\n")
    assert f"{file}:5, in P.on_load" in detail
    assert found["load demo"][0] == "ok"


def test_missing_modules_are_a_warning_with_the_pip_line_and_not_tried(plugbus: Cli, add_plugin: AddPlugin) -> None:
    needs = 'needs: {modules: [no_such_module], install: "plugbus[sklearn]"}\n'
    add_plugin("needy", manifest("needy", needs), "raise SystemExit('imported')")
    code, found = findings(plugbus, "--load")
    assert code == 0
    assert found["plugin needy"] == ("warn", 'missing modules: no_such_module; pip install "plugbus[sklearn]"')
    assert "load needy" not in found


def test_a_broken_manifest_and_an_unmet_need_fail(plugbus: Cli, add_plugin: AddPlugin) -> None:
    place = add_plugin("broken", manifest("broken", "colour: red\n"), PLUGIN) / "plugin.yaml"
    add_plugin("lonely", manifest("lonely", "dependencies: {demo: '>=9'}\n"), PLUGIN)
    code, found = findings(plugbus)
    assert code == 1
    assert found["plugin broken"][0] == "fail"
    assert f"{place}:4:1: colour: unknown key 'colour'" in found["plugin broken"][1]
    verdict, detail = found["needs of lonely"]
    assert verdict == "fail"
    assert "'demo' 1.2.0" in detail
    assert ">=9" in detail
    assert found["plugin demo"][0] == "ok"


def test_a_wrong_host_file_is_a_finding_and_the_environment_is_told_all_the_same(plugbus: Cli, place: Path) -> None:
    (place / "plugbus.yaml").write_text("plugins: {enabled: [dmo]}\n")
    code, found = findings(plugbus)
    assert code == 1
    assert found["plugbus"][0] == "ok"
    assert found["host"][0] == "fail"
    assert "plugbus.yaml:1:21: plugins.enabled[0]: no plugin 'dmo' was found; did you mean 'demo'?" in found["host"][1]


def test_what_the_host_file_disables_is_told_and_not_tried(plugbus: Cli, add_plugin: AddPlugin, place: Path) -> None:
    add_plugin("crash", manifest("crash"), RAISING)
    (place / "plugbus.yaml").write_text("plugins: {disabled: [crash]}\n")
    code, found = findings(plugbus, "--load")
    assert code == 0
    assert found["host file"] == ("ok", str(place / "plugbus.yaml"))
    assert found["plugin crash"][1].startswith("disabled by the host file")
    assert "load crash" not in found


def test_artifacts_that_can_not_be_written_fail(plugbus: Cli, place: Path) -> None:
    (place / "file").touch(mode=0o444)
    code, found = findings(lambda *argv: plugbus("--artifacts", "file/below", *argv))
    assert (code, found["artifacts"][0]) == (1, "fail")
