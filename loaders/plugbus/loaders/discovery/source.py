"""A plugin of actions as a plugin of a kernel, so that its actions are offered as those of any other."""
# This file imports capabilities: it offers classes of actions.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugbus.capabilities import Action
from plugbus.kernel import Plugin, PluginMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugbus.capabilities import BaseAction
    from plugbus.kernel import PluginContext

    from .plugin import PluginDiscovery


class ConfigSource:
    """A plugin with a ``config.yaml``, for ``kernel.register``: its actions are offered as ``code.action``.

    What the configuration requires is not checked here; ``check_requirements`` does that.

    Args:
        discovery: The plugin. It is closed when the kernel closes the source.
        actions: Which of its actions are offered; all by default.

    Raises:
        ActionNotFoundError: One of them is not there.
    """

    def __init__(self, discovery: PluginDiscovery, actions: Iterable[str] | None = None) -> None:
        self._discovery = discovery
        self._actions = tuple(discovery.list_actions() if actions is None else actions)
        for one in self._actions:
            discovery.get_action_config(one)
        config = discovery.config
        self._metadata = PluginMetadata(
            config.code,
            config.version,
            config.name,
            config.description,
            provides=tuple(Action(f"{config.code}.{one}") for one in self._actions),
        )

    @property
    def metadata(self) -> PluginMetadata:
        """Return what the configuration says, as the kernel wants it."""
        return self._metadata

    @property
    def origin(self) -> str:
        """Return the plugin's folder, or what module it is."""
        return str(self._discovery.folder or self._discovery.config.name)

    def open(self) -> Plugin:
        """Import the actions, and make the plugin that offers them; raises as ``get_action_class`` does."""
        code = self._discovery.config.code
        return _Offering({f"{code}.{one}": self._discovery.get_action_class(one) for one in self._actions})

    def close(self) -> None:
        """Take the plugin's code out of the process. Idempotent."""
        self._discovery.close()


class _Offering(Plugin):
    """Offer classes of actions by their names."""

    def __init__(self, offered: dict[str, type[BaseAction[Any]]]) -> None:
        self._offered = offered

    def on_load(self, ctx: PluginContext) -> None:
        for name, action_cls in self._offered.items():
            ctx.provide(Action(name), action_cls)
