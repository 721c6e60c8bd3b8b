"""Actions that export tasks and ground truths."""

from .action import BaseExportAction
from .collecting import ConvertDataStep, FetchResultsStep, InitializeStep, PrepareExportStep
from .context import ExportContext
from .errors import ExportFilterError, ExportTargetError, ExportTargetExistsError, NothingExportedError
from .exporter import BaseExporter
from .handlers import AssignmentHandler, GroundTruthHandler, TargetHandler, TaskHandler
from .items import ConvertedItem, ExportItem
from .params import ExportParams, ExportProgressCategories
from .registry import TargetHandlers
from .saving import FinalizeStep, SaveFilesStep

__all__ = [
    "AssignmentHandler",
    "BaseExportAction",
    "BaseExporter",
    "ConvertDataStep",
    "ConvertedItem",
    "ExportContext",
    "ExportFilterError",
    "ExportItem",
    "ExportParams",
    "ExportProgressCategories",
    "ExportTargetError",
    "ExportTargetExistsError",
    "FetchResultsStep",
    "FinalizeStep",
    "GroundTruthHandler",
    "InitializeStep",
    "NothingExportedError",
    "PrepareExportStep",
    "SaveFilesStep",
    "TargetHandler",
    "TargetHandlers",
    "TaskHandler",
]
