"""The manifest of a plugin folder, ``plugin.yaml``: all that can be known of a plugin without importing it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from plugbus.kernel import Capability, KernelError, PluginMetadata, Requirement, parse_range, parse_version

MANIFEST_NAME: Final = "plugin.yaml"


def _version(text: str) -> str:
    parse_version(text)
    return text


def _range(text: str) -> str:
    parse_range(text)
    return text


def _capability(text: str) -> str:
    try:
        Capability.parse(text)
    except KernelError as error:
        raise ValueError(str(error)) from error
    return text


def _matched(pattern: str, why: str) -> AfterValidator:
    """Refuse a text in plain words; what pydantic says of a pattern is for programmers."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise ValueError(why)
        return text

    return AfterValidator(check)


_ID: Final = r"[A-Za-z][A-Za-z0-9_.-]{0,127}"
_MODULE: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_ENTRYPOINT: Final = r"[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_.]*"

PluginId = Annotated[
    str,
    _matched(_ID, "an id is a letter, then up to 127 letters, digits, '_', '.' or '-'"),
    Field(json_schema_extra={"pattern": f"^{_ID}$"}, description="Unique id of the plugin."),
]
ModuleName = Annotated[
    str,
    _matched(_MODULE, "a top-level module is named, without dots"),
    Field(json_schema_extra={"pattern": f"^{_MODULE}$"}),
]
Entrypoint = Annotated[
    str,
    _matched(_ENTRYPOINT, "write module:Class, such as plugin:MyPlugin"),
    Field(json_schema_extra={"pattern": f"^{_ENTRYPOINT}$"}),
]
VersionText = Annotated[str, AfterValidator(_version)]
RangeText = Annotated[str, AfterValidator(_range)]
CapabilityText = Annotated[str, AfterValidator(_capability)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ProvidedCapability(_Strict):
    """A capability that the plugin provides, with the version of its contract."""

    capability: CapabilityText = Field(description="Text form, such as executor or action(digits.train).")
    version: VersionText = Field(default="1.0.0", description="Version of the contract.")
    description: str = Field(default="", description="One sentence for people.")


class RequiredCapability(_Strict):
    """A capability that the plugin needs."""

    capability: CapabilityText = Field(description="Text form, such as executor.")
    range: RangeText = Field(default="*", description="Range of the contract's version, such as ^1.0.")
    optional: bool = Field(default=False, description="The plugin works without.")


class ModuleNeeds(_Strict):
    """What must be importable before the plugin's own code is."""

    modules: list[ModuleName] = Field(min_length=1, description="Top-level modules.")
    install: str = Field(default="", description="What pip is to install for them, such as plugbus[sklearn].")


class Manifest(_Strict):
    """A plugin folder's ``plugin.yaml``."""

    manifest: Literal[1] = Field(default=1, description="Version of this form.")
    id: PluginId
    version: VersionText = Field(description="Version of the plugin; quote it, as 1.10 is a number to YAML.")
    entrypoint: Entrypoint = Field(description="The plugin's class, as module:Class inside the folder.")
    name: str = Field(default="", description="Name for people.")
    description: str = Field(default="", description="One sentence for people.")
    author: str = Field(default="", description="Who made it.")
    dependencies: dict[PluginId, RangeText] = Field(default={}, description="Plugin id to version range.")
    provides: list[CapabilityText | ProvidedCapability] = Field(
        default=[], description="Capabilities that on_load must provide."
    )
    labels: list[CapabilityText] = Field(default=[], description="Declarations that can be searched.")
    requires: list[RequiredCapability] = Field(default=[], description="Capabilities that the plugin needs.")
    needs: ModuleNeeds | None = Field(default=None, description="Third-party modules that the plugin imports.")
    metadata: dict[str, str] = Field(default={}, description="Free facts.")

    @property
    def plugin_metadata(self) -> PluginMetadata:
        """Return what the kernel is to know.

        Raises:
            MetadataError: The manifest contradicts itself.
        """
        # The contract's class lies in code that is not imported; object says that something has to be provided.
        provided: list[Capability[Any]] = [
            Capability.parse(one, contract=object)
            if isinstance(one, str)
            else Capability.parse(one.capability, version=one.version, contract=object)
            for one in self.provides
        ]
        return PluginMetadata(
            self.id,
            self.version,
            self.name,
            self.description,
            self.author,
            self.dependencies,
            (*provided, *(Capability.parse(label) for label in self.labels)),
            tuple(Requirement(Capability.parse(one.capability), one.range, one.optional) for one in self.requires),
            self.metadata,
        )
