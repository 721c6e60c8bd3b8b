"""The plugin that reads Excel workbooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugbus.capabilities import Tables
from plugbus.kernel import Plugin

from .reader import ExcelTableReader

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class ExcelTablesPlugin(Plugin):
    """Offer what reads workbooks, with and without macros, which are not run."""

    def on_load(self, ctx: PluginContext) -> None:
        """Provide the reader."""
        reader = ExcelTableReader()
        ctx.provide(Tables(".xlsx"), reader)
        ctx.provide(Tables(".xlsm"), reader)
