"""Running one action of a plugin: what is checked first, who carries it, what it finds, and what is left."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import (
    ActionNotFoundError,
    CancellationToken,
    ExecutionMode,
    ParamsError,
    ResultError,
    WorkCancelledError,
)
from plugbus.kernel import PluginLoadError, PluginState
from plugbus.loaders import (
    ConfigNotFoundError,
    DocumentError,
    Host,
    HostSettings,
    NoExecutorError,
    PluginImportError,
    RequirementsError,
    UnknownModeError,
    run_plugin,
    shipped_plugins,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

CODE = """
from pydantic import BaseModel, Field
from plugbus.capabilities import BaseAction

class Params(BaseModel):
    epochs: int = Field(default=10, ge=1)

class Result(BaseModel):
    n: int

class TrainAction(BaseAction[Params]):
    def execute(self):
        return {"epochs": self.params.epochs, "env": dict(self.ctx.env), "job": self.ctx.job_id}

class WrongAction(BaseAction[Params]):
    result_model = Result
    def execute(self):
        return {"n": "many"}

class FailAction(BaseAction[Params]):
    def execute(self):
        raise ZeroDivisionError("no")

class PatientAction(BaseAction[Params]):
    def execute(self):
        self.ctx.raise_if_cancelled()
"""
EXECUTOR = """
from plugbus.capabilities import EXECUTOR, ExecutionMode, ExecutorTraits
from plugbus.kernel import Plugin
from plugbus.plugins.local_executor import LocalExecutor

class Far(LocalExecutor):
    @property
    def traits(self):
        return ExecutorTraits(modes=frozenset({{ExecutionMode.{mode}}}))
    def submit(self, call, publish=None):
        assert call.env["far"] == "no"
        return super().submit(type(call)(call.action_cls, call.params, job_id="far", env=call.env), publish)

class Made(Plugin):
    def on_load(self, ctx):
        executor = Far(publish=ctx.publish)
        ctx.on_unload(executor.shutdown)
        ctx.provide(EXECUTOR, executor)
