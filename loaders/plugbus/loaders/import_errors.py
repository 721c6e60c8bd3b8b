"""What goes wrong when a plugin's code is imported."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from .errors import LoaderError

if TYPE_CHECKING:
    from collections.abc import Iterable


class PluginImportError(LoaderError, ImportError):
    """Report that code of a plugin could not be imported, or that an entrypoint names nothing.

    Args:
        plugin: The plugin's id.
        target: The module (relative to the plugin) or entrypoint that was asked for, empty for the plugin itself.
        cause: What went wrong; the exception itself, where there was one, is ``__cause__``.
        remedy: What to do, empty when there is nothing to offer.
        missing: The module that is not installed, ``None`` when the failure is another one or the module is the
            plugin's own, so that nobody is told to install a package which only shares its name.
    """

    def __init__(self, plugin: str, target: str, cause: str, remedy: str = "", missing: str | None = None) -> None:
        super().__init__(plugin, target, cause, remedy, missing)
        self.plugin = plugin
        self.target = target
        self.cause = cause
        self.remedy = remedy
        self.missing = missing

    def __str__(self) -> str:
        what = f"'{self.target}' of plugin '{self.plugin}'" if self.target else f"plugin '{self.plugin}'"
        tail = f"; {self.remedy}" if self.remedy else ""
        return f"cannot import {what}: {self.cause}{tail}"


class EntrypointError(LoaderError, ValueError):
    """Refuse a text that is no entrypoint or no module name.

    Args:
        plugin: The plugin's id.
        text: The text as it was given.
        cause: Why it was refused.
    """

    def __init__(self, plugin: str, text: str, cause: str) -> None:
        super().__init__(plugin, text, cause)
        self.plugin = plugin
        self.text = text
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"cannot read entrypoint '{self.text}' of plugin '{self.plugin}': {self.cause}"
            "; write 'module:Name', with dots for what is nested"
        )


class OutsideRootError(LoaderError, ImportError):
    """Refuse a module that a symbolic link takes from outside the plugin's folder.

    Args:
        plugin: The plugin's id.
        module: The module's path in the folder, with slashes and without a suffix.
        destination: Where the link leads.
    """

    def __init__(self, plugin: str, module: str, destination: str) -> None:
        super().__init__(plugin, module, destination)
        self.plugin = plugin
        self.module = module
        self.destination = destination

    def __str__(self) -> str:
        return (
            f"cannot import '{self.module}' of plugin '{self.plugin}': it is a link to '{self.destination}', "
            "outside the plugin's folder; put a copy into the folder"
        )


class NamespaceClosedError(LoaderError, RuntimeError):
    """Refuse an import in a namespace that is closed, or was closed while the import ran.

    Args:
        plugin: The plugin's id.
        target: What was to be imported, empty for the plugin itself.
    """

    def __init__(self, plugin: str, target: str) -> None:
        super().__init__(plugin, target)
        self.plugin = plugin
        self.target = target

    def __str__(self) -> str:
        what = f"'{self.target}' of plugin '{self.plugin}'" if self.target else f"plugin '{self.plugin}'"
        return f"cannot import {what}: its namespace is closed; open it again"


def offer_names(wanted: str, known: Iterable[str]) -> str:
    """Return a question that offers near names, empty where there are none."""
    near = get_close_matches(wanted, sorted(known), n=3, cutoff=0.6)
    return "did you mean " + " or ".join(f"'{name}'" for name in near) + "?" if near else ""


def missing_module(error: BaseException) -> str | None:
    """Return the name in the ``ModuleNotFoundError`` that ``error`` is, or was explicitly raised from."""
    seen: set[int] = set()  # `raise error from error` is a cycle
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        if isinstance(link, ModuleNotFoundError):
            return link.name
        seen.add(id(link))
        link = link.__cause__
    return None
