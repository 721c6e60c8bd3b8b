"""The executors with threads and processes against what every executor has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugbus.capabilities.testing import ExecutorContract
from plugbus.plugins.local_executor import ProcessExecutor, ThreadExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.capabilities import Executor


@pytest.mark.parametrize("workers", [1, 3])
class TestThreadExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, workers: int) -> Iterator[Executor]:
        executor = ThreadExecutor(workers)
        yield executor
        executor.shutdown()


class TestProcessExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        executor = ProcessExecutor(2)
        yield executor
        executor.shutdown()


def test_a_single_process_keeps_the_order() -> None:
    # The only promise that a single one makes besides: processes take long to start, and the rest is the same.
    executor = ProcessExecutor(1)
    try:
        assert executor.traits.is_ordered
        TestProcessExecutor().test_ordered_means_started_in_the_order_of_submission(executor)
    finally:
        executor.shutdown()
