"""Registering and loading a batch of plugins, all or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from plugbus.kernel import Kernel, PluginSource


def load_sources(kernel: Kernel, sources: Iterable[PluginSource]) -> tuple[str, ...]:
    """Register and load plugins; return the ids that were loaded, in order.

    If one of them can't be registered or loaded, none of them stays.

    Raises:
        KernelError: As ``Kernel.register`` and ``Kernel.load`` do.
    """
    registered: list[PluginSource] = []
    try:
        for source in sources:
            kernel.register(source)
            registered.append(source)
        return kernel.load(*(source.metadata.id for source in registered))
    except BaseException:
        for source in reversed(registered):
            kernel.unregister(source.metadata.id, source.metadata.version)
        raise
