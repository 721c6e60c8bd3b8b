"""Conversions: a way, run; all of it or nothing."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .drafts import DraftFolder
from .errors import ConversionError
from .items import ItemStream
from .job import ConversionJob, no_folder
from .losses import LossCount, LossTally
from .placing import ImageMode

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from .errors import DatasetError
    from .placing import ImageSize
    from .planning import ConversionPath


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionReport:
    """What a conversion did.

    Args:
        value: What was made: the path of the folder, or an object that the last converter made.
        path: The way that was taken.
        done: How many images were written.
        skipped: How many documents were left out because of faults.
        losses: What was dropped: how much, and where.
    """

    value: Any
    path: ConversionPath
    done: int
    skipped: int
    losses: tuple[LossCount, ...]

    def explain(self) -> str:
        """Say for people what was done and what was dropped."""
        lines = [f"{self.path.source.name} -> {self.path.target.name}: {self.done} images, {self.skipped} left out"]
        lines.extend(f"  lost {one}" for one in self.losses)
        return "\n".join(lines)


def run_path(
    path: ConversionPath,
    value: Any,
    *,
    output: str | os.PathLike[str] | None = None,
    images: ImageMode | str = ImageMode.COPY,
    image_size: ImageSize | None = None,
    on_fault: Callable[[DatasetError], object] | None = None,
    progress: Callable[[int, int | None], object] | None = None,
) -> ConversionReport:
    """Convert a value along a way. The folder appears at its place when all is done, else nothing does.

    Args:
        path: The way.
        value: A path, or whatever the first converter takes.
        output: The folder to make; nothing may be there. None where the last converter makes an object.
        images: What is done with image files.
        image_size: Measures images whose size the dataset does not say.
        on_fault: Called with what is wrong with a document, which is then left out whole; without it, the first such
            document ends the conversion.
        progress: Called with the number of images that are done and of all, which is None while it is not known.

    Raises:
        DatasetError: A document is wrong; names the file and every fault with its place.
        ConversionError: The folder is there already, is missing though one is written, or would not be written.
        OSError: A file can't be read or written.
    """
    source, target = path.source.name, path.target.name
    value = Path(value) if isinstance(value, str) else value
    if not path.steps:
        if output is not None:
            raise ConversionError(source, target, "it is of that type already, so that nothing is written to output")
        return ConversionReport(value=value, path=path, done=0, skipped=0, losses=())
    mode, tally, jobs = ImageMode(images), LossTally(), list[ConversionJob]()
    draft: DraftFolder | None = None
    with ExitStack() as stack:

        def final_folder() -> Path:
            nonlocal draft
            if output is None:
                return no_folder(source, target)()
            try:
                draft = DraftFolder(Path(output))
            except FileExistsError as error:
                raise ConversionError(source, target, str(error)) from error
            stack.callback(draft.discard)
            return draft.path

        def passing_folder() -> Path:
            import tempfile

            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plugbus-conversion-")))

        for step in path.steps:
            is_last = step is path.steps[-1]
            # Files are copied once, at the end: what lies between points to them.
            job = ConversionJob(
                final_folder if is_last else passing_folder,
                tally,
                images=mode if is_last or mode is ImageMode.LEAVE else ImageMode.SYMLINK,
                image_size=image_size,
                on_fault=on_fault,
                progress=progress if is_last else None,
            )
            jobs.append(job)
            value = step.convert(value, job)
            if isinstance(value, ItemStream) and not is_last:
                stack.callback(value.close)
        if draft is None and output is not None:
            raise ConversionError(source, target, "it makes an object and writes nothing; leave output out")
        if draft is not None:
            place = draft.commit()
            if isinstance(value, Path) and value.is_relative_to(draft.path):
                value = place / value.relative_to(draft.path)
    return ConversionReport(
        value=value,
        path=path,
        done=jobs[-1].done,
        skipped=sum(one.skipped for one in jobs),
        losses=tally.counts,
    )
