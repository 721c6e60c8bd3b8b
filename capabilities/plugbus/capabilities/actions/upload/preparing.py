"""The steps of an upload up to what is sent: its place, what is known, what there is, and what of it is good."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ...backend import DatasetDraft
from ...errors import ActionDefinitionError
from ...steps import StepResult
from ..naming import safe_path
from ..workflow import WorkflowStep
from .context import UploadContext
from .discovery import FlatFileDiscovery, RecursiveFileDiscovery, grouped
from .errors import NothingUploadedError
from .leftovers import remove_leftovers
from .metadata import NoMetadata, metadata_strategy
from .params import UploadProgressCategories
from .validation import DefaultValidation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .files import LocalFile, OrganizedFile
    from .strategies import FileDiscoveryStrategy, MetadataStrategy, ValidationStrategy

TOLD = 3


class InitializeStep(WorkflowStep[UploadContext]):
    """Find where everything goes: the storage, its folder, the dataset."""

    label = "initialize"
    weight = 0.05

    def execute(self, context: UploadContext) -> StepResult:
        """Look for the dataset, and create the one that is named where there is none."""
        storage = context.current_storage
        context.upload_id = uuid4().hex
        dataset, name, created = context.param("dataset", None), context.param("dataset_name", None), None
        if dataset is not None:
            context.dataset = context.client.dataset(dataset).id
        elif name is not None:
            known = next(context.client.datasets(name=name), None)
            if known is None:
                known = context.client.create_dataset(DatasetDraft(name=name))
                created = known.id
            context.dataset = known.id
        own = "uploads" if context.dataset is None else f"datasets/{context.dataset}"
        said = context.param("storage_path", "").strip("/")
        context.storage_path = safe_path(said) if said else own
        data = {"storage": storage.root, "remote_path": storage.uri(context.storage_path), "dataset": context.dataset}
        return StepResult(data=data, rollback_data={"dataset": created})

    def rollback(self, context: UploadContext, result: StepResult) -> None:
        """Delete the dataset that was created, unless another upload has put something into it.

        What a process has sent that was killed is removed here, if it did not come to the step that sends again.
        """
        remove_leftovers(context)
        dataset = result.rollback_data["dataset"]
        if dataset is not None and next(context.client.data_units(dataset, page_size=1), None) is None:
            context.client.delete_dataset(dataset)


class ProcessMetadataStep(WorkflowStep[UploadContext]):
    """Read what is known of the files."""

    label = "process_metadata"
    weight = 0.05

    def can_skip(self, context: UploadContext) -> bool:
        """Skip it where nothing is known."""
        return isinstance(_metadata(context), NoMetadata)

    def execute(self, context: UploadContext) -> StepResult:
        """Read it."""
        strategy = _metadata(context)
        context.metadata = {name: dict(values) for name, values in strategy.read().items()}
        return StepResult(data={"metadata_count": len(context.metadata)})


class OrganizeFilesStep(WorkflowStep[UploadContext]):
    """Find the files, and put those together that become one data unit."""

    label = "organize_files"
    weight = 0.10

    def can_skip(self, context: UploadContext) -> bool:
        """Skip it where another step has done that."""
        return context.is_prepared or bool(context.organized_files)

    def execute(self, context: UploadContext) -> StepResult:
        """Fill ``context.organized_files``.

        Raises:
            UploadPathError: A folder can't be read.
        """
        organize(context)
        return StepResult(data={"organized_count": len(context.organized_files)})


class ValidateFilesStep(WorkflowStep[UploadContext]):
    """Sort out what can't be uploaded, and say why. It organises the files where no step before it has."""

    label = "validate_files"
    weight = 0.10

    def execute(self, context: UploadContext) -> StepResult:
        """Keep what is good in ``context.organized_files``.

        Raises:
            NothingUploadedError: Nothing is.
        """
        if not (context.is_prepared or context.organized_files):
            organize(context)
        category = UploadProgressCategories.VALIDATION.value
        strategy, groups, good = _validation(context), context.organized_files, []
        for number, group in enumerate(groups, 1):
            if _is_good(context, strategy, group):
                good.append(group)
            if number % 64 == 0 or number == len(groups):
                context.raise_if_cancelled()
                context.set_progress(number, len(groups), category)
        context.organized_files = good
        if not good:
            told = [f"{one.path}: {one.cause}" for one in context.lost_files]
            raise NothingUploadedError(tuple(told[:TOLD]), len(told))
        return StepResult(data={"valid_count": len(good), "invalid_count": len(context.lost_files)})


def organize(context: UploadContext) -> None:
    """Find and group the files that the parameters name, with what is known of them."""
    sources = list(_sources(context))
    context.organized_files = [_known(context.metadata, group) for group in grouped(sources)]
    context.is_prepared = True
    unused = set(context.metadata) - {
        name for group in context.organized_files for name in (group.name, *_names(group))
    }
    if unused:
        near = ", ".join(f"'{one}'" for one in sorted(unused)[:TOLD])
        context.log_message(f"there is no file for {len(unused)} rows of the metadata, such as {near}", "warning")


def _sources(context: UploadContext) -> list[tuple[str | None, Path, FileDiscoveryStrategy]]:
    path, assets = context.param("path", None), context.param("assets", {})
    if path is not None and context.param("use_single_path", True):
        return [(None, Path(path), _discovery(context, is_recursive=context.param("is_recursive", False)))]
    if not assets:
        cause = "its parameters name neither path nor assets, and no step has filled organized_files"
        raise ActionDefinitionError(type(context.action).__qualname__, cause)
    return [(role, Path(one.path), _discovery(context, is_recursive=one.is_recursive)) for role, one in assets.items()]


def _discovery(context: UploadContext, *, is_recursive: bool) -> FileDiscoveryStrategy:
    make = getattr(context.action, "make_discovery", None)
    if make is not None:
        found: FileDiscoveryStrategy = make(is_recursive=is_recursive)
        return found
    return RecursiveFileDiscovery() if is_recursive else FlatFileDiscovery()


def _metadata(context: UploadContext) -> MetadataStrategy:
    make = getattr(context.action, "make_metadata", None)
    if make is not None:
        found: MetadataStrategy = make()
        return found
    return metadata_strategy(context.param("metadata_path", None), context.runtime.services)


def _validation(context: UploadContext) -> ValidationStrategy:
    make = getattr(context.action, "make_validation", None)
    if make is not None:
        found: ValidationStrategy = make()
        return found
    return DefaultValidation(int(context.param("max_file_size_mb", 50) * (1 << 20)))


def _is_good(context: UploadContext, strategy: ValidationStrategy, group: OrganizedFile) -> bool:
    """Tell whether a data unit can be made of a group; one with a single bad file would be half of one."""
    faults = [
        (file.path, fault)
        for role, file in group.files.items()
        for fault in (*_gone(file), *strategy.faults(role, file))
    ]
    faults += [(group.name, fault) for fault in strategy.group_faults(group)]
    for path, fault in faults:
        context.lose(path, fault)
    return not faults


def _gone(file: LocalFile) -> list[str]:
    return [] if Path(file.path).is_file() else ["it is no file, or not there any more"]


def _known(metadata: Mapping[str, Mapping[str, Any]], group: OrganizedFile) -> OrganizedFile:
    """Return a group with what is known of it: by its name, its stem, or the name of one of its files."""
    found: dict[str, Any] = {}
    for name in (*_names(group), group.name):
        found.update(metadata.get(name, {}))
    return replace(group, metadata=found) if found else group


def _names(group: OrganizedFile) -> list[str]:
    return [PurePosixPath(group.name).name, *(Path(one.path).name for one in group.files.values())]
