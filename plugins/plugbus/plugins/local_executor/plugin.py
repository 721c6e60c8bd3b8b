"""The plugin that offers the executors of this machine: of actions, and of pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from plugbus.capabilities import EXECUTOR, PIPELINE_EXECUTOR, plugin_config
from plugbus.kernel import Plugin

from .executor import LocalExecutor

if TYPE_CHECKING:
    from plugbus.capabilities import Executor, PipelineExecutor
    from plugbus.kernel import PluginContext


class LocalExecutorConfig(BaseModel):
    """Configuration of the in-process executor."""

    model_config = ConfigDict(extra="forbid")

    env: dict[str, Any] = Field(default={}, description="Settings that actions find in ctx.env.")
    mode: Literal["inline", "threads", "processes"] = Field(
        default="inline", description="Where actions run: in the caller's thread, in threads, or in processes."
    )
    max_workers: int | None = Field(
        default=None,
        ge=1,
        description="How many threads or processes there are; by the cores of the machine if left out.",
    )
    kill_after_s: float = Field(
        default=5.0, ge=0, description="Seconds that an action in a process has to stop before it is ended."
    )


class LocalExecutorPlugin(Plugin):
    """Offer an executor on this machine, in the caller's thread, in threads, or in processes; and one of pipelines."""

    config_model: ClassVar[type[BaseModel]] = LocalExecutorConfig

    def on_load(self, ctx: PluginContext) -> None:
        """Provide both executors, and shut them down at unload: pipelines first, as they need the other one."""
        config = plugin_config(ctx, LocalExecutorConfig)
        executor = _made(config, ctx)
        ctx.on_unload(executor.shutdown)
        ctx.provide(EXECUTOR, executor)

        def make() -> PipelineExecutor:
            # Few hosts ask for it, and threads and files of runs take time to import.
            from .pipelines import LocalPipelineExecutor

            return LocalPipelineExecutor(executor, env=config.env, publish=ctx.publish)

        ctx.provide_lazy(PIPELINE_EXECUTOR, make, close=lambda pipelines: pipelines.shutdown())


def _made(config: LocalExecutorConfig, ctx: PluginContext) -> Executor:
    if config.mode == "threads":
        from .threads import ThreadExecutor

        return ThreadExecutor(config.max_workers, env=config.env, publish=ctx.publish)
    if config.mode == "processes":
        from .processes import ProcessExecutor

        return ProcessExecutor(
            config.max_workers, env=config.env, publish=ctx.publish, kill_after_s=config.kill_after_s
        )
    return LocalExecutor(env=config.env, publish=ctx.publish)
