"""Pascal VOC datasets, from documents as the challenge and labelling tools write them; the numbers by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

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
    VOCReader,
    VOCWriter,
    convert,
)
from plugbus.capabilities.types import ImageStream, PascalVOCDataset

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<annotation>
\t<folder>VOC2007</folder>
\t<filename>000001.jpg</filename>
\t<source><database>The VOC2007 Database</database></source>
\t<size>
\t\t<width>353</width>
\t\t<height>500</height>
\t\t<depth>3</depth>
\t</size>
\t<segmented>0</segmented>
\t<object>
\t\t<name>dog</name>
\t\t<pose>Left</pose>
\t\t<truncated>1</truncated>
\t\t<difficult>0</difficult>
\t\t<bndbox>
\t\t\t<xmin>48</xmin>
\t\t\t<ymin>240</ymin>
\t\t\t<xmax>195</xmax>
\t\t\t<ymax>371.5</ymax>
\t\t</bndbox>
\t</object>
\t<object>
\t\t<name>R&amp;D &lt;x&gt;</name>
\t\t<bndbox><ymax>2</ymax><xmax>1</xmax><ymin>1</ymin><xmin>1</xmin></bndbox>
\t\t<attributes><attribute><name>color</name><value>red</value></attribute></attributes>
\t</object>
</annotation>
"""

OBJECTS = (
    Annotation(
        label="dog",
        box=Box(48, 240, 147, 131.5),
        attributes=(("pose", "Left"), ("truncated", 1), ("difficult", 0)),
    ),
    Annotation(label="R&D <x>", box=Box(1, 1, 0, 1), attributes=(("color", "red"),)),
)


def dataset(root: Path, documents: dict[str, str], lists: dict[str, str] | None = None) -> Path:
    for name, text in documents.items():
        path = root / "Annotations" / f"{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        image = root / "JPEGImages" / f"{name}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(name.encode())
    for name, text in (lists or {}).items():
        path = root / "ImageSets" / "Main" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def read(root: Path, **options: Any) -> list[ImageItem]:
    with convert(root, "pascal_voc", ImageStream, **options).value as stream:
        return list(stream)


def objects(text: str) -> str:
    return f"<annotation><filename>x.jpg</filename>{text}</annotation>"


def item(*annotations: Annotation, name: str = "a.jpg", **more: Any) -> ImageItem:
    return ImageItem(name=name, width=200, height=100, annotations=annotations, **more)


def write(
    tmp_path: Path, *items: ImageItem, labels: tuple[Label, ...] = (), **options: Any
) -> tuple[ET.Element, dict[str, int]]:
    stream = ItemStream(lambda: iter(items), labels)
    report = convert(stream, ImageStream, PascalVOCDataset, output=tmp_path / "out", images="leave", **options)
    root = ET.parse(tmp_path / "out/Annotations/a.xml").getroot()  # noqa: S314 - our own
    return root, {one.loss.name: one.count for one in report.losses}


