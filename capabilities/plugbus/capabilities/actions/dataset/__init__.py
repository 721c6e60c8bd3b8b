"""Actions that download datasets from the backend and convert them."""

from ..cache_folder import CACHE_FOLDER
from .action import DatasetAction
from .cache import DatasetCache
from .errors import DatasetDownloadError, DatasetParamsError
from .params import DatasetOperation, DatasetParams, DatasetProgressCategories, DatasetResult

__all__ = [
    "CACHE_FOLDER",
    "DatasetAction",
    "DatasetCache",
    "DatasetDownloadError",
    "DatasetOperation",
    "DatasetParams",
    "DatasetParamsError",
    "DatasetProgressCategories",
    "DatasetResult",
]
