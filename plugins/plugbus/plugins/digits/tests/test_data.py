"""The data set, its division, and pictures brought into its form."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("sklearn", reason='needs scikit-learn: pip install "plugbus[sklearn]"')

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from plugbus.plugins.digits.data import (
    CELLS,
    ImageError,
    SplitError,
    describe,
    load_split,
    read_image,
    read_row,
)
from plugbus.plugins.digits.train import train

if TYPE_CHECKING:
    from pathlib import Path

    from plugbus.plugins.digits.data import FloatArray, Splits

TOLERANCE = 1 / 255  # what rounding to 8 bits may cost


@pytest.fixture(scope="module")
def splits() -> Splits:
    return load_split(0.2, 0.1, 0)


@pytest.fixture(scope="module")
def full(splits: Splits) -> FloatArray:
    """Cells of digits of the test part that use the whole scale, so that a picture's levels are theirs."""
    x = splits.test.x
    chosen: FloatArray = x[x.max(axis=1) == 1.0]
    return chosen


def picture(cells: FloatArray, scale: int = 1) -> Image.Image:
    """Return cells as a grey picture of dark ink, each cell ``scale`` pixels wide and high."""
    levels = np.rint((1.0 - cells.reshape(8, 8)) * 255).astype(np.uint8)
    return Image.fromarray(np.kron(levels, np.ones((scale, scale), dtype=np.uint8)))


def test_the_parts_are_the_whole_data_set_scaled_to_one(splits: Splits) -> None:
    original, digits = load_digits(return_X_y=True)
    parts = (splits.train, splits.validation, splits.test)
    assert [len(part) for part in parts] == [1258, 180, 359]
    together = np.hstack([np.vstack([part.x for part in parts]) * 16, np.hstack([part.y for part in parts])[:, None]])
    whole = np.hstack([original, digits[:, None]])
    assert sorted(map(tuple, together.tolist())) == sorted(map(tuple, whole.tolist()))
    for part in parts:
        assert part.x.dtype == np.float64
        assert part.x.shape == (len(part), CELLS)
        assert part.y.dtype == np.int64


def test_every_class_is_divided_in_proportion(splits: Splits) -> None:
    whole = np.bincount(load_digits(return_X_y=True)[1])
    for part, share in ((splits.train, 0.7), (splits.validation, 0.1), (splits.test, 0.2)):
        assert np.abs(np.bincount(part.y) - share * whole).max() < 1.5


def test_the_same_seed_gives_the_same_parts_and_another_seed_others(splits: Splits) -> None:
    again, other = load_split(0.2, 0.1, 0), load_split(0.2, 0.1, 1)
    for name in ("train", "validation", "test"):
        part = getattr(splits, name)
        assert np.array_equal(part.x, getattr(again, name).x)
        assert np.array_equal(part.y, getattr(again, name).y)
        assert not np.array_equal(part.x, getattr(other, name).x)


