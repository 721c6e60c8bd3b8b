"""The reference plugin: a classifier of handwritten digits."""

from .plugin import DigitsPlugin

__all__ = ["DigitsPlugin"]
