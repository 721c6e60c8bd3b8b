"""Fixtures for pytest: ``pytest_plugins = ["plugbus.loaders.testing.fixtures"]`` in the ``conftest.py`` at the root."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from ..directory import DirectoryLoader

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from plugbus.kernel import Kernel, Plugin, PluginSource, UnloadProof

pytest_plugins = ["plugbus.kernel.testing.fixtures"]


class ProvenFolder(Protocol):
    """A plugin folder that is loaded: an ``UnloadCheck`` of ``plugbus.kernel.testing``."""

    kernel: Kernel
    plugin_id: str

    def unload(self) -> UnloadProof:
        """Unload the plugin, and return the proof."""
        ...

    def __enter__(self) -> ProvenFolder: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class ProveFolderUnload(Protocol):
    """What the fixture ``prove_folder_unload`` is."""

    def __call__(
        self,
        folder: str | Path,
        *,
        config: object = None,
        with_: Iterable[Plugin | PluginSource | str | Path] = (),
        allow: Iterable[str] = (),
    ) -> ProvenFolder:
        """Load a plugin folder, and return the check with its kernel."""
        ...


@pytest.fixture
def prove_folder_unload(prove_unload: Any) -> ProveFolderUnload:
    """Return a function that loads a plugin folder, as ``prove_unload`` does a plugin; ``with_`` takes folders too."""

    def prove(
        folder: str | Path,
        *,
        config: object = None,
        with_: Iterable[Plugin | PluginSource | str | Path] = (),
        allow: Iterable[str] = (),
    ) -> ProvenFolder:
        loader = DirectoryLoader()
        others = [loader.read(one) if isinstance(one, (str, os.PathLike)) else one for one in with_]
        found: ProvenFolder = prove_unload(loader.read(folder), config=config, with_=others, allow=allow)
        return found

    return prove
