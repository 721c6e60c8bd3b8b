"""Loads, unloads and swaps that failed or were refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .root import KernelError
from .wording import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence


class PluginLoadError(KernelError, RuntimeError):
    """Say at which step a plugin failed to load; everything that the load had changed is undone.

    Args:
        plugin_id: The plugin that failed.
        step: ``open`` (its code was brought in), ``configure``, ``on_load``, ``restore_state`` or ``provide``.
        cause: The failure as text; the exception itself is the ``__cause__``.
    """

    def __init__(self, plugin_id: str, step: str, cause: str) -> None:
        super().__init__(plugin_id, step, cause)
        self.plugin_id = plugin_id
        self.step = step
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot load plugin '{self.plugin_id}': {self.step} failed: {self.cause}"


class PluginUnloadError(KernelError, ExceptionGroup[Exception]):
    """Hold everything that went wrong while plugins were unloaded; they are unloaded all the same."""

    def derive(self, excs: Sequence[Exception]) -> PluginUnloadError:  # type: ignore[override] # a part of a group of Exceptions holds only such
        """Keep the class when a part of the group is taken."""
        return PluginUnloadError(self.message, excs)


class DependentsError(KernelError, RuntimeError):
    """Refuse to take a plugin away from those that need it."""

    def __init__(self, verb: str, plugin_id: str, dependents: tuple[str, ...]) -> None:
        super().__init__(verb, plugin_id, dependents)
        self.verb = verb
        self.plugin_id = plugin_id
        self.dependents = dependents

    def __str__(self) -> str:
        return (
            f"cannot {self.verb} plugin '{self.plugin_id}': {quoted(self.dependents)} need it; "
            f"unload them first, or pass cascade=True"
        )


class UndeclaredCapabilityError(KernelError, RuntimeError):
    """Name the capabilities that a plugin declared and did not provide."""

    def __init__(self, plugin_id: str, missing: tuple[str, ...]) -> None:
        super().__init__(plugin_id, missing)
        self.plugin_id = plugin_id
        self.missing = missing

    def __str__(self) -> str:
        return (
            f"cannot activate plugin '{self.plugin_id}': it declares {quoted(self.missing)} and on_load did not "
            f"provide them; call ctx.provide(...) there, or drop them from its metadata"
        )


class SwapError(KernelError, RuntimeError):
    """Say at which step a swap failed; the old plugin serves on, and nothing of the new one is left.

    Args:
        old_id: The plugin that was to go.
        new_id: The plugin that was to take its place.
        step: ``plan``, ``open``, ``configure``, ``on_load``, ``provide``, ``hand_over`` or ``switch``.
        cause: The failure as text; the exception itself, where there was one, is the ``__cause__``.
    """

    def __init__(self, old_id: str, new_id: str, step: str, cause: str) -> None:
        super().__init__(old_id, new_id, step, cause)
        self.old_id = old_id
        self.new_id = new_id
        self.step = step
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot swap plugin '{self.old_id}' for '{self.new_id}': {self.step} failed: {self.cause}"


class StateError(KernelError, ValueError):
    """Refuse a state that a successor could not restore."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot hand state over: {self.cause}"


class SavedStateError(StateError):
    """Refuse a state that was kept, and that the plugin which is loaded could not restore; it stays where it is."""

    def __init__(self, plugin_id: str, origin: str, cause: str) -> None:
        super().__init__(cause)
        self.args = (plugin_id, origin, cause)
        self.plugin_id = plugin_id
        self.origin = origin

    def __str__(self) -> str:
        place = f" from '{self.origin}'" if self.origin else ""
        return (
            f"cannot restore state of plugin '{self.plugin_id}'{place}: {self.cause}; "
            f"discard it, or load a plugin that reads it"
        )


class ReloadError(KernelError, RuntimeError):
    """Refuse to reload a plugin whose source is no longer its own; it stays loaded."""

    def __init__(self, plugin_id: str, cause: str) -> None:
        super().__init__(plugin_id, cause)
        self.plugin_id = plugin_id
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot reload plugin '{self.plugin_id}': {self.cause}; unload it, and register what is there now"
