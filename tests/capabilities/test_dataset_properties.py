"""Datasets of any content: round trips lose what is stated, and wrong documents are faults, never surprises."""

from __future__ import annotations

import contextlib
import gc
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugbus.capabilities.datasets import (
    Annotation,
    Box,
    DatasetError,
    ImageItem,
    ItemStream,
    Keypoint,
    Link,
    convert,
)
from plugbus.capabilities.types import ImageStream

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH, HEIGHT = 64, 48
FORMATS = ("dm_v1", "dm_v2", "yolo", "coco", "pascal_voc")


def size(_: Path) -> tuple[int, int]:
    return WIDTH, HEIGHT


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="plugbus-test-") as path:
        yield Path(path)


# Quarters are exact in floats, so that what is worked out from them is, too.
xs = st.integers(0, WIDTH * 4).map(lambda n: n / 4)
ys = st.integers(0, HEIGHT * 4).map(lambda n: n / 4)
points = st.tuples(xs, ys)
boxes = st.tuples(xs, ys, xs, ys).map(
    lambda c: Box(min(c[0], c[2]), min(c[1], c[3]), abs(c[0] - c[2]), abs(c[1] - c[3]))
)
polygons = st.lists(points, min_size=3, max_size=5).map(tuple)
labels = st.text("a0'\"#:{&<é漢 -~", min_size=1, max_size=4).filter(lambda text: text == text.strip() != "")
plain = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab <&é", max_size=3)
values = plain | st.lists(st.integers(), max_size=2)
attributes = st.dictionaries(
    st.sampled_from(["color", "pose", "difficult", "truncated", "doors"]), values, max_size=3
).map(lambda found: tuple(found.items()))
keypoints = st.lists(st.builds(Keypoint, xs, ys, st.sampled_from([None, 0, 1, 2])), min_size=1, max_size=3).map(tuple)


def objects(identity: str) -> st.SearchStrategy[Annotation]:
    known = {"label": labels, "attributes": attributes, "id": st.just(identity)}
    shapes = (
        st.builds(Annotation, box=boxes, **known),
        st.builds(Annotation, polygons=polygons.map(lambda one: (one,)), box=st.none() | boxes, **known),
        st.builds(Annotation, polyline=st.lists(points, min_size=2, max_size=4).map(tuple), **known),
        st.builds(Annotation, keypoints=keypoints, box=st.none() | boxes, **known),
    )
    return st.one_of(*shapes)


@st.composite
def items(draw: st.DrawFn, name: str) -> ImageItem:
    count = draw(st.integers(0, 4))
    found = [draw(objects(f"i{number}")) for number in range(count)]
    ids = [one.id for one in found]
    links = [Link(kind="group", members=tuple(ids), id="g", label="team")] if draw(st.booleans()) else []
    return ImageItem(
        name=name,
        split=draw(st.sampled_from([None, "train", "val"])),
        width=WIDTH,
        height=HEIGHT,
        annotations=tuple(found),
        links=tuple(links),
    )


datasets = st.tuples(items("a.jpg"), items("sub/b.jpg"))


def there_and_back(kind: str, dataset: tuple[ImageItem, ...]) -> tuple[list[ImageItem], dict[str, int]]:
    with folder() as root:
        image = root / "x.jpg"
        image.write_bytes(b"x")
        sources = [
            ImageItem(
                name=one.name,
                split=one.split,
                source=image,
                width=one.width,
                height=one.height,
                annotations=one.annotations,
                links=one.links,
            )
            for one in dataset
        ]
        stream = ItemStream(lambda: iter(sources))
        report = convert(stream, ImageStream, kind, output=root / "out", images="link")
        with convert(root / "out", kind, ImageStream, image_size=size).value as back:
            found = list(back)
        assert len(found) == len(dataset)
        assert all(one.source is not None and one.source.read_bytes() == b"x" for one in found)
        found.sort(key=lambda one: one.name)
        return found, {one.loss.name: one.count for one in report.losses}


