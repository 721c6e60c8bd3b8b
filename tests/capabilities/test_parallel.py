"""The same work on many items: order, bounds, failures, and an end before all is done."""

from __future__ import annotations

import gc
import threading
from contextvars import ContextVar
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugbus.capabilities.actions.parallel import in_parallel

if TYPE_CHECKING:
    from collections.abc import Iterator


@given(items=st.lists(st.integers(), max_size=40), workers=st.integers(1, 5))
@settings(deadline=None, max_examples=30)
def test_outcomes_come_in_the_order_of_the_items_failures_among_them(items: list[int], workers: int) -> None:
    def work(item: int) -> int:
        if item % 3 == 0:
            raise ValueError(str(item))
        return item * 2

    outcomes = list(in_parallel(work, items, workers=workers))
    assert [one.item for one in outcomes] == items
    assert [one.value for one in outcomes] == [None if item % 3 == 0 else item * 2 for item in items]
    assert [str(one.error) for one in outcomes if one.error] == [str(item) for item in items if item % 3 == 0]


def test_items_are_taken_no_further_ahead_than_twice_the_threads() -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        for number in count():
            taken.append(number)
            yield number

    outcomes = in_parallel(lambda item: item, endless(), workers=3)
    for expected in range(20):
        assert next(outcomes).item == expected
        assert len(taken) <= expected + 1 + 6
    outcomes.close()  # type: ignore[attr-defined] # it is a generator


def test_as_many_threads_work_at_once_as_are_wanted_and_no_more() -> None:
    together = threading.Barrier(3)
    lock, now, most = threading.Lock(), 0, 0

    def work(item: int) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(30)
        with lock:
            now -= 1

    assert all(one.error is None for one in in_parallel(work, range(9), workers=3))
    assert most == 3


def test_no_thread_is_left_when_the_caller_stops_early() -> None:
    before = threading.active_count()
    outcomes = in_parallel(lambda item: item, count(), workers=4)
    assert [next(outcomes).item for _ in range(5)] == [0, 1, 2, 3, 4]
    assert threading.active_count() > before
    del outcomes
    gc.collect()
    assert threading.active_count() == before


def test_what_the_check_raises_ends_the_work() -> None:
    done: list[int] = []

    def check() -> None:
        if len(done) >= 4:
            raise InterruptedError("stop")

    with pytest.raises(InterruptedError):
        list(in_parallel(done.append, count(), workers=1, check=check))
    assert len(done) <= 6


def test_an_interrupt_in_the_work_is_no_failure_of_one_item() -> None:
    def work(item: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(in_parallel(work, range(5), workers=2))


def test_a_failure_of_what_gives_the_items_is_raised() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        list(in_parallel(lambda item: item, items(), workers=2))


def test_the_work_sees_the_callers_context_variables() -> None:
    variable: ContextVar[str] = ContextVar("variable", default="none")
    variable.set("mine")
    assert [one.value for one in in_parallel(lambda _: variable.get(), range(3), workers=2)] == ["mine"] * 3
