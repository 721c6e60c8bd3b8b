"""Automatic logging: which framework, until when, and for whom."""

from __future__ import annotations

import asyncio
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel

from plugbus.capabilities import (
    ActionCall,
    ActionRunner,
    Autolog,
    AutologError,
    AutologFramework,
    BaseAction,
    EventLogged,
    FrameworkMissingError,
    JobReport,
    MetricsRecorded,
    RunStatus,
    RunStore,
    RuntimeContext,
    UnknownFrameworkError,
)
from plugbus.capabilities.autolog.lightning import wrap_fit
from plugbus.capabilities.autolog.patch import SharedPatch, framework_module, numbers_of
from plugbus.capabilities.autolog.ultralytics import add_callbacks
from plugbus.capabilities.testing import FakeTracking
from plugbus.kernel import Event, Kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

WAIT_S = 60
FRAMEWORKS = ["sklearn", "lightning", "pytorch_lightning", "ultralytics"]


class Params(BaseModel):
    framework: str = "drum"
    beats: int = 1


class Drum:
    """A framework: it tells whoever listens of each beat."""

    def __init__(self) -> None:
        self.listeners: list[Callable[[int], None]] = []

    def beat(self, number: int) -> None:
        for listener in tuple(self.listeners):
            listener(number)


class DrumAutolog(AutologFramework):
    def __init__(self, drum: Drum) -> None:
        self.drum = drum

    @property
    def name(self) -> str:
        return "drum"

    def begin(self, find_report: Callable[[], JobReport | None]) -> Callable[[], None]:
        def hear(number: int) -> None:
            report = find_report()
            if report is not None:
                report.set_metrics({"beat": number}, "drum", step=number)

        self.drum.listeners.append(hear)
        return lambda: self.drum.listeners.remove(hear)


DRUM = Drum()
OFFERED = {"drum": DrumAutolog(DRUM)}


class Drumming(BaseAction[Params]):
    def execute(self) -> None:
        self.autolog(self.params.framework)
        self.autolog(self.params.framework)
        for number in range(self.params.beats):
            DRUM.beat(number)


def beats(events: list[Event]) -> list[float]:
    return [event.values["beat"] for event in events if isinstance(event, MetricsRecorded)]


def run(action: type[BaseAction[Any]], **params: Any) -> list[Event]:
    events: list[Event] = []
    ActionCall(action, params, autologs=OFFERED).run_here(events.append)
    return events


class TestSession:
    def test_reports_until_the_action_ends(self) -> None:
        assert beats(run(Drumming, beats=3)) == [0, 1, 2]
        assert DRUM.listeners == []

    def test_ends_though_the_action_fails(self) -> None:
        class Failing(Drumming):
            def execute(self) -> None:
                super().execute()
                raise OSError

        with pytest.raises(OSError):  # noqa: PT011 - it is that of the action
            run(Failing)
        assert DRUM.listeners == []

    def test_of_an_async_action_covers_its_tasks(self) -> None:
        class Async(BaseAction[Params]):
            async def execute(self) -> None:
                self.autolog("drum")

                async def beat(number: int) -> None:
                    await asyncio.sleep(0)
                    DRUM.beat(number)

                await asyncio.gather(beat(0), beat(1), asyncio.to_thread(DRUM.beat, 2))

        assert sorted(beats(run(Async))) == [0, 1, 2]
        assert DRUM.listeners == []

    def test_does_not_see_what_other_threads_do(self) -> None:
        class Starting(BaseAction[Params]):
            def execute(self) -> None:
                self.autolog("drum")
                thread = threading.Thread(target=DRUM.beat, args=(7,))
                thread.start()
                thread.join(WAIT_S)

        assert beats(run(Starting)) == []

    def test_of_two_actions_at_once_are_kept_apart(self) -> None:
        together = threading.Barrier(2, timeout=WAIT_S)

        class Meeting(BaseAction[Params]):
            def execute(self) -> None:
                self.autolog("drum")
                together.wait()
                DRUM.beat(self.params.beats)
                together.wait()

        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda number: beats(run(Meeting, beats=number)), [1, 2])
        assert (first, second) == ([1], [2])
        assert DRUM.listeners == []

    def test_of_an_inner_action_is_over_when_the_outer_goes_on(self) -> None:
        class Outer(BaseAction[Params]):
            inner: ClassVar[list[float]] = []

            def execute(self) -> None:
                self.autolog("drum")
                DRUM.beat(1)
                self.inner[:] = beats(run(Drumming, beats=1))
                DRUM.beat(2)

        assert beats(run(Outer)) == [1, 2]
        assert Outer.inner == [0]

    def test_outside_of_an_executor_is_refused(self) -> None:
        with pytest.raises(AutologError, match="nothing would end it"):
            Drumming(Params(), RuntimeContext()).execute()


