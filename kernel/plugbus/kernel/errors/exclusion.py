"""Plugins that are kept out, and lookups that could load nothing."""

from __future__ import annotations

from .root import KernelError
from .services import ServiceNotFoundError


class PluginExcludedError(KernelError, RuntimeError):
    """Refuse to bring in a plugin that the host disabled, or that was quarantined after repeated failures."""

    def __init__(self, verb: str, plugin_id: str, kind: str, reason: str = "") -> None:
        super().__init__(verb, plugin_id, kind, reason)
        self.verb = verb
        self.plugin_id = plugin_id
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        why = f": {self.reason}" if self.reason else ""
        return f"cannot {self.verb} plugin '{self.plugin_id}': it is {self.kind}{why}; enable it first"


class ActivationError(ServiceNotFoundError):
    """Say why no plugin that declares a capability could be loaded for the lookup that asked for it.

    Args:
        key: The capability.
        reasons: One sentence for each plugin that declares it.
    """

    def __init__(self, key: str, reasons: tuple[str, ...]) -> None:
        super().__init__(key)
        self.args = (key, reasons)
        self.reasons = reasons

    def __str__(self) -> str:
        return f"cannot get service '{self.key}': nothing provides it; {'; '.join(self.reasons)}"
