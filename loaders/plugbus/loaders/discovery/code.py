"""Where the code of a plugin comes from: a folder under a private name, or a module that is imported already."""
# This file imports capabilities: what it brings in are classes of actions and types of data.

from __future__ import annotations

import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from plugbus.capabilities import DataType

from ..import_errors import NamespaceClosedError, PluginImportError
from ..namespaces import NamespaceFinder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import ModuleType

    from ..namespaces import ModuleNamespace


class PluginCode(Protocol):
    """The code of a plugin."""

    def resolve(self, target: str) -> object:
        """Import what ``module:Name`` names."""
        ...

    def types(self) -> Iterator[type[DataType]]:
        """Yield the types of data that are defined in what was imported."""
        ...

    def close(self) -> None:
        """Take the code out of the process, where it was brought in for this plugin alone. Idempotent."""
        ...


class FolderCode:
    """The code in a plugin's folder, imported under a name of its own when it is first needed.

    Args:
        plugin: The plugin's code, for messages and for the private name.
        folder: The folder.
    """

    def __init__(self, plugin: str, folder: Path) -> None:
        self._plugin = plugin
        self._folder = folder
        self._finder = NamespaceFinder()
        self._lock = threading.Lock()
        self._namespace: ModuleNamespace | None = None
        self._is_closed = False

    def resolve(self, target: str) -> object:
        """Import what ``module:Name`` names, seen from the folder, or from above it where it is a package itself.

        Raises:
            PluginImportError: The code can't be imported; says why.
            NamespaceClosedError: The plugin was closed.
        """
        return self._open().resolve(inside_folder(target, self._folder))

    def types(self) -> Iterator[type[DataType]]:
        """Yield the types of data that the modules imported so far define."""
        if self._namespace is not None:
            yield from types_below(self._namespace.name)

    def close(self) -> None:
        """Take the code out of the process. Idempotent."""
        with self._lock:
            namespace, self._namespace, self._is_closed = self._namespace, None, True
        if namespace is not None:
            namespace.close()

    def _open(self) -> ModuleNamespace:
        """Return the private package; of two threads that open it, the first one's stays."""
        with self._lock:
            self._ensure_open()
            if self._namespace is not None:
                return self._namespace
        opened = self._finder.open(self._plugin, self._folder)
        with self._lock:
            if self._namespace is None and not self._is_closed:
                self._namespace = opened
                return opened
        opened.close()
        return self._open()

    def _ensure_open(self) -> None:
        if self._is_closed:
            raise NamespaceClosedError(self._plugin, "")


class ModuleCode:
    """The code of a module that the process imports by its ordinary name, and keeps.

    Args:
        plugin: The plugin's code, for messages.
        name: The module's name.
    """

    def __init__(self, plugin: str, name: str) -> None:
        self._plugin = plugin
        self._name = name

    def resolve(self, target: str) -> object:
        """Import what ``module:Name`` names.

        Raises:
            PluginImportError: The module can't be imported, or has no such name.
        """
        module, _, path = target.partition(":")
        found: object = import_plainly(self._plugin, module)
        for part in path.split("."):
            try:
                found = getattr(found, part)
            except AttributeError as error:
                raise PluginImportError(self._plugin, target, f"'{module}' has no '{part}'") from error
        return found

    def types(self) -> Iterator[type[DataType]]:
        """Yield the types of data that its modules define."""
        yield from types_below(self._name)

    def close(self) -> None:
        """Do nothing: a module that was imported by its ordinary name is the process's."""


def import_plainly(plugin: str, name: str) -> ModuleType:
    """Import a module by its ordinary name.

    Raises:
        PluginImportError: It can't be imported; says why.
    """
    try:
        return import_module(name)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        raise PluginImportError(plugin, name, f"{type(error).__name__}: {error}", missing=missing) from error


def types_below(package: str) -> Iterator[type[DataType]]:
    """Yield the types of data that the imported modules of a package define."""
    for name, module in list(sys.modules.items()):
        if name == package or name.startswith(f"{package}."):
            for value in list(vars(module).values()):
                found: Any = value
                if isinstance(found, type) and issubclass(found, DataType) and found.__module__ == name:
                    yield found


def inside_folder(target: str, folder: Path) -> str:
    """Return an entry point as seen from the folder: ``my_plugin.a:B`` is ``a:B`` where the folder is ``my_plugin``."""
    module, _, path = target.partition(":")
    top, _, rest = module.partition(".")
    is_there = (folder / top).is_dir() or (folder / f"{top}.py").is_file()
    if top == folder.name and not is_there:
        return f"{rest}:{path}"
    return target
