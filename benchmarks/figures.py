"""The arithmetic of the measurements: ratios of paired samples, and growth with size."""

from __future__ import annotations

from math import log
from statistics import linear_regression, median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def median_of_ratios(samples: Sequence[float], bases: Sequence[float]) -> float:
    """Return the median of ``sample / base``, pair by pair.

    A machine that slows down for a while slows both halves of a pair, so their ratio stays; the ratio of two medians
    would mix halves of different pairs.

    Raises:
        ValueError: The numbers of samples and bases differ, there are none, or a base is not positive.
    """
    if any(base <= 0 for base in bases):
        raise ValueError("cannot compare with a base that took no time; repeat it more often in a sample")
    return median(sample / base for sample, base in zip(samples, bases, strict=True))


def growth_exponent(sizes: Sequence[float], totals: Sequence[float]) -> float:
    """Return ``p`` of ``total ~ size ** p``, by least squares on the logarithms: 1 is linear, 2 quadratic.

    Raises:
        ValueError: There are fewer than two different sizes, or something is not positive.
    """
    if len(set(sizes)) < 2:
        raise ValueError("cannot tell growth from fewer than two sizes")
    return linear_regression([log(one) for one in sizes], [log(one) for one in totals]).slope
