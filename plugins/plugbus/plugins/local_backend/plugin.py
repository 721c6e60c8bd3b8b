"""The plugin that keeps a platform's records."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads it
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from plugbus.capabilities import BACKEND, BACKEND_UPKEEP, find_artifact_root, plugin_config
from plugbus.kernel import Plugin

from .client import LocalBackend

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class LocalBackendConfig(BaseModel):
    """Configuration of the backend in one file."""

    model_config = ConfigDict(extra="forbid")

    path: Path | None = Field(
        default=None, description="The file; backend/backend.db in the artifact root where none is named."
    )
    busy_timeout: float = Field(default=30.0, gt=0, le=3600, description="How long a writer waits for another, in s.")
    max_size: int | None = Field(default=None, ge=1_000_000, description="How large the file may become, in bytes.")
    synced: bool = Field(default=True, description="Whether every change is on the disk when it is over.")


class LocalBackendPlugin(Plugin):
    """Offer the backend, and what keeps it sound."""

    config_model: ClassVar[type[BaseModel]] = LocalBackendConfig

    def on_load(self, ctx: PluginContext) -> None:
        """Open the file and provide it; it is closed at the unload, after it was withdrawn."""
        config = plugin_config(ctx, LocalBackendConfig)
        backend = LocalBackend(
            config.path or find_artifact_root(ctx) / "backend" / "backend.db",
            busy_timeout=config.busy_timeout,
            max_size=config.max_size,
            is_synced=config.synced,
        )
        ctx.on_unload(backend.close)
        ctx.provide(BACKEND, backend)
        ctx.provide(BACKEND_UPKEEP, backend)
