"""What an upload action takes."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator


class UploadProgressCategories(StrEnum):
    """What an upload action reports the progress of."""

    VALIDATION = "validation"
    UPLOAD = "upload"
    FINALIZATION = "finalization"


class UploadAsset(BaseModel):
    """One of several folders that are uploaded together.

    Args:
        path: The folder, or one file.
        is_recursive: Whether its folders are looked into.
        is_required: Whether a data unit has to have a file of it.
    """

    path: str = Field(min_length=1)
    is_recursive: bool = False
    is_required: bool = True


class UploadParams(BaseModel):
    """Parameters of an upload action. A model of one's own needs those fields alone whose defaults do not suit it.

    Args:
        path: The local folder, or one file; files of one stem become one data unit.
        is_recursive: Whether its folders are looked into.
        use_single_path: Whether ``path`` is what is uploaded; else it is ``assets``.
        assets: Folders by what their files are (``image``, ``mask`` ...); files of one stem become one data unit.
        dataset: Id of the dataset in the backend that data units are made in.
        dataset_name: Name of the dataset instead; it is created where there is none.
        storage_path: The folder in the storage; one of the dataset's by default.
        metadata_path: A table with a row for each data unit: ``.csv``, or what a plugin reads, such as ``.xlsx``.
        max_file_size_mb: The size from which on a file is refused, in units of 2**20 bytes.
        upload_max_workers: How many files are sent at a time.
        max_retries: How often a file is sent again when it failed.
        data_unit_batch_size: How many data units are made in one transaction; 1 for each on its own.
        verification: Whether files in the storage are compared by their checksum, for which they are read, or by their
            size alone.
        extra_params: For the hooks of the action.
    """

    model_config = ConfigDict(populate_by_name=True)

    path: str | None = None
    is_recursive: bool = False
    use_single_path: bool = True
    assets: dict[str, UploadAsset] = Field(default_factory=dict)
    dataset: int | None = Field(default=None, validation_alias=AliasChoices("dataset", "data_collection"))
    dataset_name: str | None = Field(default=None, min_length=1)
    storage_path: str | None = None
    metadata_path: str | None = Field(
        default=None, validation_alias=AliasChoices("metadata_path", "excel_metadata_path")
    )
    max_file_size_mb: float = Field(default=50, gt=0)
    upload_max_workers: int = Field(default=8, ge=1, le=64)
    max_retries: int = Field(default=2, ge=0, le=20)
    data_unit_batch_size: int = Field(
        default=200,
        ge=1,
        le=1000,
        validation_alias=AliasChoices("data_unit_batch_size", "creating_data_unit_batch_size"),
    )
    verification: Literal["checksum", "size"] = "checksum"
    extra_params: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _places_are_said(self) -> UploadParams:
        if self.use_single_path and not self.path:
            raise ValueError("path: it is missing; name a folder, or set use_single_path to false and name assets")
        if not self.use_single_path and not self.assets:
            raise ValueError("assets: none is named; name some, or set use_single_path to true and name a path")
        if self.dataset is not None and self.dataset_name is not None:
            raise ValueError("dataset: there is dataset_name, too; say one of them")
        return self
