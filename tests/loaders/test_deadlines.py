"""Deadlines on hooks: what is given up, what is undone, what is refused to it afterwards, and what is told."""

from __future__ import annotations

import _thread
import sys
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    CapabilityProvided,
    HookTimeoutError,
    HungHook,
    Kernel,
    KernelEvent,
    PluginContext,
    PluginExcludedError,
    PluginFailed,
    PluginLoadError,
    PluginState,
    PluginStateError,
    PluginUnloadError,
    SwapError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, Gate, LeakCheck, RecordedEvents
from plugbus.loaders import DeadlineRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SHORT = 0.05
LONG = 60.0
COLOUR: ContextVar[str] = ContextVar("colour", default="none")
STORE: Capability[dict[str, str]] = Capability("store", contract=dict)


class Hang:
    """Hold the thread that calls it until the end of the test; then do what was asked for, and say so."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.is_over = threading.Event()
        self.afterwards: Callable[[], object] | None = None
        self.refused: list[BaseException] = []

    def __call__(self, *args: object) -> None:
        if not self.go_on.wait(LONG):
            raise AssertionError("nobody let it go on")
        try:
            if self.afterwards is not None:
                self.afterwards()
        except PluginStateError as error:
            self.refused.append(error)
        finally:
            self.is_over.set()

    def end(self) -> None:
        """Let it go on, and wait for its end."""
        self.go_on.set()
        assert self.is_over.wait(LONG)


@pytest.fixture
def hang() -> Iterator[Hang]:
    hang = Hang()
    yield hang
    hang.go_on.set()


def wait_until_none_hangs(runner: DeadlineRunner) -> None:
    for thread in threading.enumerate():
        if thread.daemon and " of " in thread.name:
            thread.join(LONG)
    assert runner.hung == ()


class Stateful(FakePlugin):
    """Saves and restores what it is told to."""

    def __init__(self, plugin_id: str, version: str, **hooks: Callable[[], object]) -> None:
        super().__init__(plugin_id, version)
        self._hooks = hooks

    def save_state(self) -> Mapping[str, Any]:
        self._hooks.get("save_state", lambda: None)()
        return {"count": 1}

    def restore_state(self, state: Mapping[str, Any]) -> None:
        self._hooks.get("restore_state", lambda: None)()


def test_a_hook_that_returns_in_time_does_what_it_does_without_a_deadline() -> None:
    kernel = Kernel(run_hook=DeadlineRunner(LONG), config={"a": {"colour": "red"}})
    plugin = FakePlugin("a", provides={STORE: {"of": "a"}})
    kernel.register(plugin)
    with LeakCheck(kernel):
        kernel.load("a")
        assert plugin.ctx is not None
        assert plugin.ctx.config == {"colour": "red"}
        assert kernel.services.get(STORE) == {"of": "a"}
        kernel.unload("a")
    assert plugin.calls == ["on_load", "on_unload"]
    assert kernel.report().hung == ()


def test_hooks_run_in_threads_of_their_own_with_the_callers_context_variables() -> None:
    seen: list[tuple[str, int]] = []

    def note(*args: object) -> None:
        seen.append((COLOUR.get(), threading.get_ident()))
        COLOUR.set("changed in the hook")

    token = COLOUR.set("red")
    try:
        kernel = Kernel(run_hook=DeadlineRunner(LONG))
        kernel.register(FakePlugin("a", on_load=note, on_unload=note))
        kernel.load("a")
        kernel.unload("a")
        assert COLOUR.get() == "red"
    finally:
        COLOUR.reset(token)
    assert [colour for colour, _ in seen] == ["red", "red"]
    assert threading.get_ident() not in {thread for _, thread in seen}


def test_a_hook_without_a_deadline_is_called_in_the_callers_thread() -> None:
    threads: list[int] = []
    note: Callable[..., None] = lambda *args: threads.append(threading.get_ident())  # noqa: E731 - as a hook
    kernel = Kernel(run_hook=DeadlineRunner(plugins={"b": {"on_load": LONG}}))
    kernel.register(FakePlugin("a", on_load=note))
    kernel.register(FakePlugin("b", on_load=note))
    kernel.load("a", "b")
    assert [one == threading.get_ident() for one in threads] == [True, False]


def test_the_deadline_of_a_plugin_goes_before_that_of_a_hook_and_this_before_the_general_one() -> None:
    runner = DeadlineRunner(1, hooks={"on_load": 2}, plugins={"a": {"on_load": 3, "open": 4}})
    asked = [("a", "on_load"), ("a", "open"), ("a", "on_unload"), ("b", "on_load"), ("b", "open")]
    assert [runner.limit_s(*one) for one in asked] == [3, 4, 1, 2, 1]
    assert DeadlineRunner(hooks={"open": 5}).limit_s("a", "on_load") is None


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        ({"default_s": 0}, "0 s is no time; give more than 0, and None for no deadline"),
        ({"hooks": {"open": -1}}, "-1 s is no time"),
        ({"plugins": {"a": {"open": float("nan")}}}, "nan s is no time"),
        ({"default_s": float("inf")}, "inf s is no time"),
        ({"hooks": {"on_lod": 1}}, "there is no hook 'on_lod'; there are open, configure, on_load, on_unload, save_"),
        ({"plugins": {"a": {"x": 1}}}, "there is no hook 'x'"),
    ],
)
def test_deadlines_that_make_no_sense_are_refused(arguments: dict[str, Any], cause: str) -> None:
    with pytest.raises(ValueError, match="cannot set deadlines: ") as caught:
        DeadlineRunner(**arguments)
    assert cause in str(caught.value)


@pytest.mark.parametrize("error", [OSError("no device"), KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_what_a_hook_raises_reaches_the_caller(error: BaseException) -> None:
    def on_load(ctx: PluginContext) -> None:
        raise error

    kernel = Kernel(run_hook=DeadlineRunner(LONG))
    kernel.register(FakePlugin("a", on_load=on_load))
    with pytest.raises((PluginLoadError, KeyboardInterrupt, SystemExit)) as caught:
        kernel.load("a")
    assert error in (caught.value, caught.value.__cause__)


def test_on_load_that_hangs_is_given_up_and_all_that_it_did_is_undone(hang: Hang) -> None:
    runner = DeadlineRunner(hooks={"on_load": SHORT})
    kernel = Kernel(run_hook=runner)
    undone: list[str] = []
    plugin = FakePlugin(
        "a",
        provides={STORE: {}},
        services={"extra": 1},
        subscriptions=["*"],
        undo=[lambda: undone.append("a")],
        on_load=hang,
    )
    kernel.register(FakePlugin("base"))
    kernel.register(plugin)
    kernel.register(FakePlugin("other"))
    before = kernel.services.keys, kernel.bus.subscriptions, set(sys.modules)
    with RecordedEvents(kernel.bus, KernelEvent) as seen, pytest.raises(PluginLoadError) as caught:
        kernel.load("base", "a")
    error = caught.value.__cause__
    assert isinstance(error, HookTimeoutError)
    assert (error.plugin_id, error.hook, error.seconds) == ("a", "on_load", SHORT)
    assert f"{threading.__file__}:" in error.doing
    assert error.doing.endswith(" in wait")
    assert caught.value.step == "on_load"
    assert (kernel.services.keys, kernel.bus.subscriptions, set(sys.modules)) == before
    assert undone == ["a"]
    assert kernel.registry.record("a").state is PluginState.FAILED
    assert kernel.registry.record("base").state is PluginState.REGISTERED
    assert [one.error for one in seen.of(PluginFailed)] == [error]
    assert seen.of(CapabilityProvided) == ()
    # The host goes on, and the hung hook is listed until it ends.
    assert kernel.load("other") == ("other",)
    (hung,) = kernel.report().hung
    assert (hung.plugin_id, hung.hook) == ("a", "on_load")
    assert hung.running_s >= SHORT
    assert str(hung).startswith("on_load of 'a' hangs since ")
    assert str(hung) in str(kernel.report()) or "on_load of 'a' hangs" in str(kernel.report())
    assert kernel.report().as_dict()["hung"][0]["hook"] == "on_load"
    hang.end()
    wait_until_none_hangs(runner)
    assert kernel.report().hung == ()


@pytest.mark.parametrize(
    "late",
    [
        lambda ctx: ctx.provide(STORE, {}),
        lambda ctx: ctx.register_service("late", 1),
        lambda ctx: ctx.subscribe("*", print),
        lambda ctx: ctx.publish(CapabilityProvided("store", "a")),
        lambda ctx: ctx.get(STORE),
        lambda ctx: ctx.get_service("store"),
        lambda ctx: ctx.all(STORE),
        lambda ctx: ctx.on_unload(print),
    ],
    ids=["provide", "register_service", "subscribe", "publish", "get", "get_service", "all", "on_unload"],
)
def test_a_hook_that_was_given_up_is_refused_everything(hang: Hang, late: Callable[[PluginContext], object]) -> None:
    plugin = FakePlugin("a", on_load=hang)
    kernel = Kernel(run_hook=DeadlineRunner(hooks={"on_load": SHORT}))
    kernel.register(plugin)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    ctx = plugin.ctx
    assert ctx is not None
    hang.afterwards = lambda: late(ctx)
    hang.end()
    (error,) = hang.refused
    assert "'a': it is " in str(error)
    assert (kernel.services.keys, kernel.bus.subscriptions) == ((), ())


@pytest.mark.parametrize("hook", ["open", "configure"])
def test_a_load_that_hangs_before_on_load_fails(hang: Hang, hook: str) -> None:
    plugin = FakePlugin("a")
    source = FakeSource(plugin, on_open=hang if hook == "open" else None)
    kernel = Kernel(
        run_hook=DeadlineRunner(hooks={hook: SHORT}), configure=hang if hook == "configure" else lambda *args: {}
    )
    kernel.register(source)
    with pytest.raises(PluginLoadError) as caught:
        kernel.load("a")
    assert isinstance(caught.value.__cause__, HookTimeoutError)
    assert (caught.value.step, plugin.calls) == (hook, [])
    assert kernel.registry.record("a").state is PluginState.FAILED
    hang.end()


def test_a_source_whose_open_hangs_is_closed_when_that_ends_and_not_opened_before(hang: Hang) -> None:
    runner = DeadlineRunner(hooks={"open": SHORT})
    source = FakeSource(FakePlugin("a"), on_open=hang)
    kernel = Kernel(run_hook=runner)
    kernel.register(source)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    assert (source.opened, source.closed) == (1, 0)
    with pytest.raises(PluginLoadError, match="it is still being opened by a load that was given up"):
        kernel.load("a")
    assert (source.opened, source.closed) == (1, 0)
    hang.end()
    wait_until_none_hangs(runner)
    assert (source.opened, source.closed, source.is_open) == (1, 1, False)
    assert kernel.load("a") == ("a",)
    kernel.unload("a")
    assert (source.opened, source.closed, source.breaches) == (2, 2, [])


def test_a_source_that_was_given_up_before_its_thread_began_is_not_opened() -> None:
    calls: list[Callable[[], object]] = []

    def give_up(plugin_id: str, hook: str, call: Callable[[], Any], /) -> Any:
        calls.append(call)
        raise HookTimeoutError(plugin_id, hook, 1.0)

    source = FakeSource(FakePlugin("a"))
    kernel = Kernel(run_hook=give_up)
    kernel.register(source)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    with pytest.raises(PluginStateError, match="its load was given up before it began"):
        calls[0]()
    assert (source.opened, source.closed) == (0, 0)
    assert kernel.report().hung == ()


def test_an_open_that_fails_is_closed() -> None:
    def fail() -> None:
        raise OSError("no device")

    source = FakeSource(FakePlugin("a"), on_open=fail)
    kernel = Kernel(run_hook=DeadlineRunner(LONG))
    kernel.register(source)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    assert (source.opened, source.closed, source.breaches) == (1, 1, [])


def test_on_unload_that_hangs_is_a_failure_and_the_unload_completes(hang: Hang) -> None:
    runner = DeadlineRunner(hooks={"on_unload": SHORT})
    kernel = Kernel(run_hook=runner)
    undone: list[str] = []
    plugin = FakePlugin("a", provides={STORE: {}}, on_unload=hang, undo=[lambda: undone.append("a")])
    source = FakeSource(plugin)
    kernel.register(source)
    kernel.load("a")
    with pytest.raises(PluginUnloadError) as caught:
        kernel.unload("a")
    (error,) = caught.value.exceptions
    assert isinstance(error, HookTimeoutError)
    assert (kernel.registry.record("a").state, undone, source.closed) == (PluginState.REGISTERED, ["a"], 1)
    assert [one.hook for one in runner.hung] == ["on_unload"]
    hang.end()
    wait_until_none_hangs(runner)


def test_a_shutdown_completes_though_a_hook_hangs(hang: Hang) -> None:
    kernel = Kernel(run_hook=DeadlineRunner(SHORT))
    kernel.register(FakePlugin("a", on_unload=hang))
    kernel.register(FakePlugin("b"))
    kernel.load("a", "b")
    with pytest.raises(PluginUnloadError):
        kernel.shutdown()
    assert kernel.list(PluginState.ACTIVE) == ()


@pytest.mark.parametrize("hook", ["save_state", "restore_state"])
def test_a_state_hook_that_hangs_leaves_the_old_plugin_serving(hang: Hang, hook: str) -> None:
    kernel = Kernel(run_hook=DeadlineRunner(hooks={hook: SHORT}))
    old, new = Stateful("a", "1.0.0", save_state=hang), Stateful("a", "2.0.0", restore_state=hang)
    if hook == "restore_state":
        old = Stateful("a", "1.0.0")
    kernel.register(old)
    kernel.load("a")
    with pytest.raises(SwapError) as caught:
        kernel.swap("a", new)
    assert isinstance(caught.value.__cause__, HookTimeoutError)
    assert caught.value.step == "hand_over"
    assert kernel.get("a") is old
    hang.end()


def test_a_hook_that_hangs_counts_for_the_quarantine(hang: Hang) -> None:
    kernel = Kernel(run_hook=DeadlineRunner(hooks={"on_load": SHORT}), quarantine_after=2)
    kernel.register(FakePlugin("a", on_load=hang))
    for _ in range(2):
        with pytest.raises(PluginLoadError):
            kernel.load("a")
    with pytest.raises(PluginExcludedError, match="2 loads in a row failed, the last in on_load: HookTimeoutError"):
        kernel.load("a")


def test_a_hook_in_its_thread_is_inside_the_change() -> None:
    kernel = Kernel(run_hook=DeadlineRunner(LONG))
    refused: list[PluginStateError] = []

    def on_load(ctx: PluginContext) -> None:
        kernel.load("other")
        with pytest.raises(PluginStateError) as caught:
            kernel.unload("a")
        refused.append(caught.value)

    kernel.register(FakePlugin("other"))
    kernel.register(FakePlugin("a", on_load=on_load))
    kernel.load("a")
    assert "it is loading; a hook or a subscriber may not wait for that" in str(refused[0])
    assert kernel.list(PluginState.ACTIVE) == ("a", "other")


def test_an_interrupt_while_a_hook_is_waited_for_is_raised_and_the_hook_is_given_up(hang: Hang) -> None:
    runner = DeadlineRunner(LONG)
    kernel = Kernel(run_hook=runner)
    gate = Gate()
    gate.open()

    def on_load(ctx: PluginContext) -> None:
        _thread.interrupt_main()
        hang()

    plugin = FakePlugin("a", provides={STORE: {}}, on_load=on_load)
    kernel.register(plugin)
    with pytest.raises(KeyboardInterrupt):
        kernel.load("a")
    assert kernel.registry.record("a").state is PluginState.REGISTERED
    assert kernel.services.keys == ()
    assert [(one.plugin_id, one.hook) for one in runner.hung] == [("a", "on_load")]
    ctx = plugin.ctx
    assert ctx is not None
    hang.afterwards = lambda: ctx.all(STORE)
    hang.end()
    assert len(hang.refused) == 1
    wait_until_none_hangs(runner)


def test_a_hook_that_ends_in_the_nick_of_time_counts_as_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # The wait is over, and the hook ends before it is given up.
    real = threading.Event.wait

    def too_late(self: threading.Event, timeout: float | None = None) -> bool:
        if timeout != SHORT:
            return real(self, timeout)
        assert real(self, LONG)
        return False

    monkeypatch.setattr(threading.Event, "wait", too_late)
    assert DeadlineRunner(SHORT)("a", "open", lambda: 42) == 42


def test_where_a_call_is_is_empty_once_its_thread_has_gone() -> None:
    hung = HungHook("a", "open", 1.25)
    assert str(hung) == "open of 'a' hangs since 1.2 s"
    assert str(HungHook("a", "open", 1.0, "x.py:3 in f")) == "open of 'a' hangs since 1.0 s, at x.py:3 in f"
