"""Actions that train models."""

from .action import BaseTrainAction
from .context import TrainContext
from .errors import ModelFileError, TrainDataError
from .params import BaseTrainParams, TrainProgressCategories
from .steps import ConvertDatasetStep, DownloadDatasetStep, TrainStep, TuneStep, UploadModelStep

__all__ = [
    "BaseTrainAction",
    "BaseTrainParams",
    "ConvertDatasetStep",
    "DownloadDatasetStep",
    "ModelFileError",
    "TrainContext",
    "TrainDataError",
    "TrainProgressCategories",
    "TrainStep",
    "TuneStep",
    "UploadModelStep",
]
