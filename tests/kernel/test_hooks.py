"""Hooks through a runner: what goes through it, and what the kernel does where it gives up on one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.kernel import (
    Capability,
    Event,
    HookTimeoutError,
    HungHook,
    Kernel,
    PluginContext,
    PluginExcludedError,
    PluginLoadError,
    PluginState,
    PluginStateError,
    PluginUnloadError,
    SavedState,
    SwapError,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, LeakCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

STORE: Capability[dict[str, str]] = Capability("store", contract=dict)
WAIT_S = 60.0


class Impatient:
    """Run hooks in threads, and give up at once on those that it is told to, while they are held."""

    def __init__(self, *hopeless: str) -> None:
        self.hopeless = set(hopeless)
        self.interrupt: BaseException | None = None
        self.calls: list[tuple[str, str]] = []
        self.hung: list[HungHook] = []
        self.errors: list[BaseException] = []
        self.go_on = threading.Event()
        self._threads: list[threading.Thread] = []

    def __call__(self, plugin_id: str, hook: str, call: Callable[[], Any], /) -> Any:
        self.calls.append((plugin_id, hook))
        if hook not in self.hopeless:
            return call()
        began = threading.Event()

        def held() -> None:
            try:
                call()
            except BaseException as error:  # noqa: BLE001 - kept for the test
                self.errors.append(error)

        def note() -> None:
            began.set()
            held()

        thread = threading.Thread(target=note)
        self._threads.append(thread)
        self.hung.append(HungHook(plugin_id, hook, 1.0))
        thread.start()
        assert began.wait(WAIT_S)
        raise self.interrupt or HookTimeoutError(plugin_id, hook, 1.0)

    def hold(self, *args: object) -> None:
        """Stay here, as a hook, until the test goes on."""
        assert self.go_on.wait(WAIT_S)

    def end(self) -> None:
        """Let all that was given up go on, and wait for its end."""
        self.go_on.set()
        for thread in self._threads:
            thread.join(WAIT_S)
        self.hung.clear()


@pytest.fixture
def runner() -> Iterator[Impatient]:
    runner = Impatient()
    yield runner
    runner.end()


class Stateful(FakePlugin):
    def save_state(self) -> Mapping[str, Any]:
        return {"count": 1}


class Shelf:
    def __init__(self) -> None:
        self.states: dict[str, SavedState] = {}

    def read(self, plugin_id: str) -> SavedState | None:
        return self.states.get(plugin_id)

    def write(self, plugin_id: str, saved: SavedState) -> None:
        self.states[plugin_id] = saved

    def discard(self, plugin_id: str) -> None:
        self.states.pop(plugin_id, None)


def test_every_hook_goes_through_the_runner_once(runner: Impatient) -> None:
    class Full(Stateful):
        def restore_state(self, state: Mapping[str, Any]) -> None: ...

    kernel = Kernel(run_hook=runner, state_store=Shelf())
    kernel.register(Full("a"))
    kernel.load("a")
    kernel.unload("a")
    kernel.load("a")
    kernel.swap("a", Full("a", "2.0.0"))
    up = ["open", "configure", "on_load"]
    names = [*up, "save_state", "on_unload", *up, "restore_state", *up, "save_state", "restore_state", "on_unload"]
    assert runner.calls == [("a", name) for name in names]


def test_a_hook_in_another_thread_is_inside_the_change(runner: Impatient) -> None:
    told: list[BaseException] = []

    def elsewhere(plugin_id: str, hook: str, call: Callable[[], Any], /) -> Any:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(call()))
        thread.start()
        thread.join(WAIT_S)
        return found[0]

    def on_load(ctx: PluginContext) -> None:
        try:
            kernel.unload("a")
        except PluginStateError as error:
            told.append(error)

    kernel = Kernel(run_hook=elsewhere)
    kernel.register(FakePlugin("a", on_load=on_load))
    kernel.load("a")
    assert "a hook or a subscriber may not wait for that" in str(told[0])


@pytest.mark.parametrize("interrupt", [None, KeyboardInterrupt()], ids=repr)
def test_on_load_that_is_given_up_is_undone_and_refused_everything_after(
    runner: Impatient, interrupt: BaseException | None
) -> None:
    runner.hopeless, runner.interrupt = {"on_load"}, interrupt
    late: list[PluginStateError] = []

    def on_load(ctx: PluginContext) -> None:
        runner.hold()
        calls: list[Callable[[], object]] = [
            lambda: ctx.provide(STORE, {}),
            lambda: ctx.subscribe("*", print),
            lambda: ctx.publish(Event.custom("late")),
            lambda: ctx.get(STORE),
            lambda: ctx.all(STORE),
        ]
        for call in calls:
            try:
                call()
            except PluginStateError as error:
                late.append(error)

    kernel = Kernel(run_hook=runner)
    kernel.register(FakePlugin("a", provides={STORE: {}}, subscriptions=["*"], on_load=on_load))
    with pytest.raises((PluginLoadError, KeyboardInterrupt)):
        kernel.load("a")
    state = PluginState.FAILED if interrupt is None else PluginState.REGISTERED
    assert kernel.registry.record("a").state is state
    assert (kernel.services.keys, kernel.bus.subscriptions) == ((), ())
    assert [str(one) for one in kernel.report().hung] == ["on_load of 'a' hangs since 1.0 s"]
    assert "on_load of 'a' hangs since 1.0 s" in str(kernel.report())
    runner.end()
    assert len(late) == 5
    assert "cannot act for plugin 'a': it is given up; its on_load did not return in time" in map(str, late)
    assert (kernel.services.keys, kernel.bus.subscriptions) == ((), ())


def test_a_hook_that_fails_in_time_is_not_given_up(runner: Impatient) -> None:
    def on_load(ctx: PluginContext) -> None:
        raise OSError("no device")

    plugin = FakePlugin("a", on_load=on_load)
    kernel = Kernel(run_hook=runner)
    kernel.register(plugin)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    assert plugin.ctx is not None
    assert plugin.ctx.all(STORE) == ()


def test_a_source_is_closed_by_the_open_that_was_given_up(runner: Impatient) -> None:
    runner.hopeless = {"open"}
    source = FakeSource(FakePlugin("a"), on_open=runner.hold)
    kernel = Kernel(run_hook=runner)
    kernel.register(source)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    with pytest.raises(PluginLoadError, match="still being opened by a load that was given up"):
        kernel.load("a")
    assert (source.opened, source.closed) == (1, 0)
    runner.end()
    assert (source.opened, source.closed, source.breaches) == (1, 1, [])
    runner.hopeless.clear()
    assert kernel.load("a") == ("a",)
    kernel.unload("a")
    assert (source.opened, source.closed, source.breaches) == (2, 2, [])


def test_an_open_that_ended_before_it_was_given_up_is_closed_at_once() -> None:
    def late(plugin_id: str, hook: str, call: Callable[[], Any], /) -> Any:
        call()
        raise HookTimeoutError(plugin_id, hook, 1.0)

    source = FakeSource(FakePlugin("a"))
    kernel = Kernel(run_hook=late)
    kernel.register(source)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    assert (source.opened, source.closed, source.breaches) == (1, 1, [])


def test_an_open_that_had_not_begun_when_it_was_given_up_never_begins() -> None:
    calls: list[Callable[[], object]] = []

    def never(plugin_id: str, hook: str, call: Callable[[], Any], /) -> Any:
        calls.append(call)
        raise HookTimeoutError(plugin_id, hook, 1.0)

    source = FakeSource(FakePlugin("a"))
    kernel = Kernel(run_hook=never)
    kernel.register(source)
    with pytest.raises(PluginLoadError):
        kernel.load("a")
    with pytest.raises(PluginStateError, match="its load was given up before it began"):
        calls[0]()
    assert (source.opened, source.closed) == (0, 0)
    assert kernel.report().hung == ()


@pytest.mark.parametrize("hook", ["save_state", "on_unload"])
def test_an_unload_completes_without_the_hook_that_is_given_up(runner: Impatient, hook: str) -> None:
    class Held(Stateful):
        def save_state(self) -> Mapping[str, Any]:
            if hook == "save_state":
                runner.hold()
            return super().save_state()

    undone: list[str] = []
    shelf = Shelf()
    source = FakeSource(
        Held("a", on_unload=runner.hold if hook == "on_unload" else None, undo=[lambda: undone.append("a")])
    )
    kernel = Kernel(run_hook=runner, state_store=shelf)
    kernel.register(source)
    kernel.load("a")
    runner.hopeless = {hook}
    with pytest.raises(PluginUnloadError, match=f"'a' in {hook}; they are unloaded"):
        kernel.unload("a")
    assert (kernel.registry.record("a").state, undone, source.closed) == (PluginState.REGISTERED, ["a"], 1)
    runner.end()
    assert list(shelf.states) == ([] if hook == "save_state" else ["a"]), "what comes too late is not stored"


@pytest.mark.parametrize("hook", ["save_state", "restore_state"])
def test_a_swap_that_is_given_up_leaves_the_old_one_serving(runner: Impatient, hook: str) -> None:
    class Held(Stateful):
        def save_state(self) -> Mapping[str, Any]:
            if hook == "save_state":
                runner.hold()
            return super().save_state()

        def restore_state(self, state: Mapping[str, Any]) -> None:
            runner.hold()

    old = Held("a", provides={STORE: {"of": "old"}}, subscriptions=["tick"])
    kernel = Kernel(run_hook=runner)
    kernel.register(old)
    kernel.load("a")
    runner.hopeless = {hook}
    with pytest.raises(SwapError) as caught:
        kernel.swap("a", Held("a", "2.0.0"))
    assert caught.value.step == "hand_over"
    assert kernel.get("a") is old
    assert kernel.services.get(STORE) == {"of": "old"}
    runner.end()
    runner.hopeless.clear()
    assert old.ctx is not None
    assert old.ctx.get(STORE) == {"of": "old"}, "it serves, and may act"
    with LeakCheck():
        kernel.unload("a")


def test_hooks_that_are_given_up_count_for_the_quarantine(runner: Impatient) -> None:
    runner.hopeless = {"on_load"}
    kernel = Kernel(run_hook=runner, quarantine_after=2)
    kernel.register(FakePlugin("a", on_load=runner.hold))
    for _ in range(2):
        with pytest.raises(PluginLoadError):
            kernel.load("a")
    with pytest.raises(PluginExcludedError, match="2 loads in a row failed, the last in on_load: HookTimeoutError"):
        kernel.load("a")
