"""DM version 1: shapes (``annotations``) and their coordinates (``annotationsData``) in two lists, joined by id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...types import DMv1Dataset
from ..items import Annotation, Box, ImageItem, Keypoint
from ..losses import Loss
from .dm_folder import DMReader, DMWriter
from .shapes import Shape, id_maker, shapes_of

if TYPE_CHECKING:
    from ..checking import Faults
    from ..items import Point
    from ..job import ConversionJob

_OWN: Final = "dm_v1"
_ASSET: Final = "image_1"
_STATES: Final = {"isLocked": False, "isVisible": True}

ATTRIBUTES: Final = Loss("attributes", "DM version 1 has one attribute of a name, and none called 'class'", 3)
BOXES: Final = Loss("boxes", "DM version 1 has no box beside another shape", 1)
KEYPOINTS: Final = Loss("keypoints", "DM version 1 has one keypoint in an object, without visibility", 5)
LINKS: Final = Loss("links", "relations and groups are not carried into DM version 1", 3)
PARTS: Final = Loss("parts", "shapes of one object become objects of their own", 2)
MASKS: Final = Loss("masks", "DM has no run-length masks; the box is kept where there is one", 5)
AREAS: Final = Loss("areas", "DM has no areas apart from shapes", 0.5)
LABELS: Final = Loss("labels", "DM has no labels that no image uses, and nothing said about labels", 0.5)
EXTRA: Final = Loss("extra", "DM version 1 has no place for what only the other format has", 0.5)


class DMv1Reader(DMReader):
    """Read DM version 1."""

    name = "read_dm_v1"
    source = DMv1Dataset

    def parse(self, document: Any, faults: Faults) -> ImageItem:
        """Return what a document says, with an empty name."""
        root = faults.mapping(document, "$")
        if root is None:
            return ImageItem(name="")
        shapes = faults.mapping(root.get("annotations"), "$.annotations") or {}
        data = faults.mapping(root.get("annotationsData"), "$.annotationsData") or {}
        assets = list(dict.fromkeys((*shapes, *data)))
        if len(assets) > 1:
            faults.add("$.annotations", f"it is about {', '.join(assets)}, and a document is about one image")
            return ImageItem(name="")
        asset = assets[0] if assets else _ASSET
        coordinates = _coordinates(data.get(asset, []), f"$.annotationsData.{asset}", faults)
        annotations: list[Annotation] = []
        seen: set[str] = set()
        place = f"$.annotations.{asset}"
        for index, entry in enumerate(faults.items(shapes.get(asset, []), place) or ()):
            one = self._annotation(entry, f"{place}[{index}]", coordinates, seen, faults)
            if one is not None:
                annotations.append(one)
        for identity, (_, at) in coordinates.items():
            if identity not in seen:
                faults.add(at, f"'{identity}' is not among the annotations")
        extra = {key: one for key, one in root.items() if key not in {"annotations", "annotationsData"}}
        kept = {key: one for key, one in extra.items() if one and one not in ({asset: []}, {asset: {}})}
        return ImageItem(name="", annotations=tuple(annotations), extra={_OWN: kept} if kept else {})

    def _annotation(
        self, entry: Any, at: str, coordinates: dict[str, tuple[Any, str]], seen: set[str], faults: Faults
    ) -> Annotation | None:
        shape = faults.mapping(entry, at)
        if shape is None:
            return None
        identity = faults.text(shape.get("id"), f"{at}.id")
        tool = faults.text(shape.get("tool"), f"{at}.tool")
        classes = faults.mapping(shape.get("classification"), f"{at}.classification")
        label = None if classes is None else faults.text(classes.get("class"), f"{at}.classification.class")
        if identity is not None and identity in seen:
            faults.add(f"{at}.id", f"'{identity}' is the id of another one, too")
        seen.add(identity or "")
        if identity is None or tool is None or classes is None or label is None:
            return None
        if identity not in coordinates:
            faults.add(at, f"'{identity}' has no coordinates among the annotationsData")
            return None
        where, place = coordinates[identity]
        rest = {
            key: one
            for key, one in shape.items()
            if key not in {"id", "tool", "classification"} and _STATES.get(key, ...) != one
        }
        attributes = [(key, one) for key, one in classes.items() if key != "class"]
        known: dict[str, Any] = {"label": label, "id": identity, "extra": {_OWN: rest} if rest else {}}
        if tool in {"bounding_box", "keypoint"}:
            spot = faults.mapping(where, place) or {}
            sides = ("x", "y", "width", "height") if tool == "bounding_box" else ("x", "y")
            values = faults.numbers([spot.get(side) for side in sides], place, len(sides))
            attributes += [(key, one) for key, one in spot.items() if key not in {*sides, "id"}]
            known["attributes"] = tuple(attributes)
            if values is None:
                return None
            if tool == "keypoint":
                return Annotation(keypoints=(Keypoint(values[0], values[1]),), **known)
            box = faults.box(values, place)
            return Annotation(box=box or Box(0, 0, 0, 0), **known)
        known["attributes"] = tuple(attributes)
        if tool not in {"polygon", "polyline"}:
            faults.add(f"{at}.tool", f"'{tool}' is none of bounding_box, polygon, polyline, keypoint")
            return None
        points = _points(where, place, 3 if tool == "polygon" else 2, faults)
        if tool == "polygon":
            return Annotation(polygons=(points,) if points else (), **known)
        return Annotation(polyline=points, **known)


class DMv1Writer(DMWriter):
    """Write DM version 1."""

    name = "write_dm_v1"
    target = DMv1Dataset
    losses = (ATTRIBUTES, BOXES, KEYPOINTS, LINKS, PARTS, MASKS, AREAS, LABELS, EXTRA)

    def convert(self, value: Any, job: ConversionJob) -> Any:
        """Write all images of a stream."""
        for label in value.labels:
            job.lose(LABELS, label.name)
        return super().convert(value, job)

    def render(self, item: ImageItem, job: ConversionJob) -> dict[str, Any]:
        """Return the document of an image."""
        shapes: list[dict[str, Any]] = []
        data: list[dict[str, Any]] = []
        make_id = id_maker({one.id for one in item.annotations})
        for index, one in enumerate(item.annotations):
            place = f"{item.name}#{index}"
            _count_losses(one, place, job)
            parts = _writable(one, place, job)
            if len(parts) > 1:
                job.lose(PARTS, place)
            for number, shape in enumerate(parts):
                identity = make_id("" if number else one.id)
                entry = {"id": identity, "tool": shape.tool, **_STATES}
                entry["classification"] = _classification(one, place, job)
                entry.update(one.extra.get(_OWN, {}))
                shapes.append(entry)
                data.append({"id": identity, "coordinate": _coordinate(shape, identity)})
        if item.links:
            job.lose(LINKS, item.name, len(item.links))
        if any(key != _OWN for key in item.extra):
            job.lose(EXTRA, item.name)
        return {
            "extra": {_ASSET: {}},
            "relations": {_ASSET: []},
            "annotationGroups": {_ASSET: []},
            **item.extra.get(_OWN, {}),
            "annotations": {_ASSET: shapes},
            "annotationsData": {_ASSET: data},
        }


def _count_losses(one: Annotation, place: str, job: ConversionJob) -> None:
    if one.rle is not None:
        job.lose(MASKS, place)
    if one.area is not None:
        job.lose(AREAS, place)
    if any(key != _OWN for key in one.extra):
        job.lose(EXTRA, place)
    if one.box is not None and one.shapes:
        job.lose(BOXES, place)


def _writable(one: Annotation, place: str, job: ConversionJob) -> list[Shape]:
    """Return the shapes that can be written; an object that would have none keeps its box."""
    found = shapes_of(one)
    kept = [shape for shape in found if shape.tool != "keypoint" or len(shape.keypoints) == 1]
    if len(kept) < len(found) or any(point.visibility is not None for point in one.keypoints):
        job.lose(KEYPOINTS, place)
    box = one.bounds()
    return kept or ([Shape(tool="bounding_box", box=box)] if box is not None else [])


def _classification(one: Annotation, place: str, job: ConversionJob) -> dict[str, Any]:
    found: dict[str, Any] = {"class": one.label}
    for name, value in one.attributes:
        if name in found:
            job.lose(ATTRIBUTES, place)
        else:
            found[name] = value
    return found


def _coordinate(shape: Shape, identity: str) -> Any:
    if shape.tool == "bounding_box" and shape.box is not None:
        box = shape.box
        return {"x": box.x, "y": box.y, "width": box.width, "height": box.height}
    if shape.tool == "keypoint":
        return {"x": shape.keypoints[0].x, "y": shape.keypoints[0].y}
    return [{"id": f"{identity}-{number}", "x": x, "y": y} for number, (x, y) in enumerate(shape.points, 1)]


def _coordinates(value: Any, place: str, faults: Faults) -> dict[str, tuple[Any, str]]:
    """Return coordinates by id, each with its path."""
    found: dict[str, tuple[Any, str]] = {}
    for index, entry in enumerate(faults.items(value, place) or ()):
        at = f"{place}[{index}]"
        one = faults.mapping(entry, at)
        identity = None if one is None else faults.text(one.get("id"), f"{at}.id")
        if one is None or identity is None:
            continue
        if identity in found:
            faults.add(f"{at}.id", f"'{identity}' is the id of another one, too")
        found[identity] = (one.get("coordinate"), f"{at}.coordinate")
    return found


def _points(value: Any, place: str, least: int, faults: Faults) -> tuple[Point, ...]:
    """Read ``[{"x": ..., "y": ...}, ...]``."""
    entries = faults.items(value, place)
    if entries is None:
        return ()
    pairs = [[point.get("x"), point.get("y")] if isinstance(point, dict) else point for point in entries]
    return faults.points(pairs, place, least) or ()
