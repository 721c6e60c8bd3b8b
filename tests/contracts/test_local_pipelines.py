"""The executor of pipelines of this machine against what every such executor has to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugbus.capabilities.testing import PipelineExecutorContract
from plugbus.plugins.local_executor import LocalExecutor, LocalPipelineExecutor, ProcessExecutor, ThreadExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugbus.capabilities import Executor, PipelineExecutor


@pytest.mark.parametrize("kind", ["none", "inline", "threads", "processes"])
class TestLocalPipelineExecutor(PipelineExecutorContract):
    @pytest.fixture
    def executor(self, kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PipelineExecutor]:
        folder: Path = tmp_path_factory.mktemp("pipelines")
        carrier: Executor | None = None
        if kind == "inline":
            carrier = LocalExecutor()
        elif kind != "none":
            carrier = ThreadExecutor(4) if kind == "threads" else ProcessExecutor(2)
        executor = LocalPipelineExecutor(carrier, base_path=folder)
        yield executor
        executor.shutdown()
        if carrier is not None:
            carrier.shutdown()
