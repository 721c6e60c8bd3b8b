"""The configuration of a plugin of actions, ``config.yaml``."""

from .action import DEFAULT_METHODS, ActionConfig, default_method
from .file import CONFIG_NAME, ConfigFile, ConfigNotFoundError, read_config
from .plugin import PluginConfig, PluginRequires
from .requirements import RequirementsError, check_requirements, installed_cuda

__all__ = [
    "CONFIG_NAME",
    "DEFAULT_METHODS",
    "ActionConfig",
    "ConfigFile",
    "ConfigNotFoundError",
    "PluginConfig",
    "PluginRequires",
    "RequirementsError",
    "check_requirements",
    "default_method",
    "installed_cuda",
    "read_config",
]
