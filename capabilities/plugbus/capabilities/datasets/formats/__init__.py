"""Formats of image datasets: for each a reader, which makes a stream of images, and a writer, which takes one."""

from .coco_reader import COCOReader
from .coco_writer import COCOWriter
from .dm_v1 import DMv1Reader, DMv1Writer
from .dm_v2 import DMv2Reader, DMv2Writer
from .voc_reader import VOCReader
from .voc_writer import VOCWriter
from .yolo_reader import YOLOReader
from .yolo_writer import YOLOWriter

__all__ = [
    "COCOReader",
    "COCOWriter",
    "DMv1Reader",
    "DMv1Writer",
    "DMv2Reader",
    "DMv2Writer",
    "VOCReader",
    "VOCWriter",
    "YOLOReader",
    "YOLOWriter",
]
