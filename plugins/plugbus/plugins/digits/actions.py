"""The plugin's actions: glue between parameters, the plain functions of the other modules, and the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import BaseAction, RunStore

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
from .data import describe, load_split, read_image, read_row
from .eval import draw_confusion, draw_misclassified, evaluate, summarise
from .train import EpochReport, train

if TYPE_CHECKING:
    from plugbus.capabilities import RunContext, RunDirectory

PLUGIN = "digits"
MODEL_FILE = "model.npz"


class PrepareAction(BaseAction[PrepareParams]):
    """Divide the digits into training, validation and test parts, and write down what each holds."""

    result_model = PrepareResult

    def execute(self) -> PrepareResult:
        """Divide the data."""
        run = self.ctx.current_run
        self.set_progress(0, 2, "prepare")
        splits = load_split(self.params.test_fraction, self.params.validation_fraction, self.params.seed)
        self.set_progress(1, 2, "prepare")
        path = Artifacts(run.artifact_dir).write_json(Folder.DATA, "summary.json", describe(splits))
        run.tracking.log_artifact(path, Folder.DATA)
        self.set_progress(2, 2, "prepare")
        return PrepareResult(
            train_samples=len(splits.train),
            validation_samples=len(splits.validation),
            test_samples=len(splits.test),
            summary_path=path,
        )


class TrainAction(BaseAction[TrainParams]):
    """Train a network on the digits, epoch by epoch."""

    result_model = TrainResult

    def execute(self) -> TrainResult:
        """Train, test and keep the model."""
        run, params = self.ctx.current_run, self.params
        artifacts = Artifacts(run.artifact_dir)
        splits = load_split(params.test_fraction, params.validation_fraction, params.seed)
        self.log("train_start", {"samples": len(splits.train), **params.model_dump()})
        self.set_progress(0, params.epochs, "train")

        def on_epoch(report: EpochReport) -> None:
            values = {
                "train_loss": report.train_loss,
                "train_accuracy": report.train_accuracy,
                "val_accuracy": report.validation_accuracy,
            }
            self.set_metrics(values, "train", step=report.epoch)
            self.set_progress(report.epoch, report.epochs, "train")

        model = train(
            splits,
            epochs=params.epochs,
            batch_size=params.batch_size,
            learning_rate=params.learning_rate,
            hidden_units=params.hidden_units,
            seed=params.seed,
            on_epoch=on_epoch,
        )
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


class EvaluateAction(BaseAction[EvaluateParams]):
    """Measure a trained model on the test part and draw what it mistakes."""

    result_model = EvaluateResult

    def execute(self) -> EvaluateResult:
        """Measure and draw."""
        run = self.ctx.current_run
        training = _training(run, self.params.run)
        settings = TrainParams.model_validate(_spec_of(training))
        self.set_progress(0, 3, "evaluate")
        model = load_model(training.path / Folder.MODELS / MODEL_FILE)
        part = load_split(settings.test_fraction, settings.validation_fraction, settings.seed).test
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
            training_run=training.run_id,
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

    result_model = ExportResult

    def execute(self) -> ExportResult:
        """Read the model, which checks it, and write it out."""
        run = self.ctx.current_run
        training = _training(run, self.params.run)
        source = training.path / Folder.MODELS / MODEL_FILE
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


def _training(run: RunContext, wanted: str | None) -> RunDirectory:
    """Return the directory of the training that was named, or of the latest one."""
    store = RunStore.around(run.artifact_dir)
    return store.latest(PLUGIN, "train") if wanted is None else store.get(wanted)


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
