"""The host: a kernel with the plugins that a file names, and every fault of that file at its place."""

from __future__ import annotations

import sys
from textwrap import dedent
from threading import Event
from threading import enumerate as enumerate_threads
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from plugbus.kernel import PluginExcludedError, PluginLoadError, PluginState
from plugbus.loaders import HOST_FILE_NAME, DocumentError, Host, HostSettings, PluginFolderError

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = """
    from plugbus.kernel import Plugin
    class Made(Plugin): pass
"""
SERVING = """
    from plugbus.kernel import Capability, Plugin
    class Made(Plugin):
        def on_load(self, ctx):
            ctx.provide(Capability("greeter", contract=object), ctx.plugin_id)
"""
CONFIGURED = """
    from typing import Literal
    from pydantic import BaseModel, ConfigDict, Field
    from plugbus.kernel import Plugin
    class Inner(BaseModel):
        model_config = ConfigDict(extra="forbid")
        port: int = Field(80, gt=0)
    class Config(BaseModel):
        model_config = ConfigDict(extra="forbid")
        level: Literal["low", "high"] = "low"
        servers: list[Inner] = []
        token: str
    class Made(Plugin):
        config_model = Config
        loaded = False
        def on_load(self, ctx):
            type(self).loaded = True
            self.config = ctx.config
"""


