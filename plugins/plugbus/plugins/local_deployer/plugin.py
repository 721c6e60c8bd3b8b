"""The plugin that serves models in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugbus.capabilities import DEPLOYER
from plugbus.kernel import Plugin

from .deployer import LocalDeployer

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class LocalDeployerPlugin(Plugin):
    """Serve models, until it is unloaded."""

    def on_load(self, ctx: PluginContext) -> None:
        """Provide the deployer."""
        deployer = LocalDeployer()
        ctx.on_unload(deployer.close)
        ctx.provide(DEPLOYER, deployer)
