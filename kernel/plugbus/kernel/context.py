"""What a plugin may do: the context owns everything that is done through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload
from weakref import WeakSet

from .errors import ServiceTypeError
from .handles import Ref
from .holdings import Holdings
from .providers import Provision

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from .bus import EventHandler, PluginIds, TopicHandler
    from .capabilities import Capability
    from .causality import Cause
    from .event_port import EventPort
    from .events import Event
    from .scopes import Scope
    from .subscriptions import Subscription
    from .watching import ChangeHandler, ServiceChange

T = TypeVar("T")
E = TypeVar("E", bound="Event")


class PluginContext(Holdings):
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
        return self._offer(Provision(capability, provided, self._metadata.id, None, health))

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
        return self._offer(Provision(name, service, self._metadata.id, None, health))

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
