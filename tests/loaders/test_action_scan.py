"""Finding actions by their source: nothing is imported, nothing is missed, nothing stops the search."""

from __future__ import annotations

import ast
import json
import os
import sys
import time
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import plugbus.loaders.discovery.scan as scan_module
from plugbus.loaders import PluginFolderError
from plugbus.loaders.discovery import ActionScan, DiscoveredAction, scan_actions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ACTION = """
from pydantic import BaseModel
from plugbus.capabilities import BaseAction

class Params(BaseModel):
    epochs: int = 1

class {name}(BaseAction[Params]):
    def execute(self):
        return None
"""


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(files: Mapping[str, str | bytes] | None = None, /, **named: str) -> Path:
        for name, text in {**(files or {}), **{f"{one}.py": text for one, text in named.items()}}.items():
            place = tmp_path / "plugin" / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
        return tmp_path / "plugin"

    return write


def names(scan: ActionScan) -> list[str]:
    return [one.name for one in scan.actions]


def entrypoints(scan: ActionScan) -> list[str]:
    return [one.entrypoint for one in scan.actions]


Write = Any


def test_an_action_is_told_with_all_that_its_source_says(write: Write) -> None:
    root = write(
        {
            "my_plugin/actions.py": '''
                from typing import ClassVar
                from pydantic import BaseModel
                from plugbus.capabilities import BaseAction, ModelWeights, YOLODataset as Yolo
                from plugbus.capabilities.enums import PluginCategory, RunMethod

                class TrainParams(BaseModel): ...
                class TrainResult(BaseModel): ...

                class TrainAction(BaseAction[TrainParams]):
                    """Train a model.

                    With more to say.
                    """
                    category = PluginCategory.NEURAL_NET
                    method = RunMethod.JOB
                    input_type: ClassVar[object] = Yolo
                    output_type = ModelWeights
                    result_model = TrainResult

                    def execute(self): ...
            '''
        }
    )
    (found,) = scan_actions(root).actions
    assert found == DiscoveredAction(
        name="train",
        entrypoint="my_plugin.actions:TrainAction",
        file="my_plugin/actions.py",
        line=10,
        input_type="YOLODataset",
        output_type="ModelWeights",
        params_model="TrainParams",
        result="TrainResult",
        category="neural_net",
        method="job",
        description="Train a model.",
    )
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()


def test_nothing_is_imported_and_nothing_runs(write: Write) -> None:
    marker = "raise SystemExit('imported')\n"
    root = write(train=marker + ACTION.format(name="TrainAction"), __init__=marker)
    before = set(sys.modules)
    assert names(scan_actions(root)) == ["train"]
    assert {one for one in sys.modules if one not in before and not one.startswith("plugbus.capabilities")} == set()


@pytest.mark.parametrize(
    ("header", "base"),
    [
        ("from plugbus.capabilities import BaseAction", "BaseAction[Params]"),
        ("from plugbus.capabilities import BaseAction as B", "B[Params]"),
        ("from plugbus.capabilities.actions import BaseAction", "BaseAction[Params]"),
        ("import plugbus.capabilities", "plugbus.capabilities.BaseAction[Params]"),
        ("import plugbus.capabilities as pc", "pc.BaseAction[Params]"),
        ("from plugbus import capabilities", "capabilities.BaseAction[Params]"),
        ("import plugbus.capabilities.actions as a", "a.BaseAction[Params]"),
        ("from plugbus.capabilities import *", "BaseAction[Params]"),
        ("from plugbus.capabilities import BaseAction\nHere = BaseAction[Params]", "Here"),
        ("from plugbus.capabilities import BaseAction\nHere: type = BaseAction", "Here[Params]"),
        ("try:\n    from plugbus.capabilities import BaseAction\nexcept ImportError:\n    BaseAction = None",
         "BaseAction[Params]"),
        ("if True:\n    from plugbus.capabilities import BaseAction", "BaseAction['Params']"),
    ],
)  # fmt: skip
def test_the_base_is_known_however_it_was_imported(write: Write, header: str, base: str) -> None:
    root = write(a=f"{header}\nclass RunAction({base}):\n    def execute(self): ...\n")
    (found,) = scan_actions(root).actions
    assert (found.name, found.params_model) == ("run", "Params")


