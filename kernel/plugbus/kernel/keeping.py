"""Keeping state: what plugins save when they are unloaded comes back when they are loaded again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from .plugin import Plugin
from .values import field, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .lifecycle import LoadedPlugin


@value(frozen=True, slots=True)
class SavedState:
    """What a plugin saved.

    Args:
        state: What ``save_state`` returned; not empty.
        state_version: The version of its form: the plugin's ``state_version``.
        plugin_version: Of the plugin that saved it.
        origin: Where it was read from, for people: a path; empty where it was not kept.
    """

    state: Mapping[str, Any] = field(hash=False)
    state_version: str
    plugin_version: str = ""
    origin: str = field(default="", compare=False)


class StateStore(Protocol):
    """Keep what plugins save from one load to the next, also over the end of the process.

    Calls for one plugin come one after the other, those for several from several threads. What is refused is raised as
    an error that names what can't be read or written, and changes nothing.
    """

    def read(self, plugin_id: str) -> SavedState | None:
        """Return what was written last, None where there is nothing."""
        ...

    def write(self, plugin_id: str, saved: SavedState) -> None:
        """Put a state in the place of what was written before, wholly or not at all."""
        ...

    def discard(self, plugin_id: str) -> None:
        """Forget what was written; does nothing where there is nothing."""
        ...


class Carry:
    """The states of plugins that are reloaded, on their way from the unload to the load.

    Attributes:
        states: Id to what was saved.
        restored: Ids whose state was restored.
        refused: Id to the reason why its state was not.
    """

    def __init__(self) -> None:
        self.states: dict[str, SavedState] = {}
        self.restored: list[str] = []
        self.refused: dict[str, str] = {}


class StateKeeper:
    """Save the state of plugins that are unloaded, and restore that of plugins that are loaded, where there is a store.

    A plugin takes part if it has ``save_state`` or ``restore_state`` of its own. Where it saves nothing, what was
    stored before is discarded: it would come back as if it were the last.

    Args:
        store: Where states are kept; None for nowhere.
    """

    def __init__(self, store: StateStore | None) -> None:
        self._store = store
        self._carries: dict[str, Carry] = {}

    def begin(self, carry: Carry, plugin_ids: Iterable[str]) -> None:
        """Carry over what these plugins save at their unload, to their next load."""
        self._carries.update(dict.fromkeys(plugin_ids, carry))

    def save(self, loaded: LoadedPlugin) -> None:
        """Store what a plugin saves; one whose place was taken has handed its state over, and saves nothing.

        Raises:
            StateError: It saved no mapping.
            Exception: Whatever the hook and the store raise; what was stored before stays.
        """
        if self._store is None and not self._carries:
            return
        store, carry = self._store, self._carries.get(loaded.context.plugin_id)
        if (store is None and carry is None) or loaded.context.is_replaced or not _has_own(loaded.plugin, "save_state"):
            return
        from .state import save  # not imported for plugins that keep nothing

        saved = save(loaded)
        if carry is not None and saved is not None:
            carry.states[loaded.context.plugin_id] = saved
        if store is None:
            return
        if saved is None:
            store.discard(loaded.context.plugin_id)
        else:
            store.write(loaded.context.plugin_id, saved)

    def restore(self, loaded: LoadedPlugin) -> None:
        """Let a plugin that is not visible yet restore what is stored for it, if anything is.

        Raises:
            SavedStateError: The form of the state has another major version than the plugin reads.
            Exception: Whatever the store and the hook raise; what is stored stays.
        """
        if self._store is None and not self._carries:
            return
        plugin_id = loaded.context.plugin_id
        carry = self._carries.pop(plugin_id, None)
        carried = None if carry is None else carry.states.get(plugin_id)
        if (self._store is None and carried is None) or not _has_own(loaded.plugin, "restore_state"):
            return
        from .errors import SavedStateError
        from .state import cause_against, restore

        if carry is not None and carried is not None:
            cause = cause_against(carried, loaded.plugin)
            if cause:
                carry.refused[plugin_id] = cause
            else:
                try:
                    restore(loaded, carried)
                except BaseException:
                    del carry.states[plugin_id]  # it would fail the next load as well
                    raise
                carry.restored.append(plugin_id)
            return
        saved = None if self._store is None else self._store.read(plugin_id)
        if saved is None:
            return
        cause = cause_against(saved, loaded.plugin)
        if cause:
            raise SavedStateError(plugin_id, saved.origin, cause)
        restore(loaded, saved)


def _has_own(plugin: Plugin, hook: str) -> bool:
    """Tell whether a plugin has a hook that does something: its own, and not that of the base."""
    own = getattr(type(plugin), hook, None) or getattr(plugin, hook, None)
    return own is not None and own is not getattr(Plugin, hook)
