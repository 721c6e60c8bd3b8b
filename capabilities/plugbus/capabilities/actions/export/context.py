"""What the steps of an export share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..workflow import WorkflowContext
from .exporter import BaseExporter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...storage import Storage
    from .handlers import TargetHandler
    from .items import ConvertedItem, ExportItem


@dataclass(kw_only=True)
class ExportContext(WorkflowContext):
    """What the steps of an export share.

    Args:
        storage: Where it is written to.
        path_root: The folder in the storage that the export's folder is in.
        unique_export_path: The export's folder.
        output_paths: The folders in it: ``label`` and ``original``.
        handler: Finds what is exported.
        results: What was found, one by one; it is read as it is asked for.
        total_count: How many there are.
        export_params: What hooks may want to know: name, count, ``save_original_file``, and the extra parameters.
        configuration: How the project or dataset is set up.
        export_items: What is converted, one by one.
        converted_items: What was converted, one by one; it is converted as it is asked for.
        exported_count: How many items are saved.
        failed_count: How many could not be converted or saved.
        skipped_count: How many the hooks left out.
        errors_json: What went wrong with data: ``id``, ``name`` and ``error``.
        errors_original: What went wrong with original files: ``id``, ``name`` and ``error``.
        collisions: Items that were given another name than their own: ``id``, ``name`` and ``saved_as``.
        retry_delay_s: Seconds to wait before a backend that failed is asked again; doubled each time.
        output_path: Address of the export; None until it is done, and where there was nothing.
    """

    storage: Storage | None = None
    path_root: str = ""
    unique_export_path: str = ""
    output_paths: dict[str, str] = field(default_factory=dict)
    handler: TargetHandler | None = None
    results: Iterable[ExportItem] | None = None
    total_count: int = 0
    export_params: dict[str, Any] = field(default_factory=dict)
    configuration: dict[str, Any] = field(default_factory=dict)
    export_items: Iterable[ExportItem] | None = None
    converted_items: Iterable[ConvertedItem] | None = None
    exported_count: int = 0
    failed_count: int = 0
    skipped_count: int = 0
    errors_json: list[dict[str, Any]] = field(default_factory=list)
    errors_original: list[dict[str, Any]] = field(default_factory=list)
    collisions: list[dict[str, Any]] = field(default_factory=list)
    retry_delay_s: float = 0.1
    output_path: str | None = None

    @property
    def exporter(self) -> BaseExporter:
        """Return whose hooks are called: the action, where it has them."""
        return self.action if isinstance(self.action, BaseExporter) else BaseExporter()

    def param(self, name: str, default: Any) -> Any:
        """Return a parameter; models of an author's own need not have all of them."""
        return getattr(self.params, name, default)

    def tell_progress(self, done: int, category: str) -> None:
        """Report how many items are done."""
        self.set_progress(done, self.total_count or None, category)

    def save_state(self) -> Mapping[str, Any]:
        """Return what has to be kept in a checkpoint; what is read one by one is read anew."""
        again = {"results", "export_items", "converted_items"}
        return {name: value for name, value in super().save_state().items() if name not in again}
