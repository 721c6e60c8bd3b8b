"""DM datasets of both versions, from documents as the tools write them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from plugbus.capabilities.datasets import (
    Annotation,
    Box,
    DatasetError,
    ImageItem,
    ItemStream,
    Keypoint,
    Label,
    Link,
    convert,
)
from plugbus.capabilities.types import DMv1Dataset, DMv2Dataset, ImageStream

if TYPE_CHECKING:
    from pathlib import Path

V2: dict[str, Any] = {
    "classification": {
        "bounding_box": ["car"],
        "polygon": ["road"],
        "polyline": ["lane"],
        "keypoint": ["nose", "pose"],
        "relation": ["next"],
        "group": ["team"],
    },
    "images": [
        {
            "bounding_box": [
                {
                    "id": "b1",
                    "classification": "car",
                    "attrs": [{"name": "color", "value": "red"}, {"name": "doors", "value": 4}],
                    "data": [10, 20, 30.5, 40],
                }
            ],
            "polygon": [{"id": "p1", "classification": "road", "attrs": [], "data": [[0, 0], [10, 0], [10, 8.5]]}],
            "polyline": [{"id": "l1", "classification": "lane", "attrs": [], "data": [[1, 1], [5, 5]]}],
            "keypoint": [
                {"id": "k1", "classification": "nose", "attrs": [], "data": [3, 4]},
                {
                    "id": "k2",
                    "classification": "pose",
                    "attrs": [],
                    "data": [[1, 2, 2], [3, 4, 1], [0, 0, 0]],
                    "bounding_box": [0, 0, 6, 7],
                },
            ],
            "relation": [{"id": "r1", "classification": "next", "attrs": [], "data": ["b1", "p1"]}],
            "group": [{"id": "g1", "classification": "team", "attrs": [], "data": ["b1", "p1", "k1"]}],
        }
    ],
}

V1: dict[str, Any] = {
    "extra": {"image_1": {}},
    "relations": {"image_1": []},
    "annotationGroups": {"image_1": []},
    "annotations": {
        "image_1": [
            {
                "id": "b1",
                "tool": "bounding_box",
                "isLocked": False,
                "isVisible": True,
                "classification": {"class": "car", "color": "red"},
            },
            {
                "id": "p1",
                "tool": "polygon",
                "isLocked": False,
                "isVisible": True,
                "classification": {"class": "road"},
            },
            {
                "id": "l1",
                "tool": "polyline",
                "isLocked": False,
                "isVisible": True,
                "classification": {"class": "lane"},
            },
            {
                "id": "k1",
                "tool": "keypoint",
                "isLocked": False,
                "isVisible": True,
                "classification": {"class": "nose"},
            },
        ]
    },
    "annotationsData": {
        "image_1": [
            {"id": "b1", "coordinate": {"x": 10, "y": 20, "width": 30.5, "height": 40}},
            {
                "id": "p1",
                "coordinate": [
                    {"id": "p1-1", "x": 0, "y": 0},
                    {"id": "p1-2", "x": 10, "y": 0},
                    {"id": "p1-3", "x": 10, "y": 8.5},
                ],
            },
            {"id": "l1", "coordinate": [{"id": "l1-1", "x": 1, "y": 1}, {"id": "l1-2", "x": 5, "y": 5}]},
            {"id": "k1", "coordinate": {"x": 3, "y": 4}},
        ]
    },
}

ITEM = ImageItem(
    name="a.png",
    annotations=(
        Annotation(label="car", id="b1", box=Box(10, 20, 30.5, 40), attributes=(("color", "red"), ("doors", 4))),
        Annotation(label="road", id="p1", polygons=(((0, 0), (10, 0), (10, 8.5)),)),
        Annotation(label="lane", id="l1", polyline=((1, 1), (5, 5))),
        Annotation(label="nose", id="k1", keypoints=(Keypoint(3, 4),)),
        Annotation(
            label="pose",
            id="k2",
            box=Box(0, 0, 6, 7),
            keypoints=(Keypoint(1, 2, 2), Keypoint(3, 4, 1), Keypoint(0, 0, 0)),
        ),
    ),
    links=(
        Link(kind="relation", members=("b1", "p1"), label="next", id="r1"),
        Link(kind="group", members=("b1", "p1", "k1"), label="team", id="g1"),
    ),
)


def write(root: Path, documents: dict[str, Any], *, images: bool = True) -> Path:
    for name, document in documents.items():
        path = root / "json" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        if images:
            image = root / "original_files" / f"{name}.png"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(name.encode())
    return root


def read(root: Path, kind: str = "dm_v2", **options: Any) -> list[ImageItem]:
    with convert(root, kind, ImageStream, **options).value as stream:
        return list(stream)


def written(tmp_path: Path, kind: Any, *items: ImageItem, labels: tuple[Label, ...] = ()) -> tuple[Any, dict[str, int]]:
    stream = ItemStream(lambda: iter(items), labels)
    report = convert(stream, ImageStream, kind, output=tmp_path / "out", images="leave")
    (document,) = (tmp_path / "out").rglob("*.json")
    return json.loads(document.read_text()), {one.loss.name: one.count for one in report.losses}


class TestVersion2:
    def test_is_read(self, tmp_path: Path) -> None:
        (item,) = read(write(tmp_path, {"a": V2}))
        assert item.source == tmp_path / "original_files/a.png"
        assert (item.name, item.split, item.extra) == ("a.png", None, {})
        assert item.annotations == ITEM.annotations
        assert item.links == ITEM.links

    def test_is_written(self, tmp_path: Path) -> None:
        assert written(tmp_path, DMv2Dataset, ITEM) == (V2, {})

    def test_keeps_what_only_it_has(self, tmp_path: Path) -> None:
        document = json.loads(json.dumps(V2))
        document["images"][0]["cuboid"] = [{"id": "c", "data": {"deep": [1]}}]
        document["images"][0]["bounding_box"][0]["locked"] = True
        document["classification"]["bounding_box"].append("unused")
        document["version"] = 7
        (item,) = read(write(tmp_path, {"a": document}))
        assert written(tmp_path, DMv2Dataset, item) == (document, {})

    def test_has_splits_in_their_order(self, tmp_path: Path) -> None:
        for folder in ("valid", "test", "train", "more", ".hidden"):
            write(tmp_path / folder, {f"{folder.lstrip('.')}_1": V2, f"{folder.lstrip('.')}_0": V2})
        assert [(one.split, one.name) for one in read(tmp_path)] == [
            ("train", "train_0.png"),
            ("train", "train_1.png"),
            ("val", "valid_0.png"),
            ("val", "valid_1.png"),
            ("test", "test_0.png"),
            ("test", "test_1.png"),
            ("more", "more_0.png"),
            ("more", "more_1.png"),
        ]
        convert(tmp_path, "dm_v2", "dm_v1", output=tmp_path / "out")
        assert sorted(one.name for one in (tmp_path / "out").iterdir()) == ["more", "test", "train", "valid"]
        assert (tmp_path / "out/valid/original_files/valid_1.png").read_bytes() == b"valid_1"

    def test_hidden_files_are_no_documents(self, tmp_path: Path) -> None:
        write(tmp_path, {"a": V2, "._a": "no json", ".hidden/b": "no json"})
        assert [one.name for one in read(tmp_path)] == ["a.png"]

    def test_folders_that_are_linked_are_read_and_circles_end(self, tmp_path: Path) -> None:
        write(tmp_path / "in", {"a": V2})
        write(tmp_path / "other", {"b": V2})
        for folder in ("json", "original_files"):
            (tmp_path / "in" / folder / "linked").symlink_to(tmp_path / "other" / folder)
            (tmp_path / "in" / folder / "again").symlink_to(tmp_path / "in" / folder)
        assert [one.name for one in read(tmp_path / "in")] == ["a.png", "linked/b.png"]

    def test_has_folders(self, tmp_path: Path) -> None:
        write(tmp_path, {"x/y/a": V2, "x/b": V2, "c": V2})
        assert [one.name for one in read(tmp_path)] == ["c.png", "x/b.png", "x/y/a.png"]

    def test_number_ids_become_texts_and_missing_ids_are_made(self, tmp_path: Path) -> None:
        entry = {"classification": "car", "data": [0, 0, 1, 1]}
        document = {"images": [{"bounding_box": [{"id": 2, **entry}, entry, {"id": "1", **entry}, entry]}]}
        (item,) = read(write(tmp_path, {"a": document}))
        assert [one.id for one in item.annotations] == ["2", "", "1", ""]
        found, _ = written(tmp_path, DMv2Dataset, item)
        assert [one["id"] for one in found["images"][0]["bounding_box"]] == ["2", "3", "1", "4"]

    def test_an_object_of_several_shapes_becomes_a_group(self, tmp_path: Path) -> None:
        one = Annotation(
            label="car",
            id="x",
            box=Box(0, 0, 9, 9),
            polygons=(((0, 0), (1, 0), (1, 1)), ((5, 5), (6, 5), (6, 6))),
            keypoints=(Keypoint(1, 1, 2),),
        )
        found, lost = written(tmp_path, DMv2Dataset, ImageItem(name="a.png", annotations=(one,)))
        (image,) = found["images"]
        assert [entry["id"] for entry in image["polygon"]] == ["x", "1"]
        assert image["polygon"][0]["bounding_box"] == [0, 0, 9, 9]
        assert "bounding_box" not in image["polygon"][1]
        assert image["keypoint"][0]["data"] == [[1, 1, 2]]
        assert image["group"][0]["data"] == ["x", "1", "2"]
        assert lost == {"parts": 1}

    def test_says_what_it_drops(self, tmp_path: Path) -> None:
        one = Annotation(label="car", box=Box(0, 0, 1, 1), rle={"counts": "x"}, area=3.5, extra={"coco": {"a": 1}})
        item = ImageItem(name="a.png", annotations=(one, one), extra={"coco": {"b": 1}})
        _, lost = written(tmp_path, DMv2Dataset, item, labels=(Label("x"), Label("y")))
        assert lost == {"areas": 2, "extra": 3, "labels": 2, "masks": 2}

    @pytest.mark.parametrize(
        ("place", "value", "faults"),
        [
            ("", "{", ["it is no JSON: Expecting property name enclosed in double quotes at line 1, column 2"]),
            ("", b"\xff\xfe", ["it is no UTF-8: invalid start byte at byte 1"]),
            ("", "[" * 100_000, ["it is nested too deeply"]),
            ("", [], ["$: it is an array of 0, not an object"]),
            ("", {}, ["$.images: it is missing, not an array"]),
            ("images", [], ["$.images: there are 0 images in it, and a document is about one"]),
            ("images", [3], ["$.images[0]: it is 3, not an object"]),
            ("~polygon", {}, ["~polygon: it is an object, not an array"]),
            ("~polygon.0", 3, ["~polygon[0]: it is 3, not an object"]),
            ("~polygon.0.id", [1], ["~polygon[0].id: it is [1], not a text"]),
            ("~polygon.0.id", "b1", ["~polygon[0].id: 'b1' is the id of another one, too"]),
            ("~polygon.0.classification", " ", ["~polygon[0].classification: it is ' ', not a text"]),
            ("~polygon.0.attrs", [3], ["~polygon[0].attrs[0]: it is 3, not an object"]),
            ("~polygon.0.attrs", [{}], ["~polygon[0].attrs[0].name: it is missing, not a text"]),
            ("~polygon.0.data", [[0, 0]], ["~polygon[0].data: it is an array of 1, not at least 3 points"]),
            ("~polygon.0.data", [[0, 0], [1], [2, "x"]], [
                "~polygon[0].data[1]: it is an array of 1, not 2 numbers",
                "~polygon[0].data[2][1]: it is 'x', not a number",
            ]),
            ("~bounding_box.0.data", [0, 0, True, 1], ["~bounding_box[0].data[2]: it is True, not a number"]),
            ("~bounding_box.0.data", [0, 0, -1, 1],
             ["~bounding_box[0].data: width and height are -1 and 1, and must not be below 0"]),
            ("~bounding_box.0.data", [0, 0, float("nan"), 1], ["~bounding_box[0].data[2]: it is nan, not a number"]),
            ("~bounding_box.0.data", [0, 0, 10**400, 1],
             ["~bounding_box[0].data[2]: it is 1000000000000000000000000000000000000..., not a number"]),
            ("~keypoint.0.data", [], ["~keypoint[0].data: there is no point in it"]),
            ("~keypoint.0.data", [1], ["~keypoint[0].data: it is an array of 1, not 2 numbers"]),
            ("~keypoint.0.data", [[1, 2, 3]], ["~keypoint[0].data[0][2]: visibility is 3, not 0, 1 or 2"]),
            ("~keypoint.0.data", [[1, 2], [1]], ["~keypoint[0].data[1]: it is no [x, y] and no [x, y, visibility]"]),
            ("~group.0.data", 3, ["~group[0].data: it is 3, not an array"]),
        ],
    )  # fmt: skip
    def test_faults_are_told_with_their_places(self, tmp_path: Path, place: str, value: Any, faults: list[str]) -> None:
        document: Any = json.loads(json.dumps(V2))
        at = document
        *path, last = place.replace("~", "images.0.").split(".")
        for part in path:
            at = at[int(part) if part.isdigit() else part]
        if not place:
            document = value
        elif isinstance(at, list):
            at[int(last)] = value
        else:
            at[last] = value
        write(tmp_path, {"a": V2})
        raw = value if isinstance(value, bytes) else None
        text = value if isinstance(value, str) and not place else None if raw else json.dumps(document)
        (tmp_path / "json/a.json").write_bytes(raw if raw is not None else str(text).encode())
        with pytest.raises(DatasetError) as caught:
            read(tmp_path)
        assert caught.value.document == str(tmp_path / "json/a.json")
        told = [f"{at}: {why}" if at else why for at, why in caught.value.faults]
        assert [one.replace("$.images[0].", "~") for one in told] == faults

    def test_every_fault_of_a_document_is_told_at_once_and_only_it_is_left_out(self, tmp_path: Path) -> None:
        bad = {"images": [{"polygon": [{"data": [], "id": 3}], "polyline": [{"classification": "x", "data": 3}]}]}
        write(tmp_path, {"a": V2, "b": bad, "c": V2})
        (tmp_path / "original_files/b.png").unlink()
        found: list[DatasetError] = []
        assert [one.name for one in read(tmp_path, on_fault=found.append)] == ["a.png", "c.png"]
        assert len(found) == 1
        assert [place for place, _ in found[0].faults] == [
            "$.images[0].polygon[0].classification",
            "$.images[0].polygon[0].data",
            "$.images[0].polyline[0].data",
            "",
        ]
        assert found[0].faults[-1][1] == f"there is no image 'b' in '{tmp_path / 'original_files'}'"

    def test_a_document_of_another_kind_has_a_bounded_number_of_faults(self, tmp_path: Path) -> None:
        write(tmp_path, {"a": {"images": [{"polygon": [3] * 5000}]}})
        with pytest.raises(DatasetError) as caught:
            read(tmp_path)
        assert len(caught.value.faults) == 1000

    def test_an_image_is_needed_unless_images_are_left(self, tmp_path: Path) -> None:
        write(tmp_path, {"a": V2}, images=False)
        with pytest.raises(DatasetError, match="there is no image 'a'"):
            read(tmp_path)
        (item,) = read(tmp_path, images="leave")
        assert (item.name, item.source) == ("a.jpg", None)

    def test_two_images_of_one_document_are_a_fault(self, tmp_path: Path) -> None:
        write(tmp_path, {"a": V2})
        (tmp_path / "original_files/a.jpg").write_bytes(b"")
        (tmp_path / "original_files/a.txt").write_bytes(b"")
        with pytest.raises(DatasetError, match=r"several images are called so: a.jpg, a.png"):
            read(tmp_path)

    @pytest.mark.parametrize("there", [True, False])
    def test_a_folder_of_something_else_is_refused(self, tmp_path: Path, there: bool) -> None:
        with pytest.raises(DatasetError, match="there is no folder 'json' in it"):
            read(tmp_path if there else tmp_path / "nowhere")

    def test_nothing_is_a_dataset_too(self, tmp_path: Path) -> None:
        convert(ItemStream(lambda: iter(())), ImageStream, "dm_v2", output=tmp_path / "out")
        assert read(tmp_path / "out") == []


class TestVersion1:
    def test_is_read(self, tmp_path: Path) -> None:
        (item,) = read(write(tmp_path, {"a": V1}), "dm_v1")
        assert item.annotations == (
            Annotation(label="car", id="b1", box=Box(10, 20, 30.5, 40), attributes=(("color", "red"),)),
            *ITEM.annotations[1:4],
        )
        assert item.extra == {}

    def test_is_written(self, tmp_path: Path) -> None:
        car = Annotation(label="car", id="b1", box=Box(10, 20, 30.5, 40), attributes=(("color", "red"),))
        item = ImageItem(name="a.png", annotations=(car, *ITEM.annotations[1:4]))
        assert written(tmp_path, DMv1Dataset, item) == (V1, {})

    def test_survives_version_2(self, tmp_path: Path) -> None:
        write(tmp_path / "in", {"a": V1})
        first = convert(tmp_path / "in", "dm_v1", "dm_v2", output=tmp_path / "two")
        second = convert(tmp_path / "two", "dm_v2", "dm_v1", output=tmp_path / "one")
        assert first.losses == second.losses == ()
        assert json.loads((tmp_path / "one/json/a.json").read_text()) == V1
        assert (tmp_path / "one/original_files/a.png").read_bytes() == b"a"

    def test_says_what_it_drops(self, tmp_path: Path) -> None:
        twice = Annotation(label="x", id="c", box=Box(0, 0, 1, 1), attributes=(("class", 1), ("a", 2), ("a", 3)))
        mask = Annotation(label="x", box=Box(0, 0, 1, 1), rle={}, area=3.0, extra={"coco": {}})
        pieces = Annotation(label="x", polygons=(((0, 0), (1, 0), (1, 1)), ((5, 5), (6, 5), (6, 6))))
        item = ImageItem(
            name="a.png", annotations=(*ITEM.annotations, twice, mask, pieces), links=ITEM.links, extra={"coco": {}}
        )
        found, lost = written(tmp_path, DMv1Dataset, item, labels=(Label("x"),))
        assert lost == {
            "areas": 1,
            "attributes": 2,
            "boxes": 1,
            "extra": 2,
            "keypoints": 1,
            "labels": 1,
            "links": 2,
            "masks": 1,
            "parts": 1,
        }
        assert [one["tool"] for one in found["annotations"]["image_1"]] == [
            *("bounding_box", "polygon", "polyline", "keypoint"),
            "bounding_box",  # the keypoints are kept as the box that they had
            *("bounding_box", "bounding_box", "polygon", "polygon"),
        ]

    def test_keeps_states_and_counts_them_where_they_are_lost(self, tmp_path: Path) -> None:
        document = json.loads(json.dumps(V1))
        document["annotations"]["image_1"][0]["isLocked"] = True
        document["relations"]["image_1"] = [{"id": "r"}]
        document["annotationsData"]["image_1"][0]["coordinate"]["rotation"] = 0.5
        write(tmp_path / "in", {"a": document})
        (item,) = read(tmp_path / "in", "dm_v1")
        assert item.annotations[0].extra == {"dm_v1": {"isLocked": True}}
        assert item.annotations[0].attributes == (("color", "red"), ("rotation", 0.5))
        found, lost = written(tmp_path, DMv1Dataset, item)
        assert lost == {}
        assert found["annotations"]["image_1"][0]["isLocked"] is True
        assert found["relations"] == document["relations"]
        report = convert(tmp_path / "in", "dm_v1", "dm_v2", output=tmp_path / "two")
        assert [(one.loss.name, one.count, one.places) for one in report.losses] == [("extra", 2, ("a.png#0", "a.png"))]

    def test_every_fault_is_told_at_once(self, tmp_path: Path) -> None:
        document = {
            "annotations": {
                "image_1": [
                    {"id": "a", "tool": "cuboid", "classification": {"class": "x"}},
                    {"id": "a", "tool": "polygon", "classification": {"class": "x"}},
                    {"id": "b", "tool": "polygon", "classification": {}},
                    {"id": "c", "tool": "polygon", "classification": {"class": "x"}},
                    {"id": "d", "tool": "bounding_box", "classification": {"class": "x"}},
                    3,
                ]
            },
            "annotationsData": {
                "image_1": [
                    {"id": "a", "coordinate": [{"x": 1, "y": 2}]},
                    {"id": "b", "coordinate": []},
                    {"id": "d", "coordinate": {"x": 1, "y": 1, "width": 3}},
                    {"id": "d", "coordinate": {"x": 1, "y": 1, "width": 3}},
                    {"id": "z", "coordinate": {}},
                ]
            },
        }
        with pytest.raises(DatasetError) as caught:
            read(write(tmp_path, {"a": document}), "dm_v1")
        assert [place for place, _ in caught.value.faults] == [
            "$.annotationsData.image_1[3].id",
            "$.annotations.image_1[0].tool",
            "$.annotations.image_1[1].id",
            "$.annotationsData.image_1[0].coordinate",
            "$.annotations.image_1[2].classification.class",
            "$.annotations.image_1[3]",
            "$.annotationsData.image_1[3].coordinate[3]",
            "$.annotations.image_1[5]",
            "$.annotationsData.image_1[4].coordinate",
        ]

    def test_a_document_is_about_one_image(self, tmp_path: Path) -> None:
        document: dict[str, Any] = {"annotations": {"image_1": [], "image_2": []}, "annotationsData": {}}
        with pytest.raises(DatasetError, match="it is about image_1, image_2, and a document is about one image"):
            read(write(tmp_path, {"a": document}), "dm_v1")
