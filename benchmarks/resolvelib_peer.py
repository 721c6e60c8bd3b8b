"""resolvelib with the plainest provider: plugbus's own metadata and ranges, every answer about a range kept."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from plugbus.kernel import parse_range, parse_version

from .timing import Statement

if TYPE_CHECKING:
    from plugbus.kernel import PluginMetadata

    from .problems import Problem
    from .timing import Subject

ROUNDS = 1_000_000  # resolvelib gives up after so many; none of the problems that it is given needs as many


class Wanted(NamedTuple):
    """A plugin in a range."""

    id: str
    range: str


def resolvelib_subject(work: Problem) -> Subject:
    """Resolve with resolvelib; the provider is made anew for each resolution, as candidates are for ``resolve``."""
    resolvelib = import_module("resolvelib")
    provider_class = _provider_class(resolvelib.AbstractProvider)
    wanted = [Wanted(plugin_id, "*") for plugin_id in work.wanted]

    def run() -> object:
        resolver = resolvelib.Resolver(provider_class(work.candidates), resolvelib.BaseReporter())
        return resolver.resolve(wanted, max_rounds=ROUNDS)

    found = run().mapping  # type: ignore[attr-defined]  # resolvelib is imported dynamically
    assert len(found) == len(work.graph), "the solution holds every plugin of the graph"
    return Statement("run()", run=run)


def _provider_class(base: Any) -> Any:
    class Provider(base):  # type: ignore[misc]  # resolvelib is imported dynamically
        def __init__(self, candidates: tuple[PluginMetadata, ...]) -> None:
            self._by_id: dict[str, list[PluginMetadata]] = {}
            for candidate in candidates:
                self._by_id.setdefault(candidate.id, []).append(candidate)
            for group in self._by_id.values():
                group.sort(key=lambda one: parse_version(one.version), reverse=True)
            self._accepted: dict[tuple[str, str], bool] = {}

        def identify(self, requirement_or_candidate: Wanted | PluginMetadata) -> str:
            return requirement_or_candidate.id

        def get_preference(
            self, identifier: str, resolutions: Any, candidates: Any, information: Any, backtrack_causes: Any
        ) -> tuple[bool, str]:
            # What has led to a conflict goes first, as pip does it.
            is_cause = any(
                identifier in (cause.requirement.id, cause.parent.id if cause.parent else "")
                for cause in backtrack_causes
            )
            return not is_cause, identifier

        def find_matches(self, identifier: str, requirements: Any, incompatibilities: Any) -> list[PluginMetadata]:
            needs = list(requirements[identifier])
            ruled_out = {id(one) for one in incompatibilities[identifier]}
            return [
                one
                for one in self._by_id.get(identifier, ())
                if id(one) not in ruled_out and all(self.is_satisfied_by(need, one) for need in needs)
            ]

        def is_satisfied_by(self, requirement: Wanted, candidate: PluginMetadata) -> bool:
            key = requirement.range, candidate.version
            known = self._accepted.get(key)
            if known is None:
                known = parse_range(requirement.range).matches(parse_version(candidate.version))
                self._accepted[key] = known
            return known

        def get_dependencies(self, candidate: PluginMetadata) -> list[Wanted]:
            return [Wanted(*need) for need in candidate.dependencies.items()]

    return Provider
