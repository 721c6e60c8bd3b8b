"""Plugins in folders: found without importing, brought in whole or not at all, and gone without a trace."""

from __future__ import annotations

import gc
import importlib.util
import sys
import threading
import weakref
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import Kernel, Plugin, PluginExistsError, PluginLoadError, PluginState
from plugbus.loaders import (
    DirectoryLoader,
    DiscoveryError,
    DocumentError,
    DynamicPluginLoader,
    MissingModulesError,
    PluginFolderError,
    PluginImportError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CODE = """
    from plugbus.kernel import Plugin
    class Made(Plugin): pass
"""


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    with Kernel() as made:
        yield made


@pytest.fixture(autouse=True)
def process_is_left_as_it_was() -> Iterator[None]:
    """Whatever a test does with plugin folders, the process shows nothing of it afterwards."""
    before = _process_state()
    yield
    assert _process_state() == before


def _process_state() -> tuple[object, ...]:
    plugins = {name for name in sys.modules if name.startswith("plugbus_plugin_")}
    return plugins, list(sys.path), list(sys.meta_path), {one.name for one in threading.enumerate()}


def write(root: Path, plugin_id: str, manifest: str = "", code: str = CODE, version: str = "1.0.0") -> Path:
    """Write a plugin folder; ``manifest`` is what it says beside id, version and entry point."""
    folder = root / plugin_id
    folder.mkdir(parents=True)
    text = f'id: {plugin_id}\nversion: "{version}"\nentrypoint: plugin:Made\n{dedent(manifest)}'
    (folder / "plugin.yaml").write_text(text, encoding="utf-8")
    (folder / "plugin.py").write_text(dedent(code), encoding="utf-8")
    return folder


def failing(where: str, error: str = "ValueError('boom')") -> str:
    places = {
        "import": f"raise {error}\n",
        "construction": f"from plugbus.kernel import Plugin\nclass Made(Plugin):\n def __init__(self): raise {error}\n",
        "on_load": f"from plugbus.kernel import Plugin\nclass Made(Plugin):\n def on_load(self, ctx): raise {error}\n",
    }
    return places[where]


# Finding


def test_the_two_names_are_one_class() -> None:
    assert DynamicPluginLoader is DirectoryLoader


def test_manifests_are_read_without_importing_anything(kernel: Kernel, tmp_path: Path) -> None:
    sentinel = tmp_path / "imported"
    code = f"from pathlib import Path\nPath({str(sentinel)!r}).touch()\n{dedent(CODE)}"
    write(tmp_path / "plugins", "shy", "provides: []\nlabels: [Vision]\n", code)
    found = DirectoryLoader().discover(tmp_path / "plugins")
    (source,) = found.sources
    kernel.register(source)
    assert [one.id for one in kernel.find_by_capability("Vision")] == ["shy"]
    assert (source.metadata.id, source.manifest.labels) == ("shy", ["Vision"])
    assert source.path == tmp_path / "plugins" / "shy"
    assert source.origin == str(source.path)
    assert not sentinel.exists()
    kernel.load("shy")
    assert sentinel.exists(), "the sentinel does tell an import"


def test_folders_are_found_by_name_and_what_has_no_manifest_is_ignored(tmp_path: Path) -> None:
    for plugin_id in ("zeta", "alpha"):
        write(tmp_path, plugin_id)
    (tmp_path / "notes").mkdir()
    (tmp_path / "plugin.yaml").write_text("not: looked at")
    (tmp_path / "module.py").write_text("raise SystemExit")
    found = DirectoryLoader().discover(str(tmp_path))
    assert [one.metadata.id for one in found.sources] == ["alpha", "zeta"]
    assert found.broken == ()


def test_a_relative_folder_is_found_from_where_the_program_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "plugins", "demo")
    monkeypatch.chdir(tmp_path)
    (source,) = DirectoryLoader().discover("plugins").sources
    monkeypatch.chdir("/")
    with Kernel() as kernel:
        assert kernel.load(kernel.register(source)) == ("demo",)


@pytest.mark.parametrize(("name", "why"), [("nowhere", "No such file or directory"), ("file", "Not a directory")])
def test_a_folder_that_can_not_be_searched_is_named(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PluginFolderError) as refused:
        DirectoryLoader().discover(tmp_path / name)
    assert str(refused.value) == f"cannot search plugin folder '{tmp_path / name}': {why}"
    assert isinstance(refused.value, OSError)


