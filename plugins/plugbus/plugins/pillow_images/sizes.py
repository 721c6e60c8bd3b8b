"""How large an image is, from the head of its file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_ORIENTATION: Final = 0x0112
_TURNED: Final = frozenset({5, 6, 7, 8})
_PHOTOS: Final = frozenset({"JPEG", "MPO", "WEBP"})


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height of an image in pixels, as it is shown: a photo that is marked as turned is turned.

    Pixels are not decoded.

    Raises:
        OSError: The file can't be read, or Pillow knows no such format.
        ImportError: Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('cannot measure images: they need PIL; pip install "plugbus[images]"') from error
    with Image.open(Path(path)) as image:
        width, height = image.size
        # Of other formats Pillow decodes the pixels to look for the mark.
        if image.format in _PHOTOS and image.getexif().get(_ORIENTATION) in _TURNED:
            return height, width
        return width, height
