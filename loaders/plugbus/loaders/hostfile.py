"""The host file, ``plugbus.yaml``: which plugins a host uses, and how."""

from __future__ import annotations

import threading
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from .deadlines import HookName  # noqa: TC001 - pydantic reads the annotation at run time
from .manifest import CapabilityText  # noqa: TC001 - pydantic reads the annotation at run time

HOST_FILE_NAME: Final = "plugbus.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PluginSelection(_Strict):
    """Which plugins a host uses."""

    folders: list[str] = Field(default=[], description="Folders of plugin folders, relative to this file.")
    enabled: list[str] | None = Field(default=None, description="Ids to use; all that are found if left out.")
    disabled: list[str] = Field(default=[], description="Ids not to use.")


Seconds = Annotated[float, Field(gt=0, le=threading.TIMEOUT_MAX)]


class Deadlines(_Strict):
    """How long hooks may take, in seconds."""

    default_s: Seconds | None = Field(default=None, description="For every hook; none if left out.")
    hooks: dict[HookName, Seconds] = Field(default={}, description="Hook to its own deadline.")
    plugins: dict[str, dict[HookName, Seconds]] = Field(
        default={}, description="Plugin id to the deadlines of its hooks."
    )


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
    deadlines: Deadlines = Field(default=Deadlines(), description="How long hooks may take.")
    state: str | None = Field(
        default=None, description="Folder where the states of plugins are kept, relative to this file."
    )
    artifacts: str | None = Field(default=None, description="Where runs are kept, relative to this file.")
