"""Several threads at one kernel: who waits, who is refused, and that no lock is held while anybody's code runs."""

from __future__ import annotations

import random
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep
from typing import TYPE_CHECKING, TypeVar

import pytest

from plugbus.kernel import (
    Capability,
    DependentsError,
    Event,
    Kernel,
    KernelClosedError,
    KernelEvent,
    PluginContext,
    PluginLoadError,
    PluginState,
    PluginStateError,
    PluginUnloadError,
    Requirement,
    SystemShutdown,
)
from plugbus.kernel.testing import FakePlugin, FakeSource, Gate, LeakCheck, assert_unloaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")
THREADS = 8
ROUNDS = 150

STORE: Capability[dict[str, int]] = Capability("store", contract=dict)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        # All threads are there before a test looks for what it leaves behind.
        start = threading.Barrier(THREADS)
        for future in [pool.submit(start.wait, 60) for _ in range(THREADS)]:
            future.result(60)
        yield pool


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    """Let threads change places at nearly every step, so that what can go wrong between two steps does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Caller:
    """A call in a thread of its own that can be watched: has it come to wait for another thread's change?"""

    def __init__(self, pool: ThreadPoolExecutor, call: Callable[[], T]) -> None:
        self._thread = 0
        self._future: Future[object] = pool.submit(self._run, call)

    def _run(self, call: Callable[[], T]) -> T:
        self._thread = threading.get_ident()
        return call()

    def await_waiting(self) -> None:
        """Return once the call waits; raise if it ends instead."""
        while not self._is_waiting():
            assert not self._future.done(), f"it did not wait, but gave {self._future.exception() or self._future}"
            sleep(0)

    def _is_waiting(self) -> bool:
        frame = sys._current_frames().get(self._thread)
        names: list[str] = []
        while frame is not None:
            names.append(frame.f_code.co_name)
            frame = frame.f_back
        return "wait_for" in names and names[0] == "wait"

    def result(self) -> object:
        return self._future.result(60)

    def error(self) -> BaseException | None:
        return self._future.exception(60)


