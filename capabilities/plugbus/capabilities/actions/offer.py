"""Actions as capabilities: how plugins offer them, and how they are found by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from plugbus.kernel import Capability, ServiceNotFoundError

from ..errors import ActionNotFoundError
from .action import BaseAction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.kernel import ServiceLocator

ACTION: Final = "action"
"""The name of the capability; its qualifier is the action's name."""


def Action(name: str) -> Capability[type[BaseAction[Any]]]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability under which an action's class is offered: ``Action("digits.train")``.

    By convention the name is the plugin's id, a dot, and the action.
    """
    # The contract is the class itself: what is provided is a subclass of it, not an object.
    offered: type[Any] = BaseAction
    return Capability(ACTION, contract=offered, qualifier=name)


def action_names(services: ServiceLocator) -> tuple[str, ...]:
    """Return the names of all actions that can be run now, sorted."""
    found: Iterator[Capability[Any]] = (Capability.parse(key) for key in services.keys if key.startswith(f"{ACTION}("))
    return tuple(one.qualifier for one in found if one.qualifier is not None)


def find_action(services: ServiceLocator, name: str) -> type[BaseAction[Any]]:
    """Return the class of an action that a loaded plugin offers.

    Raises:
        ActionNotFoundError: None does; offers near names.
    """
    from difflib import get_close_matches

    try:
        found: type[BaseAction[Any]] = services.get(Action(name))
    except ServiceNotFoundError:
        known = action_names(services)
        raise ActionNotFoundError(name, tuple(get_close_matches(name, known, n=3, cutoff=0.6)), known) from None
    return found