def by_tool(one: ImageItem) -> dict[str, list[Annotation]]:
    """Return the objects as DM orders them: by the kind of their shape."""
    found: dict[str, list[Annotation]] = {}
    for annotation in one.annotations:
        kind = "polygon" if annotation.polygons else "polyline" if annotation.polyline else ""
        found.setdefault(kind or ("keypoint" if annotation.keypoints else "box"), []).append(annotation)
    return found


class TestRoundTrips:
    @given(datasets)
    @settings(max_examples=30, deadline=None)
    def test_through_dm_version_2_loses_nothing(self, dataset: tuple[ImageItem, ...]) -> None:
        found, lost = there_and_back("dm_v2", dataset)
        assert lost == {}
        for before, after in zip(dataset, found, strict=True):
            assert by_tool(after) == by_tool(before)
            assert (after.name, after.split, after.links) == (before.name, before.split, before.links)

    @given(datasets)
    @settings(max_examples=30, deadline=None)
    def test_through_dm_version_1_loses_what_is_stated(self, dataset: tuple[ImageItem, ...]) -> None:
        found, lost = there_and_back("dm_v1", dataset)
        boxes_lost = keypoints_lost = 0
        for before, after in zip(dataset, found, strict=True):
            assert len(after.annotations) <= len(before.annotations)
            there = {one.id: one for one in after.annotations}
            for one in before.annotations:
                has_more = bool(one.box and one.shapes)
                is_lost = len(one.keypoints) > 1 or any(point.visibility is not None for point in one.keypoints)
                boxes_lost += has_more
                keypoints_lost += is_lost
                if not has_more and not is_lost:
                    assert there[one.id] == one
                elif one.bounds() is not None:
                    assert there[one.id].label == one.label
        assert lost.get("boxes", 0) == boxes_lost
        assert lost.get("keypoints", 0) == keypoints_lost
        assert lost.get("links", 0) == sum(len(one.links) for one in dataset)

    @given(datasets)
    @settings(max_examples=30, deadline=None)
    def test_through_coco_loses_what_is_stated(self, dataset: tuple[ImageItem, ...]) -> None:
        found, lost = there_and_back("coco", dataset)
        assert set(lost) <= {"ids", "keypoints", "links", "polylines", "visibility"}
        assert lost.get("ids", 0) == sum(len(one.annotations) for one in dataset)
        dropped = 0
        for before, after in zip(dataset, found, strict=True):
            assert (after.name, after.split, after.width, after.height) == (before.name, before.split, WIDTH, HEIGHT)
            for one, other in zip(before.annotations, after.annotations, strict=True):
                assert other.label == one.label
                assert other.attributes == one.attributes
                assert other.polygons == one.polygons
                assert other.bounds() == one.bounds()
                assert other.area is None
                told = tuple(Keypoint(p.x, p.y, 2 if p.visibility is None else p.visibility) for p in one.keypoints)
                assert other.keypoints in (told, ())
                dropped += other.keypoints != told
        assert lost.get("keypoints", 0) == dropped

    @given(datasets)
    @settings(max_examples=30, deadline=None)
    def test_through_pascal_voc_loses_what_is_stated(self, dataset: tuple[ImageItem, ...]) -> None:
        found, lost = there_and_back("pascal_voc", dataset)
        assert set(lost) <= {"ids", "links", "shapes", "types of attributes"}
        assert lost.get("shapes", 0) == sum(one.shapes > 0 for item in dataset for one in item.annotations)
        for before, after in zip(dataset, found, strict=True):
            kept = [one for one in before.annotations if one.bounds() is not None]
            for one, other in zip(kept, after.annotations, strict=True):
                box, back = one.bounds(), other.box
                assert (other.label, back) == (one.label, box)
                assert dict(other.attributes).keys() == dict(one.attributes).keys()
                if "types of attributes" not in lost:
                    assert dict(other.attributes) == dict(one.attributes)

    @given(datasets)
    @settings(max_examples=30, deadline=None)
    def test_through_yolo_loses_what_is_stated(self, dataset: tuple[ImageItem, ...]) -> None:
        found, lost = there_and_back("yolo", dataset)
        assert set(lost) <= {
            *("attributes", "boxes", "ids", "keypoints", "links", "polygons", "polylines", "splits", "visibility")
        }
        for before, after in zip(dataset, found, strict=True):
            kept = [one for one in before.annotations if one.bounds() is not None]
            for one, other in zip(kept, after.annotations, strict=True):
                assert other.label == one.label
                if (one.polygons and not other.polygons) or (one.keypoints and not other.keypoints):
                    assert lost["polygons" if one.polygons else "keypoints"] > 0
                    continue
                pairs = list(zip(numbers(one), numbers(other), strict=True))
                # A millionth of the image's size, twice for a corner of a box.
                assert all(abs(a - b) <= WIDTH * 2e-6 for a, b in pairs)
                assert len(other.keypoints) == len(one.keypoints)


