"""How plugins are found and brought in, and the host that puts a kernel together from a file."""

from typing import TYPE_CHECKING

from plugbus.kernel import import_late

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

if TYPE_CHECKING:
    from .config import (
        ActionConfig,
        ConfigFile,
        ConfigNotFoundError,
        PluginConfig,
        PluginRequires,
        RequirementsError,
        check_requirements,
        read_config,
    )
    from .discovery import (
        ActionConflict,
        ActionConflictError,
        ActionScan,
        ActionViewError,
        ChangeKind,
        ConfigChangedError,
        ConfigSource,
        DiscoveredAction,
        EntrypointMissingError,
        NotAnActionError,
        OutOfSyncError,
        PluginDiscovery,
        StaleAction,
        SyncChange,
        SyncReport,
        ValidationReport,
        scan_actions,
        sync_config_file,
        validate_plugin,
    )
    from .runner import (
        NoExecutorError,
        UnknownModeError,
        open_plugin,
        plugins_beside,
        run_plugin,
    )
    from .shipped import (
        shipped_plugins,
    )
    from .templates import (
        TEMPLATES,
        NewPlugin,
        PluginFolderExistsError,
        PluginNameError,
        PluginTemplate,
        TemplateNotFoundError,
        TemplateTextError,
        create_plugin,
        plan_plugin,
    )
else:
    __getattr__ = import_late(
        __name__,
        config=(
            "ActionConfig",
            "ConfigFile",
            "ConfigNotFoundError",
            "PluginConfig",
            "PluginRequires",
            "RequirementsError",
            "check_requirements",
            "read_config",
        ),
        discovery=(
            "ActionConflict",
            "ActionConflictError",
            "ActionScan",
            "ActionViewError",
            "ChangeKind",
            "ConfigChangedError",
            "ConfigSource",
            "DiscoveredAction",
            "EntrypointMissingError",
            "NotAnActionError",
            "OutOfSyncError",
            "PluginDiscovery",
            "StaleAction",
            "SyncChange",
            "SyncReport",
            "ValidationReport",
            "scan_actions",
            "sync_config_file",
            "validate_plugin",
        ),
        runner=(
            "NoExecutorError",
            "UnknownModeError",
            "open_plugin",
            "plugins_beside",
            "run_plugin",
        ),
        shipped=("shipped_plugins",),
        templates=(
            "TEMPLATES",
            "NewPlugin",
            "PluginFolderExistsError",
            "PluginNameError",
            "PluginTemplate",
            "TemplateNotFoundError",
            "TemplateTextError",
            "create_plugin",
            "plan_plugin",
        ),
    )

__all__ = [
    "HOST_FILE_NAME",
    "MANIFEST_NAME",
    "TEMPLATES",
    "ActionConfig",
    "ActionConflict",
    "ActionConflictError",
    "ActionScan",
    "ActionViewError",
    "BrokenPlugin",
    "ChangeKind",
    "ConfigChangedError",
    "ConfigFile",
    "ConfigNotFoundError",
    "ConfigSource",
    "DeadlineRunner",
    "DirectoryLoader",
    "DirectorySource",
    "DiscoveredAction",
    "Discovery",
    "DiscoveryError",
    "Document",
    "DocumentError",
    "DynamicPluginLoader",
    "EntrypointError",
    "EntrypointMissingError",
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
    "NewPlugin",
    "NoExecutorError",
    "NotAnActionError",
    "OutOfSyncError",
    "OutsideRootError",
    "PluginConfig",
    "PluginDiscovery",
    "PluginFolderError",
    "PluginFolderExistsError",
    "PluginImportError",
    "PluginNameError",
    "PluginRequires",
    "PluginTemplate",
    "Position",
    "RequirementsError",
    "StaleAction",
    "StateFileError",
    "StaticLoader",
    "StaticPluginLoader",
    "SyncChange",
    "SyncReport",
    "TemplateNotFoundError",
    "TemplateTextError",
    "UnknownModeError",
    "ValidationReport",
    "check_requirements",
    "create_plugin",
    "open_plugin",
    "parse_document",
    "plan_plugin",
    "plugins_beside",
    "read_config",
    "read_document",
    "run_plugin",
    "scan_actions",
    "shipped_plugins",
    "sync_config_file",
    "validate",
    "validate_plugin",
]
