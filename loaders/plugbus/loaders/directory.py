"""Plugins in folders: each with a manifest that is read without importing anything."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from plugbus.kernel import KernelError, MetadataError, Plugin, PluginMetadata

from .documents import read_document
from .errors import DiscoveryError, LoaderError, MissingModulesError, PluginFolderError
from .faults import DocumentError, Fault
from .manifest import MANIFEST_NAME, Manifest
from .namespaces import NamespaceFinder
from .registration import load_sources
from .validation import validate

if TYPE_CHECKING:
    from plugbus.kernel import Kernel

    from .namespaces import ModuleNamespace


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin folder that can't be used, and why.

    Args:
        path: The folder.
        error: What is wrong with it.
    """

    path: Path
    error: LoaderError | KernelError


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found in a folder of plugins.

    Args:
        sources: The plugins, by the name of their folders.
        broken: Those that can't be used; they hide none of the others.
    """

    sources: tuple[DirectorySource, ...]
    broken: tuple[BrokenPlugin, ...]


class DirectorySource:
    """A plugin in a folder.

    Lifecycle: made from a manifest; ``open`` imports the code under a private namespace and makes the plugin; ``close``
    takes the code out of the process again.
    """

    def __init__(self, path: Path, manifest: Manifest, finder: NamespaceFinder) -> None:
        self._path = path
        self._manifest = manifest
        self._finder = finder
        self._metadata = manifest.plugin_metadata
        self._namespace: ModuleNamespace | None = None

    @property
    def path(self) -> Path:
        """Return the plugin's folder."""
        return self._path

    @property
    def manifest(self) -> Manifest:
        """Return what the manifest says."""
        return self._manifest

    @property
    def metadata(self) -> PluginMetadata:
        """Return what the manifest says, as the kernel wants it."""
        return self._metadata

    @property
    def origin(self) -> str:
        """Return the path of the folder."""
        return str(self._path)

    @property
    def modules(self) -> tuple[str, ...]:
        """Return the name of the plugin's private package in ``sys.modules``; nothing while the code is not in."""
        return () if self._namespace is None else (self._namespace.name,)

    @property
    def missing_modules(self) -> tuple[str, ...]:
        """Return the third-party modules that the plugin needs and this environment lacks."""
        needs = self._manifest.needs
        return () if needs is None else tuple(module for module in needs.modules if find_spec(module) is None)

    def open(self) -> Plugin:
        """Import the plugin's code and make the plugin.

        Raises:
            MissingModulesError: Modules that it needs are not installed.
            PluginImportError: Its code can't be imported.
            TypeError: The entry point is no plugin class.
        """
        missing = self.missing_modules
        if missing:
            needs = self._manifest.needs
            raise MissingModulesError(self._metadata.id, missing, needs.install if needs else "")
        self._namespace = self._finder.open(self._metadata.id, self._path)
        made = self._namespace.resolve(self._manifest.entrypoint)
        plugin = made() if isinstance(made, type) else made
        if not isinstance(plugin, Plugin):
            raise TypeError(f"entry point '{self._manifest.entrypoint}' of {self._path} is no plugin class")
        return plugin

    def renew(self) -> DirectorySource:
        """Return a source of the same folder, with its manifest read anew; raises as ``DirectoryLoader.read`` does."""
        return _read(self._path, self._finder)

    def close(self) -> None:
        """Take the plugin's code out of the process; idempotent."""
        namespace, self._namespace = self._namespace, None
        if namespace is not None:
            namespace.close()


class DirectoryLoader:
    """Find plugins in a folder of plugin folders, each with a ``plugin.yaml``, and bring them in."""

    def __init__(self) -> None:
        self._finder = NamespaceFinder()

    def discover(self, path: str | Path) -> Discovery:
        """Read all manifests under a folder; import nothing. What has no manifest is no plugin, and ignored.

        Raises:
            PluginFolderError: The folder can't be read.
        """
        root = Path(path)
        try:
            folders = sorted(one for one in root.iterdir() if (one / MANIFEST_NAME).is_file())
        except OSError as error:
            raise PluginFolderError(str(root), error.strerror or str(error)) from error
        sources: list[DirectorySource] = []
        broken: list[BrokenPlugin] = []
        for folder in folders:
            try:
                sources.append(self.read(folder))
            except (LoaderError, KernelError) as error:
                broken.append(BrokenPlugin(folder, error))
        return Discovery(tuple(sources), tuple(broken))

    def read(self, folder: str | Path) -> DirectorySource:
        """Read the manifest of one plugin folder; import nothing.

        Raises:
            DocumentError: The manifest is wrong; holds every fault with its line and column.
        """
        return _read(Path(folder).absolute(), self._finder)

    def load_into(self, path: str | Path, kernel: Kernel) -> tuple[str, ...]:
        """Register and load every plugin under a folder, all or nothing; return their ids in the order of loading.

        Raises:
            PluginFolderError: The folder can't be read.
            DiscoveryError: Some of its plugins are broken; holds all reasons.
        """
        found = self.discover(path)
        if found.broken:
            raise DiscoveryError(tuple(str(one.error) for one in found.broken))
        return load_sources(kernel, found.sources)


def _read(path: Path, finder: NamespaceFinder) -> DirectorySource:
    """Read the manifest of a plugin folder."""
    document = read_document(path / MANIFEST_NAME)
    manifest = validate(Manifest, document)
    module = manifest.entrypoint.partition(":")[0].partition(".")[0]
    if not (path / f"{module}.py").is_file() and not (path / module).is_dir():
        fault = Fault(
            source=document.source,
            position=document.positions[("entrypoint",)],
            path=("entrypoint",),
            why=f"there is no module '{module}' in {path}",
            remedy=f"add {module}.py, or name another module",
        )
        raise DocumentError(document.source, (fault,))
    try:
        return DirectorySource(path, manifest, finder)
    except MetadataError as error:
        start = document.positions[()]
        faults = tuple(Fault(source=document.source, position=start, why=why) for why in error.faults)
        raise DocumentError(document.source, faults) from error
