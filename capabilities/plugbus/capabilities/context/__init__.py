"""What a job offers to its action: logger, settings, progress, its run."""

from .logger import ActionLogger
from .runtime import RuntimeContext

__all__ = ["ActionLogger", "RuntimeContext"]
