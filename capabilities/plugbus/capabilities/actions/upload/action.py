"""The base class of upload actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel

from ..workflow import WorkflowAction
from .context import UploadContext
from .data_units import BatchDataUnitStrategy, SingleDataUnitStrategy
from .discovery import FlatFileDiscovery, RecursiveFileDiscovery
from .finishing import CleanupStep, GenerateDataUnitsStep, VerifyUploadStep
from .metadata import metadata_strategy
from .params import UploadProgressCategories
from .preparing import InitializeStep, OrganizeFilesStep, ProcessMetadataStep, ValidateFilesStep
from .sending import UploadFilesStep
from .validation import DefaultValidation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ...steps import BaseStepContext, StepRegistry
    from .strategies import DataUnitStrategy, FileDiscoveryStrategy, MetadataStrategy, ValidationStrategy

P = TypeVar("P", bound=BaseModel)


class BaseUploadAction(WorkflowAction[P, UploadContext], Generic[P]):
    """Upload local files: into the storage, and as data units into a dataset of the backend.

    It does all of that as it is, in eight steps. Override ``setup_steps`` for other steps, a method ``make_...`` for
    another strategy, ``get_allowed_extensions`` to refuse other files, or ``execute`` alone to do without steps.
    What fails later removes what was uploaded. With a setting ``PLUGBUS_WORK_FOLDER`` and the same id, a job that was
    killed goes on where it was; without it, too, nothing is sent or made twice.

    Attributes:
        progress: What it reports the progress of.
    """

    context_class: ClassVar[type[BaseStepContext]] = UploadContext
    progress: ClassVar[type[UploadProgressCategories]] = UploadProgressCategories
    progress_categories: ClassVar[Mapping[str, float]] = {
        UploadProgressCategories.VALIDATION: 10,
        UploadProgressCategories.UPLOAD: 60,
        UploadProgressCategories.FINALIZATION: 30,
    }

    def setup_steps(self, registry: StepRegistry[UploadContext]) -> None:
        """Register the eight steps of an upload."""
        registry.register(InitializeStep())
        registry.register(ProcessMetadataStep())
        registry.register(OrganizeFilesStep())
        registry.register(ValidateFilesStep())
        registry.register(UploadFilesStep())
        registry.register(GenerateDataUnitsStep())
        registry.register(VerifyUploadStep())
        registry.register(CleanupStep())

    def get_allowed_extensions(self) -> Mapping[str, Collection[str]] | None:
        """Return the suffixes that are allowed, by what a file is: ``{"image": {".png"}}``; None for all."""
        return None

    def make_discovery(self, *, is_recursive: bool) -> FileDiscoveryStrategy:
        """Return what finds files in a folder."""
        return RecursiveFileDiscovery() if is_recursive else FlatFileDiscovery()

    def make_metadata(self) -> MetadataStrategy:
        """Return what reads what is known of the files."""
        return metadata_strategy(getattr(self.params, "metadata_path", None), self.ctx.services)

    def make_validation(self) -> ValidationStrategy:
        """Return what says which files are not to be uploaded."""
        said = self.params
        assets = {} if getattr(said, "use_single_path", True) else getattr(said, "assets", {})
        return DefaultValidation(
            int(getattr(said, "max_file_size_mb", 50) * (1 << 20)),
            self.get_allowed_extensions(),
            [role for role, one in assets.items() if one.is_required],
        )

    def make_data_units(self) -> DataUnitStrategy:
        """Return what makes data units."""
        size = int(getattr(self.params, "data_unit_batch_size", 200))
        return SingleDataUnitStrategy() if size == 1 else BatchDataUnitStrategy(size)

    def facts(self, context: UploadContext) -> Mapping[str, Any]:
        """Return the counts, and what was lost."""
        return {
            "dataset": context.dataset,
            "uploaded_files": len(context.uploaded_files),
            "data_units": len(context.data_units),
            "partial_failure": bool(context.lost_files),
            "lost_files_count": len(context.lost_files),
            "lost_files": [one.to_dict() for one in context.lost_files],
        }
