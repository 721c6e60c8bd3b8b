"""Steps as capabilities: how a plugin contributes a step to another one's workflow."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from plugbus.kernel import Capability

from .errors import StepCycleError, StepExistsError, StepNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .step import BaseStep

T = TypeVar("T")

STEP: Final = "step"
"""The name of the capability; its qualifier is the workflow's id."""


@dataclass(frozen=True, slots=True)
class StepContribution:
    """A step for another plugin's workflow, and where it is to stand.

    With neither ``before`` nor ``after`` it stands at the end. It stands as near as it can to what it names.

    Args:
        step: The step.
        before: The names of steps that come after it; one name may be given as text.
        after: The names of steps that come before it; one name may be given as text.
    """

    step: BaseStep[Any]
    before: str | tuple[str, ...] = ()
    after: str | tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("before", "after"):
            given = getattr(self, name)
            object.__setattr__(self, name, (given,) if isinstance(given, str) else tuple(given))


class ContributionSource(Protocol):
    """Where contributions are found: a ``PluginContext``, or a ``ServiceLocator``."""

    def all(self, capability: Capability[T], /) -> tuple[T, ...]:
        """Return everything that is provided under a capability."""
        ...


def Step(workflow: str) -> Capability[StepContribution]:  # noqa: N802 - a kind of capability, spelled as one
    """Return the capability under which steps are contributed to a workflow: ``Step("pictures.upload")``.

    By convention the id is that of the plugin with the workflow, a dot, and the workflow.
    """
    return Capability(STEP, contract=StepContribution, qualifier=workflow)


def merged(
    workflow: str, own: Sequence[BaseStep[Any]], contributed: Iterable[StepContribution]
) -> tuple[BaseStep[Any], ...]:
    """Return a workflow's own steps in their order, with the contributed ones where they are to stand.

    The gaps between the own steps are numbered: own step ``i`` has place ``2 i + 1``, what follows it ``2 i + 2``. What
    is after something stands in the gap behind it, what is only before something in the gap ahead of it. So places
    never fall along what has to come first, and steps in one gap keep the order in which they were contributed.

    Raises:
        StepNotFoundError: A step is to stand beside one that is not there; offers near names.
        StepExistsError: Two steps have one name.
        StepCycleError: Steps are to stand before each other in a circle.
    """
    offers = tuple(contributed)
    steps = [*own, *(one.step for one in offers)]
    first = _edges([one.name for one in steps], _names(steps), len(own), offers)
    later: dict[int, list[int]] = defaultdict(list)
    for step, earlier in first.items():
        for one in earlier:
            later[one].append(step)
    try:
        ordered = tuple(TopologicalSorter(first).static_order())
    except CycleError as error:
        circle = tuple(steps[one].name for one in error.args[1])
        raise StepCycleError(workflow, circle) from None
    places = _places(ordered, first, later, len(own))
    waiting = {step: len(earlier) for step, earlier in first.items()}
    ready = [(places[step], step) for step, count in waiting.items() if count == 0]
    heapify(ready)
    found: list[BaseStep[Any]] = []
    while ready:
        _, step = heappop(ready)
        found.append(steps[step])
        for one in later[step]:
            waiting[one] -= 1
            if waiting[one] == 0:
                heappush(ready, (places[one], one))
    return tuple(found)


def _names(steps: Sequence[BaseStep[Any]]) -> dict[str, int | None]:
    """Map every name to its step; None where several steps are around one of this name, and none has it as its own."""
    found: dict[str, int | None] = {}
    for number, step in enumerate(steps):
        if step.name in found:
            raise StepExistsError(step.name)
        found[step.name] = number
    own = set(found)
    for number, step in enumerate(steps):
        for alias in set(step.aliases) - own:
            found[alias] = None if alias in found else number
    return found


def _edges(
    names: Sequence[str], numbers: dict[str, int | None], own: int, offers: Sequence[StepContribution]
) -> dict[int, set[int]]:
    """Return for each step the steps that come before it."""
    first: dict[int, set[int]] = {number: {number - 1} if 0 < number < own else set() for number in range(len(names))}
    for number, offer in enumerate(offers, own):
        for anchor in (*offer.before, *offer.after):
            other = numbers.get(anchor)
            if other is None:
                near = tuple(get_close_matches(anchor, names, n=3, cutoff=0.6))
                raise StepNotFoundError(anchor, near, tuple(names), names[number])
            if anchor in offer.before:
                first[other].add(number)
            if anchor in offer.after:
                first[number].add(other)
    return first


def _places(
    ordered: Sequence[int], first: dict[int, set[int]], later: dict[int, list[int]], own: int
) -> dict[int, int]:
    behind: dict[int, int] = {}
    for step in ordered:
        if step < own:
            behind[step] = 2 * step + 1
        elif lows := [behind[one] for one in first[step] if one in behind]:
            # An own step's place is odd, and the gap behind it is even; a contributed one's gap is shared.
            behind[step] = max(low + low % 2 for low in lows)
    places: dict[int, int] = {}
    for step in reversed(ordered):
        highs = [places[one] - places[one] % 2 for one in later[step]]
        places[step] = behind[step] if step in behind else min(highs, default=2 * own)
    return places
