"""The plugin that tracks runs in files."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from plugbus.capabilities import TRACKING, WorkEvent, plugin_config
from plugbus.kernel import Plugin

from .client import JsonlTrackingClient
from .recorder import EventRecorder

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class JsonlTrackingConfig(BaseModel):
    """Configuration of tracking in files."""

    model_config = ConfigDict(extra="forbid")

    events: bool = Field(default=True, description="Record the events of each run too.")
    job_logs: Path | None = Field(
        default=None, description="Folder where the events of jobs that are no runs are recorded; none by default."
    )


class JsonlTrackingBackend:
    """Make a client for each run.

    Args:
        recorder: Records the events of the runs; None to leave them out.
    """

    def __init__(self, recorder: EventRecorder | None = None) -> None:
        self._recorder = recorder

    def create_client(self) -> JsonlTrackingClient:
        """Return a client that no other run uses."""
        return JsonlTrackingClient(self._recorder)


class JsonlTrackingPlugin(Plugin):
    """Offer tracking in files, and record the events of runs."""

    config_model: ClassVar[type[BaseModel]] = JsonlTrackingConfig

    def on_load(self, ctx: PluginContext) -> None:
        """Provide the backend and begin to listen."""
        config = plugin_config(ctx, JsonlTrackingConfig)
        recorder = EventRecorder(config.job_logs) if config.events or config.job_logs else None
        if recorder is not None:
            ctx.subscribe(WorkEvent, recorder.record)
        ctx.provide(TRACKING, JsonlTrackingBackend(recorder if config.events else None))
