"""What newcomers do wrong: each mistake gives one clear error, the rest keeps working, and no traceback is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cli = Callable[..., tuple[int, str, str]]
    AddPlugin = Callable[[str, str, str], Path]

PLUGIN = "from plugbus.kernel import Plugin\nclass P(Plugin): pass\n"
GOOD = "from plugbus.capabilities import Action, BaseAction\nfrom plugbus.kernel import Plugin\n"


def manifest(plugin_id: str, more: str = "") -> str:
    return f'id: {plugin_id}\nversion: "1.0.0"\nentrypoint: plugin:P\nprovides: [action({plugin_id}.go)]\n{more}'


@pytest.fixture
def mistake(plugbus: Cli) -> Callable[..., str]:
    """Return a function that makes a mistake, and sees to it that everything else still works."""

    def make(code: int, *argv: str) -> str:
        found, out, err = plugbus(*argv)
        assert (found, out) == (code, "")
        assert err.startswith("error: ")
        assert err.count("error:") == 1
        assert "Traceback" not in err
        assert plugbus("run", "demo.greet", "--name", "Ann")[0] == 0
        return err.removeprefix("error: ")

    return make


def test_a_typo_in_an_action(mistake: Callable[..., str]) -> None:
    assert mistake(2, "run", "demo.great", "--name", "Ann").startswith(
        "cannot find action 'demo.great': no plugin offers it; did you mean 'demo.greet'"
    )


def test_an_action_that_nothing_is_near_to(mistake: Callable[..., str]) -> None:
    told = mistake(2, "run", "xyz")
    assert told == "cannot find action 'xyz': no plugin offers it; see plugbus list\nsee: plugbus run --help\n"


def test_an_option_before_its_action(mistake: Callable[..., str]) -> None:
    assert "no such option '--name'" in mistake(2, "run", "--name", "Ann", "demo.greet")


def test_a_parameter_out_of_its_range(mistake: Callable[..., str]) -> None:
    told = mistake(2, "run", "demo.greet", "--name", "Ann", "--times", "6")
    assert told == "--times: should be less than or equal to 5\nsee: plugbus run demo.greet --help\n"


def test_a_manifest_with_three_faults(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    text = "id: bad\nversion: 1.10\nentrypoint: plugin\nprovides: [action(bad.go)]\ncolour: red\n"
    file = add_plugin("bad", text, PLUGIN) / "plugin.yaml"
    told = mistake(2, "run", "bad.go")
    assert told.startswith("cannot find action 'bad.go'")
    assert f'{file}:2:10: version: expected text, not the number 1.10; quote it: "1.10"\n' in told
    assert f"{file}:3:13: entrypoint: write module:Class, such as plugin:MyPlugin\n" in told
    assert f"{file}:5:1: colour: unknown key 'colour'\n" in told


def test_a_plugin_that_raises_in_on_load_says_where(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    code = "import json\n" + PLUGIN.replace(" pass\n", "\n    def on_load(self, ctx):\n        json.loads('x')\n")
    file = add_plugin("crash", manifest("crash"), code) / "plugin.py"
    told = mistake(1, "run", "crash.go")
    assert told.startswith("cannot load plugin 'crash': on_load failed: JSONDecodeError: ")
    assert told.endswith(f"\n  at {file}:5, in P.on_load\n"), "the plugin's own line, not that of the library it called"


def test_where_a_plugin_raises_is_where_it_did_and_not_who_called(
    mistake: Callable[..., str], add_plugin: AddPlugin
) -> None:
    code = PLUGIN.replace(
        " pass\n", "\n    def on_load(self, ctx):\n        fall()\ndef fall():\n    raise ValueError\n"
    )
    file = add_plugin("crash", manifest("crash"), code) / "plugin.py"
    assert mistake(1, "run", "crash.go").endswith(f"on_load failed: ValueError\n  at {file}:6, in fall\n")


def test_a_plugin_folder_without_its_extra(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    needs = 'needs: {modules: [no_such_module], install: "plugbus[sklearn]"}\n'
    add_plugin("needy", manifest("needy", needs), "import no_such_module\n")
    told = mistake(1, "run", "needy.go")
    assert told == (
        "cannot open plugin 'needy': it needs the missing module 'no_such_module'; pip install \"plugbus[sklearn]\"\n"
    )
    assert mistake(1, "inspect", "needy.go") == told


def test_a_plugin_that_does_not_declare_the_module_it_lacks(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    add_plugin("needy", manifest("needy"), "import no_such_module\n")
    told = mistake(1, "run", "needy.go")
    assert told.startswith("cannot import 'plugin' of plugin 'needy': ")
    assert "No module named 'no_such_module'" in told


def test_a_plugin_with_a_syntax_error(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    add_plugin("torn", manifest("torn"), "class P(\n")
    told = mistake(1, "run", "torn.go")
    assert "of plugin 'torn': SyntaxError: " in told
    assert "plugin.py, line 1" in told


def test_a_plugin_that_forgets_to_provide_its_action(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    add_plugin("lazy", manifest("lazy"), PLUGIN)
    told = mistake(1, "run", "lazy.go")
    assert "it declares 'action(lazy.go)' and on_load did not provide" in told


def test_a_plugin_that_provides_what_is_no_action(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    code = f"{GOOD}class P(Plugin):\n    def on_load(self, ctx):\n        ctx.provide(Action('odd.go'), print)\n"
    add_plugin("odd", manifest("odd"), code)
    assert "builtin_function_or_method does not satisfy BaseAction" in mistake(1, "run", "odd.go")


def test_an_action_without_a_model_of_its_parameters(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    code = (
        f"{GOOD}class Go(BaseAction):\n    def execute(self): pass\n"
        "class P(Plugin):\n    def on_load(self, ctx):\n        ctx.provide(Action('bare.go'), Go)\n"
    )
    add_plugin("bare", manifest("bare"), code)
    for command in ("run", "inspect"):
        told = mistake(2, command, "bare.go")
        assert told.startswith("cannot use action 'bare.go': it has no parameter model; write BaseAction[YourParams]")


def test_an_action_whose_parameters_are_no_text(mistake: Callable[..., str], add_plugin: AddPlugin) -> None:
    code = (
        f"{GOOD}from typing import Callable\nfrom pydantic import BaseModel\n"
        "class Params(BaseModel):\n    call: Callable[[], int]\n"
        "class Go(BaseAction[Params]):\n    def execute(self): pass\n"
        "class P(Plugin):\n    def on_load(self, ctx):\n        ctx.provide(Action('odd.go'), Go)\n"
    )
    add_plugin("odd", manifest("odd"), code)
    assert mistake(2, "run", "odd.go").startswith("cannot use action 'odd.go': its parameters have no JSON Schema: ")


def test_a_host_file_with_a_typo(plugbus: Cli, place: Path) -> None:
    (place / "plugbus.yaml").write_text("plugins: {disabed: [demo]}\n")
    code, out, err = plugbus("list")
    assert (code, out) == (2, "")
    assert "plugbus.yaml:1:11: plugins.disabed: unknown key 'disabed'; did you mean 'disabled'?" in err
    assert "Traceback" not in err


def test_configuration_that_a_plugin_refuses(plugbus: Cli, place: Path) -> None:
    (place / "plugbus.yaml").write_text("config:\n  local_executor:\n    enw: {}\n")
    code, out, err = plugbus("run", "demo.greet", "--name", "Ann")
    assert (code, out) == (1, "")
    assert "plugbus.yaml:3:5: config.local_executor.enw: unknown key 'enw'; did you mean 'env'?" in err
    assert plugbus("list")[0] == 0


def test_artifacts_that_can_not_be_written(mistake: Callable[..., str], place: Path) -> None:
    (place / "file").touch()
    told = mistake(1, "--artifacts", "file/below", "run", "demo.greet", "--name", "Ann")
    assert told.startswith(f"cannot use '{place / 'file' / 'below' / 'runs'}")
    assert told.endswith(": not a directory\n")
    assert "is a file" in mistake(2, "--artifacts", "file", "runs")
