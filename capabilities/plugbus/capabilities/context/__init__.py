"""What a job offers to its action: logger, settings, messages, progress, its run."""

from .env import PluginEnvironment
from .errors import MessageDefinitionError, SettingNotFoundError, SettingsFileError, SettingValueError
from .logger import ActionLogger
from .messages import LocalizedMessage, LogMessageCode, MessageCatalogue, Messages, find_messages, provide_messages
from .runtime import RuntimeContext
from .services import HostServices

__all__ = [
    "ActionLogger",
    "HostServices",
    "LocalizedMessage",
    "LogMessageCode",
    "MessageCatalogue",
    "MessageDefinitionError",
    "Messages",
    "PluginEnvironment",
    "RuntimeContext",
    "SettingNotFoundError",
    "SettingValueError",
    "SettingsFileError",
    "find_messages",
    "provide_messages",
]
