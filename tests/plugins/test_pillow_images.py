"""Sizes of images in files of several formats, as they are shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("PIL", reason='needs Pillow: pip install "plugbus[images]"')

from PIL import Image

from plugbus.capabilities import IMAGE_SIZE
from plugbus.kernel import Kernel
from plugbus.loaders import DirectoryLoader
from plugbus.plugins.pillow_images import image_size

FOLDER = Path(__file__).parents[2] / "plugins" / "plugbus" / "plugins" / "pillow_images"


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tif"])
def test_is_that_of_the_header(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    Image.new("RGB", (31, 17)).save(path)
    assert image_size(path) == (31, 17)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
@pytest.mark.parametrize(("mark", "size"), [(1, (31, 17)), (3, (31, 17)), (6, (17, 31)), (8, (17, 31)), (5, (17, 31))])
def test_of_a_photo_that_is_marked_as_turned_is_turned(
    tmp_path: Path, mark: int, size: tuple[int, int], suffix: str
) -> None:
    path = tmp_path / f"x.{suffix}"
    exif = Image.Exif()
    exif[0x0112] = mark
    Image.new("RGB", (31, 17)).save(path, exif=exif)
    assert image_size(path) == size


def test_needs_no_pixels(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.effect_noise((310, 170), 90).save(path)
    path.write_bytes(path.read_bytes()[:400])
    assert image_size(path) == (310, 170)


def test_of_no_image_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"no image")
    with pytest.raises(OSError, match="cannot identify image file"):
        image_size(path)


def test_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pip install "plugbus\[images\]"'):
        image_size(tmp_path / "x.png")


def test_is_offered_by_the_plugin(tmp_path: Path) -> None:
    kernel = Kernel()
    kernel.register(DirectoryLoader().read(FOLDER))
    kernel.load("pillow_images")
    path = tmp_path / "x.png"
    Image.new("RGB", (3, 4)).save(path)
    assert kernel.services.get(IMAGE_SIZE)(path) == (3, 4)
    kernel.unload("pillow_images")
    assert kernel.services.find(IMAGE_SIZE) is None
