"""What an import may bring with it: each import is made in a fresh interpreter, which says what it imported."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins" / "plugbus" / "plugins"
SHIPPED = sorted(path.parent.name for path in PLUGINS.glob("*/__init__.py"))

# What extras bring, and what those bring first.
EXTRAS = {"PIL", "click", "fsspec", "joblib", "matplotlib", "numpy", "rich", "rich_click", "ruamel", "scipy", "sklearn"}
HEAVY = {"asyncio", "concurrent", "json", "multiprocessing", "packaging", "pydantic", "yaml"}
TESTING = {"_pytest", "hypothesis", "pytest"}


@cache
def imported_by(*arguments: str) -> frozenset[str]:
    """Return the modules that a fresh interpreter imports for its arguments and not for an empty program."""
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-I", "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    names = frozenset(line.rpartition("|")[2].strip() for line in lines[1:])
    return names if arguments == ("-c", "pass") else names - imported_by("-c", "pass")


def imported_with(module: str) -> frozenset[str]:
    found = imported_by("-c", f"import {module}")
    assert module in found, "the list of modules is that of this import"
    return found


def packages(modules: frozenset[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_the_kernel_brings_nothing_heavy() -> None:
    found = imported_with("plugbus.kernel")
    assert packages(found) & (EXTRAS | HEAVY | TESTING | {"logging", "typing_extensions"}) == set()
    assert not {name for name in found if name.startswith("plugbus.") and not name.startswith("plugbus.kernel")}


LOAD = """
from plugbus.kernel import Kernel, Plugin, PluginMetadata, ServiceNotFoundError
class Base(Plugin):
    metadata = PluginMetadata("base", "1.2.0")
class Greeter(Plugin):
    metadata = PluginMetadata("greeter", "1.0.0", dependencies={"base": "^1"})
with Kernel() as kernel:
    kernel.register(Base())
    kernel.register(Greeter())
    kernel.load("greeter")
"""
SUBSCRIBE = """
    kernel.bus.subscribe("*", print)
"""


def test_a_plain_load_needs_no_more_than_its_own_part_of_the_kernel() -> None:
    found = imported_by("-c", LOAD)
    later = {"causes", "domains", "reasons", "reporting", "search", "signals", "state", "swapping"}
    assert "plugbus.kernel.resolver" in found
    assert not found & {f"plugbus.kernel.{name}" for name in later}
    assert not found & {"blinker", "copy", "dataclasses", "datetime", "difflib", "inspect", "math", "traceback"}


def test_blinker_comes_with_the_first_subscription() -> None:
    assert "blinker" in imported_by("-c", LOAD + SUBSCRIBE)


@pytest.mark.parametrize("module", ["plugbus.capabilities", "plugbus.loaders"])
def test_the_layers_above_bring_nothing_of_the_extras(module: str) -> None:
    found = imported_with(module)
    assert packages(found) & (EXTRAS | TESTING) == set()
    assert not {name for name in found if name.startswith("plugbus.plugins")}


def test_the_loaders_bring_no_domain() -> None:
    assert not {name for name in imported_with("plugbus.loaders") if name.startswith("plugbus.capabilities")}


def test_plugins_are_found() -> None:
    assert {"cli", "console", "digits", "jsonl_tracking", "local_executor"} <= set(SHIPPED)


@pytest.mark.parametrize("plugin", SHIPPED)
def test_a_shipped_plugin_brings_nothing_of_the_extras_before_it_is_used(plugin: str) -> None:
    assert packages(imported_with(f"plugbus.plugins.{plugin}")) & (EXTRAS | TESTING) == set()


@pytest.mark.parametrize("plugin", SHIPPED)
def test_a_shipped_plugin_brings_no_other_one(plugin: str) -> None:
    found = {name for name in imported_with(f"plugbus.plugins.{plugin}") if name.startswith("plugbus.plugins.")}
    assert {name.split(".")[2] for name in found} == {plugin}


def test_the_namespace_of_the_plugins_brings_none_of_them() -> None:
    found = imported_by("-c", "import plugbus.plugins")
    assert {name for name in found if name.startswith("plugbus")} == {"plugbus", "plugbus.plugins"}


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_the_command_says_what_it_is_without_any_plugin(option: str) -> None:
    pytest.importorskip("rich_click", reason='needs rich-click: pip install "plugbus[cli]"')
    found = imported_by("-m", "plugbus.plugins.cli", option)
    assert "plugbus.plugins.cli.application" in found
    assert packages(found) & {"pydantic", "yaml", "asyncio", "numpy", "sklearn", "matplotlib", "PIL"} == set()
    used = {name for name in found if name.startswith("plugbus.") and name != "plugbus.plugins"}
    assert not {name for name in used if not name.startswith("plugbus.plugins.cli")}
