"""COCO datasets, from documents as the tools write them; the numbers are worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plugbus.capabilities.datasets import (
    Annotation,
    Box,
    COCOReader,
    ConversionReport,
    DatasetError,
    ImageItem,
    ItemStream,
    Keypoint,
    Label,
    Link,
    convert,
)
from plugbus.capabilities.types import COCODataset, ImageStream

RLE = {"counts": "eP^1", "size": [100, 200]}
DOCUMENT: dict[str, Any] = {
    "info": {"year": 2017, "deep": {"a": [1, 2]}},
    "licenses": [],
    "annotations": [
        {
            "id": 7,
            "image_id": 20,
            "category_id": 18,
            "bbox": [10, 20, 30, 40],
            "area": 1200,
            "iscrowd": 0,
            "segmentation": [],
        },
        {
            "id": 5,
            "image_id": 10,
            "category_id": 1,
            # A right triangle with legs of 10 and 20 pixels: 100 square pixels.
            "segmentation": [[0, 0, 10, 0, 10, 20]],
            "bbox": [0, 0, 10, 20],
            "area": 100.0,
            "iscrowd": 0,
            "keypoints": [1, 2, 2, 3, 4, 1, 0, 0, 0],
            "num_keypoints": 2,
        },
        {
            "id": 6,
            "image_id": 20,
            "category_id": 1,
            "segmentation": RLE,
            "bbox": [1, 1, 5, 5],
            "area": 17.5,
            "iscrowd": 1,
            "attributes": {"pose": "left"},
            "score": 0.5,
        },
    ],
    "images": [
        {"id": 20, "file_name": "b.jpg", "width": 200, "height": 100, "license": 3},
        {"id": 10, "file_name": "sub/a.jpg", "width": 64, "height": 48},
        {"id": 30, "file_name": "empty.jpg", "width": 64, "height": 48},
    ],
    "categories": [
        {
            "id": 1,
            "name": "person",
            "supercategory": "being",
            "keypoints": ["nose", "left", "right"],
            "skeleton": [[1, 2], [2, 3]],
        },
        {"id": 18, "name": "dog"},
    ],
}


def dataset(root: Path, document: Any = DOCUMENT, name: str = "instances_train2017", folder: str = "train2017") -> Path:
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    text = document if isinstance(document, str) else json.dumps(document)
    (root / "annotations" / f"{name}.json").write_text(text)
    images = document["images"] if isinstance(document, dict) and isinstance(document.get("images"), list) else []
    for one in images:
        if isinstance(one, dict) and isinstance(one.get("file_name"), str) and ".." not in one["file_name"]:
            path = root / folder / one["file_name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(one["file_name"].encode())
    return root


def read(root: Path, **options: Any) -> list[ImageItem]:
    with convert(root, "coco", ImageStream, **options).value as stream:
        return list(stream)


def write(
    tmp_path: Path, *items: ImageItem, labels: tuple[Label, ...] = (), split: str = ""
) -> tuple[dict[str, Any], ConversionReport, dict[str, int]]:
    stream = ItemStream(lambda: iter(items), labels)
    report = convert(stream, ImageStream, COCODataset, output=tmp_path / "out", images="leave")
    document = json.loads((tmp_path / f"out/annotations/instances{split}.json").read_text())
    return document, report, {one.loss.name: one.count for one in report.losses}


def item(*annotations: Annotation, name: str = "a.jpg", **more: Any) -> ImageItem:
    return ImageItem(name=name, width=200, height=100, annotations=annotations, **more)


class TestReading:
    def test_images_come_in_their_order_each_with_its_objects(self, tmp_path: Path) -> None:
        b, a, empty = read(dataset(tmp_path))
        assert [one.name for one in (b, a, empty)] == ["b.jpg", "sub/a.jpg", "empty.jpg"]
        assert {one.split for one in (b, a, empty)} == {"train"}
        assert (b.width, b.height, b.source) == (200, 100, tmp_path / "train2017/b.jpg")
        assert b.extra == {"coco": {"license": 3}}
        assert empty.annotations == ()
        assert b.annotations == (
            Annotation(label="dog", id="7", box=Box(10, 20, 30, 40)),
            Annotation(
                label="person",
                id="6",
                box=Box(1, 1, 5, 5),
                rle=RLE,
                area=17.5,
                attributes=(("pose", "left"), ("iscrowd", 1)),
                extra={"coco": {"score": 0.5}},
            ),
        )
        assert a.annotations == (
            Annotation(
                label="person",
                id="5",
                polygons=(((0, 0), (10, 0), (10, 20)),),
                keypoints=(Keypoint(1, 2, 2), Keypoint(3, 4, 1), Keypoint(0, 0, 0)),
            ),
        )

    def test_box_and_area_are_kept_where_they_say_more(self, tmp_path: Path) -> None:
        document = json.loads(json.dumps(DOCUMENT))
        document["annotations"][1] |= {"bbox": [0, 0, 11, 20], "area": 99.0}
        (one,) = read(dataset(tmp_path, document))[1].annotations
        assert one.box == Box(0, 0, 11, 20)
        assert one.area == 99.0

    def test_categories_are_labels(self, tmp_path: Path) -> None:
        with convert(dataset(tmp_path), "coco", ImageStream).value as stream:
            assert stream.total == 3
            assert stream.labels == (
                Label("person", "being", ("nose", "left", "right"), ((1, 2), (2, 3))),
                Label("dog"),
            )

    def test_may_be_read_twice_and_at_a_time(self, tmp_path: Path) -> None:
        with convert(dataset(tmp_path), "coco", ImageStream).value as stream:
            pairs = list(zip(stream, stream, strict=True))
        assert all(one == other for one, other in pairs)

    def test_ids_of_objects_may_be_missing(self, tmp_path: Path) -> None:
        document = json.loads(json.dumps(DOCUMENT))
        for one in document["annotations"]:
            del one["id"]
        assert [one.id for one in read(dataset(tmp_path, document))[0].annotations] == ["", ""]

    @pytest.mark.parametrize(
        ("value", "faults"),
        [
            ("{", ["it is no JSON: Expecting value at character 1"]),
            ("", ["it is no JSON: the end at character 0, not {"]),
            ("[]", ["it is no JSON: '[' at character 0, not {"]),
            ('{"images": [], 3: []}', ["it is no JSON: there is no key before character 16"]),
            ('{"info": [{} {}]}', ["it is no JSON: '{' at character 13, not , or ]"]),
            ('{"images": []} x', ["it is no JSON: there is more after character 15"]),
            ('{"images": [{"id": 1,, }]}', ["it is no JSON: Expecting property name enclosed in double quotes"]),
            ('{"images": [' + "[" * 100_000, ["it is nested too deeply"]),
            ({"images": []}, ["$.annotations: it is missing, not an array", "$.categories: it is missing, not"]),
            ({"images": {}, "annotations": [], "categories": []}, ["$.images: it is an object, not an array"]),
        ],
    )  # fmt: skip
    def test_what_is_no_document_is_told(self, tmp_path: Path, value: Any, faults: list[str]) -> None:
        with pytest.raises(DatasetError) as caught:
            read(dataset(tmp_path, value))
        told = [f"{place}: {why}" if place else why for place, why in caught.value.faults]
        assert len(told) == len(faults)
        assert all(one.startswith(wanted) for one, wanted in zip(told, faults, strict=True)), told

    @pytest.mark.parametrize(
        ("place", "value", "fault"),
        [
            ("images.0.id", 10, "$.images[1].id: 10 is that of another image, too"),
            ("images.0.id", "x", "$.images[0].id: it is 'x', not a whole number"),
            ("images.0.id", 2**70, "$.images[0].id: it is 1180591620717411303424, which is too large"),
            ("images.1.file_name", "b.jpg", "$.images[1].file_name: 'b.jpg' is that of another image, too"),
            ("images.1.file_name", "../x.jpg", "$.images[1].file_name: '../x.jpg' leads out of the folder"),
            ("images.1.file_name", "/etc/x.jpg", "$.images[1].file_name: '/etc/x.jpg' leads out of the folder"),
            ("images.1.file_name", "C:\\x.jpg", "$.images[1].file_name: 'C:\\x.jpg' leads out of the folder"),
            ("images.1.width", 0, "$.images[1].width: it is 0, not a whole number from 1 on"),
            ("images.1", 3, "$.images[1]: it is 3, not an object"),
            ("annotations.1.id", 7, "$.annotations[1].id: 7 is that of another object, too"),
            ("annotations.1.image_id", 99, "$.annotations[1].image_id: there is no image 99"),
            ("annotations.1.category_id", 99, "$.annotations[1].category_id: there is no category 99"),
            ("annotations.1.bbox", [0, 0, -1, 1], "$.annotations[1].bbox: width and height are -1 and 1, and must"),
            ("annotations.1.area", "big", "$.annotations[1].area: it is 'big', not a number"),
            ("annotations.1.segmentation", [[0, 0, 1, 1]], "$.annotations[1].segmentation[0]: it has 4 num"),
            ("annotations.1.segmentation", [[0] * 7], "$.annotations[1].segmentation[0]: it has 7 numbers; a polygon"),
            ("annotations.1.segmentation", 3, "$.annotations[1].segmentation: it is 3, not an array"),
            ("annotations.1.segmentation", {"size": [1]}, "$.annotations[1].segmentation.size: it is an array of 1"),
            ("annotations.1.keypoints", [1, 2], "$.annotations[1].keypoints: it has 2 numbers; each keypoint has 3"),
            ("annotations.1.keypoints", [1, 2, 2], "$.annotations[1].keypoints: there are 1, and category"),
            ("annotations.1.keypoints.2", 5, "$.annotations[1].keypoints[2]: visibility is 5, not 0, 1 or 2"),
            ("annotations.1.iscrowd", -1, "$.annotations[1].iscrowd: it is -1, not a whole number from 0 on"),
            ("annotations.2.attributes", [3], "$.annotations[2].attributes: it is an array of 1, not an object"),
            ("annotations.2", None, "$.annotations[2]: it is missing, not an object"),
            ("categories.0.id", 18, "$.categories[1].id: 18 is that of another category, too"),
            ("categories.0.name", "dog", "$.categories[1].name: 'dog' is that of another category, too"),
            ("categories.0.skeleton", [[1]], "$.categories[0].skeleton[0]: it is an array of 1, not 2 numbers"),
        ],
    )  # fmt: skip
    def test_faults_are_told_with_their_places(self, tmp_path: Path, place: str, value: Any, fault: str) -> None:
        document = json.loads(json.dumps(DOCUMENT))
        at: Any = document
        *path, last = place.split(".")
        for part in path:
            at = at[int(part) if part.isdigit() else part]
        at[int(last) if last.isdigit() else last] = value
        with pytest.raises(DatasetError) as caught:
            convert(dataset(tmp_path, document), "coco", ImageStream)
        told = [f"{place}: {why}" for place, why in caught.value.faults]
        assert any(one.startswith(fault) for one in told), told

    def test_every_fault_of_a_document_is_told_at_once_before_its_first_image(self, tmp_path: Path) -> None:
        document = json.loads(json.dumps(DOCUMENT))
        document["annotations"][0]["bbox"] = [0]
        document["annotations"][1]["category_id"] = 5
        document["annotations"][2]["image_id"] = 5
        document["images"][2]["width"] = "wide"
        with pytest.raises(DatasetError) as caught:
            convert(dataset(tmp_path, document), "coco", ImageStream)
        assert [place for place, _ in caught.value.faults] == [
            "$.annotations[2].image_id",
            "$.annotations[0].bbox",
            "$.annotations[1].category_id",
            "$.images[2].width",
        ]

    def test_only_images_with_faults_are_left_out(self, tmp_path: Path) -> None:
        document = json.loads(json.dumps(DOCUMENT))
        document["annotations"][0]["bbox"] = [0]
        document["annotations"].append({"id": 99, "image_id": 99, "category_id": 1})
        root = dataset(tmp_path, document)
        (root / "train2017/empty.jpg").unlink()
        found: list[DatasetError] = []
        assert [one.name for one in read(root, on_fault=found.append)] == ["sub/a.jpg"]
        assert [one.faults for one in found] == [
            (("$.annotations[3].image_id", "there is no image 99"),),
            (("$.annotations[0].bbox", "it is an array of 1, not 4 numbers"),),
            (("$.images[2].file_name", "there is no image 'empty.jpg'"),),
        ]

    def test_a_broken_document_is_left_out_whole(self, tmp_path: Path) -> None:
        dataset(tmp_path)
        dataset(tmp_path, json.dumps(DOCUMENT)[:-9], "instances_val2017")
        found: list[DatasetError] = []
        assert {one.split for one in read(tmp_path, on_fault=found.append)} == {"train"}
        assert [Path(one.document).name for one in found] == ["instances_val2017.json"]

    @pytest.mark.parametrize("chunk", [1, 2, 7, 64])
    def test_values_may_be_cut_by_the_window_that_moves_over_them(
        self, tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from plugbus.capabilities.datasets.formats import json_arrays

        text = '\ufeff{"a": [1234.5e3, true, null, "\\u00e4\\"", {"b": [1, 2]}], "b": -17 , "c": [], "d": 12345}'
        path = tmp_path / "x.json"
        path.write_text(text)
        assert list(json_arrays.read_members(path, chunk)) == [
            *(("a", index, one) for index, one in enumerate([1234.5e3, True, None, 'ä"', {"b": [1, 2]}])),
            ("b", None, -17),
            ("c", -1, None),
            ("d", None, 12345),
        ]


class TestFolders:
    def test_instances_are_preferred_and_splits_have_an_order(self, tmp_path: Path) -> None:
        for name in ("captions_val2017", "person_keypoints_val2017", "instances_val2017", "instances_train2017"):
            dataset(tmp_path, name=name, folder="images")
        assert [one.split for one in read(tmp_path)] == ["train"] * 3 + ["val"] * 3

    def test_several_documents_of_a_split_are_refused(self, tmp_path: Path) -> None:
        dataset(tmp_path, name="instances_train2014")
        dataset(tmp_path, name="instances_train2017")
        with pytest.raises(DatasetError, match=r"several documents could be it: .*2014.json, .*2017.json; name one"):
            read(tmp_path)
        assert len(read(tmp_path / "annotations/instances_train2017.json")) == 3

    def test_a_folder_without_a_document_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="there is no document in it"):
            read(tmp_path)

    def test_documents_may_lie_beside_the_images(self, tmp_path: Path) -> None:
        for split in ("train", "valid"):
            root = dataset(tmp_path / split, name="x", folder=".")
            (root / "annotations/x.json").rename(root / "_annotations.coco.json")
        found = read(tmp_path)
        assert [one.split for one in found] == ["train"] * 3 + ["val"] * 3
        assert found[-1].source == tmp_path / "valid/empty.jpg"

    def test_names_may_have_the_separators_of_another_system(self, tmp_path: Path) -> None:
        document = json.loads(json.dumps(DOCUMENT))
        root = dataset(tmp_path, document)
        document["images"][1]["file_name"] = ".\\sub\\a.jpg"
        (root / "annotations/instances_train2017.json").write_text(json.dumps(document))
        assert read(root)[1].source == root / "train2017/sub/a.jpg"

    def test_images_may_lie_anywhere(self, tmp_path: Path) -> None:
        root = dataset(tmp_path / "in", folder="../elsewhere")
        with pytest.raises(DatasetError, match=r"there is no image 'b.jpg'"):
            read(root)
        assert len(read(root, using=[COCOReader(images=tmp_path / "elsewhere")])) == 3
        assert len(read(root, images="leave")) == 3


class TestWriting:
    def test_a_document_survives(self, tmp_path: Path) -> None:
        root = dataset(tmp_path / "in")
        with convert(root, "coco", ImageStream).value as stream:
            report = convert(stream, ImageStream, "coco", output=tmp_path / "out")
        document = json.loads((tmp_path / "out/annotations/instances_train.json").read_text())
        assert (tmp_path / "out/train/sub/a.jpg").read_bytes() == b"sub/a.jpg"
        assert not list((tmp_path / "out").rglob("*.part"))
        assert read(tmp_path / "out")[1].annotations[0].keypoints == (
            Keypoint(1, 2, 2),
            Keypoint(3, 4, 1),
            Keypoint(0, 0, 0),
        )
        assert {one.loss.name: one.count for one in report.losses} == {"ids": 3}
        images = {one["id"]: one["file_name"] for one in document["images"]}
        before = {one["id"]: one["file_name"] for one in DOCUMENT["images"]}
        kinds = {one["id"]: one["name"] for one in document["categories"]}
        kinds_before = {one["id"]: one["name"] for one in DOCUMENT["categories"]}

        def order(one: dict[str, Any]) -> tuple[str, str]:
            return one["image_id"], one["category_id"]

        def plain(one: dict[str, Any], images: dict[int, str], kinds: dict[int, str]) -> dict[str, Any]:
            rest = {key: value for key, value in one.items() if key != "id"}
            return {**rest, "image_id": images[one["image_id"]], "category_id": kinds[one["category_id"]]}

        found = sorted(
            (plain(one, images, kinds) for one in document["annotations"]),
            key=order,
        )
        assert found == sorted(
            (plain(one, before, kinds_before) for one in DOCUMENT["annotations"]),
            key=order,
        )
        assert document["categories"][0] == DOCUMENT["categories"][0]
        assert document["images"][0] == {**DOCUMENT["images"][0], "id": 1}

    def test_box_area_and_numbers_are_worked_out(self, tmp_path: Path) -> None:
        triangle = ((0.0, 0.0), (10.0, 0.0), (10.0, 20.0))
        document, report, lost = write(
            tmp_path,
            item(
                Annotation(label="a", polygons=(triangle, ((20, 0), (24, 0), (24, 4), (20, 4)))),
                Annotation(label="b", box=Box(1, 2, 3, 4)),
                Annotation(label="a", keypoints=(Keypoint(5, 6), Keypoint(7, 9))),
            ),
        )
        assert document["images"] == [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}]
        first, second, third = document["annotations"]
        # 100 and 16 square pixels.
        assert (first["area"], first["bbox"]) == (116, [0, 0, 24, 20])
        assert first["segmentation"] == [[0, 0, 10, 0, 10, 20], [20, 0, 24, 0, 24, 4, 20, 4]]
        assert (second["id"], second["image_id"], second["category_id"]) == (2, 1, 2)
        assert (second["area"], second["bbox"], second["iscrowd"]) == (12, [1, 2, 3, 4], 0)
        assert third["keypoints"] == [5, 6, 2, 7, 9, 2]
        assert (third["num_keypoints"], third["bbox"]) == (2, [5, 6, 2, 3])
        assert document["categories"] == [
            {"id": 1, "name": "a", "supercategory": "", "keypoints": ["point_1", "point_2"], "skeleton": []},
            {"id": 2, "name": "b", "supercategory": ""},
        ]
        assert lost == {"visibility": 1}
        assert report.done == 1

    def test_objects_of_a_category_have_one_number_of_keypoints(self, tmp_path: Path) -> None:
        one = Annotation(label="a", keypoints=(Keypoint(5, 6, 2),))
        two = Annotation(label="a", keypoints=(Keypoint(5, 6, 2), Keypoint(7, 8, 2)))
        other = Annotation(label="b", keypoints=two.keypoints)
        document, _, lost = write(tmp_path, item(one, two, other), labels=(Label("b", keypoints=("x",)),))
        assert ["keypoints" in found for found in document["annotations"]] == [True, False, False]
        assert [len(found["keypoints"]) for found in document["categories"]] == [1, 1]
        assert lost == {"keypoints": 2}
        assert [found.bounds() for found in read(tmp_path / "out", images="leave")[0].annotations] == [
            Box(5, 6, 0, 0),
            Box(5, 6, 2, 2),
            Box(5, 6, 2, 2),
        ]

    def test_splits_have_documents(self, tmp_path: Path) -> None:
        write(tmp_path, item(split="train"), item(split="val"), item(), split="_train")
        names = sorted(one.name for one in (tmp_path / "out/annotations").iterdir())
        assert names == ["instances.json", "instances_train.json", "instances_val.json"]

    def test_says_what_it_drops(self, tmp_path: Path) -> None:
        box = Box(0, 0, 1, 1)
        document, _, lost = write(
            tmp_path,
            item(
                Annotation(label="a", id="x", box=box, attributes=(("p", 1), ("p", 2), ("iscrowd", 1))),
                Annotation(label="a", id="2", polyline=((0, 0), (3, 3)), extra={"dm_v2": {}}),
                links=(Link(kind="group", members=()),),
                extra={"dm_v1": {}},
            ),
        )
        assert lost == {"attributes": 1, "extra": 2, "ids": 1, "links": 1, "polylines": 1}
        assert document["annotations"][0]["attributes"] == {"p": 1}
        assert document["annotations"][0]["iscrowd"] == 1
        assert document["annotations"][1]["bbox"] == [0, 0, 3, 3]

    def test_a_size_is_needed(self, tmp_path: Path) -> None:
        stream = ItemStream(lambda: iter([ImageItem(name="a.jpg", source=tmp_path)]))
        with pytest.raises(DatasetError, match=r"a.jpg: the size of the image is not known; pass image_size"):
            convert(stream, ImageStream, "coco", output=tmp_path / "out", images="leave")
        assert list(tmp_path.iterdir()) == []

    def test_nothing_is_a_dataset_too(self, tmp_path: Path) -> None:
        document, _, _ = write(tmp_path, labels=(Label("a"),))
        assert document == {
            "images": [],
            "annotations": [],
            "categories": [{"id": 1, "name": "a", "supercategory": ""}],
        }
        assert read(tmp_path / "out") == []
