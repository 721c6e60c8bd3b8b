"""Scopes: stretches of work, such as one request, that have objects of their own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from .errors import ScopeError, ServiceNotFoundError, ServiceTypeError, ServiceWithdrawnError
from .providers import ScopedProvision, raise_all

if TYPE_CHECKING:
    from types import TracebackType

    from .capabilities import Capability
    from .instances import Instance
    from .locator import ServiceLocator
    from .providers import Provision

T = TypeVar("T")


class _Held(NamedTuple):
    """A provider that a scope uses, and the scope's own object of it, if it makes one for each scope."""

    provision: Provision
    instance: Instance | None


class Scope:
    """One stretch of work: what is provided for each scope is made once in it, and closed at its end.

    Lifecycle:

    1. ``get``, ``find`` and ``all`` as of the locator. What was got once stays the same until the end, also if its
       plugin is swapped meanwhile: the scope holds a lease on each provider that it has used.
    2. ``close``, or the end of the ``with`` block: what was made is closed, the last one first, and the leases end.

    If a plugin is unloaded while a scope is open, what it made for the scope is closed by the unload, and asking for it
    again raises ``ServiceWithdrawnError``. Scopes are independent of each other, also one inside another.
    All calls are safe from several threads.

    Args:
        locator: Where the providers are.
    """

    __slots__ = ("_held", "_is_closed", "_locator", "_lock", "_pinned")

    def __init__(self, locator: ServiceLocator) -> None:
        self._locator = locator
        self._lock = threading.Lock()
        self._held: dict[int, _Held] = {}
        self._pinned: dict[str, _Held] = {}
        self._is_closed = False

    @overload
    def get(self, key: Capability[T]) -> T: ...
    @overload
    def get(self, key: str, expected: type[T]) -> T: ...
    @overload
    def get(self, key: str) -> object: ...
    def get(self, key: Capability[Any] | str, expected: type[Any] | None = None) -> Any:
        """Return this scope's object of a capability or service.

        Args:
            key: A capability, or the name of a service.
            expected: The type that a service of this name must have.

        Raises:
            ScopeError: The scope is closed.
            ServiceWithdrawnError: Its plugin was unloaded since this scope got it.
            ServiceNotFoundError: Nothing is provided; names what is there and what is near.
            AmbiguousServiceError: Several are, and the host named no preference.
            ServiceTypeError: It is of another type than expected; names both.
            ServiceBuildError: It had to be built, and that failed; the next who asks tries again.
        """
        pinned = self._pinned.get(key)
        found = self._first(key) if pinned is None else self._read(pinned)
        if expected is not None and not isinstance(found, expected):
            raise ServiceTypeError(str(key), expected.__qualname__, type(found).__qualname__)
        return found

    @overload
    def find(self, key: Capability[T]) -> T | None: ...
    @overload
    def find(self, key: str, expected: type[T]) -> T | None: ...
    @overload
    def find(self, key: str) -> object | None: ...
    def find(self, key: Capability[Any] | str, expected: type[Any] | None = None) -> Any:
        """Return this scope's object, or None where nothing is provided; otherwise as ``get``."""
        try:
            return self.get(key) if expected is None else self.get(key, expected)
        except ServiceWithdrawnError:
            raise
        except ServiceNotFoundError:
            return None

    @overload
    def all(self, key: Capability[T]) -> tuple[T, ...]: ...
    @overload
    def all(self, key: str) -> tuple[object, ...]: ...
    def all(self, key: Capability[Any] | str) -> tuple[Any, ...]:
        """Return this scope's objects of everyone who provides ``key`` now, in the order in which they came."""
        found: list[Any] = []
        for provision in self._locator.providers(key):
            try:
                if provision.leases.acquire():
                    found.append(self._read(self._hold(provision)))
            except ServiceWithdrawnError:
                continue  # withdrawn since we looked
        return tuple(found)

    @property
    def is_closed(self) -> bool:
        """Tell whether the scope has come to its end."""
        return self._is_closed

    def close(self) -> None:
        """Close what was made for this scope, the last one first, and end its leases; idempotent.

        Raises:
            ScopeCloseError: Holds everything that failed; all is closed all the same.
        """
        with self._lock:
            self._is_closed = True
            held, self._held = self._held, {}
            self._pinned.clear()
        errors: list[BaseException] = []
        for one in reversed(held.values()):
            try:
                if one.instance is None:
                    one.provision.leases.release()
                else:
                    one.instance.end()  # which ends the lease, too
            except BaseException as error:  # noqa: BLE001 - the others must be closed, too
                errors.append(error)
        raise_all("a scope", errors)

    def _first(self, key: str) -> Any:
        """Choose a provider, and stay with it once it has given its object."""
        while True:
            held = self._hold(self._locator.acquire(key))
            try:
                found = self._read(held)
            except ServiceWithdrawnError:
                continue  # withdrawn since we looked: there is another one, or none
            with self._lock:
                if not self._is_closed:
                    self._pinned.setdefault(str(key), held)
            return found

    def _hold(self, provision: Provision) -> _Held:
        """Keep a use of a provider, which has been counted, until the end of this scope."""
        is_kept = False
        try:
            with self._lock:
                if self._is_closed:
                    raise ScopeError(str(provision.key), "the scope is closed", "open a new one")
                present = self._held.get(id(provision))
                if present is None:
                    made = provision.make_for_scope() if isinstance(provision, ScopedProvision) else None
                    present = self._held[id(provision)] = _Held(provision, made)
                    is_kept = True
                return present
        finally:
            if not is_kept:
                provision.leases.release()

    def _read(self, held: _Held) -> Any:
        if held.provision.leases.is_ended:
            raise ServiceWithdrawnError(str(held.provision.key))
        return self._locator.taken(held.provision) if held.instance is None else held.instance.get()

    def __enter__(self) -> Scope:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
