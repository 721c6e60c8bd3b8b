"""What everything that measures images has to do."""

# ruff: noqa: S101 - a suite says what it expects with plain asserts

from __future__ import annotations

import struct
import zlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import pytest

from ..datasets import IMAGE_SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from ..datasets import ImageSize


def png(width: int, height: int) -> bytes:
    """Return a grey image in the format PNG, written after its specification (ISO/IEC 15948)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)  # 8 bits of grey, not interlaced
    pixels = zlib.compress((b"\0" + b"\x80" * width) * height)  # each row begins with the number of its filter
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


class ImageSizeContract(ABC):
    """Inherit it in a class named ``Test…`` and give it the fixture ``image_size``."""

    @pytest.fixture
    @abstractmethod
    def image_size(self) -> ImageSize:
        """Return what is to be tested."""

    def test_it_measures(self, image_size: ImageSize) -> None:
        """It can be provided under the capability."""
        IMAGE_SIZE.check(image_size)

    @pytest.mark.parametrize(("width", "height"), [(1, 1), (31, 17), (17, 31), (5_000, 3)])
    def test_width_comes_before_height(self, image_size: ImageSize, tmp_path: Path, width: int, height: int) -> None:
        """Both are in pixels, whatever the file is called."""
        for name in ("x.png", "größe 1", "x.jpg"):
            path = tmp_path / name
            path.write_bytes(png(width, height))
            assert tuple(image_size(path)) == (width, height)

    def test_the_file_is_left_alone(self, image_size: ImageSize, tmp_path: Path) -> None:
        """It is closed afterwards, and has the content that it had."""
        path = tmp_path / "x.png"
        path.write_bytes(png(3, 4))
        image_size(path)
        assert path.read_bytes() == png(3, 4)
        path.unlink()
        path.write_bytes(png(5, 6))
        assert tuple(image_size(path)) == (5, 6)

    @pytest.mark.parametrize("content", [b"", b"no image", png(3, 4)[:12], None])
    def test_what_is_no_image_is_refused(self, image_size: ImageSize, tmp_path: Path, content: bytes | None) -> None:
        """So is a file that is not there, or that ends in the midst of its head."""
        path = tmp_path / "x.png"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(Exception, match=r".+"):
            image_size(path)
