"""The in-process executor as an object and as a plugin; what every executor does is in the contract's suite."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    EXECUTOR,
    PIPELINE_EXECUTOR,
    ActionCall,
    ActionCompleted,
    ActionPipeline,
    ActionStarted,
    BaseAction,
    PipelineCompleted,
    PluginConfigError,
)
from plugbus.kernel import Event, Kernel, PluginLoadError, PluginMetadata, ServiceNotFoundError
from plugbus.plugins.local_executor import LocalExecutor, LocalExecutorPlugin

if TYPE_CHECKING:
    from pathlib import Path


class Nothing(BaseModel):
    pass


class Look(BaseAction[Nothing]):
    action_name = "look"

    def execute(self) -> tuple[dict[str, Any], str | None]:
        return dict(self.ctx.env), self.ctx.job_id


class Say(BaseAction[Nothing]):
    def execute(self) -> dict[str, str | None]:
        return {"host": self.ctx.env["HOST"], "job": self.ctx.job_id}


class Interrupt(BaseAction[Nothing]):
    def execute(self) -> None:
        raise KeyboardInterrupt


class Nested(BaseAction[Nothing]):
    executor: LocalExecutor

    def execute(self) -> tuple[Any, int]:
        return self.executor.execute(Look, job_id="inner"), threading.get_ident()


class Shipped(LocalExecutorPlugin):
    metadata = PluginMetadata("local_executor", "1.0.0", provides=(EXECUTOR, PIPELINE_EXECUTOR))


def test_settings_and_job_are_those_of_the_call_before_those_of_the_executor() -> None:
    executor = LocalExecutor({"HOST": "default"}, "default")
    assert executor.execute(Look) == ({"HOST": "default"}, "default")
    assert executor.execute(Look, env={"PORT": 1}, job_id="own") == ({"PORT": 1}, "own")


def test_settings_are_those_of_the_moment_it_was_made() -> None:
    env = {"HOST": "a"}
    executor = LocalExecutor(env)
    env["HOST"] = "b"
    assert executor.execute(Look)[0] == {"HOST": "a"}


def test_events_go_to_the_place_of_the_call_before_that_of_the_executor() -> None:
    default: list[Event] = []
    own: list[Event] = []
    executor = LocalExecutor(publish=default.append)
    executor.submit(ActionCall(Look))
    executor.submit(ActionCall(Look), own.append)
    for events in (default, own):
        assert [type(event) for event in events] == [ActionStarted, ActionCompleted]


def test_an_interrupt_is_raised_in_the_thread_that_it_is_meant_for() -> None:
    executor = LocalExecutor()
    with pytest.raises(KeyboardInterrupt):
        executor.submit(ActionCall(Interrupt))
    assert executor.execute(Look) == ({}, None)


def test_an_action_may_run_another_one() -> None:
    executor = LocalExecutor()
    Nested.executor = executor
    assert executor.execute(Nested) == (({}, "inner"), threading.get_ident())


def test_a_future_that_is_returned_can_not_be_cancelled_any_more() -> None:
    future = LocalExecutor().submit(ActionCall(Look))
    assert not future.cancel()
    assert future.result() == ({}, None)


def test_shutdown_names_the_action_that_it_refuses() -> None:
    executor = LocalExecutor()
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError, match=r"^cannot run action 'plugin\.look': the executor is shut down$"):
        executor.execute(Look, name="plugin.look")


class TestPlugin:
    def test_offers_the_executor_while_it_is_loaded(self) -> None:
        with Kernel() as kernel:
            kernel.register(Shipped())
            kernel.load("local_executor")
            executor = kernel.services.get(EXECUTOR)
            assert executor.execute(Look) == ({}, None)
            kernel.unload("local_executor")
            with pytest.raises(ServiceNotFoundError):
                kernel.services.get(EXECUTOR)
            with pytest.raises(RuntimeError, match="the executor is shut down"):
                executor.execute(Look)

    def test_publishes_on_the_hosts_bus(self) -> None:
        events: list[Event] = []
        with Kernel() as kernel:
            kernel.register(Shipped())
            kernel.load("local_executor")
            kernel.bus.subscribe(ActionStarted, events.append)
            kernel.services.get(EXECUTOR).execute(Look, job_id="job")
        assert events == [ActionStarted("job", "look")]

    def test_offers_an_executor_of_pipelines_while_it_is_loaded(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PLUGBUS_ARTIFACT_ROOT", str(tmp_path))
        events: list[Event] = []
        with Kernel(config={"local_executor": {"env": {"HOST": "example.org"}, "mode": "threads"}}) as kernel:
            kernel.register(Shipped())
            kernel.load("local_executor")
            kernel.bus.subscribe(PipelineCompleted, events.append)
            executor = kernel.services.get(PIPELINE_EXECUTOR)
            run_id = executor.submit(ActionPipeline([Say]))
            assert executor.wait(run_id, 60) == {"host": "example.org", "job": run_id}
            assert [event.topic for event in events] == ["PipelineCompleted"]
            kernel.unload("local_executor")
            with pytest.raises(ServiceNotFoundError):
                kernel.services.get(PIPELINE_EXECUTOR)
            with pytest.raises(RuntimeError, match="the executor is shut down"):
                executor.submit(ActionPipeline([Say]))

    def test_takes_settings_from_its_configuration(self) -> None:
        with Kernel(config={"local_executor": {"env": {"HOST": "example.org"}}}) as kernel:
            kernel.register(Shipped())
            kernel.load("local_executor")
            assert kernel.services.get(EXECUTOR).execute(Look)[0] == {"HOST": "example.org"}

    def test_refuses_a_configuration_that_it_does_not_know(self) -> None:
        with Kernel(config={"local_executor": {"environment": {}}}) as kernel:
            kernel.register(Shipped())
            with pytest.raises(PluginLoadError) as caught:
                kernel.load("local_executor")
            assert isinstance(caught.value.__cause__, PluginConfigError)
            assert kernel.services.keys == ()
