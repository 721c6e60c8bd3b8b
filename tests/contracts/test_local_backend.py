"""The backend in one file keeps what backends promise."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from plugbus.capabilities.testing import BackendContract
from plugbus.plugins.local_backend import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class TestLocalBackend(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[LocalBackend]:
        with LocalBackend(tmp_path / "backend.db", is_synced=False) as backend:
            yield backend
            assert backend.check() == ()


class TestLocalBackendThatWasPickled(BackendContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[LocalBackend]:
        with LocalBackend(tmp_path / "backend.db", is_synced=False) as original:
            copy: LocalBackend = pickle.loads(pickle.dumps(original))  # noqa: S301 - made in the line itself
            with copy:
                yield copy
