"""Pillow measures images as everything that does has to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("PIL", reason='needs Pillow: pip install "plugbus[images]"')

from plugbus.capabilities.testing import ImageSizeContract
from plugbus.plugins.pillow_images import image_size

if TYPE_CHECKING:
    from plugbus.capabilities.datasets import ImageSize


class TestPillowImages(ImageSizeContract):
    @pytest.fixture
    def image_size(self) -> ImageSize:
        return image_size
