"""What the tests of specialised actions share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .world import World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a platform of the test's own."""
    pytest.importorskip("fsspec", reason='needs fsspec: pip install "plugbus[storage]"')
    made = World(tmp_path)
    yield made
    made.close()
