"""Finding the way through converters: least loss first, then least work. Pure functions."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .errors import NoConversionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..types import DataType
    from .converter import Converter
    from .losses import Loss

_TIES: Final = 8
"""How many ways that are equally good are kept: a lattice of converters has exponentially many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionPath:
    """A way from one type to another.

    Args:
        source: The type that there is.
        target: The type that is wanted.
        steps: Converters in the order in which they run; none where the data is of the wanted type already.
        ties: Other ways of the same loss and work, by the names of their converters; the taken one is the first by
            name.
        passed_over: The way of least work, where it is another one and loses more.
    """

    source: type[DataType]
    target: type[DataType]
    steps: tuple[Converter, ...]
    ties: tuple[tuple[str, ...], ...] = ()
    passed_over: tuple[Converter, ...] = ()

    @property
    def losses(self) -> tuple[Loss, ...]:
        """Return everything that may be dropped on the way, each once."""
        return tuple(dict.fromkeys(loss for step in self.steps for loss in step.losses))

    @property
    def is_lossless(self) -> bool:
        """Tell whether nothing can be dropped."""
        return not self.losses

    def explain(self) -> str:
        """Say for people what is done, what may be dropped, and why this way was taken."""
        head = f"{self.source.name} -> {self.target.name}"
        if not self.steps:
            return f"{head}: nothing to do, it is of that type"
        count = len(self.steps)
        lines = [f"{head} in {count} step{'s' if count > 1 else ''}:"]
        for number, step in enumerate(self.steps, 1):
            lines.append(f"  {number}. {step.name}: {step.source.name} -> {step.target.name}")
            lines.extend(f"     may lose {loss.name}: {loss.reason}" for loss in step.losses)
        if self.passed_over:
            lost = ", ".join(dict.fromkeys(loss.name for step in self.passed_over for loss in step.losses))
            lines.append(f"  less work, but passed over: {_route(one.name for one in self.passed_over)}; loses {lost}")
        if self.ties:
            lines.append("  as good, but later by name: " + "; ".join(_route(one) for one in self.ties))
        return "\n".join(lines)


def find_path(converters: Iterable[Converter], source: type[DataType], target: type[DataType]) -> ConversionPath:
    """Return the way with the least loss, among those with the least work, among those with the fewest steps.

    Losses are added up over the steps, and so is the work. What is equal in all three is decided by the names of the
    converters, so that the answer depends on nothing but the converters that there are.

    Raises:
        NoConversionError: There is no way; names what can be reached, and from where the target can be.
    """
    known = tuple(converters)
    ways = _search(known, source, target, by_loss=True)
    if not ways:
        raise NoConversionError(source.name, target.name, _reached(known, source), _origins(known, target))
    best = ways[0]
    shortest = _search(known, source, target, by_loss=False)[0]
    is_worse = _loss(shortest) > _loss(best) and _work(shortest) < _work(best)
    return ConversionPath(
        source=source,
        target=target,
        steps=best,
        ties=tuple(tuple(one.name for one in way) for way in ways[1:]),
        passed_over=shortest if is_worse else (),
    )


def _search(
    known: Sequence[Converter], source: type[DataType], target: type[DataType], *, by_loss: bool
) -> list[tuple[Converter, ...]]:
    """Return the best ways, the first by name first: Dijkstra with several marks a type."""
    heap: list[tuple[tuple[float, ...], tuple[str, ...], int, type[DataType], tuple[Converter, ...]]] = []
    serial = 0
    heapq.heappush(heap, ((0.0,), (), serial, source, ()))
    best: dict[type[DataType], Any] = {}
    visits: dict[type[DataType], int] = {}
    found: list[tuple[Converter, ...]] = []
    limit: tuple[float, ...] | None = None
    while heap:
        cost, names, _, at, way = heapq.heappop(heap)
        if limit is not None and cost > limit:
            break
        if target.accepts(at):
            limit = cost
            found.append(way)
            if len(found) > _TIES:
                break
            continue
        if best.setdefault(at, cost) < cost or visits.get(at, 0) > _TIES:
            continue
        visits[at] = visits.get(at, 0) + 1
        for one in known:
            if one.source.accepts(at):
                longer = (*way, one)
                serial += 1
                heapq.heappush(heap, (_cost(longer, by_loss=by_loss), (*names, one.name), serial, one.target, longer))
    return found


def _cost(way: tuple[Converter, ...], *, by_loss: bool) -> tuple[float, ...]:
    rest = (_work(way), float(len(way)))
    return (_loss(way), *rest) if by_loss else rest


def _loss(way: tuple[Converter, ...]) -> float:
    # Each as often as it is met: what is dropped at two places of a way can be two different things.
    return sum(loss.weight for step in way for loss in step.losses)


def _work(way: tuple[Converter, ...]) -> float:
    return sum(step.cost for step in way)


def _reached(known: Sequence[Converter], source: type[DataType]) -> tuple[str, ...]:
    reached: dict[type[DataType], None] = {}
    pending = [source]
    while pending:
        at = pending.pop()
        for one in known:
            if one.source.accepts(at) and one.target not in reached and one.target is not source:
                reached[one.target] = None
                pending.append(one.target)
    return tuple(sorted(one.name for one in reached))


def _origins(known: Sequence[Converter], target: type[DataType]) -> tuple[str, ...]:
    origins: dict[type[DataType], None] = {}
    grown = True
    while grown:
        grown = False
        for one in known:
            leads = target.accepts(one.target) or any(origin.accepts(one.target) for origin in origins)
            if leads and one.source not in origins and one.source is not target:
                origins[one.source] = None
                grown = True
    return tuple(sorted(one.name for one in origins))


def _route(names: Iterable[str]) -> str:
    return " -> ".join(names)
