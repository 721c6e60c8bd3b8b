"""Publishing an event to some subscribers, beside a bare loop over the same callables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugbus.kernel import Event, EventBus

from .bus_peers import PEERS
from .contest import Contest
from .rows import Budget, Row, Verdict, judge
from .timing import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .timing import Effort, Subject

LIMITS = {0: 3.5, 1: 3.0, 10: 1.3, 100: 1.05}


@dataclass(frozen=True, slots=True)
class Measured(Event):
    """The event that is published."""

    number: int


@dataclass(frozen=True, slots=True)
class Audience:
    """What all buses share: the event, and those who hear it.

    Args:
        event: Is published again and again.
        subscribers: Different functions, as they would be in an application, that do nothing.
    """

    event: Event
    subscribers: tuple[Callable[[Event], object], ...]


def measure(effort: Effort) -> Iterator[Row]:
    """Publish to 0, 1, 10 and 100 subscribers."""
    contest = Contest(
        suite="bus",
        what="publish, errors isolated",
        work=audience,
        base=_bare_loop,
        base_name="bare loop",
        ours=_ours,
        peers=PEERS,
        budgets={"": lambda size: Budget(limit=LIMITS[size])},
    )
    rows = list(contest.run(LIMITS, effort))
    for size in LIMITS:
        here = [row for row in rows if row.size == size]
        yield from here
        yield against_fastest(here)


def audience(size: int) -> Audience:
    """Make an event and ``size`` subscribers."""
    return Audience(Measured(1), tuple(_subscriber() for _ in range(size)))


def against_fastest(rows: Sequence[Row]) -> Row:
    """Return the row that holds plugbus against the fastest peer of one size: it has to be ahead of every one."""
    ours = next(row for row in rows if not row.is_peer)
    theirs = [row for row in rows if row.is_peer and row.ratio is not None]
    what = "publish, beside the fastest peer"
    if not theirs:
        return Row(suite="bus", what=what, size=ours.size, verdict=Verdict.NOT_RUN, note="no peer was measured")
    best = min(theirs, key=lambda row: row.ratio or 0.0)
    ratio = ours.ratio / best.ratio if ours.ratio and best.ratio else None
    return judge(
        Row(
            suite="bus", what=what, size=ours.size, figure=ours.figure, base=best.figure, base_name=best.what,
            ratio=ratio, budget=Budget(limit=1.0),
        )
    )  # fmt: skip


def _subscriber() -> Callable[[Event], object]:
    def hear(event: Event) -> None:
        pass

    return hear


def _bare_loop(work: Audience) -> Subject:
    subscribers = work.subscribers

    def bare(event: Event) -> None:
        for subscriber in subscribers:
            subscriber(event)

    return Statement("bare(event)", bare=bare, event=work.event)


def _ours(work: Audience) -> Subject:
    bus = EventBus()
    for subscriber in work.subscribers:
        bus.subscribe(Measured, subscriber)
    return Statement("bus.publish(event)", bus=bus, event=work.event)
