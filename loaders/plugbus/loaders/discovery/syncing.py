"""Bringing a ``config.yaml`` up to date with the source of its plugin."""
# This file imports capabilities: it compares types of data by what they are, not by how they are spelled.

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugbus.capabilities import TypeRegistry

from ..atomic import replace_file
from ..config import default_method
from ..config.file import config_path
from ..errors import LoaderError
from ..faults import DocumentError, Fault, Position
from .code import inside_folder
from .editing import YamlText
from .errors import ActionConflictError
from .scan import scan_actions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .actions import ActionScan, DiscoveredAction


class ChangeKind(StrEnum):
    """What becomes of an entry of a configuration."""

    ADDED = "added"
    UPDATED = "updated"
    UPGRADED = "upgraded"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class SyncChange:
    """One change of a configuration.

    Args:
        kind: What was done.
        action: The action's name in the configuration.
        field: Which of its keys; empty for the whole entry.
        old: What stood there; None for nothing.
        new: What stands there now; None for nothing.
    """

    kind: ChangeKind
    action: str
    field: str = ""
    old: str | None = None
    new: str | None = None

    def __str__(self) -> str:
        what = f"actions.{self.action}{f'.{self.field}' if self.field else ''}"
        if self.kind is ChangeKind.REMOVED:
            return f"{what}: removed"
        if self.kind is ChangeKind.UPGRADED:
            return f"{what}: upgraded from text to a mapping"
        if self.old is None:
            return f"{what}: {self.kind}{f' ({self.new})' if self.new else ''}"
        return f"{what}: {self.old} -> {self.new}"


@dataclass(frozen=True, slots=True)
class StaleAction:
    """An entry of a configuration whose code is not there.

    Args:
        action: Its name.
        entrypoint: What it names.
        why: Why that is nothing.
    """

    action: str
    entrypoint: str
    why: str

    def __str__(self) -> str:
        return f"actions.{self.action}: stale, {self.why}"


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a configuration lacks, or lacked.

    Args:
        path: The file.
        changes: What was, or would be, changed.
        stale: Entries without code, which stay unless they are to be pruned.
        faults: Source files that are broken; what they define is neither added nor called stale.
        is_written: The file was changed.
    """

    path: Path
    changes: tuple[SyncChange, ...] = ()
    stale: tuple[StaleAction, ...] = ()
    faults: tuple[Fault, ...] = ()
    is_written: bool = False

    @property
    def is_in_sync(self) -> bool:
        """Tell whether there was nothing to change."""
        return not self.changes

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        return {
            "path": str(self.path),
            "in_sync": self.is_in_sync,
            "written": self.is_written,
            "changes": [
                {"kind": one.kind.value, "action": one.action, "field": one.field, "old": one.old, "new": one.new}
                for one in self.changes
            ],
            "stale": [{"action": one.action, "entrypoint": one.entrypoint, "why": one.why} for one in self.stale],
            "broken": [str(one) for one in self.faults],
        }


class OutOfSyncError(LoaderError, ValueError):
    """Tell that a configuration is not up to date, where that was asked for.

    Args:
        path: The file.
        changes: One text for each change that it needs.
    """

    def __init__(self, path: str, changes: tuple[str, ...]) -> None:
        super().__init__(path, changes)
        self.path = path
        self.changes = changes

    def __str__(self) -> str:
        lines = "".join(f"\n  {one}" for one in self.changes)
        return f"cannot accept configuration '{self.path}': it is not up to date with its source; sync it{lines}"


class ConfigChangedError(LoaderError, RuntimeError):
    """Refuse to write a configuration that somebody changed meanwhile; it stays as it is."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"cannot write configuration '{self.path}': it was changed meanwhile; sync it again"


def sync_config_file(
    path: str | Path,
    *,
    check: bool = False,
    dry_run: bool = False,
    prune: bool = False,
    cache: str | Path | None = None,
) -> SyncReport:
    """Bring a ``config.yaml`` up to date with the source of its plugin, and say what changed.

    Actions that it lacks are added; entry points, types and methods are updated where the source says otherwise; an
    entry that is only text becomes a mapping. Entries without code are told, and removed only if asked to. Nothing is
    imported. Comments, order and quotes stay, and a file that is up to date is not touched; it is replaced as a whole.
    Needs the extra ``config``.

    Args:
        path: The file, or the plugin's folder.
        check: Raise unless the file is up to date; nothing is written.
        dry_run: Say what would change; nothing is written.
        prune: Remove entries without code. Not done while source files are broken, as they may hold it.
        cache: A folder in which to keep what the source says.

    Raises:
        ConfigNotFoundError: There is no such file.
        DocumentError: It is no YAML, or its actions are no mapping.
        MissingModulesError: ``ruamel.yaml`` is not installed.
        ActionConflictError: Two classes have the name of an action, and the configuration names neither.
        OutOfSyncError: It is not up to date, and ``check`` was asked for.
        ConfigChangedError: Somebody changed the file meanwhile.
    """
    place = config_path(path)
    try:
        content = place.read_bytes()
    except OSError as error:
        fault = Fault(source=str(place), position=None, why=error.strerror or str(error))
        raise DocumentError(str(place), (fault,)) from error
    text = YamlText(content, str(place))
    scan = scan_actions(place.parent, cache=cache)
    edit = _Edit(text, scan, place, prune=prune)
    changes = tuple(edit.apply())
    report = SyncReport(place, changes, tuple(edit.stale), scan.faults)
    if check and changes:
        raise OutOfSyncError(str(place), tuple(map(str, changes)))
    if check or dry_run or not changes:
        return report
    written = text.written("actions")
    if place.read_bytes() != content:
        raise ConfigChangedError(str(place))
    replace_file(place, written)
    return SyncReport(place, changes, report.stale, scan.faults, is_written=True)


