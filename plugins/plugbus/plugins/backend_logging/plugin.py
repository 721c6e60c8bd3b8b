"""The plugin that writes the logs of jobs to the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from plugbus.capabilities import BACKEND, WorkEvent, plugin_config
from plugbus.kernel import Plugin

from .log_writer import JobLogWriter
from .settings import WriterSettings

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class BackendLoggingConfig(BaseModel):
    """Configuration of logging to the backend."""

    model_config = ConfigDict(extra="forbid")

    batch_size: int = Field(default=200, ge=1, le=1000, description="How many entries are written at once, at most.")
    interval: float = Field(default=2.0, gt=0, le=60, description="How long an entry waits for others, in seconds.")
    snapshot_interval: float = Field(
        default=1.0, ge=0, le=60, description="Seconds between two writes of a job's progress and metrics."
    )
    capacity: int = Field(default=2000, ge=1, le=1_000_000, description="How many entries wait at most.")
    longest_wait: float = Field(default=5.0, ge=0, le=300, description="How long logging waits for room, in seconds.")
    rest: float = Field(
        default=30.0, gt=0, le=3600, description="How long a failing backend is left alone, in seconds."
    )
    flush_timeout: float = Field(default=10.0, ge=0, le=600, description="How long the end of a job waits, in seconds.")
    create_jobs: bool = Field(default=True, description="Create jobs that the backend does not know.")


class BackendLoggingPlugin(Plugin):
    """Write progress, metrics, messages and states of jobs to the backend."""

    config_model: ClassVar[type[BaseModel]] = BackendLoggingConfig

    def on_load(self, ctx: PluginContext) -> None:
        """Begin to listen; at the unload what waits is written, while the backend is there still."""
        config = plugin_config(ctx, BackendLoggingConfig)
        settings = WriterSettings(
            batch_size=config.batch_size,
            interval_s=config.interval,
            snapshot_s=config.snapshot_interval,
            capacity=config.capacity,
            longest_wait_s=config.longest_wait,
            rest_s=config.rest,
            flush_s=config.flush_timeout,
            is_creating=config.create_jobs,
        )
        writer = JobLogWriter(ctx.ref(BACKEND).find, ctx.publish, settings)
        ctx.on_unload(writer.close)
        writer.start()
        ctx.subscribe(WorkEvent, writer.record)
