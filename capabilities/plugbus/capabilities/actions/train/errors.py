"""What goes wrong with training."""

from __future__ import annotations

from ...errors import CapabilityError


class TrainDataError(CapabilityError, ValueError):
    """Refuse to train or tune with parameters that do not say what is needed."""

    def __init__(self, action: str, cause: str) -> None:
        super().__init__(action, cause)
        self.action = action
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot train '{self.action}': {self.cause}"
