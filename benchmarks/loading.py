"""Loading and unloading a plan of plugins, beside the bare calls of their hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .contest import OURS, Contest
from .fleets import Host, bare_fleet, make_host, providing_fleet
from .loading_peers import PEERS
from .rows import Budget, Measure, Row
from .timing import Statement, Steps, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .fleets import Fleet
    from .timing import Effort, Subject

SIZES = (10, 100, 1_000, 10_000)
SECONDS_PER_PLUGIN = 15e-6


def measure(effort: Effort) -> Iterator[Row]:
    """Load and unload plugins that do nothing, then plugins that provide and need something, as peers' do."""
    sizes = SIZES[:-1] if effort.is_quick else SIZES
    limit = Budget(limit=SECONDS_PER_PLUGIN, of=Measure.FIGURE)
    budgets = {"load": lambda size: limit, "unload": lambda size: limit}
    for what, work, peers in (
        ("hooks alone", bare_fleet, ()),
        ("one need, one provision", providing_fleet, PEERS),
    ):
        contest = Contest(
            suite="loading",
            what=what,
            work=work,
            base=_bare_hooks,
            base_name="hook call",
            ours=subject,
            peers=peers,
            budgets=budgets,
            counterparts={"load": ("register", "load")},
            per="plugin",
            growing=("load", "unload"),
        )
        yield from contest.run(sizes, effort)
    yield from _collected(sizes[-1], effort)


def subject(fleet: Fleet, *, is_collecting: bool = False) -> Steps[Host]:
    """Time the three steps of plugbus's lifecycle."""
    steps = {"register": Host.register, "load": Host.load, "unload": Host.unload}
    return Steps(lambda: make_host(fleet), steps, is_collecting=is_collecting)


def _bare_hooks(fleet: Fleet) -> Subject:
    # The context is taken for the parameter alone: these hooks are called for what a call costs.
    plugins = bare_fleet(len(fleet.ids)).plugins()
    return Statement("for plugin in plugins: plugin.on_load(None)", plugins=plugins)


def _collected(size: int, effort: Effort) -> Iterator[Row]:
    """Measure once more with the garbage collector on, which walks all that is loaded, now and then."""
    fleet = providing_fleet(size)
    found = compare(_bare_hooks(fleet), {OURS: subject(fleet, is_collecting=True)}, effort)
    for phase, series in found.series[OURS].items():
        yield Row(
            suite="loading", what=f"with the collector on, {phase}", size=size, unit="s/plugin",
            figure=series.figure / size, base=series.base / size, base_name="hook call", ratio=series.ratio,
            samples=tuple(one / size for one in series.samples), bases=tuple(one / size for one in series.bases),
        )  # fmt: skip
