"""Write YOLO datasets: ``[split/]images/*``, ``[split/]labels/*.txt`` and ``dataset.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...types import ImageStream, YOLODataset
from ..converter import Converter
from ..errors import DatasetError
from ..items import Box, Keypoint, Label
from ..losses import Loss
from .yolo_config import SPLITS, write_config
from .yolo_labels import box_line, keypoint_line, polygon_line

if TYPE_CHECKING:
    from ..items import Annotation, ImageItem, ItemStream, Point
    from ..job import ConversionJob

ATTRIBUTES = Loss("attributes", "YOLO has no attributes", 3)
AREAS = Loss("areas", "YOLO has no areas", 0.5)
BOXES = Loss("boxes", "a YOLO polygon has no box beside it", 1)
CLIPPED = Loss("clipped", "what lies outside the image is cut off, as it would be refused", 1)
CROWDS = Loss("crowds", "an object with iscrowd stands for many, and is left out as it would be learnt as one", 5)
EXTRA = Loss("extra", "YOLO has no place for what only the other format has", 0.5)
IDS = Loss("ids", "YOLO has no ids", 1)
KEYPOINTS = Loss("keypoints", "YOLO has one number of keypoints for all objects, and none beside polygons", 5)
LABELS = Loss("labels", "YOLO has only the names of labels", 0.5)
LINKS = Loss("links", "YOLO has no relations and groups", 3)
MASKS = Loss("masks", "YOLO has no run-length masks; the box is kept where there is one", 5)
PARTS = Loss("parts", "pieces of one object become objects of their own", 2)
POLYGONS = Loss("polygons", "a YOLO dataset with keypoints has no polygons; the box around is kept", 5)
POLYLINES = Loss("polylines", "YOLO has no lines; the box is kept where there is one", 5)
PRECISION = Loss("precision", "coordinates are rounded to a millionth of the image's size", 0)
SPLITS_LOST = Loss("splits", "YOLO has train, val and test; images of none are for training where others have one", 1)
VISIBILITY = Loss("visibility", "YOLO has visibility for all keypoints or for none", 0.5)


class YOLOWriter(Converter):
    """Write one text file an image.

    Classes are numbered in the order of the dataset's labels, then in that in which they are met. A dataset has
    polygons or keypoints, besides boxes: the first object that has either decides, and says how many keypoints.
    """

    name = "write_yolo"
    source = ImageStream
    target = YOLODataset
    losses = (
        ATTRIBUTES,
        AREAS,
        BOXES,
        CLIPPED,
        CROWDS,
        EXTRA,
        IDS,
        KEYPOINTS,
        LABELS,
        LINKS,
        MASKS,
        PARTS,
        POLYGONS,
        POLYLINES,
        PRECISION,
        SPLITS_LOST,
        VISIBILITY,
    )

    def convert(self, value: Any, job: ConversionJob) -> Path:
        """Write all images of a stream."""
        stream: ItemStream = value
        draft = _Draft(stream, job)
        for item in job.track(stream):
            draft.write(item)
        draft.finish()
        return job.folder


class _Draft:
    """A YOLO dataset while it is written."""

    def __init__(self, stream: ItemStream, job: ConversionJob) -> None:
        self._job = job
        self._numbers = {label.name: number for number, label in enumerate(stream.labels)}
        self._splits: dict[str | None, str] = {}
        self._unsplit = 0
        self._kpt_shape: tuple[int, int] | None = None
        self._has_polygons = False
        for label in stream.labels:
            named = tuple(f"point_{number}" for number in range(1, len(label.keypoints) + 1))
            if label.supercategory or label.skeleton or label.keypoints != named:
                job.lose(LABELS, label.name)

    def write(self, item: ImageItem) -> None:
        """Write one image."""
        prefix = f"{item.split}/" if item.split else ""
        path = Path(f"{prefix}labels") / Path(item.name).with_suffix(".txt")
        target = self._job.folder / path
        try:
            if target.exists():
                raise ValueError("another image has the same name but for its suffix")
            needs_size = bool(item.annotations)
            width, height = self._job.size_of(item) if needs_size else (1, 1)
            self._job.place(item, self._job.folder / f"{prefix}images" / item.name)
        except ValueError as error:
            self._job.refuse(DatasetError("write", str(path), (("", f"{item.name}: {error}"),)))
            return
        self._splits.setdefault(item.split, f"{prefix}images")
        self._unsplit += item.split is None
        if item.split is not None and item.split not in SPLITS:
            self._job.lose(SPLITS_LOST, item.name)
        lines: list[str] = []
        for index, one in enumerate(item.annotations):
            lines.extend(self._lines(one, f"{item.name}#{index}", width, height))
        if item.links:
            self._job.lose(LINKS, item.name, len(item.links))
        if item.extra:
            self._job.lose(EXTRA, item.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def finish(self) -> None:
        """Write what is known at the end."""
        for split, folder in (self._splits or {None: "images"}).items():
            (self._job.folder / folder).mkdir(parents=True, exist_ok=True)
            self._splits.setdefault(split, folder)
        if None in self._splits and len(self._splits) > 1:
            self._job.lose(SPLITS_LOST, "images", self._unsplit)
        labels = [Label(name) for name in self._numbers]
        write_config(self._job.folder / "dataset.yaml", labels, self._splits, self._kpt_shape)

    def _lines(self, one: Annotation, place: str, width: int, height: int) -> list[str]:
        job = self._job
        attributes = dict(one.attributes)
        if attributes.pop("iscrowd", 0):
            job.lose(CROWDS, place)
            return []
        for is_lost, loss in (
            (attributes, ATTRIBUTES),
            (one.area is not None, AREAS),
            (one.extra, EXTRA),
            (one.id, IDS),
            (one.rle is not None, MASKS),
            (one.polyline, POLYLINES),
            (len(one.polygons) > 1 and not self._kpt_shape, PARTS),
            (one.polygons and one.box is not None and not self._kpt_shape, BOXES),
        ):
            if is_lost:
                job.lose(loss, place)
        number = self._numbers.setdefault(one.label, len(self._numbers))
        if one.polygons and not self._kpt_shape:
            self._has_polygons = True
            if one.keypoints:
                job.lose(KEYPOINTS, place)
            inside = [self._clipped(polygon, width, height, place) for polygon in one.polygons]
            return [polygon_line(number, polygon, width, height, 6) for polygon in inside]
        if one.polygons:
            job.lose(POLYGONS, place)
        box = one.bounds()
        box = None if box is None else self._inside(box, width, height, place)
        if box is None:
            return []
        if one.keypoints and self._fits(one, place):
            return [keypoint_line(number, box, self._keypoints(one, place), width, height, 6)]
        return [box_line(number, box, width, height, 6)]

    def _clipped(self, polygon: tuple[Point, ...], width: int, height: int, place: str) -> tuple[Point, ...]:
        """Move what lies outside the image to its edge."""
        inside = tuple((min(max(x, 0), width), min(max(y, 0), height)) for x, y in polygon)
        if inside != polygon:
            self._job.lose(CLIPPED, place)
        return inside

    def _inside(self, box: Box, width: int, height: int, place: str) -> Box | None:
        """Return the part of a box that lies in the image; None where there is none."""
        corners = ((box.x, box.y), (box.x + box.width, box.y + box.height))
        if all(0 <= x <= width and 0 <= y <= height for x, y in corners):
            return box
        (left, top), (right, bottom) = self._clipped(corners, width, height, place)
        return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None

    def _fits(self, one: Annotation, place: str) -> bool:
        values = 3 if any(point.visibility is not None for point in one.keypoints) else 2
        if self._has_polygons:
            self._job.lose(KEYPOINTS, place)
            return False
        if self._kpt_shape is None:
            self._kpt_shape = (len(one.keypoints), values)
        if self._kpt_shape[0] != len(one.keypoints):
            self._job.lose(KEYPOINTS, place)
            return False
        return True

    def _keypoints(self, one: Annotation, place: str) -> tuple[Keypoint, ...]:
        """Return the keypoints with visibility or without, as the first object had them."""
        has = self._kpt_shape is not None and self._kpt_shape[1] == 3
        if any((point.visibility is not None) is not has for point in one.keypoints):
            self._job.lose(VISIBILITY, place)
        if has:
            return tuple(Keypoint(p.x, p.y, 2 if p.visibility is None else p.visibility) for p in one.keypoints)
        return tuple(Keypoint(p.x, p.y) for p in one.keypoints)
