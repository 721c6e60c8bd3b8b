"""The report: what a kernel holds at one moment, for people and programs to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .values import field, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from .exclusion import Exclusion
    from .hooks import HungHook
    from .load_cause import LoadCause
    from .registry import PluginFailure, PluginState

_COLUMNS = ("id", "version", "state", "why", "took", "uses", "used by", "services", "leases", "subscriptions")


@value(frozen=True, slots=True, kw_only=True)
class PluginReport:
    """What there is to say of one plugin.

    Args:
        id: The plugin's id.
        version: Of what is loaded; else of the newest candidate.
        state: Where it is in its life.
        origin: Where it comes from.
        provides: The capabilities that it declares.
        failure: Why the last load failed.
        failed_loads: How many loads in a row failed in the plugin itself.
        exclusion: Why it is kept out.
        cause: Why it was loaded; None while it is not.
        loaded_at: When its load began, as UTC in ISO 8601; empty while it is not loaded.
        load_s: How many seconds the load took, from ``open`` to the end of ``on_load``; 0.0 while it is not loaded.
        uses: What it requires (a plugin's id, or a capability) to the id of the plugin that meets it.
        used_by: The ids of the loaded plugins that it meets a requirement of.
        services: What it provides now, in the order of names.
        leases: How many leased uses of it are under way.
        subscriptions: What it subscribed to, to how many subscriptions.
    """

    id: str
    version: str
    state: PluginState
    origin: str
    provides: tuple[str, ...] = ()
    failure: PluginFailure | None = None
    failed_loads: int = 0
    exclusion: Exclusion | None = None
    cause: LoadCause | None = None
    loaded_at: str = ""
    load_s: float = 0.0
    uses: Mapping[str, str] = field(default_factory=dict, hash=False)
    used_by: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    leases: int = 0
    subscriptions: Mapping[str, int] = field(default_factory=dict, hash=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain data, fit for JSON."""
        failure, exclusion = self.failure, self.exclusion
        return {
            "id": self.id,
            "version": self.version,
            "state": str(self.state),
            "origin": self.origin,
            "provides": list(self.provides),
            "failure": failure and {"step": failure.step, "type": failure.error_type, "message": failure.message},
            "failed_loads": self.failed_loads,
            "exclusion": exclusion and {"kind": str(exclusion.kind), "reason": exclusion.reason},
            "cause": self.cause and {"kind": str(self.cause.kind), "by": self.cause.by},
            "loaded_at": self.loaded_at or None,
            "load_s": self.load_s if self.cause else None,
            "uses": dict(self.uses),
            "used_by": list(self.used_by),
            "services": list(self.services),
            "leases": self.leases,
            "subscriptions": dict(self.subscriptions),
        }


@value(frozen=True, slots=True, kw_only=True)
class KernelReport:
    """What a kernel holds at one moment. ``str()`` makes a table of it.

    Args:
        is_closed: It was shut down.
        plugins: The registered plugins, in the order of their ids.
        hung: The calls of hooks that were given up and have not ended.
        host_services: What the host provides itself, in the order of names.
        host_subscriptions: What the host subscribed to, to how many subscriptions.
    """

    is_closed: bool
    plugins: tuple[PluginReport, ...]
    hung: tuple[HungHook, ...] = ()
    host_services: tuple[str, ...] = ()
    host_subscriptions: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def states(self) -> dict[str, int]:
        """Return how many plugins are in each state, the excluded ones besides."""
        counts: dict[str, int] = {}
        for one in self.plugins:
            counts[str(one.state)] = counts.get(str(one.state), 0) + 1
        excluded = sum(one.exclusion is not None for one in self.plugins)
        return {**counts, "excluded": excluded} if excluded else counts

    @property
    def failures(self) -> int:
        """Return how many plugins have a failure that was not repaired."""
        return sum(one.failure is not None for one in self.plugins)

    def plugin(self, plugin_id: str) -> PluginReport:
        """Return the part on one plugin.

        Raises:
            KeyError: It is not registered.
        """
        for one in self.plugins:
            if one.id == plugin_id:
                return one
        raise KeyError(plugin_id)

    def as_dict(self) -> dict[str, Any]:
        """Return the same as plain data, fit for JSON."""
        return {
            "is_closed": self.is_closed,
            "states": self.states,
            "failures": self.failures,
            "hung": [
                {"plugin_id": one.plugin_id, "hook": one.hook, "running_s": one.running_s, "doing": one.doing}
                for one in self.hung
            ],
            "plugins": [one.as_dict() for one in self.plugins],
            "host_services": list(self.host_services),
            "host_subscriptions": dict(self.host_subscriptions),
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        states = ", ".join(f"{count} {state}" for state, count in self.states.items())
        yield f"kernel: {'shut down' if self.is_closed else 'open'}; {states or 'no'} plugins"
        if self.plugins:
            yield from _table([_COLUMNS, *(_row(one) for one in self.plugins)])
        for one in self.plugins:
            if one.failure is not None:
                yield f"'{one.id}' failed in {one.failure.step}: {one.failure.message}"
            if one.exclusion is not None:
                yield f"'{one.id}' is {one.exclusion}"
        yield from map(str, self.hung)
        if self.host_services:
            yield f"the host provides {', '.join(self.host_services)}"


def _row(one: PluginReport) -> tuple[str, ...]:
    """Return the cells of one plugin's line."""
    return (
        one.id,
        one.version,
        str(one.state),
        str(one.cause or "-"),
        f"{one.load_s * 1000:.1f} ms" if one.cause else "-",
        ", ".join(f"{target} by {met}" if target != met else met for target, met in one.uses.items()) or "-",
        ", ".join(one.used_by) or "-",
        ", ".join(one.services) or "-",
        str(one.leases),
        str(sum(one.subscriptions.values())),
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield lines with the cells of each column below one another."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
