"""State files: what comes back, what is refused, and that a kill at any step leaves the old state or the new one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import Kernel, Plugin, PluginLoadError, PluginMetadata, PluginUnloadError, SavedState
from plugbus.loaders import Host, JsonStateStore, StateFileError

if TYPE_CHECKING:
    from pathlib import Path

EVERYTHING: dict[str, Any] = {
    "text": 'ä\n"\\ \U0001f600',
    "numbers": [0, -1, 2**70, 0.1, 1e300, -0.0],
    "others": [True, False, None, [], {}],
    "nested": {"": {"a.b": [[1]]}},
}


def checked(store: JsonStateStore, plugin_id: str) -> str:
    """Return the text of the error that a read raises."""
    before = store.path(plugin_id).read_bytes()
    with pytest.raises(StateFileError) as caught:
        store.read(plugin_id)
    assert store.path(plugin_id).read_bytes() == before
    assert (caught.value.verb, caught.value.plugin_id) == ("read", plugin_id)
    assert str(caught.value).startswith(f"cannot read state of plugin '{plugin_id}' in '{store.path(plugin_id)}': ")
    return caught.value.cause


@pytest.fixture
def store(tmp_path: Path) -> JsonStateStore:
    return JsonStateStore(tmp_path / "deep" / "states")


def test_what_was_written_comes_back(store: JsonStateStore) -> None:
    assert store.read("a") is None
    saved = SavedState(EVERYTHING, "1.4", "2.0.0rc1")
    store.write("a", saved)
    assert store.read("a") == saved
    found = JsonStateStore(store.folder).read("a")
    assert found is not None
    assert found.origin == str(store.path("a"))
    assert [repr(one) for one in found.state["numbers"]] == [repr(one) for one in EVERYTHING["numbers"]]
    store.write("a", SavedState({"n": 2}, "1.4"))
    assert store.read("a") == SavedState({"n": 2}, "1.4")
    assert [one.name for one in store.folder.iterdir()] == ["a.json"]


def test_a_state_is_forgotten_when_it_is_discarded(store: JsonStateStore) -> None:
    store.discard("a")
    store.write("a", SavedState({"n": 1}, "1.0"))
    store.discard("a")
    assert store.read("a") is None


@pytest.mark.parametrize(
    ("state", "cause"),
    [
        ({"a": [1, {"b": {2}}]}, "'state.a[1].b' is a set, which JSON has no form for"),
        ({"a": (1, 2)}, "'state.a' is a tuple, which JSON has no form for"),
        ({"a": {1: 2}}, "'state.a' has the key 1, which is no text"),
        ({"a": float("nan")}, "'state.a' is nan, which JSON has no form for"),
        ({"a": float("-inf")}, "'state.a' is -inf, which JSON has no form for"),
        ({"a": b"x"}, "'state.a' is a bytes, which JSON has no form for"),
        ({"a": "\ud800"}, "'state.a' has a lone surrogate, which is no text"),
        ({"\ud800": 1}, "'state (a key)' has a lone surrogate, which is no text"),
    ],
)
def test_a_state_that_would_not_come_back_is_refused_and_the_one_before_stays(
    store: JsonStateStore, state: dict[str, Any], cause: str
) -> None:
    store.write("a", SavedState({"n": 1}, "1.0"))
    with pytest.raises(StateFileError) as caught:
        store.write("a", SavedState(state, "1.0"))
    assert caught.value.cause == cause
    assert str(caught.value).startswith(f"cannot write state of plugin 'a' in '{store.path('a')}': ")
    assert store.read("a") == SavedState({"n": 1}, "1.0")


def test_a_file_that_is_no_state_is_refused_and_stays(store: JsonStateStore) -> None:
    store.write("a", SavedState({"n": 1}, "1.0"))
    path = store.path("a")
    good = json.loads(path.read_text())

    def with_content(content: bytes | dict[str, Any] | list[object]) -> str:
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return checked(store, "a")

    assert with_content(b"{").startswith("it is no JSON: ")
    assert with_content(b"").startswith("it is no JSON: ")
    assert with_content(b'"\xff"').startswith("it is no JSON: ")
    assert with_content(b"[" * 100_000).startswith("it is no JSON: ")
    assert with_content([]) == "it holds a list, not an object"
    assert with_content({}) == (
        "'format', 'plugin', 'plugin_version', 'state_version', 'saved_at', 'checksum' should be text"
    )
    assert with_content({**good, "saved_at": 3}) == "'saved_at' should be text"
    newer = "its format has version 2.0, and version 1.0 is what this plugbus reads"
    assert with_content({**good, "format": "2.0"}) == newer
    assert with_content({**good, "format": "two"}).startswith("cannot read version 'two'")
    assert with_content({**good, "state_version": "two"}).startswith("cannot read version 'two'")
    damaged = "its checksum is wrong: it was changed, or damaged"
    for change in ({"state": {"n": 2}}, {"plugin_version": "9"}, {"checksum": "sha256:0"}, {"more": 1}):
        assert with_content({**good, **change}) == damaged
    path.write_text(json.dumps(good, sort_keys=True, indent=8))
    assert store.read("a") == SavedState({"n": 1}, "1.0"), "spaces and order don't matter"
    path.rename(store.path("b"))
    assert checked(store, "b") == "it is the state of plugin 'a'"


def test_a_state_that_is_no_object_is_refused(store: JsonStateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugbus.loaders.state_files._checksum", lambda document: "sha256:0")
    store.write("a", SavedState({"n": 1}, "1.0"))
    document = json.loads(store.path("a").read_text())
    store.path("a").write_text(json.dumps({**document, "state": [1]}))
    assert checked(store, "a") == "'state' should be an object"


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blocked = JsonStateStore(tmp_path / "file" / "states")
    with pytest.raises(StateFileError) as caught:
        blocked.write("a", SavedState({"n": 1}, "1.0"))
    assert isinstance(caught.value.__cause__, OSError)
    store = JsonStateStore(tmp_path)
    for plugin_id in ("a", "b"):
        (store.path(plugin_id) / "x").mkdir(parents=True)
    with pytest.raises(StateFileError, match="cannot read state of plugin 'a'"):
        store.read("a")
    with pytest.raises(StateFileError, match="cannot discard state of plugin 'a'"):
        store.discard("a")
    with pytest.raises(StateFileError, match="cannot write state of plugin 'a'"):
        store.write("a", SavedState({"n": 1}, "1.0"))
    assert not list(tmp_path.glob(".*")), "the temporary file is gone"


def test_what_an_interrupted_write_left_is_removed(store: JsonStateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write("a", SavedState({"n": 1}, "1.0"))

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.write("a", SavedState({"n": 2}, "1.0"))
    assert [one.name for one in store.folder.iterdir()] == ["a.json"]
    stray = store.folder / ".a.1234-0.tmp"
    stray.write_text("half")
    JsonStateStore(store.folder)
    assert not stray.exists()
    assert store.read("a") == SavedState({"n": 1}, "1.0")


def test_a_system_that_cannot_open_folders_is_written_to_as_well(
    store: JsonStateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write("b", SavedState({"n": 1}, "1.0"))
    monkeypatch.setattr("plugbus.loaders.atomic._SYNCS_FOLDERS", False)
    store.write("a", SavedState({"n": 1}, "1.0"))
    assert store.read("a") == SavedState({"n": 1}, "1.0")


CRASH = dedent(
    """
    import json, os, signal, sys
    from pathlib import Path
    from plugbus.kernel import SavedState
    from plugbus.loaders import JsonStateStore
    import plugbus.loaders.atomic as atomic, plugbus.loaders.state_files as module

    folder = Path(sys.argv[1])
    store = JsonStateStore(folder)
    old, new = SavedState({"n": "old " * 2000}, "1.0"), SavedState({"n": "new " * 3000}, "1.0")
    outcomes = []

    def killed_at(place):
        lines = 0

        def on_line(frame, event, argument):
            nonlocal lines
            if frame.f_code.co_filename not in (module.__file__, atomic.__file__):
                return None
            if event == "line":
                lines += 1
                if lines == place:
                    os.kill(os.getpid(), signal.SIGKILL)
            return on_line

        sys.settrace(on_line)
        store.write("a", new)
        sys.settrace(None)
        os._exit(0)

    place = 0
    while True:
        place += 1
        store.write("a", old)
        child = os.fork()
        if child == 0:
            killed_at(place)
        _, status = os.waitpid(child, 0)
        strays = len(list(folder.glob(".*.tmp")))
        found = JsonStateStore(folder).read("a")
        outcomes.append([found == old, found == new, strays, len(list(folder.iterdir()))])
        if os.WIFEXITED(status):
            break
    print(json.dumps(outcomes))
    """
)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_kill_at_any_step_of_a_write_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - this interpreter, code of a test
        [sys.executable, "-c", CRASH, str(tmp_path)], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert len(outcomes) > 40, "every line of a write was tried"
    assert all(is_old != is_new for is_old, is_new, _, _ in outcomes)
    kept = [is_new for _, is_new, _, _ in outcomes]
    assert kept == sorted(kept), "once the new state is there, it stays"
    assert (kept[0], kept[-1]) == (False, True)
    assert any(strays for _, _, strays, _ in outcomes), "some kills leave a temporary file"
    assert {files for _, _, _, files in outcomes} == {1}, "the next store removes it"


STORM = dedent(
    """
    import sys
    from pathlib import Path
    from plugbus.kernel import SavedState
    from plugbus.loaders import JsonStateStore
    store = JsonStateStore(Path(sys.argv[1]))
    print("ready", flush=True)
    n = 0
    while True:
        n += 1
        store.write("a", SavedState({"n": n, "again": [n] * 5000}, "1.0"))
    """
)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("delay_s", [0.0, 0.013, 0.031])
def test_a_kill_at_any_time_leaves_a_whole_state(tmp_path: Path, delay_s: float) -> None:
    first = JsonStateStore(tmp_path)
    first.write("a", SavedState({"n": 0, "again": []}, "1.0"))
    with subprocess.Popen([sys.executable, "-c", STORM, str(tmp_path)], stdout=subprocess.PIPE) as process:  # noqa: S603 - as above
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(delay_s)
        process.kill()
    found = JsonStateStore(tmp_path).read("a")
    assert found is not None
    assert set(found.state["again"]) <= {found.state["n"]}
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]


CODE = """
from plugbus.kernel import Plugin