def test_broken_plugins_hide_no_good_ones_and_tell_every_fault(tmp_path: Path) -> None:
    write(tmp_path, "good")
    write(tmp_path, "also_good")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "plugin.yaml").write_text("id: 7up\nversion: 1.10\nentrypont: plugin:P\n")
    found = DirectoryLoader().discover(tmp_path)
    assert [one.metadata.id for one in found.sources] == ["also_good", "good"]
    (one,) = found.broken
    assert one.path == broken
    assert isinstance(one.error, DocumentError)
    place = broken / "plugin.yaml"
    assert [str(fault) for fault in one.error.faults] == [
        f"{place}:1:1: missing key 'entrypoint'",
        f"{place}:1:5: id: an id is a letter, then up to 127 letters, digits, '_', '.' or '-'",
        f'{place}:2:10: version: expected text, not the number 1.10; quote it: "1.10"',
        f"{place}:3:1: entrypont: unknown key 'entrypont'; did you mean 'entrypoint'?",
    ]


def test_a_manifest_that_is_no_yaml_is_told_at_its_place(tmp_path: Path) -> None:
    folder = write(tmp_path, "demo", "labels: [Vision\n")
    (one,) = DirectoryLoader().discover(tmp_path).broken
    assert f"{folder / 'plugin.yaml'}:4:9: the [ is never closed; add the closing bracket" in str(one.error)


def test_an_entry_point_whose_module_is_not_there_is_told_at_its_place(tmp_path: Path) -> None:
    folder = write(tmp_path, "demo")
    (folder / "plugin.py").rename(folder / "plugins.py")
    with pytest.raises(DocumentError) as refused:
        DirectoryLoader().read(folder)
    (fault,) = refused.value.faults
    place = folder / "plugin.yaml"
    assert str(fault) == (
        f"{place}:3:13: entrypoint: there is no module 'plugin' in {folder}; add plugin.py, or name another module"
    )


def test_a_manifest_that_contradicts_itself_is_told_with_its_file(tmp_path: Path) -> None:
    folder = write(tmp_path, "demo", "dependencies: {demo: '*'}\nlabels: [Vision, Vision]\n")
    (one,) = DirectoryLoader().discover(tmp_path).broken
    assert isinstance(one.error, DocumentError)
    assert [str(fault) for fault in one.error.faults] == [
        f"{folder / 'plugin.yaml'}:1:1: it depends on itself",
        f"{folder / 'plugin.yaml'}:1:1: it provides 'Vision' twice",
    ]


def test_reading_a_folder_without_a_manifest_says_which_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"cannot read document '.*plugin\.yaml': no such file or directory"):
        DirectoryLoader().read(tmp_path)


# Opening


def test_missing_modules_are_named_with_the_pip_line_before_anything_is_imported(
    kernel: Kernel, tmp_path: Path
) -> None:
    needs = 'needs: {modules: [json, no_such_module_a, no_such_module_b], install: "plugbus[sklearn]"}\n'
    write(tmp_path, "demo", needs, "raise SystemExit('imported')")
    (source,) = DirectoryLoader().discover(tmp_path).sources
    assert source.missing_modules == ("no_such_module_a", "no_such_module_b")
    kernel.register(source)
    with pytest.raises(PluginLoadError) as failed:
        kernel.load("demo")
    cause = failed.value.__cause__
    assert isinstance(cause, MissingModulesError)
    assert str(cause) == (
        "cannot open plugin 'demo': it needs the missing modules 'no_such_module_a', 'no_such_module_b'; "
        'pip install "plugbus[sklearn]"'
    )
    assert (cause.plugin_id, cause.modules) == ("demo", ("no_such_module_a", "no_such_module_b"))


def test_one_missing_module_of_a_plugin_that_knows_no_remedy_is_named(tmp_path: Path) -> None:
    write(tmp_path, "demo", "needs: {modules: [no_such_module]}\n")
    (source,) = DirectoryLoader().discover(tmp_path).sources
    with pytest.raises(MissingModulesError) as failed:
        source.open()
    assert str(failed.value) == "cannot open plugin 'demo': it needs the missing module 'no_such_module'"


