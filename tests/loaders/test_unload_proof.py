"""Plugin folders that are proved to be gone: everything of their private package counts."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import Kernel, LeftoverKind, UnloadProof
from plugbus.kernel.testing import FakePlugin
from plugbus.loaders import DirectoryLoader

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["plugbus.loaders.testing.fixtures", "pytester"]

KEPT: list[object] = []

CODE = """
    import sys
    from plugbus.kernel import Plugin, PluginContext
    from .parts.aid import Aid
    class Made(Plugin):
        def on_load(self, ctx: PluginContext) -> None:
            self.aid = Aid(self)
            ctx.register_service("aid", self.aid) if ctx.plugin_id == "folder" else None
            ctx.subscribe("*", self.aid.hear)
            load(self, ctx)
"""
AID = """
    class Aid:
        def __init__(self, plugin): self.plugin = plugin
        def hear(self, event): pass
"""


def write(root: Path, load: str = "def load(plugin, ctx): pass", plugin_id: str = "folder") -> Path:
    folder = root / plugin_id
    (folder / "parts").mkdir(parents=True)
    (folder / "plugin.yaml").write_text(f'id: {plugin_id}\nversion: "1.0.0"\nentrypoint: plugin:Made\n')
    (folder / "plugin.py").write_text(dedent(CODE) + dedent(load))
    (folder / "parts" / "aid.py").write_text(dedent(AID))
    return folder


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Any:
    yield
    KEPT.clear()


def prove(folder: Path) -> UnloadProof:
    kernel = Kernel()
    kernel.register(DirectoryLoader().read(folder))
    kernel.load("folder")
    return kernel.unload("folder", prove=True)


def test_a_source_says_under_which_name_its_modules_are(tmp_path: Path) -> None:
    source = DirectoryLoader().read(write(tmp_path))
    assert not source.modules
    source.open()
    (name,) = source.modules
    assert {f"{name}.plugin", f"{name}.parts.aid"} <= set(sys.modules)
    source.close()
    assert not source.modules


def test_a_folder_goes_without_a_trace(tmp_path: Path) -> None:
    assert prove(write(tmp_path)).is_clean


@pytest.mark.parametrize(
    ("left", "kind", "description"),
    [
        ("plugin.aid", LeftoverKind.PROVIDED, "'aid', parts.aid.Aid"),
        ("plugin", LeftoverKind.PLUGIN, "plugin.Made"),
        ("ctx", LeftoverKind.CONTEXT, "PluginContext"),
        ("Aid", LeftoverKind.CLASS, "parts.aid.Aid"),
        ("load", LeftoverKind.FUNCTION, "plugin.load"),
        ("sys.modules[__name__]", LeftoverKind.MODULE, "plugin"),
        ("globals()", LeftoverKind.MODULE, "the globals of plugin"),
        ("[Aid(None)]", LeftoverKind.OBJECT, "parts.aid.Aid"),
    ],
)
def test_what_is_left_is_called_as_its_author_calls_it(
    tmp_path: Path, left: str, kind: LeftoverKind, description: str
) -> None:
    code = f"def load(plugin, ctx): sys.modules[{__name__!r}].KEPT.append({left})"
    (leftover,) = prove(write(tmp_path, code)).leftovers
    assert (leftover.kind, leftover.description) == (kind, description)
    assert leftover.held_by[0].endswith(f"global 'KEPT' of module {__name__}")


def test_two_kernels_over_one_folder_are_told_apart(tmp_path: Path) -> None:
    folder = write(tmp_path)
    other = Kernel()
    other.register(DirectoryLoader().read(folder))
    other.load("folder")
    assert prove(folder).is_clean
    other.shutdown()


def test_the_folder_in_sys_path_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path, "def load(plugin, ctx): sys.path.append(str(__file__).rpartition('/')[0] + '/parts')")
    (leftover,) = prove(folder).leftovers
    sys.path.remove(str(folder / "parts"))
    assert leftover.kind is LeftoverKind.PATH


def test_the_fixture_takes_folders(tmp_path: Path, prove_folder_unload: Any) -> None:
    base = write(tmp_path, plugin_id="base")
    load = "def load(plugin, ctx): plugin.config = ctx.config"
    with prove_folder_unload(write(tmp_path, load), config={"a": 1}, with_=[base, FakePlugin("more")]) as loaded:
        assert loaded.kernel.list() == ("base", "folder", "more")
        assert vars(loaded.kernel.get("folder"))["config"] == {"a": 1}
    assert loaded.unload().is_clean


def test_the_fixture_fails_a_test_whose_folder_leaves_something(pytester: pytest.Pytester) -> None:
    write(pytester.path, "def load(plugin, ctx): sys.leaked = Aid(None)")
    pytester.makeconftest('pytest_plugins = ["plugbus.loaders.testing.fixtures"]')
    pytester.makepyfile("def test_it(prove_folder_unload): prove_folder_unload('folder', allow=['nothing'])")
    done = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", timeout=100)
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*hook parts.aid.Aid of 'folder'", "*held by global 'leaked' of module sys"])


ROUNDS, BATCHES = 200, 5


@pytest.mark.parametrize("kind", ["folder", "instance"])
def test_a_thousand_loads_leave_the_memory_as_it_was(tmp_path: Path, kind: str) -> None:
    kernel = Kernel()
    kernel.register(DirectoryLoader().read(write(tmp_path)) if kind == "folder" else FakePlugin("folder"))

    def go_round() -> tuple[int, int]:
        for _ in range(ROUNDS):
            kernel.load("folder")
            kernel.unload("folder")
        gc.collect()
        return len(gc.get_objects()), tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        sizes = [go_round() for _ in range(BATCHES + 1)]
    finally:
        tracemalloc.stop()
    # What a round leaves would be there after each batch. Tables of the interpreter grow by leaps, in one of them.
    grown = [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(sizes)]
    assert min(objects for objects, _ in grown) < ROUNDS // 2
    assert min(size for _, size in grown) < ROUNDS * 24


def test_a_check_that_runs_in_the_folder_itself_takes_its_path_for_older(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prove_folder_unload: Any
) -> None:
    folder = write(tmp_path)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    with prove_folder_unload(folder):
        pass
    again = write(tmp_path, "def load(plugin, ctx): sys.path.append(str(__file__).rpartition('/')[0])", "again")
    monkeypatch.setattr(sys, "path", [str(again), *sys.path])
    loaded = prove_folder_unload(again)
    with pytest.raises(AssertionError, match=f"entry of sys.path {again}"):
        loaded.unload()
    loaded.close()
