"""Running an action by its name: everything that can be wrong is found before a run is made."""

from __future__ import annotations

import json
import pickle
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel, Field

from plugbus.capabilities import (
    BACKEND,
    EXECUTOR,
    STORAGE,
    TRACKING,
    Action,
    ActionCall,
    ActionCancelled,
    ActionCompleted,
    ActionFailed,
    ActionNotFoundError,
    ActionRunner,
    ActionStarted,
    Autolog,
    AutologFramework,
    BackendUnavailableError,
    BaseAction,
    CancellationToken,
    Executor,
    ExecutorTraits,
    MetricsRecorded,
    ParamsError,
    RunEnded,
    RunStarted,
    RunStatus,
    RunStore,
)
from plugbus.capabilities.testing import FakeTracking
from plugbus.kernel import (
    AmbiguousServiceError,
    Event,
    Kernel,
    Plugin,
    PluginContext,
    PluginMetadata,
    ServiceNotFoundError,
)
from plugbus.loaders import DirectoryLoader, shipped_plugins
from plugbus.plugins.fs_storage import FsStorage
from plugbus.plugins.local_backend import LocalBackend
from plugbus.plugins.local_executor import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from plugbus.capabilities import JobReport


class Model(BaseModel):
    depth: int = 3
    sizes: tuple[int, ...] = (8, 4)


class TrainParams(BaseModel):
    epochs: int = Field(default=1, ge=1)
    seed: int | None = 0
    model: Model = Model()


class TrainResult(BaseModel):
    accuracy: float
    model_path: Path


class Train(BaseAction[TrainParams]):
    result_model = TrainResult

    def execute(self) -> TrainResult:
        run = self.ctx.current_run
        path = run.artifact_dir / "model.bin"
        path.write_bytes(b"1")
        self.set_metrics({"loss": 0.5}, "train", step=1)
        run.tracking.log_artifact(path, "models")
        return TrainResult(accuracy=0.5, model_path=path)


class Loose(BaseAction[TrainParams]):
    result_model = TrainResult

    def execute(self) -> dict[str, Any]:
        return {"accuracy": 0.75, "model_path": None}


class Fail(BaseAction[TrainParams]):
    def execute(self) -> None:
        raise ArithmeticError("loss ran away")


class Interrupt(BaseAction[TrainParams]):
    def execute(self) -> None:
        raise KeyboardInterrupt


class Stop(BaseAction[TrainParams]):
    def execute(self) -> None:
        self.ctx.raise_if_cancelled()


class Show(BaseAction[TrainParams]):
    def execute(self) -> list[Any]:
        return [dict(self.ctx.env), self.ctx.job_id == self.ctx.current_run.run_id]


class Unseeded(BaseModel):
    pass


class Plain(BaseAction[Unseeded]):
    def execute(self) -> dict[str, float]:
        return {"nan": float("nan")}


class Ask(BaseAction[Unseeded]):
    def execute(self) -> str:
        return str(self.ctx.current_backend)


class AskPlainly(BaseAction[Unseeded]):
    def execute(self) -> Any:
        assert self.ctx.client is not None
        return self.ctx.client.job("1")


class AskStorage(BaseAction[Unseeded]):
    def execute(self) -> str:
        return str(self.ctx.current_storage)


class Log(BaseAction[Unseeded]):
    def execute(self) -> None:
        self.autolog("abacus")


