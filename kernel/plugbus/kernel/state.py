"""State hand-over: what a plugin's successor takes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import StateError
from .plugin import Plugin
from .versions import parse_version

if TYPE_CHECKING:
    from .lifecycle import LoadedPlugin
    from .versions import Version


def hand_over(old: LoadedPlugin, new: LoadedPlugin) -> None:
    """Let ``new`` restore what ``old`` saves, if that is anything.

    Raises:
        StateError: ``old`` saved no mapping, or the form of its state has another major version than ``new`` reads.
        Exception: Whatever the two hooks raise.
    """
    # A plugin by its shape alone may know nothing of states.
    save, restore = getattr(old.plugin, "save_state", None), getattr(new.plugin, "restore_state", None)
    if save is None or restore is None:
        return
    state: object = old.hooks.call_for(old.context, "save_state", save)
    if not isinstance(state, Mapping):
        raise StateError(f"it is a {type(state).__qualname__}, not a mapping")
    if not state:
        return
    saved, read = _form_of(old.plugin), _form_of(new.plugin)
    if saved.major != read.major:
        raise StateError(f"it has version {saved.text}, and version {read.text} is what the successor reads")
    new.hooks.call_for(new.context, "restore_state", restore, state)


def _form_of(plugin: Plugin) -> Version:
    return parse_version(getattr(plugin, "state_version", Plugin.state_version))
