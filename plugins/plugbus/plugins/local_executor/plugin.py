"""The plugin that offers the in-process executor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from plugbus.capabilities import EXECUTOR, plugin_config
from plugbus.kernel import Plugin

from .executor import LocalExecutor

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class LocalExecutorConfig(BaseModel):
    """Configuration of the in-process executor."""

    model_config = ConfigDict(extra="forbid")

    env: dict[str, Any] = Field(default={}, description="Settings that actions find in ctx.env.")


class LocalExecutorPlugin(Plugin):
    """Offer a ``LocalExecutor`` as the executor of this host."""

    config_model: ClassVar[type[BaseModel]] = LocalExecutorConfig

    def on_load(self, ctx: PluginContext) -> None:
        """Provide the executor, and shut it down at unload."""
        config = plugin_config(ctx, LocalExecutorConfig)
        executor = LocalExecutor(env=config.env, publish=ctx.publish)
        ctx.on_unload(executor.shutdown)
        ctx.provide(EXECUTOR, executor)
