"""The in-process executor."""

from .executor import LocalExecutor
from .plugin import LocalExecutorPlugin

__all__ = ["LocalExecutor", "LocalExecutorPlugin"]
