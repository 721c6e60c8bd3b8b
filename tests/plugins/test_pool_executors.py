"""The executors with threads and processes: what only they can do wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from multiprocessing import active_children
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    EXECUTOR,
    ActionCall,
    ActionCancelled,
    ActionFailed,
    ActionPolicy,
    ActionStarted,
    ActionTimeoutError,
    BaseAction,
    CancellationToken,
    EventLogged,
    WorkCancelledError,
)
from plugbus.kernel import Event, Kernel, PluginMetadata
from plugbus.loaders import Host, HostSettings
from plugbus.plugins.local_executor import (
    LocalExecutorPlugin,
    NotSendableError,
    ProcessExecutor,
    ThreadExecutor,
    WorkerDiedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S = 60
PROGRAM = Path(__file__).with_name("executor_program.py")
flavour: ContextVar[str] = ContextVar("flavour", default="none")


class Params(BaseModel):
    folder: Path = Path()
    value: Any = None


class Where(BaseAction[Params]):
    def execute(self) -> tuple[int, str]:
        return os.getpid(), flavour.get()


class Echo(BaseAction[Params]):
    def execute(self) -> Any:
        return self.params.value


class Deaf(BaseAction[Params]):
    """Say that it runs, and hear nothing."""

    def execute(self) -> None:
        (self.params.folder / "begun").write_text(str(os.getpid()))
        time.sleep(600)


class Obedient(BaseAction[Params]):
    def execute(self) -> None:
        (self.params.folder / "begun").write_text(str(os.getpid()))
        assert self.ctx.cancellation is not None
        self.ctx.cancellation.wait(WAIT_S)
        self.ctx.raise_if_cancelled()


class Dies(BaseAction[Params]):
    def execute(self) -> None:
        os.kill(os.getpid(), self.params.value)


class Leaves(BaseAction[Params]):
    def execute(self) -> None:
        os._exit(self.params.value)


class Closed:
    """What can't be pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


class ClosedError(Exception):
    def __init__(self, fact: str, other: str) -> None:
        super().__init__(f"{fact} {other}")  # the arguments are lost: it can't be made again


class ReturnsClosed(BaseAction[Params]):
    def execute(self) -> Closed:
        self.log("closed", {"what": Closed()})
        return Closed()


class RaisesClosed(BaseAction[Params]):
    def execute(self) -> None:
        raise ClosedError("a", "b")


@pytest.fixture
def executor() -> Iterator[ProcessExecutor]:
    executor = ProcessExecutor(1, kill_after_s=0.2)
    yield executor
    executor.kill()
    assert active_children() == []


def wait_for(path: Path) -> str:
    end = time.monotonic() + WAIT_S
    while not path.exists() or not path.read_text():
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.005)
    return path.read_text()


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid: int) -> None:
    end = time.monotonic() + WAIT_S
    while is_alive(pid):
        assert time.monotonic() < end, f"process {pid} is left"
        time.sleep(0.01)


def test_threads_see_the_context_variables_of_who_submits() -> None:
    executor = ThreadExecutor(1)
    token = flavour.set("mint")
    try:
        assert executor.execute(Where) == (os.getpid(), "mint")
    finally:
        flavour.reset(token)
        executor.shutdown()


def test_processes_are_others_and_are_used_again(executor: ProcessExecutor) -> None:
    first, second = executor.execute(Where), executor.execute(Where)
    assert first == second
    assert first[0] != os.getpid()


def test_no_more_processes_than_needed_are_started() -> None:
    executor = ProcessExecutor(4)
    assert len({executor.execute(Where)[0] for _ in range(3)}) == 1
    assert len(active_children()) == 1
    executor.shutdown()
    assert active_children() == []


def test_a_token_that_is_cancelled_here_is_cancelled_there(executor: ProcessExecutor, tmp_path: Path) -> None:
    token, events = CancellationToken(), list[Event]()
    future = executor.submit(ActionCall(Obedient, {"folder": tmp_path}, cancellation=token), events.append)
    pid = int(wait_for(tmp_path / "begun"))
    token.cancel("enough")
    with pytest.raises(WorkCancelledError, match="enough"):
        future.result(WAIT_S)
    assert [type(one) for one in events] == [ActionStarted, ActionCancelled]
    assert executor.execute(Where)[0] == pid


def test_a_job_whose_events_nobody_takes_leaves_nothing_to_the_next_one(executor: ProcessExecutor) -> None:
    def refuse(event: Event) -> None:
        raise OSError("no room for events")

    with pytest.raises(OSError, match="no room"):
        executor.submit(ActionCall(Echo, {"value": "first"}), refuse).result(WAIT_S)
    assert executor.execute(Echo, {"value": "second"}) == "second"


