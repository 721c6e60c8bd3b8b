"""Actions that train models."""

from ...errors import ModelFileError
from .action import BaseTrainAction
from .context import TrainContext
from .errors import TrainDataError
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