def test_the_arrays_are_read_only(splits: Splits) -> None:
    with pytest.raises(ValueError, match="read-only"):
        splits.train.x[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        splits.train.y[0] = 1


@pytest.mark.parametrize(
    ("test", "validation", "part", "samples"),
    [(0.001, 0.1, "test", 2), (0.1, 0.005, "validation", 9), (0.498, 0.499, "train", 5)],
)
def test_a_part_without_a_sample_of_each_class_is_refused(
    test: float, validation: float, part: str, samples: int
) -> None:
    with pytest.raises(SplitError) as caught:
        load_split(test, validation, 0)
    assert caught.value.args == (part, samples, 10)
    assert str(caught.value).startswith(f"cannot split data set 'digits': the {part} part would hold {samples} ")
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


def test_the_smallest_part_that_is_allowed_holds_every_class() -> None:
    part = load_split(0.0056, 0.0056, 0)
    assert sorted(part.test.y.tolist()) == list(range(10))
    assert sorted(part.validation.y.tolist()) == list(range(10))


def test_the_summary_counts_every_class_and_is_json(splits: Splits) -> None:
    summary = json.loads(json.dumps(describe(splits)))
    assert summary["samples"] == 1797
    assert summary["parts"]["test"]["samples"] == 359
    for name, part in summary["parts"].items():
        counts = np.bincount(getattr(splits, name).y, minlength=10)
        assert part["per_class"] == {str(digit): int(count) for digit, count in enumerate(counts)}


def test_a_row_is_scaled_to_one() -> None:
    cells = read_row([0, 16, 4, 8] * 16)
    assert cells.tolist() == [0.0, 1.0, 0.25, 0.5] * 16
    assert cells.dtype == np.float64


@pytest.mark.parametrize(
    ("row", "cause"),
    [
        ([0.0] * 63, "it has 63 values; give 64"),
        ([0.0] * 63 + [17.0], "value 63 is 17.0; give 0 to 16"),
        ([-1.0] + [0.0] * 63, "value 0 is -1.0"),
        ([0.0, float("nan")] + [0.0] * 62, "value 1 is nan"),
    ],
)
def test_a_row_of_another_length_or_range_is_refused(row: list[float], cause: str) -> None:
    with pytest.raises(ValueError, match=cause):
        read_row(row)


@pytest.mark.parametrize("scale", [1, 5, 32])
def test_a_digit_of_the_data_set_survives_as_a_picture_of_any_size(
    tmp_path: Path, full: FloatArray, scale: int
) -> None:
    path = tmp_path / "digit.png"
    for cells in full[:40]:
        picture(cells, scale).save(path)
        read = read_image(path)
        assert read.shape == (CELLS,)
        assert np.abs(read - cells).max() <= TOLERANCE


def test_light_ink_on_dark_paper_is_read_as_the_same_digit(tmp_path: Path, full: FloatArray) -> None:
    path = tmp_path / "digit.png"
    for cells in full:
        Image.fromarray(255 - np.asarray(picture(cells, 4))).save(path)
        assert np.abs(read_image(path) - cells).max() <= TOLERANCE


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_kind_of_picture_is_read(tmp_path: Path, full: FloatArray, mode: str) -> None:
    cells = np.rint(full[0])  # black and white, which every mode can hold
    grey = picture(cells, 4)
    if mode in {"I;16", "I", "F"}:
        levels = np.asarray(grey, dtype=np.float64) / 255
        scaled = {"I;16": levels * 65535, "I": levels * 1_000_000, "F": levels * 3 - 1}[mode]
        image = Image.fromarray(scaled.astype({"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]))
    else:
        image = (grey.convert("RGB") if mode == "CMYK" else grey).convert(mode)
    assert image.mode == mode
    path = tmp_path / ("digit.tiff" if mode in {"CMYK", "I", "F"} else "digit.png")
    image.save(path)
    assert np.abs(read_image(path) - cells).max() <= TOLERANCE


def test_what_is_transparent_is_white_paper(tmp_path: Path, full: FloatArray) -> None:
    # Black everywhere, and only the ink opaque: without its alpha the picture is one black square.
    ink = 255 - np.asarray(picture(full[0], 4))
    image = np.zeros((*ink.shape, 4), dtype=np.uint8)
    image[..., 3] = ink
    path = tmp_path / "digit.png"
    Image.fromarray(image).save(path)
    assert np.abs(read_image(path) - full[0]).max() <= 2 * TOLERANCE


def test_faint_ink_on_grey_paper_is_stretched(tmp_path: Path, full: FloatArray) -> None:
    levels = np.asarray(picture(full[0], 4), dtype=np.float64) * 0.4 + 90  # 90 to 192
    path = tmp_path / "digit.png"
    Image.fromarray(np.rint(levels).astype(np.uint8)).save(path)
    assert np.abs(read_image(path) - full[0]).max() <= 1 / 102


def test_a_turned_photograph_is_read_as_its_camera_says(tmp_path: Path, full: FloatArray) -> None:
    path = tmp_path / "digit.png"
    turned = picture(full[0], 4).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise to show
    turned.save(path, exif=exif)
    assert np.abs(read_image(path) - full[0]).max() <= TOLERANCE


def test_the_ink_is_framed_wherever_it_lies(tmp_path: Path) -> None:
    sheet = Image.new("L", (300, 200), 255)
    sheet.paste(0, (17, 40, 17 + 50, 40 + 80))  # as high in 32 pixels as the box is: 50 x 80 becomes 20 x 32
    path = tmp_path / "box.png"
    sheet.save(path)
    # 20 of 32 pixels centred: pixels 6 to 25, so half of cells 1 and 6 and the whole of those between.
    assert read_image(path).reshape(8, 8).tolist() == [[0, 0.5, 1, 1, 1, 1, 0.5, 0]] * 8


def test_a_narrow_digit_is_not_widened(tmp_path: Path) -> None:
    sheet = Image.new("L", (300, 200), 255)
    sheet.paste(0, (150, 40, 150 + 20, 40 + 80))  # 20 x 80 becomes 8 x 32
    path = tmp_path / "stroke.png"
    sheet.save(path)
    assert read_image(path).reshape(8, 8).tolist() == [[0, 0, 0, 1, 1, 0, 0, 0]] * 8


def test_a_wide_digit_is_squeezed_into_the_box(tmp_path: Path) -> None:
    sheet = Image.new("L", (300, 200), 255)
    sheet.paste(0, (50, 80, 50 + 200, 80 + 40))  # 200 x 40 becomes 20 x 32
    path = tmp_path / "bar.png"
    sheet.save(path)
    assert read_image(path).reshape(8, 8).tolist() == [[0, 0.5, 1, 1, 1, 1, 0.5, 0]] * 8


def test_a_trained_model_reads_digits_drawn_large_and_off_centre(tmp_path: Path, splits: Splits) -> None:
    model = train(
        splits, epochs=25, batch_size=32, learning_rate=0.001, hidden_units=64, seed=0, on_epoch=lambda _: None
    )
    generator = np.random.default_rng(0)
    path = tmp_path / "digit.png"
    cells = []
    for sample in splits.test.x:
        side = int(generator.integers(40, 200))
        digit = picture(sample).resize((side, side), Image.Resampling.BICUBIC)
        sheet = Image.new("L", (side + 90, side + 60), 255)
        sheet.paste(digit, (int(generator.integers(1, 90)), int(generator.integers(1, 60))))
        sheet.save(path)
        cells.append(read_image(path))
    read = model.classes[model.predict_proba(np.array(cells)).argmax(axis=1)]
    assert (read == splits.test.y).mean() > 0.88  # 0.2 where the sheet is only made smaller


@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_empty_picture_is_refused(tmp_path: Path, level: int) -> None:
    path = tmp_path / "blank.png"
    Image.new("L", (20, 30), level).save(path)
    with pytest.raises(ImageError, match="there is no ink") as caught:
        read_image(path)
    assert caught.value.path == str(path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301 - our own bytes


def test_a_picture_that_unpacks_to_too_many_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    Image.new("1", (4001, 4000), 1).save(path)
    assert path.stat().st_size < 10_000
    with pytest.raises(ImageError, match="4001 x 4000 pixels, more than 16000000; make it smaller"):
        read_image(path)


def test_a_file_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_text("seven")
    with pytest.raises(ImageError, match=r"no known picture format; give a PNG"):
        read_image(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"cannot read image '.*absent\.png': No such file"):
        read_image(tmp_path / "absent.png")


def test_a_picture_that_was_cut_short_is_refused_unless_every_pixel_is_there(tmp_path: Path, full: FloatArray) -> None:
    path = tmp_path / "digit.png"
    picture(full[0], 4).save(path)
    whole, cells = path.read_bytes(), read_image(path)
    refused = 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            read = read_image(path)
        except ImageError:
            refused += 1
        else:
            assert np.array_equal(read, cells)
    assert refused >= len(whole) - 20  # the checksums and the end mark, which Pillow does not wait for
