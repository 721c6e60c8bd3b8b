"""Modules of a plugin's folder that import each other absolutely, as scaffolds write them."""

from __future__ import annotations

import ast
import builtins
import gc
import importlib
import inspect
import linecache
import os
import pickle
import subprocess
import sys
import threading
import traceback
import weakref
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugbus.loaders import (
    ModuleNamespace,
    NamespaceClosedError,
    NamespaceFinder,
    OutsideRootError,
    PluginImportError,
    run_plugin,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return root


def process_state() -> tuple[object, ...]:
    return (
        set(sys.modules),
        list(sys.meta_path),
        list(sys.path),
        set(sys.path_importer_cache),
        builtins.__import__,
    )


@pytest.fixture
def finder(tmp_path: Path) -> Iterator[NamespaceFinder]:
    """Give a finder, close what the test left open, and check that the process is as before."""
    modules, before = set(sys.modules), (list(sys.meta_path), list(sys.path), builtins.__import__)
    finder = NamespaceFinder()
    yield finder
    for namespace in finder.namespaces:
        namespace.close()
    assert (sys.meta_path, sys.path, builtins.__import__) == before
    added = set(sys.modules) - modules
    assert not [name for name in added if name.startswith("plugbus_plugin_") or name.partition(".")[0] == "plugin"]
    inside = [*sys.path_importer_cache, *linecache.cache]
    assert [path for path in inside if path.startswith(str(tmp_path)) and "site-packages" not in path] == []


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder of modules that the process finds by their plain names."""
    site = tmp_path / "site-packages"
    site.mkdir()
    modules, cached = set(sys.modules), set(sys.path_importer_cache)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(site)])
        patch.setattr(sys, "dont_write_bytecode", True)
        importlib.invalidate_caches()
        yield site
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(site)):
            del sys.modules[name]
    for path in set(sys.path_importer_cache) - cached:
        del sys.path_importer_cache[path]


SCAFFOLD = {
    "plugin/__init__.py": "",
    "plugin/utils.py": "WHO = {who!r}\nclass Tool:\n    pass\n",
    "plugin/sub/__init__.py": "from plugin.utils import WHO\n",
    "plugin/sub/deep.py": "import plugin.utils\nDEEP = plugin.utils.WHO\n",
    "plugin/late.py": "from plugin.utils import WHO\n",
    "plugin/main.py": """
        from plugin.utils import Tool, WHO
        import plugin.sub as s
        import plugin.sub.deep

        def who():
            def inner():
                from plugin.late import WHO
                return WHO
            return [WHO, s.WHO, plugin.sub.deep.DEEP, inner()]
        """,
}


def scaffold(root: Path, who: str) -> Path:
    return write(root, {name: text.replace("{who!r}", repr(who)) for name, text in SCAFFOLD.items()})


class TestTwoPluginsThatCallTheirPackagePlugin:
    def test_each_sees_its_own_modules(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        cats, dogs = scaffold(tmp_path / "cats", "cats"), scaffold(tmp_path / "dogs", "dogs")
        with finder.open("cats", cats) as first, finder.open("dogs", dogs) as second:
            mine: Any = first.resolve("plugin.main:who")
            theirs: Any = second.resolve("plugin.main:who")
            assert theirs() == ["dogs"] * 4
            assert mine() == ["cats"] * 4
            assert first.resolve("plugin.main:Tool") is first.resolve("plugin.utils:Tool")
            assert first.resolve("plugin.main:Tool") is not second.resolve("plugin.main:Tool")
            assert not [name for name in sys.modules if name.partition(".")[0] == "plugin"]

    def test_a_new_revision_does_not_see_modules_of_the_old_one(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = scaffold(tmp_path, "old")
        with finder.open("p", root) as old:
            was: Any = old.resolve("plugin.main:who")
            scaffold(tmp_path, "new")
            with finder.open("p", root) as new:
                now: Any = new.resolve("plugin.main:who")
                assert now() == ["new"] * 4
                assert was() == ["old"] * 4  # also what it imports only now

    def test_reload_keeps_to_the_own_names(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        with finder.open("p", scaffold(tmp_path, "own")) as namespace:
            module = namespace.import_module("plugin.main")
            del module.__dict__["WHO"], module.__dict__["plugin"]
            again: Any = importlib.reload(module)
            assert again.who() == ["own"] * 4

    def test_objects_pickle_by_the_private_name(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        with finder.open("cats", scaffold(tmp_path / "a", "a")) as one, finder.open("b", scaffold(tmp_path / "b", "b")):
            tool: Any = one.resolve("plugin.main:Tool")
            assert tool.__module__ == f"{one.name}.plugin.utils"
            assert type(pickle.loads(pickle.dumps(tool()))) is tool  # noqa: S301

    def test_threads_import_lazily_side_by_side(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        names = ["a", "b", "c", "d"]
        spaces = [finder.open(name, scaffold(tmp_path / name, name)) for name in names]
        start, seen = threading.Barrier(len(names)), dict[str, Any]()

        def work(name: str, namespace: ModuleNamespace) -> None:
            start.wait(60)
            who: Any = namespace.resolve("plugin.main:who")
            seen[name] = who()

        threads = [threading.Thread(target=work, args=pair) for pair in zip(names, spaces, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert seen == {name: [name] * 4 for name in names}

    def test_nothing_is_left_after_unloading(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = scaffold(tmp_path, "p")
        before = process_state()
        alive: list[weakref.ref[Any]] = []
        for _ in range(20):
            with finder.open("p", root) as namespace:
                who: Any = namespace.resolve("plugin.main:who")
                who()
                alive += [weakref.ref(one) for one in (namespace, who, namespace.resolve("plugin.utils:Tool"))]
            del who, namespace
        assert process_state() == before
        gc.collect()
        assert [ref() for ref in alive if ref() is not None] == []

    def test_a_lazy_import_after_unloading_finds_nothing(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        namespace = finder.open("p", scaffold(tmp_path, "p"))
        who: Any = namespace.resolve("plugin.main:who")
        namespace.close()
        with pytest.raises((ModuleNotFoundError, NamespaceClosedError)):
            who()

    def test_their_actions_run_side_by_side(self, tmp_path: Path) -> None:
        for name in ("cats", "dogs"):
            write(
                tmp_path / name,
                {
                    "config.yaml": f"""
                        name: {name}
                        code: {name}
                        version: "1.0.0"
                        category: custom
                        actions:
                          tell: {{entrypoint: "plugin.main:TellAction"}}
                        """,
                    "plugin/__init__.py": "",
                    "plugin/utils.py": f"WHO = '{name}'\n",
                    "plugin/main.py": """
                        from pydantic import BaseModel
                        from plugbus.capabilities import BaseAction
                        from plugin.utils import WHO

                        class Params(BaseModel):
                            pass

                        class TellAction(BaseAction[Params]):
                            def execute(self):
                                return {"who": WHO}
                        """,
                },
            )
        assert [run_plugin(tmp_path / name, "tell") for name in ("cats", "dogs", "cats")] == [
            {"who": "cats"},
            {"who": "dogs"},
            {"who": "cats"},
        ]


class TestForms:
    """Every way to write an import, at module level and in functions."""

    FORMS = (
        ("import toolbox", "toolbox.kit.X"),
        ("import toolbox as t", "t.kit.X"),
        ("import toolbox.kit", "toolbox.kit.X"),
        ("import toolbox.kit as k", "k.X"),
        ("import toolbox.sub.deep", "toolbox.sub.deep.X"),
        ("import toolbox.sub.deep as d", "d.X"),
        ("import json, toolbox.kit, os.path as p", "toolbox.kit.X + len(json.dumps(p.sep)) - 3"),
        ("import json, \\\n    toolbox.kit", "toolbox.kit.X"),
        ("import toolbox.kit; import toolbox.sub", "toolbox.kit.X"),
        ("from toolbox import kit", "kit.X"),
        ("from toolbox import kit as k", "k.X"),
        ("from toolbox.kit import X", "X"),
        ("from toolbox.kit import (\n    X as Y,\n)", "Y"),
        ("from \\\n  toolbox.kit import X", "X"),
        ("from toolbox.sub import deep", "deep.X"),
        ("from toolbox.sub.deep import X", "X"),
        ("from . import toolbox", "toolbox.kit.X"),
        ("from .toolbox.kit import X", "X"),
        ("try:\n    import nothing_of_the_test\nexcept ImportError:\n    import toolbox.kit", "toolbox.kit.X"),
        ("match 1:\n    case 1:\n        import toolbox.kit", "toolbox.kit.X"),
        ("for _ in ():\n    pass\nelse:\n    with open(__file__):\n        from toolbox.kit import X", "X"),
        ("try:\n    pass\nfinally:\n    import toolbox.kit as k", "k.X"),
    )

    @pytest.fixture
    def toolbox(self, tmp_path: Path) -> Path:
        files = {"__init__.py": "from toolbox import kit\n", "kit.py": "X = 7\n", "sub/__init__.py": ""}
        deep = {"sub/deep.py": "from toolbox.kit import X\n"}
        return write(tmp_path, {f"toolbox/{name}": text for name, text in {**files, **deep}.items()})

    @pytest.mark.parametrize(("statement", "expression"), FORMS, ids=[one for one, _ in FORMS])
    def test_at_module_level_and_in_nested_functions(
        self, finder: NamespaceFinder, toolbox: Path, statement: str, expression: str
    ) -> None:
        inner = "\n".join(f"            {line}" for line in statement.splitlines())
        nested = f"class C:\n    def f(self):\n        def g():\n{inner}\n            return {expression}\n"
        (toolbox / "flat.py").write_text(f"{statement}\nRESULT = {expression}\n")
        (toolbox / "nested.py").write_text(f"{nested}        return g()\n")
        with finder.open("p", toolbox) as namespace:
            assert namespace.resolve("flat:RESULT") == 7
            found: Any = namespace.resolve("nested:C")
            assert found().f() == 7

    def test_it_binds_what_an_import_binds_and_no_more(self, finder: NamespaceFinder, toolbox: Path) -> None:
        write(toolbox, {"flat.py": "import toolbox.sub.deep, toolbox.kit as k\n"})
        with finder.open("p", toolbox) as namespace:
            module = namespace.import_module("flat")
            assert {name for name in vars(module) if not name.startswith("__")} == {"toolbox", "k"}
            assert vars(module)["toolbox"] is namespace.import_module("toolbox")
            assert vars(module)["k"] is namespace.import_module("toolbox.kit")

    def test_global_and_nonlocal_names_are_kept(self, finder: NamespaceFinder, toolbox: Path) -> None:
        code = """
            def f():
                global toolbox
                import toolbox.kit
            def g():
                toolbox = None
                def h():
                    nonlocal toolbox
                    import toolbox.sub.deep
                h()
                return toolbox
            """
        with finder.open("p", write(toolbox, {"flat.py": code})) as namespace:
            module: Any = namespace.import_module("flat")
            module.f()
            assert module.toolbox is module.g() is namespace.import_module("toolbox")

    def test_star(self, finder: NamespaceFinder, toolbox: Path) -> None:
        write(
            toolbox, {"toolbox/star.py": "__all__ = ['A']\nA = 1\nB = 2\n", "flat.py": "from toolbox.star import *\n"}
        )
        with finder.open("p", toolbox) as namespace:
            module = namespace.import_module("flat")
            assert vars(module)["A"] == 1
            assert "B" not in vars(module)

    def test_what_is_imported_for_type_checkers_alone_is_not_imported(
        self, finder: NamespaceFinder, toolbox: Path
    ) -> None:
        code = """
            from __future__ import annotations
            from typing import TYPE_CHECKING
            if TYPE_CHECKING:
                from toolbox.boom import Boom
                import toolbox.boom
            def f(boom: Boom) -> toolbox.boom.Boom: ...
            """
        with finder.open("p", write(toolbox, {"flat.py": code, "toolbox/boom.py": "1 / 0\n"})) as namespace:
            found: Any = namespace.resolve("flat:f")
            assert found.__annotations__ == {"boom": "Boom", "return": "toolbox.boom.Boom"}

    def test_circles_close(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        files = {
            "ring/__init__.py": "import ring.a\nimport ring.b as b\nfrom ring import a\nDONE = ring.a.A + b.B\n",
            "ring/a.py": "import ring.b\nfrom ring import b\nA = 1\ndef late():\n    return ring.b.B + b.B\n",
            "ring/b.py": "import ring.a\nimport ring\nB = 2\ndef late():\n    return ring.a.A\n",
            "flat.py": "import ring\nfrom ring.a import late\n",
        }
        with finder.open("p", write(tmp_path, files)) as namespace:
            late: Any = namespace.resolve("flat:late")
            assert (namespace.resolve("ring:DONE"), late()) == (3, 4)

    def test_the_folders_own_name_where_it_is_a_package(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        files = {
            "__init__.py": "",
            "kit.py": "X = 7\n",
            "sub/__init__.py": "",
            "sub/deep.py": "from yolo_of_the_test.kit import X\n",
            "flat.py": """
                import yolo_of_the_test
                import yolo_of_the_test.kit
                import yolo_of_the_test.sub.deep as d
                from yolo_of_the_test import kit
                RESULT = [yolo_of_the_test.kit.X, d.X, kit.X]
                """,
        }
        root = write(tmp_path / "yolo_of_the_test", files)
        with finder.open("p", root) as namespace:
            assert namespace.resolve("flat:RESULT") == [7, 7, 7]
            assert vars(namespace.import_module("flat"))["yolo_of_the_test"] is namespace.import_module("")
        (root / "__init__.py").unlink()
        with finder.open("p", root) as namespace, pytest.raises(PluginImportError) as caught:
            namespace.import_module("flat")
        assert caught.value.missing == "yolo_of_the_test"

    def test_by_text_it_is_refused_with_what_to_do(self, finder: NamespaceFinder, toolbox: Path) -> None:
        write(toolbox, {"flat.py": "import importlib\nimportlib.import_module('toolbox.kit')\n"})
        with finder.open("p", toolbox) as namespace, pytest.raises(PluginImportError) as caught:
            namespace.import_module("flat")
        assert caught.value.missing is None
        assert caught.value.remedy == (
            "'toolbox' is a module of the plugin, which has no such name in the process"
            "; import it by a statement, or as '.toolbox' relative to '__package__'"
        )


class TestWhatShadowsWhat:
    def test_the_own_package_wins_over_an_installed_one_inside_the_plugin_only(
        self, finder: NamespaceFinder, tmp_path: Path, installed: Path
    ) -> None:
        write(installed, {"toolbox/__init__.py": "", "toolbox/utils.py": "WHO = 'installed'\n"})
        own = {"toolbox/__init__.py": "", "toolbox/utils.py": "WHO = 'own'\n"}
        asks = {"plugin.py": "from toolbox.utils import WHO\n"}
        with (
            finder.open("own", write(tmp_path / "own", {**own, **asks})) as mine,
            finder.open("other", write(tmp_path / "other", asks)) as other,
        ):
            assert mine.resolve("plugin:WHO") == "own"
            assert other.resolve("plugin:WHO") == "installed"
            assert mine.import_module("toolbox.utils") is not importlib.import_module("toolbox.utils")

    def test_the_own_package_wins_over_one_that_is_imported_already(
        self, finder: NamespaceFinder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "toolbox", ModuleType("toolbox"))
            root = write(tmp_path, {"toolbox.py": "WHO = 'own'\n", "plugin.py": "from toolbox import WHO\n"})
            with finder.open("p", root) as namespace:
                assert namespace.resolve("plugin:WHO") == "own"

    def test_the_standard_library_and_plugbus_are_never_shadowed(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        boom = {f"{name}.py": "raise AssertionError\n" for name in ("types", "logging", "plugbus", "__main__")}
        code = "import types, logging.handlers, __main__\nfrom plugbus.kernel import Plugin\n"
        with finder.open("p", write(tmp_path, {**boom, "plugin.py": code})) as namespace:
            module = vars(namespace.import_module("plugin"))
            assert (module["types"], module["__main__"]) == (sys.modules["types"], sys.modules["__main__"])
            assert module["Plugin"] is importlib.import_module("plugbus.kernel").Plugin

    def test_a_module_that_imports_its_own_name_means_what_it_is_called_after(
        self, finder: NamespaceFinder, tmp_path: Path, installed: Path
    ) -> None:
        write(installed, {"toolbox.py": "WHO = 'installed'\n"})
        files = {
            "toolbox.py": "import toolbox\nWHO = 'around ' + toolbox.WHO\n",
            "plugin.py": "from toolbox import WHO\n",
        }
        with finder.open("p", write(tmp_path / "p", files)) as namespace:
            assert namespace.resolve("plugin:WHO") == "around installed"

    def test_a_folder_without_init_means_its_modules_and_leaves_the_rest(
        self, finder: NamespaceFinder, tmp_path: Path, installed: Path
    ) -> None:
        write(installed, {"toolbox/__init__.py": "load = 'installed'\n", "toolbox/other.py": "X = 'installed'\n"})
        files = {
            "toolbox/kit.py": "X = 'own'\n",
            "toolbox/data/table.csv": "",
            "plugin.py": """
                from toolbox import kit as a
                from toolbox.kit import X as b
                import toolbox.kit as c
                from toolbox import load
                import toolbox
                from toolbox.other import X as d
                RESULT = [a.X, b, c.X, load, toolbox.load, d]
                """,
        }
        with finder.open("p", write(tmp_path / "p", files)) as namespace:
            assert namespace.resolve("plugin:RESULT") == ["own"] * 3 + ["installed"] * 3

    def test_a_folder_without_init_counts_where_nothing_is_installed(
        self, finder: NamespaceFinder, tmp_path: Path, installed: Path
    ) -> None:
        (installed / "toolbox").mkdir()  # as the current folder often has one of this name
        files = {"toolbox/kit.py": "X = 7\n", "plugin.py": "import toolbox\nimport toolbox.kit\nX = toolbox.kit.X\n"}
        with finder.open("p", write(tmp_path / "p", files)) as namespace:
            assert namespace.resolve("plugin:X") == 7

    def test_the_folders_own_name_leaves_an_installed_module_alone(
        self, finder: NamespaceFinder, tmp_path: Path, installed: Path
    ) -> None:
        write(installed, {"toolbox/__init__.py": "", "toolbox/tracking.py": "WHO = 'installed'\n"})
        files = {"__init__.py": "", "tracking.py": "WHO = 'own'\n", "plugin.py": "from toolbox.tracking import WHO\n"}
        with finder.open("p", write(tmp_path / "toolbox", files)) as namespace:
            assert namespace.resolve("plugin:WHO") == "installed"

    def test_the_folders_own_name_is_its_own_where_the_folder_itself_is_on_the_path(
        self, finder: NamespaceFinder, installed: Path
    ) -> None:
        files = {"__init__.py": "", "kit.py": "X = []\n", "plugin.py": "from toolbox.kit import X\n"}
        with finder.open("p", write(installed / "toolbox", files)) as namespace:
            assert namespace.resolve("plugin:X") is namespace.resolve("kit:X")
            assert "toolbox" not in sys.modules

    def test_links(self, finder: NamespaceFinder, tmp_path: Path, installed: Path) -> None:
        write(tmp_path / "outside", {"__init__.py": "", "kit.py": "X = 1\n"})
        root = write(
            tmp_path / "p", {"v2/__init__.py": "", "v2/kit.py": "X = 2\n", "a.py": "from current.kit import X\n"}
        )
        write(root, {"b.py": "import toolbox.kit\n"})
        (root / "current").symlink_to("v2")
        (root / "toolbox").symlink_to(tmp_path / "outside")
        with finder.open("p", root) as namespace:
            assert namespace.resolve("a:X") == 2
            with pytest.raises(OutsideRootError):
                namespace.import_module("b")
        write(installed, {"toolbox/kit.py": "X = 3\n", "toolbox/__init__.py": ""})
        importlib.invalidate_caches()
        with finder.open("p", root) as namespace:
            namespace.import_module("b")
            assert str(installed) in str(sys.modules["toolbox.kit"].__file__)


class TestErrors:
    def test_missing_modules_offer_near_names(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        root = write(tmp_path, {"plugin/__init__.py": "", "plugin/utils.py": "", "main.py": "import plugin.utls\n"})
        with finder.open("p", root) as namespace, pytest.raises(PluginImportError) as caught:
            namespace.import_module("main")
        assert caught.value.missing is None
        assert str(caught.value).endswith("No module named '.plugin.utls'; did you mean 'plugin.utils' or 'plugin'?")

    def test_tracebacks_show_what_is_written_and_no_other_frames(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        files = {
            "plugin/__init__.py": "",
            "plugin/bad.py": "\n\nX = 1 / 0\n",
            "main.py": "import json\n\ndef f():\n    import plugin.bad\n\ndef g():\n    from plugin.bad import X\n",
        }
        with finder.open("p", write(tmp_path, files)) as namespace:
            for name, line in (("f", 4), ("g", 7)):
                found: Any = namespace.resolve(f"main:{name}")
                with pytest.raises(ZeroDivisionError) as caught:
                    found()
                frames = traceback.extract_tb(caught.value.__traceback__)[1:]
                own = [(Path(one.filename).name, one.lineno) for one in frames if "importlib" not in one.filename]
                own = [one for one in own if one[0] not in {"namespaces.py", "contextlib.py"}]
                assert own == [("main.py", line), ("bad.py", 3)]
                assert frames[0].line == files["main.py"].splitlines()[line - 1].strip()

    def test_source_is_shown_as_it_is_written(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        code = "def f():\n    import plugin.kit\n    return plugin.kit\n"
        root = write(tmp_path, {"plugin/__init__.py": "", "plugin/kit.py": "", "main.py": code})
        with finder.open("p", root) as namespace:
            found: Any = namespace.resolve("main:f")
            assert inspect.getsource(found) == code

    @pytest.mark.parametrize(
        "text", ["import plugin.kit\n1 +\n", "import plugin.kit\nreturn 1\n", "import plugin.kit as\n"]
    )
    def test_wrong_syntax_is_told_with_its_place(self, finder: NamespaceFinder, tmp_path: Path, text: str) -> None:
        root = write(tmp_path, {"plugin/__init__.py": "", "plugin/kit.py": "", "main.py": text})
        with finder.open("p", root) as namespace, pytest.raises(PluginImportError) as caught:
            namespace.import_module("main")
        assert isinstance(caught.value.__cause__, SyntaxError)
        assert (caught.value.__cause__.filename, caught.value.__cause__.lineno) == (
            str(root / "main.py"),
            text.count("\n", 0, -1) + 1,
        )

    def test_broken_encoding_is_told_by_the_compiler(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        write(tmp_path, {"plugin/__init__.py": ""})
        (tmp_path / "main.py").write_bytes(b"import plugin\nX = '\xff'\n")
        with finder.open("p", tmp_path) as namespace, pytest.raises(PluginImportError) as caught:
            namespace.import_module("main")
        assert isinstance(caught.value.__cause__, SyntaxError)

    def test_encodings_and_other_spellings_of_a_name(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        write(tmp_path, {"plugin/__init__.py": "", "plugin/kit.py": "X = 'é'\n"})
        latin = "# -*- coding: latin-1 -*-\nfrom plugin.kit import X\nSAME = X == 'é'\n"
        (tmp_path / "latin.py").write_bytes(latin.encode("latin-1"))
        wide = "from ｐlugin.kit import X\nSAME = X == 'é'\n"  # noqa: RUF001 - Python reads names as NFKC
        (tmp_path / "wide.py").write_text(wide, encoding="utf-8")
        with finder.open("p", tmp_path) as namespace:
            assert namespace.resolve("latin:SAME") is True
            assert namespace.resolve("wide:SAME") is True

    def test_deep_expressions_do_not_hinder(self, finder: NamespaceFinder, tmp_path: Path) -> None:
        deep = "X = " + " + ".join(["1"] * 900) + "\nfrom plugin.kit import Y\n"
        root = write(tmp_path, {"plugin/__init__.py": "", "plugin/kit.py": "Y = 1\n", "main.py": deep})
        with finder.open("p", root) as namespace:
            assert (namespace.resolve("main:X"), namespace.resolve("main:Y")) == (900, 1)


NAMES = st.sampled_from(["alpha", "beta"])
IMPORTS = st.one_of(
    st.builds("import {}".format, NAMES),
    st.builds("import {}.m".format, NAMES),
    st.builds("import {}.m as x".format, NAMES),
    st.builds("import json, {}.m, {}.n.o as y".format, NAMES, NAMES),
    st.builds("from {} import m as z".format, NAMES),
    st.builds("from {}.m import V as v".format, NAMES),
    st.builds("from {}.n.o import *".format, NAMES),
)
SCRIPT = """
import json, runpy, sys
sys.path.insert(0, sys.argv[1])
def plain(found):
    kinds = {name: getattr(value, "TAG", value) for name, value in found.items() if not name.startswith("__")}
    return {name: value for name, value in kinds.items() if isinstance(value, (str, int))}
print(json.dumps([plain(runpy.run_path(path)) for path in sys.argv[2:]]))
"""


@settings(deadline=None, max_examples=5)
@given(st.lists(st.lists(IMPORTS, min_size=1, max_size=5), min_size=8, max_size=8))
def test_imports_bind_what_python_binds_with_the_folder_on_its_path(
    tmp_path_factory: pytest.TempPathFactory, programs: list[list[str]]
) -> None:
    root = tmp_path_factory.mktemp("p")
    for name in ("alpha", "beta"):
        for path in ("__init__", "m", "n/__init__", "n/o"):
            write(root, {f"{name}/{path}.py": f"TAG = '{name}/{path}'\nV = 'v of {name}'\n"})
    for number, lines in enumerate(programs):
        write(root, {f"main{number}.py": "\n".join(lines) + "\n"})
    paths = [str(root / f"main{number}.py") for number in range(len(programs))]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", SCRIPT, str(root), *paths], capture_output=True, text=True, check=True, env=environment
    )
    with NamespaceFinder().open("p", root) as namespace:
        found = []
        for number in range(len(programs)):
            kinds = {
                name: getattr(value, "TAG", value)
                for name, value in vars(namespace.import_module(f"main{number}")).items()
                if not name.startswith("__")
            }
            found.append({name: value for name, value in kinds.items() if isinstance(value, str | int)})
    assert ast.literal_eval(done.stdout) == found