def test_a_class_that_is_missing_from_its_module_is_named_with_near_ones(kernel: Kernel, tmp_path: Path) -> None:
    write(tmp_path, "demo", code=CODE.replace("Made", "Maid"))
    (source,) = DirectoryLoader().discover(tmp_path).sources
    kernel.register(source)
    with pytest.raises(PluginLoadError) as failed:
        kernel.load("demo")
    assert isinstance(failed.value.__cause__, PluginImportError)
    assert "'plugin' has no 'Made'; did you mean 'Maid'" in str(failed.value)


@pytest.mark.parametrize("value", ["class Made: pass", "Made = 7", "def Made(): return None"])
def test_an_entry_point_that_is_no_plugin_is_refused(kernel: Kernel, tmp_path: Path, value: str) -> None:
    folder = write(tmp_path, "demo", code=value)
    (source,) = DirectoryLoader().discover(tmp_path).sources
    kernel.register(source)
    with pytest.raises(PluginLoadError, match=f"entry point 'plugin:Made' of {folder} is no plugin class"):
        kernel.load("demo")


def test_an_entry_point_may_be_an_object(kernel: Kernel, tmp_path: Path) -> None:
    code = f"{dedent(CODE).replace('class Made', 'class Kind')}\nMade = Kind()\n"
    write(tmp_path, "demo", code=code)
    assert DirectoryLoader().load_into(tmp_path, kernel) == ("demo",)
    assert type(kernel.get("demo")).__name__ == "Kind"


@pytest.mark.parametrize("where", ["import", "construction", "on_load"])
def test_a_plugin_that_raises_is_told_with_its_cause_and_leaves_nothing(
    kernel: Kernel, tmp_path: Path, where: str
) -> None:
    write(tmp_path, "demo", code=failing(where))
    (source,) = DirectoryLoader().discover(tmp_path).sources
    kernel.register(source)
    before = _process_state()
    with pytest.raises(PluginLoadError, match="ValueError: boom") as failed:
        kernel.load("demo")
    assert failed.value.step == ("on_load" if where == "on_load" else "open")
    assert _process_state() == before
    assert kernel.registry.record("demo").state is PluginState.FAILED


def test_a_repaired_plugin_loads_without_a_new_loader(kernel: Kernel, tmp_path: Path) -> None:
    folder = write(tmp_path, "demo", code=failing("import"))
    (source,) = DirectoryLoader().discover(tmp_path).sources
    kernel.register(source)
    with pytest.raises(PluginLoadError):
        kernel.load("demo")
    (folder / "plugin.py").write_text(dedent(CODE))
    assert kernel.load("demo") == ("demo",)


# Bringing in


def test_load_into_loads_by_need_and_not_by_name(kernel: Kernel, tmp_path: Path) -> None:
    write(tmp_path, "a_user", 'dependencies: {z_base: ">=1.0"}\n')
    write(tmp_path, "z_base")
    assert DirectoryLoader().load_into(tmp_path, kernel) == ("z_base", "a_user")


def test_load_into_takes_nothing_where_one_is_broken_and_tells_of_all_that_are(kernel: Kernel, tmp_path: Path) -> None:
    write(tmp_path, "good")
    for name in ("broken_a", "broken_b"):
        write(tmp_path, name, "colour: red\n")
    with pytest.raises(DiscoveryError) as refused:
        DirectoryLoader().load_into(tmp_path, kernel)
    assert len(refused.value.faults) == 2
    assert "cannot discover plugins: 2 are broken" in str(refused.value)
    assert f"{tmp_path / 'broken_b' / 'plugin.yaml'}:4:1: colour: unknown key 'colour'" in str(refused.value)
    assert kernel.list() == ()


@pytest.mark.parametrize("where", ["import", "construction", "on_load"])
@pytest.mark.parametrize("error", ["ValueError('boom')", "KeyboardInterrupt()"])
def test_load_into_leaves_registry_services_and_process_as_before_where_one_fails(
    kernel: Kernel, tmp_path: Path, where: str, error: str
) -> None:
    serving = """
        from plugbus.kernel import Plugin
        class Made(Plugin):
            def on_load(self, ctx):
                ctx.register_service("served", object())
                ctx.subscribe("*", print)
    """
    write(tmp_path / "first", "before")
    write(tmp_path / "second", "a_good", code=serving)
    write(tmp_path / "second", "b_bad", "dependencies: {a_good: '*'}\n", failing(where, error))
    write(tmp_path / "second", "c_good", "dependencies: {b_bad: '*'}\n")
    loader = DirectoryLoader()
    loader.load_into(tmp_path / "first", kernel)
    state = _process_state(), dict(kernel.registry.snapshot()), kernel.bus.subscriptions, kernel.services.keys
    with pytest.raises((PluginLoadError, KeyboardInterrupt)):
        loader.load_into(tmp_path / "second", kernel)
    now = _process_state(), dict(kernel.registry.snapshot()), kernel.bus.subscriptions, kernel.services.keys
    assert now == state


