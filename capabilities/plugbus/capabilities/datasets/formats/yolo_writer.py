"""Write YOLO datasets: ``[split/]images/*``, ``[split/]labels/*.txt`` and ``dataset.yaml``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...types import ImageStream, YOLODataset
from ..converter import Converter
from ..errors import DatasetError
from ..items import Label
from ..losses import Loss
from .yolo_config import write_config
from .yolo_labels import box_line, keypoint_line, polygon_line

if TYPE_CHECKING:
    from ..items import Annotation, ImageItem, ItemStream
    from ..job import ConversionJob

ATTRIBUTES = Loss("attributes", "YOLO has no attributes", 3)
AREAS = Loss("areas", "YOLO has no areas", 0.5)
BOXES = Loss("boxes", "a YOLO polygon has no box beside it", 1)
CROWDS = Loss("crowds", "an object with iscrowd stands for many, and is left out as it would be learnt as one", 5)
EXTRA = Loss("extra", "YOLO has no place for what only the other format has", 0.5)
IDS = Loss("ids", "YOLO has no ids", 1)
KEYPOINTS = Loss("keypoints", "YOLO has one number of keypoints for all objects, and none beside a polygon", 5)
LABELS = Loss("labels", "YOLO has only the names of labels", 0.5)
LINKS = Loss("links", "YOLO has no relations and groups", 3)
MASKS = Loss("masks", "YOLO has no run-length masks; the box is kept where there is one", 5)
PARTS = Loss("parts", "pieces of one object become objects of their own", 2)
POLYLINES = Loss("polylines", "YOLO has no lines; the box is kept where there is one", 5)
PRECISION = Loss("precision", "coordinates are rounded to a millionth of the image's size", 0)
VISIBILITY = Loss("visibility", "YOLO has visibility for all keypoints or for none", 0.5)


class YOLOWriter(Converter):
    """Write one text file an image.

    Classes are numbered in the order of the dataset's labels, then in that in which they are met. The first object
    with keypoints says how many all have.
    """

    name = "write_yolo"
    source = ImageStream
    target = YOLODataset
    losses = (
        ATTRIBUTES,
        AREAS,
        BOXES,
        CROWDS,
        EXTRA,
        IDS,
        KEYPOINTS,
        LABELS,
        LINKS,
        MASKS,
        PARTS,
        POLYLINES,
        PRECISION,
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
        self._kpt_shape: tuple[int, int] | None = None
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
            (len(one.polygons) > 1, PARTS),
            (one.polygons and one.box is not None, BOXES),
        ):
            if is_lost:
                job.lose(loss, place)
        number = self._numbers.setdefault(one.label, len(self._numbers))
        if one.polygons:
            if one.keypoints:
                job.lose(KEYPOINTS, place)
            return [polygon_line(number, polygon, width, height, 6) for polygon in one.polygons]
        box = one.bounds()
        if box is None:
            return []
        if one.keypoints and self._fits(one, place):
            return [keypoint_line(number, box, self._keypoints(one, place), width, height, 6)]
        return [box_line(number, box, width, height, 6)]

    def _fits(self, one: Annotation, place: str) -> bool:
        values = 3 if any(point.visibility is not None for point in one.keypoints) else 2
        if self._kpt_shape is None:
            self._kpt_shape = (len(one.keypoints), values)
        if self._kpt_shape[0] != len(one.keypoints):
            self._job.lose(KEYPOINTS, place)
            return False
        return True

    def _keypoints(self, one: Annotation, place: str) -> Any:
        """Return the keypoints with visibility or without, as the first object had them."""
        from ..items import Keypoint

        has = self._kpt_shape is not None and self._kpt_shape[1] == 3
        if any((point.visibility is not None) is not has for point in one.keypoints):
            self._job.lose(VISIBILITY, place)
        if has:
            return tuple(Keypoint(p.x, p.y, 2 if p.visibility is None else p.visibility) for p in one.keypoints)
        return tuple(Keypoint(p.x, p.y) for p in one.keypoints)
