"""Read YOLO datasets, as they are described for detection, segmentation and poses by Ultralytics."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...types import ImageStream, YOLODataset
from ..checking import Faults
from ..converter import Converter
from ..items import ImageItem, ItemStream, Label
from ..placing import safe_name
from ..walking import IMAGE_SUFFIXES, walk
from .yolo_config import find_config, read_config
from .yolo_labels import annotation_of, read_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..items import Annotation
    from ..job import ConversionJob
    from .yolo_config import YOLOConfig

_LABELS: Final = frozenset({".txt"})


class YOLOReader(Converter):
    """Read one text file an image. An image without one, or with an empty one, has no objects.

    Args:
        kpt_shape: How many keypoints an object has and how many values each of them, 2 or 3, for a dataset whose
            ``dataset.yaml`` does not say it.
    """

    name = "read_yolo"
    source = YOLODataset
    target = ImageStream

    def __init__(self, kpt_shape: tuple[int, int] | None = None) -> None:
        self._kpt_shape = kpt_shape

    def convert(self, value: Any, job: ConversionJob) -> ItemStream:
        """Return the images of a folder with a ``dataset.yaml``, or of that file."""
        config = read_config(find_config(Path(value)))
        shape = self._kpt_shape or config.kpt_shape
        points = () if shape is None else tuple(f"point_{number}" for number in range(1, shape[0] + 1))
        labels = tuple(Label(name, keypoints=points) for name in config.names.values())
        total = sum(1 for _, places in config.splits for place in places for _ in _images(place))
        return ItemStream(lambda: self._items(config, shape, job), labels=labels, total=total)

    def _items(self, config: YOLOConfig, shape: tuple[int, int] | None, job: ConversionJob) -> Iterator[ImageItem]:
        for split, places in config.splits:
            for place in places:
                for name, image in _images(place):
                    item = _read(name, image, split, config.names, shape, job)
                    if item is not None:
                        yield item
                if place.is_dir():
                    _refuse_orphans(place, job)


def _read(
    name: str, image: Path, split: str | None, names: dict[int, str], shape: tuple[int, int] | None, job: ConversionJob
) -> ImageItem | None:
    path = label_path(image)
    faults = Faults()
    annotations: list[Annotation] = []
    width = height = None
    parsed: list[tuple[str, list[float]]] = []
    if not image.is_file():
        faults.add("", f"there is no image '{image}'")
    try:
        text = path.read_text("utf-8-sig") if path.is_file() else ""
    except UnicodeDecodeError as refused:
        faults.add("", f"it is no UTF-8: {refused.reason} at byte {refused.start + 1}")
        text = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            one = read_line(line, f"line {number}", names, shape, faults)
            if one is not None:
                parsed.append(one)
                if shape is not None and shape[1] == 3:
                    _check_visibility(one[1], f"line {number}", faults)
    if parsed and not faults.found:
        try:
            width, height = job.measure(image)
        except ValueError as refused:
            faults.add("", str(refused))
        else:
            annotations = [annotation_of(label, values, width, height, shape) for label, values in parsed]
    error = faults.error("read", path if path.is_file() else image)
    if error is not None:
        job.refuse(error)
        return None
    return ImageItem(name=name, source=image, split=split, width=width, height=height, annotations=tuple(annotations))


def label_path(image: Path) -> Path:
    """Return the label file of an image: below ``labels`` in place of the last ``images`` of its path."""
    parts = list(image.parent.parts)
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] == "images":
            parts[at] = "labels"
            break
    return Path(*parts) / f"{image.stem}.txt"


def _images(place: Path) -> Iterator[tuple[str, Path]]:
    """Yield the images of a folder or of a list, each with its name."""
    if place.is_dir():
        for name in walk(place, IMAGE_SUFFIXES):
            yield name, place / name
    elif place.suffix == ".txt":
        with place.open(encoding="utf-8-sig") as lines:
            for line in lines:
                said = line.strip()
                if said:
                    image = place.parent / said
                    yield _name_in_list(said), image
    else:
        yield place.name, place


def _name_in_list(said: str) -> str:
    plain = said.replace("\\", "/")
    _, mark, name = plain.rpartition("/images/")
    # Lists usually point into one folder for each split; below it, folders are kept.
    return (safe_name(name) if mark else None) or plain.rpartition("/")[2]


def _refuse_orphans(place: Path, job: ConversionJob) -> None:
    """Refuse label files without an image, which a training would pass over in silence."""
    labels = label_path(place / "x").parent
    if not labels.is_dir():
        return
    folder: str | None = None
    stems: set[str] = set()
    for name in walk(labels, _LABELS):
        inside, _, file = name.rpartition("/")
        if inside != folder:
            folder = inside
            there = place / inside
            found = there.iterdir() if there.is_dir() else ()
            stems = {one.stem for one in found if one.suffix.lower() in IMAGE_SUFFIXES}
        if file.removesuffix(".txt") not in stems and file != "classes.txt":
            faults = Faults()
            faults.add("", f"there is no image of that name in '{place / inside}'")
            error = faults.error("read", labels / name)
            if error is not None:
                job.refuse(error)


def _check_visibility(values: list[float], place: str, faults: Faults) -> None:
    for at in range(6, len(values), 3):
        if values[at] not in {0, 1, 2}:
            faults.add(f"{place}, value {at + 2}", f"visibility is {values[at]:g}, not 0, 1 or 2")
