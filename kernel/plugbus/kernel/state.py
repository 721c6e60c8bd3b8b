"""State hand-over: what a plugin's successor takes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import StateError
from .plugin import Plugin
from .versions import parse_version

if TYPE_CHECKING:
    from .versions import Version


def hand_over(old: Plugin, new: Plugin) -> None:
    """Let ``new`` restore what ``old`` saves, if that is anything.

    Raises:
        StateError: ``old`` saved no mapping, or the form of its state has another major version than ``new`` reads.
        Exception: Whatever the two hooks raise.
    """
    # A plugin by its shape alone may know nothing of states.
    save, restore = getattr(old, "save_state", None), getattr(new, "restore_state", None)
    if save is None or restore is None:
        return
    state = save()
    if not isinstance(state, Mapping):
        raise StateError(f"it is a {type(state).__qualname__}, not a mapping")
    if not state:
        return
    saved, read = _form_of(old), _form_of(new)
    if saved.major != read.major:
        raise StateError(f"it has version {saved.text}, and version {read.text} is what the successor reads")
    restore(state)


def _form_of(plugin: Plugin) -> Version:
    return parse_version(getattr(plugin, "state_version", Plugin.state_version))
