"""Executors: where and how actions are run, behind one contract."""

from .contract import EXECUTOR, Executor, ExecutorTraits
from .far import FarFunction, reopening_of

__all__ = ["EXECUTOR", "Executor", "ExecutorTraits", "FarFunction", "reopening_of"]
