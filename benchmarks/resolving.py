"""Resolving plugins with version ranges, beside graphlib's order of the same graph."""

from __future__ import annotations

from functools import partial
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from plugbus.kernel import resolve

from .contest import Contest, Peer, opened
from .problems import back_jumps, chain, wide
from .resolvelib_peer import resolvelib_subject
from .rows import Budget
from .timing import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .problems import Problem
    from .rows import Row
    from .timing import Effort, Subject

SIZES = (10, 100, 1_000, 10_000)


def measure(effort: Effort) -> Iterator[Row]:
    """Resolve three shapes of problem."""
    sizes = SIZES[:-1] if effort.is_quick else SIZES
    eager = Peer("resolvelib", opened(resolvelib_subject))
    # resolvelib 1.2.1 took 0.06, 0.26 and 1.3 s at 17, 19 and 21 plugins, and 21, 47 and 177 MB: no size after 10 ends.
    jumping = Peer("resolvelib", opened(resolvelib_subject), 10, "takes 5x the time and memory for every pair more")
    shapes = (
        ("chain, one version each", chain, eager, 1.0),
        ("wide, one version each", wide, eager, 1.0),
        ("five versions each, back-jumps", back_jumps, jumping, 15.0),
    )
    for what, work, peer, limit in shapes:
        contest = Contest(
            suite="resolving",
            what=what,
            work=work,
            base=_graphlib,
            base_name="graphlib",
            ours=_ours,
            peers=(peer,),
            budgets={"": partial(_budget, limit)},
            growing=("",),
        )
        yield from contest.run(sizes, effort)


def _budget(limit: float, size: int) -> Budget:
    return Budget(limit=limit)


def _graphlib(work: Problem) -> Subject:
    return Statement("tuple(sorter(graph).static_order())", sorter=TopologicalSorter, graph=work.graph)


def _ours(work: Problem) -> Subject:
    plan = resolve(work.candidates, work.wanted)
    assert len(plan.order) == len(work.graph), "the plan holds every plugin of the graph"
    return Statement("resolve(candidates, wanted)", resolve=resolve, candidates=work.candidates, wanted=work.wanted)
