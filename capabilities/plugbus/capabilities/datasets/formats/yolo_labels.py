"""Lines of YOLO label files.

======================  ===========================================================================================
kind                    line
======================  ===========================================================================================
box                     ``class cx cy w h``
polygon                 ``class x1 y1 x2 y2 x3 y3 ...``, three points or more
keypoints               ``class cx cy w h x1 y1 [v1] x2 y2 [v2] ...``, as many as ``kpt_shape`` says
======================  ===========================================================================================

All coordinates are parts of the image's width or height, from 0 to 1. A line alone does not say whether it has a
polygon or keypoints: 4 + 3 n coordinates of an even number of keypoints are an even number of coordinates, too. It is
``kpt_shape`` of the dataset that says it, and nothing else.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..items import Annotation, Box, Keypoint

if TYPE_CHECKING:
    from ..checking import Faults
    from ..items import Point

_SLACK = 1e-6
"""How far outside 0 to 1 rounding may bring a coordinate."""


def read_line(
    text: str, place: str, names: dict[int, str], kpt_shape: tuple[int, int] | None, faults: Faults
) -> tuple[str, list[float]] | None:
    """Return the label and the coordinates of a line, checked."""
    first, *rest = text.split()
    label = _label(first, place, names, faults)
    values = [_coordinate(one, f"{place}, value {number}", faults) for number, one in enumerate(rest, 2)]
    coordinates = [one for one in values if one is not None]
    if len(coordinates) < len(values):
        return None
    # Keypoints may lie outside the image, and visibility is no coordinate.
    inside = coordinates if kpt_shape is None else coordinates[:4]
    for number, one in enumerate(inside, 2):
        if not -_SLACK <= one <= 1 + _SLACK:
            faults.add(f"{place}, value {number}", f"it is {one:g}, not from 0 to 1; are these pixels, or keypoints?")
            return None
    count = len(coordinates)
    if count < 4:
        faults.add(place, f"it has {count} coordinates; a box has 4")
        return None
    if kpt_shape is not None:
        wanted = 4 + kpt_shape[0] * kpt_shape[1]
        if count not in {4, wanted}:
            faults.add(
                place, f"it has {count} coordinates; kpt_shape {list(kpt_shape)} makes {wanted}, and a box has 4"
            )
            return None
    elif count % 2:
        hint = "pass YOLOReader(kpt_shape=...) where these are keypoints"
        faults.add(place, f"it has {count} coordinates, an odd number, and dataset.yaml has no kpt_shape; {hint}")
        return None
    return None if label is None else (label, coordinates)


def annotation_of(
    label: str, values: list[float], width: int, height: int, kpt_shape: tuple[int, int] | None
) -> Annotation:
    """Return the object of checked coordinates, in pixels."""
    if kpt_shape is None and len(values) > 4:
        points = tuple((_pixels(x, width), _pixels(y, height)) for x, y in zip(values[::2], values[1::2], strict=True))
        return Annotation(label=label, polygons=(points,))
    cx, cy, w, h = values[:4]
    box = Box(_pixels(cx - w / 2, width), _pixels(cy - h / 2, height), _pixels(w, width), _pixels(h, height))
    if kpt_shape is None or len(values) == 4:
        return Annotation(label=label, box=box)
    step = kpt_shape[1]
    found = []
    for at in range(4, len(values), step):
        visibility = int(values[at + 2]) if step == 3 else None
        found.append(Keypoint(_pixels(values[at], width), _pixels(values[at + 1], height), visibility))
    return Annotation(label=label, box=box, keypoints=tuple(found))


def box_line(number: int, box: Box, width: int, height: int, decimals: int) -> str:
    """Write a box."""
    values = (
        (box.x + box.width / 2) / width,
        (box.y + box.height / 2) / height,
        box.width / width,
        box.height / height,
    )
    return f"{number} " + " ".join(f"{one:.{decimals}f}" for one in values)


def polygon_line(number: int, polygon: tuple[Point, ...], width: int, height: int, decimals: int) -> str:
    """Write a polygon."""
    return f"{number} " + " ".join(f"{x / width:.{decimals}f} {y / height:.{decimals}f}" for x, y in polygon)


def keypoint_line(
    number: int, box: Box, keypoints: tuple[Keypoint, ...], width: int, height: int, decimals: int
) -> str:
    """Write keypoints with their box; each has a visibility or none has."""
    parts = [box_line(number, box, width, height, decimals)]
    for one in keypoints:
        parts.append(f"{one.x / width:.{decimals}f} {one.y / height:.{decimals}f}")
        if one.visibility is not None:
            parts.append(str(one.visibility))
    return " ".join(parts)


def _label(text: str, place: str, names: dict[int, str], faults: Faults) -> str | None:
    """Read a class; tools that write arrays of floats write it as ``3.0``."""
    number = _number(text)
    if number is None or not number.is_integer() or number < 0:
        faults.add(f"{place}, value 1", f"it is '{text}', not a class number")
        return None
    if int(number) not in names:
        faults.add(f"{place}, value 1", f"there is no class {int(number)}; dataset.yaml names {len(names)}")
        return None
    return names[int(number)]


def _coordinate(text: str, place: str, faults: Faults) -> float | None:
    number = _number(text)
    if number is None:
        faults.add(place, f"it is '{text[:40]}', not a number")
    return number


def _number(text: str) -> float | None:
    # float() also takes underscores and other scripts' digits.
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _pixels(part: float, size: int) -> float:
    # A millionth of a pixel: what float arithmetic adds is not written to other formats.
    return round(part * size, 6)
