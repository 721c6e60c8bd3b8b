"""The base class of actions that download and convert datasets."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from pydantic import BaseModel

from ...datasets import IMAGE_SIZE, ConverterRegistry, DraftFolder
from ..action import BaseAction
from ..cache_folder import cache_folder
from .cache import DatasetCache
from .conversion import config_of, convert_folder, find_type
from .download import Download, download
from .errors import DatasetParamsError
from .params import DatasetOperation, DatasetProgressCategories, DatasetResult

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ...datasets import DatasetError, ImageSize

P = TypeVar("P", bound=BaseModel)


class DatasetAction(BaseAction[P]):
    """Download a dataset from the backend, or convert one to another format: whichever the parameters say.

    It does all of that as it is. Override ``execute`` to do more, and call ``download_dataset`` and
    ``convert_dataset`` in it, or the ``make_...`` methods to do it in another place or with other converters.

    Attributes:
        progress: What it reports the progress of.
    """

    progress: ClassVar[type[DatasetProgressCategories]] = DatasetProgressCategories
    progress_categories: ClassVar[Mapping[str, float]] = {
        DatasetProgressCategories.DATASET_DOWNLOAD: 60,
        DatasetProgressCategories.DATASET_CONVERSION: 40,
    }

    @classmethod
    def planned_categories(cls, params: BaseModel) -> Mapping[str, float]:
        """Return the categories of what the parameters say; all of them where ``execute`` is the author's."""
        planned = super().planned_categories(params)
        if cls.execute is not DatasetAction.execute:
            return planned
        unused: set[str] = set()
        if getattr(params, "operation", DatasetOperation.DOWNLOAD) != DatasetOperation.CONVERT:
            unused.add(DatasetProgressCategories.DATASET_CONVERSION)
        elif getattr(params, "path", None) or not isinstance(getattr(params, "dataset", None), int):
            unused.add(DatasetProgressCategories.DATASET_DOWNLOAD)
        return {name: weight for name, weight in planned.items() if name not in unused}

    def execute(self) -> Any:
        """Do what the parameters say, and return what was made.

        Raises:
            DatasetParamsError: They name no dataset, or no folder where one is needed.
            DatasetDownloadError: Nothing of the dataset could be had.
            ConversionError: The dataset can't be converted.
            BackendUnavailableError: There is no backend to download from.
            StorageUnavailableError: There is no storage to download from.
        """
        if self._said("operation", DatasetOperation.DOWNLOAD) == DatasetOperation.CONVERT:
            return self.convert()
        return self.download()

    def download(self) -> DatasetResult:
        """Download the dataset that the parameters name."""
        dataset = self._said("dataset", None)
        if not isinstance(dataset, int):
            raise DatasetParamsError("download", f"'dataset' is {dataset!r}; give the id of a dataset in the backend")
        made = self._download(dataset)
        path, output = made.path, self._said("output_dir", None)
        if output is not None:
            path = _copied(path, Path(output))
        return DatasetResult(
            path=path,
            format=self._format_of(dataset),
            count=made.count,
            failed_count=made.failed_count,
            failures=list(made.failures),
            config_path=config_of(path),
            is_cached=made.is_cached,
        )

    def convert(self) -> DatasetResult:
        """Convert the dataset that the parameters name to their ``target_format``."""
        dataset = self._said("path", None) or self._said("dataset", None)
        if dataset is None:
            raise DatasetParamsError("convert", "neither 'dataset' nor 'path' says which; give one of them")
        return self._convert(dataset, self._said("target_format", "yolo"))

    def download_dataset(self, dataset: int) -> Path:
        """Bring a dataset of the backend here, and return its folder; nothing is downloaded twice."""
        return self._download(dataset).path

    def convert_dataset(self, dataset: int | str | os.PathLike[str], target_format: str) -> Path:
        """Convert a dataset and return the folder that was made.

        Args:
            dataset: The id of one in the backend, which is downloaded first, or the folder of one that is here.
            target_format: The name or the format of a data type, such as ``yolo``.
        """
        return self._convert(dataset, target_format).path

    def make_cache(self) -> DatasetCache:
        """Return where downloads are kept."""
        return DatasetCache(cache_folder(self.ctx) / "datasets")

    def make_converters(self) -> ConverterRegistry:
        """Return the converters that may be used: those that ship, and those of loaded plugins."""
        return ConverterRegistry(self.ctx.services.locator)

    def make_image_size(self) -> ImageSize | None:
        """Return what measures images whose size a dataset does not say; None where no loaded plugin does."""
        return self.ctx.services.find(IMAGE_SIZE)

    def _download(self, dataset: int) -> Download:
        ctx = self.ctx
        made = download(
            ctx.current_backend,
            ctx.current_storage,
            dataset,
            self.make_cache(),
            splits=self._said("splits", ()) or (),
            workers=self._said("max_workers", 8),
            progress=lambda done, total: self.set_progress(done, total, self.progress.DATASET_DOWNLOAD.value),
            check=ctx.raise_if_cancelled,
        )
        for failure in made.failures:
            ctx.log_message(f"left out: {failure}", "warning")
        return made

    def _convert(self, dataset: int | str | os.PathLike[str], target_format: str) -> DatasetResult:
        converters = self.make_converters()
        if isinstance(dataset, int):
            source, said = self._download(dataset).path, self._format_of(dataset)
        else:
            source, said = Path(dataset).absolute(), self._said("source_format", "dm_v2")
        source_type, target_type = find_type(converters, said), find_type(converters, target_format)
        form = target_type.format or target_type.name
        output = self._said("output_dir", None)
        target = Path(output).absolute() if output else source.with_name(f"{source.name}_{form}")
        faults: list[str] = []

        def leave_out(error: DatasetError) -> None:
            faults.append(str(error))
            self.ctx.log_message(f"left out: {error}", "warning")

        def report(done: int, total: int | None) -> None:
            self.ctx.raise_if_cancelled()
            self.set_progress(done, total, self.progress.DATASET_CONVERSION.value)

        notes, was_done = convert_folder(
            converters,
            source,
            source_type,
            target_type,
            target,
            on_fault=leave_out,
            progress=report,
            image_size=self.make_image_size(),
        )
        if was_done:
            report(1, 1)
        for loss in notes["losses"]:
            self.ctx.log_message(f"lost in the conversion: {loss}", "warning")
        return DatasetResult(
            path=target,
            format=form,
            count=notes["count"],
            failed_count=notes["skipped"],
            failures=faults[:100],
            source_path=source,
            config_path=config_of(target),
            is_cached=was_done,
        )

    def _format_of(self, dataset: int) -> str:
        record = self.ctx.current_backend.dataset(dataset)
        return record.format or str(self._said("source_format", "dm_v2"))

    def _said(self, name: str, default: Any) -> Any:
        """Return a parameter; models of an author's own need not have all of them."""
        return getattr(self.params, name, default)


def _copied(source: Path, target: Path) -> Path:
    """Copy a folder, whole or not at all; its files can be changed there."""
    draft = DraftFolder(target)
    try:
        shutil.copytree(source, draft.path, copy_function=shutil.copyfile, dirs_exist_ok=True)
        return draft.commit()
    finally:
        draft.discard()
