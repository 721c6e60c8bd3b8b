"""What each plugin was resolved with, and who can't do without a plugin or a capability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .ranges import parse_range
from .registry import PluginState
from .versions import parse_version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .capabilities import Requirement
    from .metadata import PluginMetadata
    from .registry import PluginRegistry


class Uses:
    """Keep what plugins use, with an index of the users of each plugin and of each capability.

    Every call is made with the lock of the transitions held.

    Args:
        registry: Of the kernel.
    """

    def __init__(self, registry: PluginRegistry) -> None:
        self._registry = registry
        self._uses: dict[str, Mapping[str, str]] = {}
        # What has needs; what has none is not in it.
        self._bound: dict[str, PluginMetadata] = {}
        # Who can't do without a plugin, and without a capability.
        self._plugin_users: dict[str, dict[str, None]] = {}
        self._capability_users: dict[str, dict[str, None]] = {}

    def bind(self, metadata: PluginMetadata, uses: Mapping[str, str]) -> None:
        """Remember what meets each target of a plugin's requirements."""
        plugin_id = metadata.id
        self._uses[plugin_id] = uses
        if not metadata.dependencies and not metadata.requires:
            return
        self._bound[plugin_id] = metadata
        users = self._plugin_users
        for target in metadata.dependencies:
            users.setdefault(target, {})[plugin_id] = None
        for need in metadata.requires:
            if not need.optional:
                self._users_of(need).setdefault(str(need.target), {})[plugin_id] = None

    def unbind(self, plugin_id: str) -> None:
        """Forget what a plugin uses."""
        self._uses.pop(plugin_id, None)
        metadata = self._bound.get(plugin_id)
        if metadata is None:
            return
        # Last of all is forgotten what has to be looked at: after an interrupt this is called again.
        for target in metadata.dependencies:
            _drop_user(self._plugin_users, target, plugin_id)
        for need in metadata.requires:
            _drop_user(self._users_of(need), str(need.target), plugin_id)
        self._bound.pop(plugin_id, None)

    def _users_of(self, need: Requirement) -> dict[str, dict[str, None]]:
        return self._capability_users if need.is_capability else self._plugin_users

    def _needs_of(self, plugin_id: str) -> Iterator[Requirement]:
        metadata = self._bound.get(plugin_id)
        return iter(()) if metadata is None else (need for need in metadata.requirements if not need.optional)

    def of(self, plugin_id: str) -> Mapping[str, str]:
        """Return what a plugin was resolved with, empty when it is not loaded; what is optional is among it."""
        return self._uses.get(plugin_id, {})

    def needed(self, plugin_id: str) -> tuple[str, ...]:
        """Return the ids that a plugin was resolved with and can't do without."""
        uses = self.of(plugin_id)
        return tuple(dict.fromkeys(uses[str(need.target)] for need in self._needs_of(plugin_id)))

    def bereft(self, used: str, gone: Mapping[str, None]) -> tuple[str, ...]:
        """Return what needs a plugin of ``gone`` directly, could not stay without all of these, and is none of them.

        A plugin stays without what it requires as optional, and without a provider of a capability that another
        loaded plugin offers too, in its range.
        """
        found = dict.fromkeys(self._plugin_users.get(used, ()))
        if self._capability_users:
            for capability in self._registry.record(used).metadata.provides:
                users = self._capability_users.get(capability, ())
                found.update((one, None) for one in users if one not in gone and self._is_lost(one, capability, gone))
        return tuple([one for one in found if one not in gone]) if found else ()

    def unmet_by(self, old_id: str, new: PluginMetadata) -> tuple[str, ...]:
        """Say which needs of loaded plugins would not be met any more, if ``new`` were in the place of a plugin."""
        unmet = [
            f"'{user}' requires plugin '{old_id}' {need.range}, which '{new.id}' {new.version} is not"
            for user in self._plugin_users.get(old_id, ())
            for need in self._needs_of(user)
            if not need.is_capability
            and need.target == old_id
            and not (new.id == old_id and parse_range(need.range).matches(parse_version(new.version)))
        ]
        gone = {old_id: None}
        for capability in self._registry.record(old_id).metadata.provides:
            for user in self._capability_users.get(capability, ()):
                for need in self._needs_of(user):
                    is_asked = need.is_capability and need.target == capability and user != old_id
                    if is_asked and not (_is_offered(need, new) or self._is_met(need, user, gone)):
                        offered = next((f" at {one.version}" for one in new.provides if one == capability), "")
                        told = (
                            f"which '{new.id}' {new.version} offers{offered}" if offered else "which it does not offer"
                        )
                        unmet.append(f"'{user}' requires capability '{capability}' {need.range}, {told}")
        return tuple(unmet)

    def replace(self, old_id: str, metadata: PluginMetadata, uses: Mapping[str, str]) -> None:
        """Put a plugin in the place of another one, for its users too. Called again, it carries a call through."""
        self.unbind(old_id)
        self.bind(metadata, uses)
        for user, used in self._uses.items():
            if old_id in used.values():
                offered = {str(one) for one in metadata.provides} | {metadata.id}
                self._uses[user] = {
                    target: metadata.id if one == old_id and target in offered else one for target, one in used.items()
                }

    def _is_lost(self, user: str, capability: str, gone: Mapping[str, None]) -> bool:
        """Tell whether ``user`` requires a capability that no loaded plugin besides ``gone`` offers in its range."""
        needs = (need for need in self._needs_of(user) if need.is_capability and need.target == capability)
        return not all(self._is_met(need, user, gone) for need in needs)

    def _is_met(self, need: Requirement, user: str, gone: Mapping[str, None]) -> bool:
        return any(
            one.state is PluginState.ACTIVE
            and one.id not in gone
            and one.id != user
            and _is_offered(need, one.metadata)
            for one in self._registry.find_by_capability(str(need.target))
        )


def _is_offered(need: Requirement, metadata: PluginMetadata) -> bool:
    wanted = parse_range(need.range)
    return any(one == need.target and wanted.matches(parse_version(one.version)) for one in metadata.provides)


def _drop_user(users: dict[str, dict[str, None]], target: str, plugin_id: str) -> None:
    using = users.get(target)
    if using is not None:
        using.pop(plugin_id, None)
        if not using:
            users.pop(target, None)
