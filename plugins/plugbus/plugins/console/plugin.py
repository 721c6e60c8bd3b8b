"""The plugin that shows work on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from plugbus.capabilities import (
    LogLevel,
    MessageLogged,
    MetricsRecorded,
    PipelineEvent,
    ProgressReported,
    RunEnded,
    WorkEvent,
    plugin_config,
)
from plugbus.kernel import Plugin

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class ConsoleConfig(BaseModel):
    """Configuration of the console."""

    model_config = ConfigDict(extra="forbid")

    show: Literal["auto", "always", "never"] = Field(
        default="auto", description="Whether progress and messages are shown; auto: when stderr is a terminal."
    )
    level: LogLevel = Field(default=LogLevel.INFO, description="Messages below this level are left out.")


class ConsolePlugin(Plugin):
    """Show progress, metrics and messages of whatever runs."""

    config_model: ClassVar[type[BaseModel]] = ConsoleConfig

    def on_load(self, ctx: PluginContext) -> None:
        """Begin to show."""
        from .display import ConsoleDisplay

        config = plugin_config(ctx, ConsoleConfig)
        display = ConsoleDisplay(show=config.show, level=config.level)
        ctx.on_unload(display.close)
        ctx.subscribe(WorkEvent, display.follow)
        ctx.subscribe(ProgressReported, display.show_progress)
        ctx.subscribe(MetricsRecorded, display.show_metrics)
        ctx.subscribe(MessageLogged, display.show_message)
        ctx.subscribe(PipelineEvent, display.show_pipeline)
        ctx.subscribe(RunEnded, display.end_job)
        for topic in ("ActionCompleted", "ActionFailed", "ActionCancelled"):
            ctx.subscribe(topic, display.end_job)
