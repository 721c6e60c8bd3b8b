"""What loaded plugins provide to a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast

from plugbus.kernel import AmbiguousServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugbus.kernel import Capability, PluginRecord, ServiceLocator

T = TypeVar("T")


class HostServices:
    """What loaded plugins provide, in the process of the host. Pickled it is nothing: services stay where they are.

    Args:
        locator: ``kernel.services``; None for nothing.
        find_plugins: ``kernel.find_by_capability``, where it is to be told who could provide what nobody does.
    """

    __slots__ = ("_find_plugins", "locator")

    def __init__(
        self,
        locator: ServiceLocator | None = None,
        find_plugins: Callable[[str], tuple[PluginRecord, ...]] | None = None,
    ) -> None:
        self.locator = locator
        self._find_plugins = find_plugins

    def find(self, capability: Capability[T]) -> T | None:
        """Return what is provided under a capability; None where nothing is.

        Raises:
            AmbiguousServiceError: Several plugins provide it, and the host prefers none.
        """
        return None if self.locator is None else self.locator.find(capability)

    def plugins(self, capability: Capability[Any]) -> tuple[str, ...]:
        """Return the ids of the plugins that are registered and say that they provide something, loaded or not."""
        found = () if self._find_plugins is None else self._find_plugins(str(capability))
        return tuple(one.metadata.id for one in found)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as nothing."""
        return type(self), ()


NO_SERVICES: Final = HostServices()
"""What a job has that no host with plugins has started."""


class UndecidedService:
    """Stand in for a service that several plugins provide: whoever uses it is told so, and nobody else.

    Args:
        error: Names them.
    """

    def __init__(self, error: AmbiguousServiceError) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.decide()

    def decide(self) -> NoReturn:
        """Tell that nobody did.

        Raises:
            AmbiguousServiceError: Always.
        """
        raise type(self._error)(self._error.key, self._error.owners)  # a new one: each has a traceback of its own

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle with the names alone."""
        return type(self), (self._error,)


def find_later(locator: ServiceLocator, capability: Capability[T]) -> T | None:
    """Return what is provided; where several plugins do and the host prefers none, what raises that when it is used."""
    try:
        return locator.find(capability)
    except AmbiguousServiceError as error:
        return cast("T", UndecidedService(error))
