"""Image files: where they are put, and how large the images are."""

from __future__ import annotations

import os
import shutil
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from plugbus.kernel import Capability

if TYPE_CHECKING:
    from pathlib import Path


class ImageSize(Protocol):
    """Measure images."""

    def __call__(self, path: Path, /) -> tuple[int, int]:
        """Return width and height of the image in a file, in pixels, as it is shown; raise where it is no image."""
        ...


IMAGE_SIZE: Final = Capability[ImageSize]("image_size", version="1.0.0", contract=ImageSize)
"""Under which a plugin offers an ``ImageSize``."""


class ImageMode(StrEnum):
    """What is done with the image files of a dataset that is converted."""

    COPY = "copy"
    """Each is copied."""
    LINK = "link"
    """Each gets a second name (a hard link); it is copied where the file system can't."""
    SYMLINK = "symlink"
    """Each is pointed to by a symbolic link with an absolute path."""
    LEAVE = "leave"
    """They stay where they are; only documents are written, and missing images are no fault."""


def place_image(source: Path, target: Path, mode: ImageMode) -> None:
    """Put an image file at its new place, making the folder.

    Raises:
        FileExistsError: Something is there.
        OSError: It can't be read or written.
    """
    if mode is ImageMode.LEAVE:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        raise FileExistsError(f"'{target}' is there already")
    if mode is ImageMode.SYMLINK:
        # Not to another link: that one may be in a folder that goes when the conversion is done.
        target.symlink_to(source.resolve())
        return
    if mode is ImageMode.LINK:
        try:
            os.link(source.resolve(), target)
        except FileExistsError:
            raise
        except OSError:  # another file system, or one without hard links
            shutil.copy2(source, target)
        return
    shutil.copy2(source, target)


def safe_name(name: str) -> str | None:
    """Return a relative path with ``/``, or None where it would lead out of its folder."""
    plain = name.replace("\\", "/").removeprefix("./")
    parts = plain.split("/")
    # The first part of an absolute path is empty, or names a drive.
    if "\0" in plain or ":" in parts[0] or any(one in {"", ".", ".."} for one in parts):
        return None
    return plain
