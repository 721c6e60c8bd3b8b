"""Executors: where and how actions are run, behind one contract."""

from .contract import EXECUTOR, Executor, ExecutorTraits

__all__ = ["EXECUTOR", "Executor", "ExecutorTraits"]
