"""Levels of messages, and progress of actions and pipelines."""

from ..events import LogLevel
from ..pipelines.checkpoint import Checkpoint
from ..pipelines.progress import ActionProgress, PipelineProgress

__all__ = ["ActionProgress", "Checkpoint", "LogLevel", "PipelineProgress"]
