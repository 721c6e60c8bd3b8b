"""Searching a folder for actions: one parse a file at most, nothing imported, broken files told."""

from __future__ import annotations

import os
import sys
import time
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import PluginFolderError
from ..faults import Fault, Position
from .actions import ActionScan, DiscoveredAction
from .cache import ScanCache
from .classes import ActionFinder
from .facts import ModuleFacts, read_facts
from .names import CAPABILITIES, Names
from .shipped import ShippedActions
from .walking import SourceFile, Stamp, source_files

if TYPE_CHECKING:
    from collections.abc import Iterable

# A file that was changed so shortly before it was read may be changed again without its stamp telling: clocks of file
# systems tick every few milliseconds, the coarsest every two seconds.
_TICK_NS = 100_000_000
_COARSE_TICK_NS = 2_000_000_000


def scan_actions(path: str | Path, *, cache: str | Path | None = None) -> ActionScan:
    """Find the actions of a folder by its source alone; nothing of it is imported.

    Left out are tests, hidden folders, virtual environments, what tools build and install, and what the ignore files at
    the top of the folder name.

    Args:
        path: The folder, or one source file.
        cache: A folder in which to keep what was found; the next search reads only files that changed.

    Raises:
        PluginFolderError: The folder can't be read.
    """
    place = Path(os.path.realpath(path))
    started = time.time_ns()
    try:
        root, files = (place.parent, _only(place)) if place.is_file() else (place, source_files(place))
    except OSError as error:
        raise PluginFolderError(str(path), error.strerror or str(error)) from error
    kept = ScanCache.of(None if cache is None else Path(cache), place)
    signature = "" if kept.path is None else _signature(place, files)
    known = kept.found(signature)
    if known is not None:
        return _restored(known, root, len(files))
    kept.load()
    modules: dict[str, ModuleFacts] = {}
    entries: dict[str, tuple[Stamp | None, str, ModuleFacts]] = {}
    homes: dict[str, SourceFile] = {}
    parsed = 0
    for file in files:
        facts = kept.by_stamp(file.relative, file.stamp)
        if facts is not None:
            digest = kept.digest(file.relative)
        else:
            digest, facts, is_parsed = _read(root, file, kept)
            parsed += is_parsed
        if file.module not in homes or file.is_package:  # of a package and a module of one name, the package is found
            modules[file.module], homes[file.module] = facts, file
        entries[file.relative] = (None if _is_recent(file.stamp, started) else file.stamp, digest, facts)
    packages = frozenset(one.module for one in files if one.is_package)
    finder = ActionFinder(modules, Names(modules, packages, root.name), ShippedActions(), root.name)
    found = [one for module, file in homes.items() for one in finder.actions(module, file.relative)]
    found.sort(key=lambda one: (one.name, one.entrypoint))
    faults = [(relative, *facts["fault"]) for relative, (_, _, facts) in entries.items() if facts["fault"]]
    if kept.path is not None:
        header = {"actions": [one.to_dict() for one in found], "faults": faults}
        is_settled = all(stamp is not None for stamp, _, _ in entries.values())
        kept.save({"signature": signature if is_settled else "", **header}, entries)
    return ActionScan(tuple(found), _faults(root, faults), len(files), parsed)


def _only(place: Path) -> list[SourceFile]:
    from .walking import stamp_of

    return [SourceFile(place.name, stamp_of(place.stat()))]


def _read(root: Path, file: SourceFile, kept: ScanCache) -> tuple[str, ModuleFacts, bool]:
    """Return the digest of a file, what it says, and whether it had to be parsed for that."""
    try:
        with open(f"{root}/{file.relative}", "rb") as text:  # noqa: PTH123 - a path a file would cost as much as reading
            source = text.read()
    except OSError as error:
        facts = read_facts(b"")
        facts["fault"] = (1, 1, f"it cannot be read: {error.strerror or error}")
        return "", facts, False
    if kept.path is None:
        return "", read_facts(source), True
    digest = sha256(source).hexdigest()
    facts_known = kept.by_content(file.relative, digest)
    return digest, facts_known or read_facts(source), facts_known is None


def _is_recent(stamp: Stamp, started: int) -> bool:
    changed = max(stamp[0], stamp[1])
    return changed > started - (_COARSE_TICK_NS if changed % 1_000_000_000 == 0 else _TICK_NS)


def _signature(place: Path, files: Iterable[SourceFile]) -> str:
    """Return a digest of all that the result depends on: the folder's files, plugbus's own, and this Python."""
    spec = find_spec(CAPABILITIES)
    own = "" if spec is None or spec.origin is None else (spec.origin, Path(spec.origin).stat().st_mtime_ns)
    every = (str(place), sys.version_info[:2], own, [(one.relative, one.stamp) for one in files])
    return sha256(repr(every).encode("utf-8", "surrogatepass")).hexdigest()


def _restored(known: dict[str, Any], root: Path, files: int) -> ActionScan:
    actions = tuple(DiscoveredAction(**one) for one in known["actions"])
    return ActionScan(actions, _faults(root, known["faults"]), files, 0)


def _faults(root: Path, faults: Iterable[Any]) -> tuple[Fault, ...]:
    return tuple(
        Fault(source=str(root / relative), position=Position(line, column), why=why)
        for relative, line, column, why in faults
    )
