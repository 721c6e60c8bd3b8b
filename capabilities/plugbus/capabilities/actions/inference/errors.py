"""What goes wrong with inference."""

from __future__ import annotations

from ...errors import CapabilityError


class NothingInferredError(CapabilityError, RuntimeError):
    """Say that inference failed for every input.

    Args:
        action: The action.
        failures: Why, one text an input, of the first ones.
        count: How many failed.
    """

    def __init__(self, action: str, failures: tuple[str, ...], count: int) -> None:
        super().__init__(action, failures, count)
        self.action = action
        self.failures = failures
        self.count = count

    def __str__(self) -> str:
        more = f"; and {self.count - len(self.failures)} more" if self.count > len(self.failures) else ""
        return f"cannot infer '{self.action}': all {self.count} inputs failed: {'; '.join(self.failures)}{more}"