def test_an_action_that_does_not_hear_is_ended_with_its_process(executor: ProcessExecutor, tmp_path: Path) -> None:
    token, events = CancellationToken(), list[Event]()
    call = ActionCall(Deaf, {"folder": tmp_path}, "deaf", "job", cancellation=token)
    future = executor.submit(call, events.append)
    pid = int(wait_for(tmp_path / "begun"))
    token.cancel("enough")
    with pytest.raises(WorkCancelledError, match="cannot go on with action 'deaf': enough"):
        future.result(WAIT_S)
    wait_until_gone(pid)
    assert [type(one) for one in events] == [ActionStarted, ActionCancelled]
    assert executor.execute(Where)[0] != pid


def test_an_action_whose_time_is_over_is_ended_with_its_process(executor: ProcessExecutor, tmp_path: Path) -> None:
    events = list[Event]()
    call = ActionCall(Deaf, {"folder": tmp_path}, "deaf", policy=ActionPolicy(timeout_s=0.2))
    with pytest.raises(ActionTimeoutError) as caught:
        executor.submit(call, events.append).result(WAIT_S)
    assert (caught.value.action, caught.value.limit, caught.value.seconds) == ("deaf", "timeout_s", 0.2)
    wait_until_gone(int((tmp_path / "begun").read_text()))
    assert [type(one) for one in events] == [ActionStarted, ActionFailed]


@pytest.mark.parametrize(
    ("action", "value", "told"),
    [
        (Dies, signal.SIGKILL, "its process was ended by signal 9"),
        (Leaves, 7, "its process ended with exit code 7"),
        (Leaves, 0, "its process ended with exit code 0"),
    ],
)
def test_a_process_that_ends_fails_its_action_and_is_replaced(
    executor: ProcessExecutor, action: type[BaseAction[Any]], value: int, told: str
) -> None:
    events = list[Event]()
    with pytest.raises(WorkerDiedError, match=told):
        executor.submit(ActionCall(action, {"value": int(value)}), events.append).result(WAIT_S)
    assert [type(one) for one in events] == [ActionStarted, ActionFailed]
    assert executor.execute(Where)[0] != os.getpid()


def is_sending() -> bool:
    """Tell whether a thread of an executor is in the middle of sending."""
    frames = sys._current_frames()  # the one way to see it from outside
    names = {one.ident for one in threading.enumerate() if one.name == "plugbus-process"}
    return any(frame.f_code.co_name == "_send" for ident, frame in frames.items() if ident in names)


def test_a_process_that_ends_while_it_is_given_an_action_fails_that(executor: ProcessExecutor) -> None:
    pid = executor.execute(Where)[0]
    os.kill(pid, signal.SIGSTOP)  # it takes nothing, so that what is sent fills the buffer and then waits
    try:
        future = executor.submit(ActionCall(Echo, {"value": bytes(2**24)}))
        end = time.monotonic() + WAIT_S
        while not is_sending() and time.monotonic() < end:
            time.sleep(0.01)
        assert is_sending()
    finally:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerDiedError, match="signal 9"):
        future.result(WAIT_S)
    assert executor.execute(Where)[0] != pid


@pytest.mark.parametrize("error", [BrokenPipeError, ConnectionResetError])
def test_however_the_system_tells_that_a_process_is_gone_its_action_fails(
    executor: ProcessExecutor, monkeypatch: pytest.MonkeyPatch, error: type[OSError]
) -> None:
    pid = executor.execute(Where)[0]

    def send(self: Connection, message: bytes) -> None:
        monkeypatch.undo()
        os.kill(pid, signal.SIGKILL)
        raise error

    monkeypatch.setattr(Connection, "send_bytes", send)
    with pytest.raises(WorkerDiedError, match="signal 9"):
        executor.execute(Where)
    assert executor.execute(Where)[0] != pid


def test_what_can_not_be_sent_is_named(executor: ProcessExecutor) -> None:
    with pytest.raises(NotSendableError, match="cannot send call of action 'Where'"):
        executor.execute(Where, {"value": Closed()})
    events = list[Event]()
    with pytest.raises(NotSendableError, match=r"cannot send result of action 'ReturnsClosed'.*return plain data"):
        executor.submit(ActionCall(ReturnsClosed), events.append).result(WAIT_S)
    lost = [one for one in events if isinstance(one, EventLogged)]
    assert [one.name for one in lost] == ["event_lost"]
    events.clear()
    with pytest.raises(NotSendableError, match="ClosedError: a b"):
        executor.submit(ActionCall(RaisesClosed), events.append).result(WAIT_S)
    failed = events[-1]
    assert isinstance(failed, ActionFailed)
    assert isinstance(failed.error, NotSendableError)


