"""What a loaded plugin takes in memory, and what is left of it when it was unloaded."""

from __future__ import annotations

import gc
import tracemalloc
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import linear_regression
from typing import TYPE_CHECKING, Any

from .contest import describe_refusal
from .fleets import providing_fleet
from .loading import subject
from .loading_peers import PEERS
from .rows import Budget, Measure, Row, judge, standing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .timing import Effort, Steps

SIZES = (100, 1_000)
CYCLES = 10
WARM = 4  # so many cycles fill caches and tables
# Tables keep some room, so that a few bytes a plugin come and go; the smallest object that could leak has 16.
FLAT = 4.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes beyond what there was when the plugins were made.

    Args:
        registered: Before the first load.
        loaded: After each load.
        unloaded: After each unload.
    """

    registered: float
    loaded: tuple[float, ...]
    unloaded: tuple[float, ...]

    @property
    def left(self) -> float:
        """What the first load and unload leave behind."""
        return self.unloaded[0] - self.registered

    @property
    def drift(self) -> float:
        """What each load and unload adds once caches and tables are filled, by least squares."""
        later = self.unloaded[WARM:]
        return linear_regression(range(len(later)), later).slope


def measure(effort: Effort) -> Iterator[Row]:
    """Load and unload plugins again and again; nothing is repeated, as memory has no noise to be averaged."""
    for size in SIZES[:1] if effort.is_quick else SIZES:
        fleet = providing_fleet(size)
        ours = traced(subject(fleet))
        yield from our_rows(size, ours)
        with ExitStack() as stack:
            for peer in PEERS:
                try:
                    steps: Any = stack.enter_context(peer.open(fleet))
                    theirs = traced(steps) if "unload" in steps.steps else None
                except Exception as error:  # noqa: BLE001 - told in the peer's own row
                    verdict, note = describe_refusal(error)
                    yield Row(suite="memory", what=peer.name, size=size, is_peer=True, verdict=verdict, note=note)
                else:
                    yield from () if theirs is None else peer_rows(peer.name, size, ours, theirs)


def traced(steps: Steps[Any], cycles: int = CYCLES) -> Footprint:
    """Trace what the last two steps, which load and unload, allocate and keep when they are done again and again."""
    *first, load, unload = steps.steps.values()
    state = steps.prepare()
    loaded: list[float] = []
    unloaded: list[float] = []
    gc.collect()
    tracemalloc.start()
    try:
        for step in first:
            step(state)
        registered = _allocated()
        for _ in range(cycles):
            load(state)
            loaded.append(_allocated())
            unload(state)
            unloaded.append(_allocated())
    finally:
        tracemalloc.stop()
    return Footprint(registered, tuple(loaded), tuple(unloaded))


def our_rows(size: int, found: Footprint) -> Iterator[Row]:
    """Yield the rows of plugbus."""
    for what, figure, budget in (
        ("registered and loaded", found.loaded[0], None),
        ("left by the first unload", found.left, None),
        ("added by each further load and unload", found.drift, Budget(limit=FLAT, of=Measure.FIGURE)),
    ):
        yield judge(_row(what, size, figure, budget=budget))


def peer_rows(name: str, size: int, ours: Footprint, theirs: Footprint) -> Iterator[Row]:
    """Yield the rows of a peer."""
    for what, mine, its in (
        ("loaded", ours.loaded[0], theirs.loaded[0]),
        ("left by the first unload", ours.left, theirs.left),
        ("added by each further one", ours.drift, theirs.drift),
    ):
        close = abs(mine - its) <= FLAT * size
        verdict = standing(0, 0) if close else standing(mine, its)
        yield _row(f"{name}, {what}", size, its, is_peer=True, verdict=verdict)


def _row(what: str, size: int, total: float, **facts: Any) -> Row:
    return Row(suite="memory", what=what, size=size, unit="B/plugin", figure=total / size, **facts)


def _allocated() -> float:
    gc.collect()
    return float(tracemalloc.get_traced_memory()[0])
