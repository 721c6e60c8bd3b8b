"""The steps of a training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ...steps import StepResult
from ..model_files import remove_model
from ..workflow import WorkflowStep
from .context import TrainContext
from .params import TrainProgressCategories

if TYPE_CHECKING:
    from .action import BaseTrainAction


class DownloadDatasetStep(WorkflowStep[TrainContext]):
    """Bring the dataset that the parameters name."""

    label = "download"
    weight = 0.15

    def execute(self, context: TrainContext) -> StepResult:
        """Download it, unless it is here."""
        made = _action(context).make_dataset_action().download()
        context.dataset = context.param("dataset", None)
        context.data_path, context.data_format = made.data_path, made.format
        return StepResult(data={"data_path": str(made.data_path), "count": made.count, "failed": made.failed_count})


class ConvertDatasetStep(WorkflowStep[TrainContext]):
    """Convert the dataset to the format that the training reads."""

    label = "convert"
    weight = 0.05

    def can_skip(self, context: TrainContext) -> bool:
        """Skip it where there is no dataset."""
        return context.data_path is None

    def execute(self, context: TrainContext) -> StepResult:
        """Convert it, unless that has been done."""
        made = _action(context).make_dataset_action().convert()
        context.data_path, context.data_format = made.data_path, made.format
        return StepResult(data={"data_path": str(made.data_path), "format": made.format})


class TrainStep(WorkflowStep[TrainContext]):
    """Train: call the action's ``train``."""

    label = "train"
    weight = 0.75

    def execute(self, context: TrainContext) -> StepResult:
        """Train, and take the model's path and the result from what is returned."""
        _action(context).take_trained(context, _action(context).train(context))
        return StepResult(data={"model_path": None if context.model_path is None else str(context.model_path)})


class TuneStep(WorkflowStep[TrainContext]):
    """Search hyperparameters: train once for each trial, and keep the best model."""

    label = "trials"
    weight = 0.75

    def execute(self, context: TrainContext) -> StepResult:
        """Search."""
        _action(context).tune(context)
        return StepResult(data=dict(context.tune_result or {}))


class UploadModelStep(WorkflowStep[TrainContext]):
    """Hand the trained model over to the backend."""

    label = "model_upload"
    weight = 0.05

    def can_skip(self, context: TrainContext) -> bool:
        """Skip it where there is no model in a file, or no backend and no storage to hand it to."""
        runtime = context.runtime_ctx
        has_place = runtime is not None and runtime.client is not None and runtime.storage is not None
        return context.model_path is None or not has_place

    def execute(self, context: TrainContext) -> StepResult:
        """Upload it; the same model is there once."""
        category = TrainProgressCategories.MODEL_UPLOAD.value
        context.set_progress(0, 1, category)
        assert context.model_path is not None  # noqa: S101 - for checkers: can_skip has looked
        record, is_new = _action(context).upload_model(context.model_path, metrics=context.metrics)
        context.model_id = record.id
        context.set_progress(1, 1, category)
        return StepResult(data={"model_id": record.id}, rollback_data={"model_id": record.id if is_new else None})

    def rollback(self, context: TrainContext, result: StepResult) -> None:
        """Take it back, unless it was there before."""
        model, runtime = result.rollback_data["model_id"], context.runtime_ctx
        if model is not None and runtime is not None:
            client = runtime.current_backend
            remove_model(client, runtime.current_storage, client.model(model))
            context.model_id = None


def _action(context: TrainContext) -> BaseTrainAction[Any]:
    return cast("BaseTrainAction[Any]", context.action)
