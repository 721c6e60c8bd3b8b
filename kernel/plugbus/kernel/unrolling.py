"""Calling many subscribers: one call after the other, written out, in place of a loop."""

from __future__ import annotations

from functools import lru_cache
from types import CellType, CodeType, FunctionType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType
    from typing import TypeAlias

    Call: TypeAlias = Callable[[Any], object]

STEP = 8
LONGEST = 128


class Unrolled:
    """A function that calls a few callables with the event, each in a line of its own.

    Each call is a place of its own in the code, which the interpreter adapts to what is called there; in a loop all of
    them share one. At 100 subscribers that takes a third off. What one raises goes through: ``place_of`` tells from
    the traceback who it was, so that a ``try`` for each costs nothing.

    Attributes:
        call: The function.
        count: How many it calls.
    """

    __slots__ = ("call", "count")

    def __init__(self, calls: Sequence[Call]) -> None:
        self.count = len(calls)
        # The code is copied: what the interpreter learned about it is kept in the code.
        self.call = FunctionType(
            _code_for(self.count).replace(), {}, "unrolled", None, tuple(CellType(one) for one in calls)
        )

    def replace(self, place: int, call: Call) -> None:
        """Call another one at a place, also in what goes on now."""
        cells = self.call.__closure__ or ()
        cells[place].cell_contents = call

    def place_of(self, trace: TracebackType | None) -> int:
        """Return the place of the callable from which an exception came, -1 where none was called yet.

        Args:
            trace: What follows the frame that called the function in the traceback.
        """
        code = self.call.__code__
        is_inside = trace is not None and trace.tb_frame.f_code is code
        return trace.tb_lineno - code.co_firstlineno - 1 if trace is not None and is_inside else -1


def unroll(calls: Sequence[Call]) -> Iterator[Unrolled]:
    """Yield functions that together call as many of the first callables as is worth it, in order.

    Their sizes are multiples of 8 up to 128: code for one that was not seen yet takes 4 µs a call to compile.
    """
    begin = 0
    while (count := min(LONGEST, (len(calls) - begin) // STEP * STEP)) > 0:
        yield Unrolled(calls[begin : begin + count])
        begin += count


@lru_cache(maxsize=LONGEST // STEP)
def _code_for(count: int) -> CodeType:
    # The cells of a function are in the order of their names.
    names = [f"call_{place:03d}" for place in range(count)]
    lines = [f"def outer({', '.join(names)}):", " def unrolled(event):", *(f"  {name}(event)" for name in names)]
    lines.append(" return unrolled")
    code = compile("\n".join(lines), "<unrolled delivery>", "exec")
    for _ in range(2):
        code = next(one for one in code.co_consts if isinstance(one, CodeType))
    return code