def test_bases_are_followed_through_the_files_of_the_folder(write: Write) -> None:
    root = write(
        {
            "pkg/__init__.py": "from .bases import Middle as Between\nfrom .more import *\n",
            "pkg/bases.py": """
                from typing import TypeVar
                from plugbus.capabilities import BaseAction, YOLODataset
                P = TypeVar("P")
                class Middle(BaseAction[P]):
                    input_type = YOLODataset
            """,
            "pkg/more.py": "from .bases import Middle as Again\n",
            "pkg/one.py": """
                from . import Between
                from .params import OneParams as OP
                class OneAction(Between[OP]):
                    async def execute(self): ...
            """,
            "pkg/two.py": """
                import pkg
                class TwoAction(pkg.Again["TwoParams"]):
                    def execute(self): ...
            """,
            "pkg/sub/three.py": """
                from ..one import OneAction
                class ThreeAction(OneAction): ...
            """,
            "pkg/four.py": """
                from pkg.bases import Middle
                from pkg import params
                class FourAction(Middle[params.FourParams]):
                    def execute(self): ...
            """,
            "pkg/params.py": "class OneParams: ...\nclass FourParams: ...\n",
        }
    )
    found = {one.name: one for one in scan_actions(root).actions}
    assert sorted(found) == ["four", "one", "three", "two"]
    assert {one.input_type for one in found.values()} == {"YOLODataset"}
    assert {key: one.params_model for key, one in found.items()} == {
        "one": "OneParams", "two": "TwoParams", "three": "OneParams", "four": "FourParams",
    }  # fmt: skip


def test_the_folder_may_be_the_package_itself(write: Write) -> None:
    root = write(
        __init__="",
        bases="from plugbus.capabilities import BaseAction\nclass Own(BaseAction): ...\n",
        a="from plugin.bases import Own\nclass RunAction(Own):\n    def execute(self): ...\n",
    )
    assert entrypoints(scan_actions(root)) == ["a:RunAction"]


def test_a_class_counts_when_it_can_be_made(write: Write) -> None:
    root = write(
        a="""
        from abc import abstractmethod
        from plugbus.capabilities import BaseAction
        class Mixin:
            def execute(self): ...
        class Open(BaseAction): ...
        class Half(BaseAction):
            @abstractmethod
            def train(self): ...
            def execute(self): return self.train()
        class Done(Half):
            def train(self): ...
        class Mixed(Mixin, BaseAction): ...
        class _Hidden(BaseAction):
            def execute(self): ...
        class NotAction: ...
        class AlsoNotAction(Exception): ...
        class Unknown(Missing): ...
        """
    )
    assert names(scan_actions(root)) == ["done", "mixed"]


def test_a_class_with_a_base_from_elsewhere_counts_if_it_names_its_action(write: Write) -> None:
    root = write(
        a="""
        from acme.actions import AcmeAction
        class One(AcmeAction):
            action_name = "one"
        class Two(AcmeAction): ...
        class Three(One):
            action_name: str = "three"
        """
    )
    assert names(scan_actions(root)) == ["one", "three"]


def test_decorated_functions_are_actions_too(write: Write) -> None:
    root = write(
        a="""
        import plugbus.capabilities as pc
        from pydantic import BaseModel
        from plugbus.capabilities import action
        from plugbus.capabilities.actions import action as made
        from plugbus.capabilities.enums import PluginCategory
        from elsewhere import action as other
        class Params(BaseModel): ...
        class Result(BaseModel): ...
        @action
        def bare(params: Params, ctx):
            "Do it."
        @pc.action("named", "Says so.", params=Params, result=Result, category=PluginCategory.EXPORT)
        def first(params, ctx): ...
        @made(name="quoted", description="Also.")
        async def second(params: "Params", ctx): ...
        @other
        def third(params, ctx): ...
        @pc.nothing.action
        def fourth(params, ctx): ...
        """
    )
    found = {one.name: one for one in scan_actions(root).actions}
    assert sorted(found) == ["bare", "named", "quoted"]
    assert all(one.is_function for one in found.values())
    assert {one.params_model for one in found.values()} == {"Params"}
    assert (found["named"].entrypoint, found["named"].result, found["named"].category) == (
        "a:first",
        "Result",
        "export",
    )
    assert [found[one].description for one in ("bare", "named", "quoted")] == ["Do it.", "Says so.", "Also."]


