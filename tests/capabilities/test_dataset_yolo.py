"""YOLO datasets, from files as the tools write them; the numbers are worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from plugbus.capabilities.datasets import (
    Annotation,
    Box,
    ConversionReport,
    DatasetError,
    ImageItem,
    ItemStream,
    Keypoint,
    Label,
    Link,
    YOLOReader,
    convert,
)
from plugbus.capabilities.types import ImageStream, YOLODataset


def size(_: Path) -> tuple[int, int]:
    return 200, 100


def dataset(root: Path, config: str, labels: dict[str, str], *, prefix: str = "train") -> Path:
    """Write a dataset; a label text of None is an image without a file of labels."""
    (root / prefix / "images").mkdir(parents=True, exist_ok=True)
    (root / prefix / "labels").mkdir(parents=True, exist_ok=True)
    for name, text in labels.items():
        image = root / prefix / "images" / f"{name}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(name.encode())
        if text != "no file":
            path = root / prefix / "labels" / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (root / "dataset.yaml").write_text(config)
    return root


CONFIG = "train: train/images\nnc: 2\nnames: [car, person]\n"
POSE = "train: train/images\nnames: {0: car, 1: person}\nkpt_shape: [2, 3]\n"


def read(root: Path, **options: Any) -> list[ImageItem]:
    with convert(root, "yolo", ImageStream, **{"image_size": size, **options}).value as stream:
        return list(stream)


def objects(tmp_path: Path, text: str, config: str = CONFIG, **options: Any) -> tuple[Annotation, ...]:
    (item,) = read(dataset(tmp_path, config, {"a": text}), **options)
    return item.annotations


def faults(tmp_path: Path, text: str, config: str = CONFIG) -> list[str]:
    with pytest.raises(DatasetError) as caught:
        objects(tmp_path, text, config)
    assert caught.value.document == str(tmp_path / "train/labels/a.txt")
    return [f"{place}: {why}" for place, why in caught.value.faults]


def write(tmp_path: Path, *items: ImageItem, labels: tuple[Label, ...] = ()) -> tuple[ConversionReport, dict[str, int]]:
    stream = ItemStream(lambda: iter(items), labels)
    report = convert(stream, ImageStream, YOLODataset, output=tmp_path / "out", images="leave", image_size=size)
    return report, {one.loss.name: one.count for one in report.losses}


def item(*annotations: Annotation, name: str = "a.jpg", **more: Any) -> ImageItem:
    return ImageItem(name=name, width=200, height=100, annotations=annotations, **more)


class TestReading:
    def test_a_box_has_its_middle_and_its_size(self, tmp_path: Path) -> None:
        # 200 x 100 pixels: the middle is at (100, 25), the size 50 x 20.
        assert objects(tmp_path, "1 0.5 0.25 0.25 0.2\n") == (Annotation(label="person", box=Box(75, 15, 50, 20)),)

    def test_a_polygon_has_three_points_or_more(self, tmp_path: Path) -> None:
        text = "0 0.1 0.1 0.2 0.1 0.2 0.3\n0 0 0 1 0 1 1 0 1\n"
        assert [one.polygons for one in objects(tmp_path, text)] == [
            (((20, 10), (40, 10), (40, 30)),),
            (((0, 0), (200, 0), (200, 100), (0, 100)),),
        ]

    @pytest.mark.parametrize(
        ("shape", "tail", "points"),
        [
            ("[1, 3]", "0.1 0.2 2", (Keypoint(20, 20, 2),)),
            ("[2, 3]", "0.1 0.2 1 0 0 0", (Keypoint(20, 20, 1), Keypoint(0, 0, 0))),
            ("[2, 3]", "0.1 0.2 2.000000 0.5 1.5 1", (Keypoint(20, 20, 2), Keypoint(100, 150, 1))),
            ("[3, 2]", "0.1 0.2 0.3 0.4 0.5 0.6", (Keypoint(20, 20), Keypoint(60, 40), Keypoint(100, 60))),
            ("[1, 2]", "0.1 0.2", (Keypoint(20, 20),)),
        ],
    )
    def test_keypoints_of_any_number_are_keypoints(
        self, tmp_path: Path, shape: str, tail: str, points: tuple[Keypoint, ...]
    ) -> None:
        config = f"train: train/images\nnames: [car]\nkpt_shape: {shape}\n"
        assert objects(tmp_path, f"0 0.5 0.5 0.5 0.5 {tail}", config) == (
            Annotation(label="car", box=Box(50, 25, 100, 50), keypoints=points),
        )

    def test_keypoints_may_be_declared_by_the_caller(self, tmp_path: Path) -> None:
        text = "0 0.5 0.5 0.5 0.5 0.1 0.2 1 0.3 0.4 0"
        assert objects(tmp_path, text)[0].polygons
        found = objects(tmp_path, text, using=[YOLOReader(kpt_shape=(2, 3))])
        assert found[0].keypoints == (Keypoint(20, 20, 1), Keypoint(60, 40, 0))

    def test_a_box_may_stand_among_keypoints(self, tmp_path: Path) -> None:
        assert objects(tmp_path, "0 0.5 0.5 0.5 0.5", POSE)[0].keypoints == ()

    @pytest.mark.parametrize("text", ["1", "1.0", "1.000000", "01", "1e0"])
    def test_a_class_may_be_written_as_a_float(self, tmp_path: Path, text: str) -> None:
        assert objects(tmp_path, f"{text} 0.5 0.5 1 1")[0].label == "person"

    @pytest.mark.parametrize("text", ["", "\n  \n", "no file"])
    def test_an_image_may_have_no_objects(self, tmp_path: Path, text: str) -> None:
        assert objects(tmp_path, text, image_size=None) == ()

    def test_windows_line_ends_and_blanks_mean_nothing(self, tmp_path: Path) -> None:
        assert len(objects(tmp_path, "\ufeff0\t0.5 0.5  1 1\r\n\r\n1 .5 .5 1 1 ")) == 2

    @pytest.mark.parametrize(
        ("names", "label"),
        [
            ("[a, b]", "b"),
            ("{0: a, 1: b}", "b"),
            ("{'0': a, '1': b, 7: c}", "b"),
            ("{1: b}", "b"),
            ("[yes, no]", "no"),
            ("[1, 1e3]", "1e3"),
            ("\n- a\n- ~", "~"),
        ],
    )
    def test_names_are_texts_in_a_list_or_by_number(self, tmp_path: Path, names: str, label: str) -> None:
        assert objects(tmp_path, "1 .5 .5 1 1", f"train: train/images\nnames: {names}\n")[0].label == label

    def test_labels_keep_their_order_and_those_that_are_not_used(self, tmp_path: Path) -> None:
        with convert(dataset(tmp_path, POSE, {}), "yolo", ImageStream).value as stream:
            points = ("point_1", "point_2")
            assert stream.labels == (Label("car", keypoints=points), Label("person", keypoints=points))

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2 .5 .5 1 1", ["line 1, value 1: there is no class 2; dataset.yaml names 2"]),
            ("-1 .5 .5 1 1", ["line 1, value 1: it is '-1', not a class number"]),
            ("1.5 .5 .5 1 1", ["line 1, value 1: it is '1.5', not a class number"]),
            ("car .5 .5 1 1", ["line 1, value 1: it is 'car', not a class number"]),
            ("٣ .5 .5 1 1", ["line 1, value 1: it is '٣', not a class number"]),
            ("0 .5 nan 1 x",
             ["line 1, value 3: it is 'nan', not a number",
              "line 1, value 5: it is 'x', not a number"]),
            ("0 .5 1_0 1 1", ["line 1, value 3: it is '1_0', not a number"]),
            ("0 .5 .5 120 1", ["line 1, value 4: it is 120, not from 0 to 1; are these pixels, or keypoints?"]),
            ("0 .5 -.1 1 1", ["line 1, value 3: it is -0.1, not from 0 to 1; are these pixels, or keypoints?"]),
            ("0 .5 .5 1", ["line 1: it has 3 coordinates; a box has 4"]),
            ("\n0\n", ["line 2: it has 0 coordinates; a box has 4"]),
            (
                "0 .1 .1 .2 .2 .3",
                [
                    ("line 1: it has 5 coordinates, an odd number, and dataset.yaml has no kpt_shape; "
                    "pass YOLOReader(kpt_shape=...) where these are keypoints")
                ],
            ),
            ("9 .5 .5 1 1\n0 .5 .5 1 1\n0 x .5 1 1", [
                "line 1, value 1: there is no class 9; dataset.yaml names 2",
                "line 3, value 2: it is 'x', not a number",
            ]),
        ],
    )  # fmt: skip
    def test_faults_are_told_with_their_lines(self, tmp_path: Path, text: str, expected: list[str]) -> None:
        assert faults(tmp_path, text) == expected

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("0 .1 .1 .2 .2 .3 .3", "line 1: it has 6 coordinates; kpt_shape [2, 3] makes 10, and a box has 4"),
            ("0 .1 .1 .2 .2 .3 .3 3 .1 .1 1", "line 1, value 8: visibility is 3, not 0, 1 or 2"),
        ],
    )
    def test_faults_of_keypoints_are_told(self, tmp_path: Path, text: str, expected: str) -> None:
        assert faults(tmp_path, text, POSE) == [expected]

    def test_only_what_is_wrong_is_left_out(self, tmp_path: Path) -> None:
        root = dataset(tmp_path, CONFIG, {"a": "0 .5 .5 1 1", "b": "x", "c": "1 .5 .5 1 1"})
        (root / "train/labels/orphan.txt").write_text("0 .5 .5 1 1")
        (root / "train/labels/classes.txt").write_text("car\nperson\n")
        (root / "train/labels/d.txt").write_bytes(b"\xff")
        (root / "train/images/d.png").write_bytes(b"")
        found: list[DatasetError] = []
        assert [one.name for one in read(root, on_fault=found.append)] == ["a.jpg", "c.jpg"]
        assert [Path(one.document).name for one in found] == ["b.txt", "d.txt", "orphan.txt"]
        assert "it is no UTF-8" in str(found[1])
        assert "there is no image of that name" in str(found[2])

    def test_a_size_that_is_not_known_is_a_fault(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match="pass image_size"):
            objects(tmp_path, "0 .5 .5 1 1", image_size=None)

    @pytest.mark.parametrize(
        ("config", "expected"),
        [
            ("train: train/images\n", ["$.names: there are none; give a list, or a mapping from class numbers"]),
            ("names: [a]\n", ["$: it names no images; give train, val or test"]),
            ("names: [a]\nval: nowhere\n", ["$.val: there is no 'nowhere' in "]),
            ("names: {x: a, 0: [b]}\ntrain: train/images", [
                "$.names.x: 'x' is no class number",
                "$.names.0: it is ['b'], not a text",
            ]),
            ("names: [a, a]\nnc: 3\ntrain: train/images", [
                "$.names: several classes are called a",
                "$.nc: it is 3, and there are 2 names",
            ]),
            ("names: [a]\ntrain: train/images\nkpt_shape: [17]\n", ["$.kpt_shape: it is ['17'], not [number of"]),
            ("names: [a]\ntrain: train/images\nkpt_shape: [0, 3]\n", ["$.kpt_shape: it is ['0', '3'], not [number"]),
            ("- a\n", ["$: it is an array of 1, not an object", "$.names: there are none"]),
            ("names: [a\n", [": it is no YAML: while parsing a flow sequence"]),
        ],
    )  # fmt: skip
    def test_faults_of_the_configuration_are_told(self, tmp_path: Path, config: str, expected: list[str]) -> None:
        with pytest.raises(DatasetError) as caught:
            objects(tmp_path, "", config)
        assert caught.value.document == str(tmp_path / "dataset.yaml")
        told = [f"{place}: {why}" for place, why in caught.value.faults]
        assert len(told) == len(expected)
        assert all(one.startswith(wanted) for one, wanted in zip(told, expected, strict=True)), told

    def test_a_configuration_runs_no_code(self, tmp_path: Path) -> None:
        mark = tmp_path / "mark"
        config = f"names: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{mark}]]\n"
        with pytest.raises(DatasetError):
            objects(tmp_path, "", config)
        assert not mark.exists()

    def test_is_found_by_its_configuration(self, tmp_path: Path) -> None:
        root = dataset(tmp_path, CONFIG, {"a": ""})
        for name in ("data.yaml", "coco8.yml"):
            (root / "dataset.yaml").rename(root / name)
            assert len(read(root)) == len(read(root / name)) == 1
            (root / name).rename(root / "dataset.yaml")
        (root / "dataset.yaml").rename(root / "x.yaml")
        (root / "y.yaml").write_text("")
        with pytest.raises(DatasetError, match=r"name one of x.yaml, y.yaml"):
            read(root)
        with pytest.raises(DatasetError, match=r"there is no dataset.yaml in it"):
            read(root / "nowhere")


class TestSplits:
    def test_are_those_of_the_configuration(self, tmp_path: Path) -> None:
        config = "path: .\ntrain: train/images\nval: ../valid/images\ntest:\nnames: [a]\n"
        dataset(tmp_path, config, {"v": "no file"}, prefix="valid")
        assert [(one.split, one.name) for one in read(dataset(tmp_path, config, {"t": ""}))] == [
            ("train", "t.jpg"),
            ("val", "v.jpg"),
        ]

    def test_the_same_images_twice_are_no_splits(self, tmp_path: Path) -> None:
        config = "train: train/images\nval: train/images\nnames: [a]\n"
        assert [(one.split, one.name) for one in read(dataset(tmp_path, config, {"t": ""}))] == [(None, "t.jpg")]

    def test_may_be_lists_of_images_and_of_folders(self, tmp_path: Path) -> None:
        config = "train: [list.txt, more/images]\nnames: [a]\n"
        dataset(tmp_path, config, {"m": "0 .5 .5 1 1"}, prefix="more")
        dataset(tmp_path, config, {"sub/t": "0 .5 .5 1 1", "u": ""})
        (tmp_path / "list.txt").write_text("./train/images/sub/t.jpg\n\n")
        found = read(tmp_path)
        assert [(one.name, len(one.annotations)) for one in found] == [("sub/t.jpg", 1), ("m.jpg", 1)]

    def test_an_image_of_a_list_that_is_missing_is_a_fault(self, tmp_path: Path) -> None:
        dataset(tmp_path, "train: list.txt\nnames: [a]\n", {})
        (tmp_path / "list.txt").write_text("./train/images/gone.jpg\n")
        with pytest.raises(DatasetError, match="there is no image"):
            read(tmp_path)

    def test_labels_lie_below_the_last_folder_of_images(self, tmp_path: Path) -> None:
        root = dataset(tmp_path / "images", CONFIG, {"x/a": "0 .5 .5 1 1"})
        assert [(one.name, len(one.annotations)) for one in read(root)] == [("x/a.jpg", 1)]


class TestWriting:
    def lines(self, tmp_path: Path, *annotations: Annotation) -> list[str]:
        write(tmp_path, item(*annotations))
        return (tmp_path / "out/labels/a.txt").read_text().splitlines()

    def test_a_box(self, tmp_path: Path) -> None:
        assert self.lines(tmp_path, Annotation(label="a", box=Box(75, 15, 50, 20))) == [
            "0 0.500000 0.250000 0.250000 0.200000"
        ]

    def test_a_polygon(self, tmp_path: Path) -> None:
        one = Annotation(label="a", polygons=(((20, 10), (40, 10), (40, 30)),))
        assert self.lines(tmp_path, one) == ["0 0.100000 0.100000 0.200000 0.100000 0.200000 0.300000"]

    def test_keypoints_with_their_box_or_around_them(self, tmp_path: Path) -> None:
        points = (Keypoint(20, 20, 2), Keypoint(60, 40, 1), Keypoint(0, 0, 0))
        tail = " 0.100000 0.200000 2 0.300000 0.400000 1 0.000000 0.000000 0"
        assert self.lines(
            tmp_path,
            Annotation(label="a", box=Box(50, 25, 100, 50), keypoints=points),
            Annotation(label="a", keypoints=points),
        ) == [
            "0 0.500000 0.500000 0.500000 0.500000" + tail,
            "0 0.200000 0.300000 0.200000 0.200000" + tail,
        ]
        assert yaml.safe_load((tmp_path / "out/dataset.yaml").read_text())["kpt_shape"] == [3, 3]

    def test_the_first_keypoints_say_how_many(self, tmp_path: Path) -> None:
        box = Box(50, 25, 100, 50)
        two = Annotation(label="a", box=box, keypoints=(Keypoint(20, 20), Keypoint(60, 40)))
        three = Annotation(label="a", box=box, keypoints=(*two.keypoints, Keypoint(1, 1)))
        seen = Annotation(label="a", box=box, keypoints=(Keypoint(20, 20, 2), Keypoint(60, 40, 1)))
        _, lost = write(tmp_path, item(two, three, seen))
        lines = (tmp_path / "out/labels/a.txt").read_text().splitlines()
        assert [len(one.split()) for one in lines] == [9, 5, 9]
        assert yaml.safe_load((tmp_path / "out/dataset.yaml").read_text())["kpt_shape"] == [2, 2]
        assert lost == {"keypoints": 1, "visibility": 1}

    def test_classes_are_numbered_as_declared_and_as_they_are_met(self, tmp_path: Path) -> None:
        box = Box(0, 0, 1, 1)
        labels = (Label("a"), Label("yes"))
        write(tmp_path, item(Annotation(label="z: [", box=box), Annotation(label="yes", box=box)), labels=labels)
        config = yaml.safe_load((tmp_path / "out/dataset.yaml").read_text())
        assert config == {
            "train": "images",
            "val": "images",
            "nc": 3,
            "names": {0: "a", 1: "yes", 2: "z: ["},
        }
        assert [one[0] for one in (tmp_path / "out/labels/a.txt").read_text().splitlines()] == ["2", "1"]

    def test_splits_have_folders_and_the_folder_can_be_moved(self, tmp_path: Path) -> None:
        image = tmp_path / "x.jpg"
        image.write_bytes(b"x")
        items = [item(name="s/x.jpg", split=split, source=image) for split in ("train", "val", "test")]
        stream = ItemStream(lambda: iter(items))
        convert(stream, ImageStream, "yolo", output=tmp_path / "out")
        config = yaml.safe_load((tmp_path / "out/dataset.yaml").read_text())
        assert {key: config[key] for key in ("train", "val", "test")} == {
            "train": "train/images",
            "val": "val/images",
            "test": "test/images",
        }
        assert "path" not in config
        assert (tmp_path / "out/val/images/s/x.jpg").read_bytes() == b"x"
        assert (tmp_path / "out/val/labels/s/x.txt").read_text() == ""
        (tmp_path / "out").rename(tmp_path / "moved")
        assert [one.split for one in read(tmp_path / "moved")] == ["train", "val", "test"]

    def test_images_of_no_split_are_for_training_where_others_have_one(self, tmp_path: Path) -> None:
        (tmp_path / "x.jpg").write_bytes(b"")
        source = tmp_path / "x.jpg"
        items = [
            item(name=f"{n}.jpg", split=one, source=source) for n, one in enumerate(["train", None, "val", "more"])
        ]
        report = convert(ItemStream(lambda: iter(items)), ImageStream, "yolo", output=tmp_path / "out")
        assert [(one.name, one.split) for one in read(tmp_path / "out")] == [
            ("0.jpg", "train"),
            ("1.jpg", "train"),
            ("2.jpg", "val"),
        ]
        assert [(one.loss.name, one.count, one.places) for one in report.losses] == [("splits", 2, ("3.jpg", "images"))]

    def test_polygons_and_keypoints_do_not_stand_in_one_dataset(self, tmp_path: Path) -> None:
        outline = Annotation(label="a", polygons=(((0, 0), (40, 0), (40, 20)),))
        pose = Annotation(label="a", keypoints=(Keypoint(0, 0), Keypoint(40, 20)))
        _, lost = write(tmp_path, item(outline, pose))
        assert lost == {"keypoints": 1}
        assert [len(one.split()) for one in (tmp_path / "out/labels/a.txt").read_text().splitlines()] == [7, 5]
        _, lost = write(tmp_path / "more", item(pose, outline))
        assert lost == {"polygons": 1}
        assert [len(one.split()) for one in (tmp_path / "more/out/labels/a.txt").read_text().splitlines()] == [9, 5]

    def test_what_lies_outside_the_image_is_cut_off(self, tmp_path: Path) -> None:
        _, lost = write(
            tmp_path,
            item(
                Annotation(label="a", box=Box(-50, 50, 100, 100)),
                Annotation(label="a", box=Box(300, 0, 10, 10)),
                Annotation(label="a", polygons=(((-20, 0), (100, 0), (100, 120)),)),
            ),
        )
        # What is left of the first box is 50 x 50 pixels of 200 x 100, in the left bottom corner.
        assert (tmp_path / "out/labels/a.txt").read_text().splitlines() == [
            "0 0.125000 0.750000 0.250000 0.500000",
            "0 0.000000 0.000000 0.500000 0.000000 0.500000 1.000000",
        ]
        assert lost == {"clipped": 3}

    def test_says_what_it_drops(self, tmp_path: Path) -> None:
        box, area = Box(0, 0, 1, 1), ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
        _, lost = write(
            tmp_path,
            item(
                Annotation(label="a", id="1", box=box, attributes=(("x", 1),), area=2.0, extra={"coco": {}}),
                Annotation(label="a", box=box, rle={}, extra={"dm_v2": {}}),
                Annotation(label="a", polyline=area),
                Annotation(label="a", box=box, polygons=(area, area), keypoints=(Keypoint(1, 1),)),
                Annotation(label="crowd", box=box, attributes=(("iscrowd", 1),)),
                links=(Link(kind="group", members=()), Link(kind="group", members=())),
                extra={"coco": {}},
            ),
            labels=(Label("a", "thing"), Label("b", keypoints=("nose",)), Label("c", keypoints=("point_1",))),
        )
        assert lost == {
            "areas": 1,
            "attributes": 1,
            "boxes": 1,
            "crowds": 1,
            "extra": 3,
            "ids": 1,
            "keypoints": 1,
            "labels": 2,
            "links": 2,
            "masks": 1,
            "parts": 1,
            "polylines": 1,
        }
        lines = (tmp_path / "out/labels/a.txt").read_text().splitlines()
        assert [len(one.split()) for one in lines] == [5, 5, 5, 7, 7]

    def test_two_images_of_one_name_are_a_fault(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"'labels/a.txt': a.png: another image has the same name"):
            write(tmp_path, item(), item(name="a.png"))

    def test_nothing_is_a_dataset_too(self, tmp_path: Path) -> None:
        write(tmp_path, labels=(Label("a"),))
        assert read(tmp_path / "out") == []


def test_a_dataset_survives_a_round_trip(tmp_path: Path) -> None:
    texts = {
        "a": "1 0.500000 0.250000 0.250000 0.200000\n0 0.123457 0.100000 0.200001 0.100000 0.200000 0.333333\n",
        "b": "",
        "sub/c": "0 0.333333 0.666667 0.111111 0.222222\n",
    }
    root = dataset(tmp_path / "in", CONFIG, texts)
    first = convert(root, "yolo", "dm_v2", output=tmp_path / "dm", image_size=size)
    convert(tmp_path / "dm", "dm_v2", "yolo", output=tmp_path / "out", image_size=size)
    assert [(one.loss.name, one.count) for one in first.losses] == [("labels", 2)]
    names = yaml.safe_load((tmp_path / "out/dataset.yaml").read_text())["names"]
    assert names == {0: "person", 1: "car"}  # DM does not say the order
    for name, text in texts.items():
        swapped = (tmp_path / "out/train/labels" / f"{name}.txt").read_text().splitlines()
        back = [f"{'10'[int(one[0])]}{one[1:]}" for one in swapped]
        # DM keeps boxes and polygons apart.
        assert back == sorted(text.splitlines(), key=lambda one: len(one.split()) > 5)
        assert (tmp_path / "out/train/images" / f"{name}.jpg").read_bytes() == name.encode()
