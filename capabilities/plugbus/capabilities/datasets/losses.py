"""Losses: what a conversion drops, said before and counted after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_PLACES: Final = 10


@dataclass(frozen=True, slots=True)
class Loss:
    """One kind of thing that a converter drops.

    Args:
        name: What is dropped, as one word or two: ``attributes``.
        reason: Why, for people.
        weight: How bad it is, at least 0: the way with the lowest sum of weights is taken. 1 is what few people miss,
            5 is the shape of an object.
    """

    name: str
    reason: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class LossCount:
    """What was dropped of one kind.

    Args:
        loss: The kind.
        count: How often.
        places: Where, the first ten: names of images, with the number of the object (from 0 on) after a ``#``.
    """

    loss: Loss
    count: int
    places: tuple[str, ...]

    def __str__(self) -> str:
        more = ", ..." if self.count > len(self.places) else ""
        return f"{self.loss.name}: {self.count} ({', '.join(self.places)}{more}): {self.loss.reason}"


class LossTally:
    """Count losses; memory does not grow with their number."""

    __slots__ = ("_counts", "_places")

    def __init__(self) -> None:
        self._counts: dict[Loss, int] = {}
        self._places: dict[Loss, list[str]] = {}

    def add(self, loss: Loss, place: str, count: int = 1) -> None:
        """Count what was dropped at a place."""
        self._counts[loss] = self._counts.get(loss, 0) + count
        places = self._places.setdefault(loss, [])
        if len(places) < _PLACES:
            places.append(place)

    @property
    def counts(self) -> tuple[LossCount, ...]:
        """Return what was counted, sorted by the name of the loss."""
        found = (LossCount(loss, count, tuple(self._places[loss])) for loss, count in self._counts.items())
        return tuple(sorted(found, key=lambda one: (one.loss.name, one.loss.reason)))
