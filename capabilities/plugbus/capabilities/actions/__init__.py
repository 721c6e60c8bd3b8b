"""Actions: work with validated parameters and a validated result."""

from typing import TYPE_CHECKING

from plugbus.kernel import import_late

from .action import BaseAction, NoResult
from .decorator import action
from .invocation import ActionCall
from .offer import ACTION, Action, action_names, find_action
from .policy import ActionPolicy, RetryPolicy
from .validation import validate_params, validate_result

# Steps, and what is made of them, are imported by those who use them.
if TYPE_CHECKING:
    from .dataset import (
        CACHE_FOLDER,
        DatasetAction,
        DatasetDownloadError,
        DatasetOperation,
        DatasetParams,
        DatasetParamsError,
        DatasetResult,
    )
    from .export import (
        BaseExportAction,
        BaseExporter,
        ExportContext,
        ExportFilterError,
        ExportParams,
        ExportTargetError,
        ExportTargetExistsError,
        NothingExportedError,
    )
    from .train import (
        BaseTrainAction,
        BaseTrainParams,
        ModelFileError,
        TrainContext,
        TrainDataError,
    )
    from .upload import (
        BaseUploadAction,
        FileChangedError,
        LostFile,
        NothingUploadedError,
        OrganizedFile,
        UploadAsset,
        UploadContext,
        UploadedFile,
        UploadMetadataError,
        UploadParams,
        UploadPathError,
        UploadVerificationError,
    )
    from .workflow import (
        WORK_FOLDER,
        WorkflowAction,
        WorkflowContext,
        WorkflowStep,
    )
else:
    __getattr__ = import_late(
        __name__,
        dataset=(
            "CACHE_FOLDER",
            "DatasetAction",
            "DatasetDownloadError",
            "DatasetOperation",
            "DatasetParams",
            "DatasetParamsError",
            "DatasetResult",
        ),
        export=(
            "BaseExportAction",
            "BaseExporter",
            "ExportContext",
            "ExportFilterError",
            "ExportParams",
            "ExportTargetError",
            "ExportTargetExistsError",
            "NothingExportedError",
        ),
        train=(
            "BaseTrainAction",
            "BaseTrainParams",
            "ModelFileError",
            "TrainContext",
            "TrainDataError",
        ),
        upload=(
            "BaseUploadAction",
            "FileChangedError",
            "LostFile",
            "NothingUploadedError",
            "OrganizedFile",
            "UploadAsset",
            "UploadContext",
            "UploadedFile",
            "UploadMetadataError",
            "UploadParams",
            "UploadPathError",
            "UploadVerificationError",
        ),
        workflow=(
            "WORK_FOLDER",
            "WorkflowAction",
            "WorkflowContext",
            "WorkflowStep",
        ),
    )

__all__ = [
    "ACTION",
    "CACHE_FOLDER",
    "WORK_FOLDER",
    "Action",
    "ActionCall",
    "ActionPolicy",
    "BaseAction",
    "BaseExportAction",
    "BaseExporter",
    "BaseTrainAction",
    "BaseTrainParams",
    "BaseUploadAction",
    "DatasetAction",
    "DatasetDownloadError",
    "DatasetOperation",
    "DatasetParams",
    "DatasetParamsError",
    "DatasetResult",
    "ExportContext",
    "ExportFilterError",
    "ExportParams",
    "ExportTargetError",
    "ExportTargetExistsError",
    "FileChangedError",
    "LostFile",
    "ModelFileError",
    "NoResult",
    "NothingExportedError",
    "NothingUploadedError",
    "OrganizedFile",
    "RetryPolicy",
    "TrainContext",
    "TrainDataError",
    "UploadAsset",
    "UploadContext",
    "UploadMetadataError",
    "UploadParams",
    "UploadPathError",
    "UploadVerificationError",
    "UploadedFile",
    "WorkflowAction",
    "WorkflowContext",
    "WorkflowStep",
    "action",
    "action_names",
    "find_action",
    "validate_params",
    "validate_result",
]