def test_names_come_from_the_class_or_its_name(write: Write) -> None:
    body = "    def execute(self): ...\n"
    root = write(
        a="from plugbus.capabilities import BaseAction\n"
        f"class AddTaskDataAction(BaseAction):\n{body}"
        f"class HTTPServerAction(BaseAction):\n{body}"
        f"class Action(BaseAction):\n{body}"
        f"class Plain(BaseAction):\n    action_name = 'named'\n{body}"
        "class Child(Plain): ...\n"
        "class Template(BaseAction):\n    action_name = 'kept'\n"
        f"class Real(Template):\n{body}"
    )
    assert names(scan_actions(root)) == ["action", "add_task_data", "child", "http_server", "kept", "named"]


def test_two_actions_of_one_name_are_told(write: Write) -> None:
    root = write(a=ACTION.format(name="TrainAction"), b=ACTION.format(name="Train"))
    scan = scan_actions(root)
    assert entrypoints(scan) == ["a:TrainAction", "b:Train"]
    (conflict,) = scan.conflicts
    assert str(conflict) == (
        "cannot tell actions 'train' apart: a:TrainAction (a.py:8), b:Train (b.py:8); "
        "give each an action_name of its own"
    )
    assert scan.get("train") is None


def test_circles_of_imports_and_bases_end(write: Write) -> None:
    root = write(
        a="from b import X\nfrom b import *\nclass A(X): ...\nclass Self(Self): ...\nY = Y\n",
        b="from a import X\nfrom a import *\nfrom a import A as X2\nclass B(X2): ...\n",
        c=ACTION.format(name="RunAction"),
    )
    assert names(scan_actions(root)) == ["run"]


@pytest.mark.parametrize(
    "name",
    [
        ".venv/a.py",
        "env/a.py",
        "build/lib/a.py",
        "node_modules/x/a.py",
        "dist/a.py",
        ".hidden/a.py",
        "lib/site-packages/a.py",
        "__pycache__/a.py",
        "x.egg-info/a.py",
        "tests/test_a.py",
        "conftest.py",
        "pkg/a_test.py",
        "setup.py",
        "generated/a.py",
        "deep/er/old_a.py",
    ],
)
def test_what_is_no_source_of_the_plugin_is_left_out(write: Write, name: str) -> None:
    root = write(
        {
            name: ACTION.format(name="WrongAction"),
            "pkg/run.py": ACTION.format(name="RunAction"),
            "pkg/build/__init__.py": ACTION.format(name="BuiltAction"),
            ".gitignore": "# made\n/generated/\nold_*\n!pkg/\n",
        }
    )
    assert names(scan_actions(root)) == ["built", "run"]


def test_a_virtual_environment_is_known_by_its_file(write: Write) -> None:
    root = write({"py/pyvenv.cfg": "home = x\n", "py/lib/a.py": ACTION.format(name="A"), "b.py": ""})
    scan = scan_actions(root)
    assert (scan.files, names(scan)) == (1, [])


@pytest.mark.parametrize(
    ("line", "ignored"),
    [
        ("a.py", True), ("*.py", True), ("/pkg", True), ("pkg/", True), ("pkg/*.py", True), ("**/a.py", True),
        ("pkg/**", True), ("pkg/**/a.py", True), ("/a.py", False), ("b.py", False), ("a.py/", False), ("# a.py", False),
        ("", False), ("*.py\n!a.py", False), ("[", False), ("?.py", True), ("p*/a.py", True), ("*/*/a.py", False),
    ],
)  # fmt: skip
def test_ignore_files_are_understood(write: Write, line: str, ignored: bool) -> None:
    root = write({"pkg/a.py": ACTION.format(name="RunAction"), ".plugbusignore": f"{line}\n"})
    assert names(scan_actions(root)) == ([] if ignored else ["run"])


