"""What one plugin holds of the kernel: how it is held back, made visible, withdrawn and undone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn, cast

from .errors import PluginStateError
from .providers import Provision
from .watching import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from weakref import WeakSet

    from .bus import EventBus
    from .capabilities import Capability
    from .locator import ServiceLocator
    from .metadata import PluginMetadata
    from .subscriptions import Subscription


class Holdings:
    """The kernel's side of a plugin's context; see ``PluginContext`` for its life.

    Args:
        metadata: Of the plugin.
        bus: The kernel's bus.
        services: The kernel's locator.
        config: The plugin's configuration.
    """

    def __init__(self, metadata: PluginMetadata, bus: EventBus, services: ServiceLocator, config: object) -> None:
        self._metadata = metadata
        self._bus = bus
        self._services = services
        self._config = config
        self._lock = threading.Lock()
        self._phase = "loading"
        self._provisions: dict[int, Provision] = {}
        self._left: tuple[Provision, ...] = ()
        # Changes that are not yet told to others; told when no lock is held, and not before the load is done.
        self._untold: list[Exchange] = []
        self._withdrawal: Exchange | None = None
        self._is_telling = False
        self._watches: list[Callable[[], None]] = []
        self._held_back: list[Subscription] = []
        # The bus keeps live subscriptions; those that a plugin cancelled and dropped need no memory here.
        self._subscriptions: WeakSet[Subscription] | None = None
        self._callbacks: list[Callable[[], object]] = []
        self._hung_hook = ""
        self._is_replaced = False
        self._callback: Callable[[], object] | None = None

    @property
    def plugin_id(self) -> str:
        """Return the id of the plugin that owns this context."""
        return self._metadata.id

    @property
    def metadata(self) -> PluginMetadata:
        """Return the plugin's metadata."""
        return self._metadata

    @property
    def provisions(self) -> tuple[Provision, ...]:
        """Return what the plugin provides, or will once ``open_up`` was called."""
        with self._lock:
            return tuple(self._provisions.values()) if self._phase in {"loading", "active"} else ()

    def missing(self, declared: Iterable[Capability[Any]]) -> tuple[str, ...]:
        """Return what of the capabilities that a plugin declares it does not offer; labels need no object."""
        with self._lock:
            offered: set[str] = {one.key for one in self._provisions.values()}
        missing: tuple[str, ...] = ()
        for one in declared:
            if one not in offered and one.contract is not None:  # else it is a label
                missing += (str(one),)
        return missing

    @property
    def is_replaced(self) -> bool:
        """Tell whether another plugin has taken this one's place."""
        return self._is_replaced

    def give_up(self, hook: str) -> None:
        """Refuse everything from ``close`` on: this hook did not return in time, and may go on for ever."""
        self._hung_hook = hook

    def open_up(self, replacing: Holdings | None = None) -> None:
        """Make everything that was held back visible in one step, in place of what another context offers.

        ``announce`` tells others of it.

        An interrupt may come between any two lines. Called again, this goes through to its end.

        Raises:
            ServiceExistsError: A name is taken; nothing became visible.
        """
        with self._lock:
            leaving = () if replacing is None else replacing._give_up()
            try:
                arriving = tuple(self._provisions.values())
                exchange = self._services.switch(leaving, arriving) if leaving or arriving else None
            except Exception:
                if replacing is not None:
                    replacing._take_back()
                raise
            if exchange is not None:
                self._untold = [Exchange(leaving, arriving) if leaving else exchange]
            self._phase = "active"
            held_back = tuple(self._held_back)
        old = () if replacing is None else replacing._live_subscriptions()
        if old or held_back:
            self._bus.hand_over(old, held_back)
            with self._lock:
                del self._held_back[: len(held_back)]

    def withdraw(self) -> tuple[Provision, ...]:
        """Begin the unload: cancel all subscriptions, take back all provisions; return what was provided.

        ``announce`` tells others of it. Called again, it carries an interrupted call through.
        """
        with self._lock:
            self._phase = "closing"
            provisions = tuple(self._provisions.values())
            self._held_back.clear()
            self._left = (
                (*self._left, *[one for one in provisions if one not in self._left]) if self._left else provisions
            )
        if self._subscriptions is not None:
            self._bus.exchange(self._live_subscriptions(), ())
        while self._watches:
            self._watches[-1]()
            del self._watches[-1]
        if provisions:
            with self._lock:
                if self._withdrawal is None:
                    visible = tuple([one for one in provisions if one in self._services.providers(one.key)])
                    self._withdrawal = Exchange(visible, ())
                    self._untold += (self._withdrawal,)
                self._services.switch(provisions, ())
                self._provisions.clear()
        return provisions

    def announce(self) -> None:
        """Tell others what became visible and what was withdrawn; from now on each change is told at once.

        Called by the kernel when a load, an unload or a swap has come so far, with no lock held.

        Raises:
            BaseException: Somebody who was told was interrupted; all have been told.
        """
        self._is_telling = True
        if self._untold:
            self._tell()

    def close(self) -> Iterator[BaseException]:
        """Run the callbacks, the last one first, and yield what they raise; none keeps the others from running.

        What is offered lazily, or for each scope, is closed among them, in the place where it was offered. Called again
        after an interrupt, it goes on with the callback whose turn it was.
        """
        for one in self._left:
            one.leases.end()
        while True:
            with self._lock:
                if self._callback is None:
                    if not self._callbacks:
                        self._phase = "closed"
                        self._bus.forget_routes()
                        if self._hung_hook:
                            self._bus = self._services = cast("Any", _Refusal(self.plugin_id, self._hung_hook))
                        return
                    self._callback = self._callbacks[-1]
                    del self._callbacks[-1]  # not pop(): between the two lines no interrupt can come
            callback, self._callback = self._callback, None
            try:
                callback()
            except BaseException as error:  # noqa: BLE001 - the caller decides; the remaining callbacks must run
                yield error

    def _offer(self, provision: Provision) -> Callable[[], None]:
        self._services.check(provision)
        with self._lock:
            self._refuse_when_closing("provide for")
            if self._phase == "active":
                self._untold.append(self._services.switch((), (provision,)))
            self._provisions[id(provision)] = provision
            if type(provision) is not Provision:
                self._callbacks.append(provision.end)
        if self._is_telling:
            self._tell()

        def withdraw() -> None:
            with self._lock:
                present = self._provisions.pop(id(provision), None)
                if present is None:
                    return
                if self._phase == "active":
                    self._untold.append(self._services.switch((provision,), ()))
            try:
                self._tell()
            finally:
                self._services.end((provision,))

        return withdraw

    def _tell(self) -> None:
        """Tell others of the changes that are made, in their order; each is told by one thread."""
        errors: list[BaseException] = []
        while self._untold and self._is_telling:
            with self._lock:
                if not self._untold:
                    break
                exchange = self._untold[0]
                del self._untold[0]
            try:
                self._services.tell(exchange)
            except BaseException as error:  # noqa: BLE001 - raised when all is told
                errors.append(error)
        if errors:
            raise errors[0]

    def _own(self, key: str) -> Provision | None:
        """Return what this plugin itself has offered and holds back still."""
        return next(iter(self._own_offers(key)), None)

    def _own_offers(self, key: str) -> tuple[Provision, ...]:
        if self._phase != "loading":
            return ()
        return tuple(one for one in self.provisions if one.key == key)

    def _give_up(self) -> tuple[Provision, ...]:
        with self._lock:
            self._phase = "closing"
            self._is_replaced = True
            return tuple(self._provisions.values())

    def _live_subscriptions(self) -> tuple[Subscription, ...]:
        with self._lock:
            return tuple(self._subscriptions or ())

    def _take_back(self) -> None:
        with self._lock:
            self._phase = "active"
            self._is_replaced = False

    def _refuse_when_closing(self, verb: str) -> None:
        if self._phase in {"closing", "closed"}:
            raise PluginStateError(verb, self.plugin_id, "unloading" if self._phase == "closing" else "unloaded")


class _Refusal:
    """Stand in for the bus and the locator of a plugin whose hook was given up: what it does still is refused."""

    def __init__(self, plugin_id: str, hook: str) -> None:
        self._facts = plugin_id, hook

    def exchange(self, leaving: object, arriving: object) -> None:
        """Take nothing away: it is gone already."""

    def forget_routes(self) -> None:
        """Forget nothing: it is forgotten already."""

    def __getattr__(self, name: str) -> NoReturn:
        plugin_id, hook = self._facts
        raise PluginStateError("act for", plugin_id, "given up", f"its {hook} did not return in time")
