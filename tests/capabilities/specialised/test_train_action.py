"""Training: automatic steps, the author's result, models in the backend, and the search for hyperparameters."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import BaseModel, Field

from plugbus.capabilities import (
    ActionDefinitionError,
    BaseTrainAction,
    BaseTrainParams,
    CancellationToken,
    HostServices,
    JsonCheckpointStore,
    MetricsRecorded,
    ModelDraft,
    ModelFileError,
    RecordConflictError,
    ResultError,
    RuntimeContext,
    SearchSpaceError,
    StepFailedError,
    StepRegistry,
    StepResult,
    TrainContext,
    TrainDataError,
    TrialEnded,
    TrialOutcome,
    TrialPrunedError,
    TrialRecord,
    TrialStarted,
    TrialState,
    TuneConfig,
    TunerUnavailableError,
    TuningFailedError,
    TuningResult,
    WorkCancelledError,
    WorkflowStep,
)

from .test_dataset_action import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from plugbus.capabilities import NoResult, Objective, SearchParameter

    from .world import World


class Params(BaseTrainParams):
    epochs: int = 2
    lr: float = 0.1
    out: str = ""


class TrainAction(BaseTrainAction[Params]):
    """Train a model whose weights are what it was given."""

    action_name = "pictures.train"

    def train(self, context: TrainContext) -> Any:
        path = Path(self.params.out) / f"weights-{self.params.lr:g}.json"
        loss = 0.0
        for epoch in range(self.params.epochs):
            loss = (self.params.lr - 0.3) ** 2 + 1 / (epoch + 1)
            self.report_metrics({"loss": loss}, epoch)
            self.set_progress(epoch + 1, self.params.epochs, self.progress.TRAIN)
        path.write_text(json.dumps({"lr": self.params.lr}))
        return {"weights_path": str(path), "final_loss": loss}


def train(world: World, action_cls: type[BaseTrainAction[Any]] = TrainAction, **params: Any) -> Any:
    return world.run(action_cls, **{"out": str(world.folder), **params})


def test_the_model_that_training_leaves_is_handed_over_and_its_result_kept(world: World) -> None:
    found = train(world, lr=0.5)
    record = world.backend.model(found["model_id"])
    assert found["final_loss"] == pytest.approx(0.04 + 0.5)
    assert found["weights_path"] == str(world.folder / "weights-0.5.json")
    assert (found["steps_executed"], found["steps_total"]) == (2, 2)
    assert (record.name, dict(record.metrics)) == ("pictures.train", {"loss": pytest.approx(0.54)})
    assert record.metadata["job"] == "job-1"
    assert record.file is not None
    with world.real_storage.open(record.file.uri) as file:
        assert json.loads(file.read()) == {"lr": 0.5}
    assert world.progress("train") == [(1, 2), (2, 2)]
    assert world.progress("model_upload") == [(0, 1), (1, 1)]
    recorded = [one for one in world.heard if isinstance(one, MetricsRecorded)]
    assert [(one.category, one.step) for one in recorded] == [("train", 0), ("train", 1)]


def test_a_dataset_is_brought_and_converted_first(world: World) -> None:
    class OnYolo(TrainAction):
        target_format = "yolo"

        def train(self, context: TrainContext) -> Any:
            assert context.data_path is not None
            assert context.dataset == self.params.dataset
            return {"data": str(context.data_path), "form": context.data_format}

    dataset, _ = world.dataset(4, splits=("train", "val"))
    found = world.run(OnYolo, dataset=dataset, services=measured())
    assert found["form"] == "yolo"
    assert Path(found["data"]).name == "dataset.yaml"
    assert (found["steps_executed"], found["steps_total"], found["model_id"]) == (3, 4, None)
    done = [current / total for current, total in world.progress("dataset") if total]
    assert done == sorted(done)
    assert done[0] == pytest.approx(1 / 8)
    assert done[-1] == 1
    assert world.whole("dataset") == pytest.approx([0.2 * one for one in done])


def test_a_dataset_that_is_converted_already_counts_as_done(world: World) -> None:
    class OnYolo(TrainAction):
        target_format = "yolo"

    dataset, _ = world.dataset(2)
    for _ in range(2):
        world.heard.clear()
        world.run(OnYolo, dataset=dataset, services=measured(), out=str(world.folder))
        assert world.whole("dataset")[-1] == pytest.approx(0.2)


def test_a_dataset_is_no_part_of_the_whole_where_there_is_none(world: World) -> None:
    train(world)
    assert world.whole("train") == pytest.approx([75 / 80 / 2, 75 / 80])
    assert world.whole("model_upload")[-1] == 1


class TrainResult(BaseModel):
    weights_path: str
    final_loss: float
    model_id: int | None = None


def test_a_result_model_is_met_by_the_result_of_training(world: World) -> None:
    class Typed(TrainAction):
        result_model: ClassVar[type[BaseModel] | type[NoResult]] = TrainResult

    found = train(world, Typed)
    assert isinstance(found, TrainResult)
    assert found.model_id is not None
    assert world.backend.model(found.model_id).name == "pictures.train"


def test_a_result_that_does_not_fit_is_refused_and_kept(world: World) -> None:
    class Wrong(TrainAction):
        result_model: ClassVar[type[BaseModel] | type[NoResult]] = TrainResult

        def train(self, context: TrainContext) -> Any:
            return {"final_loss": "low"}

    with pytest.raises(ResultError, match=r"weights_path.*final_loss|final_loss.*weights_path") as refused:
        train(world, Wrong)
    assert refused.value.result["final_loss"] == "low"


def test_an_action_that_does_not_say_how_to_train_says_so(world: World) -> None:
    class Empty(BaseTrainAction[Params]):
        action_name = "empty"

    with pytest.raises(StepFailedError, match=r"'empty'.*override train") as failed:
        world.run(Empty)
    assert isinstance(failed.value.__cause__, ActionDefinitionError)


def test_steps_of_ones_own_share_the_context(world: World) -> None:
    class FitStep(WorkflowStep[TrainContext]):
        label = "fit"
        weight = 1.0

        def execute(self, context: TrainContext) -> StepResult:
            context.model = object()
            context.model_path = Path("weights.pt")
            return StepResult()

    class Own(BaseTrainAction[Params]):
        def setup_steps(self, registry: StepRegistry[TrainContext]) -> None:
            registry.register(FitStep())

        def execute(self) -> dict[str, Any]:
            return {**super().execute(), "mine": 1}

    found = world.run(Own)
    assert (found["steps_executed"], found["mine"], found["model_path"]) == (1, 1, "weights.pt")


def test_without_a_backend_the_model_stays_where_it_is(tmp_path: Path) -> None:
    found = TrainAction(Params(out=str(tmp_path)), RuntimeContext()).execute()
    assert (found["model_id"], found["steps_executed"]) == (None, 1)


def test_a_model_that_was_handed_over_is_taken_back_when_a_later_step_fails(world: World) -> None:
    class Failing(TrainAction):
        def setup_steps(self, registry: StepRegistry[TrainContext]) -> None:
            super().setup_steps(registry)

            class FailStep(WorkflowStep[TrainContext]):
                label = "fail"
                weight = 1.0

                def execute(self, context: TrainContext) -> StepResult:
                    return StepResult(success=False, error="too late")

            registry.register(FailStep())

    kept = train(world, lr=0.5)["model_id"]
    for lr in (0.5, 0.7):  # the same model as before, and another
        with pytest.raises(StepFailedError, match="too late"):
            train(world, Failing, lr=lr)
    assert [one.id for one in world.backend.models()] == [kept]
    assert len(list(world.storage.list("models"))) == 1


def test_the_same_model_is_there_once(world: World) -> None:
    assert train(world)["model_id"] == train(world)["model_id"]
    assert len(list(world.backend.models())) == 1


def model_action(world: World, **known: Any) -> TrainAction:
    ctx = RuntimeContext(client=world.backend, storage=world.storage, env=world.env, **known)
    return TrainAction(Params(model_name="cats"), ctx)


def test_a_folder_is_packed_the_same_each_time_and_unpacked_when_it_is_had_again(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "deep").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"w" * 1000)
    (folder / "deep" / "labels.txt").write_text("cat")
    first = model_action(world).create_model(folder, version="1", metrics={"map": 0.5}, metadata={"note": "good"})
    assert model_action(world).create_model(folder, version="1").id == first.id
    assert (first.name, first.version, dict(first.metrics), dict(first.metadata)) == (
        "cats", "1", {"map": 0.5}, {"note": "good"},
    )  # fmt: skip
    action = model_action(world)
    path = action.get_model(first.id)
    assert (path / "deep" / "labels.txt").read_text() == "cat"
    world.storage.got.clear()
    assert action.get_model(first.id) == path
    assert world.storage.got == []


def test_another_content_under_the_same_version_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")
    (tmp_path / "b.pt").write_bytes(b"b")
    model_action(world).create_model(tmp_path / "a.pt", version="1")
    with pytest.raises(RecordConflictError, match="another content"):
        model_action(world).create_model(tmp_path / "b.pt", version="1")
    assert len(list(world.storage.list("models"))) == 1


def test_a_model_without_a_file_is_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="nothing is at"):
        model_action(world).create_model(tmp_path / "gone.pt")
    record = world.backend.create_model(ModelDraft(name="m", version="1"))
    with pytest.raises(ModelFileError, match="knows of no file"):
        model_action(world).get_model(record.id)


def test_an_archive_that_leads_out_of_its_folder_stays_inside(world: World, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("../../evil.txt", "evil")
    record = model_action(world).create_model(tmp_path / "evil.zip")
    path = model_action(world).get_model(record.id)
    assert [one.name for one in path.rglob("*.txt")] == ["evil.txt"]
    assert not [one for one in world.folder.rglob("evil.txt") if not one.is_relative_to(path)]


def test_a_checkpoint_is_what_the_job_was_given_else_the_model_of_the_parameters(world: World, tmp_path: Path) -> None:
    assert model_action(world).get_checkpoint() is None
    assert model_action(world, checkpoint={"path": "here"}).get_checkpoint() == {"path": "here"}
    (tmp_path / "a.pt").write_bytes(b"weights")
    record = model_action(world).create_model(tmp_path / "a.pt", version="3")
    ctx = RuntimeContext(client=world.backend, storage=world.storage, env=world.env)
    found = TrainAction(Params(checkpoint=record.id), ctx).get_checkpoint()
    assert found is not None
    assert (found["id"], found["name"], found["version"]) == (record.id, "cats", "3")
    assert Path(found["path"]).read_bytes() == b"weights"


def test_hyperparameters_are_parameters_where_nothing_is_tuned() -> None:
    assert Params.model_validate({"hyperparameters": {"lr": 0.5}}).lr == 0.5
    assert Params.model_validate({"hyperparameters": [{"lr": 0.5, "epochs": 9}], "lr": 0.7}).lr == 0.7
    assert Params.model_validate({"hyperparameters": [{"lr": 0.5, "epochs": 9}], "lr": 0.7}).epochs == 9
    said = {"is_tune": True, "hyperparameters": {"lr": {"type": "uniform", "low": 0, "high": 1}}}
    assert Params.model_validate(said).hyperparameters == said["hyperparameters"]


def test_a_training_that_is_started_again_after_its_end_goes_on_with_the_upload(world: World) -> None:
    store = JsonCheckpointStore(world.folder / "work" / "job-1.steps.json")
    kept: list[str] = []

    class Torn(BaseException):
        pass

    class Tearing(TrainAction):
        def upload_model(self, *args: Any, **known: Any) -> Any:
            kept.append(store.path.read_text())
            raise Torn

    with pytest.raises(Torn):
        train(world, Tearing)
    store.path.write_text(kept[0])

    class Untrained(TrainAction):
        def train(self, context: TrainContext) -> Any:
            raise AssertionError("it has been trained")

    found = train(world, Untrained)
    assert found["steps_resumed"] == 1
    assert found["final_loss"] == pytest.approx(0.04 + 0.5)
    assert world.backend.model(found["model_id"]).file is not None


# The search for hyperparameters, with a tuner that tries what it is told.


@dataclass
class GivenTrial:
    number: int
    values: Mapping[str, Any]
    prune_at: float = 1e9

    def report(self, value: float, step: int) -> None:
        if value > self.prune_at:
            raise TrialPrunedError(self.number, step)


class GivenTuner:
    """Try values in their order; a trial whose loss is above 2 is left early."""

    def __init__(self, *values: Mapping[str, Any]) -> None:
        self.values = values
        self.asked: list[tuple[Sequence[SearchParameter], TuneConfig, Path | None]] = []

    def search(
        self,
        objective: Objective,
        space: Sequence[SearchParameter],
        config: TuneConfig,
        *,
        store: Path | None = None,
        on_start: Callable[[int, Mapping[str, Any]], object] | None = None,
        on_end: Callable[[TrialRecord], object] | None = None,
        check: Callable[[], object] | None = None,
    ) -> TuningResult:
        self.asked.append((space, config, store))
        records: list[TrialRecord] = []
        for number, values in enumerate(self.values):
            assert check is not None
            assert on_start is not None
            assert on_end is not None
            check()
            on_start(number, values)
            try:
                outcome: TrialOutcome = objective(GivenTrial(number, values, 2.0))
            except TrialPrunedError:
                record = TrialRecord(number=number, values=values, state=TrialState.PRUNED)
            except ValueError as error:
                record = TrialRecord(number=number, values=values, state=TrialState.FAILED, error=str(error))
            else:
                record = TrialRecord(
                    number=number,
                    values=values,
                    state=TrialState.COMPLETED,
                    value=outcome.value,
                    kept=json.loads(json.dumps(outcome.kept)),
                )
            records.append(record)
            on_end(record)
        done = [one for one in records if one.value is not None]
        if not done:
            raise TuningFailedError(config.study, tuple(one.error or "" for one in records))
        return TuningResult(min(done, key=lambda one: one.value or 0), tuple(records))


class GivenTunerAction(TrainAction):
    tuner: ClassVar[GivenTuner]

    def make_tuner(self) -> GivenTuner:
        return self.tuner


LR = {"lr": {"type": "uniform", "low": 0, "high": 9}}


def tune(world: World, *values: Mapping[str, Any], **params: Any) -> Any:
    GivenTunerAction.tuner = GivenTuner(*values)
    said = {"is_tune": True, "hyperparameters": LR, "tune_config": {"trials": len(values)}, **params}
    return train(world, GivenTunerAction, **said)


def test_the_best_trials_model_and_result_are_those_of_the_action(world: World) -> None:
    found = tune(world, {"lr": 0.9}, {"lr": 0.4}, {"lr": 5.0})
    assert found["final_loss"] == pytest.approx(0.01 + 0.5)
    assert found["weights_path"] == str(world.folder / "weights-0.4.json")
    assert found["tune_result"] == {
        "best": {"trial": 1, "values": {"lr": 0.4}, "value": pytest.approx(0.51)},
        "trials": 3,
    }
    record = world.backend.model(found["model_id"])
    assert record.file is not None
    with world.real_storage.open(record.file.uri) as file:
        assert json.loads(file.read()) == {"lr": 0.4}
    assert len(list(world.backend.models())) == 1


def test_trials_are_events(world: World) -> None:
    tune(world, {"lr": 0.9}, {"lr": 5.0})
    trials = [one for one in world.heard if isinstance(one, TrialStarted | TrialEnded)]
    assert trials == [
        TrialStarted("job-1", 0, {"lr": 0.9}),
        TrialEnded("job-1", 0, "completed", (0.9 - 0.3) ** 2 + 1 / 2),
        TrialStarted("job-1", 1, {"lr": 5.0}),
        TrialEnded("job-1", 1, "pruned", None),
    ]


def test_the_epochs_of_a_trial_are_a_part_of_the_search(world: World) -> None:
    tune(world, {"lr": 0.9}, {"lr": 5.0}, {"lr": 0.4})
    # Two epochs each; the second trial is left in its first one.
    assert world.progress("train") == [(0.5, 3), (1, 3), (1, 3), (2, 3), (2.5, 3), (3, 3), (3, 3)]
    assert world.whole("train") == pytest.approx([part * 75 / 80 for part in (1 / 6, *[1 / 3] * 2, 2 / 3, 5 / 6, 1, 1)])


def test_trials_above_the_number_of_trials_are_no_progress_and_unknown_totals_stay_so(world: World) -> None:
    class Counting(GivenTunerAction):
        tuner = GivenTuner({"lr": 0.4}, {"lr": 0.5})

        def train(self, context: TrainContext) -> Any:
            self.set_progress(3, None, "own")
            context.set_progress(1, 4, "own")
            return super().train(context)

    train(world, Counting, is_tune=True, hyperparameters=LR, tune_config={"trials": 1})
    assert world.progress("own") == [(3, None), (0.25, 1), (3, None), (1, 1)]
    assert world.progress("train") == [(0.5, 1), *[(1, 1)] * 5]


def test_the_search_is_kept_in_a_file_of_the_job(world: World) -> None:
    tune(world, {"lr": 0.9})
    ((space, config, store),) = GivenTunerAction.tuner.asked
    assert store == world.folder / "work" / "job-1.trials.db"
    assert (config.trials, [one.name for one in space]) == (1, ["lr"])


def test_values_that_the_parameters_refuse_fail_the_trial_and_not_the_search(world: World) -> None:
    found = tune(world, {"lr": "high"}, {"lr": 0.4})
    assert found["tune_result"]["best"]["trial"] == 1


def test_a_trial_without_the_metric_says_so(world: World) -> None:
    with pytest.raises(StepFailedError, match="came to no metric 'accuracy'; report or return it"):
        tune(world, {"lr": 0.4}, tune_config={"metric": "accuracy", "mode": "max"})


def test_a_search_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(StepFailedError, match="declares nothing to search") as failed:
        tune(world, hyperparameters={}, tune_config={})
    assert isinstance(failed.value.__cause__, TrainDataError)
    with pytest.raises(StepFailedError, match="its type is 'uni'") as wrong:
        tune(world, hyperparameters={"lr": {"type": "uni"}}, tune_config={})
    assert isinstance(wrong.value.__cause__, SearchSpaceError)


def test_without_a_tuner_it_is_said_what_to_load(world: World) -> None:
    with pytest.raises(StepFailedError, match="optuna_tuner") as failed:
        train(world, is_tune=True, hyperparameters=LR)
    assert isinstance(failed.value.__cause__, TunerUnavailableError)


def test_a_job_that_is_cancelled_makes_no_further_trial(world: World) -> None:
    token = CancellationToken()

    class Stopping(GivenTunerAction):
        tuner = GivenTuner({"lr": 0.4}, {"lr": 0.5})

        def train(self, context: TrainContext) -> Any:
            token.cancel("enough")
            return super().train(context)

    with pytest.raises(WorkCancelledError, match="enough"):
        world.run(Stopping, is_tune=True, hyperparameters=LR, out=str(world.folder), cancellation=token)
    assert [one.trial for one in world.heard if isinstance(one, TrialStarted)] == [0]


class Plain(BaseModel):
    epochs: int = Field(default=1)


def test_parameters_need_no_field_that_the_work_does_not_need(world: World) -> None:
    class Small(BaseTrainAction[Plain]):
        def train(self, context: TrainContext) -> Any:
            return self.params.epochs

    assert world.run(Small, epochs=4) == 4


def test_services_are_not_carried_to_another_process() -> None:
    import pickle

    assert pickle.loads(pickle.dumps(measured())).locator is None  # noqa: S301 - made here
    assert HostServices().locator is None
