"""Making a report: reading what the parts of a kernel hold."""

from __future__ import annotations

from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING

from .report import KernelReport, PluginReport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .bus import EventBus
    from .hooks import Hooks
    from .lifecycle import LoadedPlugin
    from .load_cause import WallClock
    from .locator import ServiceLocator
    from .registry import PluginRecord, PluginRegistry
    from .transitions import Transitions

HOST = "host"


class Reporter:
    """Read the parts of a kernel. What the registry and the loading say is of one moment; the rest follows at once.

    Args:
        bus: Of the kernel.
        services: Of the kernel.
        registry: Of the kernel.
        transitions: Of the kernel.
        hooks: Of the kernel.
        clock: Tells when a load began.
    """

    def __init__(
        self,
        bus: EventBus,
        services: ServiceLocator,
        registry: PluginRegistry,
        transitions: Transitions,
        hooks: Hooks,
        clock: WallClock,
    ) -> None:
        self._bus = bus
        self._services = services
        self._registry = registry
        self._transitions = transitions
        self._hooks = hooks
        self._clock = clock

    def report(self) -> KernelReport:
        """Return what is there now."""
        with self._transitions.lock:
            records = self._registry.snapshot()
            loaded = dict(self._transitions.loaded)
            uses = {plugin_id: dict(self._transitions.uses.of(plugin_id)) for plugin_id in records}
            is_closed = self._transitions.is_closed
        used_by: dict[str, dict[str, None]] = {}
        for user, met in uses.items():
            for used in met.values():
                used_by.setdefault(used, {})[user] = None
        services: dict[str, list[str]] = {}
        leases: Counter[str] = Counter()
        for key in self._services.keys:
            for one in self._services.providers(key):
                services.setdefault(one.owner, []).append(str(key))
                leases[one.owner] += one.leases.count
        subscriptions: dict[str, Counter[str]] = {}
        for subscription in self._bus.subscriptions:
            subscriptions.setdefault(subscription.owner, Counter())[subscription.selector] += 1
        plugins = tuple(
            self._plugin(
                record,
                loaded.get(plugin_id),
                uses[plugin_id],
                tuple(sorted(used_by.get(plugin_id, ()))),
                tuple(services.get(plugin_id, ())),
                leases[plugin_id],
                subscriptions.get(plugin_id, {}),
            )
            for plugin_id, record in sorted(records.items())
        )
        return KernelReport(
            is_closed=is_closed,
            plugins=plugins,
            hung=self._hooks.hung,
            host_services=tuple(services.get(HOST, ())),
            host_subscriptions=_counted(subscriptions.get("", {})),
        )

    def _plugin(
        self,
        record: PluginRecord,
        loaded: LoadedPlugin | None,
        uses: dict[str, str],
        used_by: tuple[str, ...],
        services: tuple[str, ...],
        leases: int,
        subscriptions: Mapping[str, int],
    ) -> PluginReport:
        return PluginReport(
            id=record.id,
            version=record.metadata.version,
            state=record.state,
            origin=record.origin,
            provides=tuple(str(one) for one in record.metadata.provides),
            failure=record.failure,
            failed_loads=record.failed_loads,
            exclusion=record.exclusion,
            cause=None if loaded is None else loaded.cause,
            loaded_at="" if loaded is None else self._clock.at(loaded.began),
            load_s=0.0 if loaded is None else loaded.load_s,
            uses=MappingProxyType(uses),
            used_by=used_by,
            services=services,
            leases=leases,
            subscriptions=_counted(subscriptions),
        )


def _counted(subscriptions: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType(dict(sorted(subscriptions.items())))
