"""Results that many actions share: name one as ``result_model``, or derive from it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class WeightsResult(BaseModel):
    """Weights of a model.

    Args:
        weights_path: The file or folder of the final weights.
        checkpoint_paths: Those that were kept on the way.
        format: How they are written, such as ``pt``.
    """

    weights_path: str
    checkpoint_paths: list[str] = Field(default_factory=list)
    format: str = "pt"


class MetricsResult(BaseModel):
    """What was measured.

    Args:
        metrics: Name to number.
        category: What it was measured on, such as ``validation``.
    """

    metrics: dict[str, float] = Field(default_factory=dict)
    category: str = ""


class TrainResult(BaseModel):
    """What a training came to.

    Args:
        weights_path: The file or folder of the weights.
        final_epoch: The last epoch, from 0 on.
        best_epoch: The epoch of the best weights; None where that is not known.
        train_metrics: What was measured on the training data.
        val_metrics: What was measured on the validation data.
        model_id: The model's id in the backend; None where it was not handed over.
    """

    weights_path: str
    final_epoch: int = Field(default=0, ge=0)
    best_epoch: int | None = Field(default=None, ge=0)
    train_metrics: dict[str, float] = Field(default_factory=dict)
    val_metrics: dict[str, float] = Field(default_factory=dict)
    model_id: int | None = None


class InferenceResult(BaseModel):
    """What a model predicted.

    Args:
        predictions: One mapping for each input.
        processed_count: How many inputs there were.
        output_path: Where the predictions are, if they are in a file.
    """

    predictions: list[dict[str, Any]] = Field(default_factory=list)
    processed_count: int = Field(default=0, ge=0)
    output_path: str | None = None


class ExportResult(BaseModel):
    """What was exported.

    Args:
        output_path: Its address; None where there was nothing to export.
        exported_count: How many items.
        failed_count: How many items failed.
        format: How they are written.
        file_size_bytes: How large it is; None where that was not measured.
    """

    output_path: str | None = None
    exported_count: int = Field(default=0, ge=0)
    failed_count: int = Field(default=0, ge=0)
    format: str = "json"
    file_size_bytes: int | None = Field(default=None, ge=0)


class UploadResult(BaseModel):
    """What was uploaded.

    Args:
        uploaded_count: How many files.
        remote_path: Where they are.
        status: How it ended.
    """

    uploaded_count: int = Field(default=0, ge=0)
    remote_path: str | None = None
    status: str = "completed"
