"""The plugin's actions: glue between parameters, the plain functions of the other modules, and the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import BaseAction, Dataset, ModelWeights, RunStore

from .artifacts import Artifacts, Folder, load_model, save_model, sha256_of, write_bytes
from .config import (
    EvaluateParams,
    EvaluateResult,
    ExportParams,
    ExportResult,
    PredictParams,
    PredictResult,
    PrepareParams,
    PrepareResult,
    TrainParams,
    TrainResult,
)
from .data import describe, divide, load_samples, load_split, read_image, read_row, take
from .division_file import load_division, save_division
from .eval import draw_confusion, draw_misclassified, evaluate, summarise
from .train import EpochReport, TrainingState, train
from .training_state import load_state, mark_of, save_state

if TYPE_CHECKING:
    from plugbus.capabilities import RunContext, RunDirectory

    from .data import Splits

PLUGIN = "digits"
MODEL_FILE = "model.npz"


class PrepareAction(BaseAction[PrepareParams]):
    """Divide the digits into training, validation and test parts, and write down what each holds."""

    output_type = Dataset
    result_model = PrepareResult

    def execute(self) -> PrepareResult:
        """Divide the data."""
        run = self.ctx.current_run
        self.set_progress(0, 2, "prepare")
        samples = load_samples()
        division = divide(samples, self.params.test_fraction, self.params.validation_fraction, self.params.seed)
        splits = take(samples, division)
        self.set_progress(1, 2, "prepare")
        artifacts = Artifacts(run.artifact_dir)
        path = artifacts.write_json(Folder.DATA, "summary.json", describe(splits))
        kept = save_division(artifacts.path_for(Folder.DATA, "division.json"), division, samples)
        for one in (path, kept):
            run.tracking.log_artifact(one, Folder.DATA)
        self.set_progress(2, 2, "prepare")
        return PrepareResult(
            train_samples=len(splits.train),
            validation_samples=len(splits.validation),
            test_samples=len(splits.test),
            summary_path=path,
            division=kept,
        )


class TrainAction(BaseAction[TrainParams]):
    """Train a network on the digits, epoch by epoch.

    In a pipeline each epoch is kept, so that a run that is taken up goes on after the last one.
    """

    input_type = Dataset
    output_type = ModelWeights
    result_model = TrainResult

    def execute(self) -> TrainResult:
        """Train, test and keep the model."""
        run, params = self.ctx.current_run, self.params
        artifacts = Artifacts(run.artifact_dir)
        splits = _divided(params)
        settings = params.model_dump(include={"batch_size", "learning_rate", "hidden_units", "seed"})
        mark = mark_of(splits, settings)
        folder = None if self.ctx.pipeline is None else self.ctx.pipeline.checkpoints_dir
        state = None if folder is None else load_state(folder, mark, params.epochs)
        self.log("train_start", {"samples": len(splits.train), **params.model_dump(mode="json")})
        self.set_progress(0, params.epochs, "train")
        if state is not None:
            self.log("train_resumed", {"epoch": len(state.reports)})
            for report in state.reports:  # the metrics of this run are those of the whole training
                self._tell(report)

        def keep(state: TrainingState) -> None:
            if folder is not None:
                save_state(folder, mark, state)
            self.ctx.raise_if_cancelled()

        model = train(splits, epochs=params.epochs, **settings, on_epoch=self._tell, state=state, on_state=keep)
        test_accuracy = evaluate(model, splits.test).accuracy
        self.set_metrics({"test_accuracy": test_accuracy}, "test")
        model_path = save_model(artifacts.path_for(Folder.MODELS, MODEL_FILE), model)
        metrics_path = artifacts.write_json(Folder.METRICS, "epochs.json", [_epoch(one) for one in model.reports])
        run.tracking.log_artifact(model_path, Folder.MODELS)
        run.tracking.log_artifact(metrics_path, Folder.METRICS)
        self.log("train_complete", {"test_accuracy": test_accuracy}, file=str(model_path))
        last = model.reports[-1]
        return TrainResult(
            epochs=last.epochs,
            train_loss=last.train_loss,
            train_accuracy=last.train_accuracy,
            validation_accuracy=last.validation_accuracy,
            test_accuracy=test_accuracy,
            model_path=model_path,
            metrics_path=metrics_path,
        )

    def _tell(self, report: EpochReport) -> None:
        values = {
            "train_loss": report.train_loss,
            "train_accuracy": report.train_accuracy,
            "val_accuracy": report.validation_accuracy,
        }
        self.set_metrics(values, "train", step=report.epoch)
        self.set_progress(report.epoch, report.epochs, "train")


class EvaluateAction(BaseAction[EvaluateParams]):
    """Measure a trained model on the test part and draw what it mistakes."""

    input_type = ModelWeights
    result_model = EvaluateResult

    def execute(self) -> EvaluateResult:
        """Measure and draw."""
        run = self.ctx.current_run
        training, source = _model(run, self.params.run, self.params.model)
        self.set_progress(0, 3, "evaluate")
        model = load_model(source)
        divided = self.params if training is None else TrainParams.model_validate(_spec_of(training))
        part = _divided(divided).test
        evaluation = evaluate(model, part)
        self.set_metrics(evaluation.metrics, "evaluate")
        self.set_progress(1, 3, "evaluate")
        artifacts = Artifacts(run.artifact_dir)
        metrics = artifacts.write_json(Folder.METRICS, "evaluation.json", summarise(evaluation))
        confusion = artifacts.write_bytes(Folder.PLOTS, "confusion_matrix.png", draw_confusion(evaluation))
        self.set_progress(2, 3, "evaluate")
        mistakes = artifacts.write_bytes(Folder.PLOTS, "misclassified.png", draw_misclassified(evaluation, part))
        self.set_progress(3, 3, "evaluate")
        for path, folder in ((metrics, Folder.METRICS), (confusion, Folder.PLOTS), (mistakes, Folder.PLOTS)):
            run.tracking.log_artifact(path, folder)
        return EvaluateResult(
            training_run=None if training is None else training.run_id,
            test_accuracy=evaluation.accuracy,
            test_f1_macro=evaluation.f1_macro,
            misclassified=len(evaluation.misclassified),
            samples=len(part),
            metrics_path=metrics,
            confusion_matrix_path=confusion,
            misclassified_path=mistakes,
        )


class ExportAction(BaseAction[ExportParams]):
    """Write a trained model to a file that ``predict`` reads, here or elsewhere."""

    input_type = ModelWeights
    output_type = ModelWeights
    result_model = ExportResult

    def execute(self) -> ExportResult:
        """Read the model, which checks it, and write it out."""
        run = self.ctx.current_run
        _, source = _model(run, self.params.run, self.params.model)
        load_model(source)
        path = Artifacts(run.artifact_dir).path_for(Folder.MODELS, self.params.filename)
        write_bytes(path, source.read_bytes())
        run.tracking.log_artifact(path, Folder.MODELS)
        return ExportResult(path=path, size_bytes=path.stat().st_size, sha256=sha256_of(path))


class PredictAction(BaseAction[PredictParams]):
    """Read one digit with an exported model."""

    result_model = PredictResult

    def execute(self) -> PredictResult:
        """Read the digit."""
        params = self.params
        model = load_model(params.model or _exported(self.ctx.current_run))
        cells = read_image(params.image) if params.image is not None else read_row(params.row or [])
        probabilities = model.predict_proba(cells.reshape(1, -1))[0]
        best = int(probabilities.argmax())
        return PredictResult(
            digit=int(model.classes[best]),
            confidence=float(probabilities[best]),
            probabilities=[float(one) for one in probabilities],
        )


def _divided(params: TrainParams | EvaluateParams) -> Splits:
    """Return the parts of the data: those that were written down, or those that seed and fractions give."""
    if params.division is not None:
        samples = load_samples()
        return take(samples, load_division(params.division, samples))
    chosen = params if isinstance(params, TrainParams) else TrainParams()
    return load_split(chosen.test_fraction, chosen.validation_fraction, chosen.seed)


def _model(run: RunContext, wanted: str | None, model: Path | None) -> tuple[RunDirectory | None, Path]:
    """Return the model file that was named, or that of the training that was named, or of the latest one."""
    if model is not None:
        return None, model
    store = RunStore.around(run.artifact_dir)
    training = store.latest(PLUGIN, "train") if wanted is None else store.get(wanted)
    return training, training.path / Folder.MODELS / MODEL_FILE


def _exported(run: RunContext) -> Path:
    """Return the model file of the latest export."""
    export = RunStore.around(run.artifact_dir).latest(PLUGIN, "export")
    summary = export.read_summary() or {}
    return Path(summary["outputs"]["path"])


def _spec_of(training: RunDirectory) -> dict[str, Any]:
    """Return the parameters that a training was run with."""
    summary = training.read_summary() or {}
    spec: dict[str, Any] = summary.get("spec", {}).get("data_spec", {})
    return spec


def _epoch(report: EpochReport) -> dict[str, float]:
    return {
        "epoch": report.epoch,
        "train_loss": report.train_loss,
        "train_accuracy": report.train_accuracy,
        "val_accuracy": report.validation_accuracy,
    }
