"""What the tests of the kernel share: two calls in two threads, one run in the midst of the other at every line."""

from __future__ import annotations

import sys
import threading
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

import plugbus.kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

T = TypeVar("T")

SOURCES = frozenset(str(path) for path in Path(plugbus.kernel.__file__).parent.glob("*.py"))


@pytest.fixture
def interleavings() -> Callable[..., Iterator[Any]]:
    """Return ``interleave_at_every_line``."""
    return interleave_at_every_line


def interleave_at_every_line(
    make: Callable[[], T], first: Callable[[T], object], second: Callable[[T], object]
) -> Iterator[T]:
    """Yield what ``make`` made after both calls, once for each line before which the second came into the first.

    Each time ``first`` runs in a thread of its own and is stopped before its next line in the kernel's files. Then
    ``second`` runs in another thread, to its end or to where it waits for a lock, and both go on.
    """
    for place in count():
        state = make()
        was_reached = _interleave(place, partial(first, state), partial(second, state))
        yield state
        if not was_reached:
            assert place > 0, "the first call runs no line of the kernel"
            return


def _interleave(place: int, first: Callable[[], object], second: Callable[[], object]) -> bool:
    other = threading.Thread(target=second)
    lines = 0

    def on_line(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal lines
        if frame.f_code.co_filename not in SOURCES:
            return None
        if event == "line":
            lines += 1
            if lines == place + 1:
                other.start()
                _wait_until_it_waits(other)
        return on_line

    def traced() -> None:
        sys.settrace(on_line)
        try:
            first()
        finally:
            sys.settrace(None)

    one = threading.Thread(target=traced)
    one.start()
    one.join()
    if lines <= place:
        other.start()
    other.join()
    return lines > place


def _wait_until_it_waits(thread: threading.Thread) -> None:
    """Return when the thread has ended, or stays at one place of the kernel: there it waits for a lock."""
    place, times = None, 0
    while thread.is_alive() and times < 50:
        time.sleep(0)
        frame = sys._current_frames().get(thread.ident or 0)
        here = None if frame is None else (frame.f_code, frame.f_lasti)
        while frame is not None and frame.f_code.co_filename == threading.__file__:
            frame = frame.f_back  # waiting for an event is waiting inside the kernel, too
        is_inside = frame is not None and frame.f_code.co_filename in SOURCES
        times = times + 1 if is_inside and here == place else 0
        place = here
