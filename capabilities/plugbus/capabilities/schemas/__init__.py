"""Schemas: models of results that many actions share."""

from .results import ExportResult, InferenceResult, MetricsResult, TrainResult, UploadResult, WeightsResult

__all__ = ["ExportResult", "InferenceResult", "MetricsResult", "TrainResult", "UploadResult", "WeightsResult"]
