"""Executing steps, beside a plain loop over the same steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from plugbus.capabilities import BaseStep, BaseStepContext, Orchestrator, RuntimeContext, StepRegistry, StepResult
from plugbus.kernel import EventBus

from .contest import LINEAR, growth_row
from .rows import Budget, Measure, Row, judge
from .timing import Statement, compare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .timing import Effort, Series

SIZES = (10, 100, 1_000)
SECONDS_PER_STEP = 1.5e-6

PLAIN_LOOP = """
results = []
for step in steps:
    if not step.can_skip(context):
        results.append(step.execute(context))
"""


class Quick(BaseStep[BaseStepContext]):
    """A step that does nothing but return a result."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """Return the name."""
        return self._name

    @property
    def progress_weight(self) -> float:
        """Return the weight."""
        return 1.0

    def execute(self, context: BaseStepContext) -> StepResult:
        """Do nothing."""
        return StepResult()


@dataclass(frozen=True, slots=True)
class Way:
    """One way to execute steps.

    Args:
        what: What it is called.
        subject: The statement that executes them.
        is_limited: Whether it has a budget.
    """

    what: str
    subject: Statement
    is_limited: bool = True


def measure(effort: Effort) -> Iterator[Row]:
    """Execute 10, 100 and 1,000 steps; each figure is what one step takes over its turn in the plain loop."""
    rows: list[Row] = []
    for size in SIZES:
        ways = _ways(size)
        steps = [Quick(f"step{place}") for place in range(size)]
        base = Statement(PLAIN_LOOP, steps=steps, context=BaseStepContext())
        found = compare(base, {way.what: way.subject for way in ways}, effort)
        for way in ways:
            row = over_the_loop(way.what, size, found.series[way.what][""], is_limited=way.is_limited)
            rows.append(row)
            yield row
    for what in dict.fromkeys(row.what for row in rows if row.budget is not None):
        grown = growth_row([row for row in rows if row.what == what], what, is_per_item=True)
        yield judge(replace(grown, suite="steps", budget=Budget(limit=LINEAR, of=Measure.FIGURE)))


def over_the_loop(what: str, size: int, series: Series, *, is_limited: bool) -> Row:
    """Return the row of what each of ``size`` steps took longer than in the plain loop, by the median of the pairs."""
    longer = [(sample - base) / size for sample, base in zip(series.samples, series.bases, strict=True)]
    budget = Budget(limit=SECONDS_PER_STEP, of=Measure.FIGURE) if is_limited else None
    return judge(
        Row(
            suite="steps", what=what, size=size, unit="s/step", figure=median(longer), base=series.base / size,
            base_name="plain loop", ratio=series.ratio, budget=budget, note="figure: over the plain loop",
            samples=tuple(one / size for one in series.samples), bases=tuple(one / size for one in series.bases),
        )
    )  # fmt: skip


def _ways(size: int) -> list[Way]:
    registry = StepRegistry(Quick(f"step{place}") for place in range(size))
    bus = EventBus()
    alone = RuntimeContext(job_id="job")
    heard = RuntimeContext(job_id="job", publish=bus.publish)

    def way(what: str, orchestrator: Orchestrator[BaseStepContext], *, is_limited: bool = True) -> Way:
        return Way(what, Statement("orchestrator.execute()", orchestrator=orchestrator), is_limited)

    def ignore(*_: object) -> None:
        pass

    return [
        way("execute", Orchestrator(registry, BaseStepContext())),
        way("with progress and before_step", Orchestrator(registry, BaseStepContext(), ignore, ignore)),
        way("in a job that nobody hears", Orchestrator(registry, BaseStepContext(runtime_ctx=alone))),
        way("with events on a bus", Orchestrator(registry, BaseStepContext(runtime_ctx=heard)), is_limited=False),
    ]
