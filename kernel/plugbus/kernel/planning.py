"""Planning: which registered plugins a resolution is about, and what to say of those that failed."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from .errors import ActivationError, FailedDependencyError, PluginExcludedError, ResolutionError
from .registry import PluginState
from .transitions import MOVING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from .metadata import PluginMetadata
    from .registry import PluginFailure, PluginRecord, PluginRegistry
    from .resolver import Plan
    from .transitions import Transitions


class Planner:
    """Make plans from what is registered and loaded now. Every call needs the transitions' lock to stay true.

    Args:
        registry: What is registered.
        transitions: Whose lock is taken where a caller may come without it.
        preferences: The host's, as the resolver takes them.
    """

    def __init__(self, registry: PluginRegistry, transitions: Transitions, preferences: Mapping[str, str]) -> None:
        self._registry = registry
        self._transitions = transitions
        self._preferences = preferences

    def resolve(self, plugin_ids: Iterable[str]) -> Plan:
        """Return what ``load`` would do.

        Raises:
            ResolutionError: The needs can't be met; names every cause.
            FailedDependencyError: Only a plugin that failed, and is not asked for itself, could meet them.
            PluginExcludedError: One is disabled or quarantined.
        """
        wanted = tuple(dict.fromkeys(plugin_ids))
        with self._transitions.lock:
            record = self._registry.record
            for plugin_id in wanted:
                exclusion = record(plugin_id).exclusion
                if exclusion is not None:
                    raise PluginExcludedError("load", plugin_id, str(exclusion.kind), exclusion.reason)
            try:
                plan = self.plan(wanted, retrying=False)
            except ResolutionError:
                # What failed may be all that is missing: then it is named, with its failure.
                plan = self.plan(wanted, retrying=True)
            self._refuse_failed(plan)
            return plan

    def plan_for_demand(self, capability: str) -> Plan:
        """Return what has to be loaded so that a capability is provided; with the lock held.

        The plugin that the host prefers comes first, then the newest (by the capability's version, then its own); one
        that failed, or whose needs can't be met, is passed over. Where every one is loaded, the plan is empty.

        Raises:
            ActivationError: None can be loaded; says why not for each.
        """
        idle = [one for one in self._registry.find_by_capability(capability) if one.state is not PluginState.ACTIVE]
        from .candidates import rank_provider  # see plan()

        idle.sort(key=lambda one: rank_provider(one.metadata, capability), reverse=True)
        idle.sort(key=lambda one: one.id != self._preferences.get(capability))
        reasons: list[str] = []
        for record in idle:
            reason = self._reason_against(record)
            if not reason:
                try:
                    plan = self.plan((record.id,), retrying=False, settled_only=self._transitions.is_inside)
                    self._refuse_failed(plan)
                except (ResolutionError, FailedDependencyError) as error:
                    reason = f"'{record.id}' declares it, but {error}"
                else:
                    return plan
            reasons.append(reason)
        if reasons:
            raise ActivationError(str(capability), tuple(reasons))
        return self.plan((), retrying=False)

    def _reason_against(self, record: PluginRecord) -> str:
        """Say why a lookup does not load a plugin, whatever it needs; empty where it does."""
        if record.exclusion is not None:
            return f"'{record.id}' declares it, but is {record.exclusion}"
        if record.state is PluginState.FAILED:
            assert record.failure is not None, "what failed says why"  # noqa: S101 - for the type checker
            return f"'{record.id}' declares it, but failed: {record.failure.message}"
        return ""

    def _refuse_failed(self, plan: Plan) -> None:
        """Raise where a plan rests on a plugin that failed before and is not asked for itself."""
        meeting = {used for row in plan.providers.values() for used in row.values()}.difference(plan.wanted)
        failures = {used: failure for used in meeting if (failure := self._failure_of(used)) is not None}
        for metadata in plan.order if failures else ():
            for used in plan.providers[metadata.id].values():
                if used in failures:
                    raise FailedDependencyError(metadata.id, used, failures[used].message)

    def plan_for_swap(self, old_id: str, new: PluginMetadata) -> Plan:
        """Return what has to be loaded for a plugin that takes another one's place; with the lock held.

        Raises:
            ResolutionError: Its needs can't be met without the plugin that goes.
        """
        return self.plan((), retrying=False, arriving=new, leaving=old_id)

    def plan_for_reload(self, wanted: Sequence[str], again: Mapping[str, PluginMetadata]) -> Plan:
        """Return what has to be loaded for plugins that are to be brought up again; with the lock held.

        Args:
            wanted: Their ids.
            again: Those of them that are taken for not loaded, to what they are to be then.

        Raises:
            ResolutionError: The needs can't be met.
            FailedDependencyError: Only a plugin that failed before could meet them.
        """
        plan = self.plan(wanted, retrying=False, again=again)
        self._refuse_failed(plan)
        return plan

    def plan(
        self,
        wanted: Sequence[str],
        *,
        retrying: bool,
        arriving: PluginMetadata | None = None,
        leaving: str | None = None,
        settled_only: bool = False,
        again: Mapping[str, PluginMetadata] = MappingProxyType({}),
    ) -> Plan:
        """Plan for the candidates that these plugins can reach, and no others: the cost follows what is asked for.

        A plugin that failed is left out where another one may meet the need, unless ``retrying``.
        ``arriving`` is wanted too, though it is not registered; what is ``leaving`` meets nothing. What is disabled or
        quarantined meets nothing either, nor with ``settled_only`` what is on its way up or down. What is loaded
        ``again`` is taken for not loaded, and for what it is to be then.
        """
        candidates: list[PluginMetadata] = []
        excluded: dict[str, str] = {}
        active: list[PluginMetadata] = []
        seen: set[str] = set()
        pending = [*reversed(wanted)]
        if arriving is not None:
            wanted = (*wanted, arriving.id)
            seen.update((arriving.id, leaving or arriving.id))
            candidates.append(arriving)
            pending.extend((*arriving.dependencies, *self._reach(arriving, retrying=retrying)))
        find = self._registry.find
        while pending:
            plugin_id = pending.pop()
            if plugin_id in seen:
                continue
            record = find(plugin_id)
            if record is None:
                continue
            seen.add(plugin_id)
            if plugin_id in again and record.exclusion is None:
                candidates.append(again[plugin_id])
                pending.extend((*again[plugin_id].dependencies, *self._reach(again[plugin_id], retrying=retrying)))
                continue
            if record.source is not None and record.state is PluginState.ACTIVE:
                active.append(record.metadata)
                continue
            if record.exclusion is not None or (settled_only and record.state in MOVING):
                moving = f"{record.state}, and a hook or a subscriber may not wait for that"
                excluded[plugin_id] = moving if record.exclusion is None else str(record.exclusion)
                candidates.extend(source.metadata for source in record.candidates)
                continue
            for source in record.candidates:
                metadata = source.metadata
                candidates.append(metadata)
                pending.extend(metadata.dependencies)
                if metadata.requires:
                    pending.extend(self._reach(metadata, retrying=retrying))
        from .resolver import resolve  # a tenth of the import of this package: imported for the first plan

        return resolve(candidates, wanted, self._preferences, active=active, excluded=excluded)

    def _reach(self, metadata: PluginMetadata, *, retrying: bool) -> Iterator[str]:
        """Yield the ids that could meet what a plugin requires, besides its dependencies."""
        for need in metadata.requires:
            if not need.is_capability:
                yield str(need.target)
                continue
            for one in self._registry.find_by_capability(str(need.target)):
                if retrying or one.state is not PluginState.FAILED:
                    yield one.id

    def sift(self, wanted: list[str]) -> tuple[list[str], dict[str, ResolutionError]]:
        """Return the largest prefix-greedy part of ``wanted`` that can be resolved; halving finds the others fast."""
        possible: list[str] = []
        unmet: dict[str, ResolutionError] = {}
        pending = [wanted]
        while pending:
            part = pending.pop()
            try:
                self.plan((*possible, *part), retrying=True)
            except ResolutionError as error:
                if len(part) == 1:
                    unmet[part[0]] = error
                else:
                    pending += [part[len(part) // 2 :], part[: len(part) // 2]]
            else:
                possible += part
        return possible, unmet

    def _failure_of(self, plugin_id: str) -> PluginFailure | None:
        record = self._registry.record(plugin_id)
        return record.failure if record.state is PluginState.FAILED else None
