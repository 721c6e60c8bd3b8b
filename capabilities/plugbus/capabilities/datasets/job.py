"""What a converter may use while it converts: where to write, what to count, whom to tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ConversionError, DatasetError
from .placing import ImageMode, place_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .items import ImageItem, ItemStream
    from .losses import Loss, LossTally
    from .placing import ImageSize


class ConversionJob:
    """One step of one conversion, as its converter sees it.

    Args:
        new_folder: Makes the folder that the step writes to.
        tally: Counts losses of all steps.
        images: What is done with image files.
        image_size: Measures images whose size the dataset does not say.
        on_fault: Called with what is wrong with a document, which is then left out; None to raise it.
        progress: Called with the number of images that are done and of all, which is None while it is not known.

    Attributes:
        done: How many images were written.
        skipped: How many documents were left out.
    """

    def __init__(
        self,
        new_folder: Callable[[], Path],
        tally: LossTally,
        *,
        images: ImageMode = ImageMode.COPY,
        image_size: ImageSize | None = None,
        on_fault: Callable[[DatasetError], object] | None = None,
        progress: Callable[[int, int | None], object] | None = None,
    ) -> None:
        self._new_folder = new_folder
        self._tally = tally
        self.images = images
        self._image_size = image_size
        self._on_fault = on_fault
        self._progress = progress
        self._folder: Path | None = None
        self.done = 0
        self.skipped = 0

    @property
    def leaves_out(self) -> bool:
        """Tell whether documents with faults are left out, or end the conversion."""
        return self._on_fault is not None

    @property
    def folder(self) -> Path:
        """Return an empty folder to write to. It appears at its place when the whole conversion has succeeded."""
        if self._folder is None:
            self._folder = self._new_folder()
        return self._folder

    def lose(self, loss: Loss, place: str, count: int = 1) -> None:
        """Count what is dropped; the converter's ``losses`` declare it."""
        self._tally.add(loss, place, count)

    def refuse(self, error: DatasetError) -> None:
        """Leave a document out, if the caller wants that.

        Raises:
            DatasetError: The caller does not.
        """
        if self._on_fault is None:
            raise error
        self.skipped += 1
        self._on_fault(error)

    def track(self, stream: ItemStream) -> Iterator[ImageItem]:
        """Yield the images of a stream, and tell how many are done whenever the next one is asked for."""
        for item in stream:
            yield item
            self.done += 1
            if self._progress is not None:
                self._progress(self.done, stream.total)

    def size_of(self, item: ImageItem) -> tuple[int, int]:
        """Return width and height of an image in pixels, as the dataset says them or as they are measured.

        Raises:
            ValueError: Neither is possible; says why.
        """
        if item.width is not None and item.height is not None:
            return item.width, item.height
        if item.source is None:
            raise ValueError("the size of the image is not known: its file is missing")
        return self.measure(item.source)

    def measure(self, path: Path) -> tuple[int, int]:
        """Return width and height of the image in a file, in pixels.

        Raises:
            ValueError: It can't be measured; says why.
        """
        if self._image_size is None:
            raise ValueError(
                "the size of the image is not known; pass image_size, such as that of the plugin pillow_images"
            )
        try:
            width, height = self._image_size(path)
        except Exception as error:
            raise ValueError(f"the size of '{path}' can't be measured: {str(error) or type(error).__name__}") from error
        if width < 1 or height < 1:
            raise ValueError(f"the size of '{path}' is {width} x {height}")
        return width, height

    def place(self, item: ImageItem, target: Path) -> None:
        """Put the image's file at its new place.

        Raises:
            ValueError: It is missing, or another image has that name.
        """
        if self.images is ImageMode.LEAVE:
            return
        if item.source is None:
            raise ValueError("its file is missing")
        try:
            place_image(item.source, target, self.images)
        except FileExistsError as error:
            raise ValueError("another image has its name") from error
        except FileNotFoundError as error:
            raise ValueError(f"its file '{item.source}' is missing") from error


def no_folder(source: str, target: str) -> Callable[[], Path]:
    """Return what refuses a folder to a conversion that was given none."""

    def refuse() -> Any:
        raise ConversionError(source, target, "it writes a folder; pass output")

    return refuse