def test_load_into_refuses_an_id_that_is_taken_and_names_both_origins(kernel: Kernel, tmp_path: Path) -> None:
    here, there = write(tmp_path / "here", "demo"), write(tmp_path / "there", "demo")
    loader = DirectoryLoader()
    loader.load_into(tmp_path / "here", kernel)
    first = kernel.get("demo")
    with pytest.raises(PluginExistsError) as refused:
        loader.load_into(tmp_path / "there", kernel)
    assert str(here) in str(refused.value)
    assert str(there) in str(refused.value)
    assert kernel.get("demo") is first


def test_two_versions_of_one_plugin_are_candidates_of_which_the_newest_is_loaded(
    kernel: Kernel, tmp_path: Path
) -> None:
    for version in ("1.9.0", "1.10.0"):
        folder = write(tmp_path / "made", "demo", version=version)
        folder.rename(tmp_path / f"demo-{version}")
    (tmp_path / "made").rmdir()
    assert DirectoryLoader().load_into(tmp_path, kernel) == ("demo",)
    assert kernel.registry.record("demo").metadata.version == "1.10.0"


def test_the_same_folder_in_two_kernels_shares_nothing(kernel: Kernel, tmp_path: Path) -> None:
    write(tmp_path, "demo", code=f"{dedent(CODE)}\nseen = []\n")
    with Kernel() as other:
        DirectoryLoader().load_into(tmp_path, kernel)
        DirectoryLoader().load_into(tmp_path, other)
        kinds = [type(one.get("demo")) for one in (kernel, other)]
        assert kinds[0] is not kinds[1]
        modules = [sys.modules[kind.__module__] for kind in kinds]
        assert modules[0] is not modules[1]
        assert modules[0].seen is not modules[1].seen
    assert kernel.get("demo") is not None, "the shutdown of the one leaves the other alone"
    assert kinds[0].__module__ in sys.modules
    assert kinds[1].__module__ not in sys.modules


def test_a_plugin_imports_its_own_modules_and_never_through_the_path(kernel: Kernel, tmp_path: Path) -> None:
    folder = write(tmp_path, "demo", code=f"from .words import WORD\n{dedent(CODE)}\nMade.word = WORD\n")
    (folder / "words.py").write_text("WORD = 'own'\n")
    path = list(sys.path)
    DirectoryLoader().load_into(tmp_path, kernel)
    assert getattr(kernel.get("demo"), "word", None) == "own"
    assert sys.path == path
    assert importlib.util.find_spec("words") is None


# Leaving


def test_a_hundred_loads_and_unloads_leave_nothing_behind(kernel: Kernel, tmp_path: Path) -> None:
    code = """
        import threading
        from typing import Generic, TypeVar
        from pydantic import BaseModel
        from plugbus.capabilities import Action, BaseAction
        from plugbus.kernel import Event, Plugin
        from .service import Service

        T = TypeVar("T")

        class Params(BaseModel):
            size: int = 1

        class Page(BaseModel, Generic[T]):
            item: T

        class Work(BaseAction[Params]):
            def execute(self):
                return Page[Params](item=self.params)

        class Made(Plugin):
            config_model = Params

            def on_load(self, ctx):
                self.stop = threading.Event()
                thread = threading.Thread(target=self.stop.wait, name="of-made")
                thread.start()
                ctx.on_unload(thread.join)
                ctx.on_unload(self.stop.set)
                ctx.register_service("service", Service(self))
                ctx.provide(Action("made.work"), Work)
                ctx.subscribe("*", self.hear)
                Work(Params(), None).execute()

            def on_event(self, event, ctx):
                pass

            def hear(self, event):
                pass
    """
    folder = write(tmp_path, "made", "provides: [action(made.work)]\n", code)
    (folder / "service.py").write_text("class Service:\n    def __init__(self, owner): self.owner = owner\n")
    (source,) = DirectoryLoader().discover(tmp_path).sources
    kernel.register(source)
    before = _process_state(), kernel.bus.subscriptions, kernel.services.keys
    left: list[weakref.ref[Any]] = []
    for _ in range(100):
        kernel.load("made")
        plugin: Plugin | None = kernel.get("made")
        module = sys.modules[type(plugin).__module__]
        left += [weakref.ref(one) for one in (plugin, type(plugin), module, kernel.services.get("service"))]
        left += [weakref.ref(getattr(module, name)) for name in ("Params", "Page", "Work", "Service")]
        del module
        plugin = None
        kernel.unload("made")
        assert (_process_state(), kernel.bus.subscriptions, kernel.services.keys) == before
    gc.collect()
    alive = [one() for one in left if one() is not None]
    assert alive == []
    assert len(left) == 800


