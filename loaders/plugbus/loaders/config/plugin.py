"""What a configuration says of a plugin of actions."""
# This file imports capabilities: the kinds that a configuration names are words of the domain.

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from plugbus.capabilities import (
    AnnotationCategory,
    AnnotationType,
    MediaType,
    PackageManager,
    PluginCategory,
    SmartToolType,
)

from ..manifest import PluginId, RangeText, VersionText  # noqa: TC001 - pydantic reads the annotation at run time
from .action import ActionConfig  # noqa: TC001 - as above


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _cuda(value: Any) -> Any:
    return "*" if value is True else None if value is False else value


class PluginRequires(BaseModel):
    """What the environment must be, checked before anything of the plugin is imported."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sdk: RangeText | None = Field(default=None, description="Range of plugbus's version, such as >=0.1.")
    python: RangeText | None = Field(default=None, description="Range of Python's version, such as >=3.11.")
    cuda: Annotated[RangeText | None, BeforeValidator(_cuda)] = Field(
        default=None, description="Range of the CUDA version that the driver can run; true for any."
    )


class PluginConfig(BaseModel):
    """A plugin of actions, as its ``config.yaml`` has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(min_length=1, description="Name for people.")
    code: PluginId = Field(description="Unique id.")
    version: VersionText = Field(default="0.1.0", description="Version; quote it, as 1.0 is a number to YAML.")
    variant: str | None = Field(default=None, description="Which of several builds of one version it is.")
    category: PluginCategory = Field(description="What it is for.")
    description: str = Field(default="", description="One sentence for people.")
    readme: str = Field(default="README.md", description="File with more of it, in the plugin's folder.")
    tags: list[str] = Field(default=[], description="Words to find it by.")

    package_manager: PackageManager = Field(default=PackageManager.PIP, description="What installs its packages.")
    package_manager_options: list[str] = Field(default=[], description="Further arguments for that.")
    wheels_dir: str = Field(default="wheels", description="Folder of wheels that it brings, in the plugin's folder.")
    requires: PluginRequires = Field(default=PluginRequires(), description="What the environment must be.")
    dependencies: dict[PluginId, RangeText] = Field(default={}, description="Code of another plugin to a range.")

    env: dict[str, Any] = Field(default={}, description="Settings that actions find in ctx.env, the weakest ones.")
    runtime_env: dict[str, Any] = Field(default={}, description="What a cluster is to set up.")

    data_type: MediaType | None = Field(default=None, description="What its data is made of.")
    supported_data_types: Annotated[list[MediaType], BeforeValidator(_list)] = Field(
        default=[],
        validation_alias=AliasChoices("supported_data_types", "supported_data_type"),
        description="All that its data may be made of.",
    )
    tasks: list[str] = Field(default=[], description="Annotation tasks, such as image.object_detection.")

    annotation_category: AnnotationCategory | None = Field(default=None, description="Media of its annotations.")
    annotation_type: AnnotationType | None = Field(default=None, description="Shape of its annotations.")
    supported_annotation_tools: list[str] = Field(default=[], description="Tools that it works with.")
    smart_tool: SmartToolType | None = Field(
        default=None,
        validation_alias=AliasChoices("smart_tool", "smart_tool_type"),
        description="How much of an annotation it does on its own.",
    )

    actions: dict[str, ActionConfig] = Field(default={}, description="Name of an action to what is known of it.")

    @model_validator(mode="before")
    @classmethod
    def _complete_actions(cls, given: Any) -> Any:
        """Read ``train: module:Class`` as an entry with that entry point, and take the key for a name left out."""
        actions = given.get("actions") if isinstance(given, dict) else None
        if not isinstance(actions, dict):
            return given
        return {**given, "actions": {key: _completed(key, entry) for key, entry in actions.items()}}


def _completed(key: Any, entry: Any) -> Any:
    if isinstance(entry, str):
        return {"name": key, "entrypoint": entry}
    if isinstance(entry, dict) and "name" not in entry:
        return {"name": key, **entry}
    return entry
