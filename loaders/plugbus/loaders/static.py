"""Plugins that the host makes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .registration import load_sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from plugbus.kernel import Kernel, Plugin

from plugbus.kernel import InstanceSource


class StaticLoader:
    """Bring in plugins that a factory makes; their order does not matter.

    Args:
        create_plugins: Called once for each ``load_into``; returns the plugins.
    """

    def __init__(self, create_plugins: Callable[[], Iterable[Plugin]]) -> None:
        self._create_plugins = create_plugins

    def load_into(self, path: str | Path, kernel: Kernel) -> tuple[str, ...]:
        """Register and load the plugins, all or nothing; return their ids in the order of loading.

        Args:
            path: Ignored: the plugins are in the program.
            kernel: Where to.
        """
        return load_sources(kernel, [InstanceSource(plugin) for plugin in self._create_plugins()])