def failed_class(kernel: Kernel) -> weakref.ref[Any]:
    """Fail to load ``made`` and return its class, which its error carries."""
    with pytest.raises(PluginLoadError) as failed:
        kernel.load("made")
    assert isinstance(failed.value.__cause__, ValueError)
    return weakref.ref(failed.value.__cause__.args[0])


def test_a_hundred_failed_loads_leave_nothing_behind(kernel: Kernel, tmp_path: Path) -> None:
    code = """
        from plugbus.kernel import Plugin
        class Made(Plugin):
            def on_load(self, ctx):
                ctx.register_service("service", self)
                ctx.subscribe("*", self.save_state)
                raise ValueError(type(self))
    """
    write(tmp_path, "made", "", code)
    (source,) = DirectoryLoader().discover(tmp_path).sources
    kernel.register(source)
    before = _process_state(), kernel.bus.subscriptions, kernel.services.keys
    left: list[weakref.ref[Any]] = []
    for _ in range(100):
        left.append(failed_class(kernel))
        assert (_process_state(), kernel.bus.subscriptions, kernel.services.keys) == before
    gc.collect()
    assert [one() for one in left if one() is not None] == []


def test_a_reload_reads_a_changed_folder_anew(tmp_path: Path) -> None:
    folder = tmp_path / "changing"
    folder.mkdir()

    def write(version: str, value: int) -> None:
        (folder / "plugin.yaml").write_text(f'id: changing\nversion: "{version}"\nentrypoint: plugin:Changing\n')
        (folder / "plugin.py").write_text(
            "from plugbus.kernel import Plugin\n"
            "class Changing(Plugin):\n"
            "    def on_load(self, ctx):\n"
            f"        ctx.register_service('value', {value})\n"
        )

    write("1.0.0", 1)
    before = set(sys.modules)
    kernel = Kernel()
    DirectoryLoader().load_into(tmp_path, kernel)
    assert kernel.services.get("value") == 1
    write("1.1.0", 2)
    report = kernel.reload("changing")
    assert (report.unloaded, report.loaded) == (("changing",), ("changing",))
    assert kernel.services.get("value") == 2
    assert kernel.registry.record("changing").metadata.version == "1.1.0"
    (folder / "plugin.yaml").write_text("id: changing\n")
    with pytest.raises(DocumentError):
        kernel.reload("changing")
    assert kernel.services.get("value") == 2
    kernel.shutdown()
    assert {one for one in set(sys.modules) - before if "changing" in one} == set()


def test_load_into_leaves_no_failure_on_an_older_version_that_stays(kernel: Kernel, tmp_path: Path) -> None:
    def place(folder: str, version: str, code: str) -> Path:
        path = tmp_path / folder / "demo"
        path.mkdir(parents=True)
        (path / "plugin.yaml").write_text(f'id: demo\nversion: "{version}"\nentrypoint: plugin:Made\n')
        (path / "plugin.py").write_text(f"from plugbus.kernel import Plugin\nclass Made(Plugin): pass\n{code}\n")
        return tmp_path / folder

    loader = DirectoryLoader()
    kernel.register(loader.read(place("old", "1.0.0", "") / "demo"))
    before = kernel.registry.snapshot()
    with pytest.raises(PluginLoadError):
        loader.load_into(place("new", "2.0.0", "raise OSError"), kernel)
    assert kernel.registry.snapshot() == before
    assert kernel.load("demo") == ("demo",)