def test_links_out_of_the_folder_and_to_folders_are_not_followed(write: Write, tmp_path: Path) -> None:
    root = write({"pkg/a.py": ACTION.format(name="RunAction")})
    (tmp_path / "other.py").write_text(ACTION.format(name="OtherAction"))
    (root / "other.py").symlink_to(tmp_path / "other.py")
    (root / "pkg" / "again").symlink_to(root)
    (root / "alias.py").symlink_to(root / "pkg" / "a.py")
    (root / "gone.py").symlink_to(root / "nowhere.py")
    assert entrypoints(scan_actions(root)) == ["alias:RunAction", "pkg.a:RunAction"]


def test_broken_files_are_told_with_their_places_and_stop_nothing(write: Write) -> None:
    root = write(
        {
            "a.py": "x = 1\nclass (:\n",
            "b.py": b"\xff\xfe\x00",
            "c.py": b"# coding: nonsense\n",
            "d.py": b"name = '\xe9'\n",
            "e.py": "x = " + "(" * 5000,
            "f.py": b"x = '\\d'\n" + ACTION.format(name="RunAction").encode(),
            "g.py": b"\xef\xbb\xbf" + ACTION.format(name="MarkedAction").encode(),
        }
    )
    scan = scan_actions(root)
    assert names(scan) == ["marked", "run"]
    told = [str(one).removeprefix(f"{root.resolve()}/") for one in scan.faults]
    assert [one.partition(":")[0] for one in told] == ["a.py", "b.py", "c.py", "d.py", "e.py"]
    assert told[0] == "a.py:2:7: invalid syntax"


