"""The converters that ship: for each image format a reader and a writer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .formats import (
    COCOReader,
    COCOWriter,
    DMv1Reader,
    DMv1Writer,
    DMv2Reader,
    DMv2Writer,
    VOCReader,
    VOCWriter,
    YOLOReader,
    YOLOWriter,
)

if TYPE_CHECKING:
    from .converter import Converter

BUILT_IN_CONVERTERS: Final[tuple[Converter, ...]] = (
    COCOReader(),
    COCOWriter(),
    DMv1Reader(),
    DMv1Writer(),
    DMv2Reader(),
    DMv2Writer(),
    VOCReader(),
    VOCWriter(),
    YOLOReader(),
    YOLOWriter(),
)
"""What a registry holds from the start. They have no state."""
