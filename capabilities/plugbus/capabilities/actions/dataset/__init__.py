"""Actions that download datasets from the backend and convert them."""

from .action import CACHE_FOLDER, DatasetAction
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
