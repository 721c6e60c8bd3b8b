"""The suites themselves: executors and trackings of other kinds pass, and each broken promise is found."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities import ActionCall, BaseAction, Executor, ExecutorTraits, NoResult
from plugbus.capabilities.testing import (
    ExecutorContract,
    FakeTracking,
    FakeTrackingClient,
    Tracked,
    TrackingContract,
    executor_contract,
)
from plugbus.capabilities.testing.executor_contract import EndlessAsyncAction
from plugbus.plugins.local_executor import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from plugbus.capabilities import TrackingBackend
    from plugbus.kernel import Event


class ThreadedExecutor(Executor):
    """Carries calls to threads of its own: one thread keeps the order, several do not."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)

    @property
    def traits(self) -> ExecutorTraits:
        return ExecutorTraits(is_ordered=self._threads == 1)

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        try:
            return self._pool.submit(call.run_here, publish or (lambda event: None))
        except RuntimeError as error:
            raise RuntimeError(f"cannot run action '{call.label}': {error}") from error

    def shutdown(self, *, wait: bool = True) -> None:
        self._pool.shutdown(wait)


@pytest.mark.parametrize("threads", [1, 4])
class TestThreadedExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, threads: int) -> Iterator[Executor]:
        executor = ThreadedExecutor(threads)
        yield executor
        executor.shutdown()


class PicklingExecutor(LocalExecutor):
    """Sends calls, results and errors the way that they go to another process and back."""

    @property
    def traits(self) -> ExecutorTraits:
        return ExecutorTraits(is_remote=True, is_inline=True)

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        def send(event: Event) -> None:
            if publish is not None:
                publish(_sent(event))

        done = super().submit(_sent(call), send)
        future: Future[Any] = Future()
        error = done.exception()
        if error is None:
            future.set_result(_sent(done.result()))
        else:
            future.set_exception(_sent(error))
        return future


