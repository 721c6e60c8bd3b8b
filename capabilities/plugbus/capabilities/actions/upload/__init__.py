"""Actions that upload files."""

from .action import BaseUploadAction
from .context import UploadContext
from .data_units import BatchDataUnitStrategy, SingleDataUnitStrategy
from .discovery import FlatFileDiscovery, RecursiveFileDiscovery
from .errors import (
    FileChangedError,
    NothingUploadedError,
    UploadMetadataError,
    UploadPathError,
    UploadVerificationError,
)
from .files import LocalFile, LostFile, OrganizedFile, UploadedFile
from .finishing import CleanupStep, GenerateDataUnitsStep, VerifyUploadStep
from .metadata import CsvMetadata, NoMetadata, TableMetadata
from .params import UploadAsset, UploadParams, UploadProgressCategories
from .preparing import InitializeStep, OrganizeFilesStep, ProcessMetadataStep, ValidateFilesStep
from .sending import UploadFilesStep
from .strategies import DataUnitStrategy, FileDiscoveryStrategy, MetadataStrategy, ValidationStrategy
from .validation import DefaultValidation

__all__ = [
    "BaseUploadAction",
    "BatchDataUnitStrategy",
    "CleanupStep",
    "CsvMetadata",
    "DataUnitStrategy",
    "DefaultValidation",
    "FileChangedError",
    "FileDiscoveryStrategy",
    "FlatFileDiscovery",
    "GenerateDataUnitsStep",
    "InitializeStep",
    "LocalFile",
    "LostFile",
    "MetadataStrategy",
    "NoMetadata",
    "NothingUploadedError",
    "OrganizeFilesStep",
    "OrganizedFile",
    "ProcessMetadataStep",
    "RecursiveFileDiscovery",
    "SingleDataUnitStrategy",
    "TableMetadata",
    "UploadAsset",
    "UploadContext",
    "UploadFilesStep",
    "UploadMetadataError",
    "UploadParams",
    "UploadPathError",
    "UploadProgressCategories",
    "UploadVerificationError",
    "UploadedFile",
    "ValidateFilesStep",
    "ValidationStrategy",
    "VerifyUploadStep",
]
