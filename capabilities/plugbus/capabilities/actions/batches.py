"""Work that is done for several items in one call, and for each alone where that fails."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from .parallel import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

T = TypeVar("T")
R = TypeVar("R")


def windows(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items as lists of ``size``, the last one maybe shorter, asking for no more of them at a time."""
    source = iter(items)
    while window := list(islice(source, size)):
        yield window


def each_or_all(
    work: Callable[[Sequence[T]], Sequence[R]], items: Sequence[T], on: tuple[type[Exception], ...] = (Exception,)
) -> Iterator[Outcome[T, R]]:
    """Do work for all items in one call; where that is refused, for each alone, so that one does not stop the others.

    Args:
        work: Returns one value for each item, in their order; a call that raises has done nothing.
        items: For one call.
        on: What it raises where an item is to blame; anything else ends the iteration.

    Raises:
        ValueError: It returned another number of values, for one item alone.
    """
    try:
        values = work(items)
        if len(values) == len(items):
            yield from [Outcome(item, value) for item, value in zip(items, values, strict=True)]
            return
        refusal: Exception = ValueError(f"{len(values)} values came for {len(items)} items")
        if ValueError not in on and Exception not in on:
            raise refusal
    except on as error:
        refusal = error
    if len(items) == 1:
        yield Outcome(items[0], None, refusal)
        return
    for item in items:
        yield from each_or_all(work, [item], on)
