"""How far a job is, from what is reported of its categories."""

from __future__ import annotations

import math
import threading
from time import monotonic
from typing import TYPE_CHECKING, Final

from .snapshot import ProgressSnapshot, ProgressState
from .track import Track, fraction_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping


class ProgressModel:
    """Add up the categories of one job. Safe from several threads; a report costs the same however many there are.

    - **Planned** categories count by their shares of the sum of their weights. One that was not planned is followed,
      and is no part of the whole. The first plan holds; a later one changes nothing.
    - **Without a plan** nobody knows what is still to come: each category that is found takes half of what none has
      taken yet: a half, a quarter, an eighth. So the whole never falls, and is complete at the job's end alone.
    - **Without a category**, a report is of the whole, which is then at least that far. Where a second plan was made,
      as by the steps of an action that has a plan of its own, it is one of these: it counts until a planned category
      is reported.

    Neither the whole nor a category ever falls. A total that grows holds a category where it is until it catches up.
    What the first report of a category says is done, short of all of it, is taken for done before: work that is
    resumed has not been that fast.

    Args:
        weights: The plan, if there is one.
        clock: Tells seconds; only differences count.
    """

    def __init__(self, weights: Mapping[str, float] | None = None, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._whole = Track("", 1.0)
        self._tracks: dict[str, Track] = {}
        self._sum = 0.0  # of share times fraction
        self._open = 0  # planned categories that are part of the whole and not complete
        self._free = 1.0  # what no category has taken, without a plan
        self._is_planned = False
        self._is_planned_again = False  # with other categories
        self._planned: frozenset[str] = frozenset()
        self._is_told = False  # whether a planned category was reported
        if weights:
            self.plan(weights)

    def begin(self) -> None:
        """Note that the job began, before anything is reported."""
        with self._lock:
            self._whole.begin(self._clock())

    def plan(self, weights: Mapping[str, float], done: Collection[str] = ()) -> None:
        """Say which categories there are. What was reported of them before counts; a second plan is not heard.

        Args:
            weights: Category to its weight. Only their proportions count; all 0 is all the same. What is no finite
                number above 0 counts as 0.
            done: Those that were done before the job began.
        """
        shares = _shares(weights)
        with self._lock:
            if self._is_planned or not shares:
                # Steps that begin again, after a failed attempt, plan the same once more.
                self._is_planned_again |= bool(shares) and shares.keys() != self._planned
                return
            self._is_planned = True
            self._planned = frozenset(shares)
            now, before = self._clock(), self._tracks
            self._tracks = {name: before.get(name) or Track(name, 0.0) for name in shares} | before
            for name, track in self._tracks.items():
                track.share = shares.get(name, 0.0)
                if name in done:
                    track.given = 1.0
                    track.advance(1.0, now)
                    track.end(ProgressState.COMPLETED, now)
            tracks = [track for track in self._tracks.values() if track.share > 0]
            self._sum = math.fsum(track.share * track.fraction for track in tracks)
            self._open = sum(track.fraction < 1.0 for track in tracks)
            if self._sum > self._whole.fraction:
                self._whole.given = math.fsum(track.share * track.given for track in tracks)
            self._settle(now)

    def report(self, current: float, total: float | None, category: str | None = None) -> None:
        """Take a report: ``current`` of ``total`` is done of a category, or of the whole."""
        fraction = fraction_of(current, total)
        now = self._clock()
        with self._lock:
            whole = self._whole
            if whole.state is ProgressState.WAITING:
                whole.begin(now)
            if category is None and self._is_planned_again and self._is_told:
                return
            track = whole if category is None else self._tracks.get(category) or self._found(category)
            self._is_told |= track is not whole and category in self._planned
            is_first = track.total is None
            track.current, track.total = current, total
            if track is not whole:
                track.begin(now)
            if fraction is None:
                return
            if is_first and not track.is_known and fraction < 1.0:
                track.given = fraction
                track.measure_from(now)
                if track is not whole:
                    whole.given += track.share * fraction
                    whole.measure_from(now)
            if track is whole:
                self._raise_to(fraction, now)
            else:
                self._grow(track, fraction, now)

    def complete(self, category: str | None = None) -> None:
        """Note that a category is done, or the whole job; a category that nobody heard of is not made."""
        if category is None:
            self.end(ProgressState.COMPLETED)
            return
        now = self._clock()
        with self._lock:
            track = self._tracks.get(category)
            if track is not None:
                self._whole.begin(now)
                self._grow(track, 1.0, now)

    def fail(self, category: str | None = None) -> None:
        """Note that a category failed, or all that are under way; the job goes on until it ends."""
        now = self._clock()
        with self._lock:
            for track in self._tracks.values():
                if track.name == category or (category is None and track.state is ProgressState.RUNNING):
                    track.end(ProgressState.FAILED, now)

    def end(self, state: ProgressState) -> None:
        """Note that the job ended: ``completed``, ``failed`` or ``cancelled``. What waits still stays so.

        Raises:
            ValueError: The state is no end.
        """
        if state in {ProgressState.WAITING, ProgressState.RUNNING}:
            raise ValueError(f"cannot end job as '{state}': give 'completed', 'failed' or 'cancelled'")
        now = self._clock()
        with self._lock:
            for track in self._tracks.values():
                if track.state is ProgressState.RUNNING:
                    track.end(state, now)
            if state is ProgressState.COMPLETED:
                self._whole.advance(1.0, now)
            self._whole.end(state, now)

    @property
    def state(self) -> ProgressState:
        """Return what becomes of the job."""
        return self._whole.state

    @property
    def is_planned(self) -> bool:
        """Tell whether it was said which categories there are."""
        return self._is_planned

    @property
    def category_count(self) -> int:
        """Return how many categories are known."""
        return len(self._tracks)

    @property
    def fraction(self) -> float:
        """Return what is done of the whole, from 0 to 1."""
        return self._whole.fraction

    def remaining(self, category: str | None = None) -> float | None:
        """Return the seconds that a category takes still, or the whole; None where that can't be told."""
        with self._lock:
            track = self._whole if category is None else self._tracks.get(category)
            return None if track is None else track.remaining(self._clock())

    def snapshot(self) -> ProgressSnapshot:
        """Return how far the job is now."""
        with self._lock:
            now, whole = self._clock(), self._whole
            return ProgressSnapshot(
                percent=100 * whole.fraction,
                elapsed_s=whole.elapsed(now),
                remaining_s=whole.remaining(now),
                state=whole.state,
                is_planned=self._is_planned,
                categories=tuple(track.snapshot(now) for track in self._tracks.values()),
            )

    def _found(self, category: str) -> Track:
        """Make the track of a category that was not planned."""
        share = 0.0
        if not self._is_planned:
            share = self._free = self._free / 2
        track = self._tracks[category] = Track(category, share)
        return track

    def _grow(self, track: Track, fraction: float, now: float) -> None:
        """Bring a category to a fraction, and the whole with it."""
        grown = track.advance(fraction, now)
        if fraction >= 1.0 and track.state is not ProgressState.COMPLETED:
            track.end(ProgressState.COMPLETED, now)
        if grown and track.share:
            self._sum += track.share * grown
            if self._is_planned and fraction >= 1.0:
                self._open -= 1
            self._settle(now)

    def _settle(self, now: float) -> None:
        # A sum of shares such as 0.1 + 0.2 + 0.7 ends a little beside 1: what is complete is told by counting.
        is_complete = self._is_planned and self._open == 0
        self._raise_to(1.0 if is_complete else min(self._sum, _ALMOST), now)

    def _raise_to(self, fraction: float, now: float) -> None:
        if self._whole.state is not ProgressState.COMPLETED:
            self._whole.advance(fraction, now)


_ALMOST: Final = math.nextafter(1.0, 0.0)


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Return the weights as shares of their sum."""
    parts = {str(name): _weight(weight) for name, weight in weights.items()}
    largest = max(parts.values(), default=0.0)
    if not largest:
        return dict.fromkeys(parts, 1.0 / len(parts)) if parts else {}
    # Parts of the largest one first: the sum of weights near the largest number there is would be infinite.
    total = math.fsum(part / largest for part in parts.values())
    return {name: part / largest / total for name, part in parts.items()}


def _weight(weight: object) -> float:
    try:
        found = float(weight)  # type: ignore[arg-type] # whatever was given for a number, the plan holds
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return found if math.isfinite(found) and found > 0 else 0.0
