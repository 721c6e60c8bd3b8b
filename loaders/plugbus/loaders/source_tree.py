"""What a plugin's folder held when it was opened."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from dataclasses import dataclass, replace
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from keyword import iskeyword
from pathlib import Path

from .import_errors import OutsideRootError, PluginImportError


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleFile:
    """One importable thing; ``source`` is ``None`` for an extension module, empty for a folder without a file."""

    path: Path
    source: bytes | None
    is_package: bool = False
    has_file: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """Everything importable in a folder at one moment, by path with slashes and without suffix ('' is the folder).

    ``links`` are links to folders inside the root and stay unexpanded: a link to a parent is a cycle, and several
    that cross each other would be exponentially many names. ``outside`` are links whose import is refused.
    """

    plugin: str
    root: Path
    revision: str
    modules: dict[str, ModuleFile]
    links: dict[str, str]
    outside: dict[str, str]

    @classmethod
    def read(cls, plugin: str, root: Path) -> SourceTree:
        """Read ``root`` once, each real folder once; folders that can't be imported (``.git``, ``.venv``) are left out.

        Raises:
            PluginImportError: ``root`` is no folder, or something in it can't be read.
        """
        tree = cls(plugin=plugin, root=Path(os.path.realpath(root)), revision="", modules={}, links={}, outside={})
        hashed: dict[str, bytes] = {}
        waiting, seen = deque([""]), {""}
        try:
            while waiting:
                for folder in tree._read_folder(waiting.popleft(), hashed):
                    if folder not in seen:
                        seen.add(folder)
                        waiting.append(folder)
        except OSError as error:
            cause = f"cannot read '{error.filename or root}', {error.strerror or error}"
            raise PluginImportError(plugin, "", cause) from error
        digest = hashlib.sha256()
        for key, data in sorted(hashed.items()):
            name = os.fsencode(key)
            digest.update(b"%d:%s%d:" % (len(name), name, len(data)))
            digest.update(data)
        return replace(tree, revision=digest.hexdigest())

    def _read_folder(self, here: str, hashed: dict[str, bytes]) -> list[str]:
        """Enter what the folder ``here`` holds, and return the folders to read next."""
        files: dict[str, ModuleFile] = {}
        folders: dict[str, str] = {}
        strays: dict[str, str] = {}
        with os.scandir(self.root / here) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
        for entry in entries:
            stem = entry.name if entry.is_dir() else stem_of(entry.name)
            if stem is None or not is_name(stem) or stem == "__pycache__":
                continue
            path = Path(os.path.realpath(entry.path)) if entry.is_symlink() else Path(entry.path)
            if not path.is_relative_to(self.root):
                if entry.is_dir():
                    strays[stem] = str(path)
                else:
                    self.outside[here if stem == "__init__" else join_names(here, stem)] = str(path)
            elif entry.is_dir():
                inside = path.relative_to(self.root).as_posix()
                folders[stem] = "" if inside == "." else inside
            elif entry.is_file():
                source = path.read_bytes() if entry.name.endswith(tuple(SOURCE_SUFFIXES)) else None
                if source is not None:
                    hashed[join_names(here, entry.name)] = source
                if source is None or stem not in files:  # as in the import system, extensions come first
                    files[stem] = ModuleFile(path=Path(entry.path), source=source)
        init = files.pop("__init__", None)
        if init is not None:
            self.modules[here] = replace(init, is_package=True)
        elif here not in self.modules:  # there is a file of this name beside the folder, which comes first
            bare = self.root / here / "__init__.py"
            self.modules[here] = ModuleFile(path=bare, source=b"", is_package=True, has_file=False)
        self.modules.update((join_names(here, stem), file) for stem, file in files.items())
        self.outside.update((join_names(here, stem), path) for stem, path in strays.items() if stem not in files)
        for stem, folder in folders.items():
            if (link := join_names(here, stem)) != folder:
                self.links[link] = folder
                hashed[f"{link}/"] = os.fsencode(folder)
        return list(folders.values())

    def find(self, relative: str) -> ModuleFile | None:
        """Return what the dotted name ``relative`` imports, ``None`` when there is no such module.

        Raises:
            OutsideRootError: A part of the name is a link that leads out of the root.
        """
        here = ""
        for part in ["", *relative.split(".")]:
            here = join_names(here, part) if part else here
            if here not in self.modules:
                here = self.links.get(here, here)
            if here in self.outside:
                raise OutsideRootError(self.plugin, here or "__init__", self.outside[here])
        return self.modules.get(here)


def join_names(folder: str, name: str) -> str:
    """Return a path with slashes; the folder may be empty."""
    return f"{folder}/{name}" if folder else name


def is_name(text: str) -> bool:
    """Tell whether a text can be imported, or looked up, by an import statement."""
    return text.isidentifier() and not iskeyword(text)


def stem_of(filename: str) -> str | None:
    """Return the module name of a source or extension file, ``None`` for every other file."""
    for suffix in (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES):
        if filename.endswith(suffix) and is_name(filename.removesuffix(suffix)):
            return filename.removesuffix(suffix)
    return None
