"""Needs that can't be met."""

from __future__ import annotations

from .root import KernelError
from .wording import quoted


class ResolutionError(KernelError, LookupError):
    """Explain why no set of candidates meets what is wanted.

    Args:
        wanted: The plugin ids that were asked for.
        causes: One sentence for each reason: which requirement, of whom, ruled out which candidate.
    """

    def __init__(self, wanted: tuple[str, ...], causes: tuple[str, ...]) -> None:
        super().__init__(wanted, causes)
        self.wanted = wanted
        self.causes = causes

    def __str__(self) -> str:
        return f"cannot resolve plugins {quoted(self.wanted)}: {'; '.join(self.causes)}"


class CycleError(ResolutionError):
    """Name plugins that need each other in a circle, as ``a -> b -> a``."""

    def __init__(self, wanted: tuple[str, ...], path: tuple[str, ...]) -> None:
        super().__init__(wanted, (f"they need each other: {' -> '.join(path)}",))
        self.args = (wanted, path)
        self.path = path


class FailedDependencyError(KernelError, RuntimeError):
    """Refuse to load what needs a plugin that failed; names it and its failure."""

    def __init__(self, plugin_id: str, dependency: str, failure: str) -> None:
        super().__init__(plugin_id, dependency, failure)
        self.plugin_id = plugin_id
        self.dependency = dependency
        self.failure = failure

    def __str__(self) -> str:
        return (
            f"cannot load plugin '{self.plugin_id}': it needs '{self.dependency}', which failed: {self.failure}; "
            f"load '{self.dependency}' again once that is repaired"
        )
