"""The kernel: the one class that combines bus, locator, registry and resolver."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from .activation import Activation
from .bus import EventBus
from .claims import Claims
from .disabling import Disabling
from .errors import PluginExcludedError, PluginUnloadError
from .events import PluginRegistered, PluginUnregistered, SystemInit, SystemShutdown
from .exclusion import Quarantine
from .hooks import Hooks
from .keeping import StateKeeper
from .leaving import claim_leaving
from .load_cause import WallClock
from .loading import Loading
from .locator import ServiceLocator
from .planning import Planner
from .plugin import InstanceSource, Plugin, PluginSource
from .registry import PluginRecord, PluginRegistry, PluginState
from .transitions import Transitions
from .unloading import Unloading

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from .hooks import HookRunner
    from .keeping import StateStore
    from .metadata import PluginMetadata
    from .outcomes import LoadReport, ReloadReport, SwapReport
    from .proof import UnloadProof
    from .proof.proving import Proving
    from .report import KernelReport
    from .resolver import Plan

T = TypeVar("T")


class Kernel:
    """Register plugins, load and unload them, and let them find and hear each other.

    Lifecycle:

    1. ``register`` plugins: their metadata is kept, none of their code runs.
    2. ``load`` some, or ``load_all``: needs are resolved first, then each is loaded after those that it needs.
    3. Use ``services`` and ``bus``; ``unload``, ``load`` and ``swap`` while the host runs.
    4. ``shutdown``, or leave the ``with`` block: everything is unloaded in reverse order.

    Kernels share nothing: several live side by side in one process.
    All calls are safe from several threads, and from inside hooks and subscribers; no lock is held while those run.
    A call that needs a plugin that another thread is loading or unloading waits for it; from inside a hook it is
    refused instead, as waiting there could wait for itself.

    Args:
        preferences: Capability, or service name, to the id of the plugin that is to provide it among several; plugin
            id to the version range that is to be used of it.
        config: Plugin id to its configuration.
        configure: Makes a plugin's configuration from its metadata and itself, in place of ``config``; what it raises
            is a failure to load.
        depth_limit: How many events may be delivered inside one another in one thread.
        activate_on_demand: Load a registered plugin, with what it needs, when a capability that it declares is first
            asked for and nothing provides it.
        quarantine_after: After so many failed loads in a row a plugin is kept out until ``enable``; at least 1, None
            for never.
        run_hook: Calls the hooks of plugins and their sources, such as with a deadline; None for a plain call.
        state_store: Where the states of plugins are kept from one load to the next; None for nowhere.
    """

    def __init__(
        self,
        *,
        preferences: Mapping[str, str] | None = None,
        config: Mapping[str, object] | None = None,
        configure: Callable[[PluginMetadata, Plugin], object] | None = None,
        depth_limit: int = 64,
        activate_on_demand: bool = False,
        quarantine_after: int | None = None,
        run_hook: HookRunner | None = None,
        state_store: StateStore | None = None,
    ) -> None:
        self._bus = EventBus(depth_limit=depth_limit)
        self._services = ServiceLocator(
            preferences,
            on_missing=self._activate if activate_on_demand else None,
            announce=self._bus.publish_kernel_event,
            is_heard=self._bus.hears,
        )
        self._registry = PluginRegistry()
        self._transitions = Transitions(self._registry)
        self._config = dict(config or {})
        self._planner = Planner(self._registry, self._transitions, preferences or {})
        hooks, keeper = Hooks(self._transitions, run_hook), StateKeeper(state_store)
        self._claims = Claims(self._registry, self._transitions)
        self._unloading = Unloading(self._bus, self._registry, self._transitions, self._claims)
        self._loading = Loading(
            self._bus,
            self._services,
            self._registry,
            self._transitions,
            configure or self._configured,
            self._planner,
            Quarantine(quarantine_after),
            hooks,
            keeper,
            self._claims,
            self._unloading,
        )
        self._disabling = Disabling(self._bus, self._registry, self._transitions, self._unloading)
        self._hooks = hooks
        self._keeper = keeper
        self._clock = WallClock()
        self._activation = Activation(self._registry, self._planner, self._loading)
        self._is_initialized = False

    @property
    def bus(self) -> EventBus:
        """Return the event bus."""
        return self._bus

    @property
    def services(self) -> ServiceLocator:
        """Return the service locator."""
        return self._services

    @property
    def registry(self) -> PluginRegistry:
        """Return the plugin registry."""
        return self._registry

    @property
    def is_closed(self) -> bool:
        """Tell whether the kernel was shut down."""
        return self._transitions.is_closed

    def register(self, plugin: Plugin | PluginSource) -> str:
        """Make a plugin known, without running it; return its id.

        Raises:
            PluginExistsError: This version is registered already.
            TypeError: It has no metadata.
        """
        self._transitions.refuse_when_closed("register a plugin")
        source = _source_of(plugin)
        self._registry.register(source)
        self._bus.publish_kernel_event(PluginRegistered(source.metadata.id, source.metadata.version))
        return source.metadata.id

    def unregister(self, plugin_id: str, version: str | None = None) -> None:
        """Forget a plugin, or one version of it.

        Raises:
            PluginNotFoundError: It is not known.
            PluginStateError: It is loaded, or on its way.
        """
        with self._transitions.lock:
            self._registry.unregister(plugin_id, version)
        self._bus.publish_kernel_event(PluginUnregistered(plugin_id, version or ""))

    @overload
    def get(self, plugin_id: str) -> Plugin: ...
    @overload
    def get(self, plugin_id: str, expected: type[T]) -> T: ...
    def get(self, plugin_id: str, expected: type[Any] | None = None) -> Any:
        """Return an active plugin; raises as ``PluginRegistry.get`` does."""
        return self._registry.get(plugin_id) if expected is None else self._registry.get(plugin_id, expected)

    def list(self, state: PluginState | None = None) -> tuple[str, ...]:
        """Return the ids of the registered plugins, sorted; of one state alone if given."""
        return self._registry.list(state)

    def find_by_capability(self, capability: str) -> tuple[PluginRecord, ...]:
        """Return the plugins that offer a capability, loaded or not, in order of registration."""
        return self._registry.find_by_capability(capability)

    def report(self) -> KernelReport:
        """Return what there is to say of the kernel and each of its plugins now; ``str()`` makes a table of it."""
        from .reporting import Reporter  # not imported for hosts that never ask

        return Reporter(self._bus, self._services, self._registry, self._transitions, self._hooks, self._clock).report()

    def resolve(self, *plugin_ids: str) -> Plan:
        """Return what ``load`` would do, without doing it.

        Raises:
            PluginNotFoundError: One is not registered.
            ResolutionError: The needs can't be met; names every cause.
            FailedDependencyError: Only a plugin that failed before, and is not asked for itself, could meet them.
            PluginExcludedError: One is disabled or quarantined.
        """
        return self._planner.resolve(plugin_ids)

    def load(self, *plugin_ids: str) -> tuple[str, ...]:
        """Load plugins and everything that they need; return the ids that were loaded, in order.

        All or nothing: if one fails, those that this call had loaded are unloaded again.

        Raises:
            PluginNotFoundError: One is not registered.
            ResolutionError: The needs can't be met; nothing was run.
            FailedDependencyError: Only a plugin that failed before, and is not asked for itself, could meet them.
            PluginExcludedError: One is disabled or quarantined.
            PluginLoadError: One failed; nothing of this call is left.
            PluginStateError: This is a hook, and it needs a plugin that is being loaded or unloaded.
            KernelClosedError: The kernel was shut down.
        """
        return self._loading.load(plugin_ids)

    def load_all(self) -> LoadReport:
        """Load every registered plugin that can be loaded; one that fails does not keep the others from working.

        When all were tried for the first time, ``SystemInit`` is published.
        """
        report = self._loading.load_all()
        with self._transitions.lock:
            is_first, self._is_initialized = not self._is_initialized, True
        if is_first:
            self._bus.publish_kernel_event(SystemInit())
        return report

    def initialize_all(self) -> LoadReport:
        """Load every registered plugin that can be loaded: another name of ``load_all``."""
        return self.load_all()

    @overload
    def unload(self, plugin_id: str, *, cascade: bool = False, prove: Literal[False] = False) -> tuple[str, ...]: ...
    @overload
    def unload(self, plugin_id: str, *, cascade: bool = False, prove: Literal[True]) -> UnloadProof: ...
    def unload(self, plugin_id: str, *, cascade: bool = False, prove: bool = False) -> tuple[str, ...] | UnloadProof:
        """Unload a plugin; return the ids that were unloaded, in order, or what is left of them.

        Args:
            plugin_id: The plugin.
            cascade: Unload those that need it too, before it.
            prove: Look for everything that is left of the plugins, and who holds it. This goes through all objects of
                the process, collects garbage, and waits half a second at most for threads that stop; don't load the
                plugin again meanwhile.

        Raises:
            PluginNotFoundError: It is not registered.
            PluginStateError: It is not active; or this is a hook, and something would have to be waited for.
            DependentsError: Others need it, and ``cascade`` was not given.
            PluginUnloadError: Something failed on the way; the plugins are unloaded all the same.
        """

        def leaving() -> tuple[str, ...]:
            while True:
                self._transitions.wait_for((plugin_id,), "unload")
                found = claim_leaving(self._registry, self._transitions, plugin_id, "unload", cascade=cascade)
                if found is not None:
                    return found

        return self._unload_with_proof(leaving) if prove else self._unloading.unload(leaving)

    def disable(self, plugin_id: str, *, reason: str = "", cascade: bool = False) -> tuple[str, ...]:
        """Keep a plugin out: unload it where it is active, and make it part of no plan until it is enabled.

        Args:
            plugin_id: The plugin.
            reason: Why, for people; it is told where the plugin would be needed.
            cascade: Unload those that need it too, before it.

        Returns:
            The ids that were unloaded, in order.

        Raises:
            PluginNotFoundError: It is not registered.
            PluginStateError: This is a hook, and something would have to be waited for.
            DependentsError: It is active, others need it, and ``cascade`` was not given; it is not disabled.
            PluginUnloadError: Something failed on the way; it is unloaded and disabled all the same.
        """
        return self._disabling.disable(plugin_id, reason, cascade=cascade)

    def enable(self, plugin_id: str) -> bool:
        """Let a plugin that was disabled or quarantined be loaded again; its failures are forgotten.

        Returns:
            Whether it was kept out.

        Raises:
            PluginNotFoundError: It is not registered.
        """
        return self._disabling.enable(plugin_id)

    def reload(self, plugin_id: str, *, cascade: bool = False) -> ReloadReport:
        """Take a plugin down and bring it up again from its source, which is read anew where it can be.

        What it saves (``save_state``) is restored, where the major versions of its form agree. If the load fails, the
        plugins stay unloaded; the error has a note that names them, and what they saved waits for their next load.

        Args:
            plugin_id: The plugin.
            cascade: Reload those that need it too.

        Raises:
            PluginNotFoundError: It is not registered.
            PluginStateError: It is not active; or this is a hook, and something would have to be waited for.
            DependentsError: Others need it, and ``cascade`` was not given.
            ReloadError: Its source is now that of another plugin; nothing was touched.
            PluginExistsError: Its source now has a version that is registered already; nothing was touched.
            ResolutionError: The needs can't be met any more; nothing was touched.
            PluginLoadError: One could not be loaded again.
            KernelClosedError: The kernel was shut down.
        """
        from .reloading import Reload  # not imported for hosts that never reload

        steps = self._planner, self._loading, self._unloading, self._keeper
        return Reload(self._registry, self._transitions, *steps, plugin_id).run(cascade=cascade)

    def swap(self, old_id: str, plugin: Plugin | PluginSource | str, *, drain_s: float = 30.0) -> SwapReport:
        """Put a plugin in the place of an active one, without a gap in what they provide.

        The new one is loaded wholly while the old one serves, takes over the state that the old one saves, and then
        its place in one step. Uses that were leased (``services.lease``) come to their end before the old one is
        unloaded. A failure before the switch leaves the old one serving.

        Args:
            old_id: The plugin that is to go.
            plugin: The new one: of the same id in another version, or of another id; or the id of one that is
                registered, of which the newest version is taken.
            drain_s: How many seconds to wait for uses of the old one that were leased, 0 or more; ``math.inf`` waits
                without end. After that the old one is unloaded by the thread that ends the last use, or by
                ``shutdown``; until then calls that need an old one of another id are refused. A thread that swaps
                inside its own lease waits for itself, so long.

        Raises:
            PluginExcludedError: The new one is disabled or quarantined.
            ValueError: ``drain_s`` is negative or no number.
            SwapError: A step failed, or others require of the old one what the new one does not offer.
            PluginNotFoundError: The old one is not registered.
            PluginStateError: The old one is not active; or this is a hook, and something would have to be waited for.
            ResolutionError: The needs of the new one can't be met.
            KernelClosedError: The kernel was shut down.
        """
        from .swapping import Swap  # not imported for hosts that never swap

        source = self._registry.record(plugin).candidates[0] if isinstance(plugin, str) else _source_of(plugin)
        new_id = source.metadata.id
        exclusion = self._registry.record(new_id).exclusion if new_id in self._registry else None
        if exclusion is not None:
            raise PluginExcludedError("swap in", new_id, str(exclusion.kind), exclusion.reason)
        steps = self._claims, self._loading, self._unloading
        return Swap(self._bus, *steps, self._planner, self._registry, self._transitions, old_id, source).run(drain_s)

    def shutdown(self) -> None:
        """Unload everything in reverse order, also if some fail; the second call does nothing.

        Uses that are leased are not waited for, also not those of a plugin that was swapped: it is unloaded first.
        A swap that waits for them returns.

        Raises:
            PluginStateError: This is a hook: a plugin is being loaded or unloaded by the very caller.
            PluginUnloadError: Holds everything that failed.
        """
        with self._transitions.lock:
            if self.is_closed and self._transitions.is_inside:
                return
            while self._transitions.wait_for(self._registry.list(), "shut down with", with_uses=False):
                pass  # what was loaded while this waited is waited for, too
            if self.is_closed:
                return
            self._transitions.is_closed = True
        try:
            self._bus.publish_kernel_event(SystemShutdown())
        except BaseException:
            # An interrupted subscriber: everything is unloaded all the same, and what fails is reported as events.
            with suppress(PluginUnloadError):
                self._unload_all()
            raise
        self._unload_all()

    def _unload_with_proof(self, select: Callable[[], tuple[str, ...]]) -> UnloadProof:
        """Unload what ``select`` names, also where nothing can be proved."""
        proofs: list[Proving] = []

        def begin(leaving: tuple[str, ...]) -> None:
            from .proof.proving import Proving

            with self._transitions.lock:
                loaded = dict(self._transitions.loaded)
            gone = [loaded.pop(one) for one in leaving]
            proofs.append(Proving(gone, tuple(loaded.values()), self._services, (self, *vars(self).values())))

        self._unloading.unload(select, on_claimed=begin)
        return proofs[0].conclude()

    def _unload_all(self) -> None:
        replaced = self._transitions.draining
        for one in replaced:
            one.finish()  # a shutdown waits for no uses: neither of these, nor of what is loaded

        def leaving() -> tuple[str, ...]:
            while not self._transitions.is_inside and self._transitions.wait_for(self._registry.list(), "unload"):
                pass  # what other threads are unloading
            return tuple(one for one in reversed(self._transitions.loaded) if self._is_active(one))

        self._unloading.unload(leaving, lambda: [failure for one in replaced for failure in one.failures])

    def __enter__(self) -> Kernel:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()

    def _activate(self, key: str) -> bool:
        return self._activation(key)

    def _configured(self, metadata: PluginMetadata, plugin: Plugin) -> object:
        return self._config.get(metadata.id, {})

    def _is_active(self, plugin_id: str) -> bool:
        return self._registry.record(plugin_id).state is PluginState.ACTIVE


def _source_of(plugin: Plugin | PluginSource) -> PluginSource:
    """Wrap a plugin; a source is told by its ``open``."""
    if isinstance(plugin, Plugin) or not callable(getattr(plugin, "open", None)):
        return InstanceSource(plugin)  # type: ignore[arg-type] # whatever it is: the source refuses what has no metadata
    return plugin
