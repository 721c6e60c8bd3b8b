"""Hyperparameter search by Optuna."""

from .plugin import OptunaTunerPlugin
from .tuner import OptunaTuner

__all__ = ["OptunaTuner", "OptunaTunerPlugin"]
