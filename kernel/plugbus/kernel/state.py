"""State hand-over: what a plugin's successor takes over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from .errors import StateError
from .versions import parse_version

if TYPE_CHECKING:
    from .plugin import Plugin


def hand_over(old: Plugin, new: Plugin) -> None:
    """Let ``new`` restore what ``old`` saves, if that is anything.

    Raises:
        StateError: ``old`` saved no mapping, or the form of its state has another major version than ``new`` reads.
        Exception: Whatever the two hooks raise.
    """
    state = old.save_state()
    if not isinstance(state, Mapping):
        raise StateError(f"it is a {type(state).__qualname__}, not a mapping")
    if not state:
        return
    saved, read = parse_version(old.state_version), parse_version(new.state_version)
    if saved.major != read.major:
        raise StateError(f"it has version {saved.text}, and version {read.text} is what the successor reads")
    new.restore_state(state)
