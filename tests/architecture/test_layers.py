"""The rules of ARCHITECTURE that a program can check."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYERS = ("kernel", "capabilities", "loaders", "plugins")
PLUGINS = sorted(one.parent.name for one in (ROOT / "plugins/plugbus/plugins").glob("*/__init__.py"))


def sources(layer: str) -> list[Path]:
    return [one for one in sorted((ROOT / layer / "plugbus").rglob("*.py")) if "tests" not in one.parts]


def imported(path: Path) -> list[str]:
    """Name the modules of this project that a file imports absolutely, also inside functions."""
    tree = ast.parse(path.read_text("utf-8"))
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [one.name for one in node.names]
    return [one for one in found if one.startswith("plugbus.")]


def test_there_is_no_init_that_would_close_the_namespace() -> None:
    assert not list(ROOT.glob("*/plugbus/__init__.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_each_layer_has_a_typing_marker(layer: str) -> None:
    assert (ROOT / layer / "plugbus" / layer / "py.typed").is_file()


@pytest.mark.parametrize("layer", LAYERS)
def test_faces_hold_imports_and_a_sorted_all_and_no_code(layer: str) -> None:
    tree = ast.parse((ROOT / layer / "plugbus" / layer / "__init__.py").read_text("utf-8"))
    docstring, *rest = tree.body
    assert isinstance(docstring, ast.Expr)
    *imports, last = rest
    late = [one for one in imports if isinstance(one, ast.If)]
    imports = [one for one in imports if not isinstance(one, ast.If)]
    for one in late:
        assert ast.unparse(one.test) == "TYPE_CHECKING"
        imports += one.body
        # What checkers see and what is imported late are the same names from the same modules.
        (assigned,) = one.orelse
        assert isinstance(assigned, ast.Assign)
        call = assigned.value
        assert ast.unparse(assigned.targets[0]) == "__getattr__"
        assert isinstance(call, ast.Call)
        assert ast.unparse(call.func) == "import_late"
        told = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
        seen = {found.module: tuple(alias.name for alias in found.names)
                for found in one.body if isinstance(found, ast.ImportFrom)}  # fmt: skip
        assert told == seen
    assert all(isinstance(one, ast.ImportFrom) for one in imports)
    assert isinstance(last, ast.Assign | ast.AnnAssign)
    assert last.value is not None
    names = ast.literal_eval(last.value)
    offered = {alias.asname or alias.name for one in imports if isinstance(one, ast.ImportFrom) for alias in one.names}
    offered -= {"TYPE_CHECKING"} | ({"import_late"} - set(names))  # the kernel offers it, the others use it
    assert set(names) == offered
    constants = [one for one in names if one.isupper()]
    classes = [one for one in names if not one.isupper() and one[0].isupper()]
    functions = [one for one in names if one[0].islower()]
    assert names == [*sorted(constants), *sorted(classes), *sorted(functions)]


@pytest.mark.parametrize("layer", LAYERS)
def test_other_layers_are_imported_by_their_faces_alone(layer: str) -> None:
    for path in sources(layer):
        for module in imported(path):
            other = module.split(".")[1]
            if other != layer:
                assert module == f"plugbus.{other}", f"{path} imports {module}"


def test_every_plugin_has_its_place_in_the_layers() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    layers = config["importlinter:contract:layers"]["layers"]
    for plugin in PLUGINS:
        assert f"plugbus.plugins.{plugin}" in layers.replace("|", " ").split()


def test_every_module_of_the_loaders_has_its_place_above_or_below_the_domain() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    above, _, below = config["importlinter:contract:loaders"]["layers"].partition("plugbus.capabilities\n")
    placed = [*above.split(), *below.replace(" : ", " ").split()]
    found = sorted(
        f"plugbus.loaders.{one.stem}"
        for one in (ROOT / "loaders/plugbus/loaders").iterdir()
        if not one.name.startswith("_") and (one.suffix == ".py" or (one / "__init__.py").is_file())
    )
    assert sorted(placed) == found
    for path in sources("loaders"):
        if any(one.startswith("plugbus.capabilities") for one in imported(path)):
            assert "\n# This file imports capabilities: " in path.read_text("utf-8"), f"{path} does not say why"


@pytest.mark.parametrize("plugin", [one for one in PLUGINS if one != "cli"])
def test_every_plugin_has_a_manifest_with_its_own_id(plugin: str) -> None:
    from plugbus.loaders import DirectoryLoader

    source = DirectoryLoader().read(ROOT / "plugins/plugbus/plugins" / plugin)
    assert source.metadata.id == plugin


@pytest.mark.parametrize("plugin", PLUGINS)
def test_plugins_import_their_own_modules_relatively(plugin: str) -> None:
    for path in sorted((ROOT / "plugins/plugbus/plugins" / plugin).rglob("*.py")):
        if "tests" not in path.parts:
            absolute = [one for one in imported(path) if one.startswith("plugbus.plugins.")]
            assert not absolute, f"{path}: under a private namespace {absolute} would be other modules"


def test_no_file_name_says_nothing() -> None:
    empty_words = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
    found = [one for layer in LAYERS for one in sources(layer) if one.stem in empty_words]
    assert not found
