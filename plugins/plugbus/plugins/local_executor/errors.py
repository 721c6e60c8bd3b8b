"""What goes wrong between processes."""

from __future__ import annotations

from plugbus.capabilities import CapabilityError


class WorkerDiedError(CapabilityError, RuntimeError):
    """Say that the process of an action ended before the action did.

    Args:
        action: The action.
        exit_code: The process's exit code; below 0 it is the number of the signal that ended it.
    """

    def __init__(self, action: str, exit_code: int | None) -> None:
        super().__init__(action, exit_code)
        self.action = action
        self.exit_code = exit_code

    def __str__(self) -> str:
        code = self.exit_code
        if code is None:
            how = "its process went away"
        else:
            how = f"its process was ended by signal {-code}" if code < 0 else f"its process ended with exit code {code}"
        return f"cannot complete action '{self.action}': {how}"


class NotSendableError(CapabilityError, TypeError):
    """Refuse what can't be sent from one process to another.

    Args:
        action: The action that it belongs to.
        kind: What it is: ``call``, ``result`` or ``error``.
        cause: Why.
    """

    def __init__(self, action: str, kind: str, cause: str) -> None:
        super().__init__(action, kind, cause)
        self.action = action
        self.kind = kind
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot send {self.kind} of action '{self.action}' to another process: {self.cause}"