def _sent(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - made in the line itself


class TestPicklingExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        executor = PicklingExecutor()
        yield executor
        executor.shutdown()


class Suite(ExecutorContract):
    """The suite as an object whose parts can be called one by one."""

    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        raise NotImplementedError


class Tireless(LocalExecutor):
    def shutdown(self, *, wait: bool = True) -> None: ...


class Leaking(LocalExecutor):
    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        return super().submit(replace(call, env={**os.environ, **call.env}), publish)


class Deaf(LocalExecutor):
    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        return super().submit(replace(call, cancellation=None), publish)


class Once(LocalExecutor):
    """Knows of no policy."""

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        return super().submit(replace(call, policy=None), publish)


class Classic(LocalExecutor):
    """Knows of no functions and coroutines."""

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        if call.action_cls.__base__ is not BaseAction or iscoroutinefunction(call.action_cls.execute):
            raise RuntimeError("what is that?")
        return super().submit(call, publish)


class Silent(LocalExecutor):
    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        return super().submit(call)


class Late(LocalExecutor):
    """Hands events over when the next call comes."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[Callable[[], None]] = []

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        for deliver in self._waiting:
            deliver()

        def later(event: Event) -> None:
            self._waiting.append(lambda: None if publish is None else publish(event))

        return super().submit(call, later)


class Stringly(LocalExecutor):
    """Loses the type of what an action raises."""

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        future = super().submit(call, publish)
        error = future.exception()
        if error is not None:
            future = Future()
            future.set_exception(RuntimeError(str(error)))
        return future


class Trusting(LocalExecutor):
    """Runs actions past validation."""

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        class Free(call.action_cls):  # type: ignore[misc, name-defined] # a class that is known when it runs
            result_model = NoResult

        return super().submit(replace(call, action_cls=Free), publish)


class Anonymous(LocalExecutor):
    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        return super().submit(replace(call, job_id="job"), publish)


class Boasting(ThreadedExecutor):
    """Says that it does the work in the caller's thread."""

    def __init__(self) -> None:
        super().__init__(1)

    @property
    def traits(self) -> ExecutorTraits:
        return ExecutorTraits(is_inline=True)


class Shuffling(LocalExecutor):
    """Starts every second call before the one that came earlier, and says that it keeps the order."""

    def __init__(self) -> None:
        super().__init__()
        self._held: list[tuple[ActionCall, Callable[[Event], None] | None, Future[Any]]] = []

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        future: Future[Any] = Future()
        self._held.append((call, publish, future))
        if len(self._held) == 2:
            while self._held:
                held, place, waiting = self._held.pop()
                waiting.set_result(super().submit(held, place).result())
        return future


@pytest.mark.parametrize(
    ("make", "part", "known"),
    [
        (Tireless, "test_shutdown_refuses_further_calls", {}),
        (Leaking, "test_an_action_gets_its_settings_and_no_others", {"monkeypatch": None}),
        (Deaf, "test_a_cancelled_token_stops_the_action", {}),
        (Deaf, "test_a_cancelled_token_stops_an_async_action_that_waits", {}),
        (Once, "test_an_action_is_tried_again_as_its_policy_says", {"events": None, "tmp_path": None}),
        (Once, "test_the_last_attempt_raises_as_it_is", {"events": None, "tmp_path": None}),
        (Silent, "test_the_last_attempt_raises_as_it_is", {"events": None, "tmp_path": None}),
        (Silent, "test_an_action_whose_time_is_over_is_stopped", {"endless": None, "events": None}),
        (Classic, "test_an_async_action_is_awaited", {"events": None}),
        (Classic, "test_an_async_action_is_run_where_a_loop_is_running", {}),
        (Classic, "test_an_action_that_is_a_function_is_run", {"events": None}),
        (Silent, "test_events_of_a_job_arrive_in_order", {"events": None}),
        (Late, "test_events_of_a_job_arrive_in_order", {"events": None}),
        (Anonymous, "test_events_of_a_job_arrive_in_order", {"events": None}),
        (Anonymous, "test_jobs_of_several_threads_are_not_mixed_up", {}),
        (Stringly, "test_an_error_arrives_as_it_was_raised", {}),
        (Stringly, "test_wrong_params_are_refused_with_every_fault", {}),
        (Stringly, "test_execute_returns_and_raises_what_the_action_does", {}),
        (Trusting, "test_submit_returns_the_future_of_the_result", {}),
        (Trusting, "test_a_wrong_result_is_refused_and_kept", {}),
        (Boasting, "test_inline_means_this_thread_and_a_future_that_is_done", {}),
        (Shuffling, "test_ordered_means_started_in_the_order_of_submission", {}),
    ],
)
def test_an_executor_that_breaks_a_promise_is_found(
    make: Callable[[], Executor],
    part: str,
    known: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    values: dict[str, Any] = {
        "monkeypatch": monkeypatch,
        "events": [],
        "tmp_path": tmp_path,
        "endless": EndlessAsyncAction,
    }
    if make is Deaf:
        monkeypatch.setattr(executor_contract, "WAIT_S", 0.2)
    executor = make()
    with pytest.raises(
        (AssertionError, pytest.fail.Exception, RuntimeError, OSError, KeyError, IndexError, ValueError)
    ):
        getattr(Suite(), part)(executor, **{key: values[key] for key in known})
    executor.shutdown()


class TrackingSuite(TrackingContract):
    """The suite as an object whose parts can be called one by one."""

    @pytest.fixture
    def backend(self) -> TrackingBackend:
        raise NotImplementedError

    def read(self, backend: TrackingBackend, run_id: str, artifact_dir: Path) -> Tracked:
        assert isinstance(backend, FakeTracking)
        client = next(one for one in backend.clients if one.run_id == run_id)
        status = client.statuses[-1] if client.statuses else None
        artifacts = tuple((path.name, place) for path, place in client.artifacts)
        return Tracked(client.name, status, dict(client.params), tuple(client.metrics), dict(client.tags), artifacts)


class Forgetful(FakeTrackingClient):
    """Records nothing but the beginning."""

    def end_run(self, status: str) -> None: ...
    def log_params(self, params: Mapping[str, Any]) -> None: ...
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None: ...
    def set_tags(self, tags: Mapping[str, str]) -> None: ...
    def log_artifact(self, path: Path, artifact_path: str | None = None) -> None: ...


class Lenient(FakeTrackingClient):
    """Takes whatever comes, whenever it comes."""

    def start_run(self, run_id: str, *, name: str, tags: Mapping[str, str], artifact_dir: Path) -> None:
        self.run_id, self.name = run_id, name
        self.tags.update(tags)

    def end_run(self, status: str) -> None:
        self.statuses.append(status)

    def log_params(self, params: Mapping[str, Any]) -> None:
        self.params.update(params)

    def get_artifact_uri(self, artifact_path: str | None = None) -> str:
        return "somewhere"


class Moving(FakeTrackingClient):
    """Takes artifacts away."""

    def log_artifact(self, path: Path, artifact_path: str | None = None) -> None:
        super().log_artifact(path, artifact_path)
        path.unlink()


class FlatMetrics(FakeTrackingClient):
    """Keeps the last value of each key, without its step."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.metrics = [*((key, value, None) for key, value in metrics.items())]


class Shared(FakeTracking):
    """Gives every run the same client's memory."""

    def create_client(self) -> FakeTrackingClient:
        client = super().create_client()
        client.params = self.clients[0].params
        return client


def tracking_of(kind: type[FakeTrackingClient]) -> FakeTracking:
    class Tracking(FakeTracking):
        def create_client(self) -> FakeTrackingClient:
            client = kind()
            self.clients.append(client)
            return client

    return Tracking()


@pytest.mark.parametrize(
    ("kind", "part", "known"),
    [
        (Forgetful, "test_end_records_the_status", {"status": "ok"}),
        (Forgetful, "test_params_are_recorded", {}),
        (Forgetful, "test_metrics_keep_order_and_step", {}),
        (FlatMetrics, "test_metrics_keep_order_and_step", {}),
        (FlatMetrics, "test_metrics_that_are_not_finite_are_recorded", {}),
        (Forgetful, "test_metrics_that_are_not_finite_are_recorded", {}),
        (Forgetful, "test_a_tag_set_again_takes_the_new_value", {}),
        (Forgetful, "test_artifacts_are_recorded_and_left_alone", {}),
        (Moving, "test_artifacts_are_recorded_and_left_alone", {}),
        (Lenient, "test_a_run_begins_once", {}),
        (Lenient, "test_a_run_ends_once", {}),
        (Lenient, "test_nothing_is_recorded_after_the_end", {}),
        (Lenient, "test_artifacts_have_an_address", {}),
        (Forgetful, "test_a_missing_file_is_refused", {}),
    ],
)
def test_a_tracking_that_breaks_a_promise_is_found(
    kind: type[FakeTrackingClient], part: str, known: dict[str, Any], tmp_path: Path
) -> None:
    backend = tracking_of(kind)
    client = backend.create_client()
    client.start_run(
        "run-1", name="plugin:train:once", tags={"purpose": "contract", "größe": "klein"}, artifact_dir=tmp_path
    )
    method = getattr(TrackingSuite(), part)
    values: dict[str, Any] = {"backend": backend, "client": client, "folder": tmp_path, **known}
    wanted = method.__code__.co_varnames[1 : method.__code__.co_argcount]
    found = (AssertionError, pytest.fail.Exception, RuntimeError, OSError, KeyError, IndexError, ValueError)
    with pytest.raises(found):
        method(**{name: values[name] for name in wanted})


@pytest.mark.parametrize("outcome", ["returns", "raises"])
def test_a_tracking_that_forgets_a_whole_run_is_found(tmp_path: Path, outcome: str) -> None:
    with pytest.raises(AssertionError):
        TrackingSuite().test_a_whole_run_is_recorded(tracking_of(Forgetful), tmp_path, outcome)


def test_a_tracking_whose_runs_share_their_memory_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        TrackingSuite().test_clients_share_nothing(Shared(), tmp_path)