def numbers(one: Annotation) -> list[float]:
    """Return the coordinates that YOLO keeps of an object without keypoints."""
    if one.keypoints:
        return []
    if one.polygons:
        return [number for polygon in one.polygons for point in polygon for number in point]
    box = one.bounds()
    return [] if box is None else [box.x, box.y, box.width, box.height]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
CAR = {"id": "a", "classification": "car", "attrs": [{"name": "n", "value": 1}], "data": [0, 0, 1, 1]}
DOCUMENTS: dict[str, Any] = {
    "dm_v2": {
        "images": [
            {
                "bounding_box": [CAR],
                "polygon": [{**CAR, "id": "b", "data": [[0, 0], [1, 0], [1, 1]]}],
                "polyline": [{**CAR, "id": "c", "data": [[0, 0], [1, 0]]}],
                "keypoint": [{**CAR, "id": "d", "data": [[0, 0, 2]], "bounding_box": [0, 0, 1, 1]}],
                "group": [{**CAR, "id": "e", "data": ["a", "b"]}],
            }
        ]
    },
    "dm_v1": {
        "annotations": {
            "image_1": [
                {"id": "a", "tool": "bounding_box", "classification": {"class": "car"}},
                {"id": "b", "tool": "polygon", "classification": {"class": "car"}},
                {"id": "c", "tool": "keypoint", "classification": {"class": "car"}},
            ]
        },
        "annotationsData": {
            "image_1": [
                {"id": "a", "coordinate": {"x": 0, "y": 0, "width": 1, "height": 1}},
                {"id": "b", "coordinate": [{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]},
                {"id": "c", "coordinate": {"x": 0, "y": 0}},
            ]
        },
    },
    "coco": {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [0, 0, 1, 1],
                "area": 1,
                "iscrowd": 0,
                "segmentation": [[0, 0, 1, 0, 1, 1]],
                "keypoints": [1, 1, 2],
                "attributes": {"a": 1},
            },
            {"id": 2, "image_id": 1, "category_id": 1, "segmentation": {"counts": "x", "size": [9, 9]}},
        ],
        "categories": [{"id": 1, "name": "car", "keypoints": ["nose"], "skeleton": [[1, 1]]}],
    },
}


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """Put any value, or nothing, in one place of a document."""
    copy = json.loads(json.dumps(document))
    at: Any = copy
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = draw(st.sampled_from(keys))
        if isinstance(at[key], dict | list) and at[key] and draw(st.integers(0, 4)):
            at = at[key]
            continue
        if draw(st.booleans()):
            at[key] = draw(json_values)
        else:
            del at[key]
        return copy


def outcome(root: Path, kind: str) -> int:
    """Convert to everything else; a dataset error is the only thing that may go wrong."""
    done = 0
    for target in FORMATS:
        if target != kind:
            with contextlib.suppress(DatasetError):
                # A hidden folder: what is written must not become a part of what is read.
                out = root / ".out" / target
                done += convert(root, kind, target, output=out, images="leave", image_size=size).done
    found: list[DatasetError] = []
    report = convert(root, kind, "image_stream", images="leave", image_size=size, on_fault=found.append)
    with report.value as stream:
        list(stream)
    return done + len(found)


