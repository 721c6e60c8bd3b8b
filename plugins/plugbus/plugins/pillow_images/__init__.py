"""Sizes of images, read by Pillow."""

from .plugin import PillowImagesPlugin
from .sizes import image_size

__all__ = ["PillowImagesPlugin", "image_size"]
