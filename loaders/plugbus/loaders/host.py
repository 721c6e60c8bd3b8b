"""The host: the composition root, which turns a host file into a kernel with plugins."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from plugbus.kernel import Kernel, KernelError

from .deadlines import DeadlineRunner
from .directory import BrokenPlugin, DirectoryLoader, DirectorySource
from .documents import Document, read_document
from .errors import PluginFolderError
from .faults import DocumentError, Fault
from .hostfile import Deadlines, HostFile
from .sections import validate_section
from .state_files import JsonStateStore
from .validation import validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from pydantic import BaseModel

    from plugbus.kernel import Plugin, PluginMetadata

    from .faults import DocumentPath


ARTIFACT_ROOT: Final = "artifact_root"
"""The name under which a host provides where its runs, records and files are kept; known to plugins by this name."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What a host is made of.

    Args:
        file: What the host file says.
        document: The host file with the positions of everything in it.
        folders: Folders of plugin folders, absolute, in the order in which they are searched.
        artifacts: Where runs are kept, and what plugins keep; None leaves it to the environment.
        state: Where the states of plugins are kept, absolute; None for nowhere.
    """

    file: HostFile
    document: Document
    folders: tuple[Path, ...] = ()
    artifacts: Path | None = None
    state: Path | None = None

    @classmethod
    def read(cls, path: str | Path) -> HostSettings:
        """Read a host file; relative paths in it are relative to it.

        Raises:
            DocumentError: It is wrong; holds every fault with its line and column.
        """
        place = Path(path).absolute()
        document = read_document(place)
        file = validate(HostFile, document)
        folders = tuple(place.parent / folder for folder in file.plugins.folders)
        artifacts = None if file.artifacts is None else place.parent / file.artifacts
        return cls(file, document, folders, artifacts, None if file.state is None else place.parent / file.state)

    @classmethod
    def default(cls) -> HostSettings:
        """Return the settings of a host without a file."""
        empty = Document(source="<defaults>", data={}, positions={}, key_positions={}, spellings={})
        return cls(HostFile(), empty)


class Host:
    """A kernel with the plugins that a host file names.

    Lifecycle:

    1. Made: folders are searched and manifests read; nothing is imported. Broken plugins are in ``broken``.
    2. ``kernel.load`` what is wanted, or ``kernel.load_all``. A plugin's configuration is validated by its own model,
       its class attribute ``config_model``, before ``on_load``.
    3. ``close``, or leave the ``with`` block: the kernel is shut down.

    Args:
        settings: What the host file says.
        builtin: Further folders of plugin folders, searched first; a plugin of a later folder with the same id and
            version is refused, and listed as broken.

    Raises:
        DocumentError: The host file names plugins, or folders, that are not there; holds every fault.
    """

    def __init__(self, settings: HostSettings | None = None, *, builtin: Iterable[Path] = ()) -> None:
        self._settings = settings or HostSettings.default()
        self._loader = DirectoryLoader()
        self._broken: list[BrokenPlugin] = []
        found = tuple(self._discover(tuple(builtin)))
        self._refuse_unknown(found)
        self._disabled = tuple(source for source in found if not self._is_enabled(source.metadata.id))
        file = self._settings.file
        self._state_store = None if self._settings.state is None else JsonStateStore(self._settings.state)
        self._kernel = Kernel(
            preferences=file.preferences,
            configure=self._configure,
            activate_on_demand=file.activate_on_demand,
            quarantine_after=file.quarantine_after,
            run_hook=_runner(file.deadlines),
            state_store=self._state_store,
        )
        if self._settings.artifacts is not None:
            self._kernel.services.provide(ARTIFACT_ROOT, self._settings.artifacts.absolute())
        for source in found:
            if source not in self._disabled:
                try:
                    self._kernel.register(source)
                except KernelError as error:
                    self._broken.append(BrokenPlugin(source.path, error))

    @classmethod
    def from_file(cls, path: str | Path, *, builtin: Iterable[Path] = ()) -> Host:
        """Make a host of a host file.

        Raises:
            DocumentError: It is wrong; holds every fault with its line and column.
        """
        return cls(HostSettings.read(path), builtin=builtin)

    @property
    def kernel(self) -> Kernel:
        """Return the kernel."""
        return self._kernel

    @property
    def state_store(self) -> JsonStateStore | None:
        """Return where the states of plugins are kept, None for nowhere."""
        return self._state_store

    @property
    def settings(self) -> HostSettings:
        """Return what the host was made of."""
        return self._settings

    @property
    def broken(self) -> tuple[BrokenPlugin, ...]:
        """Return the plugins that were found and can't be used."""
        return tuple(self._broken)

    @property
    def disabled(self) -> tuple[DirectorySource, ...]:
        """Return the plugins that were found and are not to be used."""
        return self._disabled

    @property
    def sources(self) -> tuple[DirectorySource, ...]:
        """Return the plugins that are registered, by id."""
        records = (self._kernel.registry.record(plugin_id) for plugin_id in self._kernel.list())
        return tuple(one for record in records for one in record.candidates if isinstance(one, DirectorySource))

    def close(self) -> None:
        """Shut the kernel down; idempotent."""
        self._kernel.shutdown()

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _discover(self, builtin: tuple[Path, ...]) -> Iterator[DirectorySource]:
        faults: list[Fault] = []
        for place, folder in enumerate((*builtin, *self._settings.folders)):
            try:
                found = self._loader.discover(folder)
            except PluginFolderError as error:
                if place < len(builtin):
                    raise
                faults.append(self._fault(("plugins", "folders", place - len(builtin)), str(error), ""))
                continue
            self._broken.extend(found.broken)
            yield from found.sources
        if faults:
            raise DocumentError(self._settings.document.source, tuple(faults))

    def _refuse_unknown(self, found: Iterable[DirectorySource]) -> None:
        """Refuse a host file that names plugins that are not there, or do not provide what they are preferred for.

        A broken one is there, under its folder's name.
        """
        provided: dict[str, set[str]] = {}
        for source in found:
            provided.setdefault(source.metadata.id, set()).update(str(one) for one in source.metadata.provides)
        known = provided.keys() | {one.path.name for one in self._broken}
        file = self._settings.file
        named: list[tuple[DocumentPath, str]] = [
            *((("plugins", "enabled", place), one) for place, one in enumerate(file.plugins.enabled or ())),
            *((("plugins", "disabled", place), one) for place, one in enumerate(file.plugins.disabled)),
            *((("preferences", key), one) for key, one in file.preferences.items()),
            *((("config", key), key) for key in file.config),
            *((("deadlines", "plugins", key), key) for key in file.deadlines.plugins),
        ]
        faults = [
            self._fault(path, f"no plugin '{plugin_id}' was found", _offer(plugin_id, known))
            for path, plugin_id in named
            if plugin_id not in known
        ]
        for key, plugin_id in file.preferences.items():
            if plugin_id in provided and key not in provided[plugin_id]:
                providers = sorted(one for one, offered in provided.items() if key in offered)
                remedy = f"{' and '.join(map(repr, providers))} {'does' if len(providers) == 1 else 'do'}"
                near = remedy if providers else _offer(key, provided[plugin_id])
                faults.append(self._fault(("preferences", key), f"plugin '{plugin_id}' does not provide it", near))
        if faults:
            raise DocumentError(self._settings.document.source, tuple(faults))

    def _fault(self, path: DocumentPath, why: str, remedy: str) -> Fault:
        document = self._settings.document
        position = document.key_positions.get(path) or document.positions.get(path)
        return Fault(source=document.source, position=position, path=path, why=why, remedy=remedy)

    def _is_enabled(self, plugin_id: str) -> bool:
        selection = self._settings.file.plugins
        return plugin_id not in selection.disabled and (selection.enabled is None or plugin_id in selection.enabled)

    def _configure(self, metadata: PluginMetadata, plugin: Plugin) -> object:
        section: dict[str, Any] = self._settings.file.config.get(metadata.id, {})
        model: type[BaseModel] | None = getattr(plugin, "config_model", None)
        if model is None:
            return section
        return validate_section(model, self._settings.document, ("config", metadata.id))


def _runner(deadlines: Deadlines) -> DeadlineRunner | None:
    """Return what calls the hooks; None, which is a plain call, where no deadline is set."""
    if deadlines == Deadlines():
        return None
    hooks = {str(hook): limit_s for hook, limit_s in deadlines.hooks.items()}
    plugins = {one: {str(hook): limit_s for hook, limit_s in own.items()} for one, own in deadlines.plugins.items()}
    return DeadlineRunner(deadlines.default_s, hooks=hooks, plugins=plugins)


def _offer(wanted: str, known: Iterable[str]) -> str:
    near = get_close_matches(wanted, sorted(known), n=3, cutoff=0.6)
    return "did you mean " + " or ".join(f"'{name}'" for name in near) + "?" if near else ""
