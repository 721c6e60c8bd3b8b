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


@pytest.mark.parametrize("workers", [1, 2])
class TestProcessExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self, workers: int) -> Iterator[Executor]:
        executor = ProcessExecutor(workers)
        yield executor
        executor.shutdown()
