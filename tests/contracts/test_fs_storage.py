"""Storages of several kinds keep what storages promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')

from plugbus.capabilities.testing import StorageContract
from plugbus.plugins.fs_storage import FsStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestLocalFolder(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> FsStorage:
        return FsStorage(str(tmp_path / "root" / "folder"))


class TestLocalFolderWithBlanks(StorageContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> FsStorage:
        return FsStorage(f"file://{tmp_path.as_posix()}/größe 50%/#1/")


class TestMemory(StorageContract):
    @pytest.fixture
    def storage(self) -> Iterator[FsStorage]:
        from fsspec.implementations.memory import MemoryFileSystem

        MemoryFileSystem.store.clear()
        yield FsStorage("memory://some/root")
        MemoryFileSystem.store.clear()
        MemoryFileSystem.pseudo_dirs[:] = [""]