class Abacus(AutologFramework):
    @property
    def name(self) -> str:
        return "abacus"

    def begin(self, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
        raise AssertionError


class Digits(Plugin):
    metadata = PluginMetadata("digits", "1.2.0", name="Digits", description="Reads digits.")
    actions: ClassVar[dict[str, type[BaseAction[Any]]]] = {
        "digits.train": Train,
        "digits.fail": Fail,
        "digits.loose": Loose,
        "digits.interrupt": Interrupt,
        "digits.show": Show,
        "digits.stop": Stop,
        "digits.plain": Plain,
        "digits.ask": Ask,
        "digits.ask_plainly": AskPlainly,
        "digits.ask_storage": AskStorage,
        "digits.log": Log,
    }

    def on_load(self, ctx: PluginContext) -> None:
        for name, action in self.actions.items():
            ctx.provide(Action(name), action)


class CountingExecutor(Executor):
    """Carries calls as the local executor does, and counts them."""

    def __init__(self) -> None:
        self.calls: list[ActionCall] = []
        self._local = LocalExecutor()

    @property
    def traits(self) -> ExecutorTraits:
        return self._local.traits

    def submit(self, call: ActionCall, publish: Callable[[Event], None] | None = None) -> Future[Any]:
        self.calls.append(call)
        return self._local.submit(call, publish)

    def shutdown(self, *, wait: bool = True) -> None:
        self._local.shutdown(wait=wait)


class Bench:
    def __init__(self, kernel: Kernel, root: Path) -> None:
        self.kernel = kernel
        self.store = RunStore(root)
        self.executor = CountingExecutor()
        self.tracking = FakeTracking()
        kernel.services.provide(EXECUTOR, self.executor, owner="counting")
        self.tracked = kernel.services.provide(TRACKING, self.tracking)
        self.events: list[Event] = []
        kernel.register(Digits())
        kernel.load("digits")
        kernel.bus.subscribe("*", self.events.append)
        self.runner = ActionRunner(kernel, self.store)

    def assert_nothing_happened(self) -> None:
        assert list(self.store.root.iterdir()) == []
        assert self.tracking.clients == []
        assert self.executor.calls == []
        assert self.events == []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Kernel() as kernel:
        yield Bench(kernel, tmp_path)


class TestRefusal:
    def test_of_an_unknown_action_makes_no_run(self, bench: Bench) -> None:
        with pytest.raises(ActionNotFoundError, match=r"did you mean 'digits\.train'"):
            bench.runner.run("digits.trian")
        bench.assert_nothing_happened()

    def test_of_wrong_params_makes_no_run(self, bench: Bench) -> None:
        with pytest.raises(ParamsError) as caught:
            bench.runner.run("digits.train", {"epochs": 0, "model": {"depth": "deep"}})
        assert caught.value.action == "digits.train"
        assert [path for path, _ in caught.value.faults] == ["epochs", "model.depth"]
        bench.assert_nothing_happened()

    def test_of_an_unknown_executor_makes_no_run(self, bench: Bench) -> None:
        with pytest.raises(ServiceNotFoundError) as caught:
            bench.runner.run("digits.train", executor="countin")
        assert caught.value.near == ("counting",)
        assert caught.value.known == ("counting",)
        assert "executor of countin" in str(caught.value)
        bench.assert_nothing_happened()

    def test_without_tracking_makes_no_run(self, bench: Bench) -> None:
        bench.tracked.withdraw()
        bench.events.clear()
        with pytest.raises(ServiceNotFoundError, match="tracking"):
            bench.runner.run("digits.train")
        bench.assert_nothing_happened()

    def test_to_choose_between_executors_makes_no_run(self, bench: Bench) -> None:
        bench.kernel.services.provide(EXECUTOR, LocalExecutor(), owner="local")
        bench.events.clear()
        with pytest.raises(AmbiguousServiceError):
            bench.runner.run("digits.train")
        bench.assert_nothing_happened()


class TestServicesThatSeveralProvide:
    @pytest.fixture
    def torn(self, bench: Bench, tmp_path: Path) -> Iterator[Bench]:
        pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')
        provide = bench.kernel.services.provide
        with ExitStack() as stack:
            for owner in ("one", "two"):
                backend = LocalBackend(tmp_path / f"{owner}.db")
                stack.callback(backend.close)
                provide(BACKEND, backend, owner=owner)
                provide(STORAGE, FsStorage(str(tmp_path / owner)), owner=owner)
                provide(Autolog("abacus"), Abacus(), owner=owner)
            yield bench

    def test_do_not_hinder_an_action_that_asks_for_none(self, torn: Bench) -> None:
        assert torn.runner.run("digits.plain").status is RunStatus.OK

    @pytest.mark.parametrize(
        ("action", "key"),
        [
            ("ask", "backend"),
            ("ask_plainly", "backend"),
            ("ask_storage", "storage"),
            ("log", "autolog(abacus)"),
        ],
    )
    def test_are_told_to_one_that_asks(self, torn: Bench, action: str, key: str) -> None:
        result = torn.runner.run(f"digits.{action}")
        assert isinstance(result.error, AmbiguousServiceError)
        assert str(result.error) == (
            f"cannot get service '{key}': 'one', 'two' provide it; name one in the host's preferences, "
            "or ask for all of them"
        )

    def test_are_told_in_another_process_too(self, torn: Bench) -> None:
        torn.runner.run("digits.plain")
        sent = pickle.loads(pickle.dumps(torn.executor.calls[-1].client))  # noqa: S301 - our own
        with pytest.raises(AmbiguousServiceError, match="'one', 'two' provide it"):
            sent.job("1")

    def test_that_nobody_provides_are_told_with_who_could(self, bench: Bench) -> None:
        host = DirectoryLoader()
        bench.kernel.register(host.read(shipped_plugins() / "local_backend"))
        result = bench.runner.run("digits.ask")
        assert isinstance(result.error, BackendUnavailableError)
        assert result.error.plugins == ("local_backend",)
        assert str(result.error).endswith(
            "nothing provides 'backend'; 'local_backend' would, and is not loaded: require 'backend' in the manifest "
            "of the plugin that uses it, or set 'activate_on_demand: true' in the host file"
        )
        result = bench.runner.run("digits.ask_storage")
        assert str(result.error).endswith("load a plugin that does, such as fs_storage")

    def test_are_loaded_on_demand_where_the_host_says_so(self, tmp_path: Path) -> None:
        config = {"local_backend": {"path": str(tmp_path / "own.db")}}
        with Kernel(activate_on_demand=True, config=config) as kernel:
            bench = Bench(kernel, tmp_path / "runs")
            kernel.register(DirectoryLoader().read(shipped_plugins() / "local_backend"))
            assert "own.db" in str(bench.runner.run("digits.ask").outputs)


class TestRun:
    def test_is_of_the_plugin_and_the_action(self, bench: Bench) -> None:
        result = bench.runner.run("digits.train", {"epochs": 2}, tags={"purpose": "smoke"}, notes="try")
        assert result.status is RunStatus.OK
        summary = json.loads((Path(result.artifact_dir) / "summary" / "run_summary.json").read_text("utf-8"))
        assert summary["spec"] == {
            "plugin_key": "digits",
            "pipeline": "train",
            "run_mode": "once",
            "dataset_id": None,
            "data_spec": {"epochs": 2, "seed": 0, "model": {"depth": 3, "sizes": [8, 4]}},
            "seed": 0,
            "tags": {"purpose": "smoke"},
            "notes": "try",
            "request_id": None,
        }
        assert summary["plugin"] == {
            "key": "digits",
            "name": "Digits",
            "version": "1.2.0",
            "description": "Reads digits.",
        }
        assert bench.store.latest("digits", "train").run_id == result.run_id

    def test_returns_what_the_action_returned_as_plain_data(self, bench: Bench) -> None:
        result = bench.runner.run("digits.train")
        assert result.outputs == {"accuracy": 0.5, "model_path": str(Path(result.artifact_dir) / "model.bin")}
        assert bench.runner.run("digits.plain").outputs == {"nan": "nan"}

    def test_returns_what_is_no_mapping_under_a_name(self, bench: Bench) -> None:
        result = bench.runner.run("digits.show", env={"HOST": "example.org"})
        assert result.outputs == {"result": [{"HOST": "example.org"}, True]}
        assert bench.runner.run("digits.show").outputs == {"result": [{}, True]}

    def test_logs_the_params_by_their_paths(self, bench: Bench) -> None:
        bench.runner.run("digits.train", TrainParams(epochs=2))
        assert bench.tracking.client.params == {"epochs": 2, "seed": 0, "model.depth": 3, "model.sizes": [8, 4]}
        assert bench.tracking.client.metrics == [("loss", 0.5, 1)]
        assert [place for _, place in bench.tracking.client.artifacts] == ["models", None, "summary"]

    def test_publishes_the_run_around_the_action(self, bench: Bench) -> None:
        result = bench.runner.run("digits.train")
        assert [type(event) for event in bench.events] == [
            RunStarted,
            ActionStarted,
            MetricsRecorded,
            ActionCompleted,
            RunEnded,
        ]
        assert bench.events[1] == ActionStarted(result.run_id, "digits.train")

    def test_has_the_seed_of_the_params_if_they_have_one(self, bench: Bench) -> None:
        bench.runner.run("digits.train", {"seed": 7})
        bench.runner.run("digits.train", {"seed": None})
        bench.runner.run("digits.plain")
        assert [client.tags.get("seed") for client in bench.tracking.clients] == ["7", None, None]

    def test_is_carried_by_the_executor_that_is_named(self, bench: Bench) -> None:
        other = CountingExecutor()
        bench.kernel.services.provide(EXECUTOR, other, owner="other")
        bench.runner.run("digits.train", executor="other")
        bench.runner.run("digits.train", executor="counting")
        bench.kernel.services.prefer(EXECUTOR, "other")
        bench.runner.run("digits.train")
        assert (len(other.calls), len(bench.executor.calls)) == (2, 1)

    def test_of_an_action_that_raises_failed(self, bench: Bench) -> None:
        result = bench.runner.run("digits.fail")
        assert result.status is RunStatus.FAILED
        assert isinstance(result.error, ArithmeticError)
        assert bench.tracking.client.statuses == ["failed"]
        assert (Path(result.artifact_dir) / "errors" / "exception.txt").is_file()
        assert [type(event) for event in bench.events] == [RunStarted, ActionStarted, ActionFailed, RunEnded]

    def test_keeps_a_result_that_does_not_fit(self, bench: Bench) -> None:
        result = bench.runner.run("digits.loose")
        assert result.status is RunStatus.FAILED
        kept = Path(result.artifact_dir) / "errors" / "result.json"
        assert json.loads(kept.read_text("utf-8")) == {"accuracy": 0.75, "model_path": None}
        assert (kept, "errors") in bench.tracking.client.artifacts
        result = bench.runner.run("digits.fail")
        assert not (Path(result.artifact_dir) / "errors" / "result.json").exists()

    def test_of_an_action_that_is_interrupted_is_cancelled(self, bench: Bench) -> None:
        with pytest.raises(KeyboardInterrupt):
            bench.runner.run("digits.interrupt")
        assert bench.tracking.client.statuses == ["cancelled"]
        assert [type(event) for event in bench.events] == [RunStarted, ActionStarted, ActionCancelled, RunEnded]

    def test_that_is_cancelled_by_its_token_is_a_cancelled_run(self, bench: Bench) -> None:
        token = CancellationToken()
        assert bench.runner.run("digits.stop", cancellation=token).status is RunStatus.OK
        token.cancel("the user left")
        bench.events.clear()
        result = bench.runner.run("digits.stop", cancellation=token)
        assert result.status is RunStatus.CANCELLED
        assert result.message is not None
        assert result.message.endswith("the user left")
        assert [type(event) for event in bench.events] == [RunStarted, ActionStarted, ActionCancelled, RunEnded]


class TestOwner:
    def test_is_the_plugin_whose_action_is_run(self, bench: Bench) -> None:
        class Other(Digits):
            metadata = PluginMetadata("other", "2.0.0", name="Other")
            actions: ClassVar[dict[str, type[BaseAction[Any]]]] = {"digits.train": Plain}

        bench.kernel.register(Other())
        bench.kernel.load("other")
        with pytest.raises(AmbiguousServiceError):
            bench.runner.run("digits.train")
        bench.kernel.services.prefer(Action("digits.train"), "other")
        bench.runner.run("digits.train")
        bench.kernel.services.prefer(Action("digits.train"), "digits")
        bench.runner.run("digits.train")
        assert [client.tags["plugin_name"] for client in bench.tracking.clients] == ["Other", "Digits"]

    def test_may_be_the_host_itself(self, bench: Bench) -> None:
        bench.kernel.services.provide(Action("lonely"), Plain)
        result = bench.runner.run("lonely")
        assert bench.tracking.client.tags == {"plugin": "lonely", "pipeline": "lonely", "run_mode": "once"}
        assert bench.store.latest("lonely", "lonely").run_id == result.run_id
