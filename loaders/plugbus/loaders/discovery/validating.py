"""Everything that can be known to be wrong with a plugin's folder without importing it."""
# This file imports capabilities: it looks up types of data by their names.

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from plugbus.capabilities import TypeRegistry

from ..config import CONFIG_NAME, ConfigNotFoundError, read_config
from ..directory import DirectoryLoader
from ..faults import DocumentError, Fault
from ..import_errors import offer_names
from ..manifest import MANIFEST_NAME
from .code import inside_folder
from .scan import scan_actions

if TYPE_CHECKING:
    from ..config import ConfigFile
    from ..faults import DocumentPath
    from .actions import ActionScan


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What is wrong with a plugin's folder.

    Args:
        folder: The folder.
        files: The manifest and the configuration that were looked at.
        faults: Everything that is wrong, each at its place.
        actions: The names of the actions of the configuration.
    """

    folder: Path
    files: tuple[Path, ...] = ()
    faults: tuple[Fault, ...] = ()
    actions: tuple[str, ...] = field(default=())

    @property
    def is_valid(self) -> bool:
        """Tell whether nothing was found."""
        return not self.faults


def validate_plugin(path: str | Path, *, cache: str | Path | None = None) -> ValidationReport:
    """Check a plugin's manifest and configuration, its source and the entry points into it; nothing is imported.

    Args:
        path: The plugin's folder, its ``plugin.yaml``, or its ``config.yaml``.
        cache: A folder in which to keep what the source says.

    Raises:
        ConfigNotFoundError: There is neither a manifest nor a configuration.
        PluginFolderError: The folder can't be read.
    """
    place = Path(path).absolute()
    folder = place if place.is_dir() else place.parent
    names = (MANIFEST_NAME, CONFIG_NAME) if place.is_dir() else (place.name,)
    files = tuple(folder / name for name in names if (folder / name).is_file())
    if not files:
        raise ConfigNotFoundError(str(place), f"there is neither a {MANIFEST_NAME} nor a {CONFIG_NAME}")
    scan = scan_actions(folder, cache=cache)
    faults: list[Fault] = list(scan.faults)
    actions: tuple[str, ...] = ()
    for file in files:
        try:
            if file.name == MANIFEST_NAME:
                DirectoryLoader().read(folder)
            else:
                config = read_config(file)
                actions = tuple(config.config.actions)
                faults += _entry_faults(config, scan)
        except DocumentError as error:
            faults += error.faults
    return ValidationReport(folder, files, tuple(faults), actions)


def _entry_faults(file: ConfigFile, scan: ActionScan) -> list[Fault]:
    found: list[Fault] = []
    types = TypeRegistry()
    known = {one.entrypoint: one for one in scan.actions}
    for name, entry in file.config.actions.items():
        path: DocumentPath = ("actions", name)
        if (*path, "entrypoint") in file.document.positions:
            path = ("actions", name, "entrypoint")
        if not entry.target:
            if scan.get(name) is None:
                why = "it has no entrypoint, and no single class of the folder has its name"
                found.append(file.fault(path, why, offer_names(name, (one.name for one in scan.actions))))
        else:
            target = inside_folder(entry.target, file.folder)
            target = f"{file.folder.name}{target}" if target.startswith(":") else target
            if target not in known and not _is_broken(target, file.folder, scan):
                why = f"there is no action at '{entry.target}'"
                found.append(file.fault(path, why, offer_names(target, known)))
        for side, given in (("input_type", entry.input_type), ("output_type", entry.output_type)):
            own = {one.input_type for one in scan.actions} | {one.output_type for one in scan.actions}
            if given is not None and given not in own and types.find(given) is None:
                near = offer_names(given, [*types.names, *(one.__name__ for one in types)])
                why = f"there is no data type '{given}', neither among those that ship nor in the source of an action"
                found.append(file.fault(("actions", name, side), why, near))
    return found


def _is_broken(target: str, folder: Path, scan: ActionScan) -> bool:
    """Tell whether the module of an entry point is a file that could not be parsed, which is told already."""
    stem = target.partition(":")[0].replace(".", "/")
    sources = {str(folder.resolve() / f"{stem}.py"), str(folder.resolve() / stem / "__init__.py")}
    return any(one.source in sources for one in scan.faults)