class _Edit:
    """The changes of one text."""

    def __init__(self, text: YamlText, scan: ActionScan, place: Path, *, prune: bool) -> None:
        self._text = text
        self._scan = scan
        self._place = place
        self._folder = Path(os.path.realpath(place.parent))  # as the search names it
        self._prune = prune and not scan.faults
        self._types = TypeRegistry()
        self._by_entrypoint = {one.entrypoint: one for one in scan.actions}
        self.stale: list[StaleAction] = []

    def apply(self) -> Iterator[SyncChange]:
        """Change the data, and yield what is changed."""
        entries = self._entries()
        matched: dict[str, DiscoveredAction] = {}
        for name, entry in entries.items():
            found = self._match(name, entry)
            if found is not None:
                matched[name] = found
        taken = {one.entrypoint for one in matched.values()}
        added = [one for one in self._scan.actions if one.entrypoint not in taken and one.name not in entries]
        self._refuse_conflicts(added)
        for name in list(entries):
            yield from self._update(entries, name, matched.get(name))
        if (added and "actions" not in self._text.data) or (added and self._text.data["actions"] is None):
            self._text.data["actions"] = entries
        for one in added:
            self._text.append(entries, one.name, self._entry(one))
            yield SyncChange(ChangeKind.ADDED, one.name, new=one.entrypoint)

    def _entries(self) -> dict[str, Any]:
        entries = self._text.data.get("actions")
        if entries is None:
            return self._text.mapping()
        wrong = [] if isinstance(entries, dict) else ["actions"]
        if isinstance(entries, dict):
            wrong = [f"actions.{name}" for name, one in entries.items() if not isinstance(one, str | dict | None)]
            wrong += [f"actions.{name}" for name in entries if not isinstance(name, str)]
        if wrong:
            faults = tuple(
                Fault(source=str(self._place), position=Position(1, 1), why=f"{one} should be a mapping")
                for one in wrong
            )
            raise DocumentError(str(self._place), faults)
        found: dict[str, Any] = entries
        return found

    def _match(self, name: str, entry: Any) -> DiscoveredAction | None:
        """Return the action that an entry means: by its entry point, else by its name."""
        found = self._by_entrypoint.get(self._target(entry))
        return found or self._scan.get(name)

    def _target(self, entry: Any) -> str:
        given = entry if isinstance(entry, str) else (entry or {}).get("entrypoint")
        text = given if isinstance(given, str) else ""
        target = text if ":" in text else ":".join(text.rsplit(".", 1))
        folder = self._place.parent
        inside = inside_folder(target, folder) if target else ""
        return f"{folder.name}{inside}" if inside.startswith(":") else inside

    def _update(self, entries: dict[str, Any], name: str, found: DiscoveredAction | None) -> Iterator[SyncChange]:
        entry = entries[name]
        if found is None:
            target = self._target(entry)
            why = f"there is no action at '{target}'" if target else "it has no entrypoint, and no class has its name"
            if not self._is_hidden_by_a_fault(target):
                self.stale.append(StaleAction(name, target, why))
                if self._prune:
                    self._text.remove(entries, name)
                    yield SyncChange(ChangeKind.REMOVED, name, old=target)
                    return
        if not isinstance(entry, dict):
            entry = self._text.replace(entries, name, "entrypoint")
            yield SyncChange(ChangeKind.UPGRADED, name)
        if found is None:
            return
        if self._target(entry) != found.entrypoint:
            yield self._set(entry, name, "entrypoint", found.entrypoint)
        if found.method is not None and entry.get("method") != found.method:
            yield self._set(entry, name, "method", found.method)
        for side, said in (("input_type", found.input_type), ("output_type", found.output_type)):
            if said is not None and not self._is_same_type(entry.get(side), said):
                yield self._set(entry, name, side, said)

    def _is_hidden_by_a_fault(self, target: str) -> bool:
        """Tell whether the module that an entry point names is a file that could not be read."""
        file = target.partition(":")[0].replace(".", "/")
        sources = {str(self._folder / f"{file}.py"), str(self._folder / file / "__init__.py")}
        return any(one.source in sources for one in self._scan.faults)

    def _is_same_type(self, given: Any, said: str) -> bool:
        if given == said:
            return True
        known = self._types.find(said)
        return known is not None and isinstance(given, str) and self._types.find(given) is known

    def _set(self, entry: dict[str, Any], name: str, field: str, new: str) -> SyncChange:
        old = entry.get(field)
        self._text.append(entry, field, new)
        return SyncChange(ChangeKind.UPDATED, name, field, None if old is None else str(old), new)

    def _entry(self, found: DiscoveredAction) -> dict[str, Any]:
        entry = self._text.mapping()
        entry["name"] = found.name.replace("_", " ").capitalize()
        if found.description:
            entry["description"] = found.description
        entry["entrypoint"] = found.entrypoint
        entry["method"] = found.method or default_method(found.name).value
        if found.input_type is not None:
            entry["input_type"] = found.input_type
        if found.output_type is not None:
            entry["output_type"] = found.output_type
        return entry

    def _refuse_conflicts(self, added: list[DiscoveredAction]) -> None:
        names = [one.name for one in added]
        conflicts = [one for one in self._scan.conflicts if names.count(one.name) > 1]
        if conflicts:
            raise ActionConflictError(str(self._place.parent), tuple(map(str, conflicts)))
