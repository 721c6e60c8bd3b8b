"""Bringing in the action that a command names: of a plugin with a manifest, of a configuration, or of a module."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import rich_click as click

from plugbus.capabilities import Action, PluginEnvironment, find_action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugbus.capabilities import BaseAction
    from plugbus.loaders import Host


@dataclass(frozen=True, slots=True)
class NamedAction:
    """An action whose plugin is loaded.

    Args:
        name: Its full name, such as ``digits.train``.
        plugin: The id of its plugin.
        action_cls: Its class.
        env: What a configuration says of its settings; None where there is none.
    """

    name: str
    plugin: str
    action_cls: type[BaseAction[Any]]
    env: Mapping[str, Any] | None = None


def offered_actions(host: Host) -> dict[str, str]:
    """Map the actions that manifests declare to their plugins."""
    return {
        capability.qualifier: source.metadata.id
        for source in host.sources
        for capability in source.metadata.provides
        if capability.qualifier is not None and capability == Action(capability.qualifier)
    }


def is_configured(name: str, offered: Mapping[str, str]) -> bool:
    """Tell whether a name is that of an action in a configuration or a module: ``folder:action``."""
    return ":" in name and name not in offered and not name.startswith("-")


def load_action(host: Host, name: str) -> NamedAction:
    """Load the plugin of an action: ``digits.train``, ``folder:train``, or ``module:train``.

    Raises:
        UsageError: No plugin offers it; offers near names.
        LoaderError: The configuration is wrong.
        KernelError: The plugin can't be loaded.
    """
    offered = offered_actions(host)
    if is_configured(name, offered):
        return _load_configured(host, name)
    if name not in offered:
        near = get_close_matches(name, offered, n=3)
        tail = f"; did you mean {' or '.join(map(repr, near))}?" if near else "; see plugbus list"
        broken = "".join(f"\nbroken: {one.error}" for one in host.broken)
        told = f"cannot find action {name!r}: no plugin offers it{tail}{broken}"
        raise click.UsageError(told, click.get_current_context(silent=True))
    host.kernel.load(offered[name])
    return NamedAction(name, offered[name], find_action(host.kernel.services, name))


def _load_configured(host: Host, name: str) -> NamedAction:
    from plugbus.loaders import ConfigSource, check_requirements, open_plugin, plugins_beside

    path, _, action = name.rpartition(":")
    discovery = open_plugin(path)
    code = discovery.config.code
    check_requirements(discovery.config, plugins_beside(discovery, host))
    host.kernel.register(ConfigSource(discovery, (action,)))
    host.kernel.load(code)
    env = PluginEnvironment(discovery.config.env).merge(PluginEnvironment.from_environ())
    full = f"{code}.{action}"
    return NamedAction(full, code, find_action(host.kernel.services, full), env)
