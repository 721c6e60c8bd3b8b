"""A plugin's folder as a private package: real files, real imports, real threads, and nothing left behind."""

from __future__ import annotations

import abc
import copy
import gc
import importlib
import importlib.util
import linecache
import os
import pickle
import pkgutil
import py_compile
import shutil
import subprocess
import sys
import threading
import traceback
import types
import weakref
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pytest
from pydantic import BaseModel

from plugbus.loaders.errors import LoaderError
from plugbus.loaders.import_errors import (
    EntrypointError,
    NamespaceClosedError,
    OutsideRootError,
    PluginImportError,
)
from plugbus.loaders.namespaces import ModuleNamespace, NamespaceFinder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from importlib.machinery import ModuleSpec

T = TypeVar("T")


class HostPage(BaseModel, Generic[T]):
    """Stand in for a host's generic model that plugins subscript."""

    item: T


class HostAction(abc.ABC, Generic[T]):
    """Stand in for a host's base class that plugins subscript and subclass."""

    @abc.abstractmethod
    def execute(self) -> T: ...


def write(root: Path, **files: str) -> Path:
    """Write modules under ``root``; ``sub__name`` is ``sub/name.py``, ``init`` is ``__init__.py``."""
    root.mkdir(parents=True, exist_ok=True)
    for key, text in files.items():
        path = root / (key.replace("__", "/").replace("init", "__init__") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return root


def value(namespace: ModuleNamespace, entrypoint: str) -> Any:
    return namespace.resolve(entrypoint)


def process_state() -> tuple[object, ...]:
    return (
        set(sys.modules),
        list(sys.meta_path),
        list(sys.path),
        set(sys.path_importer_cache),
        set(linecache.cache),
    )


def run_in_threads(*targets: Callable[[], None]) -> None:
    """Run all targets at once, and raise what the first failing one raised."""
    failures: list[BaseException] = []

    def guarded(target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(target,), daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a thread is stuck"
    if failures:
        raise failures[0]


class Gate:
    """Let plugin code stop at ``gate.stop()`` until the test opens it; found by the plugin as a module."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def stop(self) -> None:
        self.reached.set()
        assert self.opened.wait(60)


def close_behind(gate: Gate, finder: NamespaceFinder) -> None:
    """Close everything once plugin code has stopped at the gate, and let it go on."""
    assert gate.reached.wait(60)
    for namespace in finder.namespaces:
        namespace.close()
    gate.opened.set()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    module = types.ModuleType("gate_of_the_test")
    module.__dict__["stop"] = gate.stop
    monkeypatch.setitem(sys.modules, "gate_of_the_test", module)
    return gate


@pytest.fixture
def finder(tmp_path: Path) -> Iterator[NamespaceFinder]:
    """Give a finder, close what the test left open, and check that the process is as before."""
    modules, meta_path, path = set(sys.modules), list(sys.meta_path), list(sys.path)
    finder = NamespaceFinder()
    yield finder
    for namespace in finder.namespaces:
        namespace.close()
    assert [name for name in set(sys.modules) - modules if name.startswith("plugbus_plugin_")] == []
    assert sys.meta_path == meta_path
    assert sys.path == path
    assert [key for key in sys.path_importer_cache if key.startswith(str(tmp_path))] == []
    assert [key for key in linecache.cache if key.startswith(str(tmp_path))] == []


class TestNames:
    def test_name_is_made_of_the_id_and_the_content(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path / "digits", plugin="A = 1\n")
        with finder.open("acme.digits", root) as first:
            name, revision = first.name, first.revision
            assert name.startswith("plugbus_plugin_acme_digits_")
            assert name.isidentifier()
            assert first.root == root
        moved = root.rename(tmp_path / "moved")
        with finder.open("acme.digits", moved) as again:
            assert (again.name, again.revision) == (name, revision)
        with finder.open("acme-digits", moved) as other_id:
            assert other_id.revision == revision
            assert other_id.name != name
        write(moved, plugin="A = 2\n")
        with finder.open("acme.digits", moved) as edited:
            assert edited.revision != revision
            assert edited.name != name

    def test_name_is_the_same_in_another_process(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path / "p", init="", plugin="A = 1\n", sub__deep="B = 2\n")
        script = (
            "import sys, pathlib; from plugbus.loaders.namespaces import NamespaceFinder\n"
            "print(NamespaceFinder().open('p', pathlib.Path(sys.argv[1])).name)"
        )
        done = subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=True)  # noqa: S603
        with finder.open("p", root) as namespace:
            assert done.stdout.strip() == namespace.name

    def test_revision_covers_paths_and_bytes_of_all_sources_and_only_sources(
        self, finder: NamespaceFinder, tmp_path: Path
    ) -> None:
        def revision() -> str:
            with finder.open("p", tmp_path) as namespace:
                return namespace.revision

        write(tmp_path, one="ab", two="c")
        before = revision()
        (tmp_path / "notes.txt").write_text("text")
        (tmp_path / ".venv").mkdir()
        (tmp_path / ".venv" / "module.py").write_text("x = 1")
        assert revision() == before
        write(tmp_path, one="a", two="bc")
        shifted = revision()
        assert shifted != before
        (tmp_path / "two.py").rename(tmp_path / "three.py")
        renamed = revision()
        assert renamed != shifted
        write(tmp_path, sub__two="bc")
        assert revision() != renamed

    def test_taken_name_gets_a_number(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="class Plugin: pass\n")
        other = NamespaceFinder()
        with finder.open("p", root) as first, other.open("p", root) as second, finder.open("p", root) as third:
            assert second.name == first.name + "_2"
            assert third.name == first.name + "_3"
            classes = {value(namespace, "plugin:Plugin") for namespace in (first, second, third)}
            assert len(classes) == 3
            second.close()
            # the neighbours whose names begin alike are untouched
            assert first.name + ".plugin" in sys.modules
            assert third.name + ".plugin" in sys.modules
            with other.open("p", root) as again:
                assert again.name == second.name


class TestImports:
    def test_relative_imports_subpackages_and_lazy_imports(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            init="ORDER = ['package']\n",
            config="from . import ORDER\nORDER.append('config')\nX = 7\n",
            data__init="NAME = 'data'\n",
            data__table="from ..config import X\nROWS = X + 1\n",
            bare__deep="from ..data import table\nROWS = table.ROWS\n",
            late="LATE = 'late'\n",
            plugin="""
                from . import data, ORDER
                from .config import X
                from .data.table import ROWS
                from .bare.deep import ROWS as DEEP

                def lazy():
                    from .late import LATE
                    from . import late
                    return LATE, late.__name__
            """,
        )
        with finder.open("p", root) as namespace:
            package = namespace.import_module("")
            assert package is sys.modules[namespace.name]
            assert value(namespace, ":ORDER") == ["package"]
            plugin = namespace.import_module("plugin")
            assert plugin.__name__ == f"{namespace.name}.plugin"
            assert (plugin.X, plugin.ROWS, plugin.DEEP, plugin.data.NAME) == (7, 8, 8, "data")
            assert plugin.ORDER == ["package", "config"]
            assert namespace.import_module("plugin") is plugin
            assert f"{namespace.name}.late" not in sys.modules
            assert plugin.lazy() == ("late", f"{namespace.name}.late")
            assert str(root) not in sys.path

    def test_package_without_init_has_no_file(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        with finder.open("p", write(tmp_path, bare__deep="")) as namespace:
            for package in (namespace.import_module(""), namespace.import_module("bare")):
                assert not hasattr(package, "__file__")
                assert package.__path__

    def test_import_beyond_the_package_is_refused(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        write(tmp_path, neighbour="X = 1\n")
        root = write(tmp_path / "p", plugin="from .. import neighbour\n")
        with finder.open("p", root) as namespace, pytest.raises(PluginImportError, match="beyond top-level"):
            namespace.import_module("plugin")

    def test_sibling_is_not_importable_from_elsewhere(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, config_of_the_test="", plugin="import config_of_the_test\n")
        with finder.open("p", root) as namespace:
            namespace.import_module("plugin")
            with pytest.raises(ModuleNotFoundError):
                importlib.import_module("config_of_the_test")

    def test_data_files_are_reachable(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        code = """
            import pkgutil
            from importlib.resources import files
            from pathlib import Path

            def by_resources():
                return files(__package__).joinpath("table.csv").read_text()

            def by_file():
                return Path(__file__).with_name("table.csv").read_text()

            def by_pkgutil():
                return pkgutil.get_data(__package__, "table.csv").decode()
        """
        root = write(tmp_path, plugin=code, full__init="", full__code=code, bare__code=code)
        for folder in (root, root / "full", root / "bare"):
            (folder / "table.csv").write_text(folder.name)
        with finder.open("p", root) as namespace:
            for module, folder in (("plugin", root), ("full.code", root / "full"), ("bare.code", root / "bare")):
                assert value(namespace, f"{module}:by_resources")() == folder.name
                assert value(namespace, f"{module}:by_file")() == folder.name
            assert value(namespace, "full.code:by_pkgutil")() == "full"

    def test_extension_module_is_imported(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        for name in ("_bisect", "_heapq", "_json", "_struct", "_opcode"):
            spec = importlib.util.find_spec(name)
            if spec and spec.origin and spec.origin.endswith(tuple(EXTENSION_SUFFIXES)):
                break
        else:
            pytest.skip("this interpreter has its extension modules built in")
        root = write(tmp_path, plugin=f"from . import {name} as fast\n")
        shutil.copy(spec.origin, tmp_path)
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the extension comes first')\n")
        with finder.open("p", root) as namespace:
            fast = namespace.import_module("plugin").fast
            assert fast.__name__ == f"{namespace.name}.{name}"
            assert Path(fast.__file__).parent == root
            assert fast is not importlib.import_module(name)

    def test_package_comes_before_module_and_module_before_bare_folder(
        self, finder: NamespaceFinder, tmp_path: Path
    ) -> None:
        root = write(tmp_path, one="X = 'module'\n", one__init="X = 'package'\n", two="X = 'module'\n", two__deep="")
        with finder.open("p", root) as namespace:
            assert value(namespace, "one:X") == "package"
            assert value(namespace, "two:X") == "module"

    def test_init_is_no_module_of_its_own(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        with finder.open("p", write(tmp_path, init="X = 1\n")) as namespace, pytest.raises(PluginImportError):
            namespace.import_module("__init__")

    def test_plugin_lists_its_own_modules(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(
            tmp_path, init="import pkgutil\nNAMES = {m.name for m in pkgutil.iter_modules(__path__)}\n", one="", two=""
        )
        with finder.open("p", root) as namespace:
            assert value(namespace, ":NAMES") == {"one", "two"}
        assert str(root) not in sys.path_importer_cache

    def test_importer_cache_of_the_host_is_kept(self, tmp_path: Path) -> None:
        root = write(tmp_path / "p", init="import pkgutil\nlist(pkgutil.iter_modules(__path__))\n")
        host_entry = pkgutil.get_importer(str(root))
        try:
            NamespaceFinder().open("p", root).close()
            assert sys.path_importer_cache[str(root)] is host_entry
        finally:
            del sys.path_importer_cache[str(root)]

    def test_module_may_replace_itself(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            plugin="""
                import sys
                class Facade:
                    X = 5
                sys.modules[__name__] = Facade()
            """,
        )
        with finder.open("p", root) as namespace:
            assert value(namespace, "plugin:X") == 5

    def test_reload_runs_the_same_revision(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        with finder.open("p", write(tmp_path, plugin="X = 'old'\n")) as namespace:
            plugin = namespace.import_module("plugin")
            write(tmp_path, plugin="X = 'new'\n")
            vars(plugin)["X"] = "changed"
            assert importlib.reload(plugin) is plugin
            assert vars(plugin)["X"] == "old"


class TestFreshness:
    @pytest.fixture(autouse=True)
    def _bytecode_is_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "dont_write_bytecode", False)

    def test_edit_of_the_same_size_and_time_is_seen(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        source = write(tmp_path, plugin="X = 1\n") / "plugin.py"
        stat = source.stat()
        py_compile.compile(str(source), doraise=True)
        with finder.open("p", tmp_path) as namespace:
            assert value(namespace, "plugin:X") == 1
        source.write_text("X = 2\n")
        os.utime(source, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        with finder.open("p", tmp_path) as namespace:
            assert value(namespace, "plugin:X") == 2

    def test_hostile_bytecode_does_not_run(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        source = write(tmp_path, plugin="X = 'hostile'\n") / "plugin.py"
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), doraise=True, invalidation_mode=mode)
        py_compile.compile(str(source), cfile=str(tmp_path / "lonely.pyc"), doraise=True)
        source.write_text("X = 'honest'\n")
        with finder.open("p", tmp_path) as namespace:
            assert value(namespace, "plugin:X") == "honest"
            with pytest.raises(PluginImportError):
                namespace.import_module("lonely")

    def test_no_bytecode_is_written(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, init="", plugin="from .sub import deep\n", sub__deep="")
        with finder.open("p", root) as namespace:
            namespace.import_module("plugin")
        assert list(tmp_path.rglob("*.pyc")) == []

    def test_open_revision_keeps_its_code_when_the_folder_changes(
        self, finder: NamespaceFinder, tmp_path: Path
    ) -> None:
        plugin = """
            def lazy():
                from .late import X
                return X

            def later():
                from .gone import X
                return X
        """
        root = write(tmp_path, plugin=plugin, late="X = 'old'\n", gone="X = 'old'\n")
        with finder.open("p", root) as old:
            write(root, late="X = 'new'\n")
            with finder.open("p", root) as new:
                assert value(new, "plugin:lazy")() == "new"
                for namespace, source in ((old, "X = 'old'\n"), (new, "X = 'new'\n")):
                    loader: Any = vars(namespace.import_module("late"))["__loader__"]
                    assert loader.get_source(loader.name) == source
                (root / "gone.py").unlink()
                assert value(old, "plugin:lazy")() == "old"
                assert value(old, "plugin:later")() == "old"
                assert value(new, "plugin:lazy") is not value(old, "plugin:lazy")

    def test_file_added_after_open_is_not_part_of_the_revision(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        with finder.open("p", write(tmp_path, plugin="")) as namespace:
            write(tmp_path, added="X = 1\n")
            with pytest.raises(PluginImportError):
                namespace.import_module("added")

    def test_source_encoding_is_honoured(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        (tmp_path / "plugin.py").write_bytes("# -*- coding: latin-1 -*-\nX = 'é'\n".encode("latin-1"))
        with finder.open("p", tmp_path) as namespace:
            assert value(namespace, "plugin:X") == "é"

    def test_traceback_shows_file_and_line_until_closed(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="\n\ndef fail():\n    raise KeyError('the line')  # marked\n")
        path = str(root / "plugin.py")
        with finder.open("p", root) as namespace:
            with pytest.raises(KeyError) as caught:
                value(namespace, "plugin:fail")()
            text = "".join(traceback.format_exception(caught.value))
            assert f"File \"{path}\", line 4, in fail\n    raise KeyError('the line')  # marked" in text
            assert path in linecache.cache
        assert path not in linecache.cache


class TestLinks:
    def test_links_out_of_the_folder_are_refused(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        outside = write(tmp_path / "outside", shared="X = 1\n", init="X = 1\n")
        root = write(tmp_path / "p", plugin="from . import linked\n", bare__deep="")
        (root / "linked.py").symlink_to(outside / "shared.py")
        (root / "folder").symlink_to(outside)
        (root / "relative.py").symlink_to("../outside/shared.py")
        (root / ("native" + EXTENSION_SUFFIXES[0])).symlink_to(outside / "native.so")
        (root / "bare" / "__init__.py").symlink_to(outside / "shared.py")
        with finder.open("p", root) as namespace:
            for module, link, destination in (
                ("linked", "linked", outside / "shared.py"),
                ("relative", "relative", outside / "shared.py"),
                ("folder", "folder", outside),
                ("folder.shared", "folder", outside),
                ("plugin", "linked", outside / "shared.py"),
                ("native", "native", outside / "native.so"),
                ("bare.deep", "bare", outside / "shared.py"),
            ):
                with pytest.raises(OutsideRootError) as caught:
                    namespace.import_module(module)
                assert (caught.value.module, caught.value.destination) == (link, str(destination))
            assert isinstance(caught.value, LoaderError)
            assert [name for name in sys.modules if name.startswith(namespace.name)] == [namespace.name]

    def test_linked_init_is_refused_at_open(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        outside = write(tmp_path / "outside", init="raise SystemExit\n")
        root = write(tmp_path / "p", plugin="")
        (root / "__init__.py").symlink_to(outside / "__init__.py")
        with pytest.raises(OutsideRootError, match="'__init__' of plugin 'p'"):
            finder.open("p", root)

    def test_link_to_data_beside_a_module_hinders_nothing(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        (tmp_path / "big").mkdir()
        root = write(tmp_path / "p", data="X = 1\n")
        (root / "data").symlink_to(tmp_path / "big")
        with finder.open("p", root) as namespace:
            assert value(namespace, "data:X") == 1

    def test_links_inside_the_folder_work(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path / "real", v1__code="X = 1\n", v2__code="X = 2\n", plugin="from .current.code import X\n")
        (root / "current").symlink_to("v1")
        (root / "again").symlink_to(".")
        (root / "alias.py").symlink_to("v2/code.py")
        (root / "versions-old").mkdir()
        (root / "versions-old" / "code.py").write_text("X = 0\n")
        (root / "old").symlink_to("versions-old")
        (tmp_path / "link").symlink_to(root)
        with finder.open("p", tmp_path / "link" / ".." / "link") as namespace:
            assert namespace.root == root
            assert value(namespace, "plugin:X") == 1
            assert value(namespace, "again.again.v2.code:X") == 2
            assert value(namespace, "alias:X") == 2
            assert value(namespace, "old.code:X") == 0
            before = namespace.revision
        (root / "current").unlink()
        (root / "current").symlink_to("v2")
        with finder.open("p", root) as namespace:
            assert value(namespace, "plugin:X") == 2
            assert namespace.revision != before


class TestEntrypoints:
    def test_resolves_nested_names(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, sub__plugin="class Outer:\n    class Inner:\n        X = 1\n")
        with finder.open("p", root) as namespace:
            assert value(namespace, "sub.plugin:Outer.Inner").__qualname__ == "Outer.Inner"
            assert value(namespace, "sub.plugin:Outer") is value(namespace, "sub.plugin:Outer")

    @pytest.mark.parametrize(
        "text",
        [
            *("", "plugin", "plugin:", "plugin:A.", "plugin:.A", "plugin:A B", "plugin:class", "plugin:A:B"),
            *("../x:A", "a/b:A", "/x:A", "a..b:A", ".a:A", "a.:A", "plugin.py:A-B", "2x:A", "os\0:A", "import:A"),
        ],
    )
    def test_refuses_what_is_no_entrypoint(self, finder: NamespaceFinder, tmp_path: Path, text: str) -> None:
        with finder.open("p", write(tmp_path, plugin="A = 1\n")) as namespace:
            with pytest.raises(EntrypointError) as caught:
                namespace.resolve(text)
            assert caught.value.plugin == "p"
            assert isinstance(caught.value, ValueError)
            assert [name for name in sys.modules if name.startswith(namespace.name)] == [namespace.name]

    def test_error_says_what_is_wrong_with_the_text(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        with finder.open("p", write(tmp_path, plugin="A = 1\n")) as namespace:
            for text, cause in (("plugin.A", "it has no ':'"), ("plugin:a-b", "'a-b' is no name"), ("a b:A", "'a b'")):
                with pytest.raises(
                    EntrypointError, match=f"cannot read entrypoint '.*' of plugin 'p': {cause}.*; write"
                ):
                    namespace.resolve(text)

    def test_refuses_what_is_no_module_name(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        with finder.open("p", write(tmp_path, plugin="")) as namespace:
            for text in ("..plugin", "plugin/..", "a b", "."):
                with pytest.raises(EntrypointError):
                    namespace.import_module(text)

    def test_unknown_name_offers_near_ones(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="class DigitsPlugin:\n    class Config: pass\n    _Konfig = 1\n")
        with finder.open("digits", root) as namespace:
            with pytest.raises(PluginImportError) as caught:
                namespace.resolve("plugin:DigitPlugin")
            assert str(caught.value) == (
                "cannot import 'plugin:DigitPlugin' of plugin 'digits': 'plugin' has no 'DigitPlugin'"
                "; did you mean 'DigitsPlugin'?"
            )
            assert (caught.value.plugin, caught.value.target) == ("digits", "plugin:DigitPlugin")
            assert caught.value.missing is None
            assert isinstance(caught.value.__cause__, AttributeError)
            with pytest.raises(PluginImportError, match=r"'DigitsPlugin' has no 'Konfig'; did you mean 'Config'\?"):
                namespace.resolve("plugin:DigitsPlugin.Konfig")
            with pytest.raises(PluginImportError, match=r"'__init__' has no 'Zebra'$"):
                namespace.resolve(":Zebra")

    def test_failing_module_getattr_is_an_import_error(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="def __getattr__(name):\n    import missing_of_the_test\n")
        with finder.open("p", root) as namespace:
            with pytest.raises(PluginImportError) as caught:
                namespace.resolve("plugin:Lazy")
            assert caught.value.missing == "missing_of_the_test"


class TestFailures:
    def test_failing_module_leaves_nothing_after_close_and_the_fixed_one_runs(
        self, finder: NamespaceFinder, tmp_path: Path
    ) -> None:
        root = write(tmp_path, config="X = 1\n", plugin="from . import config\nY = config.X / 0\n")
        before = process_state()
        namespace = finder.open("p", root)
        with pytest.raises(PluginImportError) as caught:
            namespace.import_module("plugin")
        assert f"{namespace.name}.plugin" not in sys.modules
        namespace.close()
        assert process_state() == before
        assert isinstance(caught.value, LoaderError)
        assert isinstance(caught.value, ImportError)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert (caught.value.plugin, caught.value.target) == ("p", "plugin")
        assert caught.value.cause == "ZeroDivisionError: division by zero"
        assert caught.value.missing is None
        write(root, plugin="from . import config\nY = config.X / 1\n")
        with finder.open("p", root) as fixed:
            assert value(fixed, "plugin:Y") == 1

    @pytest.mark.parametrize("failure", ["1 / 0", "def (", "import missing_of_the_test"])
    def test_failing_init_restores_the_process(self, finder: NamespaceFinder, tmp_path: Path, failure: str) -> None:
        root = write(tmp_path, init=f"from . import config\n{failure}\n", config="X = 1\n")
        before = process_state()
        with pytest.raises(PluginImportError) as caught:
            finder.open("p", root)
        assert caught.value.target == ""
        assert str(caught.value).startswith("cannot import plugin 'p': ")
        assert process_state() == before
        assert finder.namespaces == ()
        write(root, init="from .config import X\n")
        with finder.open("p", root) as fixed:
            assert value(fixed, ":X") == 1

    def test_exit_while_importing_passes_and_restores_the_process(
        self, finder: NamespaceFinder, tmp_path: Path
    ) -> None:
        before = process_state()
        with pytest.raises(SystemExit):
            finder.open("p", write(tmp_path, init="raise SystemExit(3)\n"))
        assert process_state() == before

    def test_failure_of_one_leaves_the_others(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        good = finder.open("good", write(tmp_path / "good", plugin="", late="X = 1\n"))
        with pytest.raises(PluginImportError):
            finder.open("bad", write(tmp_path / "bad", init="1 / 0\n"))
        assert finder.namespaces == (good,)
        assert value(good, "late:X") == 1

    @pytest.mark.parametrize("lie", ["nowhere", "file.txt"])
    def test_folder_that_is_none_is_refused(self, finder: NamespaceFinder, tmp_path: Path, lie: str) -> None:
        (tmp_path / "file.txt").write_text("")
        with pytest.raises(PluginImportError, match=f"cannot import plugin 'p': cannot read '.*{lie}'") as caught:
            finder.open("p", tmp_path / lie)
        assert isinstance(caught.value.__cause__, OSError)

    def test_missing_third_party_module_is_named(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(
            tmp_path,
            direct="import missing_of_the_test.sub\n",
            nested="from . import direct\n",
            explained="""
                try:
                    import missing_of_the_test
                except ImportError as error:
                    raise RuntimeError("see the handbook") from error
            """,
            handled="try:\n    import missing_of_the_test\nexcept ImportError:\n    1 / 0\n",
            circular="error = ValueError('own cause')\nraise error from error\n",
        )
        with finder.open("p", root) as namespace:
            for module, missing in (
                ("direct", "missing_of_the_test"),
                ("nested", "missing_of_the_test"),
                ("explained", "missing_of_the_test"),
                ("handled", None),
                ("circular", None),
            ):
                with pytest.raises(PluginImportError) as caught:
                    namespace.import_module(module)
                assert caught.value.missing == missing

    def test_missing_module_of_the_plugin_is_not_offered_for_installation(
        self, finder: NamespaceFinder, tmp_path: Path
    ) -> None:
        root = write(
            tmp_path, plugin="from .confg import X\n", bare="__import__('settings')\n", settings="", sub__config=""
        )
        with finder.open("p", root) as namespace:
            with pytest.raises(PluginImportError) as caught:
                namespace.import_module("sub.confg")
            assert caught.value.missing is None
            assert str(caught.value) == (
                "cannot import 'sub.confg' of plugin 'p': ModuleNotFoundError: No module named '.sub.confg'"
                "; did you mean 'sub.config'?"
            )
            with pytest.raises(PluginImportError, match=r"No module named '\.confg'") as caught:
                namespace.import_module("plugin")
            assert caught.value.missing is None
            with pytest.raises(PluginImportError, match=r"; 'settings' is .*, or as '\.settings' relative") as caught:
                namespace.import_module("bare")
            assert caught.value.missing is None

    def test_optional_own_module_can_be_asked_for(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        code = "try:\n    from . import speedups\nexcept ImportError as error:\n    speedups = type(error).__name__\n"
        with finder.open("p", write(tmp_path, plugin=code)) as namespace:
            assert value(namespace, "plugin:speedups") == "ImportError"

    @pytest.mark.parametrize(
        "error",
        [
            PluginImportError("p", "plugin", "cause", "remedy", "torch"),
            EntrypointError("p", "a b", "cause"),
            OutsideRootError("p", "sub/link", "/elsewhere"),
            NamespaceClosedError("p", "plugin"),
            NamespaceClosedError("p", ""),
        ],
        ids=lambda error: type(error).__name__,
    )
    def test_errors_pickle_with_their_facts(self, error: LoaderError) -> None:
        again = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(again) is type(error)
        assert vars(again) == vars(error)
        assert str(again) == str(error)
        assert str(error).startswith("cannot ")
        assert "'p'" in str(error)


class TestClose:
    def test_close_removes_exactly_its_own(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, init="", plugin="from . import sub\nfrom .sub import deep\n", sub__deep="")
        before = process_state()
        namespace = finder.open("p", root)
        stranger = types.ModuleType(namespace.name + "x")
        sys.modules[stranger.__name__] = stranger
        try:
            namespace.import_module("plugin")
            assert finder in sys.meta_path
            assert namespace in finder.namespaces
            namespace.close()
            assert sys.modules[stranger.__name__] is stranger
        finally:
            del sys.modules[stranger.__name__]
        assert process_state() == before
        assert finder.namespaces == ()

    def test_close_is_idempotent_and_spares_a_successor(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="X = 1\n")
        first = finder.open("p", root)
        first.close()
        with finder.open("p", root) as second:
            assert second.name == first.name
            plugin = second.import_module("plugin")
            first.close()
            assert sys.modules[second.name + ".plugin"] is plugin
            assert finder.namespaces == (second,)
            with pytest.raises(NamespaceClosedError):
                first.import_module("plugin")
            assert sys.modules[second.name + ".plugin"] is plugin

    def test_finder_stays_while_one_namespace_is_open(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        one = finder.open("one", write(tmp_path / "one", plugin=""))
        two = finder.open("two", write(tmp_path / "two", plugin=""))
        assert sys.meta_path.count(finder) == 1
        one.close()
        assert sys.meta_path[0] is finder
        two.close()
        assert finder not in sys.meta_path

    def test_closed_namespace_refuses_by_name(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="def lazy():\n    from . import late\n", late="")
        namespace = finder.open("p", root)
        lazy = value(namespace, "plugin:lazy")
        namespace.close()
        with pytest.raises(NamespaceClosedError, match="cannot import 'late' of plugin 'p': its namespace is closed"):
            namespace.import_module("late")
        with pytest.raises(NamespaceClosedError):
            namespace.resolve("plugin:lazy")
        with pytest.raises(ModuleNotFoundError):
            lazy()
        assert "closed" in repr(namespace)

    def test_finder_answers_only_for_its_own(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        other = NamespaceFinder()
        root = write(tmp_path, plugin="")
        with finder.open("p", root) as mine, other.open("p", root) as theirs:
            assert finder.find_spec(f"{mine.name}.plugin", None) is not None
            assert finder.find_spec(f"{theirs.name}.plugin", None) is None
            assert finder.find_spec("json", None) is None
            with pytest.raises(ModuleNotFoundError):
                finder.find_spec(f"{mine.name}.nothing", None)

    def test_import_under_way_in_a_finder_skips_none_when_one_leaves(
        self, finder: NamespaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path / "host", innocent_module="X = 1\n")
        monkeypatch.syspath_prepend(tmp_path / "host")
        namespace = finder.open("p", write(tmp_path / "p", plugin=""))

        class Closing:
            def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> ModuleSpec | None:
                namespace.close()
                return None

        closing: Any = Closing()
        sys.meta_path.insert(sys.meta_path.index(PathFinder), closing)
        try:
            assert importlib.import_module("innocent_module").X == 1
        finally:
            sys.meta_path.remove(closing)
            sys.modules.pop("innocent_module", None)
            monkeypatch.undo()
            for path in [path for path in sys.path_importer_cache if path.startswith(str(tmp_path))]:
                del sys.path_importer_cache[path]


RICH_PLUGIN = """
    import enum
    from dataclasses import dataclass
    from typing import Generic, Optional, TypeVar, Union

    from pydantic import BaseModel, field_validator
    from host_of_the_test import HostAction, HostPage

    T = TypeVar("T")

    class Color(enum.Enum):
        RED = 1

    class Params(BaseModel):
        size: int = 1
        color: Optional[Color] = None
        children: "list[Params]" = []

        @field_validator("size")
        @classmethod
        def check(cls, size: int) -> int:
            return size

    class Page(BaseModel, Generic[T]):
        item: T

    @dataclass(frozen=True, slots=True)
    class Point:
        x: Union[int, Color]

    class Box(Generic[T]):
        pass

    class Digits(HostAction[Params]):
        box: Box[Params]
        page: "Page[Params]"
        nested: HostPage[HostPage[list[Params]]]

        def execute(self) -> Params:
            from .late import shout
            shout()
            return Page[Params](item=Params(size=2, children=[Params()])).item

    CLASSES = [Color, Params, Page, Page[Params], HostPage[Params], Point, Box, Digits]
    ALIAS = Box[Digits]
"""


class TestObjects:
    def test_nothing_survives_a_hundred_cycles(
        self, finder: NamespaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host = types.ModuleType("host_of_the_test")
        host.__dict__.update(HostAction=HostAction, HostPage=HostPage)
        host_page = HostPage[int]
        monkeypatch.setitem(sys.modules, host.__name__, host)
        late = "def shout():\n    pass\ndef fail():\n    raise ValueError\n"
        root = write(tmp_path, init="from .plugin import Digits\n", plugin=RICH_PLUGIN, late=late)
        alive: list[weakref.ref[Any]] = []

        def cycle() -> None:
            with finder.open("rich", root) as namespace:
                digits = value(namespace, "plugin:Digits")()
                assert digits.execute().size == 2
                assert isinstance(digits, HostAction)
                with pytest.raises(ValueError) as caught:  # noqa: PT011
                    value(namespace, "late:fail")()
                traceback.format_exception(caught.value)
                alive.extend(weakref.ref(found) for found in value(namespace, "plugin:CLASSES"))
                own = [module for name, module in sys.modules.items() if name.startswith(namespace.name)]
                assert len(own) == 3
                alive.extend(map(weakref.ref, own))

        cycle()  # the first imports what the plugin needs from elsewhere
        before = process_state()
        for _ in range(100):
            cycle()
        assert process_state() == before
        for _ in range(3):
            gc.collect()  # some weak caches of pydantic let go of their keys only after a first collection
        assert len(alive) == 101 * 11
        assert [ref() for ref in alive if ref() is not None] == []
        assert HostPage[int] is host_page  # what is the host's own stays cached

    def test_models_of_the_host_keep_no_trace_of_the_plugin(
        self, finder: NamespaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        host = types.ModuleType("host_of_the_test")
        host.__dict__["HostPage"] = HostPage
        monkeypatch.setitem(sys.modules, host.__name__, host)
        code = """
            from pydantic import BaseModel
            from host_of_the_test import HostPage
            class Params(BaseModel):
                def method(self): pass
            PAGE = HostPage[Params]
        """
        before = set(globals())
        with finder.open("p", write(tmp_path, plugin=code)) as namespace:
            page = weakref.ref(value(namespace, "plugin:PAGE"))
        assert set(globals()) == before
        gc.collect()
        assert page() is None

    def test_instances_pickle_and_copy_while_open(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        code = """
            import enum
            from dataclasses import dataclass
            class Color(enum.Enum):
                RED = 1
            @dataclass
            class Point:
                x: int
                color: Color = Color.RED
                class Inner:
                    pass
        """
        with finder.open("p", write(tmp_path, plugin=code)) as namespace:
            point = value(namespace, "plugin:Point")(3)
            data = pickle.dumps(point)
            again = pickle.loads(data)  # noqa: S301
            assert again == point
            assert type(again) is type(point)
            assert again.color is point.color
            assert type(copy.deepcopy(point)) is type(point)
            assert pickle.loads(pickle.dumps(type(point).Inner)) is type(point).Inner  # noqa: S301
        with pytest.raises(ModuleNotFoundError):
            pickle.loads(data)  # noqa: S301
        with finder.open("p", tmp_path) as namespace:
            assert type(pickle.loads(data)) is value(namespace, "plugin:Point")  # noqa: S301

    def test_revisions_and_finders_have_classes_of_their_own(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="class Plugin:\n    VERSION = 1\n")
        with finder.open("p", root) as old, NamespaceFinder().open("p", root) as twin:
            write(root, plugin="class Plugin:\n    VERSION = 2\n")
            with finder.open("p", root) as new:
                classes = [value(namespace, "plugin:Plugin") for namespace in (old, twin, new)]
                assert [found.VERSION for found in classes] == [1, 1, 2]
                assert len(set(classes)) == 3
                for found in classes:
                    assert type(pickle.loads(pickle.dumps(found()))) is found  # noqa: S301
                assert not isinstance(classes[0](), classes[1])


class TestThreads:
    @pytest.fixture(autouse=True)
    def _threads_change_often(self) -> Iterator[None]:
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        yield
        sys.setswitchinterval(interval)

    def test_same_layout_in_eight_threads(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        rounds, barrier = 25, threading.Barrier(8)
        finders = [finder] * 4 + [NamespaceFinder() for _ in range(4)]
        for number in range(8):
            write(
                tmp_path / str(number),
                init="",
                config=f"NUMBER = {number}\n",
                sub__late="from ..config import NUMBER\n",
                plugin="""
                    from .config import NUMBER
                    class Plugin:
                        number = NUMBER
                        def late(self):
                            from .sub.late import NUMBER
                            return NUMBER
                """,
            )
        before = process_state()

        def work(number: int) -> Callable[[], None]:
            def run() -> None:
                barrier.wait(60)
                for _ in range(rounds):
                    with finders[number].open("same", tmp_path / str(number)) as namespace:
                        plugin = value(namespace, "plugin:Plugin")()
                        assert (plugin.number, plugin.late()) == (number, number)
                        assert type(plugin).__module__ == f"{namespace.name}.plugin"
                        assert type(pickle.loads(pickle.dumps(plugin))) is type(plugin)  # noqa: S301

            return run

        run_in_threads(*map(work, range(8)))
        assert process_state() == before

    def test_same_folder_in_eight_threads(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="class Plugin: pass\n")
        barrier = threading.Barrier(8)
        found: list[Any] = []

        def run(own: NamespaceFinder) -> None:
            barrier.wait(60)
            namespace = own.open("p", root)
            found.append(value(namespace, "plugin:Plugin"))
            barrier.wait(60)
            namespace.close()

        before = process_state()
        for _ in range(10):
            found.clear()
            run_in_threads(*(lambda own=own: run(own) for own in (*[finder] * 4, *[NamespaceFinder()] * 4)))
            assert len(set(found)) == 8
            assert len({each.__module__ for each in found}) == 8
        assert process_state() == before

    def test_finders_come_and_go_at_once(self, tmp_path: Path) -> None:
        root, barrier = write(tmp_path, init=""), threading.Barrier(8)
        before = process_state()

        def run() -> None:
            finder = NamespaceFinder()
            barrier.wait(60)
            for _ in range(400):
                namespace = finder.open("p", root)
                assert finder in sys.meta_path
                namespace.close()
                assert finder not in sys.meta_path

        run_in_threads(*[run] * 8)
        assert process_state() == before

    def test_open_within_an_open_gets_another_name(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, plugin="")
        inner: list[ModuleNamespace] = []

        def trace(frame: types.FrameType, event: str, argument: object) -> None:
            # the outer one has chosen its name, and has not put its package there yet
            if isinstance(frame.f_locals.get("self"), ModuleNamespace) and not inner:
                inner.append(NamespaceFinder().open("p", root))

        def run() -> None:
            sys.settrace(trace)
            try:
                outer = finder.open("p", root)
            finally:
                sys.settrace(None)
            assert inner[0].name == f"{outer.name}_2"
            assert outer.import_module("plugin") is not inner[0].import_module("plugin")
            inner[0].close()

        run_in_threads(run)

    def test_one_module_asked_for_by_eight_threads_runs_once(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, init="RUNS = []\n", plugin="from . import RUNS\nRUNS.append(1)\nclass Plugin: pass\n")
        barrier, found = threading.Barrier(8), list[Any]()
        with finder.open("p", root) as namespace:

            def run() -> None:
                barrier.wait(60)
                found.append(value(namespace, "plugin:Plugin"))

            run_in_threads(*[run] * 8)
            assert len(set(found)) == 1
            assert value(namespace, ":RUNS") == [1]

    def test_others_work_while_plugin_code_runs(self, finder: NamespaceFinder, tmp_path: Path, gate: Gate) -> None:
        stopping = "import gate_of_the_test\ngate_of_the_test.stop()\n"
        slow_root = write(tmp_path / "slow", init=stopping)
        quick_root = write(tmp_path / "quick", plugin="X = 1\n")

        def slow() -> None:
            finder.open("slow", slow_root).close()

        def quick() -> None:
            assert gate.reached.wait(60)
            try:
                for own in (finder, NamespaceFinder()):
                    with own.open("quick", quick_root) as namespace:
                        assert value(namespace, "plugin:X") == 1
            except BaseException:
                gate.opened.set()
                raise
            gate.opened.set()

        run_in_threads(slow, quick)

    @pytest.mark.parametrize("module", ["", "plugin"])
    def test_close_while_a_module_runs_stops_the_import(
        self, finder: NamespaceFinder, tmp_path: Path, gate: Gate, module: str
    ) -> None:
        stopping = "import gate_of_the_test\nfrom . import config\ngate_of_the_test.stop()\n"
        root = write(tmp_path, config="", **{module or "init": stopping})
        before = process_state()

        def load() -> None:
            with pytest.raises(NamespaceClosedError) as caught:
                finder.open("p", root).import_module(module)
            assert caught.value.target == module

        run_in_threads(load, lambda: close_behind(gate, finder))
        assert process_state() == before

    def test_close_while_a_lazy_import_runs_stops_it(self, finder: NamespaceFinder, tmp_path: Path, gate: Gate) -> None:
        stopping = "import gate_of_the_test\ngate_of_the_test.stop()\n"
        root = write(tmp_path, late=stopping, plugin="def lazy():\n    from . import late\n")
        before = process_state()
        lazy = value(finder.open("p", root), "plugin:lazy")

        def load() -> None:
            with pytest.raises(NamespaceClosedError, match="cannot import 'late' of plugin 'p'"):
                lazy()

        run_in_threads(load, lambda: close_behind(gate, finder))
        assert process_state() == before

    @pytest.mark.parametrize("module", ["", "plugin"])
    def test_close_before_a_found_module_runs_stops_the_import(
        self, finder: NamespaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
    ) -> None:
        ran: list[str] = []
        host = types.ModuleType("host_of_the_test")
        host.__dict__["ran"] = ran
        monkeypatch.setitem(sys.modules, host.__name__, host)
        root = write(tmp_path, **{module or "init": "from host_of_the_test import ran\nran.append(__name__)\n"})
        before = process_state()

        def trace(frame: types.FrameType, event: str, argument: object) -> Any:
            # the spec is found, and the module is about to be made of it
            if frame.f_code.co_name == "module_from_spec":
                for namespace in finder.namespaces:
                    if frame.f_locals["spec"].name.startswith(namespace.name):
                        namespace.close()

        def load() -> None:
            namespace = finder.open("p", root) if module else None
            sys.settrace(trace)
            try:
                with pytest.raises(NamespaceClosedError):
                    namespace.import_module(module) if namespace else finder.open("p", root)
            finally:
                sys.settrace(None)

        run_in_threads(load)
        assert ran == []
        assert process_state() == before

    def test_close_between_the_last_two_steps_of_an_import_leaves_nothing(
        self, finder: NamespaceFinder, tmp_path: Path
    ) -> None:
        namespace = finder.open("p", write(tmp_path, init="", plugin="DONE = True\n"))
        target, windows = f"{namespace.name}.plugin", list[str]()

        def trace(frame: types.FrameType, event: str, argument: object) -> Any:
            if frame.f_code.co_name != "_load_unlocked":
                return None
            module = frame.f_locals.get("module")
            # importlib has popped the finished module, and is about to put it back
            if getattr(module, "DONE", False) and target not in sys.modules and not windows:
                windows.append(target)
                namespace.close()
            return trace

        def load() -> None:
            sys.settrace(trace)
            try:
                with pytest.raises(NamespaceClosedError):
                    namespace.import_module("plugin")
            finally:
                sys.settrace(None)

        run_in_threads(load)
        assert windows == [target]
        assert [name for name in sys.modules if name.startswith(namespace.name)] == []

    def test_plugin_may_close_itself_and_open_others_while_imported(
        self, finder: NamespaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inner_root = write(tmp_path / "inner", plugin="X = 1\n")
        host = types.ModuleType("host_of_the_test")
        host.__dict__.update(finder=finder, inner_root=inner_root)
        monkeypatch.setitem(sys.modules, host.__name__, host)
        code = """
            from host_of_the_test import finder, inner_root
            with finder.open("inner", inner_root) as inner:
                X = inner.resolve("plugin:X")
            [own] = finder.namespaces
            own.close()
        """
        namespace = finder.open("outer", write(tmp_path / "outer", plugin=code))
        with pytest.raises(NamespaceClosedError, match="'outer'"):
            namespace.import_module("plugin")
        assert finder.namespaces == ()
