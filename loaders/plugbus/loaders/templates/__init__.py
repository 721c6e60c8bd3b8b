"""Templates: plugins that work, to begin one's own with."""

from .catalogue import TEMPLATES, PluginTemplate
from .drafting import NewPlugin, create_plugin, plan_plugin
from .errors import PluginFolderExistsError, PluginNameError, TemplateNotFoundError, TemplateTextError

__all__ = [
    "TEMPLATES",
    "NewPlugin",
    "PluginFolderExistsError",
    "PluginNameError",
    "PluginTemplate",
    "TemplateNotFoundError",
    "TemplateTextError",
    "create_plugin",
    "plan_plugin",
]
