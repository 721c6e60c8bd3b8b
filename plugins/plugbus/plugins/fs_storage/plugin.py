"""The plugin that offers storages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from plugbus.capabilities import STORAGE, StorageRoot, find_artifact_root, plugin_config
from plugbus.kernel import Plugin

from .storage import FsStorage

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class RootConfig(BaseModel):
    """Configuration of one storage."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(min_length=1, description="Where the root is: kind://place, or the path of a local folder.")
    options: dict[str, Any] = Field(
        default_factory=dict, repr=False, description="What the filesystem is made with, as fsspec names it."
    )


class FsStorageConfig(BaseModel):
    """Configuration of all storages."""

    model_config = ConfigDict(extra="forbid")

    roots: dict[str, RootConfig] = Field(
        default_factory=dict, description="Storages by name; the folder storage in the artifact root where none is."
    )
    default: str | None = Field(
        default=None, description="Name of the storage that is used where none is named; the first by default."
    )

    @model_validator(mode="after")
    def _default_is_there(self) -> FsStorageConfig:
        if self.default is not None and self.default not in self.roots:
            known = ", ".join(self.roots) or "none"
            raise ValueError(f"default: there is no root '{self.default}'; there are {known}")
        return self


class FsStoragePlugin(Plugin):
    """Offer a storage for each root, and one of them as the default."""

    config_model: ClassVar[type[BaseModel]] = FsStorageConfig

    def on_load(self, ctx: PluginContext) -> None:
        """Open every root and provide it."""
        config = plugin_config(ctx, FsStorageConfig)
        roots = config.roots or {"storage": RootConfig(address=str(find_artifact_root(ctx) / "storage"))}
        opened = {name: FsStorage(root.address, root.options) for name, root in roots.items()}
        ctx.provide(STORAGE, opened[config.default or next(iter(roots))])
        for name, storage in opened.items():
            ctx.provide(StorageRoot(name), storage)
