"""State hand-over: what a plugin saves for whoever comes after it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import StateError
from .keeping import SavedState
from .plugin import Plugin
from .versions import parse_version

if TYPE_CHECKING:
    from .lifecycle import LoadedPlugin
    from .versions import Version


def save(loaded: LoadedPlugin) -> SavedState | None:
    """Return what a plugin saves, None where that is nothing.

    Raises:
        StateError: It saved no mapping.
        Exception: Whatever the hook raises.
    """
    # A plugin by its shape alone may know nothing of states.
    hook = getattr(loaded.plugin, "save_state", None)
    if hook is None:
        return None
    state: object = loaded.hooks.call_for(loaded.context, "save_state", hook)
    if not isinstance(state, Mapping):
        raise StateError(f"it is a {type(state).__qualname__}, not a mapping")
    if not state:
        return None
    return SavedState(state, _form_of(loaded.plugin).text, loaded.context.metadata.version)


def cause_against(saved: SavedState, plugin: Plugin) -> str:
    """Say why a plugin can't read a state; empty where it can."""
    version, read = parse_version(saved.state_version), _form_of(plugin)
    if version.major == read.major:
        return ""
    return f"it has version {version.text}, and version {read.text} is what the successor reads"


def restore(loaded: LoadedPlugin, saved: SavedState) -> None:
    """Let a plugin restore a state; raises what the hook raises."""
    loaded.hooks.call_for(loaded.context, "restore_state", loaded.plugin.restore_state, saved.state)


def hand_over(old: LoadedPlugin, new: LoadedPlugin) -> None:
    """Let ``new`` restore what ``old`` saves, if that is anything.

    Raises:
        StateError: ``old`` saved no mapping, or the form of its state has another major version than ``new`` reads.
        Exception: Whatever the two hooks raise.
    """
    if getattr(new.plugin, "restore_state", None) is None:
        return
    saved = save(old)
    if saved is None:
        return
    cause = cause_against(saved, new.plugin)
    if cause:
        raise StateError(cause)
    restore(new, saved)


def _form_of(plugin: Plugin) -> Version:
    return parse_version(getattr(plugin, "state_version", Plugin.state_version))