def test_a_file_that_cannot_be_read_is_told(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(a=ACTION.format(name="RunAction"), b="")
    real = open

    def refuse(path: str, *rest: Any) -> Any:
        if path.endswith("b.py"):
            raise PermissionError(13, "Permission denied", path)
        return real(path, *rest)

    monkeypatch.setattr(scan_module, "open", refuse, raising=False)
    scan = scan_actions(root)
    assert names(scan) == ["run"]
    assert [one.why for one in scan.faults] == ["it cannot be read: Permission denied"]


def test_a_single_file_can_be_searched_and_no_folder_is_an_error(write: Write, tmp_path: Path) -> None:
    root = write(a=ACTION.format(name="RunAction"), b=ACTION.format(name="Other"))
    assert entrypoints(scan_actions(root / "a.py")) == ["a:RunAction"]
    with pytest.raises(PluginFolderError, match="nowhere"):
        scan_actions(tmp_path / "nowhere")


def test_each_file_is_parsed_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({f"pkg/m{number}.py": ACTION.format(name=f"A{number}") for number in range(20)})
    parsed: list[bytes] = []
    real = ast.parse

    def parse(source: bytes) -> ast.Module:
        parsed.append(source)
        return real(source)

    monkeypatch.setattr(ast, "parse", parse)
    assert scan_actions(root).parsed == len(parsed) == 20


def age(root: Path, seconds: int = 60) -> None:
    """Make files look as if nobody had touched them lately; when an entry was changed can't be set."""
    for path in root.rglob("*.py"):
        found = path.stat()
        os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns - seconds * 1_000_000_000))


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every search begin a minute after the files were written."""
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 60_000_000_000)


@pytest.mark.usefixtures("later")
def test_unchanged_files_are_not_read_again(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write({"b.py": "class (", **{f"m{number}.py": ACTION.format(name=f"A{number}") for number in range(5)}})
    cold = scan_actions(root, cache=tmp_path / "cache")
    assert (cold.files, cold.parsed) == (6, 6)
    assert cold.actions == scan_actions(root).actions
    monkeypatch.setattr(scan_module, "open", None, raising=False)  # whoever reads a source fails
    warm = scan_actions(root, cache=tmp_path / "cache")
    assert (warm.files, warm.parsed) == (6, 0)
    assert (warm.actions, warm.faults) == (cold.actions, cold.faults)


@pytest.mark.usefixtures("later")
def test_only_what_changed_is_parsed_again(write: Write, tmp_path: Path) -> None:
    root, cache = write(a=ACTION.format(name="One"), b=ACTION.format(name="Two")), tmp_path / "cache"
    scan_actions(root, cache=cache)
    write(a=ACTION.format(name="New"))
    scan = scan_actions(root, cache=cache)
    assert (names(scan), scan.parsed) == (["new", "two"], 1)
    age(root)  # other stamps, the same content
    assert scan_actions(root, cache=cache).parsed == 0
    (root / "a.py").unlink()
    assert names(scan_actions(root, cache=cache)) == ["two"]
    write({".gitignore": "b.py\n"})
    assert names(scan_actions(root, cache=cache)) == []


def test_a_file_changed_within_a_tick_of_the_clock_is_not_missed(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns()  # a coarse clock, which stands still for the whole test
    monkeypatch.setattr("plugbus.loaders.discovery.walking.stamp_of", lambda found: (now, now, found.st_size, 1))
    root, cache = write(a=ACTION.format(name="One")), tmp_path / "cache"
    scan_actions(root, cache=cache)
    write(a=ACTION.format(name="Two"))  # as long
    assert names(scan_actions(root, cache=cache)) == ["two"]


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"[]\n[]",
        b'{"format": 0}\n{}',
        b'{"format": 1}\n{"a.py": 1}',
        b"\xff\n\xff",
        b'{"format": 1}\n{"a.py": [1, 2, 3]}',
    ],
)
def test_a_damaged_cache_counts_as_empty(write: Write, tmp_path: Path, damage: bytes) -> None:
    root, cache = write(a=ACTION.format(name="One")), tmp_path / "cache"
    scan_actions(root, cache=cache)
    (kept,) = cache.iterdir()
    kept.write_bytes(damage)
    scan = scan_actions(root, cache=cache)
    assert (names(scan), scan.parsed) == (["one"], 1)
    assert scan_actions(root, cache=cache).parsed == 0


def test_a_cache_that_cannot_be_written_keeps_nothing(write: Write, tmp_path: Path) -> None:
    root = write(a=ACTION.format(name="One"))
    (tmp_path / "file").touch()
    assert names(scan_actions(root, cache=tmp_path / "file")) == ["one"]


SNIPPETS = st.lists(
    st.sampled_from(
        [
            "from .a import *", "from . import b", "from b import C as D", "import a.b.c", "class C(D[E], F): x = 1",
            "class D(C):\n    action_name = 'd'", "@x.y(z=1)\ndef f(): ...", "C = D[E]", "P = TypeVar('P')",
            "a, b = 1, 2",
            "from plugbus.capabilities import BaseAction as D", "class E(D):\n    def execute(self): ...", "x.y = 3",
            "from plugbus.capabilities import *", "from ...x import y", "class F(E): input_type: int",
            "class G(a.b.C): ...",
            "from .b import C", "E = C", "for i in x:\n    class H(E): ...", "with x:\n    C = E", "(",
        ]
    ),
    max_size=8,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(
    st.fixed_dictionaries({"__init__.py": SNIPPETS, "a.py": SNIPPETS, "p/__init__.py": SNIPPETS, "p/b.py": SNIPPETS})
)
def test_any_folder_is_searched_and_always_with_one_result(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, list[str]]
) -> None:
    root = tmp_path_factory.mktemp("any")
    for name, lines in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text("\n".join(lines))
    scan = scan_actions(root, cache=root / ".cache")
    again = scan_actions(root, cache=root / ".cache")
    assert (again.actions, again.faults) == (scan.actions, scan.faults)
    assert list(scan.actions) == sorted(scan.actions, key=lambda one: (one.name, one.entrypoint))
    assert len(scan.faults) == sum("(" in lines for lines in files.values())
