"""The base class of export actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from ..workflow import WorkflowAction
from .collecting import ConvertDataStep, FetchResultsStep, InitializeStep, PrepareExportStep
from .context import ExportContext
from .exporter import BaseExporter
from .params import ExportProgressCategories
from .registry import TargetHandlers
from .saving import FinalizeStep, SaveFilesStep

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...steps import BaseStepContext, StepRegistry

P = TypeVar("P", bound=BaseModel)


class BaseExportAction(WorkflowAction[P, ExportContext], BaseExporter, Generic[P]):
    """Export tasks or ground truths of the backend to the storage: JSON for each, and the original files.

    It does all of that as it is, in six steps. Override the hooks of ``BaseExporter`` to say what is saved,
    ``setup_steps`` for other steps, ``make_handlers`` for other targets, or ``execute`` alone to do without steps.
    With a setting ``PLUGBUS_WORK_FOLDER`` and the same id, a job that was killed goes on after the last item.

    Attributes:
        progress: What it reports the progress of.
    """

    context_class: ClassVar[type[BaseStepContext]] = ExportContext
    progress: ClassVar[type[ExportProgressCategories]] = ExportProgressCategories
    progress_categories: ClassVar[Mapping[str, float]] = {
        ExportProgressCategories.FETCH: 10,
        ExportProgressCategories.DATASET_CONVERSION: 35,
        ExportProgressCategories.ORIGINAL_FILE: 25,
        ExportProgressCategories.DATA_FILE: 30,
    }

    @classmethod
    def planned_categories(cls, params: BaseModel) -> Mapping[str, float]:
        """Return the categories, without that of original files where none are saved."""
        planned = super().planned_categories(params)
        if getattr(params, "save_original_file", True):
            return planned
        return {name: weight for name, weight in planned.items() if name != ExportProgressCategories.ORIGINAL_FILE}

    def setup_steps(self, registry: StepRegistry[ExportContext]) -> None:
        """Register the six steps of an export."""
        registry.register(InitializeStep())
        registry.register(FetchResultsStep())
        registry.register(PrepareExportStep())
        registry.register(ConvertDataStep())
        registry.register(SaveFilesStep())
        registry.register(FinalizeStep())

    def make_handlers(self) -> TargetHandlers:
        """Return what finds the things to export, by target; an override may register more."""
        return TargetHandlers()

    def facts(self, context: ExportContext) -> Mapping[str, Any]:
        """Return the counts and the address of the export."""
        return {
            "exported_count": context.exported_count,
            "failed_count": context.failed_count,
            "total_count": context.total_count,
            "output_path": context.output_path,
        }