class TestReading:
    def test_a_document_has_boxes_by_their_corners(self, tmp_path: Path) -> None:
        (found,) = read(dataset(tmp_path, {"000001": DOCUMENT}))
        assert (found.name, found.width, found.height, found.split) == ("000001.jpg", 353, 500, None)
        assert found.source == tmp_path / "JPEGImages/000001.jpg"
        assert found.annotations == OBJECTS

    def test_corners_may_count_from_one(self, tmp_path: Path) -> None:
        (found,) = read(dataset(tmp_path, {"000001": DOCUMENT}), using=[VOCReader(origin=1)])
        # Pixels 48 to 195 are 148 pixels; the first pixel of the image is 1.
        assert [one.box for one in found.annotations] == [Box(47, 239, 148, 132.5), Box(0, 0, 1, 2)]

    def test_documents_may_lie_beside_the_images(self, tmp_path: Path) -> None:
        (tmp_path / "x.xml").write_text(objects(""))
        (tmp_path / "x.jpg").write_bytes(b"")
        (found,) = read(tmp_path)
        assert (found.name, found.source, found.width) == ("x.jpg", tmp_path / "x.jpg", None)

    def test_the_image_is_what_the_document_calls_it_or_what_is_called_like_it(self, tmp_path: Path) -> None:
        root = dataset(tmp_path, {"sub/a": objects(""), "sub/b": "<annotation/>", "sub/c": objects("")})
        (root / "JPEGImages/sub/x.jpg").write_bytes(b"")
        assert [one.name for one in read(root)] == ["sub/x.jpg", "sub/b.jpg", "sub/x.jpg"]
        (root / "JPEGImages/sub/x.jpg").unlink()
        (root / "JPEGImages/sub/b.png").write_bytes(b"")
        with pytest.raises(DatasetError, match=r"b.xml.*several images are called so: sub/b.jpg, sub/b.png"):
            read(root)

    def test_a_missing_image_is_a_fault_unless_images_are_left(self, tmp_path: Path) -> None:
        root = dataset(tmp_path, {"a": objects("")})
        (root / "JPEGImages/a.jpg").unlink()
        with pytest.raises(DatasetError, match=r"there is no image 'x.jpg'"):
            read(root)
        assert [(one.name, one.source) for one in read(root, images="leave")] == [("x.jpg", None)]

    def test_a_name_never_leads_out_of_the_folder(self, tmp_path: Path) -> None:
        root = dataset(tmp_path, {"a": "<annotation><filename>../../secret.jpg</filename></annotation>"})
        assert [one.name for one in read(root)] == ["a.jpg"]

    def test_a_size_of_zero_is_unknown(self, tmp_path: Path) -> None:
        text = "<size><width>0</width><height>0</height><depth>0</depth></size>"
        assert [one.width for one in read(dataset(tmp_path, {"a": objects(text)}))] == [None]

    def test_splits_come_from_lists(self, tmp_path: Path) -> None:
        lists = {"train": "a\n\nb 1\na\n", "val": "c", "trainval": "a\nb\nc\n", "dog_train": "d -1\n"}
        root = dataset(tmp_path, dict.fromkeys("abcd", "<annotation/>"), lists)
        assert [one.split for one in read(root)] == ["train", "train", "val", None]

    def test_an_image_of_two_splits_is_a_fault(self, tmp_path: Path) -> None:
        root = dataset(tmp_path, {"a": "<annotation/>"}, {"train": "a", "test": "a\na"})
        with pytest.raises(DatasetError, match="it is in several splits: train, test"):
            read(root)

    def test_parts_are_counted_as_lost(self, tmp_path: Path) -> None:
        part = "<part><name>head</name><bndbox/></part>"
        box = "<bndbox><xmin>0</xmin><ymin>0</ymin><xmax>1</xmax><ymax>1</ymax></bndbox>"
        text = objects(f"<object><name>x</name>{box}{part}{part}<level>3</level></object>")
        report = convert(dataset(tmp_path / "in", {"a": text}), "pascal_voc", "dm_v2", output=tmp_path / "out")
        assert {one.loss.name: (one.count, one.places) for one in report.losses} == {
            "parts": (1, ("a.jpg#0",)),
            "extra": (1, ("a.jpg#0",)),
        }

    @pytest.mark.parametrize(
        ("text", "faults"),
        [
            ("", [": it is no XML: no element found at line 1, column 1"]),
            ("<annotation>\n<a></annotation>", [": it is no XML: mismatched tag at line 2, column 6"]),
            ("<VOC/>", ["line 1: the root is <VOC>, not <annotation>"]),
            (objects("\n<object/>"), ["line 2: the object has no name", "line 2: the object has no bndbox"]),
            (
                objects("<object><name>x</name>\n<difficult>yes</difficult><bndbox>\n<xmin>a</xmin></bndbox></object>"),
                [
                    "line 2: difficult is 'yes', not 0 or 1",
                    "line 3: xmin is 'a', not a number",
                    *(f"line 2: {tag} is missing" for tag in ("ymin", "xmax", "ymax")),
                ],
            ),
            (
                objects(
                    "<object><name>x</name><bndbox><xmin>5</xmin><ymin>0</ymin><xmax>4</xmax><ymax>nan</ymax></bndbox></object>"
                ),
                ["line 1: ymax is 'nan', not a number"],
            ),
            (
                objects("<object><name>x</name><bndbox><xmin>5</xmin><ymin>0</ymin><xmax>4</xmax><ymax>9</ymax></bndbox></object>"),
                ["line 1: the box ends before it begins: 5 0 4 9"],
            ),
            (objects("<size><width>x</width></size>"), [
                "line 1: width is 'x', not a size in pixels",
                "line 1: height is '', not a size in pixels",
            ]),
            ("<?xml version='1.0' encoding='klingon'?><annotation/>", [": it is no XML: unknown encoding"]),
            ("<annotation>" + "<a>" * 40, [": line 1: it is nested deeper than 32"]),
        ],
    )  # fmt: skip
    def test_faults_are_told_with_their_lines(self, tmp_path: Path, text: str, faults: list[str]) -> None:
        with pytest.raises(DatasetError) as caught:
            read(dataset(tmp_path, {"a": text, "x": "<annotation/>"}))
        assert caught.value.document == str(tmp_path / "Annotations/a.xml")
        told = [f"{place}: {why}" for place, why in caught.value.faults]
        assert len(told) == len(faults), told
        assert all(one.startswith(wanted) for one, wanted in zip(told, faults, strict=True)), told

    @pytest.mark.parametrize(
        "declaration",
        [
            '<!DOCTYPE annotation [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
            '<!DOCTYPE annotation [<!ENTITY a SYSTEM "file:///etc/hostname"><!ENTITY b "&a;">]>',
            '<!DOCTYPE annotation SYSTEM "http://localhost:9/x.dtd">',
            "<!DOCTYPE annotation>",
        ],
    )
    def test_declarations_that_could_do_harm_are_refused(self, tmp_path: Path, declaration: str) -> None:
        text = f"<?xml version='1.0'?>{declaration}<annotation><filename>&b;</filename></annotation>"
        with pytest.raises(DatasetError, match="line 1: it has a document type declaration, which is refused"):
            read(dataset(tmp_path, {"a": text}))

    def test_only_what_is_wrong_is_left_out(self, tmp_path: Path) -> None:
        root = dataset(tmp_path, {"a": "<annotation/>", "b": "<", "c": "<annotation/>"})
        found: list[DatasetError] = []
        assert [one.name for one in read(root, on_fault=found.append)] == ["a.jpg", "c.jpg"]
        assert len(found) == 1

    def test_a_folder_of_something_else_is_refused(self, tmp_path: Path) -> None:
        for one in (tmp_path, tmp_path / "nowhere"):
            with pytest.raises(DatasetError, match="there is no folder 'Annotations' in it"):
                read(one)


