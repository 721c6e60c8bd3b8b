"""Write COCO datasets: ``annotations/instances[_split].json`` and the images in ``images`` or a folder of the split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ...types import COCODataset, ImageStream
from ..converter import Converter
from ..errors import DatasetError
from ..items import Label
from ..losses import Loss
from .coco_reader import derived_area

if TYPE_CHECKING:
    from io import TextIOWrapper
    from pathlib import Path

    from ..items import Annotation, ImageItem, ItemStream
    from ..job import ConversionJob

_OWN: Final = "coco"

ATTRIBUTES: Final = Loss("attributes", "an object has one attribute of a name", 1)
EXTRA: Final = Loss("extra", "COCO has no place for what only the other format has", 0.5)
IDS: Final = Loss("ids", "COCO counts objects and images from 1 on", 1)
KEYPOINTS: Final = Loss("keypoints", "all objects of a COCO category have one number of keypoints; the box is kept", 5)
LINKS: Final = Loss("links", "COCO has no relations and groups", 3)
POLYLINES: Final = Loss("polylines", "COCO has no lines; the box around is kept", 5)
VISIBILITY: Final = Loss("visibility", "COCO keypoints have a visibility: 2 where none is said", 0.5)


class COCOWriter(Converter):
    """Write one JSON document a split. Attributes are written as some tools do: as ``attributes`` of the object."""

    name = "write_coco"
    source = ImageStream
    target = COCODataset
    losses = (ATTRIBUTES, EXTRA, IDS, KEYPOINTS, LINKS, POLYLINES, VISIBILITY)

    def convert(self, value: Any, job: ConversionJob) -> Path:
        """Write all images of a stream."""
        stream: ItemStream = value
        labels = {label.name: label for label in stream.labels}
        documents: dict[str | None, _Document] = {}
        try:
            for item in job.track(stream):
                if item.split not in documents:
                    documents[item.split] = _Document(job, item.split, labels)
                documents[item.split].write(item)
            for one in list(documents.values()) or [_Document(job, None, labels)]:
                one.finish()
        finally:
            for one in documents.values():
                one.close()
        return job.folder


class _Document:
    """A COCO document while it is written: images and objects each in a file, put together at the end."""

    def __init__(self, job: ConversionJob, split: str | None, labels: dict[str, Label]) -> None:
        self._job = job
        self._labels = labels
        self._numbers = {name: number for number, name in enumerate(labels, 1)}
        self._points: dict[str, int] = {}
        self._images = self._objects = 0
        self._folder = job.folder / (split or "images")
        self._path = job.folder / "annotations" / (f"instances_{split}.json" if split else "instances.json")
        self._path.parent.mkdir(exist_ok=True)
        self._folder.mkdir(exist_ok=True)
        self._head: TextIOWrapper = self._path.open("w", encoding="utf-8")
        self._tail: TextIOWrapper = self._path.with_suffix(".part").open("w+", encoding="utf-8")
        self._head.write('{"images":[')

    def write(self, item: ImageItem) -> None:
        """Write one image."""
        job = self._job
        try:
            width, height = job.size_of(item)
            job.place(item, self._folder / item.name)
        except ValueError as error:
            name = str(self._path.relative_to(job.folder))
            job.refuse(DatasetError("write", name, (("", f"{item.name}: {error}"),)))
            return
        self._images += 1
        image = {"id": self._images, "file_name": item.name, "width": width, "height": height}
        self._head.write(_entry({**item.extra.get(_OWN, {}), **image}, self._images))
        if item.links:
            job.lose(LINKS, item.name, len(item.links))
        if any(key != _OWN for key in item.extra):
            job.lose(EXTRA, item.name)
        for index, one in enumerate(item.annotations):
            place = f"{item.name}#{index}"
            self._objects += 1
            self._tail.write(_entry(self._object(one, place), self._objects))

    def finish(self) -> None:
        """Put the document together."""
        self._tail.seek(0)
        self._head.write('],"annotations":[')
        while piece := self._tail.read(1 << 16):
            self._head.write(piece)
        self._head.write('],"categories":')
        self._head.write(json.dumps([self._category(name, number) for name, number in self._numbers.items()]))
        self._head.write("}\n")
        self.close()
        self._path.with_suffix(".part").unlink()

    def close(self) -> None:
        """Close the files. Idempotent."""
        self._head.close()
        self._tail.close()

    def _object(self, one: Annotation, place: str) -> dict[str, Any]:
        job = self._job
        attributes: dict[str, Any] = {}
        for name, value in one.attributes:
            if name in attributes:
                job.lose(ATTRIBUTES, place)
            attributes.setdefault(name, value)
        crowd = int(bool(attributes.pop("iscrowd", 0)))
        for is_lost, loss in (
            (one.id and one.id != str(self._objects), IDS),
            (one.polyline, POLYLINES),
            (any(point.visibility is None for point in one.keypoints), VISIBILITY),
            (any(key != _OWN for key in one.extra), EXTRA),
        ):
            if is_lost:
                job.lose(loss, place)
        number = self._numbers.setdefault(one.label, len(self._numbers) + 1)
        box = one.bounds()
        written: dict[str, Any] = {
            **one.extra.get(_OWN, {}),
            "id": self._objects,
            "image_id": self._images,
            "category_id": number,
            "iscrowd": crowd,
            "area": derived_area(one.polygons, box) if one.area is None else one.area,
            "segmentation": one.rle if one.rle is not None else [_flat(polygon) for polygon in one.polygons],
        }
        if box is not None:
            written["bbox"] = [box.x, box.y, box.width, box.height]
        if one.keypoints and not self._fits(one):
            job.lose(KEYPOINTS, place)
        elif one.keypoints:
            values = [(p.x, p.y, 2 if p.visibility is None else p.visibility) for p in one.keypoints]
            written["keypoints"] = [number for value in values for number in value]
            written["num_keypoints"] = sum(1 for value in values if value[2] > 0)
        if attributes:
            written["attributes"] = attributes
        return written

    def _fits(self, one: Annotation) -> bool:
        """Tell whether an object has as many keypoints as its label, or else as the first object of that label."""
        label = self._labels.get(one.label)
        wanted = len(label.keypoints) if label is not None and label.keypoints else len(one.keypoints)
        return self._points.setdefault(one.label, wanted) == len(one.keypoints)

    def _category(self, name: str, number: int) -> dict[str, Any]:
        label = self._labels.get(name, Label(name))
        said: dict[str, Any] = {"id": number, "name": name, "supercategory": label.supercategory}
        count = self._points.get(name, 0)
        points = label.keypoints or tuple(f"point_{one}" for one in range(1, count + 1))
        if points:
            said["keypoints"] = list(points)
            said["skeleton"] = [list(pair) for pair in label.skeleton]
        return said


def _entry(value: dict[str, Any], number: int) -> str:
    return ("" if number == 1 else ",") + json.dumps(value, separators=(",", ":"))


def _flat(polygon: tuple[tuple[float, float], ...]) -> list[float]:
    return [number for point in polygon for number in point]
