"""How far work is: categories, weights, time that is left."""

from .board import ProgressBoard
from .model import ProgressModel
from .snapshot import CategoryProgress, ProgressSnapshot, ProgressState

__all__ = ["CategoryProgress", "ProgressBoard", "ProgressModel", "ProgressSnapshot", "ProgressState"]