class TestWriting:
    def test_a_document_survives(self, tmp_path: Path) -> None:
        write(tmp_path, item(*OBJECTS))
        assert read(tmp_path / "out", images="leave")[0].annotations == OBJECTS

    @pytest.mark.parametrize(("origin", "corners"), [(0, "10 20 14 25"), (1, "11 21 14 25")])
    def test_corners_are_worked_out(self, tmp_path: Path, origin: int, corners: str) -> None:
        # Four pixels wide, five high.
        root, _ = write(tmp_path, item(Annotation(label="a", box=Box(10, 20, 4, 5))), using=[VOCWriter(origin)])
        found = [root.findtext(f"object/bndbox/{tag}") for tag in ("xmin", "ymin", "xmax", "ymax")]
        assert " ".join(str(one) for one in found) == corners
        assert [root.findtext(tag) for tag in ("filename", "size/width", "size/height")] == ["a.jpg", "200", "100"]
        back = read(tmp_path / "out", images="leave", using=[VOCReader(origin)])
        assert back[0].annotations[0].box == Box(10, 20, 4, 5)

    def test_splits_become_lists(self, tmp_path: Path) -> None:
        write(tmp_path, item(split="train"), item(name="s/b.jpg", split="val"), item(name="c.jpg", split="val"))
        lists = {one.name: one.read_text() for one in (tmp_path / "out/ImageSets/Main").iterdir()}
        assert lists == {"train.txt": "a\n", "val.txt": "s/b\nc\n"}
        assert [(one.name, one.split) for one in read(tmp_path / "out", images="leave")] == [
            ("a.jpg", "train"),
            ("c.jpg", "val"),
            ("s/b.jpg", "val"),
        ]

    def test_says_what_it_drops(self, tmp_path: Path) -> None:
        box = Box(0, 0, 1, 1)
        root, lost = write(
            tmp_path,
            item(
                Annotation(label="a", id="1", box=box, area=2.0, attributes=(("doors", 4), ("difficult", 7))),
                Annotation(label="a", polygons=(((0, 0), (4, 0), (4, 6)),), extra={"coco": {}}),
                Annotation(label="a", keypoints=(Keypoint(1, 1), Keypoint(3, 2))),
                Annotation(label="a", box=box, rle={}),
                Annotation(label="a", rle={}),
                links=(Link(kind="group", members=()),),
                extra={"coco": {}},
            ),
            labels=(Label("a"), Label("b")),
        )
        assert lost == {
            "areas": 1,
            "extra": 2,
            "ids": 1,
            "labels": 2,
            "links": 1,
            "shapes": 4,
            "types of attributes": 1,
        }
        assert [one.findtext("bndbox/xmax") for one in root.iter("object")] == ["1", "4", "3", "1"]
        assert [one.findtext("value") for one in root.iter("attribute")] == ["4", "7"]

    @pytest.mark.parametrize(("pose", "lost"), [("Left", {}), ("Left ", {"types of attributes": 1}), ("", {})])
    def test_a_text_with_blanks_around_it_is_counted_as_lost(
        self, tmp_path: Path, pose: str, lost: dict[str, int]
    ) -> None:
        one = Annotation(label="a", box=Box(0, 0, 1, 1), attributes=(("pose", pose),))
        _, found = write(tmp_path, item(one), labels=(Label("a"),))
        assert {name: count for name, count in found.items() if name != "labels"} == lost
        (back,) = read(tmp_path / "out", images="leave")
        assert back.annotations[0].attributes == (("pose", pose.strip()),)

    def test_what_xml_cannot_hold_is_a_fault(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"'Annotations/a.xml': a.jpg: XML can't hold 'a\\x00'"):
            write(tmp_path, item(Annotation(label="a\0", box=Box(0, 0, 1, 1))))

    def test_two_images_of_one_name_are_a_fault(self, tmp_path: Path) -> None:
        with pytest.raises(DatasetError, match=r"a.png: another image has the same name but for its suffix"):
            write(tmp_path, item(), item(name="a.png"))

    @pytest.mark.parametrize("kind", [VOCReader, VOCWriter])
    def test_an_origin_is_0_or_1(self, kind: Any) -> None:
        with pytest.raises(ValueError, match="origin is 2; give 0 or 1"):
            kind(2)
