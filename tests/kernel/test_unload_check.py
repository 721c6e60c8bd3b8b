"""The check of a whole life of a plugin, and the fixture: each leak fails a test with its name."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import Plugin, PluginContext, PluginMetadata, PluginState, PluginUnloadError
from plugbus.kernel.testing import FakePlugin, FakeSource, UnloadCheck, fixtures

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

KEPT: list[object] = []
prove = fixtures.prove_unload


class Own(Plugin):
    metadata = PluginMetadata("own", "1.0.0")

    def __init__(self, do: Callable[[PluginContext], object] = lambda ctx: None) -> None:
        self._do = do

    def on_load(self, ctx: PluginContext) -> None:
        self._do(ctx)


def test_what_goes_without_a_trace_passes() -> None:
    with UnloadCheck(Own()) as check:
        assert check.plugin_id == "own"
        assert isinstance(check.kernel.get("own"), Own)
        assert check.load() is check
        proof = check.unload()
    assert proof.is_clean
    assert check.unload() is proof
    assert check.kernel.is_closed
    check.close()


def test_what_is_left_is_named_by_each_call() -> None:
    check = UnloadCheck(Own(KEPT.append)).load()
    for _ in range(2):
        with pytest.raises(AssertionError, match=r"(?s)1 left over.*context PluginContext.*global 'KEPT'"):
            check.unload()
    KEPT.clear()
    check.finish()


def test_what_is_allowed_may_be_left() -> None:
    with UnloadCheck(Own(KEPT.append), allow=["PluginContext"]) as check:
        pass
    assert check.unload().is_clean
    KEPT.clear()


def test_others_are_loaded_first_and_may_stay_as_they_are() -> None:
    needing = FakePlugin("needing", dependencies={"base": "*"})
    with UnloadCheck(needing, with_=[FakePlugin("base"), FakeSource(FakePlugin("more"))]) as check:
        assert check.kernel.list(PluginState.ACTIVE) == ("base", "more", "needing")


def test_it_is_given_its_configuration() -> None:
    seen: list[object] = []
    with UnloadCheck(Own(lambda ctx: seen.append(ctx.config)), config={"a": 1}):
        pass
    with UnloadCheck(Own(lambda ctx: seen.append(ctx.config))):
        pass
    assert seen == [{"a": 1}, {}]


def test_what_the_block_raises_is_raised_without_a_proof() -> None:
    with pytest.raises(ValueError, match="mine"), UnloadCheck(Own(KEPT.append)) as check:
        raise ValueError("mine")
    assert check.kernel.is_closed
    check.finish()
    KEPT.clear()


def test_a_failure_of_the_unload_is_raised() -> None:
    def fail(ctx: PluginContext) -> None:
        raise OSError("stuck")

    with pytest.raises(PluginUnloadError), UnloadCheck(FakePlugin("a", on_unload=fail)):
        pass


def test_a_folder_is_refused_with_where_it_can_be_given() -> None:
    with pytest.raises(TypeError, match=r"cannot load plugin folder 'plugins/a': .*prove_folder_unload"):
        UnloadCheck("plugins/a")  # type: ignore[arg-type] # that is the point


def test_what_the_process_has_more_is_named_though_no_reference_leads_to_it() -> None:
    stop = threading.Event()
    opened: list[int] = []

    def do(ctx: PluginContext) -> None:
        opened.extend(os.pipe())
        sys.path.append("/nowhere/own")
        threading.Thread(target=stop.wait, name="forgotten").start()

    with pytest.raises(AssertionError) as caught:
        UnloadCheck(Own(do)).load().unload()
    stop.set()
    sys.path.remove("/nowhere/own")
    for number in opened:
        os.close(number)
    text = str(caught.value)
    assert "thread thread forgotten of 'own'" in text
    assert "import path entry of sys.path /nowhere/own of 'own'" in text
    if sys.platform == "linux":
        assert text.count("file file descriptor ") == 2


def test_what_the_proof_has_told_is_not_told_again(tmp_path: Any) -> None:
    stop = threading.Event()

    class Opening(Plugin):
        metadata = PluginMetadata("opening", "1.0.0")

        def on_load(self, ctx: PluginContext) -> None:
            self.file = (tmp_path / "a.txt").open("w")
            threading.Thread(target=self.wait, name="worker").start()

        def wait(self) -> None:
            stop.wait()

    plugin = Opening()
    with pytest.raises(AssertionError, match="but 2 left over"):
        UnloadCheck(plugin).load().unload()
    stop.set()
    plugin.file.close()


def test_the_fixture_gives_a_test_what_proves_an_unload(prove: fixtures.ProveUnload) -> None:
    check = prove(Own())
    assert isinstance(check.kernel.get("own"), Own)


def test_a_block_ends_with_the_unload_of_what_was_not_unloaded_in_it() -> None:
    with fixtures.proving() as prove:
        later = prove(Own(), config={"a": 1}, allow=["PluginContext"])
        with prove(FakePlugin("a"), with_=[FakePlugin("b")]) as earlier:
            assert earlier.kernel.list(PluginState.ACTIVE) == ("a", "b")
        assert earlier.kernel.is_closed
        assert later.kernel.list(PluginState.ACTIVE) == ("own",)
    assert later.kernel.is_closed
    assert later.unload().is_clean


def test_a_block_ends_with_all_that_is_left_of_several_plugins() -> None:
    with pytest.raises(AssertionError, match="PluginContext"), fixtures.proving() as prove:
        prove(Own(KEPT.append))
    checks: list[UnloadCheck] = []
    several = pytest.raises(ExceptionGroup, match="several plugins did not go without a trace")
    with several as caught, fixtures.proving() as prove:
        checks += [prove(Own(KEPT.append)), prove(Own()), prove(Own(KEPT.append))]
    assert [type(one) for one in caught.value.exceptions] == [AssertionError] * 2
    assert [one.kernel.is_closed for one in checks] == [True] * 3
    KEPT.clear()


LEAKS = """
import atexit, logging, os, signal, socket, sys, threading, warnings, weakref
import pytest
from plugbus.kernel import Plugin, PluginMetadata

