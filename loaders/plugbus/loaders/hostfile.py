"""The host file, ``plugbus.yaml``: which plugins a host uses, and how."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from .manifest import CapabilityText  # noqa: TC001 - pydantic reads the annotation at run time

HOST_FILE_NAME: Final = "plugbus.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PluginSelection(_Strict):
    """Which plugins a host uses."""

    folders: list[str] = Field(default=[], description="Folders of plugin folders, relative to this file.")
    enabled: list[str] | None = Field(default=None, description="Ids to use; all that are found if left out.")
    disabled: list[str] = Field(default=[], description="Ids not to use.")


class HostFile(_Strict):
    """A host's ``plugbus.yaml``."""

    plugins: PluginSelection = Field(default=PluginSelection(), description="Which plugins are used.")
    preferences: dict[CapabilityText, str] = Field(
        default={}, description="Capability to the id of the plugin that is to provide it."
    )
    config: dict[str, dict[str, Any]] = Field(
        default={}, description="Plugin id to its configuration, validated by the plugin's own model."
    )
    activate_on_demand: bool = Field(
        default=False, description="Load a plugin when what it declares is first asked for."
    )
    quarantine_after: int | None = Field(
        default=None, ge=1, description="Keep a plugin out after so many failed loads in a row."
    )
    artifacts: str | None = Field(default=None, description="Where runs are kept, relative to this file.")
