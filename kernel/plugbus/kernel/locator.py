"""The service locator: capability or name to provider."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .capabilities import Capability
from .errors import (
    AmbiguousServiceError,
    ServiceExistsError,
    ServiceNotFoundError,
    ServiceTypeError,
    ServiceWithdrawnError,
    near_names,
)
from .handles import Ref, Withdrawal
from .instances import Builds
from .providers import LazyProvision, Provision, end_when_idle
from .watching import Exchange, Watch, Watches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from .events import KernelEvent
    from .watching import ChangeHandler

T = TypeVar("T")


class ServiceLocator:
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
    """

    def __init__(
        self,
        preferences: Mapping[str, str] | None = None,
        *,
        on_missing: Callable[[str], bool] | None = None,
        announce: Callable[[KernelEvent], object] | None = None,
    ) -> None:
        self._preferences = dict(preferences or {})
        self._on_missing = on_missing
        self._watches = Watches(announce)
        self._builds = Builds()
        self._lock = threading.Lock()
        self._provisions: dict[str, tuple[Provision, ...]] = {}
        # What get() answers. Keys with no provider, or several and no preference, are not in it, and neither is what is
        # not built yet.
        self._chosen: dict[str, Any] = {}

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

    def providers(self, key: Capability[Any] | str) -> tuple[Provision, ...]:
        """Return the entries under ``key``, with their owners."""
        return self._provisions.get(key, ())

    @property
    def keys(self) -> tuple[str, ...]:
        """Return every capability and name that is provided, sorted as text."""
        return tuple(sorted(self._provisions))

    def provide(
        self,
        key: Capability[T] | str,
        provided: T,
        *,
        owner: str = "host",
        health: Callable[[], object] | None = None,
    ) -> Withdrawal:
        """Put an object under a capability, or under a name of its own; return the undo.

        Args:
            key: The capability, or the name.
            provided: The object.
            owner: Who provides it.
            health: Tells how the object is; see ``check_health``.

        Raises:
            ContractError: The object does not satisfy the capability's contract.
            ServiceExistsError: The name is taken.
        """
        return self._provide(Provision(key, provided, owner, health=health))

    def provide_lazy(
        self,
        key: Capability[T] | str,
        factory: Callable[[], T],
        *,
        close: Callable[[T], object] | None = None,
        health: Callable[[T], object] | None = None,
        owner: str = "host",
    ) -> Withdrawal:
        """Provide what ``factory()`` makes, when somebody first wants it; return the undo.

        Args:
            key: The capability, or the name.
            factory: Called once, in the thread that wants the object first; others wait meanwhile. If it raises, the
                next who wants the object tries again.
            close: Called with the object when it is withdrawn and the last use of it is over, if it was built.
            health: Called with the object to tell how it is, if it was built; see ``check_health``.
            owner: Who provides it.

        Raises:
            ServiceExistsError: The name is taken.
            TypeError: A callable is ``async def``, which nothing awaits.
        """
        return self._provide(self.lazy(key, factory, owner, close=close, health=health))

    def lazy(
        self,
        key: Capability[Any] | str,
        factory: Callable[[], Any],
        owner: str,
        *,
        close: Callable[[Any], object] | None,
        health: Callable[[Any], object] | None,
    ) -> Provision:
        """Return an entry for what is built when it is wanted; for ``exchange``."""
        return LazyProvision(key, factory, owner, self._builds, close=close, health=health)

    def _provide(self, provision: Provision) -> Withdrawal:
        provision.check()
        return self.exchange((), (provision,))

    def withdraw(self, provisions: tuple[Provision, ...]) -> None:
        """Take entries back, and end each when the last use of it is over.

        Raises:
            ServiceCloseError: One was closed at once, and that failed; all are withdrawn all the same.
        """
        try:
            self.tell(self.switch(provisions, ()))
        finally:
            self.end(provisions)

    def end(self, provisions: Iterable[Provision]) -> None:
        """End entries that were withdrawn, each when the last use of it is over; the last one first."""
        errors: list[BaseException] = []
        for one in reversed(tuple(provisions)):
            try:
                end_when_idle(one, self._log)
            except BaseException as error:  # noqa: BLE001 - the others must be ended, too
                errors.append(error)
        if errors:
            raise errors[0]

    def check(self, provision: Provision) -> None:
        """Raise where ``provision`` could never be provided, whatever else is there."""
        provision.check()

    def exchange(self, leaving: Iterable[Provision], arriving: Iterable[Provision]) -> Withdrawal:
        """Withdraw some entries and provide others in one step, which no reader sees half done; tell of it.

        Entries that leave while none arrives go one after the other. It may be called again to carry an interrupted
        call through.

        Raises:
            ServiceExistsError: A name would have two providers; nothing was changed.
        """
        arriving = tuple(arriving)
        self.tell(self.switch(leaving, arriving))
        return Withdrawal(self, arriving)

    def switch(self, leaving: Iterable[Provision], arriving: Iterable[Provision]) -> Exchange:
        """Do what ``exchange`` does, and leave the telling to the caller: ``tell`` once it holds no lock."""
        leaving, arriving = tuple(leaving), tuple(arriving)
        if not leaving and not arriving:
            return Exchange((), ())
        with self._lock:
            changed: dict[str, tuple[Provision, ...]] = {}
            gone: list[Provision] = []
            for one in leaving:
                present = changed.get(one.key, self._provisions.get(one.key, ()))
                staying = tuple(entry for entry in present if entry is not one)
                if len(staying) < len(present):
                    gone.append(one)
                changed[one.key] = staying
            for one in arriving:
                present = changed.get(one.key, self._provisions.get(one.key, ()))
                if one in present:
                    # It is there already: an interrupted exchange is being carried through.
                    changed[one.key] = present
                    continue
                if present and not (isinstance(one.key, Capability) and isinstance(present[0].key, Capability)):
                    raise ServiceExistsError(str(one.key), one.owner, present[0].owner)
                changed[one.key] = (*present, one)
            if len(changed) == 1:
                for key, entries in changed.items():
                    self._put(key, entries)
            else:
                self._switch(changed, in_one_step=bool(leaving and arriving))
        return Exchange(tuple(gone), arriving)

    def tell(self, exchange: Exchange) -> None:
        """Tell those who watch or wait, and publish, what was exchanged; once, and without a lock."""
        if exchange.leaving or exchange.arriving:
            self._watches.tell(exchange)

    def watch(self, key: Capability[Any] | str, on_change: ChangeHandler, *, owner: str = "") -> Callable[[], None]:
        """Call ``on_change(change)`` when a provider of ``key`` comes, goes or is replaced; return the undo.

        It is called in the thread that made the change, when the change is done. What it raises is logged and published
        as ``SubscriberFailed``.

        Args:
            key: The capability, or the name.
            on_change: Called with a ``ServiceChange``.
            owner: The plugin on whose behalf this is done; empty for the host.
        """
        watch = Watch(str(key), on_change, owner)
        self._watches.add(watch)

        def stop() -> None:
            self._watches.remove(watch)

        return stop

    def prefer(self, key: Capability[Any] | str, owner: str | None) -> None:
        """Choose which plugin is to provide ``key`` from now on; None leaves it to there being only one."""
        with self._lock:
            if owner is None:
                self._preferences.pop(key, None)
            else:
                self._preferences[str(key)] = owner
            self._put(key, self._provisions.get(key, ()))

    def _put(self, key: str, entries: tuple[Provision, ...]) -> None:
        """Take over the entries of one key: a reader sees those before, or these."""
        choice = self._choose(key, entries)
        if entries:
            self._provisions[key] = entries
        else:
            self._provisions.pop(key, None)
        if choice is not None and choice.is_built:
            self._chosen[key] = choice.provided
        else:
            self._chosen.pop(key, None)

    def _switch(self, changed: Mapping[str, tuple[Provision, ...]], *, in_one_step: bool) -> None:
        """Take over new entries; by a copy when what leaves and what arrives must change places at once."""
        present = {key: entries for key, entries in changed.items() if entries}
        choices = {
            key: choice.provided
            for key, entries in present.items()
            if (choice := self._choose(key, entries)) is not None and choice.is_built
        }
        provisions = dict(self._provisions) if in_one_step else self._provisions
        chosen = dict(self._chosen) if in_one_step else self._chosen
        # One update() of text keys runs no Python code, so that no reader sees a part of what arrives. A reader that
        # comes before the second one finds no choice, and looks again.
        provisions.update(present)
        for key in changed.keys() - present.keys():
            provisions.pop(key, None)
        chosen.update(choices)
        for key in changed.keys() - choices.keys():
            chosen.pop(key, None)
        self._provisions, self._chosen = provisions, chosen

    def _choose(self, key: str, entries: tuple[Provision, ...]) -> Provision | None:
        preferred = self._preferences.get(key)
        for one in entries:
            if one.owner == preferred:
                return one
        return entries[0] if len(entries) == 1 else None

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
        known = self.keys
        raise ServiceNotFoundError(str(key), near_names(key, known), known) from None

    def _acquire(self, key: str) -> Provision:
        """Return the entry that is chosen now, with one more use of it counted."""
        while True:
            choice = self._look_up(key)
            if choice.leases.acquire():
                return choice
            # It was retired since we looked, so its successor is there by now.

    def _acquire_built(self, key: str) -> tuple[Provision, Any]:
        while True:
            provision = self._acquire(key)
            try:
                return provision, self._remember(provision)
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
            found = self._remember(provision)
        finally:
            provision.leases.release()
        if all(one is not provision for one in self._provisions.get(provision.key, ())):
            raise ServiceWithdrawnError(str(provision.key))
        return found

    def _remember(self, provision: Provision) -> Any:
        """Return what an entry provides; from now on get() finds it at once, if this is the entry that is chosen."""
        was_built, found = provision.is_built, provision.provided
        if not was_built:
            with self._lock:
                key = provision.key
                if provision.is_built and self._choose(key, self._provisions.get(key, ())) is provision:
                    self._chosen[key] = found
        return found

    def _log(self, error: Exception) -> None:
        from logging import getLogger

        getLogger(__name__).error("%s", error, exc_info=error)