def test_an_error_tells_where_it_was_raised(executor: ProcessExecutor) -> None:
    with pytest.raises(TypeError) as caught:
        executor.execute(Dies, {"value": "no signal"})
    assert any("in execute" in note for note in caught.value.__notes__)


def test_a_future_that_is_cancelled_before_its_turn_is_not_run(executor: ProcessExecutor, tmp_path: Path) -> None:
    token = CancellationToken()
    first = executor.submit(ActionCall(Obedient, {"folder": tmp_path}, cancellation=token))
    wait_for(tmp_path / "begun")
    second = executor.submit(ActionCall(Dies, {"value": 9}))
    assert second.cancel()
    token.cancel()
    with pytest.raises(WorkCancelledError):
        first.result(WAIT_S)
    assert executor.execute(Where)[0] == int((tmp_path / "begun").read_text())


def test_kill_ends_what_runs_at_once(tmp_path: Path) -> None:
    executor = ProcessExecutor(1)
    future = executor.submit(ActionCall(Deaf, {"folder": tmp_path}))
    pid = int(wait_for(tmp_path / "begun"))
    executor.kill()
    with pytest.raises(WorkerDiedError):
        future.result(WAIT_S)
    wait_until_gone(pid)
    assert active_children() == []


def test_a_number_of_processes_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot make executor with 0 processes"):
        ProcessExecutor(0)


@pytest.mark.parametrize(("how", "code"), [("exit", 3), ("leave", 0), ("wait", -signal.SIGKILL)])
def test_no_process_is_left_however_the_program_ends(tmp_path: Path, how: str, code: int) -> None:
    program = subprocess.Popen([sys.executable, str(PROGRAM), str(tmp_path), how])  # noqa: S603 - our own program
    try:
        pid = int(wait_for(tmp_path / "pid"))
        if how == "wait":
            program.kill()
        assert program.wait(WAIT_S) == code
        wait_until_gone(pid)
    finally:
        program.kill()
        program.wait()


class Shipped(LocalExecutorPlugin):
    metadata = PluginMetadata("local_executor", "1.0.0", provides=(EXECUTOR,))


@pytest.mark.parametrize(("mode", "is_remote"), [("threads", False), ("processes", True)])
def test_the_plugin_makes_what_its_configuration_says(mode: str, is_remote: bool) -> None:
    with Kernel(config={"local_executor": {"mode": mode, "max_workers": 1}}) as kernel:
        kernel.register(Shipped())
        kernel.load("local_executor")
        executor = kernel.services.get(EXECUTOR)
        assert executor.traits.is_remote == is_remote
        assert (executor.execute(Where)[0] != os.getpid()) == is_remote
        kernel.unload("local_executor")
        with pytest.raises(RuntimeError, match="the executor is shut down"):
            executor.execute(Where)
    assert active_children() == []


def test_actions_of_plugin_folders_run_in_processes(tmp_path: Path) -> None:
    plugin = tmp_path / "plugs" / "folder"
    plugin.mkdir(parents=True)
    (plugin / "plugin.yaml").write_text(
        "id: folder\nversion: '1.0.0'\nname: F\ndescription: F\nauthor: A\nentrypoint: plugin:F\n"
        "provides: [action(folder.add)]\n"
    )
    (plugin / "numbers.py").write_text("def more(value):\n    return value + 1\n")
    (plugin / "plugin.py").write_text(
        "import os\nfrom pydantic import BaseModel\nfrom plugbus.capabilities import Action, BaseAction\n"
        "from plugbus.kernel import Plugin\nfrom .numbers import more\n\n"
        "class P(BaseModel):\n    value: int\n\nclass R(BaseModel):\n    value: int\n    pid: int\n\n"
        "class Add(BaseAction[P]):\n    result_model = R\n"
        "    def execute(self):\n        return R(value=more(self.params.value), pid=os.getpid())\n\n"
        "class F(Plugin):\n    def on_load(self, ctx):\n        ctx.provide(Action('folder.add'), Add)\n"
    )
    from plugbus.capabilities import find_action

    executor = ProcessExecutor(1)
    try:
        with Host(HostSettings.default(), builtin=(tmp_path / "plugs",)) as host:
            host.kernel.load("folder")
            action = find_action(host.kernel.services, "folder.add")
            result = executor.execute(action, {"value": 4})
            assert result.value == 5
            assert result.pid != os.getpid()
            assert type(result) is action.result_model
    finally:
        executor.shutdown()
