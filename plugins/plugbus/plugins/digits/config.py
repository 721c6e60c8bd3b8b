"""The parameters and results of the plugin's actions; command-line options and forms are generated from them."""

# No `from __future__ import annotations`: pydantic reads the annotations at run time.

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .data import CELLS, CLASSES, LEVELS

SEED_LIMIT = 2**32 - 1  # what numpy's RandomState, and with it scikit-learn, takes

TestFraction = Annotated[
    float,
    Field(gt=0, lt=0.5, description="Share of all samples kept for the test, above 0 and below 0.5."),
]
ValidationFraction = Annotated[
    float,
    Field(gt=0, lt=0.5, description="Share of all samples kept for validation, above 0 and below 0.5."),
]
Accuracy = Annotated[float, Field(ge=0, le=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
InkCount = Annotated[float, Field(ge=0, le=LEVELS)]


class Params(BaseModel):
    """Root of the parameters: immutable, and an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(BaseModel):
    """Root of the results: immutable, and an unknown name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PrepareParams(Params):
    """How the 1,797 digits are divided into training, validation and test."""

    test_fraction: TestFraction = 0.2
    validation_fraction: ValidationFraction = 0.1
    seed: int = Field(
        default=0, ge=0, le=SEED_LIMIT, description="Seed of the division, 0 to 4294967295; same seed, same parts."
    )


class TrainParams(Params):
    """How the network is trained, and on which division of the digits."""

    epochs: int = Field(default=40, ge=1, le=1000, description="Passes over the training part, 1 to 1000.")
    batch_size: int = Field(
        default=32, ge=1, le=1024, description="Samples between two updates of the weights, 1 to 1024."
    )
    learning_rate: float = Field(
        default=0.001, gt=0, le=1, description="Step size of the Adam optimiser, above 0 and at most 1."
    )
    hidden_units: int = Field(default=64, ge=1, le=1024, description="Units of the hidden layer, 1 to 1024.")
    seed: int = Field(
        default=0,
        ge=0,
        le=SEED_LIMIT,
        description="Seed of the division, the first weights and the order of samples, 0 to 4294967295.",
    )
    test_fraction: TestFraction = 0.2
    validation_fraction: ValidationFraction = 0.1
    division: Path | None = Field(
        default=None, description="Division that prepare wrote; made of the seed and the fractions by default."
    )


class EvaluateParams(Params):
    """Which trained model is evaluated: that of a training, or that of a file, with the division it was trained on."""

    run: str | None = Field(
        default=None, min_length=1, description="Run id of a finished training; the latest by default."
    )
    model: Path | None = Field(default=None, description="Model file, in place of a training.")
    division: Path | None = Field(default=None, description="Division that prepare wrote; needed for a model file.")

    @model_validator(mode="after")
    def _check_one_model(self) -> Self:
        if self.run is not None and self.model is not None:
            raise ValueError("cannot evaluate a model: both run and model are given; give one of them")
        if (self.model is None) is not (self.division is None):
            raise ValueError("cannot evaluate a model: model and division belong together; give both or neither")
        return self


class ExportParams(Params):
    """Which trained model is exported, and under what name."""

    run: str | None = Field(
        default=None, min_length=1, description="Run id of a finished training; the latest by default."
    )
    model: Path | None = Field(default=None, description="Model file, in place of a training.")
    filename: str = Field(
        default="digits.npz",
        max_length=128,
        # A bare name on every system: no separator, no drive, no control character.
        pattern=r"^[^/\\:\x00-\x1f]+\.npz$",
        description="Name of the exported file, ending in .npz, without folders.",
    )

    @model_validator(mode="after")
    def _check_one_model(self) -> Self:
        if self.run is not None and self.model is not None:
            raise ValueError("cannot export a model: both run and model are given; give one of them")
        return self


class PredictParams(Params):
    """Which digit is read, and by which exported model; give exactly one of image and row."""

    model: Path | None = Field(default=None, description="Exported model file; the latest export by default.")
    image: Path | None = Field(
        default=None, description="Picture of one digit: a PNG, or any format Pillow reads, of any size."
    )
    row: list[InkCount] | None = Field(
        default=None,
        min_length=CELLS,
        max_length=CELLS,
        description="64 counts of ink, 0 (paper) to 16 (ink), row by row from the top left.",
    )

    @model_validator(mode="after")
    def _check_one_input(self) -> Self:
        given = [name for name in ("image", "row") if getattr(self, name) is not None]
        if len(given) != 1:
            cause = "both image and row are given" if given else "neither image nor row is given"
            raise ValueError(f"cannot predict a digit: {cause}; give exactly one of them")
        return self


class PrepareResult(Result):
    """How many samples each part of the division holds."""

    train_samples: int = Field(ge=0, description="Samples of the training part.")
    validation_samples: int = Field(ge=0, description="Samples of the validation part.")
    test_samples: int = Field(ge=0, description="Samples of the test part.")
    summary_path: Path = Field(description="JSON file with the samples of each class in each part.")
    division: Path = Field(description="JSON file with the samples of each part, for train and evaluate.")


class TrainResult(Result):
    """What the training reached after its last epoch."""

    epochs: int = Field(ge=1, description="Epochs trained.")
    train_loss: float = Field(ge=0, description="Mean cross entropy over the training part, in nats.")
    train_accuracy: Accuracy = Field(description="Share of the training part that is recognised, 0 to 1.")
    validation_accuracy: Accuracy = Field(description="Share of the validation part that is recognised, 0 to 1.")
    test_accuracy: Accuracy = Field(description="Share of the test part that is recognised, 0 to 1.")
    model_path: Path = Field(description="Model file (.npz).")
    metrics_path: Path = Field(description="JSON file with the metrics of every epoch.")


class EvaluateResult(Result):
    """How well a trained model recognises the test part."""

    training_run: str | None = Field(description="Run id of the training that was evaluated; null for a model file.")
    test_accuracy: Accuracy = Field(description="Share of the test part that is recognised, 0 to 1.")
    test_f1_macro: Accuracy = Field(description="Mean over the digits of their F1 score, 0 to 1.")
    misclassified: int = Field(ge=0, description="Samples of the test part that were mistaken.")
    samples: int = Field(ge=1, description="Samples of the test part.")
    metrics_path: Path = Field(description="JSON file with precision, recall and F1 of each digit.")
    confusion_matrix_path: Path = Field(description="PNG of the confusion matrix.")
    misclassified_path: Path = Field(description="PNG of the mistaken samples.")


class ExportResult(Result):
    """The exported model file."""

    path: Path = Field(description="Exported model file (.npz).")
    size_bytes: int = Field(ge=1, description="Size of the file in bytes.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file, hexadecimal.")


class PredictResult(Result):
    """The digit that was read, and how sure the model is."""

    digit: int = Field(ge=0, lt=CLASSES, description="The most probable digit.")
    confidence: Probability = Field(description="Probability of that digit, 0 to 1.")
    probabilities: list[Probability] = Field(
        min_length=CLASSES, max_length=CLASSES, description="Probability of each digit from 0 to 9, 0 to 1."
    )
