"""The plugin that searches hyperparameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugbus.capabilities import TUNER
from plugbus.kernel import Plugin

from .tuner import OptunaTuner

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class OptunaTunerPlugin(Plugin):
    """Offer the search of hyperparameters."""

    def on_load(self, ctx: PluginContext) -> None:
        """Provide the tuner."""
        ctx.provide(TUNER, OptunaTuner())
