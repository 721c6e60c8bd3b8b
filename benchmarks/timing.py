"""CPU time of what is measured and of the bare limit beside it, sample by sample."""

from __future__ import annotations

import gc
import timeit
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import fmean, median
from time import process_time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from .figures import median_of_ratios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure.

    Args:
        is_quick: Whether this is a look in passing: smaller sizes, wider noise.
        repeats: Samples of each subject.
        sample_seconds: What is shorter is repeated within a sample until it takes this long.
        patience_seconds: After this much of one subject at one size no further sample is taken of it, and a peer that
            is expected to take longer for a single one is not run.
    """

    is_quick: bool
    repeats: int
    sample_seconds: float
    patience_seconds: float


FULL = Effort(is_quick=False, repeats=11, sample_seconds=0.01, patience_seconds=8.0)
QUICK = Effort(is_quick=True, repeats=5, sample_seconds=0.002, patience_seconds=0.3)


class Subject(Protocol):
    """Something that can be timed again and again."""

    @property
    def phases(self) -> tuple[str, ...]:
        """Name what a sample times, in order."""
        ...

    def warm(self, seconds: float) -> None:
        """Run it uncounted, and find out how often to repeat it so that a sample takes about ``seconds``."""
        ...

    def sample(self) -> tuple[float, ...]:
        """Return the CPU seconds of each phase of one run."""
        ...


class Statement:
    """A statement that can be repeated as it stands.

    It is compiled anew for each subject: the interpreter specialises code for what it calls, so that two subjects that
    shared one loop would slow each other down.

    Args:
        source: Python statements.
        names: What is known to them.
    """

    phases = ("",)

    def __init__(self, source: str, **names: object) -> None:
        self._timer = timeit.Timer(source, timer=process_time, globals=names)
        self._loops = 1

    def warm(self, seconds: float) -> None:
        """Run it, and double the number of loops until a sample is long enough."""
        while (took := self._timer.timeit(self._loops)) < seconds:
            self._loops = max(2 * self._loops, int(self._loops * seconds / max(took, 1e-6)))

    def sample(self) -> tuple[float, ...]:
        """Return the CPU seconds of one loop."""
        return (self._timer.timeit(self._loops) / self._loops,)


class Steps(Generic[S]):
    """Steps that change what they are done to, each timed by itself, on something made anew for every run.

    Args:
        prepare: Makes what the steps change; not timed.
        steps: What each phase is called, and what it does.
        is_collecting: Whether the garbage collector may run inside the steps, as it does in an application.
        is_alone: Whether what was prepared first has to be through all steps before more of it is prepared.
    """

    def __init__(
        self,
        prepare: Callable[[], S],
        steps: Mapping[str, Callable[[S], object]],
        *,
        is_collecting: bool = False,
        is_alone: bool = False,
    ) -> None:
        self.prepare = prepare
        self.steps = dict(steps)
        self._is_collecting = is_collecting
        self._largest_batch = 1 if is_alone else 100
        self._batch = 1

    @property
    def phases(self) -> tuple[str, ...]:
        """Name the steps."""
        return tuple(self.steps)

    def warm(self, seconds: float) -> None:
        """Run all steps twice: what runs for the first time takes longer than what a batch is made of."""
        self.sample()
        took = sum(self.sample())
        self._batch = max(1, min(self._largest_batch, int(seconds / max(took, 1e-6))))

    def sample(self) -> tuple[float, ...]:
        """Run all steps on a batch of fresh objects; return the CPU seconds of one object's share of each step."""
        gc.collect()
        states = [self.prepare() for _ in range(self._batch)]
        seconds: list[float] = []
        if self._is_collecting:
            gc.enable()
        try:
            for step in self.steps.values():
                start = process_time()
                for state in states:
                    step(state)
                seconds.append((process_time() - start) / self._batch)
        finally:
            gc.disable()
        return tuple(seconds)


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one phase of one subject, and the base beside each of them.

    Args:
        samples: CPU seconds.
        bases: CPU seconds of the base just before and just after the sample, averaged.
    """

    samples: tuple[float, ...]
    bases: tuple[float, ...]

    @property
    def figure(self) -> float:
        """The median of the samples."""
        return median(self.samples)

    @property
    def base(self) -> float:
        """The median of the bases."""
        return median(self.bases)

    @property
    def ratio(self) -> float:
        """The median of the ratios, pair by pair."""
        return median_of_ratios(self.samples, self.bases)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came out of one comparison.

    Args:
        series: Name of the subject to phase to samples.
        failures: Name of the subject to what it raised; it has no series.
    """

    series: Mapping[str, Mapping[str, Series]]
    failures: Mapping[str, Exception]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the garbage collector from running inside a sample, and from walking what was there before."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def compare(base: Subject, subjects: Mapping[str, Subject], effort: Effort) -> Comparison:
    """Time the subjects in turn, with the base between any two samples. One that raises does not stop the others."""
    taken: dict[str, list[tuple[tuple[float, ...], float]]] = {}
    spent: dict[str, float] = {}
    failures: dict[str, Exception] = {}
    with quiet():
        base.warm(effort.sample_seconds)
        for name, subject in subjects.items():
            try:
                subject.warm(effort.sample_seconds)
            except Exception as error:  # noqa: BLE001 - told in the subject's own row
                failures[name] = error
            else:
                taken[name], spent[name] = [], 0.0
        (before,) = base.sample()
        for _ in range(effort.repeats):
            for name in [one for one in taken if not taken[one] or spent[one] < effort.patience_seconds]:
                start = process_time()
                try:
                    seconds = subjects[name].sample()
                except Exception as error:  # noqa: BLE001 - told in the subject's own row
                    failures[name] = error
                    del taken[name]
                    continue
                spent[name] += process_time() - start
                (after,) = base.sample()
                taken[name].append((seconds, fmean((before, after))))
                before = after
    return Comparison({name: _by_phase(subjects[name].phases, pairs) for name, pairs in taken.items()}, failures)


def _by_phase(phases: Sequence[str], pairs: Sequence[tuple[tuple[float, ...], float]]) -> dict[str, Series]:
    bases = tuple(base for _, base in pairs)
    return {phase: Series(tuple(one[place] for one, _ in pairs), bases) for place, phase in enumerate(phases)}
