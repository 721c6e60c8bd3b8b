"""How plugins are found and brought in, and the host that puts a kernel together from a file."""

from .deadlines import DeadlineRunner
from .directory import BrokenPlugin, DirectoryLoader, DirectorySource, Discovery
from .directory import DirectoryLoader as DynamicPluginLoader
from .documents import Document, JsonValue, parse_document, read_document
from .errors import DiscoveryError, LoaderError, MissingModulesError, PluginFolderError, StateFileError
from .faults import DocumentError, Fault, Position
from .host import Host, HostSettings
from .hostfile import HOST_FILE_NAME, HostFile
from .import_errors import EntrypointError, NamespaceClosedError, OutsideRootError, PluginImportError
from .manifest import MANIFEST_NAME, Manifest
from .namespaces import ModuleNamespace, NamespaceFinder
from .state_files import JsonStateStore
from .static import StaticLoader
from .static import StaticLoader as StaticPluginLoader
from .validation import validate

__all__ = [
    "HOST_FILE_NAME",
    "MANIFEST_NAME",
    "BrokenPlugin",
    "DeadlineRunner",
    "DirectoryLoader",
    "DirectorySource",
    "Discovery",
    "DiscoveryError",
    "Document",
    "DocumentError",
    "DynamicPluginLoader",
    "EntrypointError",
    "Fault",
    "Host",
    "HostFile",
    "HostSettings",
    "JsonStateStore",
    "JsonValue",
    "LoaderError",
    "Manifest",
    "MissingModulesError",
    "ModuleNamespace",
    "NamespaceClosedError",
    "NamespaceFinder",
    "OutsideRootError",
    "PluginFolderError",
    "PluginImportError",
    "Position",
    "StateFileError",
    "StaticLoader",
    "StaticPluginLoader",
    "parse_document",
    "read_document",
    "validate",
]
