"""The contract of keeping a backend sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from plugbus.kernel import Capability

if TYPE_CHECKING:
    from pathlib import Path


class BackendUpkeep(Protocol):
    """What those who look after a backend need of it."""

    def check(self) -> tuple[str, ...]:
        """Look at everything that is kept, and return what is wrong with it; nothing where it is sound."""
        ...

    def backup(self, path: Path) -> None:
        """Write a copy of one moment to a local file, whole or not at all, while the backend is in use.

        Raises:
            BackendFailedError: It can't be written.
        """
        ...


BACKEND_UPKEEP: Final[Capability[BackendUpkeep]] = Capability("backend_upkeep", version="1.0.0", contract=BackendUpkeep)
"""The upkeep of the host's backend, where it has any."""
