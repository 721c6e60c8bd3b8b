"""Plugins as templates make them, unmodified: their own tests, the checks of tools, and a life in a host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import plugbus.plugins
from plugbus.loaders import TEMPLATES, ConfigSource, Host, PluginDiscovery, PluginTemplate, create_plugin
from plugbus.plugins.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.kernel import PluginSource

pytest_plugins = ["plugbus.loaders.testing.fixtures"]

ROOT = Path(__file__).parents[2]
EXTRAS = {"": "pydantic", "storage": "fsspec"}
"""What an extra brings, to see whether it is there."""


def name_of(template: PluginTemplate) -> str:
    return f"demo_{template.name}"


each = pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.name)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a plugin of each template."""
    folder = tmp_path_factory.mktemp("made")
    for template in TEMPLATES:
        create_plugin(name_of(template), template.name, path=folder)
    return folder


@pytest.fixture(autouse=True)
def _needs_its_extra(request: pytest.FixtureRequest) -> None:
    template = request.node.callspec.params.get("template") if hasattr(request.node, "callspec") else None
    if template is not None and find_spec(EXTRAS[template.extra]) is None:
        pytest.skip(f'needs {EXTRAS[template.extra]}: pip install "{template.requirement}"')


def run(*argv: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a module of this interpreter with the plugbus of these tests."""
    roots = os.pathsep.join(str(Path(one).parents[1]) for one in _package_paths())
    env = {**os.environ, "PYTHONPATH": roots, "MYPYPATH": roots, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(  # noqa: S603 - this interpreter, with the arguments of a test
        [sys.executable, "-m", *argv], cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=110
    )


def _package_paths() -> Iterator[str]:
    for package in ("kernel", "capabilities", "loaders", "plugins"):
        spec = find_spec(f"plugbus.{package}")
        assert spec is not None
        yield from spec.submodule_search_locations or ()


@each
def test_its_own_tests_pass_as_they_are(made: Path, template: PluginTemplate) -> None:
    done = run("pytest", "-q", "-p", "no:cacheprovider", folder=made / name_of(template))
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@each
def test_it_is_valid_and_in_sync(made: Path, template: PluginTemplate, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("rich_click", reason='needs rich-click: pip install "plugbus[cli]"')
    folder = made / name_of(template)
    assert main(["validate", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["faults"] == []
    if (folder / "config.yaml").exists():
        pytest.importorskip("ruamel.yaml", reason='needs ruamel.yaml: pip install "plugbus[config]"')
        assert main(["sync", str(folder), "--check"]) == 0, capsys.readouterr().out


def sources(made: Path, template: PluginTemplate, host: Host) -> PluginSource:
    """Bring a plugin to a host in the way that it is made for."""
    folder = made / name_of(template)
    if (folder / "config.yaml").exists():
        source = ConfigSource(PluginDiscovery.from_path(folder))
        host.kernel.register(source)
        return source
    return next(one for one in host.sources if one.path == folder)


@each
def test_a_host_loads_it_and_it_goes_without_a_trace(made: Path, template: PluginTemplate) -> None:
    name = name_of(template)
    with Host(builtin=[*map(Path, plugbus.plugins.__path__), made]) as host:
        source = sources(made, template, host)
        assert name in host.kernel.load(name)
        provided = {str(one) for one in source.metadata.provides}
        assert provided
        proof = host.kernel.unload(name, prove=True)
        assert proof.is_clean, str(proof)


def test_types_are_strict(made: Path) -> None:
    pytest.importorskip("mypy", reason="needs mypy: pip install --group lint")
    cache = ROOT / ".mypy_cache" / "templates"
    names = [name_of(one) for one in TEMPLATES]
    done = run(
        "mypy", "--strict", "--follow-imports=silent", f"--cache-dir={cache}", f"--python-version={_VERSION}", *names,
        folder=made,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize("length", [1, 40])
def test_format_and_lint_are_clean_whatever_the_length_of_the_name(tmp_path: Path, length: int) -> None:
    pytest.importorskip("ruff", reason="needs ruff: pip install --group lint")
    for template in TEMPLATES:
        create_plugin("x" * length, template.name, path=tmp_path / template.name)
    for check in (("format", "--check", "--diff"), ("check",)):
        done = run("ruff", *check, "--no-cache", ".", folder=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
