"""The digits: 1,797 handwritten ones of 8 x 8 cells, their split, and pictures brought into the same form.

The data set is the test part of the UCI "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak, 1998,
doi 10.24432/C50P49), which scikit-learn ships, so nothing is downloaded.
Each digit was a 32 x 32 bitmap; a cell counts the ink of one block of 4 x 4, 0..16. Here every cell is scaled to 0..1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    FloatArray: TypeAlias = NDArray[np.float64]
    IntArray: TypeAlias = NDArray[np.int64]

SIDE = 8  # cells a row, and rows
CELLS = SIDE * SIDE
LEVELS = 16  # the highest count of ink in a cell
CLASSES = 10

BITMAP_SIDE = 32  # pixels of a bitmap before its blocks are counted
DIGIT_WIDTH = 20  # NIST fits a digit into a box of 20 x 32 pixels, centred in the bitmap (NISTIR 5469)
MAX_PIXELS = 16_000_000  # a photograph; its levels take 128 MB, and a small file may unpack to far more
MIN_CONTRAST = 0.1  # share of the full scale; less than that is paper and noise


class SplitError(ValueError):
    """Refuse fractions that leave a part of the split without a sample of every class.

    Args:
        part: Name of the part: ``train``, ``validation`` or ``test``.
        samples: Samples the part would hold.
        classes: Classes it needs a sample of.
    """

    def __init__(self, part: str, samples: int, classes: int) -> None:
        super().__init__(part, samples, classes)
        self.part = part
        self.samples = samples
        self.classes = classes

    def __str__(self) -> str:
        return (
            f"cannot split data set 'digits': the {self.part} part would hold {self.samples} samples, "
            f"fewer than the {self.classes} classes; change test_fraction or validation_fraction"
        )


class ImageError(ValueError):
    """Refuse a picture in which no digit can be found.

    Args:
        path: The picture's file.
        cause: Why it was refused.
        remedy: What to give instead, empty when there is nothing to offer.
    """

    def __init__(self, path: str, cause: str, remedy: str = "") -> None:
        super().__init__(path, cause, remedy)
        self.path = path
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"cannot read image '{self.path}': {self.cause}{tail}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """One part of the data; its arrays are read-only.

    Args:
        x: Cells, shape ``(n, 64)``, row by row, 0 (paper) to 1 (ink).
        y: Digits, shape ``(n,)``, 0..9.
    """

    x: FloatArray
    y: IntArray

    def __post_init__(self) -> None:
        self.x.setflags(write=False)
        self.y.setflags(write=False)

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """The three disjoint parts of the data set."""

    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Which sample belongs to which part: numbers of samples, 0 to 1796, none of them twice.

    Args:
        train: Those of the training part.
        validation: Those of the validation part.
        test: Those of the test part.
    """

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def load_samples() -> Split:
    """Load the whole data set, in its own order."""
    import numpy as np
    from sklearn.datasets import load_digits

    cells, digits = load_digits(return_X_y=True)
    return Split(x=np.asarray(cells, dtype=np.float64) / LEVELS, y=np.asarray(digits, dtype=np.int64))


def load_split(test_fraction: float, validation_fraction: float, seed: int) -> Splits:
    """Load the data set and divide it, every class in proportion; the same arguments give the same arrays.

    Args:
        test_fraction: Share of all samples kept for the test, above 0.
        validation_fraction: Share of all samples kept for validation, above 0.
        seed: Seed of the division, 0 to 2**32 - 1.

    Raises:
        SplitError: If a part would hold fewer samples than there are classes.
    """
    samples = load_samples()
    return take(samples, divide(samples, test_fraction, validation_fraction, seed))


