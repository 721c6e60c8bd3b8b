"""Hooks that do not come back."""

from __future__ import annotations

from .root import KernelError


class HookTimeoutError(KernelError, TimeoutError):
    """Say that a hook had not returned when its time was over. It runs on: Python can't stop it.

    Args:
        plugin_id: The plugin.
        hook: The name of the hook.
        seconds: How long it was waited for.
        doing: Where it was then: ``file:line in function``; empty where that can't be told.
    """

    def __init__(self, plugin_id: str, hook: str, seconds: float, doing: str = "") -> None:
        # Without facts: OSError would read them as an error number, its text and a file name.
        super().__init__()
        self.args = (plugin_id, hook, seconds, doing)
        self.plugin_id = plugin_id
        self.hook = hook
        self.seconds = seconds
        self.doing = doing

    def __str__(self) -> str:
        at = f"; it is at {self.doing}" if self.doing else ""
        return (
            f"cannot wait for {self.hook} of plugin '{self.plugin_id}': it did not return within {self.seconds:g} s{at}"
        )
