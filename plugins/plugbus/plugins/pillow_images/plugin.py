"""The plugin that measures images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugbus.capabilities import IMAGE_SIZE
from plugbus.kernel import Plugin

from .sizes import image_size

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class PillowImagesPlugin(Plugin):
    """Offer the sizes of images."""

    def on_load(self, ctx: PluginContext) -> None:
        """Provide the function that measures."""
        ctx.provide(IMAGE_SIZE, image_size)
