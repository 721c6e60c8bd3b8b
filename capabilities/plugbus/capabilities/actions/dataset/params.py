"""What a dataset action takes and returns."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic reads it

from pydantic import BaseModel, Field


class DatasetOperation(StrEnum):
    """What a dataset action does."""

    DOWNLOAD = "download"
    CONVERT = "convert"


class DatasetProgressCategories(StrEnum):
    """What a dataset action reports the progress of."""

    DATASET_DOWNLOAD = "dataset_download"
    DATASET_CONVERSION = "dataset_conversion"


class DatasetParams(BaseModel):
    """Parameters of a dataset action.

    Args:
        operation: What to do.
        dataset: Id of a dataset in the backend, or the folder of one that is here. None where ``path`` says it.
        path: The folder of a dataset that is here; another word for a folder in ``dataset``.
        splits: The splits that are wanted; none for all.
        source_format: What a folder holds, as the name or format of a data type; a dataset of the backend says it
            itself, and this counts where it does not.
        target_format: What is wanted.
        output_dir: The folder to make; by default one beside the dataset, or in the cache.
        max_workers: How many files are downloaded at a time.
    """

    operation: DatasetOperation = DatasetOperation.DOWNLOAD
    dataset: int | str | None = None
    path: str | None = None
    splits: tuple[str, ...] = ()
    source_format: str = "dm_v2"
    target_format: str = "yolo"
    output_dir: str | None = None
    max_workers: int = Field(default=8, ge=1, le=64)


class DatasetResult(BaseModel):
    """What a dataset action made.

    Args:
        path: The folder.
        format: What it holds: the format of a data type.
        count: How many data units or images are in it.
        failed_count: How many data units are missing because a file of theirs could not be had.
        failures: What went wrong, one text a data unit, of the first 100.
        source_path: What was converted; None for a download.
        config_path: The file that describes the dataset, where its format has one.
        is_cached: Whether it was there already.
    """

    path: Path
    format: str
    count: int = 0
    failed_count: int = 0
    failures: list[str] = Field(default_factory=list)
    source_path: Path | None = None
    config_path: Path | None = None
    is_cached: bool = False

    @property
    def data_path(self) -> Path:
        """Return what trainers are given: the file that describes the dataset, else its folder."""
        return self.config_path or self.path
