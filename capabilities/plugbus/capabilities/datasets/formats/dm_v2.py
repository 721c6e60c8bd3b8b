"""DM version 2: ``{"classification": {tool: [names]}, "images": [{tool: [{id, classification, attrs, data}]}]}``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...types import DMv2Dataset
from ..items import Annotation, ImageItem, Keypoint, Link
from ..losses import Loss
from .dm_folder import DMReader, DMWriter
from .shapes import Shape, id_maker, shapes_of

if TYPE_CHECKING:
    from ..checking import Faults
    from ..items import Box
    from ..job import ConversionJob

_LINKS: Final = ("relation", "group")
_KEYS: Final = frozenset({"id", "classification", "attrs", "data"})
_OWN: Final = "dm_v2"

PARTS: Final = Loss("parts", "shapes of one object become objects of their own, in a group", 2)
MASKS: Final = Loss("masks", "DM has no run-length masks; the box is kept where there is one", 5)
AREAS: Final = Loss("areas", "DM has no areas apart from shapes", 0.5)
LABELS: Final = Loss("labels", "DM has no labels that no image uses, and nothing said about labels", 0.5)
EXTRA: Final = Loss("extra", "DM version 2 has no place for what only the other format has", 0.5)


class DMv2Reader(DMReader):
    """Read DM version 2."""

    name = "read_dm_v2"
    source = DMv2Dataset

    def parse(self, document: Any, faults: Faults) -> ImageItem:
        """Return what a document says, with an empty name."""
        root = faults.mapping(document, "$")
        images = faults.items(root.get("images"), "$.images") if root is not None else None
        if root is None or images is None:
            return ImageItem(name="")
        if len(images) != 1:
            faults.add("$.images", f"there are {len(images)} images in it, and a document is about one")
            return ImageItem(name="")
        tools = faults.mapping(images[0], "$.images[0]") or {}
        annotations: list[Annotation] = []
        links: list[Link] = []
        extra: dict[str, Any] = {key: one for key, one in root.items() if key not in {"images", "classification"}}
        seen: set[str] = set()
        for tool, entries in tools.items():
            place = f"$.images[0].{tool}"
            if tool not in _READ and tool not in _LINKS:
                extra.setdefault("tools", {})[tool] = entries
                continue
            for index, entry in enumerate(faults.items(entries, place) or ()):
                at = f"{place}[{index}]"
                if faults.mapping(entry, at) is None:
                    continue
                identity = _id_of(entry, at, seen, faults)
                if tool in _LINKS:
                    links.append(_link(tool, identity, entry, at, faults))
                else:
                    annotations.append(_annotation(tool, identity, entry, at, faults))
        # Names that no shape has are kept with the document: in a stream there is no other place for them.
        if root.get("classification", {}) != _names(annotations, links):
            extra["classification"] = root.get("classification")
        return ImageItem(
            name="",
            annotations=tuple(annotations),
            links=tuple(links),
            extra={_OWN: extra} if extra else {},
        )


class DMv2Writer(DMWriter):
    """Write DM version 2."""

    name = "write_dm_v2"
    target = DMv2Dataset
    losses = (PARTS, MASKS, AREAS, LABELS, EXTRA)

    def convert(self, value: Any, job: ConversionJob) -> Any:
        """Write all images of a stream."""
        for label in value.labels:
            job.lose(LABELS, label.name)
        return super().convert(value, job)

    def render(self, item: ImageItem, job: ConversionJob) -> dict[str, Any]:
        """Return the document of an image."""
        tools: dict[str, list[dict[str, Any]]] = {}
        names: dict[str, list[str]] = {}
        make_id = id_maker({one.id for one in item.annotations} | {one.id for one in item.links})

        def put(tool: str, identity: str, label: str, attributes: Any, data: Any) -> dict[str, Any]:
            entry = {"id": make_id(identity), "classification": label, "attrs": attributes, "data": data}
            tools.setdefault(tool, []).append(entry)
            if label and label not in names.setdefault(tool, []):
                names[tool].append(label)
            return entry

        for index, one in enumerate(item.annotations):
            place = f"{item.name}#{index}"
            _count_losses(one, place, job)
            members: list[str] = []
            for shape in shapes_of(one):
                entry = put(shape.tool, "" if members else one.id, one.label, _attrs(one.attributes), _data(shape))
                if shape.box is not None and shape.tool != "bounding_box":
                    entry["bounding_box"] = _numbers(shape.box)
                entry.update(one.extra.get(_OWN, {}))
                members.append(entry["id"])
            if len(members) > 1:
                job.lose(PARTS, place)
                put("group", "", one.label, [], members)
        for link in item.links:
            put(link.kind, link.id, link.label, _attrs(link.attributes), list(link.members))
        extra = dict(item.extra.get(_OWN, {}))
        if any(key != _OWN for key in item.extra):
            job.lose(EXTRA, item.name)
        image = {**tools, **extra.pop("tools", {})}
        return {"classification": extra.pop("classification", names), "images": [image], **extra}


def _count_losses(one: Annotation, place: str, job: ConversionJob) -> None:
    if one.rle is not None:
        job.lose(MASKS, place)
    if one.area is not None:
        job.lose(AREAS, place)
    if any(key != _OWN for key in one.extra):
        job.lose(EXTRA, place)


def _id_of(entry: dict[str, Any], at: str, seen: set[str], faults: Faults) -> str:
    identity = entry.get("id", "")
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str):
        faults.add(f"{at}.id", f"it is {identity!r}, not a text")
        return ""
    if identity and identity in seen:
        faults.add(f"{at}.id", f"'{identity}' is the id of another one, too")
    seen.add(identity)
    return identity


def _annotation(tool: str, identity: str, entry: dict[str, Any], at: str, faults: Faults) -> Annotation:
    label = faults.text(entry.get("classification"), f"{at}.classification") or ""
    keys = set(_KEYS)
    box: Box | None = None
    if tool != "bounding_box" and entry.get("bounding_box") is not None:
        box = faults.box(entry["bounding_box"], f"{at}.bounding_box")
    keys.add("bounding_box")
    rest = {key: one for key, one in entry.items() if key not in keys}
    known: dict[str, Any] = {
        "label": label,
        "id": identity,
        "attributes": _attributes(entry.get("attrs"), f"{at}.attrs", faults),
        "extra": {_OWN: rest} if rest else {},
    }
    data, place = entry.get("data"), f"{at}.data"
    if tool == "bounding_box":
        return Annotation(box=faults.box(data, place), **known)
    if tool == "polygon":
        points = faults.points(data, place, 3)
        return Annotation(box=box, polygons=() if points is None else (points,), **known)
    if tool == "polyline":
        return Annotation(box=box, polyline=faults.points(data, place, 2) or (), **known)
    return Annotation(box=box, keypoints=_keypoints(data, place, faults), **known)


def _link(tool: str, identity: str, entry: dict[str, Any], at: str, faults: Faults) -> Link:
    members = faults.items(entry.get("data"), f"{at}.data") or []
    label = entry.get("classification") or ""
    return Link(
        kind=tool,
        members=tuple(str(one) for one in members),
        label=label if isinstance(label, str) else "",
        id=identity,
        attributes=_attributes(entry.get("attrs"), f"{at}.attrs", faults),
    )


def _attributes(value: Any, place: str, faults: Faults) -> tuple[tuple[str, Any], ...]:
    """Read ``[{"name": ..., "value": ...}]``."""
    found: list[tuple[str, Any]] = []
    for index, one in enumerate([] if value is None else faults.items(value, place) or []):
        pair = faults.mapping(one, f"{place}[{index}]")
        if pair is not None:
            name = faults.text(pair.get("name"), f"{place}[{index}].name")
            found.append((name or "", pair.get("value")))
    return tuple(found)


def _keypoints(data: Any, place: str, faults: Faults) -> tuple[Keypoint, ...]:
    """Read ``[x, y]``, or a list of ``[x, y]`` or ``[x, y, visibility]``."""
    entries = faults.items(data, place)
    if not entries:
        if entries is not None:
            faults.add(place, "there is no point in it")
        return ()
    if not isinstance(entries[0], list):
        pair = faults.numbers(entries, place, 2)
        return () if pair is None else (Keypoint(pair[0], pair[1]),)
    found: list[Keypoint] = []
    for index, one in enumerate(entries):
        at = f"{place}[{index}]"
        if not isinstance(one, list) or len(one) not in {2, 3}:
            faults.add(at, "it is no [x, y] and no [x, y, visibility]")
            continue
        pair = faults.numbers(one[:2], at, 2)
        visibility = faults.integer(one[2], f"{at}[2]", 0) if len(one) == 3 else None
        if visibility is not None and visibility > 2:
            faults.add(f"{at}[2]", f"visibility is {visibility}, not 0, 1 or 2")
        if pair is not None:
            found.append(Keypoint(pair[0], pair[1], visibility))
    return tuple(found)


def _names(annotations: list[Annotation], links: list[Link]) -> dict[str, list[str]]:
    """Return the names by tool as the writer has them."""
    names: dict[str, list[str]] = {}
    labelled = [(shapes_of(one)[0].tool, one.label) for one in annotations if one.bounds() is not None]
    for tool, label in (*labelled, *((one.kind, one.label) for one in links if one.label)):
        if label not in names.setdefault(tool, []):
            names[tool].append(label)
    return names


def _attrs(attributes: tuple[tuple[str, Any], ...]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in attributes]


def _data(shape: Shape) -> Any:
    if shape.tool == "bounding_box" and shape.box is not None:
        return _numbers(shape.box)
    if shape.tool == "keypoint":
        points = shape.keypoints
        if len(points) == 1 and points[0].visibility is None:
            return [points[0].x, points[0].y]
        return [[p.x, p.y] if p.visibility is None else [p.x, p.y, p.visibility] for p in points]
    return [list(point) for point in shape.points]


def _numbers(box: Box) -> list[float]:
    return [box.x, box.y, box.width, box.height]


_READ: Final = frozenset({"bounding_box", "polygon", "polyline", "keypoint"})
