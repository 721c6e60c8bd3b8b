"""What is offered: objects are provided, exchanged and withdrawn, and each change is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .handles import Withdrawal
from .instances import Builds
from .providers import LazyProvision, Provision, ScopedProvision, end_when_idle
from .table import ServiceTable
from .watching import Watch, Watches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .capabilities import Capability
    from .events import KernelEvent
    from .watching import ChangeHandler, Exchange

T = TypeVar("T")


class ServiceOffers(ServiceTable):
    """The side of the locator on which services are offered; no lock is held while callbacks run.

    Args:
        preferences: Capability or name to the id of the plugin that is to provide it.
        announce: Publishes what changed; called without a lock, once for each change.
        is_heard: Asked whether anyone hears an event of a class: where not, it is not made. None makes each.
    """

    def __init__(
        self,
        preferences: Mapping[str, str] | None = None,
        *,
        announce: Callable[[KernelEvent], object] | None = None,
        is_heard: Callable[[type[KernelEvent]], bool] | None = None,
    ) -> None:
        super().__init__(preferences)
        self._watches = Watches(announce, is_heard)
        self._builds = Builds()

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

    def provide_scoped(
        self,
        key: Capability[T] | str,
        factory: Callable[[], T],
        close: Callable[[T], object] | None = None,
        *,
        owner: str = "host",
    ) -> Withdrawal:
        """Provide what ``factory()`` makes anew in each scope where it is wanted; return the undo.

        Args:
            key: The capability, or the name.
            factory: Called once in each scope that wants the object, in the thread that wants it there first.
            close: Called with the object at the end of its scope.
            owner: Who provides it.

        Raises:
            ServiceExistsError: The name is taken.
            TypeError: A callable is ``async def``, which nothing awaits.
        """
        return self._provide(self.scoped(key, factory, owner, close=close))

    def scoped(
        self,
        key: Capability[Any] | str,
        factory: Callable[[], Any],
        owner: str,
        *,
        close: Callable[[Any], object] | None,
    ) -> Provision:
        """Return an entry for what is made for each scope; for ``exchange``."""
        return ScopedProvision(key, factory, owner, self._builds, close=close)

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

    def tell(self, exchange: Exchange) -> None:
        """Tell those who watch or wait, and publish, what was exchanged; once, and without a lock."""
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

    def _log(self, error: Exception) -> None:
        from logging import getLogger

        getLogger(__name__).error("%s", error, exc_info=error)
