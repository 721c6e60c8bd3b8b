"""Provisions: what one owner provides under one key, whether it is there already or made when it is wanted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .asynchrony import is_async
from .capabilities import Capability
from .errors import ScopeCloseError, ScopeError, ServiceWithdrawnError
from .instances import Instance
from .leases import LeaseCount
from .values import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from .instances import Builds


_put: Final = object.__setattr__
"""Sets what is frozen for all others."""


@value(frozen=True, slots=True, eq=False)
class Provision:
    """One object that one owner provides under one key.

    Args:
        key: A capability, or the name of a service.
        provided: The object.
        owner: A plugin's id, or ``host``.
        leases: Counts the uses that are under way.
        health: Tells how the object is; see ``ServiceLocator.check_health``.
    """

    key: Capability[Any] | str
    provided: Any
    owner: str
    leases: LeaseCount
    health: Callable[[], object] | None

    def __init__(
        self,
        key: Capability[Any] | str,
        provided: Any,
        owner: str,
        leases: LeaseCount | None = None,
        health: Callable[[], object] | None = None,
    ) -> None:
        # Written out, as one is made for each thing that a plugin provides: half of the time of what values share.
        _put_key(self, key)
        _put_provided(self, provided)
        _put_owner(self, owner)
        _put_leases(self, LeaseCount() if leases is None else leases)
        _put_health(self, health)

    @property
    def is_built(self) -> bool:
        """Tell whether the object is there, or is made when it is first wanted."""
        return True

    def check(self) -> None:
        """Raise where this could never be provided, whatever else is there.

        Raises:
            ContractError: The object does not satisfy the capability's contract.
            TypeError: Its health check is ``async def``, which nothing awaits.
        """
        if self.health is not None:
            refuse_async(self.key, health=self.health)
        if isinstance(self.key, Capability):
            self.key.check(self.provided)

    def check_made(self, made: object) -> None:
        """Raise unless an object satisfies the contract.

        Raises:
            ContractError: It does not; names every fault.
        """
        if isinstance(self.key, Capability):
            self.key.check(made)

    def end(self) -> None:
        """Take note that the owner's part is over, whoever still holds the object."""
        self.leases.end()


_put_key, _put_provided, _put_owner, _put_leases, _put_health = (
    getattr(Provision, name).__set__ for name in Provision.__slots__
)


class LazyProvision(Provision):
    """What is built when it is first wanted.

    Its object can be read like that of any other provision, which builds it.

    Args:
        key: A capability, or the name of a service.
        factory: Makes the object.
        owner: A plugin's id, or ``host``.
        builds: Of the locator.
        close: Called with the object at the end, if it was built.
        health: Called with the object, if it was built, to tell how it is.

    Raises:
        TypeError: A callable is ``async def``, which nothing awaits.
    """

    __slots__ = ("_instance",)

    _instance: Instance

    def __init__(
        self,
        key: Capability[Any] | str,
        factory: Callable[[], Any],
        owner: str,
        builds: Builds,
        *,
        close: Callable[[Any], object] | None = None,
        health: Callable[[Any], object] | None = None,
    ) -> None:
        refuse_async(key, factory=factory, close=close, health=health)
        _put(self, "key", key)
        _put(self, "owner", owner)
        _put(self, "leases", LeaseCount())
        instance = Instance(str(key), owner, factory, self.check_made, close, builds)
        _put(self, "_instance", instance)
        _put(self, "health", None if health is None else partial(_ask, health, instance))

    @property
    def provided(self) -> Any:
        """Return the object; raises as ``Instance.get`` does."""
        return self._instance.get()

    @property
    def is_built(self) -> bool:
        """Tell whether the object is there by now."""
        return self._instance.is_built

    def check(self) -> None:
        """Do nothing: the object is checked when it is built."""

    def end(self) -> None:
        """Close the object if it was built.

        Raises:
            ServiceCloseError: ``close`` raised.
        """
        self.leases.end()
        self._instance.end()

    def __repr__(self) -> str:
        state = "built" if self.is_built else "not built"
        return f"LazyProvision(key={self.key!r}, owner={self.owner!r}, {state})"


