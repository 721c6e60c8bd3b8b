"""What a plugin may do: the context owns everything that is done through it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar, cast, overload
from weakref import WeakSet

from .errors import PluginStateError, ServiceTypeError
from .handles import Ref
from .leases import LeaseCount
from .providers import Provision
from .watching import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from .bus import EventBus, EventHandler, PluginIds, TopicHandler
    from .capabilities import Capability
    from .causality import Cause
    from .events import Event
    from .locator import ServiceLocator
    from .metadata import PluginMetadata
    from .scopes import Scope
    from .subscriptions import Subscription
    from .watching import ChangeHandler, ServiceChange

T = TypeVar("T")
E = TypeVar("E", bound="Event")


class EventPort(Protocol):
    """What a plugin sees of the bus."""

    def publish(self, event: Event) -> None:
        """Deliver an event to its subscribers."""
        ...

    @overload
    def subscribe(
        self, selector: type[E], handler: EventHandler[E], *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription: ...
    @overload
    def subscribe(
        self, selector: str, handler: TopicHandler, *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription: ...
    def subscribe(
        self, selector: type[Event] | str, handler: TopicHandler, *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription:
        """Hear events until unload."""
        ...

    @property
    def cause(self) -> Cause | None:
        """The event that is being delivered in this context, None where there is none or nothing is traced."""
        ...

    def correlate(self, correlation_id: str) -> AbstractContextManager[None]:
        """Give what is published within a ``with`` block a correlation id."""
        ...


class PluginContext:
    """The hands of one plugin. What is done through it is undone at unload, or when the load fails.

    Lifecycle:

    1. While ``on_load`` runs, what is provided and subscribed is held back.
    2. ``open_up``: all of it becomes visible in one step; from then on each call takes effect at once.
    3. ``withdraw``: the unload begins; nothing more is heard, and nothing more is found.
    4. ``close``: callbacks run in reverse order, and the context refuses every further change.

    Args:
        metadata: Of the plugin that owns the context.
        bus: The kernel's bus.
        services: The kernel's locator.
        config: The plugin's configuration: a mapping, or an object of the plugin's own model.
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
    def config(self) -> Any:
        """Return the configuration as the host gave it: a mapping, or an object of the plugin's own model."""
        return self._config

    def config_as(self, expected: type[T]) -> T:
        """Return the configuration as an object of the plugin's own model.

        Raises:
            ServiceTypeError: The host did not validate it with this model; names both types.
        """
        if not isinstance(self._config, expected):
            raise ServiceTypeError(
                f"configuration of {self.plugin_id}", expected.__qualname__, type(self._config).__qualname__
            )
        return self._config

    @property
    def event_bus(self) -> EventPort:
        """Return what this plugin sees of the bus: ``publish`` and ``subscribe``, owned like all the rest."""
        return self

    @overload
    def provide(
        self, capability: Capability[type[T]], provided: type[T], *, health: Callable[[], object] | None = None
    ) -> Callable[[], None]: ...
    @overload
    def provide(
        self, capability: Capability[T], provided: T, *, health: Callable[[], object] | None = None
    ) -> Callable[[], None]: ...
    def provide(
        self, capability: Capability[Any], provided: object, *, health: Callable[[], object] | None = None
    ) -> Callable[[], None]:
        """Offer an object under a capability; return a function that withdraws it earlier than at unload.

        Args:
            capability: What it is offered under.
            provided: The object.
            health: Tells how the object is; see ``ServiceLocator.check_health``.

        Raises:
            ContractError: The object does not satisfy the contract.
        """
        return self._offer(Provision(capability, provided, self.plugin_id, LeaseCount(), health))

    def provide_lazy(
        self,
        capability: Capability[T],
        factory: Callable[[], T],
        *,
        close: Callable[[T], object] | None = None,
        health: Callable[[T], object] | None = None,
    ) -> Callable[[], None]:
        """Offer what ``factory()`` makes when it is first wanted; return a function that withdraws it.

        Args:
            capability: What it is offered under.
            factory: Called once, in the thread that wants the object first; others wait meanwhile. If it raises, the
                next who wants the object tries again.
            close: Called with the object at unload, among the callbacks of ``on_unload``, if it was built.
            health: Called with the object to tell how it is, if it was built; see ``ServiceLocator.check_health``.

        Raises:
            TypeError: A callable is ``async def``, which nothing awaits.
        """
        return self._offer(self._services.lazy(capability, factory, self.plugin_id, close=close, health=health))

    def provide_scoped(
        self, capability: Capability[T], factory: Callable[[], T], close: Callable[[T], object] | None = None
    ) -> Callable[[], None]:
        """Offer what ``factory()`` makes anew in each scope where it is wanted; return a function that withdraws it.

        Args:
            capability: What it is offered under.
            factory: Called once in each scope that wants the object, in the thread that wants it there first.
            close: Called with the object at the end of its scope, or at unload, if that is earlier.

        Raises:
            TypeError: A callable is ``async def``, which nothing awaits.
        """
        return self._offer(self._services.scoped(capability, factory, self.plugin_id, close=close))

    def scope(self) -> Scope:
        """Return a new scope, to be used in a ``with`` block; what is held back still is not in it."""
        return self._services.scope()

    def register_service(
        self, name: str, service: object, *, health: Callable[[], object] | None = None
    ) -> Callable[[], None]:
        """Offer an object under a name of its own; return a function that withdraws it earlier than at unload.

        Raises:
            ServiceExistsError: The name is taken; while ``on_load`` runs, raised when it returned.
        """
        return self._offer(Provision(name, service, self.plugin_id, LeaseCount(), health))

    @overload
    def get_service(self, key: Capability[T]) -> T | None: ...
    @overload
    def get_service(self, key: str, expected: type[T]) -> T | None: ...
    @overload
    def get_service(self, key: str) -> object | None: ...
    def get_service(self, key: Capability[Any] | str, expected: type[Any] | None = None) -> Any:
        """Return what is provided under a capability or name, or None where nothing is.

        Raises:
            ServiceTypeError: It is not an ``expected``; names both types.
            AmbiguousServiceError: Several provide it, and the host named no preference.
        """
        own = self._own(key)
        if own is None:
            return self._services.find(key) if expected is None else self._services.find(key, expected)
        if expected is not None and not isinstance(own.provided, expected):
            raise ServiceTypeError(str(key), expected.__qualname__, type(own.provided).__qualname__)
        return own.provided

    def get(self, capability: Capability[T]) -> T:
        """Return what is provided under a capability.

        Raises:
            ServiceNotFoundError: Nothing is; names what is there and what is near.
            AmbiguousServiceError: Several are, and the host named no preference.
        """
        own = self._own(capability)
        found: T = self._services.get(capability) if own is None else own.provided
        return found

    def all(self, capability: Capability[T]) -> tuple[T, ...]:
        """Return everything that is provided under a capability; while ``on_load`` runs, what it offers itself too."""
        others = self._services.all(capability)
        own = self._own_offers(capability)
        return (*others, *(one.provided for one in own)) if own else others

    def ref(self, capability: Capability[T]) -> Ref[T]:
        """Return a handle on a capability that follows whoever provides it; what it watches is owned by the plugin."""
        return Ref(self._services, capability, self)

    def watch(self, key: Capability[Any] | str, on_change: ChangeHandler) -> Callable[[], None]:
        """Call ``on_change(change)`` when a provider of ``key`` comes, goes or is replaced; return the undo.

        Nothing is told before ``on_load`` has returned, and once the unload has begun. It is called in the thread that
        made the change, when the change is done; what it raises is logged and published as ``SubscriberFailed``.
        """

        def tell(change: ServiceChange) -> None:
            if self._phase == "active":
                on_change(change)

        tell.__qualname__ = getattr(on_change, "__qualname__", type(on_change).__qualname__)
        with self._lock:
            self._refuse_when_closing("watch for")
            undo = self._services.watch(key, tell, owner=self.plugin_id)
            self._watches.append(undo)

        def stop() -> None:
            with self._lock:
                if undo in self._watches:
                    self._watches.remove(undo)
            undo()

        return stop

    @overload
    def subscribe(
        self, selector: type[E], handler: EventHandler[E], *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription: ...
    @overload
    def subscribe(
        self, selector: str, handler: TopicHandler, *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription: ...
    def subscribe(
        self, selector: type[Event] | str, handler: TopicHandler, *, before: PluginIds = (), after: PluginIds = ()
    ) -> Subscription:
        """Hear an event class, a topic, or ``"*"`` until unload; while ``on_load`` runs, from when it returned.

        Args:
            selector: An event class, a topic, or ``"*"``.
            handler: Any callable that takes the event.
            before: The id of a plugin, or several, whose subscriptions are to hear an event later.
            after: The id of a plugin, or several, whose subscriptions are to hear an event earlier.

        Raises:
            SubscriptionError: The selector selects nothing, or the handler can't be called synchronously.
            SubscriptionOrderError: Each of some subscriptions would have to come before another.
        """
        subscription = self._bus.prepare(selector, handler, owner=self.plugin_id, before=before, after=after)
        with self._lock:
            self._refuse_when_closing("subscribe for")
            if self._subscriptions is None:
                self._subscriptions = WeakSet()
            self._subscriptions.add(subscription)
            if self._phase == "loading":
                self._held_back.append(subscription)
                return subscription
        subscription.activate()
        return subscription

    def publish(self, event: Event) -> None:
        """Deliver an event to everyone who subscribed to it.

        Raises:
            ForgedEventError: It is one of the kernel's own.
        """
        self._bus.publish(event)

    @property
    def cause(self) -> Cause | None:
        """Return the event that is being delivered in this context, None where there is none or nothing is traced."""
        return self._bus.cause

    def correlate(self, correlation_id: str) -> AbstractContextManager[None]:
        """Return a ``with`` block: events that are published within it, and what they cause, get a correlation id."""
        return self._bus.correlate(correlation_id)

    def on_unload(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` when the plugin is unloaded, or when its load fails; the last one first."""
        with self._lock:
            if self._phase == "closed":
                self._refuse_when_closing("register a callback for")
            self._callbacks.append(callback)

    # What follows is for the kernel.

    @property
    def provisions(self) -> tuple[Provision, ...]:
        """Return what the plugin provides, or will once ``open_up`` was called."""
        with self._lock:
            return tuple(self._provisions.values()) if self._phase in {"loading", "active"} else ()

    @property
    def is_replaced(self) -> bool:
        """Tell whether another plugin has taken this one's place."""
        return self._is_replaced

    def give_up(self, hook: str) -> None:
        """Refuse everything from ``close`` on: this hook did not return in time, and may go on for ever."""
        self._hung_hook = hook

    def open_up(self, replacing: PluginContext | None = None) -> None:
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
                self._services.switch(leaving, arriving)
            except Exception:
                if replacing is not None:
                    replacing._take_back()
                raise
            self._untold = [Exchange(leaving, arriving)]
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
            self._left += tuple(one for one in provisions if one not in self._left)
        if self._subscriptions is not None:
            self._bus.exchange(self._live_subscriptions(), ())
        while self._watches:
            self._watches[-1]()
            del self._watches[-1]
        with self._lock:
            if self._withdrawal is None:
                visible = tuple(one for one in provisions if one in self._services.providers(one.key))
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
