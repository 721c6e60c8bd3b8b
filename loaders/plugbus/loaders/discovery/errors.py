"""What goes wrong when a configuration is turned into actions."""

from __future__ import annotations

from ..errors import LoaderError


class NotAnActionError(LoaderError, TypeError):
    """Refuse an entry point that leads to something else than a class of actions.

    Args:
        plugin: The plugin's code.
        action: The name in the configuration.
        entrypoint: Where it leads.
        found: What is there.
    """

    def __init__(self, plugin: str, action: str, entrypoint: str, found: str) -> None:
        super().__init__(plugin, action, entrypoint, found)
        self.plugin = plugin
        self.action = action
        self.entrypoint = entrypoint
        self.found = found

    def __str__(self) -> str:
        return (
            f"cannot open action '{self.action}' of plugin '{self.plugin}': '{self.entrypoint}' is {self.found}; "
            "name a subclass of BaseAction"
        )


class EntrypointMissingError(LoaderError, LookupError):
    """Name an action without an entry point, whose name no single class of the folder has."""

    def __init__(self, plugin: str, action: str, cause: str) -> None:
        super().__init__(plugin, action, cause)
        self.plugin = plugin
        self.action = action
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"cannot open action '{self.action}' of plugin '{self.plugin}': it has no entrypoint, and {self.cause}; "
            "write entrypoint: module:Class"
        )


class ActionConflictError(LoaderError, ValueError):
    """Refuse several actions of one name.

    Args:
        plugin: The plugin's code, or its folder.
        conflicts: One text for each name.
    """

    def __init__(self, plugin: str, conflicts: tuple[str, ...]) -> None:
        super().__init__(plugin, conflicts)
        self.plugin = plugin
        self.conflicts = conflicts

    def __str__(self) -> str:
        return f"cannot discover actions of '{self.plugin}': {'; '.join(self.conflicts)}"


class ActionViewError(LoaderError, TypeError):
    """Refuse a class of actions that cannot be given what its configuration says of it."""

    def __init__(self, plugin: str, action: str, cause: str) -> None:
        super().__init__(plugin, action, cause)
        self.plugin = plugin
        self.action = action
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"cannot open action '{self.action}' of plugin '{self.plugin}': no subclass of it can be made: {self.cause}"
        )
