"""Progress bars and log lines on the terminal."""

from .display import ConsoleDisplay
from .plugin import ConsolePlugin

__all__ = ["ConsoleDisplay", "ConsolePlugin"]