"""


@pytest.fixture(autouse=True)
def process_is_left_as_it_was() -> Iterator[None]:
    before = _process_state()
    yield
    for left, found in zip(_process_state(), before, strict=True):
        # What another test has left behind may be collected meanwhile.
        assert [one for one in left if one not in found] == []


def _process_state() -> tuple[Sequence[object], ...]:
    plugins = [name for name in sys.modules if name.startswith("plugbus_plugin_")]
    return plugins, list(sys.path), list(sys.meta_path), [one.name for one in threading.enumerate()]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    for name in [name for name in os.environ if name.startswith("PLUGIN_")]:
        monkeypatch.delenv(name)

    def write(more: str = "", code: str = CODE, folder: str = "yolo") -> Path:
        actions = "".join(
            f"  {one}: {{entrypoint: 'plugin.train:{one.capitalize()}Action', method: {method}}}\n"
            for one, method in (("train", "job"), ("wrong", "task"), ("fail", "serve"), ("patient", "task"))
        )
        text = f"name: YOLO\ncode: {folder}\ncategory: neural_net\n{dedent(more)}actions:\n{actions}"
        for name, content in {"config.yaml": text, "plugin/train.py": code}.items():
            (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(content)
        return tmp_path / folder

    return write


Write = Any


def test_an_action_runs_from_its_folder_or_its_file(write: Write) -> None:
    root = write()
    for path in (root, str(root), root / "config.yaml", f"{root}/config.yaml"):
        assert run_plugin(path, "train", {"epochs": 3})["epochs"] == 3
    assert run_plugin(root, "train", mode=ExecutionMode.LOCAL, job_id="j1")["job"] == "j1"


def test_a_folder_beside_the_process_may_be_named_alone(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write().parent)
    assert run_plugin("yolo", "train")["epochs"] == 10


def test_a_module_runs_by_its_name_or_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_runs.py").write_text(CODE)
    importlib.invalidate_caches()
    try:
        assert run_plugin("own_runs", "train", {"epochs": 2})["epochs"] == 2
        assert run_plugin(sys.modules["own_runs"], "train")["epochs"] == 10
    finally:
        del sys.modules["own_runs"]


def test_settings_come_from_the_configuration_the_process_and_the_caller(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write("env: {A: config, B: config, C: config, MAX_EPOCHS: 300}\n")
    monkeypatch.setenv("PLUGIN_B", "process")
    monkeypatch.setenv("PLUGIN_C", "process")
    monkeypatch.setenv("SECRET", "not for plugins")
    assert run_plugin(root, "train", env={"C": "caller"})["env"] == {
        "A": "config", "B": "process", "C": "caller", "MAX_EPOCHS": 300,
    }  # fmt: skip


def test_what_is_required_is_checked_before_anything_is_imported(write: Write) -> None:
    root = write("requires: {python: '>=99'}\n", code="raise SystemExit('imported')")
    with pytest.raises(RequirementsError, match="it needs Python >=99"):
        run_plugin(root, "train")


def test_dependencies_are_the_plugins_beside_it(write: Write) -> None:
    root = write("dependencies: {data: ^1}\n")
    with pytest.raises(RequirementsError, match=r"depends on plugin 'data' \^1, which is not there"):
        run_plugin(root, "train")
    write("version: 1.2.0\n", folder="data")
    (write(folder="broken") / "config.yaml").write_text("[")
    assert run_plugin(root, "train")["epochs"] == 10
    write("version: 2.0.0\n", folder="data")
    with pytest.raises(RequirementsError, match=r"and there is 2\.0\.0"):
        run_plugin(root, "train")


def test_errors_are_told_as_what_they_are_and_leave_nothing(write: Write, tmp_path: Path) -> None:
    root = write()
    with pytest.raises(ActionNotFoundError, match="did you mean 'train'"):
        run_plugin(root, "trian")
    with pytest.raises(ParamsError, match="epochs"):
        run_plugin(root, "train", {"epochs": 0})
    with pytest.raises(ResultError):
        run_plugin(root, "wrong")
    with pytest.raises(ZeroDivisionError, match="no"):
        run_plugin(root, "fail")
    with pytest.raises(ConfigNotFoundError):
        run_plugin(tmp_path / "nowhere", "train")
    with pytest.raises(ConfigNotFoundError, match="neither a path nor the name of a module"):
        run_plugin("no module", "train")
    with pytest.raises(PluginImportError, match="no_such_package_at_all"):
        run_plugin("no_such_package_at_all", "train")
    with pytest.raises(PluginImportError, match="RuntimeError: broken"):
        run_plugin(write(code="raise RuntimeError('broken')", folder="other"), "train")


def test_a_run_can_be_cancelled(write: Write) -> None:
    token = CancellationToken()
    token.cancel()
    with pytest.raises(WorkCancelledError):
        run_plugin(write(), "patient", cancellation=token)


def test_an_unknown_mode_is_refused_with_those_that_there_are(write: Write) -> None:
    with pytest.raises(
        UnknownModeError, match="cannot run in mode 'cloud': there are 'local', 'task', 'job'"
    ) as caught:
        run_plugin(write(), "train", mode="cloud")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own


@pytest.mark.parametrize(("mode", "action", "text"), [(None, "fail", "is to be served")])
def test_a_mode_that_nobody_serves_is_told(write: Write, mode: str | None, action: str, text: str) -> None:
    with pytest.raises(NoExecutorError, match=text):
        run_plugin(write(), action, mode=mode)


def test_the_shipped_executors_refuse_what_they_do_not_know(write: Write) -> None:
    root = write()
    assert run_plugin(root, "train", env={"A": "1"})["env"] == {"A": "1"}
    with pytest.raises(PluginLoadError, match=r"config\.local_executor\.speed: unknown key 'speed'"):
        run_plugin(root, "train", speed=3)
    with pytest.raises(DocumentError, match="an executor is configured by plain data"):
        run_plugin(root, "train", speed=object())


@pytest.fixture
def far(tmp_path: Path) -> Callable[..., Host]:
    def far(mode: str = "TASK", modes: str = "", needs: str = "") -> Host:
        folder = tmp_path / "plugins" / "far"
        folder.mkdir(parents=True)
        (folder / "plugin.yaml").write_text(
            f"id: far\nversion: '1.0.0'\nentrypoint: plugin:Made\nprovides: [executor]\n{modes}{needs}"
        )
        (folder / "plugin.py").write_text(EXECUTOR.format(mode=mode))
        return Host(HostSettings.default(), builtin=(shipped_plugins(), tmp_path / "plugins"))

    return far


def test_a_plugin_whose_executor_names_the_mode_carries_the_run(write: Write, far: Callable[..., Host]) -> None:
    root = write()
    with far() as host:
        for mode in ("task", ExecutionMode.TASK):
            assert run_plugin(root, "train", mode=mode, host=host, env={"far": "no"})["job"] == "far"
        assert run_plugin(root, "train", host=host)["job"] is None
        with pytest.raises(NoExecutorError, match="'far' does not"):
            run_plugin(root, "train", mode="job", host=host)
        assert not host.kernel.list(state=PluginState.ACTIVE)
        with pytest.raises(TypeError, match="with a host of your own the executor is configured by that host"):
            run_plugin(root, "train", host=host, speed=3)


def test_the_method_decides_where_no_mode_is_given(write: Write, far: Callable[..., Host]) -> None:
    with far("JOB") as host:
        assert run_plugin(write(), "train", mode=None, host=host, env={"far": "no"})["job"] == "far"


def test_an_executor_that_is_loaded_stays_loaded(write: Write, far: Callable[..., Host]) -> None:
    with far() as host:
        host.kernel.load("far")
        run_plugin(write(), "train", mode="task", host=host, env={"far": "no"})
        assert "far" in host.kernel.list(state=PluginState.ACTIVE)


def test_plugins_that_say_other_modes_or_lack_modules_are_not_loaded(write: Write, far: Callable[..., Host]) -> None:
    needs = "needs: {modules: [no_such_module_here], install: 'plugbus[far]'}\n"
    with (
        far(needs=needs) as host,
        pytest.raises(NoExecutorError, match=r"'far' needs 'no_such_module_here': pip install \"plugbus\[far\]\""),
    ):
        run_plugin(write(), "train", mode="task", host=host)


def test_a_manifest_may_say_the_modes(write: Write, far: Callable[..., Host]) -> None:
    with far(modes="metadata: {modes: job}\n") as host, pytest.raises(NoExecutorError) as caught:
        run_plugin(write(), "train", mode="task", host=host)
    assert not any("'far'" in reason for reason in caught.value.reasons)


@pytest.mark.parametrize("mode", ["task", "job"])
def test_tasks_and_jobs_run_in_a_process_of_their_own(tmp_path: Path, mode: str) -> None:
    root = tmp_path / "cats"
    files = {
        "config.yaml": """
            name: cats
            code: cats
            version: "1.0.0"
            category: custom
            actions:
              tell: {entrypoint: "plugin.main:TellAction"}
            """,
        "plugin/__init__.py": "",
        "plugin/utils.py": "WHO = 'cats'\n",
        "plugin/main.py": """
            import os
            from pydantic import BaseModel
            from plugbus.capabilities import BaseAction
            from plugin.utils import WHO

            class Params(BaseModel):
                fail: bool = False

            class TellAction(BaseAction[Params]):
                def execute(self):
                    from plugin.late import LATE
                    if self.params.fail:
                        raise ZeroDivisionError(WHO)
                    return {"who": WHO, "late": LATE, "pid": os.getpid(), "env": self.ctx.env["A"]}
            """,
        "plugin/late.py": "from plugin.utils import WHO\nLATE = WHO\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text))
    found = run_plugin(root, "tell", {}, mode=mode, env={"A": "1"})
    assert (found["who"], found["late"], found["env"]) == ("cats", "cats", "1")
    assert found["pid"] != os.getpid()
    with pytest.raises(ProcessLookupError):
        os.kill(found["pid"], 0)
    with pytest.raises(ZeroDivisionError, match="cats"):
        run_plugin(root, "tell", {"fail": True}, mode=mode, env={"A": "1"})
    assert not multiprocessing.active_children()


def test_an_interrupt_stops_what_runs_elsewhere(tmp_path: Path) -> None:
    root = tmp_path / "slow"
    root.mkdir()
    (root / "config.yaml").write_text(
        "name: slow\ncode: slow\nversion: '1.0.0'\ncategory: custom\n"
        "actions: {wait: {entrypoint: 'plugin:WaitAction'}}\n"
    )
    (root / "plugin.py").write_text(
        dedent(
            """
            import time
            from pathlib import Path
            from pydantic import BaseModel
            from plugbus.capabilities import BaseAction

            class Params(BaseModel):
                started: Path
                ended: Path

            class WaitAction(BaseAction[Params]):
                def execute(self):
                    self.params.started.touch()
                    try:
                        while True:
                            self.ctx.raise_if_cancelled()
                            time.sleep(0.01)
                    finally:
                        self.params.ended.touch()
            """
        )
    )
    started, ended = tmp_path / "started", tmp_path / "ended"
    over = threading.Event()

    def interrupt() -> None:
        while not started.exists() and not over.wait(0.01):
            pass
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_plugin(root, "wait", {"started": str(started), "ended": str(ended)}, mode="job")
    finally:
        over.set()
        thread.join(60)
    assert ended.exists()
    assert not multiprocessing.active_children()