class Counter(Plugin):
    state_version = "{version}"
    count = 0

    def on_load(self, ctx):
        ctx.register_service("counter", self)

    def save_state(self):
        return {{"count": self.count}}

    def restore_state(self, state):
        self.count = state["count"]
"""


def test_a_host_keeps_the_states_of_its_plugins(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "counter"
    folder.mkdir(parents=True)
    (folder / "plugin.yaml").write_text('id: counter\nversion: "1.0.0"\nentrypoint: plugin:Counter\n')
    (folder / "plugin.py").write_text(CODE.format(version="1.0"))
    host_file = tmp_path / "plugbus.yaml"
    host_file.write_text("plugins: {folders: [plugins]}\nstate: kept/states\n")
    for expected in (0, 1, 2):
        with Host.from_file(host_file) as host:
            host.kernel.load("counter")
            counter: Any = host.kernel.services.get("counter")
            assert counter.count == expected
            counter.count += 1
    assert (tmp_path / "kept" / "states" / "counter.json").is_file()
    (folder / "plugin.py").write_text(CODE.format(version="2.0"))
    with Host.from_file(host_file) as host:
        with pytest.raises(PluginLoadError, match=r"from '.*counter.json': it has version 1.0, and version 2.0 is"):
            host.kernel.load("counter")
        assert host.state_store is not None
        host.state_store.discard("counter")
        host.kernel.load("counter")
    host_file.write_text("plugins: {folders: [plugins]}\n")
    with Host.from_file(host_file) as host:
        assert host.state_store is None


def test_a_state_that_cannot_be_written_is_a_failure_of_the_unload(store: JsonStateStore) -> None:
    class Odd(Plugin):
        metadata = PluginMetadata("odd", "1.0.0")

        def save_state(self) -> dict[str, Any]:
            return {"when": object()}

    kernel = Kernel(state_store=store)
    kernel.load(kernel.register(Odd()))
    with pytest.raises(PluginUnloadError) as caught:
        kernel.unload("odd")
    (error,) = caught.value.exceptions
    assert isinstance(error, StateFileError)
    assert error.cause == "'state.when' is a object, which JSON has no form for"