pytest_plugins = ["plugbus.kernel.testing.fixtures"]
KEPT = []


def leak_object(plugin, ctx): KEPT.append(plugin)
def leak_context(plugin, ctx): KEPT.append(ctx)
def leak_service(plugin, ctx):
    service = threading.Event()
    ctx.register_service("s", service)
    KEPT.append(service)
def leak_thread(plugin, ctx): threading.Thread(target=plugin.wait, daemon=True, name="worker").start()
def leak_file(plugin, ctx): plugin.file = open("x.txt", "w")
def leak_socket(plugin, ctx): plugin.socket = socket.socket()
def leak_descriptor(plugin, ctx): os.open(".", os.O_RDONLY)
def leak_exit_handler(plugin, ctx): atexit.register(plugin.on_load)
def leak_signal_handler(plugin, ctx): signal.signal(signal.SIGUSR1, plugin.hear)
def leak_finalizer(plugin, ctx): weakref.finalize(Plugin, plugin.save_state).atexit = False
def leak_finder(plugin, ctx): sys.meta_path.append(plugin)
def leak_path(plugin, ctx): sys.path.append("/nowhere")
def leak_hook(plugin, ctx): sys.excepthook = plugin.hear
def leak_log_filter(plugin, ctx): logging.getLogger("app").addFilter(plugin.hear)
def leak_class(plugin, ctx): warnings.simplefilter("ignore", type("Own", (UserWarning,), {"plugin": plugin}))


class Leaky(Plugin):
    metadata = PluginMetadata("leaky", "1.0.0")

    def __init__(self, leak): self.leak = leak
    def on_load(self, ctx): self.leak(self, ctx)
    def wait(self): threading.Event().wait()
    def hear(self, *args): return True
    def find_spec(self, *args): return None


LEAKS = [one for name, one in sorted(globals().items()) if name.startswith("leak_")]


@pytest.fixture(autouse=True)
def restored():
    hook = sys.excepthook
    yield
    KEPT.clear()
    sys.excepthook = hook
    sys.meta_path[:] = [one for one in sys.meta_path if not isinstance(one, Leaky)]
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)


@pytest.mark.parametrize("leak", LEAKS)
def test_block(prove_unload, leak):
    with prove_unload(Leaky(leak)) as loaded:
        assert loaded.kernel.get("leaky")


def test_end_of_test(prove_unload):
    prove_unload(Leaky(leak_object))


def test_two_at_the_end(prove_unload):
    prove_unload(Leaky(leak_object))
    prove_unload(Leaky(leak_context))


def test_clean(prove_unload):
    held = prove_unload(Leaky(lambda plugin, ctx: ctx.register_service("s", object())))
    service = held.kernel.services.get("s")
    with prove_unload(Leaky(lambda plugin, ctx: None)):
        pass
"""

NAMED = {
    "leak_object": "plugin ",
    "leak_context": "context PluginContext",
    "leak_service": "provided object 's'",
    "leak_thread": "thread 'worker'",
    "leak_file": "file TextIOWrapper 'x.txt'",
    "leak_socket": "socket socket (descriptor",
    "leak_descriptor": "file file descriptor",
    "leak_exit_handler": "exit handler ",
    "leak_signal_handler": "signal handler ",
    "leak_finalizer": "finalizer ",
    "leak_finder": "import hook ",
    "leak_path": "import path entry of sys.path /nowhere",
    "leak_hook": "hook ",
    "leak_log_filter": "logging ",
    "leak_class": "plugin ",
}


def test_the_fixture_fails_each_test_with_the_name_of_the_leak(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(LEAKS)
    done = pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider", "-W", "ignore", "--tb=short", timeout=100)
    done.assert_outcomes(failed=len(NAMED), passed=3, errors=2)
    text = done.stdout.str()
    for leak, words in NAMED.items():
        part = text.partition(f"_ test_block[{leak}] _")[2].partition("\n____")[0]
        assert f"E   {words}" in part, f"{leak}: {part or text}"
        assert "to do:" in part
    assert "several plugins did not go without a trace" in text
