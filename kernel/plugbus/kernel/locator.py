"""The service locator: capability or name to provider, for those who look for it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .errors import (
    AmbiguousServiceError,
    ServiceNotFoundError,
    ServiceTypeError,
    ServiceWithdrawnError,
    near_names,
)
from .handles import Ref
from .offers import ServiceOffers
from .waiting import call_when_provided, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from .capabilities import Capability
    from .events import KernelEvent
    from .health import HealthReport
    from .providers import Provision
    from .scopes import Scope

T = TypeVar("T")


class ServiceLocator(ServiceOffers):
    """Find what plugins provide, by capability or by name.

    A capability may have several providers; a name has one. Among several, the host's preference wins, else ``get``
    refuses to choose. Nothing is overridden silently, and every entry has an owner.
    All calls are safe from several threads; reading takes no lock.

    Args:
        preferences: Capability or name to the id of the plugin that is to provide it.
        on_missing: Asked, without a lock, when nothing is provided under a key that is wanted: see to it that something
            is, and tell whether it is worth looking again. What it raises goes to the caller.
        announce: Publishes the events ``CapabilityProvided`` and ``CapabilityWithdrawn``; called without a lock, once
            for each change.
        is_heard: Asked whether anyone hears an event of a class: where not, it is not made. None makes each.
    """

    def __init__(
        self,
        preferences: Mapping[str, str] | None = None,
        *,
        on_missing: Callable[[str], bool] | None = None,
        announce: Callable[[KernelEvent], object] | None = None,
        is_heard: Callable[[type[KernelEvent]], bool] | None = None,
    ) -> None:
        super().__init__(preferences, announce=announce, is_heard=is_heard)
        self._on_missing = on_missing

    @overload
    def get(self, key: Capability[T]) -> T: ...
    @overload
    def get(self, key: str, expected: type[T]) -> T: ...
    @overload
    def get(self, key: str) -> object: ...
    def get(self, key: Capability[Any] | str, expected: type[Any] | None = None) -> Any:
        """Return what is provided under ``key``.

        Args:
            key: A capability, or the name of a service.
            expected: The type that a service of this name must have.

        Raises:
            ServiceNotFoundError: Nothing is; names what is there and what is near.
            AmbiguousServiceError: Several are, and the host named no preference.
            ServiceTypeError: It is of another type than expected; names both.
            ServiceBuildError: It had to be built, and that failed; the next who asks tries again.
            ServiceCircleError: It is being built, and needs itself for that.
            ScopeError: There is one for each scope.
        """
        if expected is None:
            # What programs call in their loops: nothing but this question comes before it.
            try:
                return self._chosen[key]
            except KeyError:
                return self._look_again(key)
        found = self.get(key)
        if not isinstance(found, expected):
            raise ServiceTypeError(str(key), expected.__qualname__, type(found).__qualname__)
        return found

    @overload
    def find(self, key: Capability[T]) -> T | None: ...
    @overload
    def find(self, key: str, expected: type[T]) -> T | None: ...
    @overload
    def find(self, key: str) -> object | None: ...
    def find(self, key: Capability[Any] | str, expected: type[Any] | None = None) -> Any:
        """Return what is provided under ``key``, or None where nothing is; otherwise as ``get``."""
        if key not in self._provisions and self._on_missing is None:
            return None  # the common miss, without the search for near names
        try:
            return self.get(key) if expected is None else self.get(key, expected)
        except ServiceNotFoundError:
            return None

    @overload
    def lease(self, key: Capability[T]) -> AbstractContextManager[T]: ...
    @overload
    def lease(self, key: str) -> AbstractContextManager[object]: ...
    @contextmanager
    def lease(self, key: Capability[Any] | str) -> Iterator[Any]:
        """Use what is provided under ``key`` for the length of a ``with`` block; raises as ``get`` does.

        The use is counted: a provider that is swapped is unloaded when the last one is over.
        """
        provision, found = self._acquire_built(key)
        try:
            yield found
        finally:
            provision.leases.release()

    def ref(self, key: Capability[T]) -> Ref[T]:
        """Return a handle on a capability that follows whoever provides it."""
        return Ref(self, key)

    @overload
    def all(self, key: Capability[T]) -> tuple[T, ...]: ...
    @overload
    def all(self, key: str) -> tuple[object, ...]: ...
    def all(self, key: Capability[Any] | str) -> tuple[Any, ...]:
        """Return everything that is provided under ``key``, in the order in which it was provided.

        Raises:
            ServiceBuildError: One had to be built, and that failed.
        """
        entries = self._provisions.get(key, ())
        found: list[Any] = []
        for one in entries:
            try:
                found.append(one.provided if one.is_built else self._build(one))
            except ServiceWithdrawnError:
                continue  # withdrawn since we looked
        return tuple(found)

    def scope(self) -> Scope:
        """Return a new scope, to be used in a ``with`` block: see ``Scope``."""
        from .scopes import Scope

        return Scope(self)

    @overload
    def wait_for(self, key: Capability[T], *, timeout_s: float) -> T: ...
    @overload
    def wait_for(self, key: str, expected: type[T], *, timeout_s: float) -> T: ...
    @overload
    def wait_for(self, key: str, *, timeout_s: float) -> object: ...
    def wait_for(self, key: Capability[Any] | str, expected: type[Any] | None = None, *, timeout_s: float) -> Any:
        """Return what is provided under ``key``; block the calling thread until something is.

        Not for hooks and subscribers: what they wait for may have to wait for them.

        Args:
            key: A capability, or the name of a service.
            expected: The type that a service of this name must have.
            timeout_s: How many seconds to wait, from 0, which looks and does not wait, to ``math.inf``.

        Raises:
            ServiceTimeoutError: Nothing was provided in time; names what is there and what is near.
            AmbiguousServiceError: Several provide it, and the host named no preference.
            ServiceTypeError: It is of another type than expected; names both.
            ValueError: ``timeout_s`` is negative or no number.
        """

        def get() -> Any:
            return self.get(key) if expected is None else self.get(key, expected)

        return wait_for(self, key, get, timeout_s)

    def when_provided(self, key: Capability[Any] | str, callback: Callable[[], object]) -> Callable[[], None]:
        """Call ``callback()`` once, as soon as something is provided under ``key``; return the undo.

        It is called now if something is there already; otherwise in the thread that provides it, when that is done.
        What it raises is logged and published as ``SubscriberFailed``.
        """
        return call_when_provided(self, self._watches, key, callback)

    def check_health(self, key: Capability[Any] | str | None = None) -> tuple[HealthReport, ...]:
        """Ask those who provide something how they are; one after the other, in this thread, without a lock.

        A check returns None or True where all is well, and False or a text where it is not; one that raises is ill,
        and stops nobody. What has no check, or is not built, is unknown; nothing is built to be checked.

        Args:
            key: A capability or a name; None asks everyone.

        Raises:
            ServiceNotFoundError: Nothing is provided under ``key``; names what is there and what is near.
        """
        from .health import examine

        if key is not None and key not in self._provisions:
            raise self._not_found(key)
        keys = self.keys if key is None else (key,)
        reports = (examine(provision) for one in keys for provision in self.providers(one))
        return tuple(report for report in reports if report is not None)

    def _look_again(self, key: str) -> Any:
        """Return what was provided a moment ago, or is built now, or say why there is nothing to return."""
        while True:
            choice = self._look_up(key)
            try:
                return choice.provided if choice.is_built else self._build(choice)
            except ServiceWithdrawnError:
                pass  # withdrawn since we looked: there is another one, or none

    def _look_up(self, key: str) -> Provision:
        """Return the entry that is chosen now, or say why there is none."""
        entries = self._provisions.get(key, ())
        if not entries and self._on_missing is not None and self._on_missing(key):
            entries = self._provisions.get(key, ())
        choice = self._choose(key, entries)
        if choice is not None:
            return choice
        if entries:
            raise AmbiguousServiceError(str(key), tuple(one.owner for one in entries)) from None
        raise self._not_found(key) from None

    def _not_found(self, key: str) -> ServiceNotFoundError:
        known = self.keys
        return ServiceNotFoundError(str(key), near_names(key, known), known)

    def acquire(self, key: str) -> Provision:
        """Return the entry that is chosen now, with one more use of it counted."""
        while True:
            choice = self._look_up(key)
            if choice.leases.acquire():
                return choice
            # It was retired since we looked, so its successor is there by now.

    def _acquire_built(self, key: str) -> tuple[Provision, Any]:
        while True:
            provision = self.acquire(key)
            try:
                return provision, self.taken(provision)
            except ServiceWithdrawnError:
                provision.leases.release()
            except BaseException:
                provision.leases.release()
                raise

    def _build(self, provision: Provision) -> Any:
        """Build what an entry provides; as a use of it, so that a swap waits, and only if it is still there after that.

        Raises:
            ServiceWithdrawnError: It was withdrawn meanwhile.
        """
        if not provision.leases.acquire():
            raise ServiceWithdrawnError(str(provision.key))
        try:
            found = self.taken(provision)
        finally:
            provision.leases.release()
        if all(one is not provision for one in self._provisions.get(provision.key, ())):
            raise ServiceWithdrawnError(str(provision.key))
        return found

    def taken(self, provision: Provision) -> Any:
        """Return what an entry provides; from now on get() finds it at once, if this is the entry that is chosen."""
        was_built, found = provision.is_built, provision.provided
        if not was_built:
            with self._lock:
                key = provision.key
                if provision.is_built and self._choose(key, self._provisions.get(key, ())) is provision:
                    self._chosen[key] = found
        return found
