"""Every error of finding plugins and bringing them in."""

from __future__ import annotations


class LoaderError(Exception):
    """Root of everything the loaders raise on purpose."""


class PluginFolderError(LoaderError, OSError):
    """Name a folder of plugins that can't be read."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot search plugin folder '{self.path}': {self.cause}"


class MissingModulesError(LoaderError, ImportError):
    """Name what a plugin needs and the environment lacks, with the command that installs it.

    Args:
        plugin_id: The plugin.
        modules: The top-level modules that are missing.
        install: What pip is to install, such as ``plugbus[sklearn]``; empty where the plugin does not say.
    """

    def __init__(self, plugin_id: str, modules: tuple[str, ...], install: str = "") -> None:
        super().__init__(plugin_id, modules, install)
        self.plugin_id = plugin_id
        self.modules = modules
        self.install = install

    def __str__(self) -> str:
        named = ", ".join(f"'{module}'" for module in self.modules)
        kind = "module" if len(self.modules) == 1 else "modules"
        remedy = f'; pip install "{self.install}"' if self.install else ""
        return f"cannot open plugin '{self.plugin_id}': it needs the missing {kind} {named}{remedy}"


class DiscoveryError(LoaderError, ValueError):
    """Hold everything that kept plugins from being found, where all of them were wanted.

    Args:
        faults: One text for each broken plugin.
    """

    def __init__(self, faults: tuple[str, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        if len(self.faults) == 1:
            return self.faults[0]
        return "\n".join((f"cannot discover plugins: {len(self.faults)} are broken", *self.faults))


class StateFileError(LoaderError, ValueError):
    """Refuse a file with the state of a plugin, or a state that can't be written to one; the file stays as it is."""

    def __init__(self, verb: str, plugin_id: str, path: str, cause: str, remedy: str = "") -> None:
        super().__init__(verb, plugin_id, path, cause, remedy)
        self.verb = verb
        self.plugin_id = plugin_id
        self.path = path
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"cannot {self.verb} state of plugin '{self.plugin_id}' in '{self.path}': {self.cause}{tail}"