def write(root: Path, plugin_id: str, manifest: str = "", code: str = PLAIN) -> Path:
    folder = root / plugin_id
    folder.mkdir(parents=True)
    text = f'id: {plugin_id}\nversion: "1.0.0"\nentrypoint: plugin:Made\n{manifest}'
    (folder / "plugin.yaml").write_text(text, encoding="utf-8")
    (folder / "plugin.py").write_text(dedent(code), encoding="utf-8")
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with three plugins in ``plugins``."""
    for plugin_id in ("alpha", "beta", "gamma"):
        write(tmp_path / "plugins", plugin_id)
    return tmp_path


def host_file(root: Path, text: str) -> Path:
    path = root / HOST_FILE_NAME
    path.write_text(dedent(text), encoding="utf-8")
    return path


def faults(root: Path, text: str) -> list[str]:
    """Return the faults that keep a host from being made, each without the path of the file."""
    path = host_file(root, text)
    with pytest.raises(DocumentError) as refused:
        Host.from_file(path)
    told = [str(fault) for fault in refused.value.faults]
    assert all(one.startswith(f"{path}:") for one in told)
    return [one.removeprefix(f"{path}:") for one in told]


# Without a file


def test_a_host_without_a_file_uses_what_is_built_in(root: Path) -> None:
    with Host(builtin=[root / "plugins"]) as host:
        assert host.kernel.list() == ("alpha", "beta", "gamma")
        assert host.kernel.list(PluginState.ACTIVE) == (), "nothing is loaded before it is asked for"
        assert [one.metadata.id for one in host.sources] == ["alpha", "beta", "gamma"]
        assert (host.broken, host.disabled) == ((), ())
        assert host.settings.artifacts is None


def test_a_built_in_folder_that_is_missing_is_the_programs_fault(tmp_path: Path) -> None:
    with pytest.raises(PluginFolderError, match="nowhere"):
        Host(builtin=[tmp_path / "nowhere"])


# The file


def test_relative_paths_are_relative_to_the_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "conf").mkdir()
    path = host_file(root / "conf", "plugins: {folders: [../plugins]}\nartifacts: out\n")
    monkeypatch.chdir(root)
    with Host.from_file(path.relative_to(root)) as host:
        assert host.kernel.list() == ("alpha", "beta", "gamma")
        assert host.settings.artifacts == root / "conf" / "out"
        assert host.settings.folders == (root / "conf" / "../plugins",)


def test_an_empty_file_is_a_host_of_defaults(root: Path) -> None:
    with Host.from_file(host_file(root, "")) as host:
        assert host.kernel.list() == ()


def test_enabled_names_all_that_is_used(root: Path) -> None:
    path = host_file(root, "plugins: {folders: [plugins], enabled: [beta]}")
    with Host.from_file(path) as host:
        assert host.kernel.list() == ("beta",)
        assert [one.metadata.id for one in host.disabled] == ["alpha", "gamma"]


def test_an_empty_list_of_enabled_plugins_enables_none(root: Path) -> None:
    with Host.from_file(host_file(root, "plugins: {folders: [plugins], enabled: []}")) as host:
        assert host.kernel.list() == ()


def test_disabled_wins_over_enabled(root: Path) -> None:
    path = host_file(root, "plugins: {folders: [plugins], enabled: [alpha, beta], disabled: [beta]}")
    with Host.from_file(path) as host:
        assert host.kernel.list() == ("alpha",)
        assert [one.metadata.id for one in host.disabled] == ["beta", "gamma"]


def test_preferences_choose_among_several_providers(tmp_path: Path) -> None:
    for plugin_id in ("first", "second"):
        write(tmp_path / "plugins", plugin_id, "provides: [greeter]\n", SERVING)
    for preferred in ("first", "second"):
        text = f"plugins: {{folders: [plugins]}}\npreferences: {{greeter: {preferred}}}\n"
        with Host.from_file(host_file(tmp_path, text)) as host:
            host.kernel.load_all()
            assert host.kernel.services.get("greeter") == preferred


def test_every_fault_of_form_is_told_at_once(root: Path) -> None:
    text = """\
        plugin: {folders: [plugins]}
        plugins:
          folders: plugins
          enabeld: [alpha]
        preferences: {"executor(": alpha, tracking: 7}
        config: {alpha: 3}
        artifacts: [a]
    """
    assert faults(root, text) == [
        "1:1: plugin: unknown key 'plugin'; did you mean 'plugins'?",
        "3:12: plugins.folders: expected a list, not text",
        "4:3: plugins.enabeld: unknown key 'enabeld'; did you mean 'enabled'?",
        "5:15: preferences.executor(: cannot name capability 'executor(': expected name or name(qualifier)",
        '5:45: preferences.tracking: expected text, not the number 7; quote it: "7"',
        "6:17: config.alpha: expected a mapping, not the number 3",
        "7:12: artifacts: expected text, not a list",
    ]


def test_every_plugin_that_is_not_there_is_told_at_its_place_with_near_names(root: Path) -> None:
    text = """\
        plugins:
          folders: [plugins]
          enabled: [alpha, betta]
          disabled:
            - gama
        preferences:
          executor: nobody
        config:
          alfa: {}
    """
    assert faults(root, text) == [
        "3:20: plugins.enabled[1]: no plugin 'betta' was found; did you mean 'beta'?",
        "5:7: plugins.disabled[0]: no plugin 'gama' was found; did you mean 'gamma'?",
        "7:3: preferences.executor: no plugin 'nobody' was found",
        "9:3: config.alfa: no plugin 'alfa' was found; did you mean 'alpha'?",
    ]


def test_every_folder_that_is_not_there_is_told_at_its_place(root: Path) -> None:
    told = faults(root, "plugins: {folders: [nowhere, plugins, neither]}")
    assert told == [
        f"1:21: plugins.folders[0]: cannot search plugin folder '{root / 'nowhere'}': No such file or directory",
        f"1:39: plugins.folders[2]: cannot search plugin folder '{root / 'neither'}': No such file or directory",
    ]


def test_folders_of_the_file_are_told_by_their_own_count_beside_built_in_ones(root: Path) -> None:
    path = host_file(root, "plugins: {folders: [nowhere]}")
    with pytest.raises(DocumentError) as refused:
        Host.from_file(path, builtin=[root / "plugins"])
    (fault,) = refused.value.faults
    assert str(fault).startswith(f"{path}:1:21: plugins.folders[0]: ")


def test_a_host_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"cannot read document '.*plugbus\.yaml': no such file or directory"):
        HostSettings.read(tmp_path / HOST_FILE_NAME)


# Broken plugins


def test_a_broken_plugin_is_listed_and_hides_no_other(root: Path) -> None:
    write(root / "plugins", "broken", "colour: red\n")
    with Host.from_file(host_file(root, "plugins: {folders: [plugins]}")) as host:
        assert host.kernel.list() == ("alpha", "beta", "gamma")
        (broken,) = host.broken
        assert broken.path == root / "plugins" / "broken"
        assert "plugin.yaml:4:1: colour: unknown key 'colour'" in str(broken.error)


def test_a_broken_plugin_may_be_named_in_the_file(root: Path) -> None:
    write(root / "plugins", "broken", "colour: red\n")
    text = "plugins: {folders: [plugins], disabled: [broken]}\nconfig: {broken: {}}"
    with Host.from_file(host_file(root, text)) as host:
        assert len(host.broken) == 1


def test_a_second_plugin_of_one_id_is_broken_and_names_both_origins(root: Path) -> None:
    twin = write(root / "more", "alpha")
    with Host.from_file(host_file(root, "plugins: {folders: [plugins, more]}")) as host:
        (broken,) = host.broken
        assert broken.path == twin
        assert "cannot register plugin 'alpha'" in str(broken.error)
        assert str(root / "plugins" / "alpha") in str(broken.error)
        assert host.kernel.registry.record("alpha").origin == str(root / "plugins" / "alpha")


def test_a_plugin_that_raises_leaves_the_others_working(root: Path) -> None:
    code = "from plugbus.kernel import Plugin\nclass Made(Plugin):\n def on_load(self, ctx): raise ValueError('boom')\n"
    write(root / "plugins", "crash", code=code)
    write(root / "plugins", "user", "dependencies: {crash: '*'}\n")
    with Host.from_file(host_file(root, "plugins: {folders: [plugins]}")) as host:
        report = host.kernel.load_all()
        assert report.loaded == ("alpha", "beta", "gamma")
        assert report.failed["crash"].step == "on_load"
        assert "boom" in report.failed["crash"].message
        assert "'crash'" in report.failed["user"].message


# Configuration


def test_configuration_is_handed_over_as_an_object_of_the_plugins_model(tmp_path: Path) -> None:
    write(tmp_path / "plugins", "demo", code=CONFIGURED)
    text = """\
        plugins: {folders: [plugins]}
        config:
          demo:
            token: abc
            servers: [{port: 8080}, {}]
    """
    with Host.from_file(host_file(tmp_path, text)) as host:
        host.kernel.load("demo")
        config = vars(host.kernel.get("demo"))["config"]
        assert config.model_dump() == {"level": "low", "servers": [{"port": 8080}, {"port": 80}], "token": "abc"}


def test_wrong_configuration_is_told_at_its_place_and_on_load_never_runs(tmp_path: Path) -> None:
    write(tmp_path / "plugins", "demo", code=CONFIGURED)
    write(tmp_path / "plugins", "other")
    text = """\
        plugins: {folders: [plugins]}
        config:
          demo:
            level: medium
            servers:
              - {port: 8080}
              - port: 0
                prot: 1
    """
    path = host_file(tmp_path, text)
    with Host.from_file(path) as host:
        with pytest.raises(PluginLoadError) as failed:
            host.kernel.load("demo")
        assert failed.value.step == "configure"
        cause = failed.value.__cause__
        assert isinstance(cause, DocumentError)
        assert [str(fault) for fault in cause.faults] == [
            f"{path}:4:5: config.demo: missing key 'token'",
            f"{path}:4:12: config.demo.level: should be 'low' or 'high'",
            f"{path}:7:15: config.demo.servers[1].port: should be greater than 0",
            f"{path}:8:9: config.demo.servers[1].prot: unknown key 'prot'; did you mean 'port'?",
        ]
        assert not any(name.startswith("plugbus_plugin_demo") for name in sys.modules), "its code is gone again"
        assert host.kernel.load("other") == ("other",)


def test_configuration_that_is_missing_altogether_is_told_where_it_would_stand(tmp_path: Path) -> None:
    write(tmp_path / "plugins", "demo", code=CONFIGURED)
    path = host_file(tmp_path, "plugins: {folders: [plugins]}\nconfig:\n  {}\n")
    with Host.from_file(path) as host:
        with pytest.raises(PluginLoadError) as failed:
            host.kernel.load("demo")
        assert f"{path}:3:3: config.demo: missing key 'token'" in str(failed.value.__cause__)


def test_a_plugin_without_a_model_gets_its_configuration_as_it_stands(root: Path) -> None:
    code = "from plugbus.kernel import Plugin\nclass Made(Plugin):\n def on_load(self, ctx): self.config = ctx.config\n"
    write(root / "plugins", "plain", code=code)
    text = "plugins: {folders: [plugins]}\nconfig: {plain: {a: [1, {b: x}]}}"
    with Host.from_file(host_file(root, text)) as host:
        host.kernel.load("plain")
        assert vars(host.kernel.get("plain"))["config"] == {"a": [1, {"b": "x"}]}


# Life


def test_closing_a_host_unloads_everything_and_is_idempotent(root: Path) -> None:
    host = Host(builtin=[root / "plugins"])
    host.kernel.load_all()
    loaded = {name for name in sys.modules if name.startswith("plugbus_plugin_")}
    assert len(loaded) >= 3
    host.close()
    host.close()
    assert host.kernel.is_closed
    assert not loaded & set(sys.modules)


def test_two_hosts_of_one_file_share_nothing(root: Path) -> None:
    path = host_file(root, "plugins: {folders: [plugins]}")
    sys_path = list(sys.path)
    with Host.from_file(path) as one, Host.from_file(path) as other:
        one.kernel.load("alpha")
        assert other.kernel.list(PluginState.ACTIVE) == ()
        other.kernel.load("alpha")
        assert type(one.kernel.get("alpha")) is not type(other.kernel.get("alpha"))
        one.close()
        assert other.kernel.list(PluginState.ACTIVE) == ("alpha",)
    assert sys.path == sys_path


def test_a_host_loads_on_demand_where_its_file_says_so(tmp_path: Path) -> None:
    provides = "provides:\n  - greeter\n"
    write(tmp_path / "plugins", "alpha", provides, SERVING)
    path = host_file(tmp_path, "plugins: {folders: [plugins]}\nactivate_on_demand: true\n")
    with Host.from_file(path) as host:
        assert host.kernel.services.get("greeter") == "alpha"
    path = host_file(tmp_path, "plugins: {folders: [plugins]}\n")
    with Host.from_file(path) as host:
        assert host.kernel.services.find("greeter") is None


def test_a_host_quarantines_where_its_file_says_so(tmp_path: Path) -> None:
    write(tmp_path / "plugins", "alpha", code="raise OSError('no device')")
    path = host_file(tmp_path, "plugins: {folders: [plugins]}\nquarantine_after: 2\n")
    with Host.from_file(path) as host:
        for _ in range(2):
            with pytest.raises(PluginLoadError):
                host.kernel.load("alpha")
        with pytest.raises(PluginExcludedError):
            host.kernel.load("alpha")
    assert "quarantine_after" in faults(tmp_path, "quarantine_after: 0\n")[0]


def test_a_host_sets_deadlines_where_its_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = ModuleType("gate_of_the_test")
    monkeypatch.setitem(sys.modules, gate.__name__, gate)
    may_end = gate.__dict__["may_end"] = Event()
    threads = set(enumerate_threads())
    write(tmp_path / "plugins", "alpha", code="import gate_of_the_test\ngate_of_the_test.may_end.wait(30)\n")
    write(tmp_path / "plugins", "beta")
    text = "plugins: {folders: [plugins]}\ndeadlines: {default_s: 30, plugins: {alpha: {open: 0.1}}}\n"
    with Host.from_file(host_file(tmp_path, text)) as host:
        assert list(host.kernel.load_all().failed) == ["alpha"]
        assert [one.hook for one in host.kernel.report().hung] == ["open"]
        may_end.set()
        for one in set(enumerate_threads()) - threads:
            one.join(30)


def test_deadlines_of_a_host_file_that_make_no_sense_are_refused(root: Path) -> None:
    folders = "plugins: {folders: [plugins]}\n"
    assert "no plugin 'alfa' was found" in faults(root, f"{folders}deadlines: {{plugins: {{alfa: {{open: 1}}}}}}")[0]
    for text in ("{hooks: {on_lod: 1}}", "{default_s: 0}", "{default_s: soon}"):
        assert faults(root, f"{folders}deadlines: {text}")


def test_a_preference_for_a_plugin_that_does_not_provide_it_is_refused(tmp_path: Path) -> None:
    for plugin_id in ("alpha", "beta"):
        write(tmp_path / "plugins", plugin_id, "provides: [greeter]\n", SERVING)
    write(tmp_path / "plugins", "gamma", "provides: [greeting]\n")
    write(tmp_path / "plugins", "delta", "provides: [door]\n")
    start = "plugins: {folders: [plugins]}\npreferences: "
    assert faults(tmp_path, f"{start}{{greeter: gamma}}") == [
        "2:15: preferences.greeter: plugin 'gamma' does not provide it; 'alpha' and 'beta' do"
    ]
    assert faults(tmp_path, f"{start}{{door: gamma}}") == [
        "2:15: preferences.door: plugin 'gamma' does not provide it; 'delta' does"
    ]
    assert faults(tmp_path, f"{start}{{greetings: gamma}}") == [
        "2:15: preferences.greetings: plugin 'gamma' does not provide it; did you mean 'greeting'?"
    ]
