"""Plugins that are not known, or not in the state that a call needs."""

from __future__ import annotations

from .root import KernelError
from .wording import offer


class PluginExistsError(KernelError, ValueError):
    """Refuse to register a plugin of which this very version is registered."""

    def __init__(self, plugin_id: str, version: str, origin: str, other_origin: str) -> None:
        super().__init__(plugin_id, version, origin, other_origin)
        self.plugin_id = plugin_id
        self.version = version
        self.origin = origin
        self.other_origin = other_origin

    def __str__(self) -> str:
        return (
            f"cannot register plugin '{self.plugin_id}': version {self.version} of {self.other_origin} is registered "
            f"already, the new one is of {self.origin}; unregister it first, or swap"
        )


class PluginNotFoundError(KernelError, LookupError):
    """Name a plugin id that nobody registered, and offer near ones."""

    def __init__(self, plugin_id: str, near: tuple[str, ...] = ()) -> None:
        super().__init__(plugin_id, near)
        self.plugin_id = plugin_id
        self.near = near

    def __str__(self) -> str:
        return f"cannot find plugin '{self.plugin_id}': it is not registered{offer(self.near)}"


class PluginTypeError(KernelError, TypeError):
    """Name a plugin that is not of the type asked for."""

    def __init__(self, plugin_id: str, expected: str, found: str) -> None:
        super().__init__(plugin_id, expected, found)
        self.plugin_id = plugin_id
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"cannot get plugin '{self.plugin_id}' as {self.expected}: it is a {self.found}"


class PluginStateError(KernelError, RuntimeError):
    """Refuse a call that the plugin's present state does not allow."""

    def __init__(self, verb: str, plugin_id: str, state: str, remedy: str = "") -> None:
        super().__init__(verb, plugin_id, state, remedy)
        self.verb = verb
        self.plugin_id = plugin_id
        self.state = state
        self.remedy = remedy

    def __str__(self) -> str:
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"cannot {self.verb} plugin '{self.plugin_id}': it is {self.state}{tail}"


class KernelClosedError(KernelError, RuntimeError):
    """Refuse to use a kernel after its shutdown."""

    def __init__(self, verb: str) -> None:
        super().__init__(verb)
        self.verb = verb

    def __str__(self) -> str:
        return f"cannot {self.verb}: the kernel is shut down; make a new one"
