"""Read Pascal VOC datasets: ``Annotations/*.xml``, ``JPEGImages/*`` and ``ImageSets/Main/<split>.txt``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...types import ImageStream, PascalVOCDataset
from ..checking import Faults
from ..converter import Converter
from ..errors import DatasetError
from ..items import Annotation, Box, ImageItem, ItemStream
from ..losses import Loss
from ..placing import ImageMode, safe_name
from ..walking import ImageFinder, count_files, walk
from .xml_tree import Element, parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..job import ConversionJob

_XML: Final = frozenset({".xml"})
_SPLITS: Final = ("train", "val", "test")
FLAGS: Final = ("truncated", "difficult", "occluded")
"""Elements of an object that are 0 or 1, and attributes of that name elsewhere."""
_KNOWN: Final = frozenset({"name", "pose", *FLAGS, "bndbox", "attributes", "part", "actions", "point"})
_CORNERS: Final = ("xmin", "ymin", "xmax", "ymax")

PARTS: Final = Loss("parts", "body parts, actions and points of Pascal VOC objects are not read", 3)


class VOCReader(Converter):
    """Read one XML document an image, in folders as in the challenge, or beside the images as labelling tools write.

    Args:
        origin: What the corners count from. 0, as labelling tools write: a box from 10 to 20 is 10 pixels wide. 1, as
            in the challenge itself: the first pixel is 1 and the last one belongs to the box, which is 11 pixels wide.
    """

    name = "read_pascal_voc"
    source = PascalVOCDataset
    target = ImageStream
    losses = (PARTS,)

    def __init__(self, origin: int = 0) -> None:
        if origin not in {0, 1}:
            raise ValueError(f"cannot read Pascal VOC: origin is {origin}; give 0 or 1")
        self._origin = origin

    def convert(self, value: Any, job: ConversionJob) -> ItemStream:
        """Return the images of a folder."""
        root = Path(value)
        documents = root / "Annotations" if (root / "Annotations").is_dir() else root
        if not documents.is_dir() or (next(walk(documents, _XML), None) is None and documents is root):
            cause = "there is no folder 'Annotations' in it, and no XML document"
            raise DatasetError("read", str(root), (("", cause),))
        return ItemStream(lambda: self._items(root, documents, job), total=count_files(documents, _XML))

    def _items(self, root: Path, documents: Path, job: ConversionJob) -> Iterator[ImageItem]:
        images = root / "JPEGImages" if (root / "JPEGImages").is_dir() else documents
        finder = ImageFinder(images)
        splits = _splits(root)
        for name in walk(documents, _XML):
            path = documents / name
            stem = name[: -len(path.suffix)]
            faults = Faults()
            said = splits.get(stem, ())
            if len(said) > 1:
                faults.add("", f"it is in several splits: {', '.join(said)}")
            item = ImageItem(name="")
            try:
                annotation = parse_xml(path.read_bytes())
            except ValueError as refused:
                faults.add("", str(refused))
            else:
                item = self._item(annotation, stem, finder, job, faults)
            error = faults.error("read", path)
            if error is not None:
                job.refuse(error)
                continue
            source = images / item.name
            yield ImageItem(
                name=item.name,
                source=source if source.is_file() else None,
                split=said[0] if said else None,
                width=item.width,
                height=item.height,
                annotations=item.annotations,
            )

    def _item(self, root: Element, stem: str, finder: ImageFinder, job: ConversionJob, faults: Faults) -> ImageItem:
        if root.tag != "annotation":
            faults.add(f"line {root.line}", f"the root is <{root.tag}>, not <annotation>")
            return ImageItem(name="")
        name = _image_name(root, stem, finder, job, faults)
        width = height = None
        size = root.find("size")
        if size is not None and (size.text_of("width"), size.text_of("height")) != ("0", "0"):
            # Some tools write 0 where they do not know.
            width, height = (_size(size, side, faults) for side in ("width", "height"))
        annotations: list[Annotation] = []
        for index, one in enumerate(root.all("object")):
            if any(one.find(tag) is not None for tag in ("part", "actions", "point")):
                job.lose(PARTS, f"{name}#{index}")
            found = self._annotation(one, faults)
            if found is not None:
                annotations.append(found)
        return ImageItem(name=name, width=width, height=height, annotations=tuple(annotations))

    def _annotation(self, one: Element, faults: Faults) -> Annotation | None:
        label = one.text_of("name")
        if not label:
            faults.add(f"line {one.line}", "the object has no name")
        attributes: list[tuple[str, Any]] = []
        if one.text_of("pose"):
            attributes.append(("pose", one.text_of("pose")))
        for flag in FLAGS:
            text = one.text_of(flag)
            if text in {"0", "1"}:
                attributes.append((flag, int(text)))
            elif text:
                found = one.find(flag)
                faults.add(f"line {one.line if found is None else found.line}", f"{flag} is '{text}', not 0 or 1")
        more = one.find("attributes")
        for pair in more.all("attribute") if more is not None else ():
            attributes.append((pair.text_of("name"), pair.text_of("value")))
        extra = {child.tag: child.text for child in one.children if child.tag not in _KNOWN and not child.children}
        box = self._box(one, faults)
        if box is None or not label:
            return None
        return Annotation(
            label=label, box=box, attributes=tuple(attributes), extra={"pascal_voc": extra} if extra else {}
        )

    def _box(self, one: Element, faults: Faults) -> Box | None:
        corners = one.find("bndbox")
        if corners is None:
            faults.add(f"line {one.line}", "the object has no bndbox")
            return None
        values: list[float] = []
        for tag in _CORNERS:
            corner = corners.find(tag)
            number = None if corner is None else _number(corner.text)
            if number is None:
                told = "is missing" if corner is None else f"is '{corner.text}', not a number"
                faults.add(f"line {corners.line if corner is None else corner.line}", f"{tag} {told}")
            else:
                values.append(number)
        if len(values) < len(_CORNERS):
            return None
        left, top, right, bottom = values
        if right < left or bottom < top:
            faults.add(f"line {corners.line}", f"the box ends before it begins: {left:g} {top:g} {right:g} {bottom:g}")
            return None
        # The last pixel belongs to the box where pixels are counted from 1.
        first, beyond = self._origin, self._origin
        return Box(left - first, top - first, right - left + beyond, bottom - top + beyond)


def _image_name(root: Element, stem: str, finder: ImageFinder, job: ConversionJob, faults: Faults) -> str:
    """Return the image of a document: what it calls it, else the one that is called like the document."""
    said = safe_name(root.text_of("filename"))
    folder = stem.rpartition("/")[0]
    named = None if said is None else f"{folder}/{said}" if folder else said
    if named is not None and named in finder.find(named.rpartition(".")[0]):
        return named
    images = finder.find(stem)
    if len(images) > 1:
        faults.add("", f"several images are called so: {', '.join(images)}")
    elif images:
        return images[0]
    elif job.images is not ImageMode.LEAVE:
        faults.add("", f"there is no image '{named or stem}'")
    return named or f"{stem}.jpg"


def _size(size: Element, side: str, faults: Faults) -> int | None:
    found = size.find(side)
    text = "" if found is None else found.text
    number = _number(text)
    if number is None or not number.is_integer() or number < 1:
        faults.add(f"line {size.line if found is None else found.line}", f"{side} is '{text}', not a size in pixels")
        return None
    return int(number)


def _splits(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the splits of each document that a list names; all lists of names are held in memory."""
    found: dict[str, tuple[str, ...]] = {}
    for split in _SPLITS:
        path = root / "ImageSets" / "Main" / f"{split}.txt"
        if path.is_file():
            with path.open(encoding="utf-8-sig") as lines:
                for line in lines:
                    # The challenge's lists of one class have -1, 0 or 1 behind the name.
                    name = line.split()[0] if line.strip() else ""
                    if name and split not in found.get(name, ()):
                        found[name] = (*found.get(name, ()), split)
    return found


def _number(text: str) -> float | None:
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