class TestWrongDocuments:
    @pytest.mark.parametrize("kind", ["dm_v1", "dm_v2", "coco"])
    @given(data=st.data())
    @settings(max_examples=40, deadline=None)
    def test_of_json_are_faults_or_read(self, kind: str, data: st.DataObject) -> None:
        document = data.draw(mutated(DOCUMENTS[kind]) | json_values)
        with folder() as root:
            path = root / ("annotations/instances.json" if kind == "coco" else "json/a.json")
            path.parent.mkdir()
            path.write_text(json.dumps(document))
            outcome(root, kind)

    @pytest.mark.parametrize("kind", ["dm_v1", "dm_v2", "coco"])
    def test_that_are_right_are_read(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / ("annotations/instances.json" if kind == "coco" else "json/a.json")
        path.parent.mkdir()
        path.write_text(json.dumps(DOCUMENTS[kind]))
        (tmp_path / "original_files").mkdir()
        (tmp_path / "original_files/a.jpg").touch()
        assert outcome(tmp_path, kind) == 4

    @given(
        st.lists(st.text("0123456789. -e\tna\r_x", max_size=30), max_size=4), st.sampled_from([None, (1, 3), (2, 2)])
    )
    @settings(max_examples=40, deadline=None)
    def test_of_yolo_are_faults_or_read(self, lines: list[str], shape: tuple[int, int] | None) -> None:
        with folder() as root:
            for name in ("images", "labels"):
                (root / name).mkdir()
            (root / "images/a.jpg").write_bytes(b"")
            (root / "labels/a.txt").write_text("\n".join(lines))
            tail = "" if shape is None else f"kpt_shape: {list(shape)}\n"
            (root / "dataset.yaml").write_text(f"train: images\nnames: [a, b]\n{tail}")
            outcome(root, "yolo")

    @given(st.text(max_size=60))
    @settings(max_examples=30, deadline=None)
    def test_of_yolo_configurations_are_faults_or_read(self, text: str) -> None:
        with folder() as root:
            (root / "images").mkdir()
            (root / "dataset.yaml").write_text(f"train: images\nnames: {text}\n", errors="surrogatepass")
            with contextlib.suppress(DatasetError):
                convert(root, "yolo", ImageStream)

    @given(st.data())
    @settings(max_examples=40, deadline=None)
    def test_of_xml_are_faults_or_read(self, data: st.DataObject) -> None:
        text = (
            "<annotation><filename>a.jpg</filename><size><width>9</width><height>9</height></size><object>"
            "<name>car</name><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax>"
            "</bndbox></object></annotation>"
        )
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 9)))
        piece = data.draw(st.text('<>/&";!-0 a\n\0é', max_size=8))
        with folder() as root:
            (root / "Annotations").mkdir()
            (root / "Annotations/a.xml").write_text(text[:start] + piece + text[end:])
            outcome(root, "pascal_voc")


COUNT = 5_000


def many() -> Iterator[ImageItem]:
    for number in range(COUNT):
        yield ImageItem(
            name=f"{number:05}.jpg",
            width=WIDTH,
            height=HEIGHT,
            annotations=tuple(
                Annotation(label=f"kind {n}", id=f"{n}", box=Box(n, n, 4, 4), attributes=(("color", "red"),))
                for n in range(3)
            ),
        )


class Watch:
    """Count the objects that are alive each thousand images."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, done: int, total: int | None = None) -> None:
        if done % 1000 == 0:
            gc.collect()
            self.counts.append(len(gc.get_objects()))

    def assert_flat(self) -> None:
        assert len(self.counts) == COUNT // 1000
        # Not one object for every hundred images.
        assert max(self.counts) - min(self.counts) < COUNT // 100


@pytest.mark.parametrize("kind", FORMATS)
def test_memory_does_not_grow_with_the_number_of_images(kind: str, tmp_path: Path) -> None:
    watch = Watch()
    convert(ItemStream(many), ImageStream, kind, output=tmp_path / "out", images="leave", progress=watch)
    watch.assert_flat()
    if kind == "yolo":
        for number in range(COUNT):
            (tmp_path / f"out/images/{number:05}.jpg").touch()
    watch = Watch()
    report = convert(tmp_path / "out", kind, ImageStream, images="leave", image_size=size)
    with report.value as stream:
        assert stream.total == COUNT
        for done, item in enumerate(stream, 1):
            assert len(item.annotations) == 3
            watch(done)
    watch.assert_flat()
