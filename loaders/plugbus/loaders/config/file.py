"""Reading a plugin's ``config.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..documents import read_document
from ..errors import LoaderError
from ..validation import validate
from .plugin import PluginConfig

if TYPE_CHECKING:
    from ..documents import Document
    from ..faults import DocumentPath, Fault, Position

CONFIG_NAME: Final = "config.yaml"


class ConfigNotFoundError(LoaderError, FileNotFoundError):
    """Name a place where no configuration of a plugin is."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot find plugin configuration '{self.path}': {self.cause}"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """A configuration that was read, and where everything in it stands.

    Args:
        path: The file, absolute.
        document: What was read.
        config: What it says.
    """

    path: Path
    document: Document
    config: PluginConfig

    @property
    def folder(self) -> Path:
        """Return the plugin's folder."""
        return self.path.parent

    def fault(self, path: DocumentPath, why: str, remedy: str = "") -> Fault:
        """Return a fault of what stands at a path, told at its place in the file; or of what is nearest above."""
        from ..faults import Fault

        return Fault(source=self.document.source, position=self._place(path), path=path, why=why, remedy=remedy)

    def _place(self, path: DocumentPath) -> Position:
        while path not in self.document.positions:
            path = path[:-1]
        return self.document.positions[path]


def config_path(path: str | Path) -> Path:
    """Return the configuration file that a path means: itself, or ``config.yaml`` in that folder; absolute.

    Raises:
        ConfigNotFoundError: There is none.
    """
    place = Path(path).absolute()
    if place.is_dir():
        place /= CONFIG_NAME
        if not place.is_file():
            others = [name for name in ("config.yml", "synapse.yaml") if (place.parent / name).is_file()]
            remedy = f"; rename {others[0]}" if others else "; write one, or name another folder"
            raise ConfigNotFoundError(str(place.parent), f"the folder has no {CONFIG_NAME}{remedy}")
    elif not place.exists():
        raise ConfigNotFoundError(str(place), "there is no such file or folder")
    return place


def read_config(path: str | Path) -> ConfigFile:
    """Read the configuration of a plugin; nothing of the plugin is imported.

    Args:
        path: The file, or the plugin's folder.

    Raises:
        ConfigNotFoundError: There is none.
        DocumentError: It is wrong; holds every fault with its line and column.
    """
    place = config_path(path)
    document = read_document(place)
    return ConfigFile(place, document, validate(PluginConfig, document))
