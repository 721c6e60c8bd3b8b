"""Fleets of plugins to be loaded: the metadata is made once, the plugins anew for every run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugbus.kernel import Capability, Kernel, Plugin, PluginMetadata

if TYPE_CHECKING:
    from plugbus.kernel import PluginContext


class Bare(Plugin):
    """A plugin that does nothing."""

    def __init__(self, metadata: PluginMetadata) -> None:
        self.metadata = metadata


class Provider(Plugin):
    """A plugin that provides itself."""

    def __init__(self, metadata: PluginMetadata) -> None:
        self.metadata = metadata
        self._capability = metadata.provides[0]

    def on_load(self, ctx: PluginContext) -> None:
        """Provide what the metadata declares."""
        ctx.provide(self._capability, self)


@dataclass(frozen=True, slots=True)
class Fleet:
    """The plugins that all loaders load.

    Args:
        kind: Of the plugins.
        metadata: One for each plugin.
        root: The id that all others need, empty where they need nothing.
    """

    kind: type[Bare] | type[Provider]
    metadata: tuple[PluginMetadata, ...]
    root: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in the order in which the plugins are loaded."""
        return tuple(one.id for one in self.metadata)

    def plugins(self) -> list[Plugin]:
        """Make the plugins."""
        return [self.kind(one) for one in self.metadata]


def bare_fleet(size: int) -> Fleet:
    """Describe plugins that provide and need nothing: what remains is the lifecycle itself."""
    return Fleet(Bare, tuple(PluginMetadata(f"plugin{place}", "1.2.0") for place in range(size)))


def providing_fleet(size: int) -> Fleet:
    """Describe plugins that provide one checked capability each, and need the first one in a range."""
    root = "plugin0"
    metadata = tuple(
        PluginMetadata(
            f"plugin{place}",
            "1.2.0",
            dependencies={root: "^1.1"} if place else {},
            provides=(Capability(f"capability{place}", contract=Plugin),),
        )
        for place in range(size)
    )
    return Fleet(Provider, metadata, root)


@dataclass(frozen=True, slots=True)
class Host:
    """A kernel and the plugins that are to be loaded into it."""

    kernel: Kernel
    fleet: Fleet
    plugins: list[Plugin]

    def register(self) -> None:
        """Make all plugins known."""
        for plugin in self.plugins:
            self.kernel.register(plugin)

    def load(self) -> None:
        """Resolve and load all plugins in one plan."""
        self.kernel.load(*self.fleet.ids)

    def unload(self) -> None:
        """Unload all plugins in one call: the root with all that needs it, or all that there is."""
        if self.fleet.root:
            self.kernel.unload(self.fleet.root, cascade=True)
        else:
            self.kernel.shutdown()


def make_host(fleet: Fleet) -> Host:
    """Make a kernel of its own for a run."""
    return Host(Kernel(), fleet, fleet.plugins())
