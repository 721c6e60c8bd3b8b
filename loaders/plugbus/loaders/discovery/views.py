"""A class of actions with what its configuration says of it, the class itself untouched."""
# This file imports capabilities: what it makes are classes of actions.

from __future__ import annotations

import inspect
from types import new_class
from typing import TYPE_CHECKING, Any, cast

from plugbus.capabilities import BaseAction

from .errors import ActionViewError, NotAnActionError

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked(plugin: str, action: str, entrypoint: str, found: object) -> type[BaseAction[Any]]:
    """Return what an entry point leads to as a class of actions.

    Raises:
        NotAnActionError: It is something else.
    """
    if not isinstance(found, type):
        kind = "a function" if inspect.isfunction(found) else f"a {type(found).__name__}"
        remedy = " without @action" if inspect.isfunction(found) else ""
        raise NotAnActionError(plugin, action, entrypoint, f"{kind}{remedy}")
    if not issubclass(found, BaseAction):
        raise NotAnActionError(plugin, action, entrypoint, "a class, and no action")
    abstract = sorted(found.__abstractmethods__)
    if abstract:
        raise NotAnActionError(plugin, action, entrypoint, f"not finished: it does not define {', '.join(abstract)}")
    return found


def action_view(
    plugin: str, action: str, action_cls: type[BaseAction[Any]], said: Mapping[str, Any]
) -> type[BaseAction[Any]]:
    """Return a class of actions of which the given attributes are true.

    That is the class itself where they are true of it, else a subclass that differs in them alone. The class is never
    changed: two entries may name one class, and others may use it. A subclass that was made so can't be pickled by its
    name; executors that send it to another process have it made there again, as its ``__pickled_as__`` says.

    Args:
        plugin: The plugin's code.
        action: The name in the configuration.
        action_cls: The class.
        said: What is to be true.

    Raises:
        ActionViewError: No subclass can be made.
    """
    different = {name: value for name, value in said.items() if getattr(action_cls, name, None) != value}
    if not different:
        return action_cls
    body = {
        **different,
        "__module__": action_cls.__module__,
        "__qualname__": action_cls.__qualname__,
        "__doc__": action_cls.__doc__,
        "__pickled_as__": (action_view, (plugin, action, action_cls, different)),
    }
    try:
        made = new_class(action_cls.__name__, (action_cls,), exec_body=lambda namespace: namespace.update(body))
    except Exception as error:
        raise ActionViewError(plugin, action, f"{type(error).__name__}: {error}") from error
    return cast("type[BaseAction[Any]]", made)
