"""Handles on what is provided: one that follows the provider, and one that takes back what was provided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Protocol

    from .capabilities import Capability
    from .locator import ServiceLocator
    from .offers import ServiceOffers
    from .providers import Provision
    from .watching import ChangeHandler

    class Watching(Protocol):
        """Where a handle asks to be told of changes."""

        def watch(self, key: Capability[Any], on_change: ChangeHandler) -> Callable[[], None]:
            """Call back at every change; return the undo."""
            ...


T = TypeVar("T")


class Ref(Generic[T]):
    """A handle on a capability: hold it in place of the object, and every use gets whoever provides it then."""

    __slots__ = ("_key", "_locator", "_watching")

    def __init__(self, locator: ServiceLocator, key: Capability[T], watching: Watching | None = None) -> None:
        self._locator = locator
        self._key = key
        self._watching: Watching = watching or locator

    @property
    def capability(self) -> Capability[T]:
        """Return what this is a handle on."""
        return self._key

    def get(self) -> T:
        """Return what is provided now; raises as ``ServiceLocator.get`` does."""
        return self._locator.get(self._key)

    def find(self) -> T | None:
        """Return what is provided now, or None where nothing is."""
        return self._locator.find(self._key)

    def lease(self) -> AbstractContextManager[T]:
        """Use what is provided now, counted, for the length of a ``with`` block."""
        return self._locator.lease(self._key)

    def watch(self, on_change: ChangeHandler) -> Callable[[], None]:
        """Call ``on_change(change)`` when a provider comes, goes or is replaced; return the undo.

        A handle that a plugin got from its context watches until the plugin is unloaded.
        """
        return self._watching.watch(self._key, on_change)

    def __repr__(self) -> str:
        return f"Ref({self._key!r})"


class Withdrawal:
    """The undo of something that was provided. Call it, ``withdraw`` it, or use it as a context manager; idempotent."""

    __slots__ = ("_locator", "_provisions")

    def __init__(self, locator: ServiceOffers, provisions: tuple[Provision, ...]) -> None:
        self._locator = locator
        self._provisions = provisions

    @property
    def provisions(self) -> tuple[Provision, ...]:
        """Return what will be withdrawn; empty once it was."""
        return self._provisions

    def withdraw(self) -> None:
        """Take back what was provided; does nothing the second time.

        What was built when it was wanted is closed when the last use of it is over, which may be later.

        Raises:
            ServiceCloseError: It was closed at once, and that failed; it is withdrawn all the same.
        """
        provisions, self._provisions = self._provisions, ()
        if provisions:
            self._locator.withdraw(provisions)

    def __call__(self) -> None:
        """Withdraw."""
        self.withdraw()

    def __enter__(self) -> Withdrawal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.withdraw()