class ScopedProvision(Provision):
    """What is made for each scope, when it is first wanted there.

    Args:
        key: A capability, or the name of a service.
        factory: Makes an object for one scope.
        owner: A plugin's id, or ``host``.
        builds: Of the locator.
        close: Called with each object at the end of its scope.

    Raises:
        TypeError: A callable is ``async def``, which nothing awaits.
    """

    __slots__ = ("_builds", "_live", "_recipe")

    _builds: Builds
    # Factory and close; nothing is left of the plugin here once it was unloaded.
    _recipe: tuple[Callable[[], Any], Callable[[Any], object] | None] | None
    _live: dict[int, Instance]

    def __init__(
        self,
        key: Capability[Any] | str,
        factory: Callable[[], Any],
        owner: str,
        builds: Builds,
        *,
        close: Callable[[Any], object] | None = None,
    ) -> None:
        refuse_async(key, factory=factory, close=close)
        _put(self, "key", key)
        _put(self, "owner", owner)
        _put(self, "leases", LeaseCount())
        _put(self, "health", None)
        _put(self, "_builds", builds)
        _put(self, "_recipe", (factory, close))
        _put(self, "_live", {})

    @property
    def provided(self) -> Any:
        """Raise: there is no object outside of a scope.

        Raises:
            ScopeError: Says how to open one.
        """
        raise ScopeError(
            str(self.key),
            f"'{self.owner}' provides one for each scope",
            "open one: with services.scope() as scope: scope.get(...)",
        )

    @property
    def is_built(self) -> bool:
        """Return False: there is no object outside of a scope."""
        return False

    def check(self) -> None:
        """Do nothing: each object is checked when it is made."""

    def make_for_scope(self) -> Instance:
        """Return what is to be built for one scope. A use of this provider was counted for it, which its end ends.

        Raises:
            ServiceWithdrawnError: The owner's part is over.
        """
        with self._builds.lock:
            if self._recipe is None:
                raise ServiceWithdrawnError(str(self.key))
            factory, close = self._recipe
            instance = Instance(str(self.key), self.owner, factory, self.check_made, close, self._builds)
            instance.when_over = partial(self._let_go, id(instance))
            self._live[id(instance)] = instance
            return instance

    def end(self) -> None:
        """Close the objects of all scopes that are open, the last one first.

        Raises:
            ScopeCloseError: Holds what was raised; all are closed all the same.
        """
        self.leases.end()
        with self._builds.lock:
            _put(self, "_recipe", None)
            live = tuple(self._live.values())
        errors: list[BaseException] = []
        for instance in reversed(live):
            try:
                instance.end()
            except BaseException as error:  # noqa: BLE001 - the others must be closed, too
                errors.append(error)
        raise_all(f"the scopes of '{self.key}'", errors)

    def _let_go(self, key: int) -> None:
        with self._builds.lock:
            del self._live[key]
        self.leases.release()

    def __repr__(self) -> str:
        return f"ScopedProvision(key={self.key!r}, owner={self.owner!r})"


def raise_all(what: str, errors: list[BaseException]) -> None:
    """Raise an interrupt alone, or else all errors as one.

    Raises:
        ScopeCloseError: Holds all of them.
    """
    failures: list[Exception] = []
    for error in errors:
        if not isinstance(error, Exception):
            raise error
        failures.append(error)
    if failures:
        raise ScopeCloseError(f"cannot close {what} without failures; all is closed", failures)


def _ask(health: Callable[[Any], object], instance: Instance) -> object:
    return health(instance.get())


def end_when_idle(provision: Provision, when_failed: Callable[[Exception], object]) -> None:
    """End a provision that was withdrawn when the last use of it is over: now, or in the thread that ends that use.

    Args:
        provision: No longer among those that can be found.
        when_failed: Told of what goes wrong if that is later; if it is now, it is raised.

    Raises:
        ServiceCloseError: ``close`` raised.
    """
    provision.leases.retire()

    def end_late() -> None:
        try:
            provision.end()
        except Exception as error:  # noqa: BLE001 - not a fault of whoever ended the last use
            when_failed(error)

    if not provision.leases.when_idle(end_late):
        provision.end()


def refuse_async(key: str, **callables: Callable[..., object] | None) -> None:
    """Refuse what would return a coroutine that nothing awaits.

    Raises:
        TypeError: One is ``async def``; names it.
    """
    for role, one in callables.items():
        if one is not None and is_async(one):
            raise TypeError(f"cannot provide service '{key}': its {role} is 'async def', which nothing awaits")
