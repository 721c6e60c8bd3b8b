"""What datasets of images hold, apart from any format: images, their objects, and shapes in pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

Point: TypeAlias = tuple[float, float]
"""Pixels from the left and from the top edge of the image."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle: its left top corner and its size, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Keypoint:
    """A point that means something, such as a left elbow.

    Args:
        x: Pixels from the left edge.
        y: Pixels from the top edge.
        visibility: 0 not labelled, 1 labelled and hidden, 2 visible; None where the dataset does not say.
    """

    x: float
    y: float
    visibility: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One object in an image, by one or more shapes.

    Args:
        label: What it is.
        id: Its id in the document, or empty.
        box: Around it.
        polygons: Its outline; several where it is in several pieces. Each has at least three points.
        polyline: A line that it is.
        keypoints: Its points, in the order of its label.
        rle: A mask of run lengths as COCO writes it; carried along, never looked into.
        area: Of the object in pixels, where it is said apart from the shapes.
        attributes: What else is said about it: names and JSON values.
        extra: What only one format has, by the name of the format.
    """

    label: str
    id: str = ""
    box: Box | None = None
    polygons: tuple[tuple[Point, ...], ...] = ()
    polyline: tuple[Point, ...] = ()
    keypoints: tuple[Keypoint, ...] = ()
    rle: Mapping[str, Any] | None = None
    area: float | None = None
    attributes: tuple[tuple[str, Any], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shapes(self) -> int:
        """Count its shapes apart from the box."""
        return len(self.polygons) + bool(self.polyline) + bool(self.keypoints)

    def bounds(self) -> Box | None:
        """Return its box; where it has none, the smallest one around its shapes; None where it has no shape."""
        if self.box is not None:
            return self.box
        points = [point for polygon in self.polygons for point in polygon]
        points.extend(self.polyline)
        points.extend((one.x, one.y) for one in self.keypoints if one.visibility != 0)
        return bounds_of(points)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What holds objects of an image together.

    Args:
        kind: ``relation`` or ``group``.
        members: Ids of the objects, in their order.
        label: What the link is, or empty.
        id: Its id in the document, or empty.
        attributes: What else is said about it.
    """

    kind: str
    members: tuple[str, ...]
    label: str = ""
    id: str = ""
    attributes: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageItem:
    """One image with its objects.

    Args:
        name: Where it lies below the folder of the images, with ``/`` and its suffix.
        source: The file; None where it is missing.
        split: ``train``, ``val``, ``test``, another name, or None where the dataset has no splits.
        width: In pixels, where the dataset says it.
        height: In pixels, where the dataset says it.
        annotations: The objects.
        links: What holds them together.
        extra: What only one format has, by the name of the format.
    """

    name: str
    source: Path | None = None
    split: str | None = None
    width: int | None = None
    height: int | None = None
    annotations: tuple[Annotation, ...] = ()
    links: tuple[Link, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Label:
    """What objects can be.

    Args:
        name: As annotations name it.
        supercategory: What it is a kind of, or empty.
        keypoints: Names of its keypoints, in their order.
        skeleton: Pairs of keypoints that are joined by a line, counted from 1.
    """

    name: str
    supercategory: str = ""
    keypoints: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()


class ItemStream:
    """Images of a dataset, read one after the other while they are iterated over; as often as one likes.

    Lifecycle: made by a reader, iterated, closed by whoever asked for it (``close``, or the end of a ``with`` block).

    Args:
        items: Makes an iterator over all images.
        labels: Those that the dataset declares, in its order. Images may have further ones.
        total: How many images there are, where it is known.
        close: Releases what the reader holds.
    """

    def __init__(
        self,
        items: Callable[[], Iterator[ImageItem]],
        labels: tuple[Label, ...] = (),
        total: int | None = None,
        close: Callable[[], object] | None = None,
    ) -> None:
        self._items = items
        self.labels = labels
        self.total = total
        self._close = close

    def __iter__(self) -> Iterator[ImageItem]:
        return self._items()

    def close(self) -> None:
        """Release what the reader holds. Idempotent."""
        close, self._close = self._close, None
        if close is not None:
            close()

    def __enter__(self) -> ItemStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def bounds_of(points: list[Point]) -> Box | None:
    """Return the smallest box around points; None where there are none."""
    if not points:
        return None
    left, top = min(x for x, _ in points), min(y for _, y in points)
    return Box(left, top, max(x for x, _ in points) - left, max(y for _, y in points) - top)


def area_of(polygon: tuple[Point, ...]) -> float:
    """Return the area of a polygon in square pixels, by the shoelace formula."""
    total = 0.0
    for (x0, y0), (x1, y1) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        total += x0 * y1 - x1 * y0
    return abs(total) / 2
