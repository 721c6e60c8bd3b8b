"""Fixtures for pytest: ``pytest_plugins = ["plugbus.kernel.testing.fixtures"]`` in the ``conftest.py`` at the root."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest

from .unloads import UnloadCheck

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..plugin import Plugin, PluginSource


class ProveUnload(Protocol):
    """What the fixture ``prove_unload`` is."""

    def __call__(
        self,
        plugin: Plugin | PluginSource,
        *,
        config: object = None,
        with_: Iterable[Plugin | PluginSource] = (),
        allow: Iterable[str] = (),
    ) -> UnloadCheck:
        """Load a plugin, and return the check with its kernel."""
        ...


@pytest.fixture
def prove_unload() -> Iterator[ProveUnload]:
    """Return a function that loads a plugin into a kernel of its own; see ``UnloadCheck`` for what it takes.

    What it returns is used in a ``with`` block, at whose end the plugin is unloaded; or without one, and the plugin is
    unloaded when the test is over. The test fails with the report if anything is left.
    """
    with proving() as prove:
        yield prove


@contextmanager
def proving() -> Iterator[ProveUnload]:
    """Give what the fixture ``prove_unload`` is, to a block in the place of a test.

    Raises:
        AssertionError: When the block is over, and something of the only plugin that was not unloaded in it is left.
        ExceptionGroup: The same of several.
    """
    checks: list[UnloadCheck] = []

    def prove(
        plugin: Plugin | PluginSource,
        *,
        config: object = None,
        with_: Iterable[Plugin | PluginSource] = (),
        allow: Iterable[str] = (),
    ) -> UnloadCheck:
        check = UnloadCheck(plugin, config=config, with_=with_, allow=allow)
        checks.append(check)
        return check.load()

    yield prove
    failures: list[Exception] = []
    for check in checks:
        try:
            check.finish()
        except Exception as error:  # noqa: BLE001 - the others are checked too
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise ExceptionGroup("several plugins did not go without a trace", failures)
