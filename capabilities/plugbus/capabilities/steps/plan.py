"""The steps of one execution, in order, with the progress that each of them completes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .step import BaseStep

# A sum such as 0.1 + 0.2 + 0.7 may end a little below what it should be; a whole percent is not lost to that.
_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What an execution goes through; later changes of the registry do not reach it.

    Args:
        rows: Each step, its name, and how much is done after it, in whole percent.
        names: The names alone.
        async_names: The names of the steps that need an event loop.
        weights: How much each step is of the whole, as numbers that count by their shares of their sum.
    """

    rows: tuple[tuple[BaseStep[Any], str, int], ...]
    names: tuple[str, ...]
    async_names: tuple[str, ...]
    weights: tuple[float, ...] = ()


def percents(weights: Sequence[float]) -> tuple[int, ...]:
    """Return how much is done after each step, in whole percent: never less than before it, and 100 after the last.

    Weights count by their shares of their sum. Where all are 0, all steps count the same.
    """
    largest = max(weights, default=0.0)
    # Shares of the largest weight: the sum of weights near the largest number there is would be infinite.
    shares = [one / largest for one in weights] if largest > 0 else [1.0] * len(weights)
    total = sum(shares)
    done = 0.0
    found: list[int] = []
    for share in shares:
        done += share
        found.append(min(100, int(100 * done / total + _TOLERANCE)))
    return (*found[:-1], 100) if found else ()
