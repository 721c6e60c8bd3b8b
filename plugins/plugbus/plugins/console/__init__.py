"""Progress bars and log lines on the terminal."""

from .plugin import ConsolePlugin

__all__ = ["ConsolePlugin"]
