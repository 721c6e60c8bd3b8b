"""Objects of formats in which each shape is an entry of its own, below the name of a tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..items import Annotation, Box, Keypoint, Point


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One shape of an object.

    Args:
        tool: ``bounding_box``, ``polygon``, ``polyline`` or ``keypoint``.
        box: The box, or the one that stands beside another shape.
        points: Of a polygon or a polyline.
        keypoints: The keypoints.
    """

    tool: str
    box: Box | None = None
    points: tuple[Point, ...] = ()
    keypoints: tuple[Keypoint, ...] = ()


def shapes_of(annotation: Annotation) -> list[Shape]:
    """Return the shapes of an object; a box that stands beside others goes with the first of them."""
    box = annotation.box
    found = [Shape(tool="polygon", points=polygon) for polygon in annotation.polygons]
    if annotation.polyline:
        found.append(Shape(tool="polyline", points=annotation.polyline))
    if annotation.keypoints:
        found.append(Shape(tool="keypoint", keypoints=annotation.keypoints))
    if box is None:
        return found
    if not found:
        return [Shape(tool="bounding_box", box=box)]
    first = found[0]
    found[0] = Shape(tool=first.tool, box=box, points=first.points, keypoints=first.keypoints)
    return found


def id_maker(taken: set[str]) -> Callable[[str], str]:
    """Return a function that returns an id which is not taken: the wanted one, else the next number from 1 on."""
    numbers = iter(range(1, 10**9))
    given: set[str] = set()

    def make(wanted: str) -> str:
        one = wanted
        while not one or one in given or (one in taken and one != wanted):
            one = str(next(numbers))
        given.add(one)
        return one

    return make
