"""Watching what is provided: each change is told once, to those who watch the key, who wait for it, and on the bus."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from .events import CapabilityProvided, CapabilityWithdrawn, SubscriberFailed
from .values import value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .events import KernelEvent
    from .providers import Provision


class ChangeKind(Enum):
    """What happened to a capability or service."""

    PROVIDED = "provided"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"


@value(frozen=True, slots=True)
class ServiceChange:
    """One change of who provides a capability or service.

    Args:
        key: The capability or name, as text.
        provided_by: Who provides it from now on: a plugin's id, or ``host``; None where somebody went.
        withdrawn_by: Who did so until now; None where somebody came.
    """

    key: str
    provided_by: str | None = None
    withdrawn_by: str | None = None

    @property
    def kind(self) -> ChangeKind:
        """Tell a provider that came from one that went, and from one that took another's place in one step."""
        if self.withdrawn_by is None:
            return ChangeKind.PROVIDED
        return ChangeKind.WITHDRAWN if self.provided_by is None else ChangeKind.REPLACED


ChangeHandler: TypeAlias = Callable[[ServiceChange], object]


class Exchange:
    """What left and what arrived in one step."""

    __slots__ = ("arriving", "leaving")

    def __init__(self, leaving: tuple[Provision, ...], arriving: tuple[Provision, ...]) -> None:
        self.leaving = leaving
        self.arriving = arriving

    def changes(self) -> Iterator[ServiceChange]:
        """Yield what happened to each key: the first that came took the place of the first that went, and so on."""
        gone, come = _owners(self.leaving), _owners(self.arriving)
        for key in dict.fromkeys((*gone, *come)):
            went, came = gone.get(key, []), come.get(key, [])
            for place in range(max(len(went), len(came))):
                provided_by = came[place] if place < len(came) else None
                yield ServiceChange(key, provided_by, went[place] if place < len(went) else None)


class Watch:
    """Somebody who is told of the changes of one key; of the next arrival alone if ``is_once``."""

    __slots__ = ("handler", "is_once", "key", "name", "owner")

    def __init__(self, key: str, handler: ChangeHandler, owner: str, *, is_once: bool = False) -> None:
        self.key = key
        self.handler = handler
        self.owner = owner
        self.is_once = is_once
        self.name: str = getattr(handler, "__qualname__", type(handler).__qualname__)


class Watches:
    """Those who watch a locator. All calls are safe from several threads; no lock is held while somebody is told.

    Args:
        publish: Publishes an event of the kernel; without it, watching is all there is.
        is_heard: Tells whether anyone hears an event of a class; where not, it is not made.
    """

    def __init__(
        self,
        publish: Callable[[KernelEvent], object] | None,
        is_heard: Callable[[type[KernelEvent]], bool] | None = None,
    ) -> None:
        self._publish = publish
        self._is_heard = is_heard or (lambda kind: True)
        self._lock = threading.Lock()
        self._watches: dict[str, tuple[Watch, ...]] = {}

    def add(self, watch: Watch) -> None:
        """Tell ``watch`` of every change of its key from now on."""
        with self._lock:
            self._watches[watch.key] = (*self._watches.get(watch.key, ()), watch)

    def remove(self, watch: Watch) -> bool:
        """Tell it nothing more; say whether it was still there."""
        with self._lock:
            present = self._watches.get(watch.key, ())
            staying = tuple(one for one in present if one is not watch)
            if staying:
                self._watches[watch.key] = staying
            else:
                self._watches.pop(watch.key, None)
            return len(staying) < len(present)

    def tell(self, exchange: Exchange) -> None:
        """Tell those who watch, then publish ``CapabilityProvided`` and ``CapabilityWithdrawn``.

        Whoever raises stops nobody else. An interrupt, and what publishing itself raises, is raised when all were told.
        """
        errors: list[BaseException] = []
        if self._watches:
            for change in exchange.changes():
                for watch in self._watches.get(change.key, ()):
                    if not watch.is_once or (change.provided_by is not None and self.remove(watch)):
                        errors += self.call(watch, change)
        publish = self._publish
        if publish is not None:
            if exchange.arriving and self._is_heard(CapabilityProvided):
                errors += _announce(publish, CapabilityProvided, exchange.arriving)
            if exchange.leaving and self._is_heard(CapabilityWithdrawn):
                errors += _announce(publish, CapabilityWithdrawn, exchange.leaving)
        if errors:
            raise errors[0]

    def call(self, watch: Watch, change: ServiceChange) -> list[BaseException]:
        """Tell one of a change; report what it raises, and return what is no ordinary error."""
        try:
            watch.handler(change)
        except Exception as error:  # noqa: BLE001 - a watcher stops nobody, as a subscriber does not
            return self._report(watch, change, error)
        except BaseException as error:  # noqa: BLE001 - raised when all were told
            return [error]
        return []

    def _report(self, watch: Watch, change: ServiceChange, error: Exception) -> list[BaseException]:
        # Imported when something fails, as in the bus: most hosts never see it.
        from logging import getLogger

        getLogger(__name__).error(
            "watcher %s failed on service %s: %s", watch.name, change.key, error,
            exc_info=error, extra={"plugin_id": watch.owner, "service": change.key},
        )  # fmt: skip
        if self._publish is None:
            return []
        event = (
            CapabilityWithdrawn(change.key, change.withdrawn_by or "")
            if change.provided_by is None
            else CapabilityProvided(change.key, change.provided_by)
        )
        try:
            self._publish(SubscriberFailed(watch.name, watch.owner, event, error))
        except BaseException as further:  # noqa: BLE001 - raised when all were told
            return [further]
        return []


def _announce(
    publish: Callable[[KernelEvent], object],
    kind: type[CapabilityProvided | CapabilityWithdrawn],
    provisions: tuple[Provision, ...],
) -> list[BaseException]:
    """Publish an event for each of some provisions; return what that raises."""
    errors: list[BaseException] = []
    for one in provisions:
        try:
            publish(kind(str(one.key), one.owner))
        except BaseException as error:  # noqa: BLE001 - raised when all were told
            errors.append(error)
    return errors


def _owners(provisions: tuple[Provision, ...]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for one in provisions:
        owners.setdefault(str(one.key), []).append(one.owner)
    return owners
