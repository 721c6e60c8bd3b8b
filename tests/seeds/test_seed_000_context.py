"""The context and the settings of the Synapse SDK: every example of its description, in its order."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    EXECUTOR,
    TRACKING,
    Action,
    ActionRunner,
    BaseAction,
    EventLogged,
    LogEnded,
    LogLevel,
    LogMessageCode,
    MessageLogged,
    MetricsRecorded,
    ProgressBoard,
    ProgressPlanned,
    ProgressReported,
    RunStore,
    RuntimeContext,
    WorkEvent,
    provide_messages,
)
from plugbus.capabilities.context.env import PluginEnvironment
from plugbus.capabilities.testing import FakeTracking
from plugbus.kernel import Kernel, Plugin, PluginContext, PluginMetadata
from plugbus.plugins.local_executor import LocalExecutor

if TYPE_CHECKING:
    from pathlib import Path

    from plugbus.kernel import Event


class Params(BaseModel):
    pass


class UsageAction(BaseAction[Params]):
    """The usage patterns, as they are written."""

    # fmt: off
    def execute(self) -> dict[str, str]:
        # Logging
        self.ctx.logger.info('Starting execution')
        self.ctx.logger.warning('Rate limit approaching')
        self.ctx.logger.error('Failed to connect')

        # Environment access
        api_key = self.ctx.env.get('API_KEY', '')
        debug_mode = self.ctx.env.get('DEBUG', 'false') == 'true'

        # Structured logging
        self.ctx.log('process_start', {'input_size': 1000})

        # Progress tracking (with optional category)
        self.ctx.set_progress(50, 100)  # 50% complete
        self.ctx.set_progress(5, 10, category='download')  # Category-specific

        # Metrics recording
        self.ctx.set_metrics({'loss': 0.05}, category='train')
        self.ctx.set_metrics({'accuracy': 0.95}, category='eval')

        # User-visible messages
        self.ctx.log_message('Model training complete!')

        # Developer debug events
        self.ctx.log_dev_event('checkpoint_saved', {'epoch': 10})

        # Finalize logging
        self.ctx.end_log()

        assert (api_key, debug_mode) == ('xxx', True)
        return {'status': 'done'}
    # fmt: on


def test_runtime_context_has_the_structure() -> None:
    assert [one.name for one in fields(RuntimeContext)][:3] == ["logger", "env", "job_id"]
    ctx = RuntimeContext()
    assert (ctx.job_id, ctx.client, ctx.agent_client, ctx.checkpoint) == (None, None, None, None)
    ctx.logger.info("there is a logger")
    assert dict(ctx.env) == {}


def test_usage_patterns() -> None:
    heard: list[Event] = []
    executor = LocalExecutor(env={"API_KEY": "xxx", "DEBUG": "true"}, job_id="job", publish=heard.append)
    assert executor.execute(UsageAction, {}) == {"status": "done"}
    assert heard[1:-1] == [
        MessageLogged("job", LogLevel.INFO, "Starting execution"),
        MessageLogged("job", LogLevel.WARNING, "Rate limit approaching"),
        MessageLogged("job", LogLevel.ERROR, "Failed to connect"),
        EventLogged("job", "process_start", {"input_size": 1000}),
        ProgressReported("job", 50, 100),
        ProgressReported("job", 5, 10, "download"),
        MetricsRecorded("job", {"loss": 0.05}, "train"),
        MetricsRecorded("job", {"accuracy": 0.95}, "eval"),
        MessageLogged("job", LogLevel.INFO, "Model training complete!"),
        EventLogged("job", "dev_event", {"message": "checkpoint_saved", "data": {"epoch": 10}}, None, LogLevel.DEBUG),
        LogEnded("job"),
    ]


def test_loading_methods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PLUGIN_API_KEY", "xxx")
    monkeypatch.setenv("PLUGIN_BATCH_SIZE", "32")
    (tmp_path / "config.toml").write_text('API_KEY = "from the file"\nDEBUG = true\n')
    # fmt: off

    # From environment variables with prefix
    # PLUGIN_API_KEY=xxx, PLUGIN_BATCH_SIZE=32, etc.
    env = PluginEnvironment.from_environ(prefix='PLUGIN_')
    assert {**env} == {'API_KEY': 'xxx', 'BATCH_SIZE': '32'}
    env1 = env

    # From TOML file
    env = PluginEnvironment.from_file('config.toml')
    assert {**env} == {'API_KEY': 'from the file', 'DEBUG': True}
    env2 = env

    # From explicit dictionary
    env = PluginEnvironment({'API_KEY': 'xxx', 'BATCH_SIZE': 32})
    assert {**env} == {'API_KEY': 'xxx', 'BATCH_SIZE': 32}

    # Merge environments (later values override)
    merged = env1.merge(env2)
    # fmt: on
    assert {**merged} == {"API_KEY": "from the file", "BATCH_SIZE": "32", "DEBUG": True}


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        (
            {"API_KEY": "xxx", "MODE": "test", "BATCH_SIZE": "64", "LEARNING_RATE": "0.1", "DEBUG": "yes",
             "TAGS": "a, b"},
            ("xxx", "test", 64, 0.1, True, ["a", "b"]),
        ),
        ({"API_KEY": "xxx"}, ("xxx", "production", 32, 0.001, False, [])),
        ({"API_KEY": "xxx", "DEBUG": "0", "TAGS": ["a", "b"]}, ("xxx", "production", 32, 0.001, False, ["a", "b"])),
    ],
)  # fmt: skip
def test_type_safe_getters(env: Any, expected: tuple[object, ...]) -> None:
    env = PluginEnvironment(env)
    # fmt: off

    # String (required - raises if missing)
    api_key = env.get_str('API_KEY')

    # String with default
    mode = env.get_str('MODE', default='production')

    # Integer
    batch_size = env.get_int('BATCH_SIZE', default=32)

    # Float
    learning_rate = env.get_float('LEARNING_RATE', default=0.001)

    # Boolean (true/false, 1/0, yes/no)
    debug = env.get_bool('DEBUG', default=False)

    # List (comma-separated string or actual list)
    tags = env.get_list('TAGS', default=[])
    # fmt: on
    assert (api_key, mode, batch_size, learning_rate, debug, tags) == expected


def test_a_required_string_raises_if_it_is_missing() -> None:
    with pytest.raises(KeyError, match="API_KEY"):
        PluginEnvironment({}).get_str("API_KEY")


class Codes(LogMessageCode):
    DONE = "DONE", LogLevel.SUCCESS


class PlannedAction(BaseAction[Params]):
    progress_categories = {"dataset": 20, "train": 75, "model_upload": 5}  # noqa: RUF012 - as it is written there

    def execute(self) -> None:
        self.set_progress(1, 1, category="dataset")
        self.set_progress(1, 2, category="train")
        self.ctx.log_message(Codes.DONE, rows=3)
        raise OSError("the disk is full")


def test_categories_of_an_action_make_up_the_whole() -> None:
    heard: list[Event] = []
    board = ProgressBoard()

    def hear(event: Event) -> None:
        heard.append(event)
        assert isinstance(event, WorkEvent)
        board.record(event)

    with pytest.raises(OSError, match="full"):
        LocalExecutor(job_id="job", publish=hear).execute(PlannedAction, {})
    assert heard[1] == ProgressPlanned("job", {"dataset": 20, "train": 75, "model_upload": 5})
    snapshot = board.snapshot("job")
    assert snapshot is not None
    assert snapshot.percent == pytest.approx(57.5)
    assert [one.state.value for one in snapshot.categories] == ["completed", "failed", "waiting"]


def test_texts_of_the_plugin_that_offers_an_action_are_those_of_its_messages(tmp_path: Path) -> None:
    class Owner(Plugin):
        metadata = PluginMetadata("owner", "1.0.0")

        def on_load(self, ctx: PluginContext) -> None:
            ctx.provide(Action("owner.work"), PlannedAction)
            provide_messages(ctx, {"DONE": {"en": "{rows} rows", "de": "{rows} Zeilen"}})

    with Kernel() as kernel:
        kernel.register(Owner())
        kernel.load("owner")
        heard: list[MessageLogged] = []
        kernel.bus.subscribe(MessageLogged, heard.append)
        tracking = FakeTracking()
        kernel.services.provide(EXECUTOR, LocalExecutor())
        kernel.services.provide(TRACKING, tracking)
        runner = ActionRunner(kernel, RunStore(tmp_path))
        runner.run("owner.work")
        runner.run("owner.work", language="de_AT")
        runner.run("owner.work", env={"LANGUAGE": "de"})
    assert [one.message for one in heard] == ["3 rows", "3 Zeilen", "3 Zeilen"]
    assert {one.level for one in heard} == {LogLevel.SUCCESS}
