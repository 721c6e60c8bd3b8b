"""Problems for resolvers: plugins of a given number, what they need, and the graph of the solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugbus.kernel import PluginMetadata

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS = 5


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be resolved.

    Args:
        candidates: Every version of every plugin.
        wanted: The ids that are asked for.
        graph: Id to the ids that it needs, in the solution; what a sorter that knows no versions is given.
    """

    candidates: tuple[PluginMetadata, ...]
    wanted: tuple[str, ...]
    graph: Mapping[str, tuple[str, ...]]


def chain(size: int) -> Problem:
    """Let each plugin need the next one; the first one is wanted."""
    needs = {_id(place): (place + 1,) if place + 1 < size else () for place in range(size)}
    return _problem(needs, (_id(0),))


def wide(size: int) -> Problem:
    """Let all plugins need the first one; all are wanted."""
    needs = {_id(place): (0,) if place else () for place in range(size)}
    return _problem(needs, tuple(needs))


def back_jumps(size: int) -> Problem:
    """Make pairs of which the newest four of five versions turn out impossible one plugin later.

    The first of a pair needs the second in its own version; the second needs a core that, but for its oldest version,
    is newer than the one there is.
    """
    core, pairs = "core", max(1, (size - 1) // 2)
    candidates = [PluginMetadata(core, "1.0.0")]
    graph: dict[str, tuple[str, ...]] = {core: ()}
    for pair in range(pairs):
        first, second = f"first{pair}", f"second{pair}"
        for major in range(1, VERSIONS + 1):
            version = f"{major}.0.0"
            candidates.append(PluginMetadata(first, version, dependencies={second: f"=={version}"}))
            ranges = {core: ">=2" if major > 1 else ">=1"}
            candidates.append(PluginMetadata(second, version, dependencies=ranges))
        graph[first], graph[second] = (second,), (core,)
    return Problem(tuple(candidates), tuple(f"first{pair}" for pair in range(pairs)), graph)


def _problem(needs: Mapping[str, tuple[int, ...]], wanted: tuple[str, ...]) -> Problem:
    candidates = tuple(
        PluginMetadata(
            plugin_id, _version(place), dependencies={_id(one): f"^1.{one % 40}" for one in needs[plugin_id]}
        )
        for place, plugin_id in enumerate(needs)
    )
    return Problem(candidates, wanted, {one: tuple(_id(place) for place in found) for one, found in needs.items()})


def _id(place: int) -> str:
    return f"plugin{place}"


def _version(place: int) -> str:
    """Return one of 280 versions: plugins of one host are neither all of one version nor each of its own."""
    return f"1.{place % 40}.{place % 7}"
