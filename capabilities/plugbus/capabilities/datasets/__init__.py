"""Datasets: formats of annotated images, and the converters between them and other data types."""

from .builtin import BUILT_IN_CONVERTERS
from .conversion import ConversionReport, run_path
from .converter import CONVERTER, Converter, ConverterOffer, check_converter, provide_converter
from .drafts import DraftFolder
from .errors import (
    ConversionError,
    ConverterDefinitionError,
    ConverterExistsError,
    DatasetError,
    NoConversionError,
)
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
from .items import Annotation, Box, ImageItem, ItemStream, Keypoint, Label, Link
from .job import ConversionJob
from .losses import Loss, LossCount, LossTally
from .placing import IMAGE_SIZE, ImageMode, ImageSize
from .planning import ConversionPath, find_path
from .registry import ConverterRegistry, convert

__all__ = [
    "BUILT_IN_CONVERTERS",
    "CONVERTER",
    "IMAGE_SIZE",
    "Annotation",
    "Box",
    "COCOReader",
    "COCOWriter",
    "ConversionError",
    "ConversionJob",
    "ConversionPath",
    "ConversionReport",
    "Converter",
    "ConverterDefinitionError",
    "ConverterExistsError",
    "ConverterOffer",
    "ConverterRegistry",
    "DMv1Reader",
    "DMv1Writer",
    "DMv2Reader",
    "DMv2Writer",
    "DatasetError",
    "DraftFolder",
    "ImageItem",
    "ImageMode",
    "ImageSize",
    "ItemStream",
    "Keypoint",
    "Label",
    "Link",
    "Loss",
    "LossCount",
    "LossTally",
    "NoConversionError",
    "VOCReader",
    "VOCWriter",
    "YOLOReader",
    "YOLOWriter",
    "check_converter",
    "convert",
    "find_path",
    "provide_converter",
    "run_path",
]
