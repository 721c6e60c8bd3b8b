"""What loaded plugins provide to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from plugbus.kernel import Capability, ServiceLocator

T = TypeVar("T")


class HostServices:
    """What loaded plugins provide, in the process of the host. Pickled it is nothing: services stay where they are.

    Args:
        locator: ``kernel.services``; None for nothing.
    """

    __slots__ = ("locator",)

    def __init__(self, locator: ServiceLocator | None = None) -> None:
        self.locator = locator

    def find(self, capability: Capability[T]) -> T | None:
        """Return what is provided under a capability; None where nothing is.

        Raises:
            AmbiguousServiceError: Several plugins provide it, and the host prefers none.
        """
        return None if self.locator is None else self.locator.find(capability)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as nothing."""
        return type(self), ()


NO_SERVICES: Final = HostServices()
"""What a job has that no host with plugins has started."""
