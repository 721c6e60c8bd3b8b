"""An action in another process uses the backend and the storage of plugins that this host loaded from folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')

from pathlib import Path

from pydantic import BaseModel

import plugbus.plugins
from plugbus.capabilities import BACKEND, STORAGE, ActionCall, BaseAction, DatasetDraft, DataUnitDraft
from plugbus.kernel import Kernel
from plugbus.loaders import DirectoryLoader
from plugbus.plugins.local_executor import ProcessExecutor

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPPED = Path(next(iter(plugbus.plugins.__path__)))


class ImportParams(BaseModel):
    name: str


class Import(BaseAction[ImportParams]):
    def execute(self) -> int:
        backend, storage = self.ctx.current_backend, self.ctx.current_storage
        with storage.open("cat.jpg", "wb") as file:
            file.write(b"cat")
        dataset = backend.create_dataset(DatasetDraft(name=self.params.name))
        backend.create_data_units(dataset.id, [DataUnitDraft(name=storage.uri("cat.jpg"))])
        return dataset.id


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    monkeypatch.setenv("PLUGBUS_ARTIFACT_ROOT", str(tmp_path))
    with Kernel() as kernel:
        for name in ("local_backend", "fs_storage"):
            kernel.register(DirectoryLoader().read(SHIPPED / name))
        kernel.load_all()
        yield kernel


def test_what_it_writes_is_seen_here(kernel: Kernel) -> None:
    backend, storage = kernel.services.get(BACKEND), kernel.services.get(STORAGE)
    assert type(backend).__module__.startswith("plugbus_plugin_"), "its package has a private name"
    executor = ProcessExecutor(1)
    try:
        call = ActionCall(Import, {"name": "cats"}, client=backend, storage=storage)
        dataset = executor.submit(call).result(60)
    finally:
        executor.shutdown()
    (unit,) = backend.data_units(dataset)
    with storage.open(unit.name) as file:
        assert file.read() == b"cat"
