"""The handlers of an export action, by what they find."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from .errors import ExportTargetError, ExportTargetExistsError
from .handlers import AssignmentHandler, GroundTruthHandler, TaskHandler

if TYPE_CHECKING:
    from collections.abc import Callable

    from .handlers import TargetHandler


class TargetHandlers:
    """The handlers of an export action, by target: those that ship, and its author's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        shipped: tuple[TaskHandler | GroundTruthHandler, ...] = (
            AssignmentHandler(),
            GroundTruthHandler(),
            TaskHandler(),
        )
        self._handlers: dict[str, TargetHandler] = {one.target: one for one in shipped}

    @property
    def targets(self) -> tuple[str, ...]:
        """Return what can be exported, sorted."""
        return tuple(sorted(self._handlers))

    def register(self, target: str, handler: TargetHandler) -> Callable[[], None]:
        """Add a handler; return a function that takes it out again, idempotent.

        Raises:
            ExportTargetExistsError: The target has one.
        """
        with self._lock:
            if target in self._handlers:
                raise ExportTargetExistsError(target)
            self._handlers[target] = handler

        def unregister() -> None:
            with self._lock:
                if self._handlers.get(target) is handler:
                    del self._handlers[target]

        return unregister

    def get(self, target: str) -> TargetHandler:
        """Return the handler of a target.

        Raises:
            ExportTargetError: There is none; offers near names.
        """
        found = self._handlers.get(target)
        if found is None:
            from difflib import get_close_matches

            raise ExportTargetError(target, tuple(get_close_matches(target, self.targets, n=2)), self.targets)
        return found