def in_another_thread(call: Callable[[], T]) -> T:
    """Run a call in a thread of its own and wait for it: whoever holds a lock that it needs is found out."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
            outcome.set_exception(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        return outcome.result(30)
    except TimeoutError:
        raise AssertionError("another thread could not use the kernel: a lock is held") from None


class Node(FakePlugin):
    """A plugin that checks, in its hooks, that what it needs is up and that nothing needs it any more."""

    def __init__(self, plugin_id: str, up: set[str], wrong: list[str], needs: tuple[str, ...] = ()) -> None:
        super().__init__(
            plugin_id,
            dependencies=dict.fromkeys(needs, "*"),
            services={f"service_{plugin_id}": object()},
            subscriptions=["tick"],
            on_load=self._check_load,
            on_unload=self._check_unload,
        )
        self._up = up
        self._wrong = wrong
        self._needs = needs
        self.is_up = False

    def _check_load(self, ctx: PluginContext) -> None:
        if self.is_up:
            self._wrong.append(f"{ctx.plugin_id} was loaded twice")
        self._wrong += [f"{ctx.plugin_id} was loaded without {one}" for one in self._needs if one not in self._up]
        self.is_up = True
        self._up.add(ctx.plugin_id)

    def _check_unload(self, ctx: PluginContext) -> None:
        if not self.is_up:
            self._wrong.append(f"{ctx.plugin_id} was unloaded twice")
        self._wrong += [f"{ctx.plugin_id} was unloaded after {one}" for one in self._needs if one not in self._up]
        self.is_up = False
        self._up.discard(ctx.plugin_id)


def storm(pool: ThreadPoolExecutor, work: Callable[[int, random.Random], None]) -> None:
    """Let all threads do ``work(number, random)`` again and again, beginning at the same moment."""
    start = threading.Barrier(THREADS)

    def run(number: int) -> None:
        dice = random.Random(number)
        start.wait(60)
        for _ in range(ROUNDS):
            work(number, dice)

    for future in [pool.submit(run, number) for number in range(THREADS)]:
        future.result(100)


def test_a_storm_over_shared_plugins_keeps_every_promise(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    up: set[str] = set()
    wrong: list[str] = []
    needs = {"a": (), "b": ("a",), "c": ("b",), "d": ("a",), "e": ("c", "d"), "f": ()}
    nodes = {one: Node(one, up, wrong, needed) for one, needed in needs.items()}
    sources = [FakeSource(node) for node in nodes.values()]
    for source in sources:
        kernel.register(source)

    def work(number: int, dice: random.Random) -> None:
        plugin_id = dice.choice(tuple(needs))
        try:
            match dice.randrange(6):
                case 0 | 1:
                    kernel.load(plugin_id)
                case 2:
                    kernel.unload(plugin_id, cascade=dice.random() < 0.5)
                case 3:
                    kernel.bus.publish(Event.custom("tick", number))
                case 4:
                    assert kernel.get(plugin_id) is nodes[plugin_id]
                case _:
                    assert kernel.load_all().is_complete
        except (PluginStateError, DependentsError):
            pass  # what another thread was quicker with

    with LeakCheck(kernel):
        storm(pool, work)
        assert kernel.list(PluginState.LOADING) == kernel.list(PluginState.UNLOADING) == kernel.list(PluginState.FAILED)
        assert up == set(kernel.list(PluginState.ACTIVE))
        kernel.shutdown()
    assert wrong == []
    assert [breach for source in sources for breach in source.breaches] == []
    for plugin_id, node in nodes.items():
        assert_unloaded(kernel, plugin_id)
        assert node.calls == ["on_load", "on_unload"] * (len(node.calls) // 2)
        assert node.calls


def test_a_storm_over_separate_plugins_never_refuses_anyone(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    nodes = [Node(f"own_{number}", set(), []) for number in range(THREADS)]
    for node in nodes:
        kernel.register(node)
    heard = [0] * THREADS

    def work(number: int, dice: random.Random) -> None:
        plugin_id = f"own_{number}"
        assert kernel.load(plugin_id) == (plugin_id,)
        assert kernel.get(plugin_id) is nodes[number]
        kernel.bus.publish(Event.custom("tick", number))
        heard[number] = sum(getattr(event, "data", None) == number for event in nodes[number].events)
        assert kernel.services.find(f"service_{plugin_id}") is not None
        kernel.register(FakePlugin(f"other_{number}"))
        kernel.unregister(f"other_{number}")
        assert kernel.unload(plugin_id) == (plugin_id,)

    with LeakCheck(kernel):
        storm(pool, work)
    # Each thread's own events reached its own plugin every time, whatever the others did.
    assert heard == [ROUNDS] * THREADS


def test_a_storm_of_faults_leaves_nothing(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    dice = random.Random(7)

    def maybe(*args: object) -> None:
        if dice.random() < 0.4:
            raise OSError("chance")

    for number in range(4):
        needs = {f"p{number - 1}": "*"} if number else {}
        plugin = FakePlugin(
            f"p{number}", dependencies=needs, subscriptions=["*"], on_load=maybe, on_unload=maybe, undo=[maybe]
        )
        kernel.register(FakeSource(plugin, on_open=maybe, on_close=maybe))

    def work(number: int, dice: random.Random) -> None:
        plugin_id = f"p{dice.randrange(4)}"
        try:
            if dice.random() < 0.5:
                kernel.load(*[f"p{place}" for place in range(4)])
            else:
                kernel.unload(plugin_id, cascade=True)
        except (PluginStateError, PluginLoadError, PluginUnloadError):
            pass

    with LeakCheck(kernel):
        storm(pool, work)
        assert kernel.list(PluginState.LOADING) == kernel.list(PluginState.UNLOADING) == ()
        try:
            kernel.shutdown()
        except PluginUnloadError as error:
            assert all(isinstance(one, OSError) for one in error.exceptions)  # noqa: PT017 - a group that may come


def test_a_load_waits_for_another_threads_load_of_the_same_plugin(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()
    plugin = FakePlugin("a", on_load=gate)
    kernel.register(plugin)
    kernel.register(FakePlugin("b", dependencies={"a": "*"}))
    first = Caller(pool, lambda: kernel.load("a"))
    gate.await_arrival()
    second, third = Caller(pool, lambda: kernel.load("a")), Caller(pool, lambda: kernel.load("b"))
    second.await_waiting()
    third.await_waiting()
    gate.open()
    assert (first.result(), second.result(), third.result()) == (("a",), (), ("b",))
    assert plugin.calls == ["on_load"]


def test_a_load_that_waited_for_a_failure_tries_for_itself(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()

    def fail_once(ctx: PluginContext) -> None:
        gate()
        if plugin.calls == ["on_load"]:
            raise OSError("no device")

    plugin = FakePlugin("a", on_load=fail_once)
    kernel.register(plugin)
    first = Caller(pool, lambda: kernel.load("a"))
    gate.await_arrival()
    second = Caller(pool, lambda: kernel.load("a"))
    second.await_waiting()
    gate.open()
    assert isinstance(first.error(), PluginLoadError)
    assert second.result() == ("a",)


def test_load_all_waits_for_what_another_thread_is_loading(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()
    kernel.register(FakePlugin("a", on_load=gate))
    kernel.register(FakePlugin("b", dependencies={"a": "*"}))
    first = Caller(pool, lambda: kernel.load("a"))
    gate.await_arrival()
    second = Caller(pool, lambda: kernel.load_all().loaded)
    second.await_waiting()
    gate.open()
    assert first.result() == ("a",)
    assert second.result() == ("b",)


def test_an_unload_waits_for_a_load_and_a_load_for_an_unload(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    up, down = Gate(), Gate()
    kernel.register(FakePlugin("a", on_load=up, on_unload=down))
    first = Caller(pool, lambda: kernel.load("a"))
    up.await_arrival()
    second = Caller(pool, lambda: kernel.unload("a"))
    second.await_waiting()
    up.open()
    down.await_arrival()
    third = Caller(pool, lambda: kernel.load("a"))
    third.await_waiting()
    down.open()
    assert (first.result(), second.result(), third.result()) == (("a",), ("a",), ("a",))


def test_a_cascade_waits_for_a_dependent_that_is_being_loaded_and_holds_no_lock_then(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()
    kernel.register(FakePlugin("a", on_unload=lambda ctx: in_another_thread(lambda: kernel.load("free"))))
    kernel.register(FakePlugin("b", dependencies={"a": "*"}, on_load=gate))
    kernel.register(FakePlugin("free"))
    kernel.load("a")
    first = Caller(pool, lambda: kernel.load("b"))
    gate.await_arrival()
    with pytest.raises(DependentsError, match="'b' need it"):
        kernel.unload("a")
    second = Caller(pool, lambda: kernel.unload("a", cascade=True))
    second.await_waiting()
    gate.open()
    assert first.result() == ("b",)
    assert second.result() == ("b", "a")
    assert kernel.list(PluginState.ACTIVE) == ("free",)


def test_a_plugin_that_vanished_while_it_was_waited_for_is_not_found(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()

    def fail(ctx: PluginContext) -> None:
        gate()
        raise OSError("no device")

    kernel.register(FakePlugin("a", on_load=fail))
    first = Caller(pool, lambda: kernel.load("a"))
    gate.await_arrival()
    with pytest.raises(PluginStateError, match="it is loading"):
        kernel.unregister("a")
    second = Caller(pool, lambda: kernel.unload("a"))
    second.await_waiting()
    gate.open()
    assert isinstance(first.error(), PluginLoadError)
    error = second.error()
    assert isinstance(error, PluginStateError)
    assert error.state == "failed"


def test_shutdown_waits_for_loads_and_for_those_that_begin_meanwhile(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gates = {"a": Gate(), "z": Gate()}
    for plugin_id, gate in gates.items():
        kernel.register(FakePlugin(plugin_id, on_load=gate))
    last = Caller(pool, lambda: kernel.load("z"))
    gates["z"].await_arrival()
    end = Caller(pool, kernel.shutdown)
    end.await_waiting()
    # The shutdown has asked for 'a' already, and waits for 'z' now.
    first = Caller(pool, lambda: kernel.load("a"))
    gates["a"].await_arrival()
    gates["z"].open()
    assert last.result() == ("z",)
    end.await_waiting()
    assert not kernel.is_closed
    gates["a"].open()
    assert first.result() == ("a",)
    end.result()
    assert kernel.list(PluginState.REGISTERED) == ("a", "z")


def test_a_load_is_refused_and_a_second_shutdown_waits_while_everything_is_unloaded(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()
    kernel.register(FakePlugin("a", on_unload=gate))
    kernel.load("a")
    end = Caller(pool, kernel.shutdown)
    gate.await_arrival()
    late, again = Caller(pool, lambda: kernel.load("a")), Caller(pool, kernel.shutdown)
    assert isinstance(late.error(), KernelClosedError)
    again.await_waiting()
    gate.open()
    assert (end.result(), again.result()) == (None, None)


def test_a_load_of_another_thread_is_refused_while_the_shutdown_is_announced(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    kernel.register(FakePlugin("a"))
    kernel.load("a")
    gate = Gate()
    late: list[Caller] = []

    def on_shutdown(event: Event) -> None:
        # Nothing is moving now, and the kernel is closed already.
        late.append(Caller(pool, lambda: kernel.load("a")))
        gate()

    kernel.bus.subscribe(SystemShutdown, on_shutdown)
    end = Caller(pool, kernel.shutdown)
    gate.await_arrival()
    assert isinstance(late[0].error(), KernelClosedError)
    gate.open()
    end.result()


def test_shutdown_ends_after_an_unload_that_began_while_its_event_was_delivered(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()
    other: list[Caller] = []
    kernel.register(FakePlugin("a", on_unload=gate))
    kernel.load("a")

    def on_shutdown(event: Event) -> None:
        other.append(Caller(pool, lambda: kernel.unload("a")))
        gate.await_arrival()

    kernel.bus.subscribe(SystemShutdown, on_shutdown)
    end = Caller(pool, kernel.shutdown)
    gate.await_arrival()
    end.await_waiting()
    gate.open()
    end.result()
    assert other[0].result() == ("a",)


def test_two_shutdowns_at_once_unload_everything_once(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()
    plugin = FakePlugin("a", on_load=gate)
    kernel.register(plugin)
    first = Caller(pool, lambda: kernel.load("a"))
    gate.await_arrival()
    ends = [Caller(pool, kernel.shutdown) for _ in range(3)]
    for end in ends:
        end.await_waiting()
    gate.open()
    first.result()
    for end in ends:
        end.result()
    assert plugin.calls == ["on_load", "on_unload"]


@pytest.mark.parametrize("hook", ["on_load", "on_unload"])
@pytest.mark.parametrize("verb", ["load", "unload", "cascade", "load_dependent", "shutdown"])
def test_a_hook_that_would_wait_for_its_own_thread_is_refused(hook: str, verb: str) -> None:
    kernel = Kernel()
    refused: list[BaseException] = []

    def call(ctx: PluginContext) -> None:
        calls: dict[str, Callable[[], object]] = {
            "load": lambda: kernel.load("a"),
            "unload": lambda: kernel.unload("a"),
            "cascade": lambda: kernel.unload("a", cascade=True),
            "load_dependent": lambda: kernel.load("b"),
            "shutdown": kernel.shutdown,
        }
        try:
            calls[verb]()
        except PluginStateError as error:
            refused.append(error)

    kernel.register(FakePlugin("a", **{hook: call}))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    kernel.register(FakePlugin("b", dependencies={"a": "*"}))
    kernel.load("a")
    kernel.unload("a")
    assert len(refused) == 1
    assert str(refused[0]).endswith("a hook or a subscriber may not wait for that; call again when it is done")
    assert kernel.list(PluginState.REGISTERED) == ("a", "b")


def test_two_hooks_that_want_each_others_plugin_are_refused_and_not_left_hanging(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    meeting = threading.Barrier(2)
    refused: list[str] = []

    def want(other: str) -> Callable[[PluginContext], None]:
        def on_load(ctx: PluginContext) -> None:
            meeting.wait(60)
            try:
                kernel.load(other)
            except PluginStateError as error:
                refused.append(error.plugin_id)
            meeting.wait(60)

        return on_load

    kernel.register(FakePlugin("a", on_load=want("b")))
    kernel.register(FakePlugin("b", on_load=want("a")))
    callers = [Caller(pool, lambda: kernel.load("a")), Caller(pool, lambda: kernel.load("b"))]
    assert [caller.result() for caller in callers] == [("a",), ("b",)]
    assert sorted(refused) == ["a", "b"]


PLACES = (
    "open",
    "configure",
    "on_load",
    "on_unload",
    "undo",
    "close",
    "PluginRegistered",
    "PluginUnregistered",
    "CapabilityProvided",
    "PluginLoaded",
    "CapabilityWithdrawn",
    "PluginUnloaded",
    "PluginFailed",
    "SystemInit",
    "SystemShutdown",
    "undo_of_a_failed_load",
    "close_of_a_failed_load",
    "on_unload_of_a_failed_plan",
)


@pytest.mark.parametrize("place", PLACES)
def test_no_lock_is_held_while_a_hook_or_a_subscriber_runs(place: str) -> None:
    """Use the kernel in every way from another thread, and wait for that thread inside the hook."""
    visited: list[str] = []

    def use_the_kernel() -> None:
        kernel.registry.snapshot()
        kernel.list()
        with kernel.bus.subscribe("*", lambda event: None):
            kernel.bus.publish(Event.custom("tick"))
        with kernel.services.provide("name", object()):
            kernel.services.find(STORE)
        if not kernel.is_closed:
            kernel.register(FakePlugin("free"))
            kernel.resolve("free")
            kernel.load("free")
            kernel.unload("free")
            kernel.unregister("free")

    def visit(where: str) -> None:
        if where == place and not visited:
            visited.append(where)
            in_another_thread(use_the_kernel)

    def fail(ctx: PluginContext) -> None:
        raise OSError("no device")

    kernel = Kernel(configure=lambda metadata, plugin: visit("configure"))
    kernel.bus.subscribe(KernelEvent, lambda event: visit(event.topic))
    fine = FakePlugin(
        "fine",
        provides={STORE: {}},
        on_load=lambda ctx: visit("on_load"),
        on_unload=lambda ctx: visit("on_unload"),
        undo=[lambda: visit("undo")],
    )
    kernel.register(FakeSource(fine, on_open=lambda: visit("open"), on_close=lambda: visit("close")))
    partner = FakePlugin("partner", on_unload=lambda ctx: visit("on_unload_of_a_failed_plan"))
    kernel.register(partner)
    broken = FakePlugin(
        "broken", dependencies={"partner": "*"}, on_load=fail, undo=[lambda: visit("undo_of_a_failed_load")]
    )
    kernel.register(FakeSource(broken, on_close=lambda: visit("close_of_a_failed_load")))
    with pytest.raises(PluginLoadError):
        kernel.load("broken")
    kernel.load("fine")
    kernel.unload("fine")
    kernel.unregister("fine")
    kernel.load_all()
    kernel.shutdown()
    assert visited == [place]


def test_a_failed_load_leaves_up_what_another_thread_has_come_to_need(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()

    def fail(ctx: PluginContext) -> None:
        gate()
        raise OSError("no device")

    kernel.register(FakePlugin("base"))
    kernel.register(FakePlugin("used", dependencies={"base": "*"}))
    kernel.register(FakePlugin("unused"))
    kernel.register(FakePlugin("broken", dependencies={"used": "*", "unused": "*"}, on_load=fail))
    kernel.register(FakePlugin("user", dependencies={"used": "*"}))
    first = Caller(pool, lambda: kernel.load("broken"))
    gate.await_arrival()
    assert kernel.load("user") == ("user",)
    gate.open()
    assert isinstance(first.error(), PluginLoadError)
    assert kernel.list(PluginState.ACTIVE) == ("base", "used", "user")
    assert kernel.list(PluginState.REGISTERED) == ("unused",)


@pytest.mark.parametrize("is_loaded_again", [False, True])
def test_a_failed_load_leaves_alone_what_another_thread_has_unloaded(
    pool: ThreadPoolExecutor, is_loaded_again: bool
) -> None:
    kernel = Kernel()
    gate = Gate()

    def fail(ctx: PluginContext) -> None:
        gate()
        raise OSError("no device")

    plugin = FakePlugin("a")
    kernel.register(plugin)
    kernel.register(FakePlugin("broken", on_load=fail))
    first = Caller(pool, lambda: kernel.load("a", "broken"))
    gate.await_arrival()
    kernel.unload("a")
    if is_loaded_again:
        kernel.load("a")
    gate.open()
    assert isinstance(first.error(), PluginLoadError)
    assert kernel.list(PluginState.ACTIVE) == (("a",) if is_loaded_again else ())
    assert plugin.calls == ["on_load", "on_unload", "on_load"][: 3 if is_loaded_again else 2]


def test_a_failed_load_leaves_alone_what_another_thread_is_unloading(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    up, down = Gate(), Gate()

    def fail(ctx: PluginContext) -> None:
        up()
        raise OSError("no device")

    plugin = FakePlugin("a", on_unload=down)
    kernel.register(plugin)
    kernel.register(FakePlugin("broken", on_load=fail))
    first = Caller(pool, lambda: kernel.load("a", "broken"))
    up.await_arrival()
    other = Caller(pool, lambda: kernel.unload("a"))
    down.await_arrival()
    up.open()
    assert isinstance(first.error(), PluginLoadError)
    down.open()
    assert other.result() == ("a",)
    assert plugin.calls == ["on_load", "on_unload"]


def test_loads_of_a_capabilitys_users_wait_for_the_provider_that_is_on_its_way(pool: ThreadPoolExecutor) -> None:
    kernel = Kernel()
    gate = Gate()
    kernel.register(FakePlugin("giver", provides={STORE: {}}, on_load=gate))
    kernel.register(FakePlugin("user", requires=[Requirement(STORE)]))
    first = Caller(pool, lambda: kernel.load("giver"))
    gate.await_arrival()
    second = Caller(pool, lambda: kernel.load("user"))
    second.await_waiting()
    gate.open()
    assert (first.result(), second.result()) == (("giver",), ("user",))


@pytest.mark.parametrize("new_id", ["old", "new"])
def test_a_swap_waits_for_what_the_new_one_needs_and_another_thread_is_loading(
    new_id: str, pool: ThreadPoolExecutor
) -> None:
    kernel = Kernel()
    gate = Gate()
    kernel.register(FakePlugin("old"))
    kernel.register(FakePlugin("needed", on_load=gate))
    kernel.load("old")
    load = Caller(pool, lambda: kernel.load("needed"))
    gate.await_arrival()
    swap = Caller(pool, lambda: kernel.swap("old", FakePlugin(new_id, "2.0.0", dependencies={"needed": "*"})))
    swap.await_waiting()
    assert kernel.list(PluginState.ACTIVE) == ("old",)
    assert kernel.registry.record("old").metadata.version == "1.0.0"
    gate.open()
    assert load.result() == ("needed",)
    swap.result()
    assert kernel.list(PluginState.ACTIVE) == tuple(sorted(("needed", new_id)))
    assert kernel.registry.record(new_id).metadata.version == "2.0.0"
