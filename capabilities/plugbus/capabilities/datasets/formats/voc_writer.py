"""Write Pascal VOC datasets: ``Annotations/*.xml``, ``JPEGImages/*`` and ``ImageSets/Main/<split>.txt``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...types import ImageStream, PascalVOCDataset
from ..converter import Converter
from ..errors import DatasetError
from ..losses import Loss
from .voc_reader import FLAGS

if TYPE_CHECKING:
    from io import TextIOWrapper

    from ..items import Annotation, Box, ImageItem, ItemStream
    from ..job import ConversionJob

_OWN: Final = "pascal_voc"
# What XML 1.0 can't hold in any spelling.
_FORBIDDEN: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

AREAS: Final = Loss("areas", "Pascal VOC has no areas", 0.5)
EXTRA: Final = Loss("extra", "Pascal VOC has no place for what only the other format has", 0.5)
IDS: Final = Loss("ids", "Pascal VOC has no ids", 1)
LABELS: Final = Loss("labels", "Pascal VOC has no labels that no image uses, and nothing said about labels", 0.5)
LINKS: Final = Loss("links", "Pascal VOC has no relations and groups", 3)
SHAPES: Final = Loss("shapes", "Pascal VOC has boxes alone; the box around is kept", 5)
TEXTS: Final = Loss("types of attributes", "attributes become texts", 1)


class VOCWriter(Converter):
    """Write one XML document an image, with boxes.

    Args:
        origin: What the corners count from: 0 or 1; see ``VOCReader``.
    """

    name = "write_pascal_voc"
    source = ImageStream
    target = PascalVOCDataset
    losses = (AREAS, EXTRA, IDS, LABELS, LINKS, SHAPES, TEXTS)

    def __init__(self, origin: int = 0) -> None:
        if origin not in {0, 1}:
            raise ValueError(f"cannot write Pascal VOC: origin is {origin}; give 0 or 1")
        self._origin = origin

    def convert(self, value: Any, job: ConversionJob) -> Path:
        """Write all images of a stream."""
        stream: ItemStream = value
        for label in stream.labels:
            job.lose(LABELS, label.name)
        for folder in ("Annotations", "JPEGImages"):
            (job.folder / folder).mkdir()
        lists: dict[str, TextIOWrapper] = {}
        try:
            for item in job.track(stream):
                if self._write(item, job) and item.split:
                    if item.split not in lists:
                        path = job.folder / "ImageSets" / "Main" / f"{item.split}.txt"
                        path.parent.mkdir(parents=True, exist_ok=True)
                        lists[item.split] = path.open("w", encoding="utf-8")
                    lists[item.split].write(f"{Path(item.name).with_suffix('').as_posix()}\n")
        finally:
            for one in lists.values():
                one.close()
        return job.folder

    def _write(self, item: ImageItem, job: ConversionJob) -> bool:
        path = job.folder / "Annotations" / Path(item.name).with_suffix(".xml")
        try:
            if path.exists():
                raise ValueError("another image has the same name but for its suffix")
            text = self._document(item, job)
            job.place(item, job.folder / "JPEGImages" / item.name)
        except ValueError as error:
            job.refuse(DatasetError("write", str(path.relative_to(job.folder)), (("", f"{item.name}: {error}"),)))
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return True

    def _document(self, item: ImageItem, job: ConversionJob) -> str:
        width, height = job.size_of(item)
        folder, _, file = item.name.rpartition("/")
        lines = [
            "<annotation>",
            f"  <folder>{_escaped(folder or 'JPEGImages')}</folder>",
            f"  <filename>{_escaped(file)}</filename>",
            f"  <size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
            "  <segmented>0</segmented>",
        ]
        objects = [self._object(one) for one in item.annotations]
        for index, (one, text) in enumerate(zip(item.annotations, objects, strict=True)):
            _count_losses(one, f"{item.name}#{index}", job)
            lines.extend(text)
        if item.links:
            job.lose(LINKS, item.name, len(item.links))
        if item.extra:
            job.lose(EXTRA, item.name)
        return "\n".join((*lines, "</annotation>", ""))

    def _object(self, one: Annotation) -> list[str]:
        box = one.bounds()
        if box is None:
            return []
        known, others = _attributes(one)
        lines = ["  <object>", f"    <name>{_escaped(one.label)}</name>"]
        lines.extend(f"    <{name}>{_escaped(text)}</{name}>" for name, text in known.items())
        lines.append(f"    <bndbox>{self._corners(box)}</bndbox>")
        if others:
            lines.append("    <attributes>")
            for name, value in others:
                pair = f"<name>{_escaped(name)}</name><value>{_escaped(_text(value))}</value>"
                lines.append(f"      <attribute>{pair}</attribute>")
            lines.append("    </attributes>")
        lines.append("  </object>")
        return lines

    def _corners(self, box: Box) -> str:
        first = self._origin
        left, top = box.x + first, box.y + first
        right, bottom = box.x + box.width, box.y + box.height
        pairs = (("xmin", left), ("ymin", top), ("xmax", right), ("ymax", bottom))
        return "".join(f"<{tag}>{_number(value)}</{tag}>" for tag, value in pairs)


def _attributes(one: Annotation) -> tuple[dict[str, str], list[tuple[str, Any]]]:
    """Return what has an element of its own, and all other attributes."""
    known: dict[str, str] = {}
    others: list[tuple[str, Any]] = []
    for name, value in one.attributes:
        is_pose = name == "pose" and isinstance(value, str) and value != "" and value == value.strip()
        is_flag = name in FLAGS and value in {0, 1} if isinstance(value, int) else False
        if (is_pose or is_flag) and name not in known:
            known[name] = value if isinstance(value, str) else str(int(value))
        else:
            others.append((name, value))
    known.update({name: str(text) for name, text in one.extra.get(_OWN, {}).items() if name.isidentifier()})
    return known, others


def _count_losses(one: Annotation, place: str, job: ConversionJob) -> None:
    _, others = _attributes(one)
    for is_lost, loss in (
        (one.id, IDS),
        (one.area is not None, AREAS),
        (one.shapes or one.rle is not None, SHAPES),
        (any(key != _OWN for key in one.extra), EXTRA),
        (any(not isinstance(value, str) or value != value.strip() for _, value in others), TEXTS),
    ):
        if is_lost:
            job.lose(loss, place)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    # Whole numbers without a point: many readers take nothing else.
    return str(int(value)) if float(value).is_integer() else repr(round(value, 6))


def _escaped(text: str) -> str:
    if _FORBIDDEN.search(text):
        raise ValueError(f"XML can't hold {text!r}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
