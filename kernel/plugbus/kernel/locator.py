"""The service locator: capability or name to provider."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from .capabilities import Capability
from .errors import AmbiguousServiceError, ServiceExistsError, ServiceNotFoundError, ServiceTypeError, near_names
from .leases import LeaseCount
from .values import field, value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

T = TypeVar("T")


@value(frozen=True, slots=True, eq=False)
class Provision:
    """One object that one owner provides under one key.

    Args:
        key: A capability, or the name of a service.
        provided: The object.
        owner: A plugin's id, or ``host``.
        leases: Counts the uses that are under way.
    """

    key: Capability[Any] | str
    provided: Any
    owner: str
    leases: LeaseCount = field(default_factory=LeaseCount)


class ServiceLocator:
    """Find what plugins provide, by capability or by name.

    A capability may have several providers; a name has one. Among several, the host's preference wins, else ``get``
    refuses to choose. Nothing is overridden silently, and every entry has an owner.
    All calls are safe from several threads; reading takes no lock.

    Args:
        preferences: Capability or name to the id of the plugin that is to provide it.
        on_missing: Asked, without a lock, when nothing is provided under a key that is wanted: see to it that something
            is, and tell whether it is worth looking again. What it raises goes to the caller.
    """

    def __init__(
        self, preferences: Mapping[str, str] | None = None, *, on_missing: Callable[[str], bool] | None = None
    ) -> None:
        self._preferences = dict(preferences or {})
        self._on_missing = on_missing
        self._lock = threading.Lock()
        self._provisions: dict[str, tuple[Provision, ...]] = {}
        # What get() answers. Keys with no provider, or several and no preference, are not in it.
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
        provision = self._acquire(key)
        try:
            yield provision.provided
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
        """Return everything that is provided under ``key``, in the order in which it was provided."""
        return tuple(one.provided for one in self._provisions.get(key, ()))

    def providers(self, key: Capability[Any] | str) -> tuple[Provision, ...]:
        """Return the entries under ``key``, with their owners."""
        return self._provisions.get(key, ())

    @property
    def keys(self) -> tuple[str, ...]:
        """Return every capability and name that is provided, sorted as text."""
        return tuple(sorted(self._provisions))

    def provide(self, key: Capability[T] | str, provided: T, *, owner: str = "host") -> Withdrawal:
        """Put an object under a capability, or under a name of its own; return the undo.

        Raises:
            ContractError: The object does not satisfy the capability's contract.
            ServiceExistsError: The name is taken.
        """
        provision = Provision(key, provided, owner)
        self.check(provision)
        return self.exchange((), (provision,))

    def check(self, provision: Provision) -> None:
        """Raise where ``provision`` could never be provided, whatever else is there."""
        if isinstance(provision.key, Capability):
            provision.key.check(provision.provided)

    def exchange(self, leaving: Iterable[Provision], arriving: Iterable[Provision]) -> Withdrawal:
        """Withdraw some entries and provide others in one step, which no reader sees half done.

        Entries that leave while none arrives go one after the other.

        Raises:
            ServiceExistsError: A name would have two providers; nothing was changed.
        """
        leaving, arriving = tuple(leaving), tuple(arriving)
        with self._lock:
            changed: dict[str, tuple[Provision, ...]] = {}
            for one in leaving:
                present = changed.get(one.key, self._provisions.get(one.key, ()))
                changed[one.key] = tuple(entry for entry in present if entry is not one)
            for one in arriving:
                present = changed.get(one.key, self._provisions.get(one.key, ()))
                if present and not (isinstance(one.key, Capability) and isinstance(present[0].key, Capability)):
                    raise ServiceExistsError(str(one.key), one.owner, present[0].owner)
                changed[one.key] = (*present, one)
            self._switch(changed, in_one_step=bool(leaving and arriving))
        return Withdrawal(self, arriving)

    def prefer(self, key: Capability[Any] | str, owner: str | None) -> None:
        """Choose which plugin is to provide ``key`` from now on; None leaves it to there being only one."""
        with self._lock:
            if owner is None:
                self._preferences.pop(key, None)
            else:
                self._preferences[str(key)] = owner
            self._switch({key: self._provisions.get(key, ())}, in_one_step=False)

    def _switch(self, changed: Mapping[str, tuple[Provision, ...]], *, in_one_step: bool) -> None:
        """Take over new entries; by a copy when what leaves and what arrives must change places at once."""
        present = {key: entries for key, entries in changed.items() if entries}
        choices = {
            key: choice.provided
            for key, entries in present.items()
            if (choice := self._choose(key, entries)) is not None
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

    def _acquire(self, key: str) -> Provision:
        while True:
            choice = self._choose(key, self._provisions.get(key, ()))
            if choice is None:
                self._look_again(key)  # raises, or something was provided a moment ago
            elif choice.leases.acquire():
                return choice
            # It was retired since we looked, so its successor is there by now.

    def _look_again(self, key: str) -> Any:
        """Return what was provided a moment ago, or say why there is nothing to return."""
        entries = self._provisions.get(key, ())
        if not entries and self._on_missing is not None and self._on_missing(key):
            entries = self._provisions.get(key, ())
        choice = self._choose(key, entries)
        if choice is not None:
            return choice.provided
        if entries:
            raise AmbiguousServiceError(str(key), tuple(one.owner for one in entries)) from None
        known = self.keys
        raise ServiceNotFoundError(str(key), near_names(key, known), known) from None


class Ref(Generic[T]):
    """A handle on a capability: hold it in place of the object, and every use gets whoever provides it then."""

    __slots__ = ("_key", "_locator")

    def __init__(self, locator: ServiceLocator, key: Capability[T]) -> None:
        self._locator = locator
        self._key = key

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

    def __repr__(self) -> str:
        return f"Ref({self._key!r})"


class Withdrawal:
    """The undo of something that was provided. Call it, ``withdraw`` it, or use it as a context manager; idempotent."""

    __slots__ = ("_locator", "_provisions")

    def __init__(self, locator: ServiceLocator, provisions: tuple[Provision, ...]) -> None:
        self._locator = locator
        self._provisions = provisions

    @property
    def provisions(self) -> tuple[Provision, ...]:
        """Return what will be withdrawn; empty once it was."""
        return self._provisions

    def withdraw(self) -> None:
        """Take back what was provided; does nothing the second time."""
        provisions, self._provisions = self._provisions, ()
        if provisions:
            self._locator.exchange(provisions, ())

    def __call__(self) -> None:
        """Withdraw."""
        self.withdraw()

    def __enter__(self) -> Withdrawal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.withdraw()
