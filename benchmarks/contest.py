"""A contest: plugbus, its peers and the bare limit do the same work, at one size after the other."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from math import log
from typing import TYPE_CHECKING, Generic, TypeVar

from .figures import growth_exponent
from .rows import Budget, Measure, Row, Verdict, judge, standing
from .timing import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from .timing import Comparison, Effort, Subject

W = TypeVar("W")

OURS = "plugbus"
LINEAR = 1.15  # the largest exponent that is called linear


@dataclass(frozen=True, slots=True)
class Peer(Generic[W]):
    """Another project that does the same work.

    Args:
        name: The project and what of it is called.
        open: Sets the project up for the work, and puts everything back afterwards.
        largest: The largest size that it is asked for.
        reason: Why it is not asked for more.
    """

    name: str
    open: Callable[[W], AbstractContextManager[Subject]]
    largest: float = float("inf")
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest(Generic[W]):
    """The same work, done by all.

    Args:
        suite: Which part of the benchmarks this is.
        what: What is done.
        work: Makes the work of a size, which all share.
        base: The bare limit.
        base_name: What that is.
        ours: How plugbus does it.
        peers: Who else does it.
        budgets: Phase to the budget at a size; phases without one are shown only.
        counterparts: A peer's phase to those of plugbus that do the same; the phase of the same name if not given.
        per: What the size counts, where figures are told for one of it.
        growing: The phases whose growth with size has to be linear.
    """

    suite: str
    what: str
    work: Callable[[int], W]
    base: Callable[[W], Subject]
    base_name: str
    ours: Callable[[W], Subject]
    peers: tuple[Peer[W], ...] = ()
    budgets: Mapping[str, Callable[[int], Budget]] = field(default_factory=dict)
    counterparts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    per: str = ""
    growing: tuple[str, ...] = ()

    def run(self, sizes: Iterable[int], effort: Effort) -> Iterator[Row]:
        """Measure all sizes; yield the rows of each, and at the end those of growth."""
        rows: list[Row] = []
        forecast = Forecast()
        for size in sizes:
            found = list(self._run_size(size, effort, forecast))
            rows += found
            yield from found
        for phase in self.growing:
            what = self._named(phase)
            ours = growth_row([row for row in rows if row.what == what], what, is_per_item=bool(self.per))
            yield judge(replace(ours, suite=self.suite, budget=Budget(limit=LINEAR, of=Measure.FIGURE)))
            for peer in self.peers:
                what = _labelled(peer.name, phase)
                theirs = growth_row([row for row in rows if row.what == what], what, is_per_item=bool(self.per))
                if theirs.figure is not None:
                    yield replace(theirs, suite=self.suite, is_peer=True, verdict=standing(ours.figure, theirs.figure))

    def _run_size(self, size: int, effort: Effort, forecast: Forecast) -> Iterator[Row]:
        work = self.work(size)
        refused: dict[str, tuple[Verdict, str]] = {}
        with ExitStack() as stack:
            subjects = {OURS: self.ours(work)}
            for peer in self.peers:
                reason = peer.reason if size > peer.largest else forecast.refusal(peer.name, size, effort)
                if reason:
                    refused[peer.name] = (Verdict.NOT_RUN, reason)
                    continue
                try:
                    subjects[peer.name] = stack.enter_context(peer.open(work))
                except Exception as error:  # noqa: BLE001 - told in the peer's own row
                    refused[peer.name] = describe_refusal(error)
            found = compare(self.base(work), subjects, effort)
        refused.update((name, describe_refusal(error)) for name, error in found.failures.items())
        for name, phases in found.series.items():
            forecast.note(name, size, sum(series.figure for series in phases.values()))
        yield from self._our_rows(size, found, refused)
        for peer in self.peers:
            yield from self._peer_rows(peer.name, size, found, refused)

    def _our_rows(self, size: int, found: Comparison, refused: Mapping[str, tuple[Verdict, str]]) -> Iterator[Row]:
        for phase, row in self._rows(OURS, size, found, refused):
            budget = self.budgets.get(phase)
            yield judge(replace(row, what=self._named(phase), budget=None if budget is None else budget(size)))

    def _peer_rows(
        self, name: str, size: int, found: Comparison, refused: Mapping[str, tuple[Verdict, str]]
    ) -> Iterator[Row]:
        ours = found.series.get(OURS, {})
        for phase, row in self._rows(name, size, found, refused):
            parts = [ours[one] for one in self.counterparts.get(phase, (phase,)) if one in ours]
            verdict = standing(sum(one.ratio for one in parts), row.ratio) if parts else Verdict.NONE
            yield replace(
                row,
                what=_labelled(name, phase),
                is_peer=True,
                verdict=row.verdict if row.verdict is not Verdict.NONE else verdict,
            )

    def _rows(
        self, name: str, size: int, found: Comparison, refused: Mapping[str, tuple[Verdict, str]]
    ) -> Iterator[tuple[str, Row]]:
        share = size if self.per and size else 1
        unit = f"s/{self.per}" if self.per else "s"
        if name in refused:
            verdict, note = refused[name]
            yield "", Row(suite=self.suite, what=name, size=size, unit=unit, verdict=verdict, note=note)
            return
        for phase, series in found.series[name].items():
            samples = tuple(one / share for one in series.samples)
            bases = tuple(one / share for one in series.bases)
            yield phase, Row(
                suite=self.suite, what=name, size=size, unit=unit, figure=series.figure / share,
                base=series.base / share, base_name=self.base_name, ratio=series.ratio, samples=samples, bases=bases,
            )  # fmt: skip

    def _named(self, phase: str) -> str:
        return _labelled(self.what, phase)


class Forecast:
    """Guess from smaller sizes what a subject will take at a larger one."""

    def __init__(self) -> None:
        self._seen: dict[str, list[tuple[int, float]]] = {}

    def note(self, name: str, size: int, seconds: float) -> None:
        """Remember what a subject took."""
        self._seen.setdefault(name, []).append((size, seconds))

    def refusal(self, name: str, size: int, effort: Effort) -> str:
        """Say why a subject should not be run at a size; empty if it should.

        What took far too long at a size is not tried at a larger one, and what grows is expected to grow a little
        faster than it did from the last size to this one.
        """
        seen = self._seen.get(name)
        if not seen:
            return ""
        last, seconds = seen[-1]
        exponent = 1.2
        if len(seen) > 1 and min(seen[-2][0], last) > 0:
            exponent = max(exponent, 0.3 + log(seconds / seen[-2][1]) / log(last / seen[-2][0]))
        expected = seconds * (size / last) ** exponent if last else seconds
        if expected <= effort.patience_seconds:
            return ""
        return f"expected to take {expected:,.0f} s here, after {seconds:.2g} s at {last:,}"


def growth_row(rows: Sequence[Row], what: str, *, is_per_item: bool) -> Row:
    """Return the row of the growth exponent of what was measured at several sizes; without a figure if it was not.

    Args:
        rows: One for each size.
        what: What they measured.
        is_per_item: Whether their figures are for one of what the size counts.
    """
    pairs = [(row.size, row.figure * (row.size if is_per_item else 1)) for row in rows if row.size and row.figure]
    found = Row(suite="", what=f"{what}, growth", unit="")
    try:
        figure = growth_exponent([size for size, _ in pairs], [total for _, total in pairs])
    except ValueError as error:
        return replace(found, note=str(error))
    return replace(found, figure=figure, note=f"exponent over {pairs[0][0]:,} to {pairs[-1][0]:,}")


def describe_refusal(error: Exception) -> tuple[Verdict, str]:
    """Say why a subject has no figure: it is not installed, or it failed."""
    if isinstance(error, ModuleNotFoundError):
        return Verdict.NOT_RUN, f"module '{error.name}' is not installed; python -m pip install --group bench"
    return Verdict.FAILED, f"{type(error).__qualname__}: {error}"


def opened(make: Callable[[W], Subject]) -> Callable[[W], AbstractContextManager[Subject]]:
    """Give what leaves nothing behind the form that ``Peer`` asks for."""
    return lambda work: nullcontext(make(work))


def _labelled(name: str, phase: str) -> str:
    return f"{name}, {phase}" if phase else name
