"""Put plugins behind what they need: depth first, without recursion, ties as declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Circle(Exception):  # noqa: N818  # a finding that the caller turns into an error
    """Carry the ids that need each other, the first one again at the end."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(path)
        self.path = path


def arrange(roots: Iterable[str], rows: Mapping[str, dict[str, str]]) -> list[str]:
    """Return the ids of ``rows`` that the roots reach, each one after the ids in its row.

    Args:
        roots: Ids in the order that decides between equals.
        rows: Id to a mapping whose values are the ids that go before; ids without a row are left out.

    Raises:
        Circle: Some ids need each other.
    """
    order: list[str] = []
    done: dict[str, bool] = {}  # False while the ids before it are being placed
    stack = [plugin_id for plugin_id in roots if plugin_id in rows]
    stack.reverse()
    while stack:
        plugin_id = stack[-1]
        placed = done.get(plugin_id)
        if placed is None:
            row = rows[plugin_id]
            height = len(stack)
            if row:
                for before in reversed(row.values()):
                    state = done.get(before)
                    if state is None:
                        if before in rows:
                            stack.append(before)
                    elif not state:
                        raise Circle(_circle(before, stack[:height], done))
            if len(stack) > height:
                done[plugin_id] = False
                continue
        stack.pop()
        if not placed:
            done[plugin_id] = True
            order.append(plugin_id)
    return order


def _circle(first: str, stack: Sequence[str], done: Mapping[str, bool]) -> tuple[str, ...]:
    # Copies that wait unopened lie below the opened one: an opened id is never put on the stack again.
    opened = [stack[-1], *dict.fromkeys(before for before in reversed(stack[:-1]) if done.get(before) is False)]
    return (*opened[opened.index(first) :: -1], first)


def arrange_softly(
    roots: Sequence[str],
    rows: Mapping[str, dict[str, str]],
    wishes: Sequence[tuple[str, str, Sequence[str]]],
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Return an order that keeps every row and as many wishes as it can, and the rows with those wishes in them.

    Args:
        roots: Ids in the order that decides between equals.
        rows: As in :func:`arrange`; they hold no circle.
        wishes: ``(id, target, ids to go before, best first)``, in the order in which they are tried. A wish that would
            close a circle falls to its next id, and is dropped after the last one.
    """
    granted = {plugin_id: dict(row) for plugin_id, row in rows.items()}
    for plugin_id, target, ids in wishes:
        granted[plugin_id].setdefault(target, ids[0])
    try:
        return arrange(roots, granted), granted
    except Circle:
        pass
    granted = {plugin_id: dict(row) for plugin_id, row in rows.items()}
    line = _Line(arrange(roots, rows), granted)
    for plugin_id, target, ids in wishes:
        if target not in granted[plugin_id]:
            for before in ids:
                if line.move(before, plugin_id):
                    granted[plugin_id][target] = before
                    break
    return arrange(roots, granted), granted


class _Line:
    """Keep ids in a valid order while edges are added, touching only what lies between the two ends of an edge."""

    def __init__(self, order: list[str], rows: Mapping[str, Mapping[str, str]]) -> None:
        self._order = order
        self._place = {plugin_id: place for place, plugin_id in enumerate(order)}
        self._rows = rows  # read while the caller adds the edges that were accepted

    def move(self, before: str, after: str) -> bool:
        """Put ``before`` in front of ``after``; return False, and change nothing, when it needs ``after``."""
        place = self._place
        if before not in place:
            return True  # it is loaded already
        low, high = place[after], place[before]
        if high < low:
            return True
        # What ``before`` needs and stands behind ``after`` has to move along with it.
        along = {before}
        stack = [before]
        while stack:
            for needed in self._rows[stack.pop()].values():
                if needed == after:
                    return False
                if place.get(needed, -1) > low and needed not in along:
                    along.add(needed)
                    stack.append(needed)
        window = self._order[low : high + 1]
        window = [name for name in window if name in along] + [name for name in window if name not in along]
        self._order[low : high + 1] = window
        for offset, name in enumerate(window):
            place[name] = low + offset
        return True
