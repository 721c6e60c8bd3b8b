"""Read COCO datasets: one JSON document for all images of a split."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...types import COCODataset, ImageStream
from ..checking import Faults
from ..converter import Converter
from ..errors import DatasetError
from ..items import Annotation, Box, ImageItem, ItemStream, Keypoint, area_of, bounds_of
from ..placing import ImageMode, safe_name
from .coco_index import COCOIndex

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..items import Label, Point
    from ..job import ConversionJob

_OWN: Final = "coco"
_SPLIT: Final = re.compile(r"(?P<split>train|val|valid|validation|test)(?P<rest>[-_]?dev)?(?P<year>\d{4})?")
_KINDS: Final = ("instances", "person_keypoints", "")
_IMAGE_KEYS: Final = frozenset({"id", "file_name", "width", "height"})
_OBJECT_KEYS: Final = frozenset(
    {"id", "image_id", "category_id", "bbox", "segmentation", "keypoints", "num_keypoints", "area", "iscrowd"}
)
_NEAR: Final = 1e-6


class COCOReader(Converter):
    """Read COCO documents: ``annotations/instances_<split>.json``, or one document by its path.

    The document is read twice, entry by entry: once for its order, once for its images. Run-length masks are carried
    along as they are.

    Args:
        images: The folder of the images, for a dataset that has them elsewhere.
    """

    name = "read_coco"
    source = COCODataset
    target = ImageStream

    def __init__(self, images: str | Path | None = None) -> None:
        self._images = None if images is None else Path(images)

    def convert(self, value: Any, job: ConversionJob) -> ItemStream:
        """Return the images of a folder, or of one document."""
        documents = _documents(Path(value))
        indexes: list[tuple[str | None, COCOIndex]] = []
        labels: dict[str, Label] = {}
        try:
            for split, path in documents:
                index = COCOIndex(path)
                indexes.append((split, index))
                index.fill()
                self._check(index, job)
                if not index.is_whole:
                    indexes.pop()[1].close()
                    continue
                for label in index.labels.values():
                    labels.setdefault(label.name, label)
        except BaseException:
            _close(indexes)
            raise
        return ItemStream(
            lambda: self._items(indexes, job),
            labels=tuple(labels.values()),
            total=sum(index.count for _, index in indexes),
            close=lambda: _close(indexes),
        )

    def _check(self, index: COCOIndex, job: ConversionJob) -> None:
        """Tell every fault of a document before its first image is used."""
        faults = index.faults
        if job.leaves_out:
            # Images with faults are left out when it is their turn; what no image has is told now.
            error = faults.error("read", index.path)
            if error is not None:
                job.refuse(error)
            return
        for place, image, objects in index.images():
            _item(place, image, objects, index, None, faults)
        error = faults.error("read", index.path)
        if error is not None:
            raise error

    def _items(self, indexes: list[tuple[str | None, COCOIndex]], job: ConversionJob) -> Iterator[ImageItem]:
        for split, index in indexes:
            folders = [self._images] if self._images is not None else _image_folders(index.path, split)
            for place, image, objects in index.images():
                faults = Faults()
                item = _item(place, image, objects, index, split, faults)
                source = _find(folders, item.name)
                if source is None and job.images is not ImageMode.LEAVE:
                    faults.add(f"$.images[{place}].file_name", f"there is no image '{item.name}'")
                error = faults.error("read", index.path)
                if error is not None:
                    job.refuse(error)
                    continue
                yield ImageItem(
                    name=item.name,
                    source=source,
                    split=split,
                    width=item.width,
                    height=item.height,
                    annotations=item.annotations,
                    extra=item.extra,
                )


def _item(
    place: int,
    image: dict[str, Any],
    objects: list[tuple[int, dict[str, Any]]],
    index: COCOIndex,
    split: str | None,
    faults: Faults,
) -> ImageItem:
    at = f"$.images[{place}]"
    width = height = None
    if image.get("width") is not None or image.get("height") is not None:
        width = faults.integer(image.get("width"), f"{at}.width", 1)
        height = faults.integer(image.get("height"), f"{at}.height", 1)
    annotations: list[Annotation] = []
    for number, one in objects:
        found = _annotation(one, f"$.annotations[{number}]", index, faults)
        if found is not None:
            annotations.append(found)
    rest = {key: value for key, value in image.items() if key not in _IMAGE_KEYS}
    return ImageItem(
        name=safe_name(str(image["file_name"])) or "",
        split=split,
        width=width,
        height=height,
        annotations=tuple(annotations),
        extra={_OWN: rest} if rest else {},
    )


def _annotation(one: dict[str, Any], at: str, index: COCOIndex, faults: Faults) -> Annotation | None:
    category = faults.integer(one.get("category_id"), f"{at}.category_id")
    label = None if category is None else index.labels.get(category)
    if category is not None and label is None:
        faults.add(f"{at}.category_id", f"there is no category {category}")
    polygons, rle = _segmentation(one.get("segmentation"), f"{at}.segmentation", faults)
    box = None if one.get("bbox") is None else faults.box(one["bbox"], f"{at}.bbox")
    keypoints = _keypoints(one.get("keypoints"), f"{at}.keypoints", faults)
    if label is not None and keypoints and label.keypoints and len(keypoints) != len(label.keypoints):
        wanted = len(label.keypoints)
        faults.add(f"{at}.keypoints", f"there are {len(keypoints)}, and category '{label.name}' has {wanted}")
    area = None if one.get("area") is None else faults.number(one["area"], f"{at}.area")
    crowd = faults.integer(one.get("iscrowd", 0), f"{at}.iscrowd", 0)
    said = one.get("attributes") or {}
    attributes = list((faults.mapping(said, f"{at}.attributes") or {}).items())
    if crowd:
        attributes.append(("iscrowd", 1))
    if label is None:
        return None
    rest = {key: value for key, value in one.items() if key not in {*_OBJECT_KEYS, "attributes"}}
    found = Annotation(
        label=label.name,
        id="" if one.get("id") is None else str(one["id"]),
        polygons=polygons,
        keypoints=keypoints,
        rle=rle,
        attributes=tuple(attributes),
        extra={_OWN: rest} if rest else {},
    )
    return _without_derived(found, box, area)


def _without_derived(found: Annotation, box: Box | None, area: float | None) -> Annotation:
    """Leave out box and area where they say no more than the polygons do, or the box."""
    around = bounds_of([point for polygon in found.polygons for point in polygon])
    if box is not None and around is not None and _is_near(box, around):
        box = None
    if area is not None and abs(area - derived_area(found.polygons, box)) <= _NEAR * max(1.0, abs(area)):
        area = None
    return Annotation(
        label=found.label,
        id=found.id,
        box=box,
        polygons=found.polygons,
        keypoints=found.keypoints,
        rle=found.rle,
        area=area,
        attributes=found.attributes,
        extra=found.extra,
    )


def derived_area(polygons: tuple[tuple[Point, ...], ...], box: Box | None) -> float:
    """Return the area that polygons have together, or else the box."""
    if polygons:
        return sum(area_of(polygon) for polygon in polygons)
    return 0.0 if box is None else box.width * box.height


def _is_near(one: Box, other: Box) -> bool:
    pairs = ((one.x, other.x), (one.y, other.y), (one.width, other.width), (one.height, other.height))
    return all(abs(a - b) <= _NEAR for a, b in pairs)


def _segmentation(said: Any, at: str, faults: Faults) -> tuple[tuple[tuple[Point, ...], ...], dict[str, Any] | None]:
    """Read ``[[x1, y1, x2, y2, ...], ...]``, or a run-length mask as it is."""
    if said is None or said == []:
        return (), None
    if isinstance(said, dict):
        size = faults.numbers(said.get("size"), f"{at}.size", 2)
        if not isinstance(said.get("counts"), str | list):
            faults.add(f"{at}.counts", "it is no text and no array")
        return (), said if size is not None else None
    polygons: list[tuple[Point, ...]] = []
    for number, flat in enumerate(faults.items(said, at) or ()):
        values = faults.numbers(flat, f"{at}[{number}]")
        if values is None:
            continue
        if len(values) < 6 or len(values) % 2:
            faults.add(f"{at}[{number}]", f"it has {len(values)} numbers; a polygon has an even number from 6 on")
            continue
        polygons.append(tuple(zip(values[::2], values[1::2], strict=True)))
    return tuple(polygons), None


def _keypoints(said: Any, at: str, faults: Faults) -> tuple[Keypoint, ...]:
    """Read ``[x1, y1, v1, x2, y2, v2, ...]``."""
    values = [] if said is None else faults.numbers(said, at) or []
    if len(values) % 3:
        faults.add(at, f"it has {len(values)} numbers; each keypoint has 3")
        return ()
    found: list[Keypoint] = []
    for number in range(0, len(values), 3):
        if values[number + 2] not in {0, 1, 2}:
            faults.add(f"{at}[{number + 2}]", f"visibility is {values[number + 2]:g}, not 0, 1 or 2")
        found.append(Keypoint(values[number], values[number + 1], int(values[number + 2])))
    return tuple(found)


def _documents(path: Path) -> list[tuple[str | None, Path]]:
    """Return the documents of a dataset with their splits.

    Raises:
        DatasetError: There is none, or several that a split could have.
    """
    if path.is_file():
        return [(_split_of(path), path)]
    folder = path / "annotations"
    found = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = found or sorted(path.glob("*/_annotations.coco.json")) or sorted(path.glob("*.json"))
    by_split: dict[str | None, list[Path]] = {}
    for one in found:
        by_split.setdefault(_split_of(one), []).append(one)
    chosen: list[tuple[str | None, Path]] = []
    for split, documents in by_split.items():
        by_kind = ([one for one in documents if one.name.startswith(kind)] for kind in _KINDS)
        fitting = next(one for one in by_kind if one)
        if len(fitting) > 1:
            cause = f"several documents could be it: {', '.join(one.name for one in fitting)}; name one of them"
            raise DatasetError("read", str(path), (("", cause),))
        chosen.append((split, fitting[0]))
    if not chosen:
        raise DatasetError("read", str(path), (("", "there is no document in it, such as annotations/instances.json"),))
    order = {None: -1, "train": 0, "val": 1, "test": 2}
    return sorted(chosen, key=lambda one: order.get(one[0], 3))


def _split_of(path: Path) -> str | None:
    name = path.parent.name if path.name == "_annotations.coco.json" else path.stem
    found = None
    for part in re.split(r"[_.]", name):
        match = _SPLIT.fullmatch(part)
        found = match["split"] if match else found
    return "val" if found in {"valid", "validation"} else found


def _image_folders(path: Path, split: str | None) -> list[Path]:
    """Return where the images of a document may be, the most likely place first."""
    if path.name == "_annotations.coco.json":
        return [path.parent]
    root = path.parent.parent if path.parent.name == "annotations" else path.parent
    tail = re.split(r"[_.]", path.stem)[-1]
    names = dict.fromkeys(one for one in (tail, split) if one)
    found = [place for one in names for place in (root / one, root / "images" / one)]
    return [one for one in (*found, root / "images", root) if one.is_dir()]


def _find(folders: list[Path], name: str) -> Path | None:
    for number, folder in enumerate(folders):
        if (folder / name).is_file():
            # The next image is most likely beside this one.
            folders.insert(0, folders.pop(number))
            return folder / name
    return None


def _close(indexes: list[tuple[str | None, COCOIndex]]) -> None:
    for _, index in indexes:
        index.close()
