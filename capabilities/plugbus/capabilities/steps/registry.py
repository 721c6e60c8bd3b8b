"""The steps of a workflow, in order."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from difflib import get_close_matches
from math import fsum, isfinite
from numbers import Real
from types import GenericAlias
from typing import TYPE_CHECKING, Generic, TypeVar

from .context import BaseStepContext
from .contributions import Step, merged
from .errors import StepDefinitionError, StepExistsError, StepNotFoundError
from .plan import StepPlan, percents
from .step import BaseStep

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .contributions import ContributionSource

C = TypeVar("C", bound=BaseStepContext)


@dataclass(frozen=True, slots=True)
class _Entry(Generic[C]):
    """A step, and what it says of itself, asked once."""

    step: BaseStep[C]
    name: str
    weight: float
    aliases: tuple[str, ...]
    is_async: bool

    @classmethod
    def of(cls, step: BaseStep[C]) -> _Entry[C]:
        if isinstance(step, type):
            raise StepDefinitionError(step.__qualname__, f"it is a class; register an object: {step.__qualname__}()")
        if not isinstance(step, BaseStep):
            raise StepDefinitionError(repr(step), f"it is a {type(step).__qualname__}, not a BaseStep")
        name, weight = step.name, step.progress_weight
        if not isinstance(name, str) or not name.strip():
            raise StepDefinitionError(type(step).__qualname__, f"its name is {name!r}; give it text that is not blank")
        is_number = isinstance(weight, Real) and not isinstance(weight, bool)
        if not is_number or not isfinite(weight) or weight < 0:
            raise StepDefinitionError(name, f"its progress_weight is {weight!r}; give it a number from 0 on")
        return cls(step, name, float(weight), tuple(step.aliases), step.is_async)


class StepRegistry(Generic[C]):
    """The steps of a workflow, in the order in which they are executed.

    A step around another one, such as ``LoggingStep``, is found by its own name and by that of the step inside.
    Safe from several threads; an execution goes through the steps that were there when it began.
    """

    if not TYPE_CHECKING:  # pragma: no branch
        # typing's own subscription keeps its arguments in a cache, and so a plugin's classes alive after its unload.
        __class_getitem__ = classmethod(GenericAlias)

    def __init__(self, steps: Iterable[BaseStep[C]] = ()) -> None:
        self._lock = threading.Lock()
        self._entries: list[_Entry[C]] = []
        self._names: set[str] = set()
        self._plan: StepPlan | None = None
        for step in steps:
            self.register(step)

    @classmethod
    def from_services(
        cls, services: ContributionSource, workflow: str, steps: Iterable[BaseStep[C]] = ()
    ) -> StepRegistry[C]:
        """Return a registry of a workflow's own steps and of those that plugins contribute to it now.

        Args:
            services: A plugin's context, or the services of a kernel.
            workflow: The id under which steps are contributed: ``Step(workflow)``.
            steps: The workflow's own steps, in their order.

        Raises:
            StepNotFoundError: A step is to stand beside one that is not there; offers near names.
            StepExistsError: Two steps have one name.
            StepCycleError: Steps are to stand before each other in a circle.
        """
        return cls(merged(workflow, tuple(cls(steps)), services.all(Step(workflow))))

    def register(self, step: BaseStep[C]) -> None:
        """Add a step at the end.

        Raises:
            StepDefinitionError: It could not be executed.
            StepExistsError: A step of this name is there.
        """
        entry = _Entry.of(step)
        with self._lock:
            self._insert(len(self._entries), entry)

    def insert_before(self, name: str, step: BaseStep[C]) -> None:
        """Add a step before another one; raises as ``register`` does, or

        Raises:
            StepNotFoundError: The other one is not there; offers near names.
        """
        entry = _Entry.of(step)
        with self._lock:
            self._insert(self._place(name), entry)

    def insert_after(self, name: str, step: BaseStep[C]) -> None:
        """Add a step after another one; raises as ``insert_before`` does."""
        entry = _Entry.of(step)
        with self._lock:
            self._insert(self._place(name) + 1, entry)

    def unregister(self, name: str) -> BaseStep[C]:
        """Take a step out and return it.

        Raises:
            StepNotFoundError: It is not there; offers near names.
        """
        with self._lock:
            entry = self._entries.pop(self._place(name))
            self._names.remove(entry.name)
            self._plan = None
            return entry.step

    def get(self, name: str) -> BaseStep[C]:
        """Return a step by its name, or by that of a step inside it.

        Raises:
            StepNotFoundError: It is not there; offers near names.
        """
        with self._lock:
            return self._entries[self._place(name)].step

    def get_steps(self) -> list[BaseStep[C]]:
        """Return the steps in their order, in a list of the caller's own."""
        with self._lock:
            return [entry.step for entry in self._entries]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the steps in their order."""
        return self.plan.names

    @property
    def total_weight(self) -> float:
        """Return the sum of all progress weights."""
        with self._lock:
            return fsum(entry.weight for entry in self._entries)

    @property
    def plan(self) -> StepPlan:
        """Return what an execution that begins now goes through."""
        with self._lock:
            if self._plan is None:
                entries = self._entries
                weights = tuple(one.weight for one in entries)
                done = percents(weights)
                self._plan = StepPlan(
                    tuple((one.step, one.name, percent) for one, percent in zip(entries, done, strict=True)),
                    tuple(one.name for one in entries),
                    tuple(one.name for one in entries if one.is_async),
                    weights,
                )
            return self._plan

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[BaseStep[C]]:
        return iter(self.get_steps())

    def __contains__(self, name: object) -> bool:
        """Tell whether a step has this name of its own."""
        return name in self._names

    def _insert(self, place: int, entry: _Entry[C]) -> None:
        if entry.name in self._names:
            raise StepExistsError(entry.name)
        self._entries.insert(place, entry)
        self._names.add(entry.name)
        self._plan = None

    def _place(self, name: str) -> int:
        """Return where a step is: by its own name, else as the only one around a step of this name."""
        around: list[int] = []
        for place, entry in enumerate(self._entries):
            if entry.name == name:
                return place
            if name in entry.aliases:
                around.append(place)
        if len(around) == 1:
            return around[0]
        if around:
            raise StepNotFoundError(name, tuple(self._entries[place].name for place in around))
        known = tuple(entry.name for entry in self._entries)
        raise StepNotFoundError(name, tuple(get_close_matches(name, known, n=3, cutoff=0.6)), known)