class TestFramework:
    def test_that_nobody_offers_is_refused_with_those_that_are(self) -> None:
        with pytest.raises(UnknownFrameworkError) as caught:
            run(Drumming, framework="skelarn")
        assert caught.value.near[0] == "sklearn"
        assert set(caught.value.known) == {*FRAMEWORKS, "drum"}
        assert str(caught.value).startswith(
            "cannot log framework 'skelarn': no integration is offered; did you mean 'sklearn'? known are 'drum', "
        )
        with pytest.raises(UnknownFrameworkError, match="offered; known are 'drum'"):
            run(Drumming, framework="zzzzz")

    @pytest.mark.parametrize("framework", FRAMEWORKS)
    def test_that_is_not_installed_is_refused_with_what_installs_it(
        self, framework: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def missing(name: str) -> ModuleType:
            raise ModuleNotFoundError(name=name.partition(".")[0])

        monkeypatch.setattr("plugbus.capabilities.autolog.patch.import_module", missing)
        with pytest.raises(FrameworkMissingError, match=rf"cannot log framework '{framework}': .*; pip install \""):
            run(Drumming, framework=framework)

    def test_that_lacks_something_itself_is_told_as_it_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(name: str) -> ModuleType:
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

        monkeypatch.setattr("plugbus.capabilities.autolog.patch.import_module", broken)
        with pytest.raises(ModuleNotFoundError, match="torch"):
            framework_module("lightning", "lightning.pytorch", "lightning")

    def test_is_offered_by_plugins_and_found_by_the_runner(self, tmp_path: Path) -> None:
        from plugbus.capabilities import EXECUTOR, TRACKING, Action
        from plugbus.plugins.local_executor import LocalExecutor

        with Kernel() as kernel:
            kernel.services.provide(EXECUTOR, LocalExecutor())
            tracking = FakeTracking()
            kernel.services.provide(TRACKING, tracking)
            kernel.services.provide(Action("drum.play"), Drumming)
            runner = ActionRunner(kernel, RunStore(tmp_path))
            assert isinstance(runner.run("drum.play").error, UnknownFrameworkError)
            kernel.services.provide(Autolog("drum"), OFFERED["drum"])
            assert runner.run("drum.play", {"beats": 2}).status is RunStatus.OK
            assert tracking.clients[-1].metrics == [("beat", 0, 0), ("beat", 1, 1)]


@pytest.mark.parametrize(
    "error",
    [
        AutologError("a", "why"),
        UnknownFrameworkError("a", ("b",), ("b", "c")),
        FrameworkMissingError("a", "b", "c"),
    ],
)
def test_errors_travel_between_processes(error: Exception) -> None:
    copied = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
    assert (type(copied), str(copied)) == (type(error), str(error))


def test_a_shared_patch_is_made_once_and_undone_with_the_last() -> None:
    module, told = ModuleType("framework"), list[str]()

    def apply(patch: SharedPatch) -> Callable[[], None]:
        told.append("made")
        return lambda: told.append("undone")

    ends = [SharedPatch.of(module, apply).begin(lambda: None) for _ in range(3)]
    assert told == ["made"]
    for end in (ends[1], ends[1], ends[0]):
        end()
    assert told == ["made"]
    ends[2]()
    assert told == ["made", "undone"]
    SharedPatch.of(module, apply).begin(lambda: None)()
    assert told == ["made", "undone", "made", "undone"]


def test_numbers_are_taken_from_what_has_one() -> None:
    assert numbers_of({"a": 1, "b": 0.5, "c": "3", "d": None, "e": [1, 2], "f": True}) == {"a": 1.0, "b": 0.5}


class TestSklearn:
    @pytest.fixture(autouse=True)
    def sklearn(self) -> Iterator[None]:
        base = pytest.importorskip("sklearn.base", reason='needs scikit-learn: pip install "plugbus[sklearn]"')
        from sklearn.linear_model import RidgeClassifier

        before = RidgeClassifier.__dict__["fit"]
        yield
        assert RidgeClassifier.__dict__["fit"] is before, "the framework is as it was"
        assert "__init_subclass__" not in base.BaseEstimator.__dict__

    @staticmethod
    def told(work: Callable[[], Any]) -> tuple[list[EventLogged], list[MetricsRecorded]]:
        class Fitting(BaseAction[Params]):
            def execute(self) -> None:
                self.autolog("sklearn")
                work()

        events = run(Fitting)
        logged = [event for event in events if isinstance(event, EventLogged)]
        return logged, [event for event in events if isinstance(event, MetricsRecorded)]

    def test_a_fit_is_reported_with_params_and_score(self) -> None:
        from sklearn.linear_model import RidgeClassifier

        model = RidgeClassifier(alpha=0.5)
        logged, metrics = self.told(lambda: model.fit([[0], [1], [2], [3]], [0, 0, 1, 1]))
        (fit,) = logged
        assert fit.name == "sklearn_fit"
        assert (fit.data["estimator"], fit.data["method"], fit.data["params"]["alpha"]) == (
            "RidgeClassifier",
            "fit",
            0.5,
        )
        (recorded,) = metrics
        assert (recorded.category, recorded.step) == ("RidgeClassifier", None)
        assert recorded.values["score"] == model.score([[0], [1], [2], [3]], [0, 0, 1, 1])

    def test_a_loss_curve_is_reported_step_by_step(self) -> None:
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier

        model = MLPClassifier((2,), max_iter=4, random_state=0)

        def fit() -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(X=[[0], [1], [2], [3]], y=[0, 0, 1, 1])

        _, metrics = self.told(fit)
        curve = [(event.step, event.values["loss"]) for event in metrics if "loss" in event.values]
        assert curve == list(enumerate(model.loss_curve_))
        assert metrics[-1].values["n_iter"] == 4

    def test_only_the_outermost_fit_is_reported(self) -> None:
        from sklearn.linear_model import RidgeClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        pipeline = make_pipeline(StandardScaler(), RidgeClassifier())
        logged, _ = self.told(lambda: pipeline.fit([[0], [1], [2], [3]], [0, 0, 1, 1]))
        assert [event.data["estimator"] for event in logged] == ["Pipeline"]

    def test_classes_that_come_later_are_reported_too(self) -> None:
        from sklearn.base import BaseEstimator

        def work() -> None:
            class Later(BaseEstimator):  # type: ignore[misc] # the library ships no type information
                def fit(self, X: Any, y: Any = None) -> Any:  # noqa: N803 - sklearn's names
                    return self

            Later().fit([[0]])

        logged, metrics = self.told(work)
        assert [event.data["estimator"] for event in logged] == ["Later"]
        assert metrics == []

    def test_a_fit_that_fails_is_not_reported_and_raises_as_it_is(self) -> None:
        from sklearn.linear_model import RidgeClassifier

        with pytest.raises(ValueError, match="array"):
            self.told(lambda: RidgeClassifier().fit([], []))
        logged, _ = self.told(lambda: RidgeClassifier().fit([[0], [1]], [0, 1]))
        assert len(logged) == 1

    def test_two_actions_at_once_do_not_see_each_other(self) -> None:
        from sklearn.linear_model import Ridge, RidgeClassifier

        together = threading.Barrier(2, timeout=WAIT_S)

        def work(model: Any) -> Callable[[], None]:
            def fit() -> None:
                together.wait()
                model.fit([[0], [1]], [0, 1])
                together.wait()

            return fit

        with ThreadPoolExecutor(2) as pool:
            found = pool.map(lambda model: self.told(work(model))[0], [RidgeClassifier(), Ridge()])
        assert [[event.data["estimator"] for event in logged] for logged in found] == [
            ["RidgeClassifier"],
            ["Ridge"],
        ]

    def test_an_action_that_did_not_ask_is_part_of_the_one_that_runs_it(self) -> None:
        from sklearn.linear_model import Ridge

        class Silent(BaseAction[Params]):
            def execute(self) -> None:
                Ridge().fit([[0], [1]], [0, 1])

        inner: list[Event] = []
        logged, _ = self.told(lambda: inner.extend(run(Silent)))
        assert [one for one in inner if isinstance(one, EventLogged)] == []
        assert [event.data["estimator"] for event in logged] == ["Ridge"]


class Report:
    """Keeps what is reported."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def log(self, event: str, data: Mapping[str, object] | None = None) -> None:
        self.told.append((event, dict(data or {})))

    def set_progress(self, current: float, total: float | None, category: str | None = None) -> None:
        self.told.append((current, total, category))

    def set_metrics(self, value: Mapping[str, float], category: str | None = None, *, step: int | None = None) -> None:
        self.told.append((dict(value), category, step))


def test_ultralytics_reports_through_its_callbacks_while_they_are_added() -> None:
    trainer = SimpleNamespace(
        args=SimpleNamespace(lr0=0.1, nested=object()), epoch=0, epochs=2, tloss=None, metrics={"mAP": 0.5, "x": None},
        label_loss_items=lambda loss, prefix: {f"{prefix}/box": 0.25}, best="best.pt", save_dir="runs",
    )  # fmt: skip
    defaults: dict[str, list[Callable[[Any], object]]] = {"on_train_end": [repr]}
    report, reports = Report(), list[Report]()
    undo = add_callbacks(defaults, lambda: reports[-1] if reports else None)
    for _ in range(2):
        for event in ("on_pretrain_routine_end", "on_train_epoch_end", "on_fit_epoch_end", "on_train_end"):
            for callback in defaults[event]:
                callback(trainer)
        reports.append(report)
    assert report.told == [
        ("ultralytics_train", {"lr0": 0.1}),
        (1, 2, "train"),
        ({"train/box": 0.25}, "train", 0),
        ({"mAP": 0.5}, "validation", 0),
        ("ultralytics_trained", {"best": "best.pt", "save_dir": "runs"}),
    ]
    undo()
    assert {event: found for event, found in defaults.items() if found} == {"on_train_end": [repr]}


def test_lightning_reports_through_a_callback_while_it_fits() -> None:
    class Trainer:
        is_global_zero, max_epochs, current_epoch = True, -1, 0
        callback_metrics: ClassVar[dict[str, float]] = {"loss": 0.5}

        def __init__(self) -> None:
            self.callbacks: list[Any] = []

        def fit(self, module: Any) -> int:
            for callback in self.callbacks:
                callback.on_train_start(self, module)
                callback.on_train_epoch_end(self, module)
            return len(self.callbacks)

    original, report, reports = Trainer.fit, Report(), list[Report]()
    undo = wrap_fit(Trainer, object, lambda: reports[-1] if reports else None)
    trainer, module = Trainer(), SimpleNamespace(hparams={"lr": 0.1})
    assert trainer.fit(module) == 0
    reports.append(report)
    assert trainer.fit(module) == 1
    assert trainer.callbacks == []
    facts = {"module": "SimpleNamespace", "max_epochs": -1, "params": {"lr": "0.1"}}
    assert report.told == [("lightning_fit", facts), (1, None, "train"), ({"loss": 0.5}, "train", 0)]
    undo()
    assert Trainer.fit is original


@pytest.mark.parametrize("package", ["lightning.pytorch", "pytorch_lightning"])
def test_lightning_itself_is_reported(package: str) -> None:
    real: Any = pytest.importorskip(package, reason="needs Lightning, which no extra brings")
    torch: Any = pytest.importorskip("torch")

    class Line(real.LightningModule):  # type: ignore[misc] # a class that is known when it runs
        def __init__(self) -> None:
            super().__init__()
            self.line = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, number: int) -> Any:
            loss = ((self.line(batch[0]) - 1) ** 2).mean()
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    class Training(BaseAction[Params]):
        def execute(self) -> None:
            self.autolog("lightning" if package == "lightning.pytorch" else package)
            data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(4, 1)))
            trainer = real.Trainer(
                max_epochs=2, logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu"
            )
            trainer.fit(Line(), data)

    before = real.Trainer.fit
    metrics = [event for event in run(Training) if isinstance(event, MetricsRecorded)]
    assert [(list(event.values), event.step) for event in metrics] == [(["train_loss"], 0), (["train_loss"], 1)]
    assert real.Trainer.fit is before