def divide(samples: Split, test_fraction: float, validation_fraction: float, seed: int) -> Division:
    """Divide the data set, every class in proportion; the same arguments give the same division.

    Args:
        samples: The data set.
        test_fraction: Share of all samples kept for the test, above 0.
        validation_fraction: Share of all samples kept for validation, above 0.
        seed: Seed of the division, 0 to 2**32 - 1.

    Raises:
        SplitError: If a part would hold fewer samples than there are classes.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    y = samples.y
    test = round(len(y) * test_fraction)
    validation = round(len(y) * validation_fraction)
    sizes = {"train": len(y) - test - validation, "validation": validation, "test": test}
    for part, size in sizes.items():
        if size < CLASSES:
            raise SplitError(part, size, CLASSES)
    kept, in_test = train_test_split(np.arange(len(y)), test_size=test, stratify=y, random_state=seed)
    in_train, in_validation = train_test_split(kept, test_size=validation, stratify=y[kept], random_state=seed)
    return Division(
        train=tuple(map(int, in_train)), validation=tuple(map(int, in_validation)), test=tuple(map(int, in_test))
    )


def take(samples: Split, division: Division) -> Splits:
    """Return the parts of the data set that a division names, each in the order of its numbers."""

    def part(numbers: tuple[int, ...]) -> Split:
        chosen = list(numbers)
        return Split(x=samples.x[chosen], y=samples.y[chosen])

    return Splits(train=part(division.train), validation=part(division.validation), test=part(division.test))


def describe(splits: Splits) -> dict[str, object]:
    """Return a summary of the split that JSON can hold: samples of each part, and of each class in it."""
    import numpy as np

    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        "source": "UCI Optical Recognition of Handwritten Digits, test part, as shipped with scikit-learn",
        "cells": CELLS,
        "classes": CLASSES,
        "samples": sum(len(part) for part in parts.values()),
        "parts": {
            name: {
                "samples": len(part),
                "per_class": {
                    str(digit): count for digit, count in enumerate(np.bincount(part.y, minlength=CLASSES).tolist())
                },
            }
            for name, part in parts.items()
        },
    }


def read_row(values: Sequence[float]) -> FloatArray:
    """Return 64 counts of ink, row by row and 0..16 each, as cells of shape ``(64,)``, 0..1.

    Raises:
        ValueError: If there are not 64 values, or one is outside 0..16.
    """
    import numpy as np

    if len(values) != CELLS:
        raise ValueError(f"cannot read row: it has {len(values)} values; give {CELLS}, row by row")
    for position, value in enumerate(values):
        if not 0 <= value <= LEVELS:  # refuses NaN too, which compares with nothing
            raise ValueError(f"cannot read row: value {position} is {value}; give 0 to {LEVELS}")
    return np.array(values, dtype=np.float64) / LEVELS


def read_image(path: Path) -> FloatArray:
    """Return the digit in a picture as cells of shape ``(64,)``, 0..1.

    The steps are those of the data set, with shares of ink where it counted pixels that were on:

    1. Grey levels; what is transparent shows white paper. The first frame, turned as its camera says.
    2. The border tells paper from ink, so light ink on dark paper is read as well; then levels are stretched to 0..1.
    3. The box around the ink is fitted into 20 x 32 pixels: its full height, and its width unless that is too much.
       A square picture whose ink already fills its height has this form and keeps its frame.
    4. The bitmap's blocks are averaged to 8 x 8.

    Args:
        path: A PNG, or any other format Pillow reads, of any size.

    Raises:
        ImageError: If the file can't be read as a picture, or holds no ink.
    """
    import numpy as np
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width * image.height > MAX_PIXELS:
                cause = f"it has {image.width} x {image.height} pixels, more than {MAX_PIXELS}"
                raise ImageError(str(path), cause, "make it smaller")
            levels = _grey_levels(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise ImageError(str(path), "no known picture format", "give a PNG") from error
    except ImageError:
        raise
    except OSError as error:
        raise ImageError(str(path), error.strerror or str(error)) from error
    except (SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # Pillow's plugins report a broken file as any of these.
        raise ImageError(str(path), str(error)) from error
    lowest, highest = float(levels.min()), float(levels.max())
    if not highest - lowest >= MIN_CONTRAST:
        raise ImageError(
            str(path), "every pixel is alike, there is no ink", "give dark ink on light paper, or the reverse"
        )
    ink = (levels - lowest) / (highest - lowest)
    border = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    if np.median(border) > 0.5:
        ink = 1.0 - ink
    return _average_blocks(ink)


def _grey_levels(image: Image) -> FloatArray:
    """Return the grey levels of a picture on white paper, 0 (black) to 1 (white)."""
    import numpy as np
    from PIL import Image as Images

    if image.mode.startswith("I;16"):
        return np.asarray(image, dtype=np.float64) / 65535.0
    if image.mode in {"I", "F"}:  # no scale of their own
        levels = np.asarray(image, dtype=np.float64)
        if not np.isfinite(levels).all():
            raise ValueError("a level is not finite")
        span = float(np.ptp(levels))
        return (levels - levels.min()) / span if span else np.zeros_like(levels)
    pixels = image.convert("RGBA")
    paper = Images.new("RGBA", pixels.size, "white")
    return np.asarray(Images.alpha_composite(paper, pixels).convert("L"), dtype=np.float64) / 255.0


def _average_blocks(ink: FloatArray) -> FloatArray:
    """Return the ink, shape ``(height, width)``, framed as in the data set and averaged to ``(64,)``."""
    import numpy as np

    height, width = ink.shape
    # A quarter of the ink is in the first and in the last row of all 1,797 digits; half of it is not.
    if height == width and (ink[[0, -1]] >= 0.25).any(axis=1).all():
        return _resize(ink, SIDE, SIDE).reshape(CELLS)
    rows = np.flatnonzero((ink >= 0.5).any(axis=1))
    columns = np.flatnonzero((ink >= 0.5).any(axis=0))
    box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    fitted = min(DIGIT_WIDTH, max(1, math.floor(box.shape[1] * BITMAP_SIDE / box.shape[0] + 0.5)))
    left = (BITMAP_SIDE - fitted) // 2
    bitmap = np.zeros((BITMAP_SIDE, BITMAP_SIDE))
    bitmap[:, left : left + fitted] = _resize(box, fitted, BITMAP_SIDE)
    return _resize(bitmap, SIDE, SIDE).reshape(CELLS)


def _resize(ink: FloatArray, width: int, height: int) -> FloatArray:
    """Return the ink resampled to ``(height, width)``, each cell the mean of the area it covers."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(ink.astype(np.float32))
    resized = np.asarray(picture.resize((width, height), Image.Resampling.BOX), dtype=np.float64)
    return np.clip(resized, 0.0, 1.0)
