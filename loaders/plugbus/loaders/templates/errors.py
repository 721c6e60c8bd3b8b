"""What goes wrong when a plugin is made of a template."""

from __future__ import annotations

from ..errors import LoaderError


class TemplateNotFoundError(LoaderError, LookupError):
    """Name a template that is not there, and what is near.

    Args:
        template: What was asked for.
        near: A question that offers near names; may be empty.
        known: The names of all.
    """

    def __init__(self, template: str, near: str, known: tuple[str, ...]) -> None:
        super().__init__(template, near, known)
        self.template = template
        self.near = near
        self.known = known

    def __str__(self) -> str:
        told = self.near or f"there are {', '.join(self.known)}"
        return f"cannot find template '{self.template}': there is none of this name; {told}"


class PluginNameError(LoaderError, ValueError):
    """Refuse the name of a new plugin, with every fault, and offer one that will do.

    Args:
        name: The name.
        faults: What is wrong with it.
        near: A name that is like it and will do; empty where there is none.
    """

    def __init__(self, name: str, faults: tuple[str, ...], near: str = "") -> None:
        super().__init__(name, faults, near)
        self.name = name
        self.faults = faults
        self.near = near

    def __str__(self) -> str:
        tail = f"; did you mean '{self.near}'?" if self.near else ""
        return f"cannot name plugin '{self.name}': {'; '.join(self.faults)}{tail}"


class TemplateTextError(LoaderError, ValueError):
    """Refuse a text that is to be written into the files of a new plugin."""

    def __init__(self, what: str, text: str, cause: str) -> None:
        super().__init__(what, text, cause)
        self.what = what
        self.text = text
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot write {self.what} {self.text!r}: {self.cause}"


class PluginFolderExistsError(LoaderError, FileExistsError):
    """Refuse to make a plugin where something is already."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name, folder)
        self.name = name
        self.folder = folder

    def __str__(self) -> str:
        return (
            f"cannot make plugin '{self.name}': '{self.folder}' is there already; choose another name, another --path, "
            "or delete it"
        )
