"""The base class of training actions."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from ...errors import ActionDefinitionError
from ...events import TrialEnded, TrialStarted, encode_value
from ...tuning import TUNER, TrialOutcome, TuneConfig, TunerUnavailableError, read_space
from ..cache_folder import cache_folder
from ..dataset import DatasetAction, DatasetParams
from ..model_files import download_model, upload_model
from ..validation import validate_params
from ..workflow import WorkflowAction
from .context import TrainContext
from .errors import TrainDataError
from .params import TrainProgressCategories
from .sharing import share_of_progress
from .steps import ConvertDatasetStep, DownloadDatasetStep, TrainStep, TuneStep, UploadModelStep

if TYPE_CHECKING:
    from ...backend import ModelRecord
    from ...steps import BaseStepContext, StepRegistry
    from ...tuning import Trial, TrialRecord, Tuner

P = TypeVar("P", bound=BaseModel)


class TrainDatasetAction(DatasetAction[DatasetParams]):
    """Brings the dataset of a training: both of its halves are one progress."""

    is_converted: bool = False

    def set_progress(
        self, current: float, total: float | None, category: str | None = None, *, step: str | None = None
    ) -> None:
        """Report download and conversion as the two halves of ``dataset``."""
        if total is not None and total > 0 and self.is_converted:
            half = 0.0 if (category or step) == self.progress.DATASET_DOWNLOAD.value else 0.5
            current, total = half + current / total / 2, 1.0
        self.ctx.set_progress(current, total, TrainProgressCategories.DATASET.value)


class BaseTrainAction(WorkflowAction[P, TrainContext], Generic[P]):
    """Train a model: override ``train``, or register steps of one's own in ``setup_steps``, or override ``execute``.

    As it is, it downloads the dataset that the parameters name, converts it to ``target_format``, calls ``train`` and
    uploads the model that this leaves. With ``is_tune`` it calls ``train`` once for each trial of a search for
    hyperparameters and uploads the best model.

    Attributes:
        target_format: What ``train`` reads: the name or format of a data type; None for what the dataset is.
        progress: What it reports the progress of.
    """

    context_class: ClassVar[type[BaseStepContext]] = TrainContext
    target_format: ClassVar[str | None] = None
    progress: ClassVar[type[TrainProgressCategories]] = TrainProgressCategories
    progress_categories: ClassVar[Mapping[str, float]] = {
        TrainProgressCategories.DATASET: 20,
        TrainProgressCategories.TRAIN: 75,
        TrainProgressCategories.MODEL_UPLOAD: 5,
    }

    @classmethod
    def planned_categories(cls, params: BaseModel) -> Mapping[str, float]:
        """Return the categories, without that of the dataset where none is downloaded by the action's own steps."""
        planned = super().planned_categories(params)
        is_own = cls.setup_steps is BaseTrainAction.setup_steps and cls.execute is BaseTrainAction.execute
        if not is_own or getattr(params, "dataset", None) is not None:
            return planned
        return {name: weight for name, weight in planned.items() if name != TrainProgressCategories.DATASET}

    def setup_steps(self, registry: StepRegistry[TrainContext]) -> None:
        """Register the steps that the parameters ask for."""
        if getattr(self.params, "dataset", None) is not None:
            registry.register(DownloadDatasetStep())
            if self.target_format is not None:
                registry.register(ConvertDatasetStep())
        registry.register(TuneStep() if getattr(self.params, "is_tune", False) else TrainStep())
        registry.register(UploadModelStep())

    def train(self, context: TrainContext) -> Any:
        """Train, and return the result.

        Args:
            context: ``data_path`` is where the dataset is. Set ``model_path`` to where the model is, or return it as
                ``weights_path`` or ``model_path`` of the result.

        Returns:
            What the action is to return: a mapping, or an object of its result model. For a search it has to hold the
            metric that is searched for, unless that is reported by ``report_metrics``.
        """
        label = self.action_name or type(self).__qualname__
        raise ActionDefinitionError(label, "it does not say how to train; override train, setup_steps or execute")

    def report_metrics(
        self, metrics: Mapping[str, float], epoch: int | None = None, category: str | None = None
    ) -> None:
        """Record what was measured; in a search, tell how good the trial is, too.

        Args:
            metrics: Name to number.
            epoch: Epoch or iteration, from 0 on.
            category: What they belong to; ``train`` by default.

        Raises:
            TrialPrunedError: The trial is to be left: others did better. Let it pass.
        """
        context = self.context
        context.metrics.update(metrics)
        self.set_metrics(metrics, category or self.progress.TRAIN.value, step=epoch)
        metric = self._tune_config().metric
        if context.trial is not None and epoch is not None and metric in metrics:
            context.trial.report(float(metrics[metric]), epoch)

    def get_checkpoint(self) -> Mapping[str, Any] | None:
        """Return what is known of the pretrained model to begin with; None where there is none.

        It is the context's ``checkpoint``, else the model that the parameters name: ``id``, ``name``, ``version``, and
        ``path``, where it was brought to.
        """
        if self.ctx.checkpoint is not None:
            return self.ctx.checkpoint
        model = getattr(self.params, "checkpoint", None)
        if model is None:
            return None
        record = self.ctx.current_backend.model(model)
        return {"id": record.id, "name": record.name, "version": record.version, "path": self.get_model(model)}

    def get_model(self, model: int) -> Path:
        """Bring a model of the backend here, and return its file or folder; nothing is downloaded twice."""
        folder = cache_folder(self.ctx) / "models"
        return download_model(self.ctx.current_backend, self.ctx.current_storage, model, folder)

    def create_model(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        version: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> ModelRecord:
        """Upload a trained model, a file or a folder, and return its record. The same model is there once.

        Args:
            path: Where it is.
            name: What it is called; ``model_name`` of the parameters, else the action's name by default.
            version: By default made from its content.
            metrics: What was measured of it.
            metadata: What else is to be known of it; the job's id is, too.
        """
        return self.upload_model(path, name=name, version=version, metrics=metrics, metadata=metadata)[0]

    def upload_model(
        self,
        path: str | Path,
        *,
        name: str | None = None,
        version: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[ModelRecord, bool]:
        """Do what ``create_model`` does, and return whether the record is new, too."""
        chosen = name or getattr(self.params, "model_name", None) or self.action_name or type(self).__qualname__
        known = {} if self.ctx.job_id is None else {"job": self.ctx.job_id}
        return upload_model(
            self.ctx.current_backend,
            self.ctx.current_storage,
            Path(path),
            chosen,
            version=version,
            metrics=metrics,
            metadata={**known, **(metadata or {})},
        )

    def make_dataset_action(self) -> DatasetAction[Any]:
        """Return what brings the dataset; override it for another cache, converters or image sizes."""
        said = self.params
        params = DatasetParams(
            dataset=getattr(said, "dataset", None),
            splits=tuple(getattr(said, "splits", None) or ()),
            target_format=self.target_format or "yolo",
        )
        made = TrainDatasetAction(params, self.ctx)
        made.is_converted = self.target_format is not None
        return made

    def make_tuner(self) -> Tuner:
        """Return what searches hyperparameters.

        Raises:
            TunerUnavailableError: The job was given none.
        """
        found = self.ctx.services.find(TUNER)
        if found is None:
            raise TunerUnavailableError(self.ctx.job_id or "")
        return found

    def take_trained(self, context: TrainContext, result: Any) -> None:
        """Keep what ``train`` returned, and take the model's path from it unless it is known."""
        if result is not None:
            context.result = result
        for name in ("weights_path", "model_path"):
            path = result.get(name) if isinstance(result, Mapping) else getattr(result, name, None)
            if context.model_path is None and isinstance(path, str | Path):
                context.model_path = Path(path)

    def tune(self, context: TrainContext) -> None:
        """Search hyperparameters, and take over what the best trial came to.

        Raises:
            TrainDataError: The parameters do not declare what is searched.
            SearchSpaceError: What they declare can't be searched.
            TuningFailedError: No trial came to a value.
        """
        label = self.action_name or type(self).__qualname__
        said = getattr(self.params, "hyperparameters", None)
        if not said:
            raise TrainDataError(label, "is_tune is set and 'hyperparameters' declares nothing to search")
        space, config = read_space(said), self._tune_config()
        store = Path(config.store) if config.store else self.work_file("trials.db")
        category, job_id, publish = self.progress.TRAIN.value, self.ctx.job_id, self.ctx.publish

        def on_start(number: int, values: Mapping[str, Any]) -> None:
            publish(TrialStarted(job_id, number, values))

        def on_end(record: TrialRecord) -> None:
            publish(TrialEnded(job_id, record.number, record.state.value, record.value))
            context.set_progress(min(record.number + 1, config.trials), config.trials, category)

        found = self.make_tuner().search(
            lambda trial: self._trial(context, trial, config),
            space,
            config,
            store=store,
            on_start=on_start,
            on_end=on_end,
            check=context.raise_if_cancelled,
        )
        context.trial_models = [
            {
                "trial": one.number,
                "values": dict(one.values),
                "state": one.state.value,
                "value": one.value,
                "model_path": one.kept.get("model_path"),
            }
            for one in found.trials
        ]
        best = found.best
        context.tune_result = {
            "best": {"trial": best.number, "values": dict(best.values), "value": best.value},
            "trials": len(found.trials),
        }
        path = best.kept.get("model_path")
        context.model_path = None if path is None else Path(path)
        context.metrics = dict(best.kept.get("metrics") or {})
        context.result = best.kept.get("result")

    def _trial(self, context: TrainContext, trial: Trial, config: TuneConfig) -> TrialOutcome:
        """Train once with the values of a trial, in an action of its own."""
        label = self.action_name or type(self).__qualname__
        params = validate_params(type(self), {**_fields(self.params), **trial.values}, name=label)
        ctx = share_of_progress(self.ctx, trial.number, config.trials)
        action = type(self)(params, ctx)  # type: ignore[arg-type] # the action's own model has made them
        one = action.context
        for name in ("dataset", "data_path", "data_format"):
            setattr(one, name, getattr(context, name))
        one.cancellation, one.trial = context.cancellation, trial
        action.take_trained(one, action.train(one))
        told = _plain_mapping(one.result)
        value = told.get(config.metric, one.metrics.get(config.metric, nan))
        if value != value:
            raise TrainDataError(
                label, f"trial {trial.number} came to no metric '{config.metric}'; report or return it"
            )
        kept = {
            "model_path": None if one.model_path is None else str(one.model_path),
            "metrics": one.metrics,
            "result": told or None,
        }
        return TrialOutcome(float(value), kept)

    def _tune_config(self) -> TuneConfig:
        said = getattr(self.params, "tune_config", None)
        return said if isinstance(said, TuneConfig) else TuneConfig.model_validate(said or {})

    def facts(self, context: TrainContext) -> Mapping[str, Any]:
        """Return where the model is, and its id in the backend; for a search, what it came to."""
        found: dict[str, Any] = {"model_id": context.model_id}
        if context.model_path is not None:
            found["model_path"] = found["weights_path"] = str(context.model_path)
        if context.tune_result is not None:
            found["tune_result"] = context.tune_result
        return found


def _fields(params: BaseModel) -> dict[str, Any]:
    """Return what parameters say, in the form in which they were said."""
    return {**params.model_dump(by_alias=True), "is_tune": False, "hyperparameters": {}}


def _plain_mapping(result: Any) -> Mapping[str, Any]:
    """Return a result as names and plain values; nothing where it is a value of another kind."""
    encoded = encode_value(result)
    return encoded if isinstance(encoded, dict) else {}
