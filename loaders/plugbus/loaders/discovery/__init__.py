"""Finding the actions of a plugin: by its source alone, and by its configuration."""

from .actions import ActionConflict, ActionScan, DiscoveredAction
from .errors import ActionConflictError, ActionViewError, EntrypointMissingError, NotAnActionError
from .plugin import PluginDiscovery
from .scan import scan_actions
from .source import ConfigSource
from .syncing import (
    ChangeKind,
    ConfigChangedError,
    OutOfSyncError,
    StaleAction,
    SyncChange,
    SyncReport,
    sync_config_file,
)
from .validating import ValidationReport, validate_plugin

__all__ = [
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
]
