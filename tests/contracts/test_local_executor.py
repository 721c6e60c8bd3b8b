"""The in-process executor against what every executor has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugbus.capabilities.testing import ExecutorContract
from plugbus.plugins.local_executor import LocalExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugbus.capabilities import Executor


class TestLocalExecutor(ExecutorContract):
    @pytest.fixture
    def executor(self) -> Iterator[Executor]:
        executor = LocalExecutor()
        yield executor
        executor.shutdown()
